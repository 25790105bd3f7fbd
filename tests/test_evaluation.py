"""Evaluation of runs, files and samples: cards and pictures; and evaluation during training."""

import dataclasses
import itertools
import json
import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from keras_gan import GAN, callbacks, data, evaluation, exports, metrics, sampling, training
from keras_gan._utils.errors import InputError
from keras_gan.cli.main import kgan
from keras_gan.data.source import from_array
from keras_gan.evaluation import Settings, evaluate
from keras_gan.runs import Run
from keras_gan.training import job

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
    exports.export(gan, folder / "g.tflite", "tflite", quantize="float32")
    samples = gan.generate(COUNT, seed=0)
    for name in ("images", "g.npz"):
        sampling.save(samples, folder / name)

    sampling.save(samples[:5], folder / "five.npz")
    sampling.save(np.zeros((COUNT, 4, 4, 1), "uint8"), folder / "small.npz")
    sampling.save(np.zeros((COUNT, 8, 8, 3), "uint8"), folder / "colour.npz")
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


def test_a_run_needs_no_settings_and_gets_its_card_and_pictures(run_dir, trained):
    before = {file.name for file in run_dir.iterdir()}
    done = command("evaluate", run_dir, "--samples", COUNT)
    assert done.exit_code == 0 and not done.stderr, done.output
    assert {file.name for file in run_dir.iterdir()} - before == WRITTEN
    content = json.loads((run_dir / "metrics.json").read_text(), parse_constant=pytest.fail)
    assert (content["source"], content["step"], content["data"]) == (str(run_dir), 30, "digits")
    assert content["samples"] == COUNT and content["extractor"]["name"] == "digits"
    scores = {score["name"]: score["value"] for score in content["scores"]}

    reference = metrics.Reference.of(trained.source, None, metrics.extractor(trained.source), COUNT)
    expected = metrics.evaluate(trained.gan.generate(COUNT, seed=0), reference)
    assert scores == pytest.approx(values(expected), rel=1e-6)
    first, compared, *_ = done.stdout.splitlines()
    assert first == f"{run_dir} at step 30" and compared.startswith("60 samples ") and "digits, one half" in compared
    frechet = f"{expected['frechet_distance'].value:.1f}"
    assert re.search(rf"Fréchet distance +{frechet[:3]}\S+ +\S+ +lower is better", done.stdout)


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


@pytest.mark.parametrize(
    "file", [pytest.param(file, marks=() if file in ("g.tflite", "images") else pytest.mark.long) for file in FILES]
)
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
    assert content["step"] == (30 if file == "g.keras" else None)  # other files do not have the step


def test_the_same_seed_writes_the_same_json_and_another_another(place, of_run, tmp_path):
    same, other = tmp_path / "same.json", tmp_path / "other.json"
    evaluate(place / "run", Settings(samples=COUNT), same)
    evaluate(place / "run", Settings(samples=COUNT, seed=1), other)
    assert same.read_bytes() == (place / "of_run" / "metrics.json").read_bytes()
    assert json.loads(other.read_text())["scores"] != json.loads(same.read_text())["scores"]


def test_training_images_as_samples_are_memorised_from_end_to_end(tmp_path):
    digits = data.open_source("digits")
    sampling.save(digits.array[:COUNT], tmp_path / "copies")
    found = evaluate(tmp_path / "copies", Settings("digits"), tmp_path / "m.json")
    assert found.samples == COUNT and found["memorised"].value == 1 and found["train_distance"].value < 1e-3


def test_data_of_another_size_are_resized_to_that_of_the_run(place, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "large.npz", images=rng.integers(0, 256, (80, 16, 12), dtype="uint8"))
    card = evaluate(place / "run", Settings(str(tmp_path / "large.npz"), samples=20), tmp_path / "m.json")
    assert card.extractor is None and card.samples == 20 and "no labels" in card.header()[-1]


def test_the_command_as_a_process_writes_to_the_working_directory_and_not_to_stderr(place, tmp_path, forked):
    arguments = ["evaluate", place / "g.npz", "--data", "digits", "--extractor", "none"]
    done = forked(KGAN, *arguments, started_in=tmp_path)
    out, err = done.communicate()
    assert done.returncode == 0 and not err, err
    assert {file.name for file in tmp_path.iterdir()} == WRITTEN
    assert out.startswith(f"{place / 'g.npz'}\n60 samples ")
    assert "Fréchet distance " not in out and "sliced Wasserstein distance  " in out


