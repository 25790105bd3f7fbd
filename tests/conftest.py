"""The one shared fixture module: 8×8 networks with two filters, quick to trace and to compute."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # read once, when TensorFlow is imported

import keras
import pytest
from keras import layers

from keras_gan import GAN


@pytest.fixture
def tiny_generator():
    """A factory of generators: latents (batch, latent_dim) to (batch, *shape) in [-1, 1]."""
    keras.utils.set_random_seed(1)

    def build(shape=(8, 8, 1), latent_dim=4):
        z = keras.Input((latent_dim,), name="z")
        if len(shape) == 1:
            return keras.Model(z, layers.Dense(shape[0])(layers.Dense(2, activation="relu")(z)), name="generator")
        x = layers.Reshape((*shape[:2], 2))(layers.Dense(shape[0] * shape[1] * 2)(z))
        x = layers.Conv2D(shape[2], 3, padding="same", activation="tanh")(layers.LeakyReLU(0.2)(x))
        return keras.Model(z, x, name="generator")

    return build


@pytest.fixture
def tiny_discriminator():
    """A factory of discriminators: (batch, *shape) to logits (batch, 1)."""
    keras.utils.set_random_seed(2)

    def build(shape=(8, 8, 1)):
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
