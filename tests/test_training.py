import contextlib
import dataclasses
import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from PIL import Image

from keras_gan import data, networks, training
from keras_gan._utils.errors import InputError, Notice
from keras_gan._utils.log_names import LOGS
from keras_gan.cli.main import kgan
from keras_gan.data import source
from keras_gan.runs import Run
from keras_gan.training.building import augments

COLUMNS = ["step", "seconds", "images_per_s", *LOGS]


def everything(gan):
    """All variables of the networks, the average, the noise and both optimizers, in order."""
    found = [*gan.variables, *gan.generator_optimizer.variables, *gan.discriminator_optimizer.variables]
    return [variable.numpy() for variable in found]


def assert_equal(mine, its):
    for array, wanted in zip(everything(mine), everything(its), strict=True):
        np.testing.assert_array_equal(array, wanted)


def pixels_of(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


# the run folder


def test_a_run_holds_what_its_folder_promises(trained):
    names = {path.name for path in trained.run_dir.iterdir() if not path.name.startswith(".")}
    tables, pictures = {"history.csv", "checks.csv"}, {"samples", "curves.png", "progress.gif", "report.html"}
    assert names == {"config.json", "computation.json", "data.json", *tables, *pictures, "events", "checkpoints"}
    assert os.listdir(trained.run_dir / "checkpoints") == ["step_0000030.npz"]


def test_the_config_is_there_before_the_first_samples(trained):
    settings = json.loads((trained.run_dir / "config.json").read_text())
    written = json.loads(json.dumps(dataclasses.asdict(trained.config)))  # tuples become lists
    assert settings["config"] == written and settings["data_shape"] == [8, 8, 1]
    first = trained.run_dir / "samples" / "step_0000000.png"
    assert (trained.run_dir / "config.json").stat().st_mtime_ns <= first.stat().st_mtime_ns


def test_samples_begin_at_step_0_and_show_64_digits(trained):
    files = sorted((trained.run_dir / "samples").iterdir())
    # Digits train ten steps at a time, so of a snapshot every 30 // 20 steps one in ten is drawn.
    assert [file.name for file in files] == [f"step_{step:07d}.png" for step in (0, 10, 20, 30)]
    pictures = [pixels_of(file) for file in files]
    # 8 by 8 cells, each of 8 pixels six times enlarged, with gaps of 2.
    assert {picture.shape for picture in pictures} == {(8 * 50 + 2, 8 * 50 + 2)}
    assert not np.array_equal(pictures[0], pictures[-1])


def test_the_last_samples_are_those_of_the_returned_average(trained):
    picture = pixels_of(trained.run_dir / "samples" / "step_0000030.png")
    first = trained.gan.generate(64, seed=trained.config.seed)[0, :, :, 0]
    shown = picture[2:50:6, 2:50:6]
    np.testing.assert_allclose(shown, first.astype(int), atol=1)  # another batch size may round otherwise


def test_curves_are_a_picture(trained):
    with Image.open(trained.run_dir / "curves.png") as picture:
        assert picture.format == "PNG" and min(picture.size) > 300
        assert len(picture.convert("RGB").getcolors(2**20)) > 10


def test_the_samples_in_a_row_are_a_gif(trained):
    with Image.open(trained.run_dir / "progress.gif") as gif:
        assert gif.n_frames == 4 and gif.size == (402, 402)


def test_history_has_every_column_and_step(trained):
    history = Run(trained.run_dir).history()
    assert list(history) == COLUMNS
    assert history["step"].tolist() == [10, 20, 30]
    assert (np.diff(history["seconds"]) > 0).all() and (history["images_per_s"] > 0).all()
    assert all(np.isfinite(column).all() for column in history.values())


def test_the_rate_counts_the_images_of_all_discriminator_steps(tmp_path):
    settings = {"steps": 20, "batch_size": 8, "discriminator_steps": 3, "latent_dim": 4}
    training.train(training.configure("digits", "lean", **settings), tmp_path / "run")
    history = Run(tmp_path / "run").history()
    steps, seconds = (np.diff([0, *history[name]]) for name in ("step", "seconds"))
    np.testing.assert_allclose(history["images_per_s"], 3 * 8 * steps / seconds, rtol=1e-3)


def test_events_hold_what_history_holds(trained):
    history = Run(trained.run_dir).history()
    (file,) = (trained.run_dir / "events").iterdir()
    found = {}
    for record in tf.data.TFRecordDataset(str(file)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            if value.tag != "samples":  # pictures
                found[event.step, value.tag] = value.simple_value
    assert len(found) == 3 * len(COLUMNS[2:])
    for (step, tag), value in found.items():
        np.testing.assert_allclose(history[tag][history["step"].tolist().index(step)], value, rtol=1e-5)


# going on


@pytest.mark.parametrize(
    ("preset", "stop", "end"),
    [
        ("lean", 13, 30),
        pytest.param("resnet", 10, 20, marks=pytest.mark.long),
        pytest.param("goodfellow2014", 10, 20, marks=pytest.mark.long),
    ],
)
def test_a_run_that_was_stopped_ends_like_one_that_was_not(trained, tmp_path, preset, stop, end):
    def train(name, steps):
        config = training.configure("digits", preset, steps=steps, batch_size=16, latent_dim=8)
        return training.train(config, tmp_path / name)

    whole = trained.gan if preset == "lean" else train("whole", end)
    assert train("parts", stop).step == stop
    continued = train("parts", end)
    assert continued.step == whole.step == end
    assert_equal(continued, whole)


def test_more_steps_lengthen_the_same_run(trained, run_dir):
    config = dataclasses.replace(trained.config, steps=45)
    before = Run(run_dir).history()
    gan = training.train(config, run_dir)
    run = Run(run_dir)
    assert gan.step == 45 and run.config == config
    assert [path.name for path in run.checkpoints()] == ["step_0000030.npz", "step_0000045.npz"]
    history = run.history()
    assert history["step"].tolist() == [10, 20, 30, 40, 45]
    for name, column in before.items():
        np.testing.assert_array_equal(history[name][:3], column)
    assert history["seconds"][3] > before["seconds"][-1]
    assert (run_dir / "samples" / "step_0000045.png").exists()


def test_a_finished_run_is_left_as_it_is(trained, run_dir, listing):
    before = listing(run_dir)
    gan = training.train(trained.config, run_dir)
    assert gan.step == 30 and listing(run_dir) == before
    assert_equal(gan, trained.gan)


def test_fewer_steps_than_were_trained_change_nothing(trained, run_dir, listing):
    before = listing(run_dir)
    assert training.train(dataclasses.replace(trained.config, steps=20), run_dir).step == 30
    assert listing(run_dir) == before


def test_a_run_that_was_killed_before_its_page_gets_it(trained, run_dir):
    (run_dir / "report.html").unlink()
    training.train(trained.config, run_dir)
    assert (run_dir / "report.html").exists()


def test_whether_d_augments_is_decided_once(tmp_path):
    def prepared(steps):
        config = training.configure("digits", "lean", image_size=28, steps=steps, latent_dim=2)
        return training.prepare(config, tmp_path / "run")

    assert prepared(6_000).config.augment  # 384,000 images of 1,797: seen more than 200 times each
    short = prepared(100)
    Run.create(tmp_path / "run", short.config, short.source)
    assert short.config.augment is False and prepared(6_000).config.augment is False


def test_load_gives_the_trained_gan(trained):
    gan = training.load(trained.run_dir)
    assert_equal(gan, trained.gan)
    np.testing.assert_array_equal(gan.generate(5, seed=3), trained.gan.generate(5, seed=3))


def test_rows_and_samples_after_the_checkpoint_are_made_anew(trained, run_dir):
    Run(run_dir).append_history(dict.fromkeys(COLUMNS, 40.0))
    (run_dir / "samples" / "step_0000040.png").write_text("of a lost step")
    training.train(dataclasses.replace(trained.config, steps=40), run_dir)
    history = Run(run_dir).history()
    assert history["step"].tolist() == [10, 20, 30, 40] and history["d_loss"][-1] != 40.0
    assert pixels_of(run_dir / "samples" / "step_0000040.png").shape == (402, 402)


def test_a_damaged_checkpoint_leaves_the_run_as_it_is(trained, run_dir, listing):
    (newest,) = Run(run_dir).checkpoints()
    newest.write_bytes(newest.read_bytes()[:-9])
    before = listing(run_dir)
    with pytest.raises(InputError, match="step_0000030.npz is damaged"):
        training.train(dataclasses.replace(trained.config, steps=40), run_dir)
    assert listing(run_dir) == before


@pytest.mark.long
def test_a_sample_that_cannot_be_read_does_not_cost_the_training(trained, run_dir):
    (run_dir / "samples" / "step_0000010.png").write_text("no image")
    with contextlib.suppress(OSError):
        training.train(dataclasses.replace(trained.config, steps=40), run_dir)
    assert training.load(run_dir).step == 40


def test_vectors_train_and_are_drawn_as_points(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(100, 2)))
    config = training.configure(str(tmp_path / "x.npy"), steps=3, batch_size=8)
    gan = training.train(config, tmp_path / "run")
    assert gan.step == 3 and gan.generate(5, seed=0).shape == (5, 2)
    assert pixels_of(tmp_path / "run" / "samples" / "step_0000003.png").shape == (480, 480, 4)


def test_a_damaged_image_while_streaming_ends_training_with_its_name_and_saves(tmp_path, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype="uint8")
    photos = tmp_path / "photos"
    photos.mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image).save(photos / f"{index:02d}.png")
    monkeypatch.setattr(source, "MEMORY_LIMIT_BYTES", 100)
    config = training.configure(str(photos), "lean", steps=30, batch_size=1, latent_dim=8)
    opened = training.open_data(config)
    # The image that the order, which the seed decides, brings at step 25.
    batches = data.batches(opened, 1, config.seed).take(26)
    wanted = list(batches)[25].numpy()
    late = next(i for i in range(40) if np.allclose(opened.fetch(np.array([i])) / 127.5 - 1, wanted))
    file = photos / f"{late:02d}.png"
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(InputError, match=rf"{file.name} cannot be read: .*--skip-damaged"):
        training.train(config, tmp_path / "run")
    run = Run(tmp_path / "run")
    assert run.config == dataclasses.replace(config, augment=False)
    assert 20 <= training.load(run.path).step <= 25
    # The remedy that was offered, and the same run goes on.
    config = dataclasses.replace(config, steps=26, skip_damaged=True)
    with pytest.warns(Notice, match=f"left out 1 of 40 images that cannot be read: {file.name}"):
        assert training.train(config, run.path).step == 26