BAD = {
    "samples without data": ("images", r"no data to compare images with; .*\(--data\)"),
    "missing path": ("missing --data digits", "missing does not exist"),
    "missing array": ("missing.npz --data digits", "missing.npz does not exist"),
    "unknown data": (
        "images --data digts",
        "unknown data 'digts': .* did you mean digits",
    ),
    "unknown extractor": ("run --extractor minst", "--extractor: .*'minst'; did you mean mnist"),
    "extractor of other images": ("run --extractor mnist", r"extractor mnist for digits .*\(8, 8, 1\)"),
    "wrong size": (
        "small.npz --data digits",
        r"images of shape \(4, 4, 1\), and digits of shape \(8, 8, 1\); .*Use --image-size 4x4 ",
    ),
    "colour for grey": (
        "colour.npz --data digits",
        r"samples of shape \(60, 8, 8, 3\) for digits of shape \(8, 8, 1\); .*grey or in colour",
    ),
    "image size other than that of the run": (
        "run --image-size 9",
        "size 9x9 for run, .* 8x8; .*Use --image-size 8x8",
    ),
    "points for images": ("g.npz --data ring", r"samples of shape \(60, 8, 8, 1\) for ring of shape \(2,\)"),
    "five samples": ("five.npz --data digits", "5 samples of digits to compare; expected at least 10. .*--samples"),
    "five requested": ("run --samples 5", "5 samples of digits to compare"),
    "empty folder": ("empty --data digits", "empty has no images"),
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
def test_input_that_cannot_be_evaluated_gives_one_line_with_status_2_and_writes_nothing(
    words, message, place, listing, monkeypatch
):
    monkeypatch.chdir(place)
    before = listing(place)
    done = command("evaluate", *words.split())
    assert done.exit_code == 2, done.output
    (line,) = done.stderr.splitlines()
    assert re.match(f"Error: .*({message})", line), line
    assert not done.stdout and listing(place) == before


def as_folder(folder, images, labels=None):
    """Saves images as PNG files, in a subfolder for each class if there are labels."""
    for index, image in enumerate(images):
        file = folder / ("" if labels is None else f"class {labels[index]}") / f"{index:04}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        sampling.to_picture(image).save(file)
    return folder


@pytest.fixture
def of_folder(run_dir, tmp_path):
    """A run with the config of one trained on a folder of 120 digits without classes, and that folder."""
    folder = as_folder(tmp_path / "digits", data.open_source("digits").array[:120])
    change_config(run_dir, data=str(folder))
    return run_dir, folder


def change_config(run, **changes):
    content = json.loads((run / "config.json").read_text())
    content["config"] |= changes
    (run / "config.json").write_text(json.dumps(content))


def test_damaged_images_of_a_runs_data_are_left_out_with_skip_damaged(of_folder):
    run, folder = of_folder
    (folder / "0000.png").write_bytes(b"no image")
    done = command("evaluate", run, "--samples", 20)
    assert done.exit_code == 2 and "1 of 120" in done.stderr and "--skip-damaged" in done.stderr
    done = command("evaluate", run, "--samples", 20, "--skip-damaged")
    assert done.exit_code == 0, done.output


@pytest.mark.long
def test_crop_and_image_size_take_effect_with_a_run(of_folder):
    run, folder = of_folder
    shutil.rmtree(folder)
    # Twice as wide as high, dark on both sides: the centre alone is bright all over.
    wide = np.repeat(np.array([0, 255, 255, 0], "uint8"), 4)[None, :, None] * np.ones((8, 1, 1), "uint8")
    as_folder(folder, [wide] * 120)
    with pytest.raises(
        InputError, match=r"of shape \(8, 8, 1\), and .*digits of shape \(8, 16, 1\); .*--image-size 8x8"
    ):
        evaluate(run, Settings(samples=20))
    stretched, cropped = (
        evaluate(run, Settings(samples=20, image_size=(8, 8), crop=crop))["sliced_wasserstein"].value
        for crop in (False, True)
    )
    samples = training.load(run).generate(20, seed=0).reshape(20, -1) / 255
    bright = metrics.sliced_wasserstein(samples.astype("float32"), np.ones((20, 64), "float32"))
    assert cropped == pytest.approx(bright, rel=0.01) and stretched != pytest.approx(bright, rel=0.01)
    change_config(run, image_size=[8, 8], crop=True)
    assert evaluate(run, Settings(samples=20))["sliced_wasserstein"].value == cropped  # as the run has it


@pytest.mark.parametrize(
    "words",
    ["five.npz", "small.npz", "colour.npz", "g.npz --samples 9", "g.npz --out file/m.json", "g.npz --extractor minst"],
)
def test_errors_come_before_a_network_is_trained(words, place, tmp_path, monkeypatch):
    digits = data.open_source("digits")
    labelled = as_folder(tmp_path / "labelled", digits.array[:200], digits.labels[:200])
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(place)
    done = command("evaluate", *words.split(), "--data", labelled)
    assert done.exit_code == 2 and len(done.stderr.splitlines()) == 1, done.output
    assert not (tmp_path / "cache").exists()


def test_too_few_images_raise_an_error_before_a_network_is_trained(place, tmp_path, monkeypatch):
    digits = data.open_source("digits")
    few = as_folder(tmp_path / "few", digits.array[:19], digits.labels[:19] % 2)
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path / "cache"))
    with pytest.raises(InputError, match="9 images in each half of the data of .*few to compare; expected at least 10"):
        evaluate(place / "g.npz", Settings(str(few)), tmp_path / "m.json")
    assert not (tmp_path / "cache").exists()


