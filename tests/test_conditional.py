"""Class-conditional GANs, from labels in `fit` to labels in an export and on the command line."""

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers
from PIL import Image

from keras_gan import GAN, data, exports, networks, training
from keras_gan._utils.errors import InputError
from keras_gan.cli.main import kgan
from keras_gan.sampling import latents

SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def conditional():
    """A compiled GAN of three classes, a few steps old."""
    keras.utils.set_random_seed(0)
    build = {"dtype": "float32", "num_classes": 3}
    pair = networks.generator(SHAPE, 4, "lean", **build), networks.discriminator(SHAPE, "lean", **build)
    gan = GAN(*pair, seed=1, num_classes=3)
    gan.compile()
    rng = np.random.default_rng(0)
    images, labels = rng.uniform(-1, 1, (12, *SHAPE)).astype("float32"), np.arange(12) % 3
    gan.fit(images, labels, batch_size=4, epochs=2, verbose=0)
    return gan


@pytest.fixture(scope="module")
def conditional_run(tmp_path_factory):
    job = training.prepare(
        training.configure("digits", "lean", steps=4, batch_size=16, latent_dim=4, conditional=True),
        tmp_path_factory.mktemp("conditional") / "run",
    )
    job.train()
    return job.run_dir


@pytest.mark.long
def test_each_class_learns_its_own_data():
    """Class 0 is dark, class 1 is bright: after training the label alone distinguishes them."""
    keras.utils.set_random_seed(0)
    z, label = keras.Input((2,)), keras.Input((), dtype="int32")
    both = layers.Concatenate()([z, layers.Embedding(2, 4)(label)])
    generator = keras.Model([z, label], layers.Reshape(SHAPE)(layers.Dense(64, activation="tanh")(both)))
    image = keras.Input(SHAPE)
    x = layers.Concatenate()([layers.Flatten()(image), layers.Embedding(2, 4)(label)])
    discriminator = keras.Model([image, label], layers.Dense(1)(layers.Dense(32, "leaky_relu")(x)))
    gan = GAN(generator, discriminator, seed=0, num_classes=2)
    gan.compile(keras.optimizers.Adam(0.01, 0.0), keras.optimizers.Adam(0.003, 0.0))
    labels = np.arange(64) % 2
    images = np.broadcast_to(np.where(labels, 0.6, -0.6)[:, None, None, None], (64, *SHAPE)).astype("float32")
    gan.fit(images, labels, batch_size=16, epochs=40, verbose=0)
    dark, bright = (gan.generate(16, seed=1, labels=label).mean() for label in (0, 1))
    assert dark < 90 and bright > 165  # -0.6 and 0.6 are the grey levels 51 and 204


def test_a_seed_has_its_class_unless_labels_are_given(conditional):
    assert latents.choose_labels(5, 3).tolist() == [0, 1, 2, 0, 1]  # latents without seeds: by their position
    assert latents.choose_labels(4, 3, seeds=np.array([7, 9, 2**31 - 1, 0])).tolist() == [1, 0, 1, 0]
    np.testing.assert_array_equal(conditional.generate(3, seed=7)[2], conditional.generate(1, seed=9)[0])
    z, labels = conditional.inputs(5, seed=7)
    assert labels.tolist() == [1, 2, 0, 1, 2] and labels.dtype == np.int32
    np.testing.assert_array_equal(conditional.generate(z=z), conditional.generate(z=z, labels=[0, 1, 2, 0, 1]))
    assert latents.choose_labels(3, 3, 2).tolist() == [2, 2, 2]
    assert latents.choose_labels(3, 3, [2, 0, 1]).tolist() == [2, 0, 1]
    by_seed = conditional.generate(6, seed=5)
    np.testing.assert_array_equal(by_seed, conditional.generate(6, seed=5, labels=[2, 0, 1, 2, 0, 1]))
    assert (conditional.generate(6, seed=5, labels=1) != by_seed).any()