# Ctrl-C


def test_ctrl_c_saves_and_the_same_command_goes_on(forked, tmp_path):
    command = [Path(sys.executable).with_name("kgan"), "train", "digits", "--preset", "lean", "--batch-size", "4"]
    command += ["--run", tmp_path / "run", "--steps"]
    process = forked(*command, "100000")
    history = tmp_path / "run" / "history.csv"
    patience = time.monotonic() + 300
    while not history.exists() or history.read_text().count("\n") < 2:
        assert process.poll() is None and time.monotonic() < patience
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 130 and "Traceback" not in stderr
    stopped = training.load(tmp_path / "run").step
    assert 0 < stopped < 100_000
    assert f"step {stopped:,} of 100,000" in stderr and str(tmp_path / "run") in stderr
    again = CliRunner().invoke(kgan, [str(word) for word in command[1:]] + [str(stopped + 10)])
    assert again.exit_code == 0, again.output
    assert f"trained {stopped + 10:,} steps" in again.stderr
    assert training.load(tmp_path / "run").step == stopped + 10
    steps = Run(tmp_path / "run").history()["step"]
    assert (np.diff(steps) > 0).all() and steps[-1] == stopped + 10


def test_a_run_inside_its_own_data_raises(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="lies inside the data.*--run"):
        training.prepare(training.configure("."))
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_a_size_without_networks_raises_before_the_data_are_opened(monkeypatch):
    monkeypatch.setattr(data, "open_source", None)
    with pytest.raises(InputError, match="8 to 256 pixels on a side"):
        training.prepare(training.configure("digits", image_size=(100_000, 100_000)))


