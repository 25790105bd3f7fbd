"""One protocol for all generators: a GAN, a run, a .keras file, a .tflite, an .onnx and a SavedModel, compared."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from keras import layers
from keras.src.saving.serialization_lib import SafeModeScope

from keras_gan import GAN, data, directions, exports, networks, sampling, training
from keras_gan._utils import pixels
from keras_gan._utils.errors import InputError, Notice
from keras_gan.cli.main import kgan
from keras_gan.directions import Directions, Slider
from keras_gan.sampling import generators
from keras_gan.sampling.generators import Generator

SHAPE, DIM, NAMES = (8, 8, 3), 4, ("cat", "dog", "3")
FILES = ("g.keras", "g.tflite", "g-uint8.tflite", "g.onnx", "saved")
SEEDS_ALONE = "g-sample.onnx"  # draws from seeds, not from latents
SLIDERS = Directions("normal", (Slider("tilt", "measured", np.float32([0.5, 0, -0.5, 1]), 0.85),))


def built(num_classes=None, latent="normal"):
    """A GAN whose pictures differ between seeds and between classes, and become brighter with z₀."""
    keras.utils.set_random_seed(3)
    z, loud = keras.Input((DIM,)), keras.initializers.RandomNormal(stddev=0.5, seed=5)
    label = [] if num_classes is None else [keras.Input((), dtype="int32")]
    inputs = [z, *(layers.Embedding(num_classes, 3, embeddings_initializer=loud)(one) for one in label)]
    x = layers.Concatenate()(inputs) if label else z
    x = layers.Dense(8 * 8 * 3, activation="tanh", kernel_initializer=loud)(x)
    first = keras.initializers.Constant(np.eye(DIM, 1, dtype="float32"))
    bright = layers.Dense(1, activation="tanh", kernel_initializer=first)(z)
    x = layers.Reshape(SHAPE)(0.3 * x + 0.6 * bright)
    discriminator = networks.discriminator(SHAPE, dtype="float32", num_classes=num_classes)
    gan = GAN(
        keras.Model([z, *label] if label else z, x), discriminator, latent=latent, seed=0, num_classes=num_classes
    )
    gan.compile()
    return gan


@pytest.fixture(scope="module")
def gan():
    return built(num_classes=3)


@pytest.fixture(scope="module")
def folder(gan, tmp_path_factory):
    """The GAN in every format, with class names, sliders and steps where the format can hold them."""
    folder = tmp_path_factory.mktemp("files")
    about = exports.About("tiny", "dots", NAMES, training={"steps": 12}, directions=SLIDERS)
    for name, format, uint8 in (
        ("g.tflite", "tflite", False),
        ("g-uint8.tflite", "tflite", True),
        ("g.onnx", "onnx", False),
        ("saved", "saved_model", False),
    ):
        gan.export(folder / name, format, "float32", exports.Options(about=about, uint8=uint8))
    gan.save(folder / "g.keras")
    return folder


@pytest.fixture(scope="module", params=["a GAN", *FILES])
def generator(request, gan, folder):
    """Each of them in turn."""
    return gan if request.param == "a GAN" else exports.open_generator(folder / request.param, trust=True)


@pytest.fixture(scope="module")
def run_of_classes(tmp_path_factory):
    config = training.configure("digits", "lean", steps=2, batch_size=16, latent_dim=4, conditional=True)
    job = training.prepare(config, tmp_path_factory.mktemp("run") / "run")
    job.train()
    return job.run_dir


def levels(images, expected):
    """The largest difference in grey levels."""
    return np.abs(np.asarray(images, int) - expected).max()


def test_all_generators_have_the_same_facts(generator, gan):
    assert isinstance(generator, Generator)
    facts = ("latent", "latent_dim", "num_classes", "data_shape")
    assert [getattr(generator, name) for name in facts] == ["normal", DIM, 3, SHAPE]
    for name in ("latent", "latent_dim", "num_classes"):
        assert generator.description[name] == getattr(generator, name)
    assert generator.description["data_shape"] == list(SHAPE)
    exported = not isinstance(generator, GAN)
    assert generator.class_names == (NAMES if exported else None) and generator.step == (12 if exported else 0)
    assert generator.directions.names == (("tilt",) if exported else ())


def test_a_seed_gives_the_same_sample_in_all_generators(generator, gan):
    few, many = generator.generate(3, seed=7), generator.generate(40, seed=0)
    assert few.dtype == many.dtype == np.uint8 and few.shape == (3, *SHAPE)
    np.testing.assert_array_equal(few[2], generator.generate(1, seed=9)[0])
    assert levels(few, many[7:10]) <= 1  # another batch size may round a value between two levels otherwise
    assert levels(many, gan.generate(40, seed=0)) <= 1
    assert np.ptp(many[::3].astype(int), axis=0).max() > 50  # of one class, seeds differ
    last = generator.generate(1, seed=2**31 - 1)  # of class 1, as 2**31 - 1 = 3 · 715,827,882 + 1
    assert levels(last, gan.generate(1, seed=2**31 - 1, labels=1)) <= 1


def test_all_generators_take_labels_and_latents(generator, gan):
    z, labels = generator.inputs(20, seed=5)
    np.testing.assert_array_equal(z, gan.inputs(20, seed=5)[0])
    assert labels.tolist() == [(5 + i) % 3 for i in range(20)]
    assert levels(generator.generate(20, seed=5, labels=1), gan.generate(z=z, labels=1)) <= 1
    assert levels(generator.generate(z=z), gan.generate(z=z, labels=np.arange(20) % 3)) <= 1  # by position
    assert levels(generator.generate(z=z, labels=labels, batch_size=7), gan.generate(20, seed=5)) <= 1


def test_compute_gives_floats_in_the_range_of_networks(generator, gan):
    inputs = gan.inputs(20, seed=5)
    outputs = generator.compute(inputs)
    assert outputs.dtype == np.float32 and outputs.shape == (20, *SHAPE)
    uint8 = generator.description["output"] == "uint8"
    np.testing.assert_allclose(outputs, gan.compute(inputs), atol=1.01 / 255 if uint8 else 1e-5)
    np.testing.assert_array_equal(pixels.to_uint8(outputs), generator.generate(20, seed=5))


@pytest.mark.parametrize(
    "ask, message",
    [
        (lambda g: g.generate(), "neither of n and z"),
        (lambda g: g.generate(2, z=np.zeros((2, DIM))), "both of n and z"),
        (lambda g: g.generate(0), "asked for 0 samples"),
        (lambda g: g.generate(2, seed=2**31 - 1), "expected 0 to 2147483646 for n=2"),
        (lambda g: g.generate(2, labels=3), "label 3 is not a class; expected 0 to 2"),
        (lambda g: g.generate(2, labels=[0, 1, 2]), "for 2 samples"),
        (lambda g: g.generate(z=np.zeros((2, DIM + 1))), rf"expected finite numbers \(n, {DIM}\)"),
        (lambda g: g.generate(z=np.full((2, DIM), np.nan)), "expected finite numbers"),
        (lambda g: g.compute(np.zeros((2, DIM))), r"1 inputs; expected \[latents, labels\]"),
        (lambda g: g.compute([np.zeros((2, DIM)), np.array([0, 3])]), "label 3 is not a class"),
    ],
)
def test_all_generators_reject_wrong_arguments(generator, ask, message):
    with pytest.raises(InputError, match=message):
        ask(generator)


def test_directions_are_found_in_all_generators(generator, gan):
    """All use the same seeds, so that the results differ by rounding only."""
    found, expected = (directions.fit(one, locks=(), samples=300, least_r2=0.1) for one in (generator, gan))
    assert found.latent == "normal" and found.step == generator.step
    a, b = found["brightness"].vector, expected["brightness"].vector
    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.99
    brighter = generator.generate(z=found.move(np.zeros((3, DIM), "float32"), brightness=0.5))
    assert brighter.mean() > generator.generate(z=np.zeros((3, DIM))).mean() + 10


def test_a_file_that_takes_seeds_draws_and_rejects_latents(gan, folder):
    generator = exports.open_generator(folder / SEEDS_ALONE)
    assert isinstance(generator, Generator) and generator.class_names == NAMES and generator.directions.names == ()
    assert levels(generator.generate(40, seed=3), gan.generate(40, seed=3)) <= 1
    np.testing.assert_array_equal(generator.generate(3, seed=7)[2], generator.generate(1, seed=9)[0])


def test_a_run_opens_as_a_gan_with_classes_and_directions(run_of_classes):
    generator = exports.open_generator(run_of_classes)
    assert isinstance(generator, Generator) and generator.class_names == tuple(map(str, range(10)))
    assert generator.step == 2 and generator.description["training"]["steps"] == 2
    assert generator.description["data"] == "digits" and generator.directions.names == ()
    np.testing.assert_array_equal(generator.generate(3, seed=17)[2], generator.generate(1, seed=19, labels=9)[0])
    training_gan = training.load(run_of_classes)
    np.testing.assert_array_equal(generator.generate(4, seed=1), training_gan.generate(4, seed=1))
    (run_of_classes / "directions.json").write_text("{")
    with pytest.warns(Notice, match="directions.json is damaged .* without sliders"):
        assert exports.open_generator(run_of_classes).directions.names == ()
    (run_of_classes / "directions.json").unlink()


class Foreign(tf.Module):
    """A SavedModel without a description, with batches of four and unknown sizes in its signature."""

    @tf.function(input_signature=[tf.TensorSpec((4, 3), "float32")])
    def draw(self, noise):
        shape = tf.concat([tf.shape(noise)[:1], tf.random.shuffle([8, 4, 1], seed=1) * 0 + [8, 4, 1]], 0)
        return {"picture": tf.tanh(tf.reshape(tf.repeat(noise, 11, axis=1)[:, :32], shape))}


def test_the_description_of_a_foreign_saved_model_is_inferred(tmp_path):
    foreign = Foreign()
    tf.saved_model.save(foreign, str(tmp_path / "f"), signatures={"serving_default": foreign.draw})
    generator = exports.open_generator(tmp_path / "f", trust=True)
    assert isinstance(generator, Generator) and generator.data_shape == (8, 4, 1)
    assert (generator.latent, generator.latent_dim, generator.num_classes, generator.step) == ("normal", 3, None, None)
    assert generator.description["name"] == "f" and generator.description["value_range"] == [-1, 1]
    z = generator.inputs(5, seed=1)
    assert z.shape == (5, 3)
    np.testing.assert_allclose(generator.compute(z)[:, 0, 0, 0], np.tanh(z[:, 0]), atol=1e-6)
    np.testing.assert_array_equal(generator.generate(3, seed=7)[2], generator.generate(1, seed=9)[0])
    found = directions.fit(generator, samples=100)
    assert "brightness" in {*found.names, *found.rejected} and found.step is None


@pytest.mark.long
def test_files_of_vectors_and_uniform_latents(tmp_path, tiny_generator, tiny_discriminator):
    gan = GAN(tiny_generator((3,)), tiny_discriminator((3,)), latent="uniform")
    for name, format in (("g.tflite", "tflite"), ("g.onnx", "onnx"), ("g", "saved_model")):
        gan.export(tmp_path / name, format, "float32")
        generator = exports.open_generator(tmp_path / name, trust=True)
        assert (generator.latent, generator.data_shape, generator.num_classes) == ("uniform", (3,), None)
        np.testing.assert_allclose(generator.generate(20, seed=2), gan.generate(20, seed=2), atol=1e-4)
        np.testing.assert_allclose(generator.compute(gan.inputs(3, 1)), gan.compute(gan.inputs(3, 1)), atol=1e-4)


# trust ----------------------------------------------------------------------------------------------------------------


def test_a_saved_model_needs_trust(folder):
    with pytest.raises(InputError, match="is a SavedModel, which can run code.* use --trust"):
        exports.open_generator(folder / "saved")


def test_a_keras_file_with_python_code_needs_trust(tmp_path):
    z = keras.Input((DIM,))
    x = layers.Lambda(lambda t: t * 0.5, output_shape=(192,))(layers.Dense(192)(z))
    with SafeModeScope(False):  # of a layer that this test has written itself
        gan = GAN(keras.Model(z, layers.Reshape(SHAPE)(x)), networks.discriminator(SHAPE), seed=0)
    gan.compile()
    gan.save(tmp_path / "g.keras")
    with pytest.raises(InputError, match="holds Python code.* use --trust"):
        exports.open_generator(tmp_path / "g.keras")
    opened = exports.open_generator(tmp_path / "g.keras", trust=True)
    np.testing.assert_array_equal(opened.generate(2, seed=1), gan.generate(2, seed=1))


# labels by name -------------------------------------------------------------------------------------------------------


def chosen(label, names=NAMES, num_classes=3):
    """The result of `class_number` for a label and a generator of these classes."""

    class Of:
        class_names = names

    Of.num_classes = num_classes
    return generators.class_number(Of, label)


def test_a_class_is_chosen_by_name_or_else_by_number():
    assert [chosen(label) for label in ("cat", "dog", "0", "2", 2, None)] == [0, 1, 0, 2, 2, None]
    assert chosen("3") == 2  # a name, though it looks like a number that is no class
    assert chosen("1", ("1", "0")) == 0 and chosen(1, ("1", "0")) == 1
    assert chosen("2", None) == 2
    assert chosen("-1", ("-1", "1"), 2) == 0
    with pytest.warns(Notice, match="no class is named 1; it is read as the number of the class that is named 7"):
        assert chosen("1", ("3", "7"), 2) == 1


@pytest.mark.parametrize(
    "label, names, classes, message",
    [
        ("bird", NAMES, 3, "label bird is not a class; expected 0 to 2, or a name: cat, dog, 3"),
        ("Cat", NAMES, 3, "label Cat is not a class"),
        ("-1", NAMES, 3, "label -1 is not a class; expected 0 to 2"),
        ("1.0", NAMES, 3, "label 1.0 is not a class"),
        ("", NAMES, 3, "label  is not a class"),
        ("cat", None, 3, "label cat is not a class; expected 0 to 2, since the names of its classes are not known"),
        ("10", tuple("0123456789"), 10, r"expected 0 to 9"),
        ("bread", (*(f"class{i}" for i in range(30)), "beard"), 31, "or a name such as beard"),
        ("9" * 5_000, NAMES, 3, "is not a class"),
        ("cat", None, None, "takes no labels"),
        ("0", None, None, "takes no labels"),
    ],
)
def test_an_unknown_class_gives_an_error_with_the_known_ones(label, names, classes, message):
    with pytest.raises(InputError, match=message):
        chosen(label, names, classes)


@pytest.mark.parametrize(
    "name", ["g.tflite", *(pytest.param(name, marks=pytest.mark.long) for name in ("g.onnx", SEEDS_ALONE, "saved"))]
)
def test_the_command_takes_a_class_by_name(gan, folder, name, tmp_path):
    out, words = tmp_path / "x.npz", ["-n", "3", "--seed", "5", "--trust"]
    done = CliRunner().invoke(kgan, ["sample", str(folder / name), *words, "--label", "dog", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert levels(np.load(out)["images"], gan.generate(3, seed=5, labels=1)) <= 1
    done = CliRunner().invoke(kgan, ["sample", str(folder / name), *words, "--label", "bird", "--out", str(out)])
    assert done.exit_code == 2 and "or a name: cat, dog, 3" in done.output


@pytest.mark.long
def test_a_run_takes_a_class_by_the_name_in_its_data(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("ant", "bee"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(8):
            sampling.to_picture(rng.integers(0, 256, (8, 8, 1), "uint8")).save(
                tmp_path / "data" / name / f"{index}.png"
            )
    config = training.configure(
        str(tmp_path / "data"), "lean", steps=1, batch_size=4, latent_dim=4, conditional=True, image_size=(8, 8)
    )
    job = training.prepare(config, tmp_path / "run")
    job.train()
    assert data.open_source(str(tmp_path / "data"), (8, 8)).class_names == ("ant", "bee")
    out = tmp_path / "x.npz"
    done = CliRunner().invoke(kgan, ["sample", str(tmp_path / "run"), "-n", "2", "--label", "bee", "--out", str(out)])
    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(np.load(out)["images"], training.load(tmp_path / "run").generate(2, 0, labels=1))


# evaluation -----------------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_an_onnx_is_evaluated(trained, tmp_path):
    trained.gan.export(tmp_path / "g.onnx", "onnx")
    for name in ("g.onnx", SEEDS_ALONE):
        words = ["--data", "digits", "--samples", "40", "--extractor", "none", "--out", str(tmp_path / "m.json")]
        done = CliRunner().invoke(kgan, ["evaluate", str(tmp_path / name), *words])
        assert done.exit_code == 0, done.output
