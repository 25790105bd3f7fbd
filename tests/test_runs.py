import dataclasses
import io
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from keras_gan import GAN
from keras_gan._utils.errors import InputError, Notice
from keras_gan.config import TrainConfig
from keras_gan.data.source import from_array
from keras_gan.runs import Run

CONFIG = TrainConfig("digits", "lean", steps=30, batch_size=4, latent_dim=4)
SHAPE = (8, 8, 1)
SOURCE = from_array("noise", np.zeros((5, *SHAPE), "uint8"))


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path / "run", CONFIG, SOURCE)


@pytest.fixture(scope="module")
def moved(tiny_generator, tiny_discriminator, remembered):
    """A GAN after two steps, and what puts it back there."""
    gan = GAN(tiny_generator(), tiny_discriminator(), ema_half_life_images=100, seed=3)
    gan.compile()
    images = np.random.default_rng(0).uniform(-1, 1, (8, *SHAPE)).astype("float32")
    gan.fit(images, batch_size=4, verbose=0)
    return gan, remembered(gan)


@pytest.fixture
def moved_gan(moved):
    """A GAN after two steps, so that no slot, seed or average is at its start any more."""
    gan, put_back = moved
    put_back()
    return gan


def variables(gan):
    """Everything that decides how training goes on, by what it is."""
    return {
        "generator": gan.generator.variables,
        "discriminator": gan.discriminator.variables,
        "average": gan.ema_generator.variables,
        "generator's slots": gan.generator_optimizer.variables,
        "discriminator's slots": gan.discriminator_optimizer.variables,
        "noise": [gan.seed_generator.state],
        "logs": [variable for tracker in gan.trackers for variable in tracker.variables],
    }


def values(gan):
    return {part: [variable.numpy().copy() for variable in found] for part, found in variables(gan).items()}


def saved_at(run, gan, *steps):
    for step in steps:
        gan.counters.steps.assign(step)
        run.save(gan)


# the folder


def test_create_writes_the_settings_before_anything_is_trained(run):
    assert json.loads(run.config_file.read_text())["config"]["preset"] == "lean"
    assert Run(run.path).config == CONFIG and Run(run.path).data_shape == SHAPE
    assert run.checkpoints() == [] and run.history() == {}


def test_create_opens_a_run_of_the_same_settings_whatever_its_steps(run):
    again = Run.create(run.path, dataclasses.replace(CONFIG, steps=99), SOURCE)
    assert again.config.steps == 30
    again.extend(dataclasses.replace(CONFIG, steps=99))
    assert Run(run.path).config == dataclasses.replace(CONFIG, steps=99)


def test_create_takes_an_empty_folder(tmp_path):
    (tmp_path / "run").mkdir()
    assert Run.create(tmp_path / "run", CONFIG, SOURCE).config == CONFIG


def test_other_settings_raise_with_the_differences(run, listing):
    before = listing(run.path)
    message = (
        r"was started with other settings \(seed: 0 -> 1; data_shape: .8, 8, 1. -> .9, 8, 1.; "
        r"data_count: 5 -> 6\); .*--run"
    )
    with pytest.raises(InputError, match=message):
        Run.create(run.path, dataclasses.replace(CONFIG, seed=1, steps=99), from_array("more", np.zeros((6, 9, 8, 1))))
    assert listing(run.path) == before


@pytest.mark.parametrize("name", ["file", "file/run", "full"])
def test_a_place_that_cannot_be_a_run_raises_and_is_unchanged(tmp_path, listing, name):
    (tmp_path / "file").write_text("kept")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("kept")
    before = listing(tmp_path)
    with pytest.raises(InputError, match="another --run"):
        Run.create(tmp_path / name, CONFIG, SOURCE)
    assert listing(tmp_path) == before


def test_a_folder_that_is_no_run_raises(tmp_path):
    with pytest.raises(InputError, match="is not a run folder .no config.json.; expected a run"):
        Run(tmp_path)


