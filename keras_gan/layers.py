"""Layers from papers that Keras does not have, and spectral normalisation of whole networks."""

import keras
import tensorflow as tf
from keras import ops

from keras_gan._utils.errors import InputError

# Keeps the root's derivative finite where all images of a group are identical; the value in Karras et al.'s code.
VARIANCE_EPSILON = 1e-8


@keras.saving.register_keras_serializable("keras_gan")
class Maxout(keras.layers.Layer):
    """A dense layer in which each unit is the maximum of several linear functions.

    Args:
        units: number of outputs.
        pieces: number of linear functions for each output.
        kernel_initializer: as in `keras.layers.Dense`.
        kernel_constraint: as in `keras.layers.Dense`.

    Input: (batch, features).
    Output: (batch, units).

    Reference: Goodfellow et al. 2013, Maxout networks (arXiv:1302.4389), eq. 1.
    """

    def __init__(self, units, pieces, kernel_initializer="glorot_uniform", kernel_constraint=None, **layer_options):
        super().__init__(**layer_options)
        self.units = units
        self.pieces = pieces
        self.dense = keras.layers.Dense(
            units * pieces,
            kernel_initializer=kernel_initializer,
            kernel_constraint=kernel_constraint,
            dtype=self.dtype_policy,
            name="pieces",
        )

    def build(self, input_shape):
        self.dense.build(input_shape)

    @property
    def kernel(self):
        """Weights of all pieces, (features, units · pieces), which `spectrally_normalized` normalises."""
        return self.dense.kernel

    def call(self, x):
        x = ops.reshape(self.dense(x), (-1, self.units, self.pieces))  # (batch, units, pieces)
        return ops.max(x, axis=-1)  # (batch, units)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.units)

    def get_config(self):
        dense = self.dense.get_config()
        return super().get_config() | {
            "units": self.units,
            "pieces": self.pieces,
            "kernel_initializer": dense["kernel_initializer"],
            "kernel_constraint": dense["kernel_constraint"],
        }


@keras.saving.register_keras_serializable("keras_gan")
class LeakyReLU(keras.layers.LeakyReLU):
    """`keras.layers.LeakyReLU` with a cheaper gradient: the same function, and the same derivatives.

    In training its gradient reads the output, not the input, so that the layer can be computed together with the
    convolution before it. And it has no second derivative with respect to its input, where TensorFlow computes with
    tensors of zeros, which a gradient penalty would send through the whole network.
    """

    def call(self, x, training=False):
        # The output has the sign of the input only for slopes of 0 and above.
        return _leaky_relu(x, self.negative_slope) if training and self.negative_slope >= 0 else super().call(x)


def _leaky_relu(x, slope):
    @tf.custom_gradient
    def function(x):
        y = tf.nn.leaky_relu(x, slope)

        @tf.custom_gradient
        def gradient(dy):
            return tf.raw_ops.LeakyReluGrad(gradients=dy, features=y, alpha=slope), gradient  # linear in dy

        return y, gradient

    return function(x)


