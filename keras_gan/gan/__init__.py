"""The generative adversarial network as a `keras.Model`, and the checks of what it is given."""

from keras_gan.gan.model import GAN

__all__ = ["GAN"]