# rhythm


@pytest.mark.parametrize(
    "steps, evaluate_every, rows_every, at_once",
    [(100, None, 10, 10), (3_000, None, 15, 15), (20_000, None, 96, 32), (3_000, 50, 15, 5), (3_000, 7, 15, 1)],
)
def test_small_work_runs_many_steps_at_once_and_never_past_a_row(steps, evaluate_every, rows_every, at_once):
    job = training.Job(training.configure("digits", steps=steps), Path("run"), Shaped((8, 8, 1)), None, evaluate_every)
    assert (job._row_steps(), job._steps_per_execution()) == (rows_every, at_once)
    large = dataclasses.replace(job, source=Shaped((28, 28, 1)))
    assert large._steps_per_execution() == 1


@dataclasses.dataclass
class Shaped:
    shape: tuple


def test_logs_and_snapshots_are_on_time_with_several_steps_at_once(tmp_path):
    config = training.configure("digits", "lean", steps=43, batch_size=4, latent_dim=2)
    job = training.prepare(config, tmp_path / "run")
    gan = job.train()
    run = Run(tmp_path / "run")
    assert gan.steps_per_execution == 10 and gan.step == 43
    assert run.history()["step"].tolist() == [*range(10, 41, 10), 43]
    assert run.columns("checks")["step"].tolist() == [*range(0, 41, 10), 43]
    assert [int(file.stem[5:]) for file in run.samples()] == [*range(0, 41, 10), 43]


# few images


