"""Multilayer perceptrons: the 2014 paper's for images, and plain ones for vectors."""

import math

import keras
import numpy as np
from keras import layers, ops

from keras_gan.layers import LeakyReLU, Maxout
from keras_gan.networks.family import Family
from keras_gan.theory.game import Z_SCALE


def _uniform(limit):
    return keras.initializers.RandomUniform(-limit, limit)


# The paper's pixels are in [0, 1]. Both networks rescale, so that its initial weights and learning rate apply. Sizes,
# ranges and dropout are those of the published code (github.com/goodfeli/adversarial, mnist.yaml).
CLIPPED = 1e-7  # distance of a mean pixel from 0 and 1, as in the published code
OUTPUT = "pixels"  # name of G's last layer with weights


def _generate(z, shape, dtype):
    x = layers.Dense(1200, activation="relu", kernel_initializer=_uniform(0.05), dtype=dtype)(z)
    x = layers.Dense(1200, activation="relu", kernel_initializer=_uniform(0.05), dtype=dtype)(x)
    output = {"activation": "sigmoid", "kernel_initializer": _uniform(0.05), "name": OUTPUT}
    x = layers.Dense(math.prod(shape), dtype="float32", **output)(x)
    return ops.reshape(layers.Rescaling(2.0, -1.0, dtype="float32", name="image")(x), (-1, *shape))


def _discriminate(x, shape, dtype, head):
    start = {"kernel_initializer": _uniform(0.005)}
    x = layers.Rescaling(0.5, 0.5, dtype="float32")(layers.Flatten(dtype="float32")(x))
    x = layers.Dropout(0.2, dtype=dtype)(x)
    x = layers.Dropout(0.5, dtype=dtype)(Maxout(240, 5, dtype=dtype, **start)(x))
    x = layers.Dropout(0.5, dtype=dtype)(Maxout(240, 5, dtype=dtype, **start)(x))
    return head(x, **start)


def start_at_mean(generator: keras.Model, mean: np.ndarray) -> None:
    """Sets the biases of the 2014 generator so that its outputs start near the mean of the training images.

    Args:
        generator: a network of the family "goodfellow2014".
        mean: the mean image, float (height, width, channels) in [0, 1]. It is clipped, since a bias is finite.

    Reference: init_bias_target_marginals in mnist.yaml.
    """
    mean = np.clip(np.ravel(mean).astype("float64"), CLIPPED, 1 - CLIPPED)
    generator.get_layer(OUTPUT).bias.assign(np.log(mean / (1 - mean)))


def _mlp(x, widths, bias, slope, dtype):
    """Hidden layers. The first biases start from U[-bias, bias]; at 0 all kinks would lie at the origin."""
    for layer, width in enumerate(widths):
        start = _uniform(bias) if layer == 0 and bias else "zeros"
        x = LeakyReLU(slope, dtype=dtype)(layers.Dense(width, bias_initializer=start, dtype=dtype)(x))
    return x


def _perceptrons(generator_widths, discriminator_widths, z_scale=1.0, biases=(0.0, 0.0), slope=0.2):
    """A family of plain multilayer perceptrons for vectors, whose generator takes `z_scale` · z.

    `biases` are the ranges of the first biases of G and D (see `_mlp`). `slope` is the activation's slope below 0.
    """

    def generate(z, shape, dtype):
        z = layers.Rescaling(z_scale, dtype="float32")(z) if z_scale != 1.0 else z
        hidden = _mlp(z, generator_widths, biases[0], slope, dtype)
        return layers.Dense(shape[0], dtype="float32", name="vector")(hidden)

    def discriminate(x, shape, dtype, head):
        return head(_mlp(x, discriminator_widths, biases[1], slope, dtype))

    return Family(generate, discriminate)


GOODFELLOW2014 = Family(_generate, _discriminate)
GAUSSIAN = _perceptrons((), (32, 32, 32), z_scale=Z_SCALE, biases=(0.0, 2.0))
GAUSSIAN_DEEP = _perceptrons((32, 32), (32, 32, 32), z_scale=Z_SCALE, biases=(0.0, 2.0))
# With ReLU, G can map many z to one point, which narrow modes need.
MIXTURE = _perceptrons((128, 128), (128, 128), biases=(0.2, 0.5), slope=0.0)
