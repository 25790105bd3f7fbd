"""The networks of R3GAN's configuration E (Huang et al. 2024, arXiv:2501.05441), in the sizes of its published code.

Residual blocks of a 1×1, a grouped 3×3 and a 1×1 convolution, no normalisation. G starts from one learned pattern a
channel, D ends in one, each times a linear map. Maps are resampled with the filter [1, 2, 1] * [1, 1] = [1, 3, 3, 1],
and are zero outside their borders. All as in github.com/brownvc/R3GAN (R3GAN/Networks.py, Resamplers.py, and train.py
for the sizes), which builds them for square images of 32, 64 and 256 pixels; other sizes are padded and cropped.
"""

import math

import keras
from keras import layers, ops

from keras_gan._utils import compat
from keras_gan.distribute import precision
from keras_gan.networks.family import Family, count_levels, crop, dot, embedding, pad, padded

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


@keras.saving.register_keras_serializable("keras_gan")
class Basis(layers.Layer):
    """A learned pattern of each channel, times that channel's value.

    Args:
        size: (height, width) of the patterns.

    Input (batch, channels), output (batch, height, width, channels). The patterns start as standard normal numbers.
    """

    def __init__(self, size, **layer_options):
        super().__init__(**layer_options)
        self.size = tuple(size)

    def build(self, input_shape):
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.basis = self.add_weight((*self.size, input_shape[-1]), initializer=normal, name="basis")

    def call(self, x):
        return ops.reshape(x, (-1, 1, 1, x.shape[-1])) * self.basis

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.size, input_shape[-1])

    def get_config(self):
        return super().get_config() | {"size": list(self.size)}


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


# [1, 1] * [1, 1] = [1, 2, 1], and [1, 1] three times is [1, 3, 3, 1]: means of two neighbours, one after the other. The
# zeros around the map are part of the means, which those of "same" padding in Keras's pooling are not.
def _mean_of_two(x, strides, dtype):
    return layers.AveragePooling2D(2, strides, dtype=dtype)(x)


def _doubled(x, dtype):
    """Twice the size: [1, 3, 3, 1] / 4 on the map with zeros between its pixels, (batch, 2h, 2w, width)."""
    x = compat.depth_to_space(layers.Concatenate(dtype=dtype)([x] * 4), 2)  # each pixel four times: [1, 1]
    x = layers.ZeroPadding2D(1, dtype=dtype)(x)
    return _mean_of_two(_mean_of_two(x, 1, dtype), 1, dtype)


def _halved(x, dtype):
    """Half the size: [1, 3, 3, 1] / 8, (batch, h / 2, w / 2, width)."""
    x = layers.ZeroPadding2D(1, dtype=dtype)(x)
    return _mean_of_two(_mean_of_two(_mean_of_two(x, 1, dtype), 1, dtype), 2, dtype)


def _generate(z, shape, dtype):
    levels = count_levels(shape, math.ceil)
    width = _width(shape, levels, levels)
    x = layers.Dense(width, use_bias=False, kernel_initializer=_scaled(1.0), dtype=dtype)(z)
    x = Basis([side // 2**levels for side in padded(shape, levels)], dtype=dtype)(x)
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
    # Not `_scaled`: Keras counts the inputs of all channels, of which each pattern sees one.
    pattern = keras.initializers.RandomNormal(stddev=1 / math.sqrt(math.prod(x.shape[1:3])))
    options = {"use_bias": False, "depthwise_initializer": pattern, "dtype": dtype}
    x = layers.DepthwiseConv2D(x.shape[1:3], **options)(x)  # (batch, 1, 1, width)
    return head(x, kernel_initializer=_scaled(1.0), use_bias=False)


def _embedded(label, num_classes, latent_dim):
    """As wide as z; a linear map of a one-hot vector, whose weights have the variance 1 / number of classes."""
    start = keras.initializers.RandomNormal(stddev=1 / math.sqrt(num_classes))
    return embedding(num_classes, latent_dim, start)(label)


def _projected(features, label, num_classes, **options):
    """<W features, embedding of the label>, with no logit for all classes; the embedding starts 1 / √width as large."""
    width = features.shape[-1]
    flat = layers.Flatten(dtype="float32")(features)
    flat = layers.Dense(width, dtype="float32", name="projection", **options)(flat)
    start = keras.initializers.RandomNormal(stddev=1 / math.sqrt(width * num_classes))
    return dot(flat, embedding(num_classes, width, start)(label))


R3GAN = Family(_generate, _judge, embedded=_embedded, projected=_projected)