@pytest.mark.parametrize("text", ["", '{"config": {"data": "di', "[]", "{}", '{"config": {"data": "digits", "x": 1}}'])
def test_a_damaged_config_is_told(run, text):
    run.config_file.write_text(text)
    with pytest.raises(InputError, match="is damaged|not a run's config"):
        _ = run.config


@pytest.mark.parametrize(
    "change",
    [
        {"data_shape": [8, 8]},
        {"data_shape": [8, 0, 1]},
        {"data_shape": 8},
        {"data_count": True},
        {"num_classes": 2.0},
        {"class_names": ["a"], "num_classes": 2},
        {"class_names": [1, 2], "num_classes": 2},
    ],
    ids=str,
)
def test_a_damaged_fact_about_the_data_is_named_with_the_file(run, change):
    run.config_file.write_text(json.dumps(json.loads(run.config_file.read_text()) | change))
    with pytest.raises(InputError, match=r"config.json is damaged \(.*(data_|class).*\); expected .*\.$"):
        _ = run.data_shape


def test_class_names_that_are_not_utf_8_survive_the_file(tmp_path):
    source = from_array("noise", np.zeros((2, *SHAPE), "uint8"), np.array([0, 1]), ("a", "caf\udce9"))
    run = Run.create(tmp_path / "run", CONFIG, source)
    assert (run.config, run.num_classes, run.class_names) == (CONFIG, 2, ("a", "caf?"))


def test_a_table_of_an_earlier_version_retains_its_columns(run):
    table = run.path / "theory.csv"
    table.write_text("step,jsd_exact,old\n0,0.5,1\n")
    run.append("theory", {"step": 10, "jsd_exact": 0.25, "new": 7.0})
    columns = run.columns("theory")
    assert list(columns) == ["step", "jsd_exact", "old"] and columns["jsd_exact"].tolist() == [0.5, 0.25]
    assert np.isnan(columns["old"][1])


# checkpoints


def test_restore_is_bit_exact_for_every_variable(run, moved_gan, tiny_generator, tiny_discriminator):
    run.save(moved_gan)
    other = GAN(tiny_generator(), tiny_discriminator(), ema_half_life_images=100, seed=77)
    other.compile()
    expected, before = values(moved_gan), values(other)
    run.restore(other)
    for part, arrays in values(other).items():
        assert arrays, part
        assert any(not np.array_equal(a, b) for a, b in zip(arrays, before[part], strict=True)), part
        for array, wanted in zip(arrays, expected[part], strict=True):
            np.testing.assert_array_equal(array, wanted, err_msg=part, strict=True)
    assert other.step == 2


def test_a_restored_gan_trains_on_like_the_saved_one(run, moved_gan, tiny_generator, tiny_discriminator):
    run.save(moved_gan)
    other = GAN(tiny_generator(), tiny_discriminator(), ema_half_life_images=100, seed=77)
    other.compile()
    run.restore(other)
    images = np.random.default_rng(1).uniform(-1, 1, (4, *SHAPE)).astype("float32")
    for gan in (moved_gan, other):
        gan.fit(images, batch_size=4, verbose=0)
    for mine, its in zip(values(moved_gan).values(), values(other).values(), strict=True):
        for array, wanted in zip(mine, its, strict=True):
            np.testing.assert_array_equal(array, wanted)


def test_the_newest_two_checkpoints_are_saved(run, tiny_gan):
    saved_at(run, tiny_gan, 1, 3, 5, 9)
    names = ["step_0000005.npz", "step_0000009.npz"]
    assert [path.name for path in run.checkpoints()] == names == sorted(os.listdir(run.path / "checkpoints"))
    tiny_gan.counters.steps.assign(0)
    run.restore(tiny_gan)
    assert tiny_gan.step == 9


def test_the_newest_checkpoint_is_that_of_the_highest_step_beyond_seven_digits_too(run, tiny_gan):
    saved_at(run, tiny_gan, 9_999_997, 9_999_998, 9_999_999, 10_000_000)
    names = ["step_9999999.npz", "step_10000000.npz"]
    assert [path.name for path in run.checkpoints()] == names


def test_a_run_without_a_checkpoint_says_so(run, tiny_gan):
    with pytest.raises(InputError, match="has no checkpoint yet; .*kgan train"):
        run.restore(tiny_gan)