def test_without_an_extractor_the_card_has_the_reason(place, tmp_path):
    card = evaluate(place / "g.npz", Settings("digits", extractor="none"), tmp_path / "m.json")
    assert card.header()[-1].startswith("features: none") and "--extractor none" in card.header()[-1]


# class-conditional generators

CENTRES = np.array([[0.0, 0.0], [6.0, 0.0]], "float32")
SHARES = (0.9, 0.1)


@pytest.fixture(scope="module")
def perfect(tmp_path_factory):
    """A GAN whose generator is perfect for two classes, N(centre, 1), and a file of data with shares 9 : 1."""
    import keras
    from keras import layers

    z, label = keras.Input((2,)), keras.Input((), dtype="int32")
    generator = keras.Model([z, label], layers.Add()([z, layers.Embedding(2, 2)(label)]))
    point, class_input = keras.Input((2,)), keras.Input((), dtype="int32")
    merged = layers.Concatenate()([point, layers.Embedding(2, 2)(class_input)])
    gan = GAN(generator, keras.Model([point, class_input], layers.Dense(1)(merged)), num_classes=2, seed=0)
    gan.compile()
    for net in (gan.generator, gan.ema_generator):
        (table,) = (layer for layer in net.layers if isinstance(layer, layers.Embedding))
        table.embeddings.assign(CENTRES)
    folder = tmp_path_factory.mktemp("perfect")
    rng = np.random.default_rng(0)
    arrays = {}
    for split in ("train", "test"):
        labels = rng.choice(2, 4000, p=SHARES)
        arrays |= {f"x_{split}": (CENTRES[labels] + rng.normal(size=(4000, 2))).astype("float32")}
        arrays |= {f"y_{split}": labels}
    np.savez(folder / "data.npz", **arrays)
    return gan, folder / "data.npz"


@pytest.fixture(scope="module")
def unequal(perfect):
    """The reference of these data."""
    train, test = (data.open_source(perfect[1], split=split) for split in ("train", "test"))
    return metrics.Reference.of(train, test, metrics.extractor(train), 4000)


def test_classes_are_drawn_by_their_shares_in_the_training_data(unequal):
    labels = unequal.labels(2)
    assert labels.dtype == np.int32 and labels.shape == (4000,)
    # Four binomial standard errors, √(0.9 · 0.1 / 4000) each, of the draws and of the data.
    assert labels.mean() == pytest.approx(0.1, abs=8 * 0.0047)
    np.testing.assert_array_equal(labels, unequal.labels(2))
    assert (labels != unequal.labels(2, seed=1)).any()
    assert unequal.labels(None) is None
    assert set(unequal.labels(5)) == {0, 1}  # never a class that the data do not have
    with pytest.raises(InputError, match="has 2 classes and the generator 1; .*--data"):
        unequal.labels(1)


def test_classes_of_data_without_labels_are_drawn_uniformly_with_a_notice():
    reference = metrics.Reference.of(on_a_line(*range(400)), None, None, 200)
    with pytest.warns(UserWarning, match="line has no labels, so the share of each class .* drawn uniformly from 4"):
        labels = reference.labels(4)
    assert np.bincount(labels).min() > 25


def test_a_perfect_conditional_generator_is_as_good_as_real_images(perfect, unequal):
    gan, _ = perfect
    score = metrics.evaluate(metrics.draw(gan, unequal), unequal, ["frechet"])["frechet_distance"]
    in_turn = gan.generate(4000, seed=0, labels=np.arange(4000) % 2)
    wrong = metrics.evaluate(in_turn, unequal, ["frechet"])["frechet_distance"]
    # In turn, the mean alone is off by 0.4 · 6; and both differ from real data by some chance of the shares.
    assert wrong.value > 2.4**2 and score.value < 0.02 and score.baseline < 0.02


