"""The optimizers of both networks: created from the arguments of `GAN.compile`, and shown to Keras's callbacks."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from keras_gan import schedules
from keras_gan._utils import compat
from keras_gan._utils.choices import AUTO
from keras_gan._utils.errors import InputError

LossScaleOptimizer = keras.optimizers.LossScaleOptimizer


def resolve(choice, network: keras.Model, updates: int = 1, role: str = "generator") -> keras.optimizers.Optimizer:
    """The built optimizer of a network.

    Args:
        choice: a Keras optimizer, its name or its serialized form, in which the learning rate may be "auto".
        network: the network that it updates. Where layers compute in float16 the optimizer is wrapped in a
            `LossScaleOptimizer`, as in `keras.Model.compile`.
        updates: number of its updates in a training step; its schedule, if any, counts training steps.
        role: "generator" or "discriminator", for messages.

    Raises:
        InputError: for an optimizer that is unknown, cannot be used with two networks or on several replicas, or was
            built for other weights.
    """
    optimizer = _get(choice, network, role)
    _check_replicas(optimizer, role)
    schedules.count_training_steps(optimizer, updates)
    if computes_in_float16(network) and not isinstance(optimizer, LossScaleOptimizer):
        optimizer = LossScaleOptimizer(optimizer)
    weights = network.trainable_variables
    if not optimizer.built:
        optimizer.build(weights)
    elif {id(weight) for weight in weights} - {
        id(weight) for weight in compat.updated_weights(schedules.innermost(optimizer))
    }:
        raise InputError(
            f"the {role}_optimizer was built for other weights than the {role}'s; expected a new optimizer, since it "
            "stores averages of the gradients of its own weights. Create one for each GAN."
        )
    return optimizer


def _get(choice, network, role):
    if isinstance(choice, Mapping):
        settings = dict(choice["config"])
        if settings.get("learning_rate") == AUTO:
            settings["learning_rate"] = schedules.automatic(network)
        choice = {**choice, "config": settings}
    try:
        optimizer = keras.optimizers.get(choice)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{role}_optimizer is {choice!r:.80}; expected a Keras optimizer, its name, or its serialized "
            "form. Use keras.optimizers.Adam(2e-4)."
        ) from error
    if hasattr(optimizer, "optimizers"):
        raise InputError(
            f"{role}_optimizer is a {type(optimizer).__name__}; expected one optimizer for all weights of the {role}. "
            "Use a single one, such as keras.optimizers.Adam."
        )
    return optimizer


def _check_replicas(optimizer, role):
    """Raises InputError for options that Keras's optimizers do not support on several replicas."""
    inner = schedules.innermost(optimizer)
    for option in ("gradient_accumulation_steps", "ema_overwrite_frequency"):
        value = getattr(inner, option, None)
        if value and tf.distribute.has_strategy():
            raise InputError(
                f"{role}_optimizer has {option}={value} under a tf.distribute strategy, which Keras does not support; "
                f"expected None. Leave {option} out, or train on one device."
            )


def copied(optimizer: keras.optimizers.Optimizer, suffix: str) -> keras.optimizers.Optimizer:
    """A new optimizer with the same settings and a name ending in `suffix`, since two networks cannot share one."""
    if isinstance(optimizer, LossScaleOptimizer):
        inner = copied(optimizer.inner_optimizer, suffix)
        return LossScaleOptimizer(inner, optimizer.initial_scale, optimizer.dynamic_growth_steps)
    schedule = schedules.schedule_of(optimizer)
    settings = {**optimizer.get_config(), "name": f"{optimizer.name}_{suffix}"}
    if schedule is not None:
        settings["learning_rate"] = schedule  # the object itself: its class may not be registered
    return type(optimizer).from_config(settings)


def computes_in_float16(network: keras.Model) -> bool:
    """Whether a layer of the network computes in float16, whose small gradients become zero without loss scaling."""
    return any(layer.compute_dtype == "float16" for layer in compat.all_layers(network))


def scale(optimizer: keras.optimizers.Optimizer):
    """The factor by which `optimizer.scale_loss` multiplies a loss, and so the gradients: a float32 scalar."""
    return tf.cast(optimizer.scale_loss(tf.ones(())), "float32")


def norm(gradients: list):
    """The norm over all gradients, without those that are None: a float32 scalar, whatever the weights' dtypes."""
    return tf.linalg.global_norm([None if each is None else tf.cast(each, "float32") for each in gradients])


def dense(gradients: list) -> list:
    """Converts gradients of embeddings, `tf.IndexedSlices`, to dense tensors, in which the rows of a class are summed.

    Both Keras's Adam and the norm need the square of this sum. On slices they would square each row by itself.
    """
    return [
        tf.math.unsorted_segment_sum(gradient.values, gradient.indices, gradient.dense_shape[0])
        if isinstance(gradient, tf.IndexedSlices)
        else gradient
        for gradient in gradients
    ]


class Optimizers:
    """`GAN.optimizer`: both optimizers, in the form that Keras's callbacks expect of several optimizers.

    ReduceLROnPlateau, LearningRateScheduler, SwapEMAWeights and TensorBoard act on each of `optimizers`.

    Args:
        generator: the generator's optimizer.
        discriminator: the discriminator's optimizer.
    """

    built = True

    def __init__(self, generator: keras.optimizers.Optimizer, discriminator: keras.optimizers.Optimizer):
        self.optimizers = [schedules.innermost(optimizer) for optimizer in (generator, discriminator)]

    @property
    def iterations(self):
        """Updates of the generator."""
        return self.optimizers[0].iterations
