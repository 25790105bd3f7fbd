"""Convolutional networks after DCGAN: strided convolutions down, and as many steps up.

One thing differs from the papers: G upsamples by a 3×3 convolution and depth-to-space, which is fast on small devices
and exports at a fixed batch size, instead of a transposed convolution. Every transposed convolution of stride 2 and a
kernel up to 5×5 has this form, since each of its four outputs for a pixel depends on at most 3×3 inputs.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers

from keras_gan._utils import compat
from keras_gan.layers import LeakyReLU
from keras_gan.networks.family import Family, base, count_levels, crop, halved, pad, trimmed

DENSE, UP, DOWN = "dense", "up", "down"  # kinds of layers, for initializers


@dataclass(frozen=True)
class _Recipe:
    """The differences between the families of this module."""

    width: int  # channels at half of the full size, doubled with each halving
    widest: int
    kernel: int  # side of D's kernels
    normalized: tuple[bool, bool]  # batch normalisation in G, and in D except its input layer
    initializer: Callable  # (DENSE, UP or DOWN, channels in, channels out) to a new initializer
    rounding: Callable = math.ceil  # rounds the number of halvings
    trims: bool = False  # odd sizes: G drops a row at each level and D rounds up, instead of cropping and padding


def _family(recipe):
    def generate(z, shape, dtype):
        return _generate(recipe, z, shape, dtype)

    def discriminate(x, shape, dtype, head):
        return _discriminate(recipe, x, shape, dtype, head)

    return Family(generate, discriminate)


def _width(recipe, level):
    """Channels after `level` halvings."""
    return min(recipe.width * 2 ** (level - 1), recipe.widest)


def _normalized(x, dtype):
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, synchronized=True, dtype=dtype)(x)


def _activated(x, recipe, dtype):
    return layers.ReLU(dtype=dtype)(_normalized(x, dtype) if recipe.normalized[0] else x)


def _generate(recipe, z, shape, dtype):
    levels = count_levels(shape, recipe.rounding)
    bias = not recipe.normalized[0]  # batch normalisation has its own bias
    start = recipe.initializer(DENSE, z.shape[1], None)
    x = base(z, shape, levels, _width(recipe, levels), dtype, bias, start)
    x = _activated(x, recipe, dtype)
    for level in reversed(range(1, levels)):
        x = _doubled(recipe, x, _width(recipe, level), shape, level, use_bias=bias, dtype=dtype)
        x = _activated(x, recipe, dtype)
    x = _doubled(recipe, x, shape[2], shape, 0, activation="tanh", dtype="float32", name="image")
    return x if recipe.trims else crop(x, shape, levels)


def _doubled(recipe, x, width, shape, level, **options):
    """Upsamples to (batch, 2h, 2w, width), or to the size of that level."""
    x = _convolution(recipe, UP, x, width, 3, filters=4 * width, **options)
    x = compat.depth_to_space(x, 2)
    return trimmed(x, halved(shape, level)) if recipe.trims else x


def _discriminate(recipe, x, shape, dtype, head):
    levels = count_levels(shape, recipe.rounding)
    x = x if recipe.trims else pad(x, shape, levels)
    for level in range(1, levels + 1):
        normalized = recipe.normalized[1] and level > 1
        options = {"strides": 2, "use_bias": not normalized, "dtype": dtype}
        x = _convolution(recipe, DOWN, x, _width(recipe, level), recipe.kernel, **options)
        x = LeakyReLU(0.2, dtype=dtype)(_normalized(x, dtype) if normalized else x)
    return head(x, kernel_initializer=recipe.initializer(DENSE, None, 1))


def _convolution(recipe, kind, x, width, kernel, filters=None, **options):
    start = recipe.initializer(kind, x.shape[-1], width)
    return layers.Conv2D(filters or width, kernel, padding="same", kernel_initializer=start, **options)(x)


def _glorot(kind, channels_in, channels_out):
    return keras.initializers.GlorotUniform()


def _normal(kind, channels_in, channels_out):
    return keras.initializers.RandomNormal(stddev=0.02)


def _published(kind, channels_in, channels_out):
    """The initializer of the published code (tflib/ops).

    5×5 convolutions are uniform with variance 4 / (fan in + fan out), where a stride of 2 divides one fan by 4. Dense
    layers have Glorot's. Upsampling here has 36 weights for each pair of channels, the transposed convolution has 25.
    """
    if kind == DENSE:
        return keras.initializers.GlorotUniform()
    fan_in, fan_out = 25 * channels_in, 25 * channels_out
    variance = 4 / (fan_in / 4 + fan_out) * 25 / 36 if kind == UP else 4 / (fan_in + fan_out / 4)
    return keras.initializers.RandomUniform(-math.sqrt(3 * variance), math.sqrt(3 * variance))


LEAN = _family(_Recipe(64, 512, 4, (True, False), _glorot, math.floor))
# Radford et al. 2015, sec. 3 and fig. 1: 128-256-512-1024 channels for 64×64 pixels, weights from N(0, 0.02²). The
# published code (github.com/Newmu/dcgan_code, faces/train_uncond_dcgan.py) starts scales of batch normalisation from
# N(1, 0.02²), and decays weights by 1e-5; here scales start at 1 and nothing decays.
DCGAN = _family(_Recipe(128, 1024, 5, (True, True), _normal))
# The published code of Gulrajani et al. 2017 for MNIST (github.com/igul222/improved_wgan_training, gan_mnist.py), whose
# pixels are in [0, 1] after a sigmoid. Here they are in [-1, 1] after a tanh, as in its code for CIFAR-10.
WGAN_GP = _family(_Recipe(64, 512, 5, (False, False), _published, trims=True))
