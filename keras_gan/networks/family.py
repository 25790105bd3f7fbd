"""What the families of networks share: the pair of builders, and the steps between full size and the smallest map."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from keras import layers, ops

BASE = 4  # pixels on the shorter side of the smallest feature map; up to 7 where the number of halvings is rounded down


@dataclass(frozen=True)
class Family:
    """A pair of builders: (z, data shape, dtype policy) to data, and (x, data shape, dtype policy, head) to a logit.

    `head` makes the logit of D's last features (batch, ...); it takes the options of a Dense layer. A `spectral` family
    has its discriminator spectrally normalised.
    """

    generator: Callable
    discriminator: Callable
    spectral: bool = False


def count_levels(shape, rounding=math.floor) -> int:
    """How often the feature map is halved between full size and base; rounded up, 28 pixels become 32, not 7 · 4."""
    return max(1, rounding(math.log2(min(shape[:2]) / BASE)))


def _padded(shape, levels) -> tuple[int, int]:
    """The shape's sides rounded up to what `levels` halvings divide."""
    block = 2**levels
    return tuple(math.ceil(side / block) * block for side in shape[:2])


def _margins(shape, levels):
    """What padding adds, or cropping takes away: ((top, bottom), (left, right)), in pixels."""
    extra = (full - side for full, side in zip(_padded(shape, levels), shape[:2], strict=True))
    return tuple((pixels // 2, pixels - pixels // 2) for pixels in extra)


def crop(x, shape, levels):
    margins = _margins(shape, levels)
    return layers.Cropping2D(margins, dtype="float32")(x) if any(map(any, margins)) else x


def pad(x, shape, levels):
    margins = _margins(shape, levels)
    return layers.ZeroPadding2D(margins, dtype="float32")(x) if any(map(any, margins)) else x


def base(z, shape, levels, width, dtype, use_bias=True, kernel_initializer="glorot_uniform"):
    """z to a feature map of the smallest size, (batch, height / 2^levels, width / 2^levels, channels)."""
    height, breadth = (side // 2**levels for side in _padded(shape, levels))
    # ops.reshape, not layers.Reshape: the latter keeps a dynamic shape in the .tflite, which loses XNNPACK.
    dense = layers.Dense(
        height * breadth * width, use_bias=use_bias, kernel_initializer=kernel_initializer, dtype=dtype
    )
    return ops.reshape(dense(z), (-1, height, breadth, width))
