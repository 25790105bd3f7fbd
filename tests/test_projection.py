"""The nearest picture that a generator draws: in code, with `kgan project`, and sampling of the latent it found."""

import json
import os
import shutil

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers
from PIL import Image

from keras_gan import GAN, InputError, networks, projection, sampling, training
from keras_gan.cli.main import kgan
from keras_gan.projection import descent, encoder
from keras_gan.runs import Run
from keras_gan.sampling import latents
from keras_gan.training import run_projection


def linear_gan(num_classes=None, latent="normal"):
    """A generator that draws z itself as grey levels, 8 times 8 times the same, and classes as brightness."""
    z, label = keras.Input((2,)), keras.Input((), dtype="int32")
    x = layers.Dense(64, use_bias=False)(z)
    if num_classes:
        x = layers.Add()([x, layers.Embedding(num_classes, 64)(label)])
    generator = keras.Model([z, label] if num_classes else z, layers.Reshape((8, 8, 1))(x))
    halves = np.zeros((2, 64), "float32")
    halves[0, :32] = halves[1, 32:] = 0.2  # z_0 is the upper half, z_1 the lower one
    brightness = [np.linspace(-0.3, 0.3, num_classes)[:, None] * np.ones((1, 64))] if num_classes else []
    generator.set_weights([np.asarray(value, "float32") for value in [halves, *brightness]])
    discriminator = networks.discriminator((8, 8, 1), "lean", num_classes=num_classes)
    return GAN(generator, discriminator, num_classes=num_classes, latent=latent)


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory):
    config = training.configure("digits", "lean", steps=4, batch_size=16, latent_dim=4)
    job = training.prepare(config, tmp_path_factory.mktemp("projection") / "run")
    job.train()
    return job.run_dir


@pytest.fixture
def quick(monkeypatch):
    """Short trainings, for what does not depend on their length."""
    monkeypatch.setattr(encoder, "STEPS", 5)
    monkeypatch.setattr(run_projection, "COMPARED", 3)


def test_the_latent_of_a_drawn_picture_is_found():
    gan = linear_gan()
    z = np.float32([[1.0, -0.5], [-2.0, 0.3]])
    found = projection.project(gan, gan.generate(z=z), projection.train_encoder(gan, steps=20), steps=100)
    np.testing.assert_allclose(found.z, z, atol=0.06)  # grey levels are rounded, and the penalty draws z to 0
    assert (found.errors < 1.5).all() and (found.errors <= found.start_errors).all()
    np.testing.assert_array_equal(found.images, gan.generate(z=found.z))
    assert found.labels is None


def test_the_class_of_a_drawn_picture_is_found():
    gan = linear_gan(num_classes=3)
    labels = np.int32([2, 0, 1])
    images = gan.generate(z=np.zeros((3, 2), "float32"), labels=labels)
    found = projection.project(gan, images, projection.train_encoder(gan, steps=20), steps=50)
    # Any class can draw these with another z; the penalty prefers z = 0, and what is drawn is near.
    assert (found.errors < 2.0).all() and found.labels.shape == (3,) and found.labels.dtype == np.int32
    np.testing.assert_array_equal(found.images, gan.generate(z=found.z, labels=found.labels))


def test_uniform_latents_stay_in_their_range():
    gan = linear_gan(latent="uniform")
    white = np.full((1, 8, 8, 1), 255, "uint8")  # would need z = 5
    found = projection.project(gan, white, projection.train_encoder(gan, steps=5), steps=60)
    np.testing.assert_allclose(found.z, 1.0, atol=0.02)


def test_the_error_is_the_root_mean_square_in_grey_levels():
    wanted, drawn = np.zeros((1, 2, 2, 1), "float32"), np.zeros((1, 2, 2, 1), "float32")
    drawn[0, 0, 0] = 20 / 127.5
    assert descent._errors(drawn, wanted) == pytest.approx(10.0)  # √(20² / 4)
    drawn[0, 0, 0] = 9.0  # shown as white, 127 levels above grey 128
    assert descent._errors(drawn, wanted) == pytest.approx(127 / 2, abs=0.5)


def test_a_descent_never_ends_worse_than_its_start():
    gan = linear_gan()
    noise = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), "uint8")
    found = projection.project(gan, noise, projection.train_encoder(gan, steps=2), steps=3)
    assert (found.errors <= found.start_errors).all()


def refusal(call):
    with pytest.raises(InputError) as error:
        call()
    return str(error.value)


def test_images_that_the_generator_does_not_draw_raise():
    gan = linear_gan()
    for images in (np.zeros((1, 9, 8, 1), "uint8"), np.zeros((1, 8, 8, 1)), np.zeros((0, 8, 8, 1), "uint8")):
        assert "expected uint8" in refusal(lambda images=images: projection.project(gan, images))
    vectors = GAN(networks.generator((2,), 2), networks.discriminator((2,)))
    assert "are not images" in refusal(lambda: projection.train_encoder(vectors))