@pytest.mark.parametrize(
    "labels, message",
    [(3, "label 3"), (-1, "label -1"), ([0, 1], "for 4 samples"), (0.5, "one integer"), ("1", "integer")],
)
def test_labels_that_are_not_classes_raise_an_error(conditional, labels, message):
    with pytest.raises(InputError, match=message):
        conditional.generate(4, labels=labels)


def test_a_generator_without_classes_takes_no_labels(tiny_gan):
    with pytest.raises(InputError, match="takes no labels"):
        tiny_gan.generate(2, labels=1)


def test_networks_must_match_num_classes():
    plain = networks.generator(SHAPE, dtype="float32"), networks.discriminator(SHAPE, dtype="float32")
    labelled = [build(SHAPE, dtype="float32", num_classes=3) for build in (networks.generator, networks.discriminator)]
    with pytest.raises(InputError, match="the generator takes 1 inputs; expected 2"):
        GAN(*plain, num_classes=3)
    with pytest.raises(InputError, match="the generator takes 2 inputs; expected 1"):
        GAN(*labelled)
    with pytest.raises(InputError, match="the discriminator takes 1 inputs"):
        GAN(labelled[0], plain[1], num_classes=3)
    with pytest.raises(InputError, match="num_classes is 0"):
        GAN(*labelled, num_classes=0)


def test_fit_needs_labels(conditional):
    images = np.zeros((4, *SHAPE), "float32")
    with pytest.raises(InputError, match=r"expected \(images, labels\)"):
        conditional.fit(images, verbose=0)
    with pytest.raises(InputError, match="not one-hot"):
        conditional.fit(images, np.eye(4, dtype="int64"), verbose=0)


def test_k_steps_divide_the_labels_with_the_images(conditional):
    data_ = np.linspace(-1, 1, 4 * 64, dtype="float32").reshape(4, *SHAPE), np.array([2, 0, 1, 2])
    ((first, labels, _), (second, others, _)), _ = conditional._minibatches(data_, steps=2)
    np.testing.assert_array_equal(first, data_[0][::2])
    np.testing.assert_array_equal(second, data_[0][1::2])
    assert np.array(labels).tolist() == [2, 1] and np.array(others).tolist() == [0, 2]


def test_evaluate_takes_labels(conditional):
    images = np.zeros((4, *SHAPE), "float32")
    assert np.isfinite(conditional.evaluate(images, np.arange(4) % 3, verbose=0, return_dict=True)["d_loss"])


def test_a_saved_gan_gives_the_same_classes(conditional, tmp_path):
    conditional.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    assert loaded.num_classes == 3
    np.testing.assert_array_equal(loaded.generate(6, seed=2), conditional.generate(6, seed=2))


@pytest.mark.parametrize(
    "name, format",
    [
        ("g.tflite", "tflite"),
        *(pytest.param(*case, marks=pytest.mark.long) for case in (("g", "saved_model"), ("g.onnx", "onnx"))),
    ],
)
def test_exports_take_a_label(conditional, tmp_path, name, format):
    conditional.export(tmp_path / name, format)
    generator = exports.open_generator(tmp_path / name, trust=True)
    for labels in (None, 2, np.arange(21)[::-1] % 3):
        expected = conditional.generate(21, seed=4, labels=labels).astype(int)
        assert np.abs(generator.generate(21, seed=4, labels=labels) - expected).max() <= 3
    with pytest.raises(InputError, match="label 3 is not a class; expected 0 to 2"):
        generator.generate(1, labels=3)


def test_batches_pair_images_with_their_classes():
    source = data.open_source("digits")
    images, labels = next(iter(data.batches(source, 8, seed=0, labels=True)))
    plain = next(iter(data.batches(source, 8, seed=0)))
    np.testing.assert_array_equal(images, plain)
    rows = [int(np.flatnonzero((source.array == np.round((i + 1) * 127.5)).all((1, 2, 3)))[0]) for i in images.numpy()]
    assert labels.numpy().tolist() == source.labels[rows].tolist() and labels.dtype == "int32"