def changed(content, position, change):
    return content[:position] + bytes([change(content[position])]) + content[position + 1 :]


def central_directory(content, offset, change):
    return changed(content, content.index(b"PK\x01\x02") + offset, change)


def rewritten(content, add=0, drop=None):
    """An archive that zip finds whole, and is not what was saved."""
    with np.load(io.BytesIO(content)) as archive:
        arrays = {name: archive[name] for name in archive.files if name != drop}
    arrays["generator/0000"] = arrays["generator/0000"] + np.float32(add)
    np.savez(changed_content := io.BytesIO(), **arrays)
    return changed_content.getvalue()


DAMAGES = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "one byte short": lambda content: content[:-1],
    "text": lambda content: b"no checkpoint\n" * 99,
    "one array without a name": lambda content: b"\x93NUMPY" + content[6:],
    # The first bytes of the first array's numbers, beyond the headers of zip and npy.
    "a bit flipped": lambda content: changed(content, 400, lambda byte: byte ^ 4),
    "a whole archive of other numbers": lambda content: rewritten(content, add=1),
    "a whole archive without its checksum": lambda content: rewritten(content, drop="sha256"),
    "a whole archive without one array": lambda content: rewritten(content, drop="noise/0000"),
    "a bit flipped in the compression method": lambda content: central_directory(content, 10, lambda byte: byte ^ 2),
    "a bit flipped in the encryption flag": lambda content: central_directory(content, 8, lambda byte: byte ^ 1),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_raises_and_nothing_is_touched(run, moved_gan, listing, damage):
    run.save(moved_gan)
    (newest,) = run.checkpoints()
    newest.write_bytes(DAMAGES[damage](newest.read_bytes()))
    moved_gan.fit(np.zeros((4, *SHAPE), "float32"), batch_size=4, verbose=0)
    before, files = values(moved_gan), listing(run.path)
    with pytest.raises(
        InputError, match=r"checkpoint .*step_0000002.npz is damaged \(.+\); .*: delete .*checkpoints to start again"
    ):
        run.restore(moved_gan)
    assert listing(run.path) == files
    for part, arrays in values(moved_gan).items():
        for array, wanted in zip(arrays, before[part], strict=True):
            np.testing.assert_array_equal(array, wanted, err_msg=part)


def test_a_checkpoint_of_another_network_raises(run, moved_gan, tiny_generator, tiny_discriminator):
    run.save(moved_gan)
    other = GAN(tiny_generator((8, 9, 1)), tiny_discriminator((8, 9, 1)), seed=0)
    other.compile()
    with pytest.raises(InputError, match="holds another network than .*; expected one run in one folder.*version"):
        run.restore(other)


def test_where_the_newest_is_damaged_the_one_before_is_taken_and_that_is_said(run, tiny_gan):
    saved_at(run, tiny_gan, 3, 7)
    run.checkpoints()[-1].write_bytes(b"PK")
    with pytest.warns(Notice, match=r"step_0000007.npz is damaged .*step_0000003, the one before, is used$"):
        run.restore(tiny_gan)
    assert tiny_gan.step == 3
    run.rewind(3)
    assert sorted(os.listdir(run.path / "checkpoints")) == ["step_0000003.npz", "step_0000007.npz.damaged"]
    run.restore(tiny_gan)  # and nothing is to be said any more


def test_what_is_not_finite_is_not_saved(run, tiny_gan):
    saved_at(run, tiny_gan, 3)
    tiny_gan.generator.layers[-1].bias.assign([np.inf])
    with pytest.warns(Notice, match="the weights of step 7 are not finite; they are not saved"):
        saved_at(run, tiny_gan, 7)
    assert os.listdir(run.path / "checkpoints") == ["step_0000003.npz"]


def test_what_callbacks_keep_comes_back(run, tiny_gan):
    run.save(tiny_gan, {"seconds": np.array(1.5)})
    assert run.restore(tiny_gan) == {"seconds": 1.5}