# runs and the command line


def test_the_encoder_of_a_run_is_trained_once(digits_run, tmp_path, quick):
    gan = training.load(digits_run)
    calls = []

    def measure(known):
        calls.append(known)
        return {"errors": np.float64([1.5])}

    first, measured = encoder.of_run(gan, tmp_path / "encoder.npz", measure)
    second, again = encoder.of_run(gan, tmp_path / "encoder.npz", measure)
    assert len(calls) == 1 and measured["errors"] == again["errors"]
    for mine, others in zip(first.network.get_weights(), second.network.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, others)
    gan.ema_generator.set_weights([value + 0.1 for value in gan.ema_generator.get_weights()])
    encoder.of_run(gan, tmp_path / "encoder.npz", measure)
    assert len(calls) == 2  # another generator
    encoder.write(tmp_path / "encoder.npz", first, measured, gan, small=True)
    small, _ = encoder.of_run(gan, tmp_path / "encoder.npz", measure)
    assert len(calls) == 2
    for mine, others in zip(first.network.get_weights(), small.network.get_weights(), strict=True):
        step = np.abs(mine).max(axis=tuple(range(mine.ndim - 1)), initial=1e-12) / encoder.LARGEST_STORED
        assert (np.abs(mine - others) <= 0.51 * step).all() if mine.ndim > 1 else (mine == others).all()
    (tmp_path / "encoder.npz").write_bytes(b"PK\x03\x04damaged")
    encoder.of_run(gan, tmp_path / "encoder.npz", measure)
    assert len(calls) == 3


def run(*words):
    return CliRunner().invoke(kgan, [*map(str, words)])


def test_the_command_and_a_sample_of_its_latent(digits_run, tmp_path, quick):
    photo, out = tmp_path / "me.png", tmp_path / "out"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 20, 3), "uint8")).save(photo)
    done = run("project", digits_run, photo, "--out", out)
    assert done.exit_code == 0, done.output
    assert "3 training images" in done.output  # digits have no held-out images
    facts = json.loads((out / "projection.json").read_text())
    assert 0 < facts["error"] <= facts["start_error"] and len(facts["errors_of"]["training images"]) == 3
    assert np.load(out / "z.npy").shape == (1, 4)
    with Image.open(out / "projection.png") as picture:
        assert picture.width > 2 * picture.height  # three columns
    sampled = run("sample", digits_run, "--z", out / "z.npy", "--out", tmp_path / "again.png")
    assert sampled.exit_code == 0 and "1 latent in" in sampled.output, sampled.output
    with Image.open(out / "picture.png") as picture:
        drawn = np.asarray(picture)
    np.testing.assert_array_equal(drawn, training.load(digits_run).generate(z=np.load(out / "z.npy"))[0, ..., 0])
    np.save(tmp_path / "one.npy", np.eye(1, 4))
    both = "--z", tmp_path / "one.npy", "--z", out / "z.npy"
    walk = run("sample", digits_run, *both, "--out", tmp_path / "walk.gif")
    assert walk.exit_code == 0, walk.output
    with Image.open(tmp_path / "walk.gif") as animation:
        assert animation.n_frames > 12


