"""The standard convolutional networks of spectral normalisation (Miyato et al. 2018, arXiv:1802.05957, table 3).

Differences from the paper: G upsamples by a 3×3 convolution and depth-to-space, of which the paper's 4×4 transposed
convolution of stride 2 is a special case. Keras's spectral normalisation divides the weights in place, so that the
gradient does not pass through their norm (eq. 10 to 12 of the paper). The paper gives no initial weights; here they are
Keras's defaults.

With classes, D follows Miyato and Koyama 2018 (arXiv:1802.05637), as in github.com/pfnet-research/sngan_projection
(dis_models/snresnet_32.py): the logit plus the inner product of D's features, summed over the map, with a spectrally
normalised embedding. G takes an embedding next to z; that code has class-conditional batch normalisation.
"""

from keras import layers, ops

from keras_gan._utils import compat
from keras_gan.layers import LeakyReLU
from keras_gan.networks.family import Family, base, count_levels, crop, dot, embedding, logit, pad

SLOPE = 0.1  # of activations below 0
CHAINER = {"momentum": 0.9, "epsilon": 2e-5}  # defaults of batch normalisation in Chainer, the authors' framework


def _width(level):
    """Channels after `level` halvings: 64, 128, 256, 512."""
    return min(64 * 2**level, 512)


def _activated(x, dtype):
    return layers.ReLU(dtype=dtype)(layers.BatchNormalization(synchronized=True, dtype=dtype, **CHAINER)(x))


def _generate(z, shape, dtype):
    levels = count_levels(shape)
    x = _activated(base(z, shape, levels, _width(levels), dtype, use_bias=False), dtype)
    for level in reversed(range(levels)):
        x = layers.Conv2D(4 * _width(level), 3, padding="same", use_bias=False, dtype=dtype)(x)
        x = _activated(compat.depth_to_space(x, 2), dtype)  # (batch, 2h, 2w, width)
    x = layers.Conv2D(shape[2], 3, padding="same", activation="tanh", dtype="float32", name="image")(x)
    return crop(x, shape, levels)


def _convolved(x, width, kernel, strides, dtype):
    x = layers.Conv2D(width, kernel, strides, padding="same", dtype=dtype)(x)
    return LeakyReLU(SLOPE, dtype=dtype)(x)


def _discriminate(x, shape, dtype, head):
    levels = count_levels(shape)
    x = pad(x, shape, levels)
    for level in range(levels):
        x = _convolved(x, _width(level), 3, 1, dtype)
        x = _convolved(x, _width(level), 4, 2, dtype)
    return head(_convolved(x, _width(levels), 3, 1, dtype))


def _projected(features, label, num_classes, **options):
    """The logit plus <embedding of the label, sum of the features over the map>."""
    total = ops.sum(ops.cast(features, "float32"), axis=(1, 2))  # (batch, width)
    product = dot(total, embedding(num_classes, features.shape[-1], "glorot_uniform")(label))
    return layers.Add(dtype="float32")([logit(features, **options), product])


SNGAN = Family(_generate, _discriminate, spectral=True, projected=_projected)
