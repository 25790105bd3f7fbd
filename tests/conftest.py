"""The one shared fixture module: 8×8 networks with two filters, quick to trace and to compute."""

import hashlib
import os
import shutil
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # read once, when TensorFlow is imported

import keras
import pytest
import tensorflow as tf
from keras import layers

from keras_gan import GAN

# Two devices on any machine, for the tests with several replicas; everything else stays on the first.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


@pytest.fixture(scope="session")
def two_replicas():
    """The one mirrored strategy of this process: a second one would reuse the numbers of the first one's exchanges."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@pytest.fixture(scope="session")
def tiny_generator():
    """A factory of generators: latents (batch, latent_dim) to (batch, *shape), images in [-1, 1]."""

    def build(shape=(8, 8, 1), latent_dim=4):
        keras.utils.set_random_seed(1)
        z = keras.Input((latent_dim,), name="z")
        if len(shape) == 1:
            return keras.Model(z, layers.Dense(shape[0])(layers.Dense(2, activation="relu")(z)), name="generator")
        x = layers.Reshape((*shape[:2], 2))(layers.Dense(shape[0] * shape[1] * 2)(z))
        x = layers.Conv2D(shape[2], 3, padding="same", activation="tanh")(layers.LeakyReLU(0.2)(x))
        return keras.Model(z, x, name="generator")

    return build


@pytest.fixture(scope="session")
def tiny_discriminator():
    """A factory of discriminators: (batch, *shape) to logits (batch, 1)."""

    def build(shape=(8, 8, 1)):
        keras.utils.set_random_seed(2)
        image = keras.Input(shape, name="image")
        x = layers.Dense(2)(image) if len(shape) == 1 else layers.Conv2D(2, 3, strides=2, padding="same")(image)
        return keras.Model(image, layers.Dense(1)(layers.Flatten()(layers.LeakyReLU(0.2)(x))), name="discriminator")

    return build


@pytest.fixture
def tiny_gan(tiny_generator, tiny_discriminator):
    """A GAN of both, compiled with the defaults."""
    gan = GAN(tiny_generator(), tiny_discriminator(), ema_half_life_images=100, seed=3)
    gan.compile()
    return gan


@pytest.fixture(scope="session")
def prepared_mnist():
    """Skips where MNIST is not prepared: the tests download nothing."""
    import tensorflow_datasets as tfds

    if not tfds.builder("mnist").is_prepared():
        pytest.skip("MNIST is not prepared here: point TFDS_DATA_DIR at a folder that holds mnist/3.0.1")


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A finished `Job`: 30 steps on digits. Shared by all tests, so copy its `run_dir` before changing it."""
    from keras_gan import training

    config = training.configure("digits", "lean", steps=30, batch_size=16, latent_dim=8)
    job = training.prepare(config, tmp_path_factory.mktemp("trained") / "run")
    job.train()
    return job


@pytest.fixture
def run_dir(trained, tmp_path):
    """A copy of the trained run's folder."""
    return Path(shutil.copytree(trained.run_dir, tmp_path / "run"))


BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_OPTIONS = (
    "--no-sandbox",  # root may have none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium, driven by Playwright; skips where none is installed."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser here: none of {', '.join(BROWSERS)} is on the PATH; install Debian's chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(BROWSER_OPTIONS))
        yield chromium
        chromium.close()


@pytest.fixture
def listing():
    """A function that gives every file and folder below a path with a digest of what it holds."""

    def of(path):
        files = [file for file in Path(path).rglob("*") if file.name not in (".lock", ".holder")]
        return {
            str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "folder"
            for file in files
        }

    return of


def pytest_collection_modifyitems(items):
    """The files with long tests come first, so that none is left to run alone at the end."""
    long = {item.path for item in items if item.get_closest_marker("long")}
    items.sort(key=lambda item: item.path not in long)