def test_the_card_has_the_error_of_reconstruction(tmp_path, quick):
    """Of a run whose data have held-out images, and only of such a run."""
    for split, count in (("train", 40), ("test", 20)):
        folder = tmp_path / "photos" / split
        folder.mkdir(parents=True)
        for number in range(count):
            grey = Image.new("L", (8, 8), number)
            grey.putpixel((number % 8, number // 8), 255)
            grey.save(folder / f"{number}.png")
    config = training.configure(str(tmp_path / "photos"), "lean", steps=2, batch_size=16, latent_dim=4)
    training.prepare(config, tmp_path / "run").train()
    words = ["evaluate", tmp_path / "run", "--reconstruction", "--extractor", "none", "--samples", 20]
    done = run(*words)
    assert done.exit_code == 0 and "reconstruction error" in done.output, done.output
    found = json.loads((tmp_path / "run" / "metrics.json").read_text())["scores"][-1]
    gan = training.load(tmp_path / "run")
    known, errors = run_projection.prepare(Run(tmp_path / "run"), gan)
    assert found["name"] == "reconstruction" and found["better"] == "lower"
    assert found["value"] == pytest.approx(np.median(errors["held-out images"])) and len(errors["training images"]) == 3
    assert found["baseline"] == pytest.approx(np.median(errors["training images"]))
    encoder.write(tmp_path / "run" / "encoder.npz", known, {}, gan)  # as if the data had been missing
    assert run_projection.prepare(Run(tmp_path / "run"), gan)[1].keys() == errors.keys()


def test_reconstruction_that_cannot_be_measured_is_refused(digits_run, tmp_path):
    refused = run("evaluate", digits_run, "--reconstruction")
    assert refused.exit_code == 2 and "whose data digits have no test split" in refused.output
    np.savez(tmp_path / "samples.npz", images=np.zeros((12, 8, 8, 1), "uint8"))
    refused = run("evaluate", tmp_path / "samples.npz", "--data", "digits", "--reconstruction")
    assert refused.exit_code == 2 and "which is no run; expected" in refused.output
    refused = run("evaluate", digits_run, "--data", "digits", "--reconstruction")
    assert refused.exit_code == 2 and "expected the run's own data" in refused.output


def test_samples_of_chosen_seeds_of_shorter_latents_and_of_more_frames(digits_run, tmp_path):
    gan = training.load(digits_run)
    z = np.concatenate([latents.of_seeds(np.int32([seed]), 4) for seed in (5, 1)])
    done = run("sample", digits_run, "--seeds", "5,1", "--truncation", 0.5, "--out", tmp_path / "two.npz")
    assert done.exit_code == 0 and "2 seeds in" in done.output, done.output
    with np.load(tmp_path / "two.npz") as found:
        np.testing.assert_array_equal(found["images"], gan.generate(z=np.float32(0.5) * z))
    run("sample", digits_run, "-n", 2, "--seed", 5, "--truncation", 0.5, "--out", tmp_path / "next.npz")
    with np.load(tmp_path / "next.npz") as found:
        np.testing.assert_array_equal(found["images"][0], gan.generate(z=np.float32(0.5) * z)[0])
    walk = run("sample", digits_run, "--seeds", "5,1,7", "--frames", 4, "--out", tmp_path / "walk.gif")
    assert walk.exit_code == 0, walk.output
    with Image.open(tmp_path / "walk.gif") as animation:
        assert f"[default: {sampling.FRAMES}]" in " ".join(run("sample", "--help").output.split())
        times = [animation.seek(frame) or animation.info["duration"] for frame in range(animation.n_frames)]
    assert sum(times) == 12 * 80  # equal pictures become one longer frame


def test_a_run_that_can_only_be_read_is_refused_before_the_training(digits_run, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # whatever the rights of who runs the tests
    Image.new("L", (8, 8)).save(tmp_path / "me.png")
    copied = shutil.copytree(digits_run, tmp_path / "run")
    (copied / run_projection.ENCODER).unlink(missing_ok=True)
    refused = run("project", copied, tmp_path / "me.png", "--out", tmp_path / "out")
    assert refused.exit_code == 2 and "cannot write" in refused.output and "Copy the run" in refused.output
    refused = run("directions", copied)
    assert refused.exit_code == 2 and "cannot write into" in refused.output and "Copy the run" in refused.output


def test_bad_input_is_one_line_and_writes_nothing(digits_run, tmp_path, quick):
    photo, text, animated = (tmp_path / name for name in ("me.png", "text.jpg", "animated.gif"))
    Image.new("L", (8, 8)).save(photo)
    text.write_text("no picture")
    Image.new("L", (8, 8)).save(animated, save_all=True, append_images=[Image.new("L", (8, 8), 9)])
    np.save(tmp_path / "text.npy", np.array(["a"]))
    np.save(tmp_path / "wide.npy", np.zeros((2, 5), "float32"))
    np.save(tmp_path / "one.npy", np.zeros(4, "float32"))
    out = tmp_path / "out"
    for words, message in (
        (["project", digits_run, tmp_path / "none.png", "--out", out], "is no file"),
        (["project", digits_run, text, "--out", out], "cannot be used"),
        (["project", digits_run, animated, "--out", out], "several frames"),
        (["project", tmp_path, photo, "--out", out], "is not a run folder"),
        (["sample", digits_run, "--z", tmp_path / "text.npy", "--out", out / "a.png"], "cannot be read as latents"),
        (["sample", digits_run, "--z", tmp_path / "none.npy", "--out", out / "a.png"], "cannot be read as latents"),
        (["sample", digits_run, "--z", tmp_path / "wide.npy", "--out", out / "a.png"], "z of shape (2, 5)"),
        (
            ["sample", digits_run, "--z", tmp_path / "one.npy", "--z", tmp_path / "wide.npy", "--out", out / "a.png"],
            "latents of different dimensions, 4 in ",
        ),
        (["sample", digits_run, "--z", tmp_path / "one.npy", "-n", 2, "--out", out / "a.png"], "-n or --seed with --z"),
        (["sample", digits_run, "--z", tmp_path / "one.npy", "--out", out / "a.gif"], "expected at least 2"),
        (["sample", digits_run, "--seeds", "1,x", "--out", out / "a.png"], "expected seeds"),
        (["sample", digits_run, "--seeds", "1,-2", "--out", out / "a.png"], "expected seeds"),
        (["sample", digits_run, "--seeds", "1", "--seed", 0, "--out", out / "a.png"], "with --seeds"),
        (["sample", digits_run, "--truncation", 0, "--out", out / "a.png"], "truncation"),
    ):
        refused = run(*words)
        assert refused.exit_code == 2 and message in refused.output, refused.output
        assert not out.exists()
