"""Residual networks without normalisation, whose blocks are the identity at first: the default families."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace

from keras import layers

from keras_gan._utils import compat
from keras_gan._utils.errors import InputError
from keras_gan.layers import LeakyReLU
from keras_gan.networks.family import Family, base, count_levels, crop, pad

HALF_SIZE_WIDTH, WIDEST = 32, 256  # channels at half the resolution, doubled at each halving; maximum
LIGHT_WIDTHS = 96, 96, 64, 32, 16  # channels of RESNET_LIGHT from the smallest feature map to the largest
# The dense layer computes 1/4 of the first map's channels, and a 1×1 convolution all of them. A dense layer for all
# channels would hold more than half of all weights without better quality (benchmarks/RESULTS.md).
FIRST_PART = 4
SMALL_WIDTHS = 32, 64  # channels at full and at half size, for images under 16 pixels


@dataclass(frozen=True)
class Sizes:
    """The sizes of the networks. Level 0 is the image, and each further level has half the side."""

    width: Callable[[int, int], int]  # channels by level and number of levels
    first_blocks: int  # level of the largest feature map that has residual blocks
    more_blocks: int  # additional residual blocks of G at the smallest size

    def limited(self, width: int | None, levels: int) -> "Sizes":
        """These sizes with at most `width` channels in each feature map; None for no limit.

        Raises:
            InputError: where no feature map has that many channels.
        """
        if width is None:
            return self
        largest = max(self.width(level, levels) for level in range(levels + 1))
        if not 1 <= width <= largest:
            raise InputError(
                f"width {width} for a generator whose feature maps have up to {largest} channels; expected 1 to "
                f"{largest}. Give a width in this range (--width)."
            )
        return replace(self, width=lambda level, levels: min(width, self.width(level, levels)))

    def has_block(self, level: int, levels: int) -> bool:
        """Whether a level has a residual block."""
        return level >= min(self.first_blocks, levels)


def _doubling(level, levels):
    return SMALL_WIDTHS[level] if levels == 1 else min(HALF_SIZE_WIDTH * 2 ** (level - 1), WIDEST)


def _listed(level, levels):
    return SMALL_WIDTHS[0] if level == 0 else LIGHT_WIDTHS[min(levels - level, len(LIGHT_WIDTHS) - 1)]


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


def _up(x, channels, kernel, dtype, name=None):
    """Upsamples by convolution and depth-to-space: (batch, 2h, 2w, channels)."""
    return compat.depth_to_space(layers.Conv2D(4 * channels, kernel, padding="same", dtype=dtype, name=name)(x), 2)


# Both networks work at half the image's size and below, since feature maps of full size cost more than they gain
# (benchmarks/RESULTS.md). Only images under 16 pixels have a block at full size.
def _generate(sizes, z, shape, dtype, width=None):
    levels = count_levels(shape)
    sizes = sizes.limited(width, levels)
    width = sizes.width(levels, levels)
    x = layers.Conv2D(width, 1, dtype=dtype)(base(z, shape, levels, max(1, width // FIRST_PART), dtype))
    for _ in range(sizes.more_blocks * _more_blocks(levels)):
        x = _residual(x, dtype)
    for level in reversed(range(1, levels)):
        x = _up(_residual(x, dtype), sizes.width(level, levels), 1, dtype)
    if sizes.has_block(1, levels):
        x = _residual(x, dtype)
    if levels == 1:
        x = _residual(_up(x, sizes.width(0, levels), 1, dtype), dtype)
    x = LeakyReLU(0.2, dtype=dtype)(x)
    # No tanh: where D wins early, it saturates at one colour and its gradient vanishes for good.
    if levels == 1:
        x = layers.Conv2D(shape[2], 3, padding="same", dtype="float32", name="image")(x)
    else:
        x = _up(x, shape[2], 3, "float32", name="image")
    return crop(x, shape, levels)


def _discriminate(sizes, x, shape, dtype, head):
    levels = count_levels(shape)
    width = sizes.width(1, levels)
    x = pad(x, shape, levels)
    if levels == 1:
        x = _residual(layers.Conv2D(SMALL_WIDTHS[0], 3, padding="same", dtype=dtype)(x), dtype)
        x = layers.Conv2D(width, 1, dtype=dtype)(compat.space_to_depth(x, 2))  # (batch, h/2, w/2, width)
    else:
        x = layers.Conv2D(width, 3, padding="same", dtype=dtype)(compat.space_to_depth(x, 2))
    for level in range(2, levels + 1):
        x = _residual(x, dtype) if sizes.has_block(level - 1, levels) else LeakyReLU(0.2, dtype=dtype)(x)
        x = compat.space_to_depth(x, 2)  # (batch, h/2, w/2, 4 · width)
        x = layers.Conv2D(sizes.width(level, levels), 1, dtype=dtype)(x)
    for _ in range(1 + _more_blocks(levels)):
        x = _residual(x, dtype)
    return head(LeakyReLU(0.2, dtype=dtype)(x))


def _family(sizes):
    return Family(functools.partial(_generate, sizes), functools.partial(_discriminate, sizes), has_widths=True)


RESNET = _family(Sizes(_doubling, first_blocks=1, more_blocks=1))
RESNET_LIGHT = _family(Sizes(_listed, first_blocks=2, more_blocks=0))  # for images of 64 pixels and more
