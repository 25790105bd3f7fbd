"""GANs with yes/no attributes, from the coordinates of z that decide them to the command line."""

import csv
import statistics

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from keras import layers
from PIL import Image

from keras_gan import GAN, InputError, data, networks, training
from keras_gan.cli.main import kgan
from keras_gan.exports import discriminator
from keras_gan.gan import conditions
from keras_gan.gan.conditions import Attributes
from keras_gan.networks import IMAGE_FAMILIES
from keras_gan.reporting import settings
from keras_gan.runs import Run
from keras_gan.sampling import latents

SHAPE = (8, 8, 1)
SHARES = {"Bright": 0.5, "Striped": 0.25}


def small_gan(shares=SHARES, family="lean", **options):
    pair = (
        networks.generator(SHAPE, 4, family, "float32", seed=1),
        networks.discriminator(SHAPE, family, "float32", seed=2, num_attributes=len(shares)),
    )
    return GAN(*pair, seed=3, attributes=shares, **options)


def small_gan_compiled():
    gan = small_gan()
    gan.compile("sgd", "sgd", penalties={})
    return gan


def some_images(count=12):
    rng = np.random.default_rng(0)
    attributes = np.stack([np.arange(count) % 2, np.arange(count) % 4 == 0], axis=1)
    return rng.uniform(-1, 1, (count, *SHAPE)).astype("float32"), attributes.astype("float32")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """20 images: the bright ones have light grey pixels, the others dark ones."""
    folder = tmp_path_factory.mktemp("photos")
    with (folder / "attributes.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "Bright", "Striped"])
        for number in range(20):
            bright = number % 2
            Image.new("L", (8, 8), 150 + number if bright else 50 + number).save(folder / f"{number}.png")
            table.writerow([f"{number}.png", bright, int(number % 4 == 0)])
    return folder


@pytest.fixture(scope="module")
def photo_run(photos, tmp_path_factory):
    config = training.configure(str(photos), "lean", steps=4, batch_size=4, latent_dim=4, attributes=("all",))
    job = training.prepare(config, tmp_path_factory.mktemp("attributes") / "run")
    job.train()
    return job.run_dir


# coordinates of z


@pytest.mark.parametrize(
    "latent, expected",
    [
        # P(x < z) = 1/2 becomes 1 - 1/4 + 1/8 = 0.875 with the attribute, and 3/4 · 1/2 = 0.375 without.
        ("normal", [statistics.NormalDist().inv_cdf(0.875), statistics.NormalDist().inv_cdf(0.375)]),
        ("uniform", [2 * 0.875 - 1, 2 * 0.375 - 1]),
    ],
)
def test_a_coordinate_is_drawn_given_its_attribute(latent, expected):
    z = tf.constant([[0.0, 0.3], [0.0, -0.7]])
    moved = Attributes({"Striped": 0.25}, latent).generator_input(z, tf.constant([[1.0], [0.0]])).numpy()
    np.testing.assert_allclose(moved[:, 0], expected, atol=1e-5)
    np.testing.assert_array_equal(moved[:, 1], z[:, 1])


@pytest.mark.parametrize("latent, quantile", [("normal", statistics.NormalDist().inv_cdf), ("uniform", None)])
def test_over_all_images_z_keeps_its_distribution(latent, quantile):
    quantile = quantile or (lambda share: 2 * share - 1)
    count = 40_000
    rng = np.random.default_rng(0)
    labels = (rng.random((count, 2)) < list(SHARES.values())).astype("float32")
    z = latents.draw(count, 4, latent, seed=0)
    moved = Attributes(SHARES, latent).generator_input(tf.constant(z), tf.constant(labels)).numpy()
    assert np.isfinite(moved).all()
    for column, share in enumerate(SHARES.values()):
        above = moved[:, column] > quantile(1 - share)
        np.testing.assert_array_equal(above, labels[:, column] == 1)
        for part in (0.1, 0.4, 0.6, 0.9):
            assert np.mean(moved[:, column] < quantile(part)) == pytest.approx(part, abs=0.01)  # 4 standard errors


@pytest.mark.parametrize("latent, largest", [("normal", 6.0), ("uniform", 1.0)])
def test_the_rarest_draws_stay_finite(latent, largest):
    z = tf.constant([[9.0, -9.0]] * 2) if latent == "normal" else tf.constant([[1.0, -1.0]] * 2)
    moved = Attributes({"a": 0.5, "b": 1e-4}, latent).generator_input(z, tf.constant([[1.0, 1.0], [0.0, 0.0]]))
    assert np.isfinite(moved).all() and np.abs(moved).max() <= largest


# training


def test_the_coordinates_decide_the_attributes_after_training():
    """Bright images are light grey, the others dark grey: after training, z_0 > 0 alone distinguishes them."""
    keras.utils.set_random_seed(0)
    z = keras.Input((2,))
    generator = keras.Model(z, layers.Reshape(SHAPE)(layers.Dense(64, "tanh")(layers.Dense(16, "leaky_relu")(z))))
    image, attributes = keras.Input(SHAPE), keras.Input((1,))
    x = layers.Concatenate()([layers.Flatten()(image), attributes])
    discriminator = keras.Model([image, attributes], layers.Dense(1)(layers.Dense(32, "leaky_relu")(x)))
    gan = GAN(generator, discriminator, seed=0, attributes={"Bright": 0.5}, ema_half_life_images=500)
    gan.compile(keras.optimizers.Adam(0.01, 0.0), keras.optimizers.Adam(0.003, 0.0), penalties={"r1": 0.1})
    bright = np.arange(64) % 2
    images = np.broadcast_to(np.where(bright, 0.6, -0.6)[:, None, None, None], (64, *SHAPE)).astype("float32")
    gan.fit(images, bright[:, None], batch_size=16, epochs=40, verbose=0)
    z = np.random.default_rng(1).standard_normal((200, 2)).astype("float32")
    means = gan.generate(z=z).mean(axis=(1, 2, 3))
    assert means[z[:, 0] > 0.3].mean() > 165 and means[z[:, 0] < -0.3].mean() < 90  # 0.6 is the grey level 204


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"penalties": {"r1": "auto", "r2": 1.0}, "penalty_share": 0.5},
        {"discriminator_steps": 2, "loss": "relativistic"},
        {"updates": "simultaneous", "penalties": {"wgan_gp": 10.0}, "loss": "wasserstein"},
    ],
    ids=str,
)
def test_fit_with_each_kind_of_step(options):
    gan = small_gan()
    gan.compile("sgd", "sgd", **options)
    log = gan.fit(*some_images(), batch_size=4, epochs=2, verbose=0).history
    assert gan.step == 6 and int(gan.skipped_steps.numpy()) == 0
    assert all(np.isfinite(values).all() for values in log.values())
    assert np.isfinite(list(gan.evaluate(*some_images(), verbose=0, return_dict=True).values())).all()


