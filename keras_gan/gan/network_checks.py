"""Checks, before training, that a generator, a discriminator and the data match."""

import math

import keras
import numpy as np
from keras import ops

from keras_gan._utils import compat
from keras_gan._utils.errors import InputError
from keras_gan.layers import MinibatchStd


def example(shape, labels=None, batch_size=1):
    """A network's input of zeros: (batch_size, *shape), or [zeros, labels (batch_size, …)].

    Args:
        shape: shape of one latent or datum.
        labels: shape and dtype of its labels, as a condition has them; None for a network without.
        batch_size: the number of latents or data.
    """
    x = ops.zeros((batch_size, *shape))
    return x if labels is None else [x, ops.zeros((batch_size, *labels[0]), labels[1])]


def _known_input(network, labels, name):
    """Shape of one input of a network, without the labels; None where it is unknown before the first call."""
    shape = getattr(network, "input_shape", None) if network.built else None
    if shape is None:
        return None
    inputs = shape if isinstance(shape, list) else [shape]
    expected = 1 if labels is None else 2
    if len(inputs) != expected:
        raise InputError(
            f"the {name} takes {len(inputs)} inputs; expected {expected}. Give num_classes and two networks that take "
            "[x, labels] for a class-conditional GAN, attributes and a discriminator that takes [x, attributes], or "
            "none of these."
        )
    return tuple(inputs[0][1:])


def check_kind(network, role):
    """Raises InputError for anything but a Keras model, such as the function that makes one."""
    if not isinstance(network, keras.Model):
        raise InputError(
            f"the {role} is {network!r:.80}; expected a Keras model. Pass keras.Model(inputs, outputs), a "
            "keras.Sequential, or what your function returns."
        )


def check_latent_dim(generator, latent_dim, condition):
    """The dimension of z. Raises InputError where it is unknown, or does not match the generator."""
    known = _known_input(generator, condition.generator_labels, "generator")
    if known is None and latent_dim is None:
        raise InputError("the generator has no known input shape; expected one. Give latent_dim, or an Input layer.")
    if known is not None and (len(known) != 1 or latent_dim not in (None, known[0])):
        raise InputError(
            f"the generator takes inputs of shape {known}, latent_dim is {latent_dim}; expected (latent_dim,). "
            "Leave latent_dim out, or build the generator for it."
        )
    found = latent_dim if known is None else known[0]
    if found < condition.fewest_latents:
        raise InputError(
            f"latent_dim is {found} for {condition.fewest_latents} attributes; expected at least as many. Use fewer "
            "attributes (--attributes), or a larger latent_dim (--latent-dim)."
        )
    return found


def check_pair(generator, discriminator, latent_dim, condition):
    """The shape of one datum. Builds both networks. Raises InputError where they do not match."""
    latents, labels = example((latent_dim,), condition.generator_labels, 4), condition.discriminator_labels
    generated = generator(latents)
    if not hasattr(generated, "shape"):
        raise InputError(
            f"the generator returns {type(generated).__name__}; expected one tensor of data (batch, *data_shape). Use "
            "its main output alone."
        )
    data_shape = tuple(generated.shape[1:])
    expected = _known_input(discriminator, labels, "discriminator")
    if expected is not None and not _matches(data_shape, expected):
        raise InputError(
            f"the generator makes data of shape {data_shape}, the discriminator takes {expected}; expected the same "
            "shape. Build both networks for one data_shape."
        )
    try:
        discriminator(example(data_shape, labels, images_at_once(discriminator)))
    except ValueError as error:
        raise InputError(
            f"the discriminator cannot take the generator's data of shape {data_shape}; expected a discriminator "
            "that does. Build both networks for one data_shape."
        ) from error
    if stays_in_unit_interval(discriminator, example(data_shape, labels, 4 * images_at_once(discriminator))):
        raise InputError(
            "the discriminator ends in a sigmoid or a softmax, since its outputs lie in [0, 1] whatever its weights "
            "are; expected logits, to which the losses apply the sigmoid themselves. Leave the last activation out."
        )
    if len(data_shape) == 3 and stays_in_unit_interval(generator, latents):
        raise InputError(
            "the generator ends in a sigmoid, since its images lie in [0, 1] whatever its weights are; expected images "
            "in [-1, 1]. Use tanh, or no activation, at its end."
        )
    return data_shape


