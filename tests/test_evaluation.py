"""From a run, or samples from elsewhere, to a card and its pictures; and the judge that watches training."""

import dataclasses
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from keras_gan import GAN, callbacks, data, exports, metrics, sampling, training
from keras_gan.cli.main import kgan
from keras_gan.data.source import from_array
from keras_gan.errors import InputError
from keras_gan.evaluation import Settings, evaluate
from keras_gan.runs import Run

KGAN = Path(sys.executable).with_name("kgan")
COUNT = 60
WRITTEN = {"metrics.json", "card.png", "neighbours.png"}
FILES = ("g.keras", "saved_model", "g.tflite", "images", "g.npz")


def command(*words):
    return CliRunner().invoke(kgan, [str(word) for word in words])


def values(card):
    return {score.name: score.value for score in card.scores}


@pytest.fixture(scope="module")
def place(trained, tmp_path_factory):
    """The trained run, its generator in every kind of file, its samples, and one of everything that can be wrong."""
    folder = tmp_path_factory.mktemp("evaluation")
    shutil.copytree(trained.run_dir, folder / "run")
    gan = training.load(folder / "run")
    gan.save(folder / "g.keras")
    exports.export(gan, folder / "saved_model")
    exports.export(gan, folder / "g.tflite", "litert", quantize="float32")
    samples = gan.generate(COUNT, seed=0)
    for name in ("images", "g.npz"):
        sampling.save(samples, folder / name)

    sampling.save(samples[:5], folder / "five.npz")
    sampling.save(np.zeros((COUNT, 4, 4, 1), "uint8"), folder / "small.npz")
    for name in ("g.npz", "g.keras", "g.tflite"):
        content = (folder / name).read_bytes()
        (folder / f"cut.{name}").write_bytes(content[: len(content) // 2])
    for name in ("empty", "cut_model"):
        (folder / name).mkdir()
    (folder / "cut_model" / "saved_model.pb").write_bytes(b"no graph")
    shutil.copytree(folder / "run", folder / "fresh")
    shutil.rmtree(folder / "fresh" / "checkpoints")
    (folder / "file").write_text("a text")
    return folder


@pytest.fixture(scope="module")
def of_run(place):
    """The card of the run."""
    return evaluate(place / "run", Settings(samples=COUNT), place / "of_run" / "metrics.json")


# cards


def test_a_run_needs_nothing_else_and_gets_its_card_and_pictures(run_dir, trained):
    before = {file.name for file in run_dir.iterdir()}
    done = command("evaluate", run_dir, "--samples", COUNT)
    assert done.exit_code == 0 and not done.stderr, done.output
    assert {file.name for file in run_dir.iterdir()} - before == WRITTEN
    content = json.loads((run_dir / "metrics.json").read_text(), parse_constant=pytest.fail)
    assert (content["source"], content["step"], content["data"]) == (str(run_dir), 30, "digits")
    assert content["samples"] == COUNT and content["extractor"]["name"] == "digits"
    scores = {score["name"]: score["value"] for score in content["scores"]}

    truth = metrics.Truth.of(trained.source, None, metrics.extractor(trained.source), COUNT)
    expected = metrics.judge(trained.gan.generate(COUNT, seed=0), truth)
    assert scores == pytest.approx(values(expected), rel=1e-6)
    first, against, *_ = done.stdout.splitlines()
    assert first == f"{run_dir} at step 30" and against.startswith("60 samples against digits, a half of the data")
    frechet = f"{expected['frechet_distance'].value:.1f}"
    assert re.search(rf"Fréchet distance +{frechet[:3]}\S+ +\S+   lower is better\n", done.stdout)


def test_the_pictures_show_the_card_and_the_nearest_training_images(place, of_run):
    with Image.open(place / "of_run" / "card.png") as card, Image.open(place / "of_run" / "neighbours.png") as pairs:
        assert card.size[0] == pairs.size[0] == 12 * 120  # inches, at 120 dots
        colours = np.asarray(card.convert("RGB"), "int16")
        # Orange bars of the samples' classes stand below, in the right part only; the samples are grey.
        orange = (colours[..., 0] > 230) & (colours[..., 2] < 60)
        assert orange[colours.shape[0] // 2 :, 480:].sum() > 1000 and not orange[:, :420].any()
        assert 0.05 < (np.asarray(pairs.convert("L")) < 128).mean() < 0.95


def test_points_have_a_card_but_no_nearest_images(tmp_path):
    points = data.open_source("ring", split="test").array
    np.savez(tmp_path / "points.npz", x=points)
    card = evaluate(tmp_path / "points.npz", Settings("ring", samples=500), tmp_path / "out" / "m.json")
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"m.json", "m-card.png"}
    # Real draws: 98.89 %, with four binomial standard errors.
    assert card["high_quality"].value == pytest.approx(0.9889, abs=4 * np.sqrt(0.0111 / 500))
    assert card["modes"].value == 8 and card.shares is None


@pytest.mark.parametrize("file", FILES)
def test_every_file_of_one_generator_gets_nearly_the_same_card(file, place, of_run, tmp_path):
    words = ["--data", "digits", "--samples", COUNT, "--out", tmp_path / "new" / "m.json"]
    done = command("evaluate", place / file, *words, *(["--trust"] if file == "saved_model" else []))
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"m.json", "m-card.png", "m-neighbours.png"}
    content = json.loads((tmp_path / "new" / "m.json").read_text())
    found = {score["name"]: score["value"] for score in content["scores"]}
    # Exports differ by 1e-4 of a pixel's range at most, so that a pixel in a hundred rounds to the next grey level.
    for name, value in values(of_run).items():
        assert found[name] == pytest.approx(value, rel=0.01, abs=1 / COUNT), name
    assert content["source"] == str(place / file)
    assert content["step"] == (30 if file == "g.keras" else None)  # the others do not know


def test_the_same_seed_writes_the_same_json_and_another_another(place, of_run, tmp_path):
    same, other = tmp_path / "same.json", tmp_path / "other.json"
    evaluate(place / "run", Settings(samples=COUNT), same)
    evaluate(place / "run", Settings(samples=COUNT, seed=1), other)
    assert same.read_bytes() == (place / "of_run" / "metrics.json").read_bytes()
    assert json.loads(other.read_text())["scores"] != json.loads(same.read_text())["scores"]


def test_training_images_given_as_samples_are_flagged_from_end_to_end(tmp_path):
    digits = data.open_source("digits")
    sampling.save(digits.array[:COUNT], tmp_path / "copies")
    found = evaluate(tmp_path / "copies", Settings("digits"), tmp_path / "m.json")
    assert found.samples == COUNT and found["memorised"].value == 1 and found["train_distance"].value < 1e-3


def test_data_of_another_size_are_brought_to_the_runs(place, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "large.npz", images=rng.integers(0, 256, (80, 16, 12), dtype="uint8"))
    card = evaluate(place / "run", Settings(str(tmp_path / "large.npz"), samples=20), tmp_path / "m.json")
    assert card.extractor is None and card.samples == 20 and "no labels" in card.header()[-1]


def test_the_command_as_a_process_writes_here_and_is_quiet_on_stderr(place, tmp_path):
    arguments = ["evaluate", place / "g.npz", "--data", "digits", "--extractor", "none"]
    done = subprocess.run([KGAN, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert {file.name for file in tmp_path.iterdir()} == WRITTEN
    assert done.stdout.startswith(f"{place / 'g.npz'}\n60 samples against digits")
    assert "Fréchet distance " not in done.stdout and "sliced Wasserstein distance  " in done.stdout


BAD = {
    "samples without data": ("images", r"images does not say what it imitates; .* \(--data\)"),
    "missing path": ("missing --data digits", "missing does not exist"),
    "missing array": ("missing.npz --data digits", "missing.npz does not exist"),
    "unknown data": (
        "images --data digts",
        "unknown data 'digts': neither a dataset nor a folder here; did you mean digits",
    ),
    "unknown extractor": ("run --extractor minst", "unknown extractor 'minst'; did you mean mnist"),
    "extractor of other images": ("run --extractor mnist", r"extractor mnist for digits of shape \(8, 8, 1\)"),
    "wrong shape": ("small.npz --data digits", r"samples of shape \(60, 4, 4, 1\) for digits of shape \(8, 8, 1\)"),
    "points for images": ("g.npz --data ring", r"samples of shape \(60, 8, 8, 1\) for ring of shape \(2,\)"),
    "five samples": ("five.npz --data digits", "5 images of a kind to compare; expected at least 10; .*--samples"),
    "five asked for": ("run --samples 5", "5 images of a kind to compare"),
    "empty folder": ("empty --data digits", "empty holds no images"),
    "damaged array": ("cut.g.npz --data digits", "cut.g.npz cannot be read"),
    "damaged .keras": ("cut.g.keras --data digits", "cut.g.keras cannot be loaded .* expected a .keras file"),
    "damaged .tflite": ("cut.g.tflite --data digits", "cut.g.tflite is damaged, or"),
    "SavedModel": ("saved_model --data digits", "saved_model is a SavedModel, which can run code.* use --trust"),
    "damaged SavedModel": ("cut_model --data digits --trust", "cut_model cannot be loaded .* expected a SavedModel"),
    "text": ("file --data digits", "file is not a .tflite"),
    "run without checkpoint": ("fresh", "fresh has no checkpoint yet"),
    "below a file": ("g.npz --data digits --samples 20 --out file/m.json", "cannot write file/m.json"),
}


@pytest.mark.parametrize("words, message", BAD.values(), ids=BAD)
def test_what_cannot_be_judged_is_one_line_with_status_2_and_writes_nothing(
    words, message, place, listing, monkeypatch
):
    monkeypatch.chdir(place)
    before = listing(place)
    done = command("evaluate", *words.split())
    assert done.exit_code == 2, done.output
    (line,) = done.stderr.splitlines()
    assert re.match(f"Error: .*({message})", line), line
    assert not done.stdout and listing(place) == before


# generators from files


def test_open_generator_gives_the_same_samples_from_every_file_of_a_gan(place):
    expected = training.load(place / "run").generate(20, seed=5).astype("int16")
    for file in ("run", "g.keras", "saved_model", "g.tflite"):
        found = exports.open_generator(place / file, trust=True).generate(20, seed=5)
        assert found.dtype == np.uint8
        assert np.abs(found.astype("int16") - expected).max() <= 1, file  # one grey level


def test_a_saved_model_says_its_latents_and_fills_fixed_batches(tmp_path, tiny_generator, tiny_discriminator):
    import tensorflow as tf

    gan = GAN(tiny_generator(), tiny_discriminator(), latent="uniform")
    exports.export(gan, tmp_path / "ours")
    ours = exports.open_generator(tmp_path / "ours", trust=True)
    assert (ours.latent, ours.latent_dim) == ("uniform", 4)
    np.testing.assert_allclose(ours.generate(7, 1).astype("int16"), gan.generate(7, 1), atol=1)

    # From elsewhere: another name, batches of four, which ten samples do not fill, and nothing said of the latents.
    class Foreign(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((4, 3), "float32")])
        def draw(self, noise):
            return {"picture": tf.tanh(tf.reshape(tf.repeat(noise, 4, axis=1)[:, :8], (4, 2, 4, 1)))}

    foreign = Foreign()
    tf.saved_model.save(foreign, str(tmp_path / "foreign"), signatures={"serving_default": foreign.draw})
    theirs = exports.open_generator(tmp_path / "foreign", trust=True)
    assert (theirs.latent, theirs.latent_dim) == ("normal", 3)
    images = theirs.generate(10, seed=2)
    assert images.shape == (10, 2, 4, 1) and images.dtype == np.uint8
    # The four pixels of a row repeat one latent; that of the padding, 0, would be grey level 128 or 127.
    assert (images == images[:, :, :1]).all() and len(np.unique(images[:, :, 0, 0])) > 12


def test_a_saved_model_of_something_else_is_refused(tmp_path):
    import tensorflow as tf

    class Sum(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None,), "float32"), tf.TensorSpec((None,), "float32")])
        def add(self, a, b):
            return {"sum": a + b}

    module = Sum()
    tf.saved_model.save(module, str(tmp_path / "sum"), signatures={"add": module.add})
    with pytest.raises(InputError, match="has signatures add; expected one called generate or serving_default from"):
        exports.open_generator(tmp_path / "sum", trust=True)