def test_the_card_of_a_perfect_conditional_generator_is_that_of_real_images(perfect, tmp_path):
    gan, file = perfect
    gan.save(tmp_path / "g.keras")
    card = evaluate(tmp_path / "g.keras", Settings(str(file)), tmp_path / "m.json")
    assert card.samples == 4000 and card["frechet_distance"].value < 0.02
    for name in ("precision", "recall", "density", "coverage"):
        assert card[name].value == pytest.approx(card[name].baseline, abs=0.03), name
    assert card["sliced_wasserstein"].value < 0.3


def test_the_best_is_chosen_with_the_shares_of_the_classes(perfect, unequal):
    gan, _ = perfect
    evaluation = callbacks.Evaluation(unequal)
    evaluation.set_model(gan)
    evaluation.act(1)
    assert evaluation.history[0][1] < 0.02


def test_an_export_is_compared_with_the_shares_of_the_classes(perfect, unequal):
    from keras_gan.exports import quality

    gan, _ = perfect
    found = quality.measure(quality.Original(gan, unequal), gan.generate)
    assert found.frechet_distance == found.frechet_keras < 0.02 and found.frechet_samples == 4000
    assert found.lost == 0 and found.sliced_wasserstein == 0


# generators from files


def test_open_generator_gives_the_same_samples_from_every_file_of_a_gan(place):
    expected = training.load(place / "run").generate(20, seed=5).astype("int16")
    for file in ("run", "g.keras", "saved_model", "g.tflite"):
        found = exports.open_generator(place / file, trust=True).generate(20, seed=5)
        assert found.dtype == np.uint8
        assert np.abs(found.astype("int16") - expected).max() <= 1, file  # one grey level


def test_a_saved_model_has_its_latents_and_fills_fixed_batches(tmp_path, tiny_generator, tiny_discriminator):
    import tensorflow as tf

    gan = GAN(tiny_generator(), tiny_discriminator(), latent="uniform")
    exports.export(gan, tmp_path / "ours")
    ours = exports.open_generator(tmp_path / "ours", trust=True)
    assert (ours.latent, ours.latent_dim) == ("uniform", 4)
    np.testing.assert_allclose(ours.generate(7, 1).astype("int16"), gan.generate(7, 1), atol=1)

    # From elsewhere: another name, batches of four, which ten samples do not fill, and no description of the latents.
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


def test_a_saved_model_of_something_else_raises_an_error(tmp_path):
    import tensorflow as tf

    class Sum(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None,), "float32"), tf.TensorSpec((None,), "float32")])
        def add(self, a, b):
            return {"sum": a + b}

    module = Sum()
    tf.saved_model.save(module, str(tmp_path / "sum"), signatures={"add": module.add})
    with pytest.raises(InputError, match="has the signatures add; expected one called generate or serving_default"):
        exports.open_generator(tmp_path / "sum", trust=True)


def test_a_keras_file_of_something_else_raises_an_error(tmp_path, tiny_generator):
    tiny_generator().save(tmp_path / "g.keras")
    with pytest.raises(InputError, match="holds a Functional; expected a keras_gan.GAN"):
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


def test_the_best_is_saved_and_the_values_are_those_by_hand(constant_gan, tmp_path):
    gan, give = constant_gan
    held_out = on_a_line(*range(10))
    reference = metrics.Reference.of(on_a_line(*range(100)), held_out, None, 10)
    recorded, best = [], tmp_path / "best.keras"
    evaluation = callbacks.Evaluation(reference, best=best, record=recorded.append)
    evaluation.set_model(gan)
    numbers = (9.0, 6.0, 5.0, 7.0)
    for step, number in enumerate(numbers):
        give(number)
        evaluation.act(step)
    # On a line, the distance of a constant c from 0 … 9 is the root of the mean of (i - c)².
    by_hand = [np.sqrt(np.mean((np.arange(10) - number) ** 2)) for number in numbers]
    assert [step for step, _ in evaluation.history] == [0, 1, 2, 3]
    np.testing.assert_allclose([value for _, value in evaluation.history], by_hand, rtol=1e-6)
    assert recorded == [{"step": step, "sliced_wasserstein": value} for step, value in evaluation.history]
    np.testing.assert_array_equal(training.load_file(best).generate(3, seed=0), 5.0)