def images_at_once(discriminator):
    """The product of the sizes of D's `layers.Pack` layers, which divide this batch size; 1 without such layers."""
    return math.prod(getattr(layer, "pack", 1) for layer in compat.all_layers(discriminator))


def _matches(shape, pattern):
    """Whether a shape matches a pattern, in which None stands for any size."""
    return len(shape) == len(pattern) and all(p in (None, s) for s, p in zip(shape, pattern, strict=True))


def normalizes_batches(network):
    """Whether a network's output for one image depends on its batch, by batch normalisation."""
    return any(isinstance(layer, keras.layers.BatchNormalization) for layer in compat.all_layers(network))


def compares_images(network):
    """Whether a network's output for one image depends on the others in its batch, by batch normalisation or
    `MinibatchStd`."""
    layers = compat.all_layers(network)
    return normalizes_batches(network) or any(isinstance(layer, MinibatchStd) for layer in layers)


def check_penalty_share(share, compares):
    """The share of a batch at which penalties are computed. Raises InputError outside (0, 1].

    Also below 1 where D compares images (`compares`): a part of the batch has other statistics than the whole, so that
    D would be another function there.
    """
    if not 0 < share <= 1:
        raise InputError(
            f"penalty_share is {share}; expected more than 0 and at most 1. Use 1 to compute the penalties at all "
            "images."
        )
    if share < 1 and compares:
        raise InputError(
            f"penalty_share is {share}, and the discriminator has batch normalisation or MinibatchStd, whose "
            "statistics are those of the whole batch; expected 1. Leave penalty_share out."
        )
    return share


def check_penalized(discriminator):
    """Raises InputError for a discriminator that resizes smoothly, whose gradient penalties would be wrong.

    TensorFlow has no second derivative of smooth resizing: weights before it would get wrong gradients, and those after
    it none.
    """
    operations = [op for layer in compat.all_layers(discriminator) for op in getattr(layer, "operations", [layer])]
    for operation in operations:
        interpolation = getattr(operation, "interpolation", "nearest")
        if compat.is_resizing(operation) and interpolation != "nearest":
            raise InputError(
                f"the discriminator resizes by {interpolation} interpolation ({operation.name}), for which TensorFlow "
                "has no second derivative; expected layers that gradient penalties can differentiate twice. Use "
                "average pooling, strided convolutions or interpolation='nearest', or compile with penalties={}."
            )


def stays_in_unit_interval(network, zeros) -> bool:
    """Whether all outputs of a network lie in [0, 1], strictly inside for some, for random inputs and random weights.

    This finds a sigmoid or a softmax at the end in any form: an activation, a TensorFlow operation in a `Lambda`, or a
    layer before a last `Reshape`. The network's own weights are not changed.

    Args:
        network: the built network.
        zeros: an input from `example`.
    """
    noise = np.random.default_rng(0).standard_normal(65_537, "float32")  # tiled: millions of draws take seconds
    images, *labels = zeros if isinstance(zeros, list) else [zeros]
    inside = False
    for trial, gain in enumerate((1.0, 3.0, 1.0, 3.0, 1.0, 3.0)):
        x = ops.convert_to_tensor(np.resize(np.roll(noise, trial * 977), images.shape))
        mapping = [
            (weight, _random(weight, gain, np.roll(noise, trial * 1_009 + i)))
            for i, weight in enumerate(network.trainable_variables)
        ]
        with keras.StatelessScope(state_mapping=mapping):
            outputs = ops.convert_to_numpy(network([x, *labels] if labels else x, training=False))
        if not (np.all(outputs >= 0) and np.all(outputs <= 1)):
            return False
        inside |= bool(np.any((outputs > 0) & (outputs < 1)))
    return inside


def _random(weight, gain, noise):
    """Normal values for a weight, of variance gain² / number of inputs; those of biases have variance gain²."""
    inputs = math.prod(weight.shape[:-1]) if len(weight.shape) > 1 else 1
    return ops.convert_to_tensor(np.resize(gain / math.sqrt(inputs) * noise, weight.shape), weight.dtype)
