"""Generators and discriminators for images of any size from 8×8 to 256×256, and for plain vectors.

Upsampling is convolution + depth-to-space: it is what the edge runs fast, and its second derivative is defined.
Hidden layers compute in `dtype`; the last layer of every network computes in float32.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers, ops

from keras_gan import precision
from keras_gan.config import DEFAULT_PRESET, lookup, preset
from keras_gan.errors import InputError
from keras_gan.layers import Maxout
from keras_gan.theory import Z_SCALE

SMALLEST, LARGEST = 8, 256  # pixels on a side
BASE = 4  # the smallest feature map is 4 to 7 pixels on its shorter side
FULL_SIZE_WIDTH, WIDEST = 32, 256  # channels of the residual networks at full resolution, and at most


@dataclass(frozen=True)
class Family:
    """A pair of builders: (input tensor, data shape, dtype policy) to output tensor."""

    generator: Callable
    discriminator: Callable


def generator(data_shape, latent_dim=None, preset_name=DEFAULT_PRESET, dtype="auto") -> keras.Model:
    """Builds a generator: latents (batch, latent_dim) to data (batch, *data_shape), float32.

    Args:
        data_shape: (height, width, channels) of images, 8 to 256 pixels on a side and 1 or 3 channels; or
            (features,), which gives a multilayer perceptron with a linear output.
        latent_dim: dimension of z; None for the preset's.
        preset_name: a name in `config.PRESETS`.
        dtype: Keras dtype policy of the hidden layers; "auto" for the fastest here (see `precision`).

    Returns:
        A built `keras.Model`; its images are meant for [-1, 1], which the preset "resnet" does not enforce by a tanh:
        `pixels.to_uint8` clips.

    Raises:
        InputError: where no network can be built for the shape.
    """
    recipe = preset(preset_name)
    shape = check_shape(data_shape)
    z = keras.Input((recipe.latent_dim if latent_dim is None else latent_dim,), name="z")
    return keras.Model(z, _family(recipe, shape).generator(z, shape, _policy(dtype, shape)), name="generator")


def discriminator(data_shape, preset_name=DEFAULT_PRESET, dtype="auto") -> keras.Model:
    """Builds a discriminator: data (batch, *data_shape) to logits (batch, 1), float32.

    Arguments and errors as in `generator`.
    """
    shape = check_shape(data_shape)
    x = keras.Input(shape, name="image")
    family = _family(preset(preset_name), shape)
    return keras.Model(x, family.discriminator(x, shape, _policy(dtype, shape)), name="discriminator")


def check_shape(data_shape) -> tuple[int, ...]:
    """The shape as a tuple of ints. Raises InputError where no network can be built for it."""
    shape = tuple(int(size) for size in data_shape)
    if len(shape) == 1 and shape[0] >= 1:
        return shape
    if len(shape) == 3 and all(SMALLEST <= side <= LARGEST for side in shape[:2]) and shape[2] in (1, 3):
        return shape
    raise InputError(
        f"data of shape {shape}; expected (height, width, channels) with {SMALLEST} to {LARGEST} pixels on a side "
        "and 1 or 3 channels, or (features,); resize with image_size (--image-size)"
    )


def arithmetic(data_shape) -> tuple[str, str]:
    """The dtype policy that "auto" means for data of a shape, and why."""
    if len(data_shape) == 1:
        return "float32", "the data are vectors, whose modes bfloat16 would blur"
    return precision.policy()


def _policy(dtype, shape):
    return arithmetic(shape)[0] if dtype == "auto" else dtype


def _levels(shape) -> int:
    """How often the feature map is halved between full size and base."""
    return max(1, int(math.log2(min(shape[:2]) / BASE)))


def _padded(shape, levels) -> tuple[int, int]:
    """The shape's sides rounded up to what `levels` halvings divide."""
    block = 2**levels
    return tuple(math.ceil(side / block) * block for side in shape[:2])


