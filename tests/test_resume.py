"""Runs in real processes that are killed, terminated, out of space or damaged, and end as if nothing had happened."""

import io
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from keras_gan._utils import files
from keras_gan.runs import Run, checkpoints
from keras_gan.runs.folder import step_of
from keras_gan.runs.tables import TABLES

KGAN = Path(sys.executable).with_name("kgan")
CLOCK = ("seconds", "images_per_s")  # columns that tell of the machine, not of the game
PATIENCE_S = 300


def command(run_dir, *options):
    words = ["train", "digits", "--preset", "lean", "--batch-size", "4", "--latent-dim", "4", "--run", run_dir]
    return [KGAN, *words, *options]


@pytest.fixture
def train(forked):
    """A function that starts `kgan train`; what still runs at the end is killed."""
    return lambda run_dir, *options, **limits: forked(*command(run_dir, *options), **limits)


def ended(process):
    _, stderr = process.communicate(timeout=PATIENCE_S)
    return process.returncode, stderr


def wait_for(happened, process):
    """The first true value of `happened()`; fails where the process ends first."""
    until = time.monotonic() + PATIENCE_S
    while not (found := happened()):
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.001)
    return found


def saved(run_dir):
    found = Run(run_dir).checkpoints() if (run_dir / "config.json").exists() else []
    return found[-1].stem if found else ""


def assert_same_runs(run_dir, other_dir):
    """All results of a run, bit for bit, except times."""
    run, other = Run(run_dir), Run(other_dir)
    arrays, others = (checkpoints.read(r.checkpoints()[-1]) for r in (run, other))
    assert set(arrays) == set(others) and len(arrays) > 50
    for name in set(arrays) - {"beside/seconds"}:
        np.testing.assert_array_equal(arrays[name], others[name], err_msg=name, strict=True)
    for table in TABLES:
        columns, wanted = run.columns(table), other.columns(table)
        assert list(columns) == list(wanted)
        for name in set(columns) - set(CLOCK):
            np.testing.assert_array_equal(columns[name], wanted[name], err_msg=f"{table}: {name}")
    assert [file.name for file in run.samples()] == [file.name for file in other.samples()]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(run.samples(), other.samples(), strict=True))
    assert_events_are_the_history(run)


def assert_events_are_the_history(run):
    """TensorBoard's own reader finds every row once, in order, and every picture of samples once."""
    (file,) = (run.path / "events").iterdir()
    events = [event for event in EventFileLoader(str(file)).Load() if event.summary.value]
    pictures = [event for event in events if event.summary.value[0].tag == "samples"]
    files = {step_of(file): file.read_bytes() for file in run.samples()}
    assert sorted(event.step for event in pictures) == sorted(files)
    for event in pictures:
        width, height, content = event.summary.value[0].tensor.string_val
        assert content == files[event.step] and Image.open(io.BytesIO(content)).size == (int(width), int(height))
    history, events = run.history(), [event for event in events if event not in pictures]
    assert [event.step for event in events] == history["step"].tolist()
    for value in events[-1].summary.value:
        assert value.tensor.float_val[0] == pytest.approx(history[value.tag][-1], rel=1e-6)


@pytest.mark.parametrize(
    "steps, kills, kills_in_a_write", [(400, 1, 0), pytest.param(2_400, 10, 4, marks=pytest.mark.long)]
)
def test_a_run_that_is_killed_ends_like_one_that_was_never_interrupted(train, tmp_path, steps, kills, kills_in_a_write):
    options = ("--steps", str(steps), "--deterministic")
    whole = train(tmp_path / "whole", *options)  # at the same time
    chance, run_dir = random.Random(7), tmp_path / "parts"
    in_a_write = set(chance.sample(range(kills), kills_in_a_write))
    caught = 0
    for kill in range(kills):
        before = saved(run_dir)
        process = train(run_dir, *options, "--checkpoint-every", "0.1")
        if kill or kills == 1:  # the first of many may come before there is anything
            wait_for(lambda: saved(run_dir) != before, process)  # noqa: B023  within this round only
        if kills > 1:
            time.sleep(chance.uniform(0, 1.0 if not kill else 0.2))
        if kill in in_a_write:
            wait_for(lambda: (run_dir / "checkpoints").exists() and files.drafts(run_dir / "checkpoints"), process)
        process.send_signal(signal.SIGKILL)
        assert ended(process)[0] == -signal.SIGKILL  # and so it had not come to its end
        caught += bool((run_dir / "checkpoints").exists() and files.drafts(run_dir / "checkpoints"))
    assert kills == 1 or caught  # a checkpoint was cut short at least once
    status, stderr = ended(train(run_dir, *options))
    assert status == 0, stderr
    assert not files.drafts(run_dir / "checkpoints") and not files.drafts(run_dir / "samples")
    assert ended(whole)[0] == 0
    assert_same_runs(run_dir, tmp_path / "whole")


