"""How many threads an operation gets; the policy and XLA are tested in test_networks.py."""

import pytest
import tensorflow as tf

from keras_gan.distribute import precision


@pytest.mark.parametrize(
    "cores, gpus, expected",
    [(1, [], 0), (2, [], 1), (4, [], 0), (16, [], 0), (2, ["GPU:0"], 0)],
)
def test_only_two_cores_without_a_gpu_split_the_work_by_operations(monkeypatch, cores, gpus, expected):
    monkeypatch.setattr(precision, "cores", lambda: cores)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    count, why = precision.threads()
    assert count == expected and why


def test_the_choice_reaches_tensorflow_in_a_fresh_process_and_is_harmless_later(forked, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import tensorflow as tf\n"
        "from keras_gan.distribute import precision\n"
        "precision.cores = lambda: 2\n"
        "precision.use_threads()\n"
        "tf.constant(1) + 1\n"
        "precision.use_threads()\n"
        "print(tf.config.threading.get_intra_op_parallelism_threads(),"
        " tf.config.threading.get_inter_op_parallelism_threads())\n"
    )
    out, err = forked(script).communicate(timeout=300)
    expected = "0 0" if tf.config.list_physical_devices("GPU") else "1 2"
    assert out.strip() == expected, err