@pytest.mark.parametrize("form", [bool, int, "float64", tf.constant])
def test_attributes_of_every_dtype_give_the_same_weights(form):
    images, attributes = some_images()
    trained = []
    for values in (attributes, form(attributes) if form is tf.constant else attributes.astype(form)):
        gan = small_gan_compiled()
        gan.fit(images, values, batch_size=4, shuffle=False, verbose=0)
        trained.append(gan.get_weights())
    for mine, others in zip(*trained, strict=True):
        np.testing.assert_array_equal(mine, others)


def test_attributes_by_name_as_in_tensorflow_datasets():
    images, attributes = some_images()
    by_name = {"attributes": {"Striped": attributes[:, 1] == 1, "Bright": attributes[:, 0] == 1, "Other": images[:, 0]}}
    whole = tf.data.Dataset.from_tensor_slices((images, attributes)).batch(4)
    named = tf.data.Dataset.from_tensor_slices({"image": images, **by_name}).batch(4)
    trained = []
    for dataset in (whole, named):
        gan = small_gan_compiled()
        gan.fit(dataset, verbose=0)
        trained.append(gan.get_weights())
    for mine, others in zip(*trained, strict=True):
        np.testing.assert_array_equal(mine, others)
    del by_name["attributes"]["Bright"]
    missing = tf.data.Dataset.from_tensor_slices({"image": images, **by_name}).batch(4)
    assert "unknown attribute 'Bright'" in refusal(lambda: small_gan_compiled().fit(missing, verbose=0))


@pytest.mark.long
def test_two_replicas_train_as_one(two_replicas):
    trained = []
    for scope in (tf.distribute.get_strategy(), two_replicas):
        with scope.scope():
            gan = small_gan()
            gan.compile("sgd", "sgd", penalties={"r1": 1.0}, jit_compile=False)
        gan.fit(*some_images(), batch_size=4, shuffle=False, verbose=0)
        trained.append(gan)
    for mine, others in zip(*(gan.variables for gan in trained), strict=True):
        np.testing.assert_allclose(mine.numpy(), others.numpy(), atol=1e-6, err_msg=mine.path)


@pytest.mark.parametrize("family", IMAGE_FAMILIES)
def test_every_family_has_a_discriminator_of_attributes(family):
    network = networks.discriminator(SHAPE, family, "float32", seed=0, num_attributes=3)
    x = np.random.default_rng(0).uniform(-1, 1, (2, *SHAPE)).astype("float32")
    yes, no = (network([x, np.full((2, 3), value, "float32")]).numpy() for value in (1, 0))
    assert yes.shape == (2, 1) and (yes != no).all()


def test_a_saved_gan_keeps_its_attributes(tmp_path):
    gan = small_gan_compiled()
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    assert loaded.attributes == SHARES and loaded.condition == gan.condition
    for each in (gan, loaded):
        each.fit(*some_images(), batch_size=4, shuffle=False, verbose=0)
    for mine, others in zip(gan.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, others)


# errors


def refusal(call):
    with pytest.raises(InputError) as error:
        call()
    return str(error.value)