def _margins(shape, levels):
    """What padding adds, or cropping takes away: ((top, bottom), (left, right)), in pixels."""
    extra = (padded - side for padded, side in zip(_padded(shape, levels), shape[:2], strict=True))
    return tuple((pixels // 2, pixels - pixels // 2) for pixels in extra)


def _crop(x, shape, levels):
    margins = _margins(shape, levels)
    return layers.Cropping2D(margins, dtype="float32")(x) if any(map(any, margins)) else x


def _pad(x, shape, levels):
    margins = _margins(shape, levels)
    return layers.ZeroPadding2D(margins, dtype="float32")(x) if any(map(any, margins)) else x


def _base(z, shape, levels, width, dtype, use_bias=True):
    """z to a feature map of the smallest size, (batch, height / 2^levels, width / 2^levels, channels)."""
    height, breadth = (side // 2**levels for side in _padded(shape, levels))
    # ops.reshape, not layers.Reshape: the latter keeps a dynamic shape in the .tflite, which loses XNNPACK.
    z = layers.Dense(height * breadth * width, use_bias=use_bias, dtype=dtype)(z)
    return ops.reshape(z, (-1, height, breadth, width))


# resnet -------------------------------------------------------------------------------------------------------


def _residual(x, dtype):
    """x + conv(act(conv(act(x)))); the last convolution starts at zero, so that the block starts as identity."""
    width = x.shape[-1]
    h = layers.LeakyReLU(0.2, dtype=dtype)(x)
    h = layers.Conv2D(width, 3, padding="same", kernel_initializer="he_normal", dtype=dtype)(h)
    h = layers.LeakyReLU(0.2, dtype=dtype)(h)
    h = layers.Conv2D(width, 3, padding="same", kernel_initializer="zeros", dtype=dtype)(h)
    return layers.Add(dtype=dtype)([x, h])


def _residual_width(level):
    return min(FULL_SIZE_WIDTH * 2**level, WIDEST)


# A block at full size costs as much as any other. With two levels or more it was not worth it: on MNIST 280 images/s
# without and 207 with it, and at equal time no better a Fréchet distance; on 8×8 digits, with one level, it was.
def _resnet_generator(z, shape, dtype):
    levels = _levels(shape)
    x = _base(z, shape, levels, _residual_width(levels), dtype)
    for level in reversed(range(levels)):
        x = _residual(x, dtype)
        x = layers.Conv2D(4 * _residual_width(level), 1, dtype=dtype)(x)
        x = ops.depth_to_space(x, 2)  # (batch, 2h, 2w, width)
    x = layers.LeakyReLU(0.2, dtype=dtype)(_residual(x, dtype) if levels == 1 else x)
    # No tanh: against a D that wins early it saturates at one colour, and its gradient never comes back.
    x = layers.Conv2D(shape[2], 3, padding="same", dtype="float32", name="image")(x)
    return _crop(x, shape, levels)


def _resnet_discriminator(x, shape, dtype):
    levels = _levels(shape)
    x = _pad(x, shape, levels)
    x = layers.Conv2D(_residual_width(0), 3, padding="same", dtype=dtype)(x)
    for level in range(1, levels + 1):
        x = _residual(x, dtype) if level > 1 or levels == 1 else layers.LeakyReLU(0.2, dtype=dtype)(x)
        x = ops.space_to_depth(x, 2)  # (batch, h/2, w/2, 4 · width)
        x = layers.Conv2D(_residual_width(level), 1, dtype=dtype)(x)
    x = layers.LeakyReLU(0.2, dtype=dtype)(_residual(x, dtype))
    return layers.Dense(1, dtype="float32", name="logit")(layers.Flatten(dtype=dtype)(x))


# dcgan --------------------------------------------------------------------------------------------------------


def _dcgan_width(level):
    """Channels after `level` halvings: 64, 128, 256, 512 as in the paper."""
    return min(64 * 2 ** (level - 1), 512)


def _normalized(x, dtype):
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, synchronized=True, dtype=dtype)(x)
    return layers.ReLU(dtype=dtype)(x)


def _dcgan_generator(z, shape, dtype):
    levels = _levels(shape)
    width = _dcgan_width(levels)
    x = _base(z, shape, levels, width, dtype, use_bias=False)
    x = _normalized(x, dtype)
    for level in reversed(range(1, levels)):
        x = layers.Conv2D(4 * _dcgan_width(level), 3, padding="same", use_bias=False, dtype=dtype)(x)
        x = _normalized(ops.depth_to_space(x, 2), dtype)  # (batch, 2h, 2w, width)
    x = layers.Conv2D(4 * shape[2], 3, padding="same", activation="tanh", dtype="float32", name="image")(x)
    return _crop(ops.depth_to_space(x, 2), shape, levels)


def _dcgan_discriminator(x, shape, dtype):
    levels = _levels(shape)
    x = _pad(x, shape, levels)
    for level in range(1, levels + 1):
        x = layers.Conv2D(_dcgan_width(level), 4, strides=2, padding="same", dtype=dtype)(x)
        x = layers.LeakyReLU(0.2, dtype=dtype)(x)
    return layers.Dense(1, dtype="float32", name="logit")(layers.Flatten(dtype=dtype)(x))


# multilayer perceptrons ---------------------------------------------------------------------------------------


def _uniform(limit):
    return keras.initializers.RandomUniform(-limit, limit)


# The paper's pixels are in [0, 1]: both networks rescale, so that its initial weights and learning rate keep their
# meaning. Constants are those of the paper's code (github.com/goodfeli/adversarial, mnist.yaml).
MAX_COLUMN_NORM = 1.9365  # without it D's weights grow until they overflow, on MNIST after some 300 steps


def _goodfellow_generator(z, shape, dtype):
    x = layers.Dense(1200, activation="relu", kernel_initializer=_uniform(0.05), dtype=dtype)(z)
    x = layers.Dense(1200, activation="relu", kernel_initializer=_uniform(0.05), dtype=dtype)(x)
    x = layers.Dense(math.prod(shape), activation="sigmoid", kernel_initializer=_uniform(0.05), dtype="float32")(x)
    return ops.reshape(layers.Rescaling(2.0, -1.0, dtype="float32", name="image")(x), (-1, *shape))


def _goodfellow_discriminator(x, shape, dtype):
    limits = {"kernel_initializer": _uniform(0.005), "kernel_constraint": keras.constraints.MaxNorm(MAX_COLUMN_NORM)}
    x = layers.Rescaling(0.5, 0.5, dtype="float32")(layers.Flatten(dtype="float32")(x))
    x = layers.Dropout(0.2, dtype=dtype)(x)
    x = layers.Dropout(0.5, dtype=dtype)(Maxout(240, 5, dtype=dtype, **limits)(x))
    x = layers.Dropout(0.5, dtype=dtype)(Maxout(240, 5, dtype=dtype, **limits)(x))
    return layers.Dense(1, dtype="float32", name="logit", **limits)(x)


def _mlp(x, widths, bias, slope, dtype):
    """Hidden layers; the first one's biases start on U[-bias, bias]: at 0, all its bends would lie at the origin."""
    for layer, width in enumerate(widths):
        start = _uniform(bias) if layer == 0 and bias else "zeros"
        x = layers.LeakyReLU(slope, dtype=dtype)(layers.Dense(width, bias_initializer=start, dtype=dtype)(x))
    return x


def _perceptrons(generator_widths, discriminator_widths, z_scale=1.0, biases=(0.0, 0.0), slope=0.2):
    """A family of plain multilayer perceptrons for vectors, whose generator sees `z_scale` · z.

    `biases` are the first layers' (see `_mlp`), of G and of D; `slope` is that of the activation below 0.
    """

    def generate(z, shape, dtype):
        z = layers.Rescaling(z_scale, dtype="float32")(z) if z_scale != 1.0 else z
        hidden = _mlp(z, generator_widths, biases[0], slope, dtype)
        return layers.Dense(shape[0], dtype="float32", name="vector")(hidden)

    def judge(x, shape, dtype):
        return layers.Dense(1, dtype="float32", name="logit")(_mlp(x, discriminator_widths, biases[1], slope, dtype))

    return Family(generate, judge)


IMAGE_FAMILIES = {
    "resnet": Family(_resnet_generator, _resnet_discriminator),
    "dcgan": Family(_dcgan_generator, _dcgan_discriminator),
    "goodfellow2014": Family(_goodfellow_generator, _goodfellow_discriminator),
}
VECTOR_FAMILIES = {
    "gaussian": _perceptrons((), (32, 32, 32), z_scale=Z_SCALE, biases=(0.0, 2.0)),
    "gaussian_deep": _perceptrons((32, 32), (32, 32, 32), z_scale=Z_SCALE, biases=(0.0, 2.0)),
    # ReLU: where it is flat, G gives the same point for many z, as narrow modes need.
    "mixture": _perceptrons((128, 128), (128, 128), biases=(0.2, 0.5), slope=0.0),
}
FAMILIES = {**IMAGE_FAMILIES, **VECTOR_FAMILIES}


def _family(recipe, shape):
    """The recipe's own family where it suits the shape; image recipes train vectors with perceptrons."""
    if len(shape) == 1:
        return VECTOR_FAMILIES.get(recipe.networks, VECTOR_FAMILIES["mixture"])
    if recipe.networks in VECTOR_FAMILIES:
        raise InputError(
            f"the preset's networks ({recipe.networks}) are for vectors, the data are images of shape {shape}; "
            "expected a preset for images; see kgan presets"
        )
    return lookup(IMAGE_FAMILIES, recipe.networks, "network family", ", ".join(IMAGE_FAMILIES))
