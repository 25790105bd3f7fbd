"""Shared parts of the network families: the pair of builders, class embeddings, padding and cropping."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from keras import layers, ops

BASE = 4  # pixels on the shorter side of the smallest feature map; up to 7 where the number of halvings is rounded down
LABEL_WIDTH, PROJECTION_WIDTH = 32, 64  # default widths of the class embeddings in G and in D


def embedded(label, num_classes, latent_dim):
    """The default input of G for the label, next to z: a learned embedding, (batch, width)."""
    return embedding(num_classes, LABEL_WIDTH)(label)


def embedding(num_classes, width, initializer="uniform"):
    """A layer with a learned vector for each class. "uniform" is Keras's default initializer, U(-0.05, 0.05)."""
    return layers.Embedding(num_classes, width, embeddings_initializer=initializer, dtype="float32", name="class")


def logit(features, **options):
    """The logit: a linear map of all features, (batch, 1)."""
    return layers.Dense(1, dtype="float32", name="logit", **options)(layers.Flatten(dtype="float32")(features))


def projected(features, label, num_classes, **options):
    """The logit plus <V features, embedding of the label>, eq. 3 of Miyato and Koyama. V keeps the embedding small."""
    flat = layers.Dense(PROJECTION_WIDTH, dtype="float32", name="projection")(layers.Flatten(dtype="float32")(features))
    product = dot(flat, embedding(num_classes, PROJECTION_WIDTH)(label))
    return layers.Add(dtype="float32")([logit(features, **options), product])


def attribute_projected(features, attributes, **options):
    """The logit plus <V features, W (2 attributes - 1)>: the projection for several yes/no attributes, 0 or 1."""
    flat = layers.Dense(PROJECTION_WIDTH, dtype="float32", name="projection")(layers.Flatten(dtype="float32")(features))
    signs = layers.Rescaling(2.0, -1.0, dtype="float32")(attributes)
    embedded = layers.Dense(
        PROJECTION_WIDTH, use_bias=False, kernel_initializer="uniform", dtype="float32", name="embedding"
    )(signs)
    return layers.Add(dtype="float32")([logit(features, **options), dot(flat, embedded)])


def dot(features, embedding):
    """The inner product of each row of features with the embedding of its class or attributes, (batch, 1)."""
    return layers.Dot(axes=1, dtype="float32")([features, embedding])


@dataclass(frozen=True)
class Family:
    """A pair of builders: (z, data shape, dtype policy) to data, and (x, data shape, dtype policy, head) to a logit.

    `head` maps D's last features (batch, ...) to the logit; it takes the options of a Dense layer. The discriminator of
    a `spectral` family is spectrally normalised. With classes, G takes z and `embedded(label, num_classes, latent_dim)`
    as one vector, and D's head is `projected(features, label, num_classes, **options)`. The generator of a family that
    `has_widths` takes the most channels of a feature map as `width`.
    """

    generator: Callable
    discriminator: Callable
    spectral: bool = False
    has_widths: bool = False
    embedded: Callable = embedded
    projected: Callable = projected


def count_levels(shape, rounding=math.floor) -> int:
    """The number of halvings from full size to BASE. Rounded up, 28 pixels become 32; rounded down, 28 = 7 · 4."""
    return max(1, rounding(math.log2(min(shape[:2]) / BASE)))


def padded(shape, levels) -> tuple[int, int]:
    """The sides of a shape, rounded up to multiples of 2 ** levels."""
    block = 2**levels
    return tuple(math.ceil(side / block) * block for side in shape[:2])


def halved(shape, levels) -> tuple[int, int]:
    """The sides of a shape after `levels` halvings, each rounded up."""
    return tuple(math.ceil(side / 2**levels) for side in shape[:2])


def _margins(shape, levels):
    """Pixels to pad, or to crop: ((top, bottom), (left, right))."""
    extra = (full - side for full, side in zip(padded(shape, levels), shape[:2], strict=True))
    return tuple((pixels // 2, pixels - pixels // 2) for pixels in extra)


def trimmed(x, sides):
    """Crops a feature map to its first rows and columns, up to `sides`."""
    extra = [(0, size - side) for size, side in zip(x.shape[1:3], sides, strict=True)]
    return layers.Cropping2D(extra, dtype=x.dtype)(x) if any(map(any, extra)) else x


def crop(x, shape, levels):
    margins = _margins(shape, levels)
    return layers.Cropping2D(margins, dtype="float32")(x) if any(map(any, margins)) else x


def pad(x, shape, levels):
    margins = _margins(shape, levels)
    return layers.ZeroPadding2D(margins, dtype="float32")(x) if any(map(any, margins)) else x


def base(z, shape, levels, width, dtype, use_bias=True, kernel_initializer="glorot_uniform"):
    """Maps z to a feature map of the smallest size, (batch, height / 2^levels, width / 2^levels, channels)."""
    rows, columns = (side // 2**levels for side in padded(shape, levels))
    # Not layers.Reshape, which leaves a dynamic shape in the .tflite, so that XNNPACK cannot be used.
    dense = layers.Dense(rows * columns * width, use_bias=use_bias, kernel_initializer=kernel_initializer, dtype=dtype)
    return ops.reshape(dense(z), (-1, rows, columns, width))