def test_sigterm_saves_and_ends_with_the_status_that_schedulers_restart_on(tmp_path):
    run_dir = tmp_path / "run"
    words = command(run_dir, "--steps", "100000", "--checkpoint-every", "1000")
    # A process of its own, not a fork: signals count from its first line on.
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_for(lambda: (run_dir / "history.csv").exists(), process)
            process.send_signal(signal.SIGTERM)
            status, stderr = ended(process)
        finally:
            process.kill()
    step = int(saved(run_dir).removeprefix("step_"))
    assert status == 128 + signal.SIGTERM and 0 < step < 100_000, stderr
    assert "SIGTERM" in stderr and f"step {step:,} of 100,000" in stderr and str(run_dir) in stderr
    assert_events_are_the_history(Run(run_dir))


@pytest.fixture
def short_run(train, tmp_path):
    """A run of 20 steps, and what its newest checkpoint holds."""
    run_dir = tmp_path / "run"
    assert ended(train(run_dir, "--steps", "20"))[0] == 0
    return run_dir, checkpoints.read(Run(run_dir).checkpoints()[-1])


@pytest.mark.long
def test_a_full_disk_ends_the_run_in_one_line_with_the_last_checkpoint_whole(train, short_run):
    run_dir, before = short_run
    less_than_a_checkpoint = {"largest_file_bytes": 100_000}
    status, stderr = ended(train(run_dir, "--steps", "100000", "--checkpoint-every", "0.5", **less_than_a_checkpoint))
    assert status == 2 and "Traceback" not in stderr
    assert (
        "File too large" in stderr.splitlines()[-1] and "what was saved before is complete" in stderr.splitlines()[-1]
    )
    assert os.listdir(run_dir / "checkpoints") == ["step_0000020.npz"]
    for name, array in checkpoints.read(run_dir / "checkpoints" / "step_0000020.npz").items():
        np.testing.assert_array_equal(array, before[name])
    status, stderr = ended(train(run_dir, "--steps", "40"))
    assert status == 0 and saved(run_dir) == "step_0000040", stderr


@pytest.mark.long
def test_a_damaged_newest_checkpoint_is_said_and_the_one_before_goes_on(train, short_run):
    run_dir, _ = short_run
    assert ended(train(run_dir, "--steps", "40"))[0] == 0
    newest = run_dir / "checkpoints" / "step_0000040.npz"
    newest.write_bytes(newest.read_bytes()[:-100])
    status, stderr = ended(train(run_dir, "--steps", "40"))
    assert status == 0 and "Traceback" not in stderr
    (notice,) = (line for line in stderr.splitlines() if line.startswith("Notice: "))
    assert "step_0000040.npz is damaged" in notice and notice.endswith("step_0000020, the one before, is used")
    names = ["step_0000020.npz", "step_0000040.npz", "step_0000040.npz.damaged"]
    assert sorted(os.listdir(run_dir / "checkpoints")) == names
    assert Run(run_dir).history()["step"].tolist() == [10, 20, 30, 40]


@pytest.mark.long
def test_a_second_process_on_one_run_is_refused_and_told_who_holds_it(train, tmp_path):
    holder = train(tmp_path / "run", "--steps", "100000")
    wait_for(lambda: (tmp_path / "run" / "history.csv").exists(), holder)
    status, stderr = ended(train(tmp_path / "run", "--steps", "100000"))
    assert status == 2 and f"is in use by process {holder.pid} on " in stderr.splitlines()[-1]
    holder.send_signal(signal.SIGKILL)
    assert ended(holder)[0] == -signal.SIGKILL
    assert ended(train(tmp_path / "run", "--steps", "10"))[0] == 0