def test_a_keras_file_of_something_else_is_refused(tmp_path, tiny_generator):
    tiny_generator().save(tmp_path / "g.keras")
    with pytest.raises(InputError, match="holds a Functional; expected a keras_gan.GAN; save one by gan.save"):
        training.load_file(tmp_path / "g.keras")


# while training


def on_a_line(*values):
    return from_array("line", np.array(values, "float32")[:, None])


@pytest.fixture
def constant_gan(tiny_generator, tiny_discriminator):
    """A GAN of numbers, and a function that makes its averaged generator give one number only."""
    gan = GAN(tiny_generator((1,)), tiny_discriminator((1,)))
    gan.compile()

    def give(number):
        *weights, bias = gan.ema_generator.get_weights()
        gan.ema_generator.set_weights([*(0 * w for w in weights), 0 * bias + number])

    return gan, give


def test_the_best_is_kept_and_the_values_are_those_by_hand(constant_gan, tmp_path):
    gan, give = constant_gan
    held_out = on_a_line(*range(10))
    truth = metrics.Truth.of(on_a_line(*range(100)), held_out, None, 10)
    recorded, best = [], tmp_path / "best.keras"
    judging = callbacks.Evaluation(truth, best=best, record=recorded.append)
    judging.set_model(gan)
    numbers = (9.0, 6.0, 5.0, 7.0)
    for step, number in enumerate(numbers):
        give(number)
        judging.act(step)
    # On a line, the distance of a constant c from 0 … 9 is the root of the mean of (i - c)².
    by_hand = [np.sqrt(np.mean((np.arange(10) - number) ** 2)) for number in numbers]
    assert [step for step, _ in judging.history] == [0, 1, 2, 3]
    np.testing.assert_allclose([value for _, value in judging.history], by_hand, rtol=1e-6)
    assert recorded == [{"step": step, "sliced_wasserstein": value} for step, value in judging.history]
    np.testing.assert_array_equal(training.load_file(best).generate(3, seed=0), 5.0)