def test_a_failed_save_leaves_the_earlier_checkpoint_and_no_draft(run, tiny_gan, monkeypatch):
    saved_at(run, tiny_gan, 3)
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        saved_at(run, tiny_gan, 7)
    assert os.listdir(run.path / "checkpoints") == ["step_0000003.npz"]


# history

ROWS = [{"step": 10, "seconds": 1.5, "d_loss": 0.25}, {"step": 20, "seconds": 3.0, "d_loss": -1.25e-7}]


def test_history_comes_back_as_it_was_written(run):
    for row in ROWS:
        run.append_history(row)
    assert {name: column.tolist() for name, column in run.history().items()} == {
        name: [row[name] for row in ROWS] for name in ROWS[0]
    }
    assert run.history_file.read_text().splitlines() == ["step,seconds,d_loss", "10,1.5,0.25", "20,3,-1.25e-07"]


def test_steps_beyond_seven_digits_are_written_in_full(run):
    run.append_history({"step": 12_345_678, "seconds": 1.0})
    assert run.history()["step"].tolist() == [12_345_678]


def test_a_row_that_a_kill_cut_short_is_left_out(run):
    for row in ROWS:
        run.append_history(row)
    run.history_file.write_text(run.history_file.read_text()[:-12])
    assert run.history()["step"].tolist() == [10]


def test_rewind_drops_the_rows_and_samples_after_a_step(run):
    for row in ROWS:
        run.append_history(row)
    for step in (0, 10, 11, 20):
        (run.path / "samples" / f"step_{step:07d}.png").touch()
    run.rewind(10)
    assert run.history()["step"].tolist() == [10]
    assert sorted(os.listdir(run.path / "samples")) == ["step_0000000.png", "step_0000010.png"]
    run.append_history(ROWS[1])
    assert run.history()["d_loss"].tolist() == [0.25, -1.25e-7]


def test_rewind_to_the_start_leaves_a_history_that_can_be_continued(run):
    run.append_history(ROWS[0])
    run.rewind(0)
    assert run.history() == {}
    run.append_history(ROWS[0])
    assert run.history()["step"].tolist() == [10]


def test_rewind_leaves_a_history_that_ends_in_time_alone(run):
    run.append_history(ROWS[0])
    before = os.stat(run.history_file).st_ino
    run.rewind(10)
    assert os.stat(run.history_file).st_ino == before


# the lock

HOLD = """
import sys
from keras_gan.runs import Run
with Run(sys.argv[1]).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(run):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, run.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_run_in_use_raises_with_the_holder(run, holder):
    with pytest.raises(InputError, match=rf"is in use by process {holder.pid} on .+; expected a free run"):
        with run.lock():
            pass


def test_a_run_whose_holder_was_killed_is_free(run, holder):
    holder.send_signal(signal.SIGKILL)
    assert holder.wait() == -signal.SIGKILL
    with run.lock():
        pass


def test_a_run_is_free_again_after_an_error_inside(run):
    with pytest.raises(RuntimeError, match="inside"):
        with run.lock():
            raise RuntimeError("inside")
    with run.lock():
        pass


def test_nothing_is_imported_for_a_run_folder_that_takes_seconds():
    code = "import sys, keras_gan.runs; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_files_of_somebody_else_are_left_alone(run, tiny_gan):
    saved_at(run, tiny_gan, 7)
    for name in ("step_0000009-copy.npz", "step_0000008 2.npz", "step_0000010_1.npz"):
        (run.path / "checkpoints" / name).write_text("mine")
    assert [file.name for file in run.checkpoints()] == ["step_0000007.npz"]
    run.restore(tiny_gan)
    assert tiny_gan.step == 7


def test_a_folder_that_a_kill_left_before_its_config_is_taken(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".123-config.json").write_text('{"kera')
    assert Run.create(tmp_path / "run", CONFIG, SOURCE).config == CONFIG


def test_a_damaged_line_of_history_is_named(run):
    run.append_history(ROWS[0])
    with open(run.history_file, "a") as file:
        file.write("\x00\x00\n")
    with pytest.raises(InputError, match=r"history.csv is damaged in line 3; expected numbers"):
        run.history()
