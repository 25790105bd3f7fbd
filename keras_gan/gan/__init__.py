"""The generative adversarial network as a `keras.Model`, and the checks of its networks and data."""

from keras_gan.gan.model import GAN

__all__ = ["GAN"]