def test_a_measure_that_is_better_higher_keeps_its_highest_and_a_tie_the_earlier(constant_gan, tmp_path):
    gan, give = constant_gan
    line = on_a_line(*range(40))
    truth = metrics.Truth.of(line, on_a_line(*range(20)), metrics.extractor(line), 20)
    best = tmp_path / "best.keras"
    judging = callbacks.Evaluation(truth, measure="neighbours", best=best)
    judging.set_model(gan)
    for step, number in enumerate((500.0, 10.0, 11.0, -400.0)):
        give(number)
        judging.act(step)
    assert judging.name == "precision" and [value for _, value in judging.history] == [0, 1, 1, 0]
    np.testing.assert_array_equal(training.load_file(best).generate(2, seed=0), 10.0)


def test_the_newest_value_is_in_fits_logs(tiny_gan):
    digits = data.open_source("digits")
    truth = metrics.Truth.of(digits, None, None, 20)
    images = data.load("digits", batch_size=16).take(4)
    judging = callbacks.Evaluation(truth, steps=2)
    history = tiny_gan.fit(images, epochs=2, shuffle=False, verbose=0, callbacks=[judging]).history
    assert [step for step, _ in judging.history] == [2, 4, 6, 8]
    assert history["sliced_wasserstein"] == [judging.history[1][1], judging.history[3][1]]
    # What was measured last is what the generator gives now.
    again = metrics.judge(tiny_gan.generate(20, seed=0, batch_size=256), truth, ["sliced"])
    assert again["sliced_wasserstein"].value == pytest.approx(judging.history[-1][1], rel=1e-6)