def test_wrong_attributes_in_fit_raise():
    images, attributes = some_images()
    gan = small_gan()
    gan.compile("sgd", "sgd")
    for wrong, message in (
        (None, "without attributes"),
        (attributes[:, 0], "expected (images, attributes)"),
        (attributes[:, :1], "each of Bright, Striped"),
        (attributes * 2, "neither 0 nor 1"),
        (attributes - 0.5, "neither 0 nor 1"),
    ):
        assert message in refusal(lambda wrong=wrong: gan.fit(images, wrong, batch_size=4, verbose=0))


def test_networks_that_do_not_match_raise():
    generator, plain = networks.generator(SHAPE, 4, "lean"), networks.discriminator(SHAPE, "lean")
    of_two = networks.discriminator(SHAPE, "lean", num_attributes=2)
    assert "takes 1 inputs; expected 2" in refusal(lambda: GAN(generator, plain, attributes=SHARES))
    assert "takes 2 inputs; expected 1" in refusal(lambda: GAN(generator, of_two))
    assert "expected one of them" in refusal(lambda: GAN(generator, of_two, num_classes=2, attributes=SHARES))
    narrow = networks.generator(SHAPE, 1, "lean")
    assert "latent_dim is 1 for 2 attributes" in refusal(lambda: GAN(narrow, of_two, attributes=SHARES))
    for share in (0.0, 1.0, float("nan")):
        assert "the attribute a" in refusal(lambda share=share: conditions.of(None, {"a": share}, "normal"))
    for options in ({"num_classes": 2}, {"pack": 2}):
        assert "expected only one of them" in refusal(
            lambda options=options: networks.discriminator(SHAPE, num_attributes=2, **options)
        )


def test_the_discriminator_of_attributes_is_not_exported(tmp_path):
    gan = small_gan()
    gan.compile()
    assert "pictures with their attributes" in refusal(lambda: discriminator.write(gan, tmp_path / "d.tflite"))
    assert not (tmp_path / "d.tflite").exists()


# data, runs and the command line


def test_each_image_comes_with_its_own_attributes(photos):
    batches = list(data.load(str(photos), batch_size=5, attributes=("Striped", "Bright"), seed=2))
    images, attributes = (np.concatenate(column) for column in zip(*batches, strict=True))
    assert images.shape == (20, *SHAPE) and attributes.shape == (20, 2) and attributes.dtype == np.float32
    np.testing.assert_array_equal(images[:, 0, 0, 0] > 0, attributes[:, 1] == 1)  # grey level 127.5 is 0
    numbers = np.rint((images[:, 0, 0, 0] + 1) * 127.5) - np.where(attributes[:, 1], 150, 50)
    np.testing.assert_array_equal(numbers % 4 == 0, attributes[:, 0] == 1)


def test_data_without_the_attribute_raise(photos):
    assert "unknown attribute 'Brigth'" in refusal(lambda: data.load(str(photos), 5, attributes=("Brigth",)))
    assert "has no attributes" in refusal(lambda: data.load("digits", 5, attributes=("Bright",)))


def test_a_run_keeps_its_attributes_and_continues(photos, photo_run):
    run = Run(photo_run)
    assert run.config.attributes == ("Bright", "Striped") and run.attribute_shares == {"Bright": 0.5, "Striped": 0.25}
    gan = training.load(photo_run)
    assert gan.attributes == run.attribute_shares and gan.step == 4
    config = training.configure(str(photos), "lean", steps=6, batch_size=4, latent_dim=4, attributes=("all",))
    assert training.prepare(config, photo_run).train().step == 6
    other = training.configure(str(photos), "lean", steps=6, batch_size=4, latent_dim=4, attributes=("Bright",))
    assert "attributes" in refusal(lambda: training.prepare(other, photo_run))


def test_the_command(photos, photo_run, tmp_path):
    def run(*words):
        return CliRunner().invoke(kgan, ["train", str(photos), *map(str, words)])

    small = ["--preset", "lean", "--batch-size", 4, "--latent-dim", 4, "--steps", 2, "--run", tmp_path / "run"]
    done = run(*small, "--attributes", "Striped")
    assert done.exit_code == 0, done.output
    assert "Striped 25% of the images" in done.output
    assert "--attributes Striped" in settings.command(Run(tmp_path / "run").config)
    assert "--attributes Bright,Striped" in settings.command(Run(photo_run).config)
    for wrong, message in (
        (["--attributes", "Stripes"], "unknown attribute"),
        (["--attributes", "Bright,Bright"], "different names"),
        (["--attributes", "Bright,"], "commas"),
        (["--attributes", "Bright", "--pack", 2], "without --conditional and --pack"),
    ):
        refused = run(*small[:-1], tmp_path / "other", *wrong)
        assert refused.exit_code == 2 and message in refused.output and not (tmp_path / "other").exists()
    none = CliRunner().invoke(kgan, ["train", "digits", "--attributes", "all", "--run", str(tmp_path / "other")])
    assert none.exit_code == 2 and "has no attributes" in none.output
