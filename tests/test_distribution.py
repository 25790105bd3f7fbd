"""Which strategy a name means, the shares of the data, and runs that change their number of replicas."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_gan import data, distribute, training
from keras_gan._utils.errors import InputError
from keras_gan.distribute import strategies
from keras_gan.runs import Run

KGAN = Path(sys.executable).with_name("kgan")


def test_auto_is_no_strategy_where_there_is_one_device():
    assert distribute.strategy() is tf.distribute.get_strategy()
    assert distribute.is_chief(distribute.strategy())


def test_mirrored_divides_the_cpu_into_the_number_of_replicas():
    strategy = distribute.strategy("mirrored", 2)
    assert strategy.num_replicas_in_sync == 2 and distribute.is_chief(strategy)
    assert not distribute.several_processes(strategy)


@pytest.mark.parametrize(
    "name, count, message",
    [
        ("mirored", None, "unknown strategy 'mirored'; expected one of auto, mirrored, multiworker"),
        ("auto", 2, "2 replicas with strategy auto; expected .*--strategy mirrored"),
        ("mirrored", 0, "0 replicas on a CPU; expected 1 to 64"),
        ("mirrored", 3, "TensorFlow has started"),
        ("multiworker", None, "description of a cluster; expected TF_CONFIG"),
        ("tpu", None, "unknown strategy 'tpu'; expected one of auto, mirrored, multiworker"),
    ],
)
def test_wrong_names_and_counts_raise(monkeypatch, name, count, message):
    for variable in (strategies.TF_CONFIG, *strategies.SLURM):
        monkeypatch.delenv(variable, raising=False)
    tf.constant(0)  # TensorFlow has started
    with pytest.raises(InputError, match=message):
        distribute.strategy(name, count)


@pytest.mark.parametrize(
    "described",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"cluster": {}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["localhost:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["localhost:1"]}, "task": {"type": "chief", "index": 0}}',
        '{"cluster": {"worker": "localhost:1"}}',
    ],
)
def test_an_unreadable_cluster_raises_with_an_example(monkeypatch, described):
    monkeypatch.setenv(strategies.TF_CONFIG, described)
    with pytest.raises(InputError, match='TF_CONFIG cannot be read .*; expected {"cluster": {"worker": '):
        distribute.strategy("multiworker")


def test_a_single_process_exchanges_nothing():
    alone = distribute.strategy()
    assert distribute.agree(alone, True, 3) and not distribute.agree(alone, False, 10)
    arrays = {"a": np.ones(2)}
    assert distribute.from_chief(alone, arrays, arrays) is arrays
    assert distribute.from_chief(alone, None, arrays) is None


# shares of the data


@pytest.mark.parametrize("labels", [False, True])
def test_the_shares_are_the_batch(labels):
    digits = data.open_source("digits")
    whole = list(data.batches(digits, 12, seed=5, first_step=148, labels=labels).take(4))  # on into the next epoch
    first = list(data.batches(digits, 12, 5, 148, labels=labels, shares=3, mine=range(0, 2)).take(8))
    last = list(data.batches(digits, 12, 5, 148, labels=labels, shares=3, mine=range(2, 3)).take(4))
    for step in range(4):
        parts = [*first[2 * step : 2 * step + 2], last[step]]
        for number in range(2 if labels else 1):
            together = np.concatenate([part[number] if labels else part for part in parts])
            np.testing.assert_array_equal(together, whole[step][number] if labels else whole[step])


def test_a_worker_reads_only_its_own_share():
    def read(share):
        seen = []

        def fetch(indices):
            seen.append(len(indices))
            return np.repeat(indices.astype("uint8"), 4).reshape(-1, 4)

        source = data.Source("numbers", (4,), 120, fetch)
        batches = data.batches(source, 12, seed=5, shares=3, mine=range(share, share + 1)).take(10)
        del seen[:]  # rows that were read for the dtype
        got = np.concatenate([np.rint((batch[:, 0] + 1) * 127.5) for batch in batches])
        assert set(seen) == {4}
        return got.astype(int).tolist()

    # An epoch has 10 steps, and reads each of the 120 once.
    assert sorted(read(0) + read(1) + read(2)) == list(range(120))


# runs


def prepared(run_dir, steps, strategy=None):
    config = training.configure("digits", "lean", steps=steps, batch_size=8, latent_dim=4)
    return training.prepare(config, run_dir, strategy=strategy)


@pytest.mark.long
def test_a_run_goes_on_with_another_number_of_replicas(two_replicas, tmp_path):
    run_dir = tmp_path / "run"
    two = prepared(run_dir, 10, two_replicas).train()
    before = [variable.numpy() for variable in two.generator_optimizer.variables]
    one = prepared(run_dir, 10)
    assert one.train().step == 10
    for mine, its in zip(one.gan.generator_optimizer.variables, before, strict=True):
        np.testing.assert_array_equal(mine.numpy(), its)
    assert prepared(run_dir, 20).train().step == 20
    assert prepared(run_dir, 30, two_replicas).train().step == 30
    history = Run(run_dir).history()
    assert history["step"].tolist() == [10, 20, 30] and all(np.isfinite(c).all() for c in history.values())


def test_replicas_that_do_not_divide_the_batch_raise_with_a_batch_size_that_works(two_replicas, tmp_path):
    config = training.configure("digits", batch_size=6, pack=2)
    with pytest.raises(InputError, match="batch size 6 for 2 replicas with packs of 2; .*--batch-size 8"):
        training.prepare(config, tmp_path / "run", strategy=two_replicas)


@pytest.mark.long
def test_the_command_trains_on_two_replicas_of_the_cpu(tmp_path, forked):
    words = ["train", "digits", "--preset", "lean", "--batch-size", "8", "--steps", "10", "--run", tmp_path / "run"]
    words += ["--strategy", "mirrored", "--replicas", "2"]
    done = forked(KGAN, *words)
    _, stderr = done.communicate()
    assert done.returncode == 0 and "Traceback" not in stderr, stderr
    assert "2 replicas, each with 4 images" in stderr
    assert not [line for line in stderr.splitlines() if "WARNING" in line or "INFO" in line]
    assert json.loads((tmp_path / "run" / "config.json").read_text())["config"]["batch_size"] == 8
