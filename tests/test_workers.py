"""Several worker processes on this machine, as a cluster's scheduler starts them; this file is their program, too."""

import json
import signal
import socket
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from keras_gan.runs import Run, checkpoints, step_of

KGAN = Path(sys.executable).with_name("kgan")
PATIENCE_S = 150


def play(name, out):
    """What a user writes for several machines: a few steps by SGD, the weights to `out`."""
    import keras

    from keras_gan import GAN, data, distribute

    strategy = distribute.strategy(name)
    keras.utils.set_random_seed(1)
    with strategy.scope():
        z, image = keras.Input((4,)), keras.Input((8, 8, 1))
        x = keras.layers.BatchNormalization(synchronized=True)(keras.layers.Dense(64)(z))
        x = keras.layers.Reshape((8, 8, 1))(keras.layers.Activation("tanh")(x))
        y = keras.layers.LeakyReLU(0.2)(keras.layers.Conv2D(2, 3, strides=2)(image))
        networks = keras.Model(z, x), keras.Model(image, keras.layers.Dense(1)(keras.layers.Flatten()(y)))
        gan = GAN(*networks, ema_half_life_images=100, seed=3)
        rates = (keras.optimizers.SGD(rate, momentum=0.5) for rate in (0.1, 0.2))
        several = 3 if name == "multiworker" else 1  # steps in one call, which change nothing
        gan.compile(*rates, "relativistic", {"r1": "auto", "r2": "auto"}, 2, steps_per_execution=several)
    images = data.distributed_batches(strategy, data.open_source("digits"), 24, seed=0)
    history = gan.fit(images, steps_per_epoch=6, shuffle=False, verbose=0).history
    assert gan.step == 6
    weights = {str(i): weight for i, weight in enumerate(gan.get_weights())}
    np.savez(out, **weights, logs=np.array([history[name][0] for name in sorted(history)]))


@pytest.fixture
def cluster(forked):
    """A function that starts the same words as n workers; what still runs at the end is killed."""

    def start(n, words, ports=None):
        ports = ports or free_ports(n)
        hosts = [f"localhost:{port}" for port in ports]
        return [forked(*words(index), environment=task(hosts, index)) for index in range(n)], ports

    return start


def task(hosts, index):
    """The environment of a worker."""
    return {"TF_CONFIG": json.dumps({"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}})}


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for one in sockets:
        one.bind(("localhost", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def ended(processes):
    """Exit statuses and standard errors."""
    stderr = [process.communicate(timeout=PATIENCE_S)[1] for process in processes]
    return [process.returncode for process in processes], stderr


@pytest.mark.long
def test_three_workers_end_with_the_weights_of_one_process_on_the_global_batch(cluster, tmp_path):
    processes, _ = cluster(3, lambda i: [__file__, "multiworker", tmp_path / f"{i}.npz"])
    statuses, stderr = ended(processes)
    assert statuses == [0] * 3, stderr
    play("auto", tmp_path / "one.npz")
    one = dict(np.load(tmp_path / "one.npz"))
    first, *others = (dict(np.load(tmp_path / f"{i}.npz")) for i in range(3))
    for name, array in first.items():
        for other in others:
            np.testing.assert_array_equal(other[name], array)
        np.testing.assert_allclose(array, one[name], rtol=1e-6, atol=1e-6)


@pytest.mark.long
def test_a_job_ends_where_it_would_have_though_a_worker_was_told_to_end_and_another_time_killed(cluster, tmp_path):
    def kgan(name, *options):
        words = [KGAN, "train", "digits", "--preset", "lean", "--batch-size", "4", "--steps", "60", "--deterministic"]
        return lambda index: [*words, "--run", tmp_path / name, "--strategy", "multiworker", *options]

    whole, _ = cluster(2, kgan("whole"))
    statuses, stderr = ended(whole)
    assert statuses == [0, 0], stderr

    run_dir = tmp_path / "parts"
    workers, ports = cluster(2, kgan("parts", "--checkpoint-every", "1000"))
    wait_for_row(run_dir, workers)
    workers[1].send_signal(signal.SIGTERM)
    statuses, stderr = ended(workers)
    assert statuses == [143, 143], stderr
    (first,) = Run(run_dir).checkpoints()
    assert "stopped at step" in stderr[0] and 0 < step_of(first) < 60

    workers, _ = cluster(2, kgan("parts", "--checkpoint-every", "0"), ports)
    while len(Run(run_dir).checkpoints()) < 2:
        assert workers[0].poll() is None
        time.sleep(0.01)
    workers[1].send_signal(signal.SIGKILL)
    statuses, stderr = ended(workers)
    assert statuses == [138, -signal.SIGKILL], stderr
    assert "another worker was lost" in stderr[0].splitlines()[-1] and "Traceback" not in stderr[0]

    statuses, stderr = ended(cluster(2, kgan("parts"), ports)[0])
    assert statuses == [0, 0], stderr
    found, wanted = (
        checkpoints.read(tmp_path / name / "checkpoints" / "step_0000060.npz") for name in ("parts", "whole")
    )
    for name in set(wanted) - {"beside/seconds"}:
        np.testing.assert_array_equal(found[name], wanted[name], err_msg=name, strict=True)
    assert Run(run_dir).history()["step"].tolist() == Run(tmp_path / "whole").history()["step"].tolist()
    np.testing.assert_array_equal(Run(run_dir).history()["d_loss"], Run(tmp_path / "whole").history()["d_loss"])


def wait_for_row(run_dir, workers):
    until = time.monotonic() + PATIENCE_S
    while not (run_dir / "history.csv").exists():
        assert all(worker.poll() is None for worker in workers) and time.monotonic() < until
        time.sleep(0.01)


if __name__ == "__main__":
    play(*sys.argv[1:])