def test_data_without_classes_raise_an_error(tmp_path):
    np.save(tmp_path / "plain.npy", np.zeros((20, 8, 8, 1), "uint8"))
    with pytest.raises(InputError, match="has no classes"):
        training.prepare(
            training.configure(str(tmp_path / "plain.npy"), batch_size=4, conditional=True), tmp_path / "run"
        )
    with pytest.raises(InputError, match="has no classes"):
        data.load(tmp_path / "plain.npy", 4, labels=True)


def test_a_run_samples_by_label_and_is_resumed(conditional_run, tmp_path):
    out = tmp_path / "sevens.npz"
    done = CliRunner().invoke(kgan, ["sample", str(conditional_run), "-n", "4", "--label", "7", "--out", str(out)])
    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(np.load(out)["images"], training.load(conditional_run).generate(4, seed=0, labels=7))
    options = ["--steps", "6", "--batch-size", "16", "--latent-dim", "4", "--preset", "lean", "--conditional"]
    done = CliRunner().invoke(kgan, ["train", "digits", *options, "--run", str(conditional_run)])
    assert done.exit_code == 0, done.output
    assert training.load(conditional_run).step == 6


def test_shares_of_classes_need_an_embedding(tiny_discriminator):
    z, label = keras.Input((2,)), keras.Input((), dtype="int32")
    one_hot = keras.layers.CategoryEncoding(3, "one_hot")(keras.layers.Reshape((1,))(label))
    x = keras.layers.Dense(64, "tanh")(keras.layers.Concatenate()([z, one_hot]))
    image, label_of_image = keras.Input((8, 8, 1)), keras.Input((), dtype="int32")
    logit = keras.layers.Add()([tiny_discriminator()(image), keras.layers.Embedding(3, 1)(label_of_image)])
    gan = GAN(
        keras.Model([z, label], keras.layers.Reshape((8, 8, 1))(x)),
        keras.Model([image, label_of_image], logit),
        num_classes=3,
    )
    assert gan.generate(3, seed=0, labels=2).shape == (3, 8, 8, 1)
    with pytest.raises(InputError, match="no classes that can be mixed"):
        gan.generate(3, seed=0, labels=np.eye(3, dtype="float32"))


def test_an_animation_goes_from_class_to_class(conditional_run, tmp_path):
    """Of a run with a mixture of classes in between; a .tflite takes whole classes alone."""
    words = ["--label", "7", "--label", "1", "--frames", "4"]
    out = tmp_path / "w.gif"
    done = CliRunner().invoke(kgan, ["sample", str(conditional_run), *words, "--out", str(out)])
    assert done.exit_code == 0 and "1 seed, 2 classes in " in done.output, done.output
    gan = training.load(conditional_run)
    with Image.open(out) as gif:
        assert gif.n_frames == 8
        for frame, shares in ((0, {7: 1.0}), (1, {7: 0.75, 1: 0.25}), (4, {1: 1.0}), (6, {7: 0.5, 1: 0.5})):
            gif.seek(frame)
            row = np.float32([[shares.get(number, 0) for number in range(10)]])
            expected = gan.generate(1, seed=0, labels=row)[0, ..., 0].repeat(24, axis=0).repeat(24, axis=1)
            assert np.abs(np.asarray(gif.convert("L"), int) - expected).max() <= 4  # a GIF has 256 colours
    gan.export(tmp_path / "g.tflite", "tflite", "float32")
    done = CliRunner().invoke(kgan, ["sample", str(tmp_path / "g.tflite"), *words, "--out", str(out)])
    assert done.exit_code == 2 and "takes one class for each picture; expected" in done.output


def test_a_wrong_label_gives_one_line(conditional_run, run_dir, tmp_path):
    for run, label, message in ((conditional_run, "10", "expected 0 to 9"), (run_dir, "1", "takes no labels")):
        done = CliRunner().invoke(kgan, ["sample", str(run), "--label", label, "--out", str(tmp_path / "x.png")])
        assert done.exit_code == 2 and message in done.output
        assert len(done.output.strip().splitlines()) == 1 and not (tmp_path / "x.png").exists()
