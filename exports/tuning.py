"""Quantization-aware fine-tuning: a generator that draws in 8 bits what the generator in float32 draws.

Kernels, and the inputs of their layers, are rounded to 8 bits in the forward pass; gradients pass through the rounding
unchanged (straight-through).

Reference: Jacob et al. 2018, Quantization and training of neural networks for efficient integer-arithmetic-only
inference (arXiv:1712.05877), section 3.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

from keras_gan import ema
from keras_gan._utils import compat, progress
from keras_gan._utils.errors import InputError
from keras_gan.exports.quantize import INT8_STATIC, SMALL_SHARE

LAYERS = (keras.layers.Dense, keras.layers.Conv2D, keras.layers.Conv2DTranspose)  # whose kernels are rounded
BATCH = 32
LEARNING_RATE = 5e-5  # the largest; with 2e-4 the error grows at first
WARM_UP = 0.05  # share of the steps in which the rate rises, before it falls to 0 along a cosine
SEED = 2**29  # far from the seeds that people look at, and from those of the calibration
LEVELS = 255  # steps of the activations' range
LARGEST_KERNEL_LEVEL = 127


@dataclass(frozen=True)
class Tuned:
    """What a conversion needs of a `GAN`, with a fine-tuned generator in the place of its averaged one."""

    ema_generator: keras.Model
    latent: str
    latent_dim: int
    num_classes: int | None


def tuned(gan, steps: int, mode: str) -> Tuned:
    """A copy of a GAN's averaged generator, fine-tuned to draw the same in 8 bits.

    Each step minimises the mean absolute difference to the pictures of the generator in float32, clipped to [-1, 1],
    for 32 latents.

    Args:
        gan: the `keras_gan.GAN`. It is not changed.
        steps: number of steps.
        mode: the mode of `quantize.MODES` that is simulated: "int8" or "int8-static".

    Returns:
        The copy, with what else a conversion needs.

    Raises:
        InputError: where the generator cannot be cloned, or has no layer that is stored in 8 bits.
    """
    student, static = ema.float32_copy(gan.ema_generator, gan.inputs(1, seed=0)), mode == INT8_STATIC
    kernels, inputs = _rounded(student, static)
    # The averaged generator's weights are not trainable; the generator's own are, except for the statistics of batches.
    weights = [ours for ours, trained in zip(student.weights, gan.generator.weights, strict=True) if trained.trainable]
    optimizer = _optimizer(steps)
    optimizer.build(weights)
    images = len(gan.data_shape) == 3

    @tf.function
    def step(inputs):
        expected = gan.ema_generator(inputs, training=False)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([weight.value for weight in weights])
            with keras.StatelessScope(state_mapping=[(layer.kernel, rounded_kernel(layer)) for layer in kernels]):
                drawn = student(inputs, training=False)
            error = tf.reduce_mean(tf.abs(_clipped(drawn, images) - _clipped(expected, images)))
        optimizer.apply(tape.gradient(error, [weight.value for weight in weights]), weights)

    with _rounding_inputs(inputs, static):
        for number in progress.track(range(steps), "tuning", steps):
            step(gan.inputs(BATCH, seed=SEED + BATCH * number))
    return Tuned(student, gan.latent, gan.latent_dim, gan.num_classes)


def _optimizer(steps):
    warm_up = int(WARM_UP * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warm_up, warmup_target=LEARNING_RATE, warmup_steps=warm_up
    )
    return keras.optimizers.Adam(rate, beta_2=0.99)


def _clipped(x, images):
    return tf.clip_by_value(x, -1.0, 1.0) if images else x


def _rounded(student, static):
    """The layers whose kernels are rounded, and those whose inputs are, as `quantize` stores a fine-tuned file.

    Where ranges are not static, a small last layer is not rounded, nor are the inputs of a first dense layer.
    """
    layers = _simulated(student)
    if static:
        return layers, layers
    sizes = [layer.kernel.shape.num_elements() for layer in layers]
    kernels = layers[:-1] if sizes[-1] <= SMALL_SHARE * sum(sizes) else layers
    return kernels, [one for one in kernels if one is not layers[0] or not isinstance(one, keras.layers.Dense)]


def _simulated(student):
    """The layers whose numbers are rounded."""
    if isinstance(student, ema.SecondWeights):
        raise InputError(
            "tuning a generator that Keras cannot clone; expected a network with get_config and without Lambda layers "
            "of Python lambdas. Leave tune_steps (--tune) out."
        )
    found = [one for one in compat.all_layers(student, include_self=False) if isinstance(one, LAYERS)]
    if not found:
        raise InputError(
            "tuning a generator without Dense, Conv2D and Conv2DTranspose layers; expected layers that are stored in 8 "
            "bits. Leave tune_steps (--tune) out."
        )
    return found


def rounded_kernel(layer):
    """The kernel of a layer as int8 stores it: symmetric, one scale per output channel, or per tensor for Dense."""
    kernel = tf.convert_to_tensor(layer.kernel.value)
    rank = len(kernel.shape)
    channel = {keras.layers.Dense: None, keras.layers.Conv2DTranspose: rank - 2}.get(type(layer), rank - 1)
    axes = [axis for axis in range(rank) if axis != channel]
    scale = tf.reduce_max(tf.abs(kernel), axes, keepdims=True) / LARGEST_KERNEL_LEVEL
    return _straight_through(kernel, tf.math.divide_no_nan(kernel, scale), scale)


def rounded_activations(x, static: bool):
    """Activations in 8 bits: asymmetric, with one range per sample, or per batch for ranges that are static."""
    axes = list(range(0 if static else 1, len(x.shape)))
    least = tf.minimum(tf.reduce_min(x, axes, keepdims=True), 0.0)
    most = tf.maximum(tf.reduce_max(x, axes, keepdims=True), 0.0)
    scale = (most - least) / LEVELS
    zero = tf.round(tf.math.divide_no_nan(-least, scale))
    return _straight_through(x, tf.math.divide_no_nan(x, scale) + zero, scale, zero)


def _straight_through(x, levels, scale, zero=0.0):
    """The rounded values, with the gradient of x."""
    return x + tf.stop_gradient((tf.round(levels) - zero) * scale - x)


@contextlib.contextmanager
def _rounding_inputs(simulated, static):
    """Rounds the inputs of layers, and where ranges are static also their results, inside the block."""
    try:
        for layer in simulated:
            layer.call = _rounding(layer.call, static)  # shadows the method of the class
        yield
    finally:
        for layer in simulated:
            del layer.call


def _rounding(call: Callable, static: bool) -> Callable:
    def rounding(x, *args, **options):
        result = call(rounded_activations(x, static), *args, **options)
        return rounded_activations(result, static) if static else result

    return rounding