def test_what_cannot_judge_is_refused():
    truth = metrics.Truth.of(on_a_line(*range(40)), None, None, 10)
    with pytest.raises(InputError, match="measure 'parzen' does not apply to line; expected one that does"):
        callbacks.Evaluation(truth, measure="parzen")
    with pytest.raises(InputError, match="best.h5 does not end in .keras; .*give best.keras"):
        callbacks.Evaluation(truth, best="best.h5")
    with pytest.raises(InputError, match="unknown measure 'slised'; did you mean sliced"):
        callbacks.Evaluation(truth, measure="slised")


def test_a_run_goes_on_judging_where_it_stopped(run_dir, trained):
    run = Run(run_dir)
    # One evaluation before the checkpoint, which no later one can beat, and one after it, which it does not know.
    for step, value in ((20, 1e-9), (33, 1e-12)):
        run.append("evaluations", {"step": step, "frechet_distance": value})
    config = dataclasses.replace(trained.config, steps=40)
    training.prepare(config, run_dir, evaluate_every=5).train()
    rows = run.columns("evaluations")
    assert list(rows["step"]) == [20, 35, 40] and not (run_dir / "best.keras").exists()

    (run_dir / "evaluations.csv").write_text("step,frechet_distance\n20,1e9\n")
    training.prepare(dataclasses.replace(config, steps=45), run_dir, evaluate_every=5).train()
    value = run.columns("evaluations")["frechet_distance"][-1]
    digits = trained.source
    truth = metrics.Truth.of(digits, None, metrics.extractor(digits), training.EVALUATION_SAMPLES, config.seed)
    best = training.load_file(run_dir / "best.keras")
    again = metrics.judge(best.generate(truth.count, seed=0, batch_size=256), truth, ["frechet"])
    assert again["frechet_distance"].value == pytest.approx(value, rel=1e-3)
