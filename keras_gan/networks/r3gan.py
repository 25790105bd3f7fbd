"""The networks of R3GAN's configuration E (Huang et al. 2024, arXiv:2501.05441), in the sizes of its published code.

Residual blocks consist of a 1×1, a grouped 3×3 and a 1×1 convolution, without normalisation. G starts from a learned
pattern for each channel, and D ends with one, each combined with a linear map. Feature maps are resampled with the
filter [1, 2, 1] * [1, 1] = [1, 3, 3, 1] and are zero outside their borders. All of this follows
github.com/brownvc/R3GAN (R3GAN/Networks.py, Resamplers.py, and train.py for the sizes), which has square images of 32,
64 and 256 pixels. Other sizes are padded and cropped.
"""

import math

import keras
from keras import layers, ops

from keras_gan._utils import compat
from keras_gan.distribute import precision
from keras_gan.layers import LeakyReLU
from keras_gan.networks.family import Family, count_levels, crop, dot, embedding, pad, padded

WIDTH, WIDEST_SIDE = 768, 32  # channels of feature maps up to 32 pixels, halved with each doubling above
EXPANSION = 2  # width inside a block over its input's width
GROUP_WIDTH = 16  # channels in a group
BLOCKS = 2  # on each level
SLOPE = 0.2
GAIN = 2 / (1 + SLOPE**2)  # of the weights' variance, which compensates for the activation


def _width(shape, levels, level):
    side = math.ceil(min(shape[:2]) / 2**levels) * 2 ** (levels - level)
    return WIDTH >> max(0, math.ceil(math.log2(side / WIDEST_SIDE)))


def _scaled(scale):
    """Normal weights of variance `scale` / fan-in."""
    return keras.initializers.VarianceScaling(scale, "fan_in", "untruncated_normal")


@keras.saving.register_keras_serializable("keras_gan")
class Basis(layers.Layer):
    """Multiplies a learned pattern of each channel by that channel's value.

    Args:
        size: (height, width) of the patterns, which are standard normal at first.

    Input: (batch, channels).
    Output: (batch, height, width, channels).
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
    """A grouped convolution of stride 1 with padding "same", computed by matrix products where XLA is not used.

    Keras compiles grouped convolutions with XLA, whose gradients for 96 groups took 60 times as long on a CPU.
    Arguments are those of `keras.layers.Conv2D`.

    Input: (batch, height, width, channels) of known height and width.
    Output: (batch, height, width, filters).
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
    """The number of rows to pad before and after, for a kernel of that size."""
    return ((size - 1) // 2, size // 2)


def _block(x, variance, dtype):
    """x + conv(act(conv(act(conv(x))))), the identity at first, since the last weights start at zero."""
    width = x.shape[-1]
    inside = EXPANSION * width
    h = layers.Conv2D(inside, 1, kernel_initializer=_scaled(variance), dtype=dtype)(x)
    h = LeakyReLU(SLOPE, dtype=dtype)(h)
    options = {"groups": inside // GROUP_WIDTH, "padding": "same", "dtype": dtype}
    h = GroupedConv2D(inside, 3, kernel_initializer=_scaled(variance), **options)(h)
    h = LeakyReLU(SLOPE, dtype=dtype)(h)
    h = layers.Conv2D(width, 1, use_bias=False, kernel_initializer="zeros", dtype=dtype)(h)
    return layers.Add(dtype=dtype)([x, h])


def _blocks(x, levels, dtype):
    """The residual blocks of a level. With Fixup initialisation the weights fall with the number of blocks."""
    variance = GAIN / math.sqrt(BLOCKS * (levels + 1))  # standard deviation: number of blocks ** (-1/4)
    for _ in range(BLOCKS):
        x = _block(x, variance, dtype)
    return x


# [1, 1] * [1, 1] = [1, 2, 1], and [1, 1] three times is [1, 3, 3, 1]: repeated means of two neighbours. Zeros around
# the map count in these means, so they are padded explicitly: Keras's pooling with "same" padding ignores its padding.
def _mean_of_two(x, strides, dtype):
    return layers.AveragePooling2D(2, strides, dtype=dtype)(x)


def _doubled(x, dtype):
    """Upsamples to (batch, 2h, 2w, width): filter [1, 3, 3, 1] / 4 on the map with zeros between its pixels."""
    x = compat.depth_to_space(layers.Concatenate(dtype=dtype)([x] * 4), 2)  # repeats each pixel 2×2: filter [1, 1]
    x = layers.ZeroPadding2D(1, dtype=dtype)(x)
    return _mean_of_two(_mean_of_two(x, 1, dtype), 1, dtype)


def _halved(x, dtype):
    """Downsamples to (batch, h / 2, w / 2, width): filter [1, 3, 3, 1] / 8."""
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


def _discriminate(x, shape, dtype, head):
    levels = count_levels(shape, math.ceil)
    x = _linear(pad(x, shape, levels), _width(shape, levels, 0), dtype)
    for level in range(1, levels + 1):
        x = _halved(_blocks(x, levels, dtype), dtype)
        width = _width(shape, levels, level)
        x = _linear(x, width, dtype) if width != x.shape[-1] else x
    x = _blocks(x, levels, dtype)
    # Not `_scaled`, since Keras's fan-in counts all channels, and each pattern has one.
    pattern = keras.initializers.RandomNormal(stddev=1 / math.sqrt(math.prod(x.shape[1:3])))
    options = {"use_bias": False, "depthwise_initializer": pattern, "dtype": dtype}
    x = layers.DepthwiseConv2D(x.shape[1:3], **options)(x)  # (batch, 1, 1, width)
    return head(x, kernel_initializer=_scaled(1.0), use_bias=False)


def _embedded(label, num_classes, latent_dim):
    """An embedding as wide as z: a linear map of a one-hot vector, with weights of variance 1 / number of classes."""
    start = keras.initializers.RandomNormal(stddev=1 / math.sqrt(num_classes))
    return embedding(num_classes, latent_dim, start)(label)


def _projected(features, label, num_classes, **options):
    """<W features, embedding of the label>, without a logit of its own; the embedding is scaled by 1 / √width."""
    width = features.shape[-1]
    flat = layers.Flatten(dtype="float32")(features)
    flat = layers.Dense(width, dtype="float32", name="projection", **options)(flat)
    start = keras.initializers.RandomNormal(stddev=1 / math.sqrt(width * num_classes))
    return dot(flat, embedding(num_classes, width, start)(label))


R3GAN = Family(_generate, _discriminate, embedded=_embedded, projected=_projected)