def test_few_images_that_are_seen_often_are_augmented():
    config = training.configure("digits", steps=62_500)  # of 32: two million images
    assert augments(config, (28, 28, 1), 9_999) and not augments(config, (28, 28, 1), 10_000)
    assert not augments(dataclasses.replace(config, steps=6_000), (28, 28, 1), 960)  # 200 times each
    assert augments(dataclasses.replace(config, steps=6_000), (28, 28, 1), 959)
    assert augments(dataclasses.replace(config, steps=3_000, discriminator_steps=2), (28, 28, 1), 959)
    assert not augments(config, (8, 8, 1), 100) and not augments(config, (2,), 100)
    assert not augments(dataclasses.replace(config, augment=False), (28, 28, 1), 10)
    forced = dataclasses.replace(config, augment=True)
    assert augments(forced, (8, 8, 1), 10**6)
    with pytest.raises(InputError, match="expected images to augment"):
        augments(forced, (2,), 10**6)


def test_the_2014_generator_starts_at_the_mean_image(tmp_path):
    """With weights of 0 its output is that of the biases alone."""
    digits = data.open_source("digits")
    job = training.prepare(training.configure("digits", "goodfellow2014", steps=1), tmp_path / "run")
    mean = digits.fetch(np.arange(digits.count)).mean(axis=0) / 127.5 - 1
    for generator in (job.gan.generator, job.gan.ema_generator):
        layer = generator.get_layer("pixels")
        layer.kernel.assign(0 * layer.kernel)
        np.testing.assert_allclose(generator(np.ones((1, 100), "float32"))[0], mean, atol=1e-5)


def test_augmentation_and_packs_reach_the_discriminator():
    config = training.configure("digits", "lean", batch_size=6, latent_dim=2, pack=3, augment=True)
    gan = training.build(config, (8, 8, 1), 1_797)
    names = [type(layer).__name__ for layer in gan.discriminator.layers]
    assert names[1:3] == ["DiffAugment", "Pack"]
    assert gan.discriminator(np.zeros((6, 8, 8, 1), "float32")).shape == (2, 1)
    plain = training.build(training.configure("digits", "lean", latent_dim=2), (8, 8, 1), 1_797)
    assert not {"DiffAugment", "Pack"} & {type(layer).__name__ for layer in plain.discriminator.layers}


def test_a_pack_divides_the_batch():
    with pytest.raises(InputError, match="pack is 3; expected a divisor of the batch size, 32"):
        training.configure("digits", batch_size=32, pack=3)


def test_timing_steps_leaves_the_gan_as_it_was(tmp_path):
    """A training that was timed before ends with the same weights; another seed of the noise moves them by far more."""
    ended = []
    for timed in (False, True):
        config = training.configure("digits", "lean", steps=110, batch_size=4, latent_dim=4)
        job = training.prepare(config, tmp_path / f"timed {timed}")
        if timed:
            assert 0 < job.seconds_per_step() < 60 and job.gan.step == 0
        ended.append(job.train().get_weights())
    for plain, after_timing in zip(*ended, strict=True):
        np.testing.assert_allclose(plain, after_timing, atol=1e-5)


def test_a_damaged_image_is_named_while_steps_are_timed(tmp_path, monkeypatch):
    photos = tmp_path / "photos"
    photos.mkdir()
    for index, image in enumerate(np.random.default_rng(0).integers(0, 256, (8, 8, 8), dtype="uint8")):
        Image.fromarray(image).save(photos / f"{index}.png")
    monkeypatch.setattr(source, "MEMORY_LIMIT_BYTES", 100)  # so that images are read while training
    job = training.prepare(training.configure(str(photos), "lean", steps=200, batch_size=2), tmp_path / "run")
    for file in photos.iterdir():
        file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(InputError, match=r"\.png cannot be read: .*--skip-damaged"):
        job.seconds_per_step()


# the default preset


def photos(tmp_path, side):
    path = tmp_path / f"photos{side}.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (40, side, side, 3), dtype="uint8"))
    return str(path)


@pytest.mark.parametrize(("side", "name", "batch_size"), [(63, "resnet", 32), (64, "resnet-light", 16)])
def test_the_default_preset_depends_on_the_size_of_the_images(tmp_path, monkeypatch, side, name, batch_size):
    monkeypatch.chdir(tmp_path)
    job = training.prepare(training.configure(photos(tmp_path, side)))
    assert (job.config.preset, job.config.batch_size) == (name, batch_size)
    assert job.run_dir == Path("runs", f"photos{side}-{name}")
    built = networks.generator((side, side, 3), family=name).count_params()
    assert job.gan.generator.count_params() == built


def test_a_preset_that_was_given_is_kept(tmp_path):
    config = training.configure(photos(tmp_path, 64), "resnet", batch_size=4)
    assert training.prepare(config, tmp_path / "run").config.preset == "resnet"
