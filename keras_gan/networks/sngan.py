"""The standard convolutional networks of spectral normalisation (Miyato et al. 2018, arXiv:1802.05957, table 3).

One departure: G's steps up are a 3×3 convolution and depth-to-space, of which the paper's 4×4 transposed convolution
of stride 2 is a case. As in Keras, spectral normalisation divides the kernels in place, so that the gradient is taken
at the normalised kernels and not through their norm (eq. 10 to 12 of the paper).
"""

from keras import layers, ops

from keras_gan.networks.family import Family, base, count_levels, crop, pad

SLOPE = 0.1  # of the activations below 0


def _width(level):
    """Channels after `level` halvings: 64, 128, 256, 512."""
    return min(64 * 2**level, 512)


def _activated(x, dtype):
    return layers.ReLU(dtype=dtype)(layers.BatchNormalization(synchronized=True, dtype=dtype)(x))


def _generate(z, shape, dtype):
    levels = count_levels(shape)
    x = _activated(base(z, shape, levels, _width(levels), dtype, use_bias=False), dtype)
    for level in reversed(range(levels)):
        x = layers.Conv2D(4 * _width(level), 3, padding="same", use_bias=False, dtype=dtype)(x)
        x = _activated(ops.depth_to_space(x, 2), dtype)  # (batch, 2h, 2w, width)
    x = layers.Conv2D(shape[2], 3, padding="same", activation="tanh", dtype="float32", name="image")(x)
    return crop(x, shape, levels)


def _convolved(x, width, kernel, strides, dtype):
    x = layers.Conv2D(width, kernel, strides, padding="same", dtype=dtype)(x)
    return layers.LeakyReLU(SLOPE, dtype=dtype)(x)


def _judge(x, shape, dtype, head):
    levels = count_levels(shape)
    x = pad(x, shape, levels)
    for level in range(levels):
        x = _convolved(x, _width(level), 3, 1, dtype)
        x = _convolved(x, _width(level), 4, 2, dtype)
    return head(_convolved(x, _width(levels), 3, 1, dtype))


SNGAN = Family(_generate, _judge, spectral=True)
