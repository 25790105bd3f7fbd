"""Residual networks without normalisation, whose blocks are the identity at first: the default families."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

from keras import layers

from keras_gan._utils import compat
from keras_gan.layers import LeakyReLU
from keras_gan.networks.family import Family, base, count_levels, crop, pad

HALF_SIZE_WIDTH, WIDEST = 32, 256  # channels at half the resolution, doubled at each halving; maximum
# Channels from the smallest feature map, of 4×4 pixels, to the largest, for images of 64 pixels or more, whose largest
# feature map has a quarter of their side.
PATCH_WIDTHS = 96, 96, 64, 32, 16
# The dense layer computes 1/4 of the first map's channels, and a 1×1 convolution all of them. A dense layer for all
# channels would hold more than half of all weights without better quality (benchmarks/RESULTS.md).
FIRST_PART = 4
SMALL_WIDTHS = 32, 64  # channels at full and at half size, for images under 16 pixels


@dataclass(frozen=True)
class Sizes:
    """The sizes of the feature maps. Level 0 is the image, and each further level has half the side."""

    patch: int  # pixels on a side that one position of the largest feature map stands for, a power of 2
    width: Callable[[int, int], int]  # channels by level and number of levels
    more: int  # additional residual blocks of G at the smallest size

    def first(self, levels: int) -> int:
        """The level of the largest feature map."""
        return min(int(math.log2(self.patch)), levels)


def _doubling(level, levels):
    return SMALL_WIDTHS[1] if levels == 1 else min(HALF_SIZE_WIDTH * 2 ** (level - 1), WIDEST)


def _listed(level, levels):
    return PATCH_WIDTHS[levels - level]


def _residual(x, dtype):
    """x + conv(act(conv(act(x)))), the identity at first, since the last weights start at zero."""
    width = x.shape[-1]
    h = LeakyReLU(0.2, dtype=dtype)(x)
    h = layers.Conv2D(width, 3, padding="same", kernel_initializer="he_normal", dtype=dtype)(h)
    h = LeakyReLU(0.2, dtype=dtype)(h)
    h = layers.Conv2D(width, 3, padding="same", kernel_initializer="zeros", dtype=dtype)(h)
    return layers.Add(dtype=dtype)([x, h])


def _more_blocks(levels):
    """The number of additional residual blocks at the smallest size, where depth is cheapest."""
    return 1 if levels > 1 else 0


def _up(x, factor, channels, kernel, dtype, name=None):
    """Upsamples by convolution and depth-to-space: (batch, factor · h, factor · w, channels)."""
    filters = factor * factor * channels
    return compat.depth_to_space(layers.Conv2D(filters, kernel, padding="same", dtype=dtype, name=name)(x), factor)


# Both networks work at half the image's size and below, since feature maps of full size cost more than they gain
# (benchmarks/RESULTS.md). Only images under 16 pixels have a block at full size.
def _generate(sizes, z, shape, dtype):
    levels = count_levels(shape)
    first, width = sizes.first(levels), sizes.width(levels, levels)
    x = layers.Conv2D(width, 1, dtype=dtype)(base(z, shape, levels, width // FIRST_PART, dtype))
    for _ in range(sizes.more * _more_blocks(levels)):
        x = _residual(x, dtype)
    for level in reversed(range(first, levels)):
        x = _up(_residual(x, dtype), 2, sizes.width(level, levels), 1, dtype)
    x = _residual(x, dtype)
    if levels == 1:
        x = _residual(_up(x, 2, SMALL_WIDTHS[0], 1, dtype), dtype)
    x = LeakyReLU(0.2, dtype=dtype)(x)
    # No tanh: where D wins early, it saturates at one colour and its gradient vanishes for good.
    if levels == 1:
        x = layers.Conv2D(shape[2], 3, padding="same", dtype="float32", name="image")(x)
    else:
        x = _up(x, 2**first, shape[2], 3, "float32", name="image")
    return crop(x, shape, levels)


def _discriminate(sizes, x, shape, dtype, head):
    levels = count_levels(shape)
    first = sizes.first(levels)
    width = sizes.width(first, levels)
    x = pad(x, shape, levels)
    if levels == 1:
        x = _residual(layers.Conv2D(SMALL_WIDTHS[0], 3, padding="same", dtype=dtype)(x), dtype)
        x = layers.Conv2D(width, 1, dtype=dtype)(compat.space_to_depth(x, 2))  # (batch, h/2, w/2, width)
    else:
        x = layers.Conv2D(width, 3, padding="same", dtype=dtype)(compat.space_to_depth(x, 2**first))
    for level in range(first + 1, levels + 1):
        x = compat.space_to_depth(_residual(x, dtype), 2)  # (batch, h/2, w/2, 4 · width)
        x = layers.Conv2D(sizes.width(level, levels), 1, dtype=dtype)(x)
    for _ in range(1 + _more_blocks(levels)):
        x = _residual(x, dtype)
    return head(LeakyReLU(0.2, dtype=dtype)(x))


def _family(sizes):
    return Family(functools.partial(_generate, sizes), functools.partial(_discriminate, sizes))


RESNET = _family(Sizes(2, _doubling, 1))
RESNET_PATCH = _family(Sizes(4, _listed, 0))