def test_a_metric_that_is_better_higher_saves_its_highest_and_the_earlier_of_equal_values(constant_gan, tmp_path):
    gan, give = constant_gan
    line = on_a_line(*range(40))
    reference = metrics.Reference.of(line, on_a_line(*range(20)), metrics.extractor(line), 20)
    best = tmp_path / "best.keras"
    evaluation = callbacks.Evaluation(reference, metric="neighbours", best=best)
    evaluation.set_model(gan)
    for step, number in enumerate((500.0, 10.0, 11.0, -400.0)):
        give(number)
        evaluation.act(step)
    assert evaluation.name == "precision" and [value for _, value in evaluation.history] == [0, 1, 1, 0]
    np.testing.assert_array_equal(training.load_file(best).generate(2, seed=0), 10.0)


def test_the_newest_value_is_in_fits_logs(tiny_gan):
    digits = data.open_source("digits")
    reference = metrics.Reference.of(digits, None, None, 20)
    images = data.load("digits", batch_size=16).take(4)
    evaluation = callbacks.Evaluation(reference, steps=2)
    history = tiny_gan.fit(images, epochs=2, shuffle=False, verbose=0, callbacks=[evaluation]).history
    assert [step for step, _ in evaluation.history] == [2, 4, 6, 8]
    assert history["sliced_wasserstein"] == [evaluation.history[1][1], evaluation.history[3][1]]
    # The latest value is that of the present generator.
    again = metrics.evaluate(tiny_gan.generate(20, seed=0, batch_size=256), reference, ["sliced"])
    assert again["sliced_wasserstein"].value == pytest.approx(evaluation.history[-1][1], rel=1e-6)


def test_arguments_without_an_evaluation_raise_an_error():
    reference = metrics.Reference.of(on_a_line(*range(40)), None, None, 10)
    with pytest.raises(InputError, match="metric 'parzen' does not apply to line; expected .*sliced"):
        callbacks.Evaluation(reference, metric="parzen")
    with pytest.raises(InputError, match="best.h5; .*best.keras"):
        callbacks.Evaluation(reference, best="best.h5")
    with pytest.raises(InputError, match="unknown metric 'slised'; did you mean sliced"):
        callbacks.Evaluation(reference, metric="slised")


def test_a_resumed_run_continues_its_evaluations(run_dir, trained):
    run = Run(run_dir)
    # One evaluation before the checkpoint, which no later one can improve, and one after it, which is lost.
    for step, value in ((20, 1e-9), (33, 1e-12)):
        run.append("evaluations", {"step": step, "frechet_distance": value})
    config = dataclasses.replace(trained.config, steps=40)
    training.prepare(config, run_dir, evaluate_every=5).train()
    rows = run.columns("evaluations")
    assert list(rows["step"]) == [20, 35, 40] and not (run_dir / "best.keras").exists()


@pytest.mark.long
def test_a_run_that_becomes_better_than_it_was_is_saved(run_dir, trained):
    run, config = Run(run_dir), trained.config
    (run_dir / "evaluations.csv").write_text("step,frechet_distance\n20,1e9\n")
    training.prepare(dataclasses.replace(config, steps=35), run_dir, evaluate_every=5).train()
    value = run.columns("evaluations")["frechet_distance"][-1]
    digits = trained.source
    reference = metrics.Reference.of(digits, None, metrics.extractor(digits), job.EVALUATION_SAMPLES, config.seed)
    best = training.load_file(run_dir / "best.keras")
    again = metrics.evaluate(best.generate(reference.count, seed=0, batch_size=256), reference, ["frechet"])
    assert again["frechet_distance"].value == pytest.approx(value, rel=1e-3)


def test_the_card_of_a_conditional_generator_shows_a_row_of_each_class():
    source = from_array("shades", np.zeros((4, 8, 8, 1), "uint8"), np.arange(4), ("a", "b", "c", "d"))
    labels = np.array([2] * 30 + [0] * 9 + [3])  # no b
    images = np.broadcast_to((10 * (1 + labels)).astype("uint8")[:, None, None, None], (40, 8, 8, 1))
    shown = evaluation._shown(SimpleNamespace(images=images, labels=labels, training=SimpleNamespace(source=source)))
    shown = shown[:, -(8 * 50 + 2) :]  # without the names: eight cells of 48 pixels and a gap
    shades = [[shade for shade in (10, 30, 40) if shade in row] for row in shown]
    assert [key for key, _ in itertools.groupby(shades)] == [[], [10], [], [30], [], [40], []]
    in_each_row = [int((shown[np.argmax((shown == shade).any(1))] == shade).sum()) for shade in (10, 30, 40)]
    assert in_each_row == [8 * in_each_row[2], 8 * in_each_row[2], in_each_row[2]]
