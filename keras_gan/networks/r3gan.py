"""The networks of R3GAN's configuration E (Huang et al. 2024, arXiv:2501.05441), in the sizes of its published code.

Residual blocks of a 1×1, a grouped 3×3 and a 1×1 convolution, no normalisation, and resampling with the filter
[1, 2, 1]. One departure: G starts from a linear map of z to the smallest feature map, not from one learned 4×4 pattern
a channel times a linear map.
"""

import math

import keras
from keras import layers, ops

from keras_gan import precision
from keras_gan.networks.family import Family, base, count_levels, crop, pad

WIDTH, WIDEST_SIDE = 768, 32  # channels of feature maps up to 32 pixels; half as many with each doubling above
EXPANSION = 2  # of the width inside a block
GROUP_WIDTH = 16  # channels of a group
BLOCKS = 2  # a level
SLOPE = 0.2
GAIN = 2 / (1 + SLOPE**2)  # of the weights' variance, which makes up for what the activation takes away


def _width(shape, levels, level):
    side = math.ceil(min(shape[:2]) / 2**levels) * 2 ** (levels - level)
    return WIDTH >> max(0, math.ceil(math.log2(side / WIDEST_SIDE)))


def _scaled(scale):
    """Normal weights of variance `scale` / fan-in."""
    return keras.initializers.VarianceScaling(scale, "fan_in", "untruncated_normal")


def _linear(x, width, dtype, name=None):
    return layers.Conv2D(width, 1, use_bias=False, kernel_initializer=_scaled(1.0), dtype=dtype, name=name)(x)


@keras.saving.register_keras_serializable("keras_gan")
class GroupedConv2D(layers.Conv2D):
    """A grouped convolution of stride 1 with padding "same", as products of matrices where XLA does not serve.

    Keras compiles grouped convolutions by XLA, whose gradients for 96 groups took 60 times as long on a CPU.

    Input (batch, height, width, channels) of known height and width, output (batch, height, width, filters). Arguments
    are those of `keras.layers.Conv2D`.
    """

    def call(self, x):
        if precision.jit_compile()[0]:
            return super().call(x)
        height, width, channels = x.shape[1:]
        rows, columns = self.kernel_size
        x = ops.pad(x, [(0, 0), _around(rows), _around(columns), (0, 0)])
        x = ops.reshape(x, (-1, *x.shape[1:3], self.groups, channels // self.groups))
        x = ops.transpose(x, (3, 0, 1, 2, 4))  # (groups, batch, h, w, channels / groups)
        taps = [x[:, :, i : i + height, j : j + width] for i in range(rows) for j in range(columns)]
        x = ops.concatenate(taps, axis=-1)
        x = ops.reshape(x, (self.groups, -1, x.shape[-1]))
        kernel = ops.reshape(self.kernel, (x.shape[-1], self.groups, self.filters // self.groups))
        x = ops.matmul(x, ops.transpose(kernel, (1, 0, 2)))  # (groups, batch · h · w, filters / groups)
        return ops.reshape(ops.transpose(x, (1, 0, 2)), (-1, height, width, self.filters)) + self.bias


def _around(size):
    """Rows to pad before and after, for a kernel of that size."""
    return ((size - 1) // 2, size // 2)


def _block(x, variance, dtype):
    """x + conv(act(conv(act(conv(x))))), the identity at first: the last weights start at zero."""
    width = x.shape[-1]
    inside = EXPANSION * width
    h = layers.Conv2D(inside, 1, kernel_initializer=_scaled(variance), dtype=dtype)(x)
    h = layers.LeakyReLU(SLOPE, dtype=dtype)(h)
    options = {"groups": inside // GROUP_WIDTH, "padding": "same", "dtype": dtype}
    h = GroupedConv2D(inside, 3, kernel_initializer=_scaled(variance), **options)(h)
    h = layers.LeakyReLU(SLOPE, dtype=dtype)(h)
    h = layers.Conv2D(width, 1, use_bias=False, kernel_initializer="zeros", dtype=dtype)(h)
    return layers.Add(dtype=dtype)([x, h])


def _blocks(x, levels, dtype):
    """The residual blocks of a level. By fix-up initialisation the more blocks there are, the smaller their weights."""
    variance = GAIN / math.sqrt(BLOCKS * (levels + 1))  # the standard deviation goes with the number to the power -1/4
    for _ in range(BLOCKS):
        x = _block(x, variance, dtype)
    return x


def _blurred(x, strides, dtype):
    return layers.AveragePooling2D(2, strides, padding="same", dtype=dtype)(x)


def _doubled(x, dtype):
    """Twice the size: every pixel four times, then a mean of neighbours; [1, 1] * [1, 1] is the filter [1, 2, 1]."""
    x = ops.depth_to_space(layers.Concatenate(dtype=dtype)([x] * 4), 2)  # (batch, 2h, 2w, width)
    return _blurred(x, 1, dtype)


def _halved(x, dtype):
    return _blurred(_blurred(x, 1, dtype), 2, dtype)


def _generate(z, shape, dtype):
    levels = count_levels(shape, math.ceil)
    x = base(z, shape, levels, _width(shape, levels, levels), dtype, False, _scaled(1.0))
    x = _blocks(x, levels, dtype)
    for level in reversed(range(levels)):
        width = _width(shape, levels, level)
        x = _linear(x, width, dtype) if width != x.shape[-1] else x
        x = _blocks(_doubled(x, dtype), levels, dtype)
    return crop(_linear(x, shape[2], "float32", name="image"), shape, levels)


def _judge(x, shape, dtype, head):
    levels = count_levels(shape, math.ceil)
    x = _linear(pad(x, shape, levels), _width(shape, levels, 0), dtype)
    for level in range(1, levels + 1):
        x = _halved(_blocks(x, levels, dtype), dtype)
        width = _width(shape, levels, level)
        x = _linear(x, width, dtype) if width != x.shape[-1] else x
    x = _blocks(x, levels, dtype)
    options = {"use_bias": False, "depthwise_initializer": _scaled(1.0), "dtype": dtype}
    x = layers.DepthwiseConv2D(x.shape[1:3], **options)(x)  # (batch, 1, 1, width)
    return head(x, kernel_initializer=_scaled(1.0))


R3GAN = Family(_generate, _judge)
