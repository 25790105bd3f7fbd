"""Convolutional networks after DCGAN: strided convolutions down, and as many steps up.

They depart from the papers in one thing: G's steps up are a 3×3 convolution and depth-to-space, which the edge
runs fast and exports at a fixed batch, instead of a transposed convolution. Every transposed convolution of stride 2
and up to 5×5 is such a step: each of its four outputs to a pixel sees at most 3×3 inputs.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers, ops

from keras_gan.networks.family import Family, base, count_levels, crop, pad


@dataclass(frozen=True)
class _Recipe:
    """What tells the families apart."""

    width: int  # channels at half of the full size; they double with each halving
    widest: int
    kernel: int  # side of D's kernels
    normalized: tuple[bool, bool]  # batch normalisation in G, and in D but for its input layer
    initializer: Callable  # of a function that gives a fresh initializer: one instance gives one draw
    rounding: Callable = math.ceil  # of the number of halvings


def _family(recipe):
    def generate(z, shape, dtype):
        return _generate(recipe, z, shape, dtype)

    def judge(x, shape, dtype, head):
        return _judge(recipe, x, shape, dtype, head)

    return Family(generate, judge)


def _width(recipe, level):
    """Channels after `level` halvings."""
    return min(recipe.width * 2 ** (level - 1), recipe.widest)


def _normalized(x, dtype):
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, synchronized=True, dtype=dtype)(x)


def _activated(x, recipe, dtype):
    return layers.ReLU(dtype=dtype)(_normalized(x, dtype) if recipe.normalized[0] else x)


def _generate(recipe, z, shape, dtype):
    levels = count_levels(shape, recipe.rounding)
    bias = not recipe.normalized[0]  # which batch normalisation adds
    x = base(z, shape, levels, _width(recipe, levels), dtype, bias, recipe.initializer())
    x = _activated(x, recipe, dtype)
    for level in reversed(range(1, levels)):
        x = _convolution(recipe, 4 * _width(recipe, level), 3, use_bias=bias, dtype=dtype)(x)
        x = _activated(ops.depth_to_space(x, 2), recipe, dtype)  # (batch, 2h, 2w, width)
    x = _convolution(recipe, 4 * shape[2], 3, activation="tanh", dtype="float32", name="image")(x)
    return crop(ops.depth_to_space(x, 2), shape, levels)


def _judge(recipe, x, shape, dtype, head):
    levels = count_levels(shape, recipe.rounding)
    x = pad(x, shape, levels)
    for level in range(1, levels + 1):
        normalized = recipe.normalized[1] and level > 1
        options = {"strides": 2, "use_bias": not normalized, "dtype": dtype}
        x = _convolution(recipe, _width(recipe, level), recipe.kernel, **options)(x)
        x = layers.LeakyReLU(0.2, dtype=dtype)(_normalized(x, dtype) if normalized else x)
    return head(x, kernel_initializer=recipe.initializer())


def _convolution(recipe, width, kernel, **options):
    return layers.Conv2D(width, kernel, padding="same", kernel_initializer=recipe.initializer(), **options)


def _normal():
    return keras.initializers.RandomNormal(stddev=0.02)


def _he():
    """Uniform with twice Glorot's variance, as in the published code (tflib/ops/conv2d.py)."""
    return keras.initializers.VarianceScaling(2.0, "fan_avg", "uniform")


LEAN = _family(_Recipe(64, 512, 4, (True, False), keras.initializers.GlorotUniform, math.floor))
# Radford et al. 2015, sec. 3 and fig. 1: 128-256-512-1024 channels for 64×64 pixels.
DCGAN = _family(_Recipe(128, 1024, 5, (True, True), _normal))
# The published code of Gulrajani et al. 2017 for MNIST (github.com/igul222/improved_wgan_training, gan_mnist.py), whose
# pixels are in [0, 1] after a sigmoid; ours are in [-1, 1] after a tanh, as in that for CIFAR-10.
WGAN_GP = _family(_Recipe(64, 512, 5, (False, False), _he))