@keras.saving.register_keras_serializable("keras_gan")
class Pack(keras.layers.Layer):
    """Stacks `size` adjacent images along the channels, so that D sees several at once and notices missing modes.

    Use it as the first layer of a discriminator, or as the one after augmentation. D then returns one logit for each
    pack. `GAN` passes real and generated images through D as one batch of whole packs, of which none contains both;
    images that are left over are dropped. Penalties still take the norm of D's gradient for each image, so that r1 is
    1/size of its value on whole packs.

    Args:
        size: images in a pack, at least 1.

    Input: (batch, height, width, channels) or (batch, features).
    Output: (batch / size, height, width, size · channels) or (batch / size, size · features): all channels of the first
    image, then those of the next.

    Raises:
        InputError: for size < 1, or where the batch size is known and `size` does not divide it. A batch size that is
            known only at run time fails in the reshape.

    Example:
        >>> from keras_gan.layers import Pack
        >>> Pack(2)(keras.ops.ones((6, 8, 8, 3))).shape
        TensorShape([3, 8, 8, 6])

    Reference: Lin et al. 2018, PacGAN: the power of two samples in generative adversarial networks
    (arXiv:1712.04086).
    """

    def __init__(self, size, **layer_options):
        super().__init__(**layer_options)
        if size < 1:
            raise InputError(f"Pack received size={size}; expected at least 1. Use size=2 for pairs of images.")
        self.size = size

    @property
    def pack(self):
        """Images in a pack. `GAN` reads it to choose the batch size with which it tries D."""
        return self.size

    def call(self, x):
        self._check(x.shape[0])
        *pixels, channels = ops.shape(x)[1:]
        x = ops.reshape(x, (-1, self.size, *pixels, channels))  # (packs, size, ..., channels)
        x = ops.moveaxis(x, 1, -2)  # (packs, ..., size, channels)
        return ops.reshape(x, (-1, *pixels, self.size * channels))  # (packs, ..., size · channels)

    def compute_output_shape(self, input_shape):
        batch, *pixels, channels = input_shape
        self._check(batch)
        return (None if batch is None else batch // self.size, *pixels, self.size * channels)

    def get_config(self):
        return super().get_config() | {"size": self.size}

    def _check(self, batch):
        if batch is not None and batch % self.size:
            raise InputError(
                f"Pack received a batch of {batch}; expected one divisible by its size {self.size}. Use a multiple of "
                f"{self.size}, or another size."
            )


@keras.saving.register_keras_serializable("keras_gan")
class MinibatchStd(keras.layers.Layer):
    """Appends a channel with the standard deviation over a group of images, so that D notices identical samples.

    Use it as one of the last layers of a discriminator. The standard deviation of each value over a group of adjacent
    images, averaged over all values, becomes one more channel, constant over the group. `GAN` passes real and generated
    images through D as one batch: where `group_size` divides the batch size, no group contains both.

    Args:
        group_size: images in a group, at least 2. Where it does not divide the batch size, the largest smaller divisor
            is used. Groups of 1 image give a constant channel.

    Input: (batch, height, width, channels) or (batch, features).
    Output: one channel or feature more, in the policy's compute dtype. The statistic is computed in at least float32
    and is at least 0.0001.

    Raises:
        InputError: for group_size < 2.

    Example:
        >>> from keras_gan.layers import MinibatchStd
        >>> MinibatchStd()(keras.ops.ones((8, 4, 4, 32))).shape
        TensorShape([8, 4, 4, 33])

    Reference: Karras et al. 2018, Progressive growing of GANs (arXiv:1710.10196), sec. 3.
    """

    def __init__(self, group_size=4, **layer_options):
        super().__init__(autocast=False, **layer_options)  # autocast would round the input before the statistic
        if group_size < 2:
            raise InputError(
                f"MinibatchStd received group_size={group_size}; expected at least 2, since one image does not "
                "differ from itself. Use group_size=4."
            )
        self.group_size = group_size

    def call(self, x):
        shape = ops.shape(x)
        values = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
        values = ops.reshape(values, (-1, self._group(shape[0]), *shape[1:]))  # (groups, group, ..., channels)
        deviation = ops.sqrt(ops.var(values, axis=1, keepdims=True) + VARIANCE_EPSILON)  # (groups, 1, ..., channels)
        mean = ops.mean(deviation, axis=list(range(1, len(values.shape))), keepdims=True)  # (groups, 1, ..., 1)
        channel = ops.reshape(mean * ops.ones_like(values[..., :1]), (*shape[:-1], 1))  # (batch, ..., 1)
        return ops.concatenate([ops.cast(part, self.compute_dtype) for part in (x, channel)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)

    def get_config(self):
        return super().get_config() | {"group_size": self.group_size}

    def _group(self, batch):
        """The largest divisor of the batch up to `group_size`; a tensor where the batch is one."""
        if isinstance(batch, int):
            return max(size for size in range(1, self.group_size + 1) if batch % size == 0)
        sizes = ops.arange(1, self.group_size + 1, dtype=batch.dtype)
        return ops.max(ops.where(batch % sizes == 0, sizes, 1))


@keras.saving.register_keras_serializable("keras_gan")
class SpectralEmbedding(keras.layers.SpectralNormalization):
    """An embedding divided by its largest singular value.

    Keras's wrapper casts the output to the dtype of the input. Labels are integers, so the vectors would become
    integers too.

    Args: as for `keras.layers.SpectralNormalization`.

    Input: labels (batch, ...).
    Output: their vectors (batch, ..., width), in the policy's compute dtype.
    """

    def call(self, labels, training=False):
        vectors = super().call(ops.cast(labels, "float32"), training=training)
        return ops.cast(vectors, self.layer.compute_dtype)


# Weights that `spectrally_normalized` divides, and the wrapper that does it.
WRAPPERS = {"kernel": keras.layers.SpectralNormalization, "embeddings": SpectralEmbedding}


def spectrally_normalized(network: keras.Model, power_iterations: int = 1) -> keras.Model:
    """A copy of a Functional or Sequential network with every matrix of weights divided by its largest singular value.

    Args:
        network: usually the discriminator; it is not changed.
        power_iterations: steps of the power method at each call in training.

    Returns:
        A network of the same shapes with fresh weights. Each layer with a kernel is wrapped in Keras's
        `SpectralNormalization`, each embedding in `SpectralEmbedding`.

    Reference: Miyato et al. 2018 (arXiv:1802.05957), eq. 8.
    """

    def wrapped(layer):
        copy = layer.__class__.from_config(layer.get_config())
        for name, wrapper in WRAPPERS.items():
            if hasattr(layer, name):
                return wrapper(copy, power_iterations, name=f"sn_{layer.name}")
        return copy

    return keras.models.clone_model(network, clone_function=wrapped, recursive=True)
