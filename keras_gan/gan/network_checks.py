"""Whether a generator, a discriminator and data fit together; told in words before anything is trained."""

import math

import keras
import numpy as np
from keras import ops

from keras_gan._utils import compat
from keras_gan._utils.errors import InputError


def example(shape, num_classes, batch_size=1):
    """Zeros of a network's input: (batch_size, *shape), or, with `num_classes`, [those, labels (batch_size,)]."""
    x = ops.zeros((batch_size, *shape))
    return x if num_classes is None else [x, ops.zeros((batch_size,), "int32")]


def _known_input(network, num_classes, name):
    """Shape of one input of a network, labels aside, or None where it is not known before the first call."""
    shape = getattr(network, "input_shape", None) if network.built else None
    if shape is None:
        return None
    inputs = shape if isinstance(shape, list) else [shape]
    expected = 1 if num_classes is None else 2
    if len(inputs) != expected:
        raise InputError(
            f"the {name} takes {len(inputs)} inputs with num_classes={num_classes}; expected {expected}; a "
            "class-conditional GAN needs num_classes and two networks that take [x, labels], any other one neither"
        )
    return tuple(inputs[0][1:])


def check_latent_dim(generator, latent_dim, num_classes=None):
    """The dimension of z. Raises InputError where it is not known, or not the generator's."""
    if num_classes is not None and num_classes < 1:
        raise InputError(f"num_classes is {num_classes}; expected 1 or more, or None for no labels")
    known = _known_input(generator, num_classes, "generator")
    if known is None and latent_dim is None:
        raise InputError("the generator has no known input shape; expected one; give latent_dim, or an Input layer")
    if known is not None and (len(known) != 1 or latent_dim not in (None, known[0])):
        raise InputError(
            f"the generator takes inputs of shape {known}, latent_dim is {latent_dim}; expected (latent_dim,); "
            "leave latent_dim out, or build the generator for it"
        )
    return latent_dim if known is None else known[0]


def check_pair(generator, discriminator, latent_dim, num_classes=None):
    """The shape of one datum. Builds what is not built; raises InputError where G and D do not fit together."""
    made = generator(example((latent_dim,), num_classes))
    if not hasattr(made, "shape"):
        raise InputError(
            f"the generator returns {type(made).__name__}; expected one tensor of data (batch, *data_shape). Use its "
            "main output alone."
        )
    data_shape = tuple(made.shape[1:])
    expected = _known_input(discriminator, num_classes, "discriminator")
    if expected is not None and not _matches(data_shape, expected):
        raise InputError(
            f"the generator makes data of shape {data_shape}, the discriminator takes {expected}; expected the same; "
            "build both for one data_shape"
        )
    try:
        discriminator(example(data_shape, num_classes, images_at_once(discriminator)))
    except ValueError as error:
        raise InputError(
            f"the discriminator cannot take the generator's data of shape {data_shape}; expected one that does; build "
            "both for one data_shape"
        ) from error
    if stays_in_unit_interval(discriminator, example(data_shape, num_classes, 4 * images_at_once(discriminator))):
        raise InputError(
            "the discriminator ends in a sigmoid or a softmax, since its outputs lie in [0, 1] whatever its weights "
            "are; expected logits, to which the losses apply the sigmoid themselves. Leave the last activation out."
        )
    if len(data_shape) == 3 and stays_in_unit_interval(generator, example((latent_dim,), num_classes, 4)):
        raise InputError(
            "the generator ends in a sigmoid, since its images lie in [0, 1] whatever its weights are; expected images "
            "in [-1, 1]. Use tanh, or no activation, at its end."
        )
    return data_shape


def images_at_once(discriminator):
    """The smallest batch sure to be divided by all `layers.Pack` of D, one after the other; 1 where there is none."""
    return math.prod(getattr(layer, "pack", 1) for layer in compat.all_layers(discriminator))


def _matches(shape, pattern):
    """Whether a shape is the pattern's, in which None stands for any size."""
    return len(shape) == len(pattern) and all(p in (None, s) for s, p in zip(shape, pattern, strict=True))


def normalizes_batches(network):
    """Whether what a network makes of one image depends on the batch, by batch normalisation."""
    return any(isinstance(layer, keras.layers.BatchNormalization) for layer in compat.all_layers(network))


def check_penalized(discriminator):
    """Raises InputError for a discriminator whose gradient penalties would be wrong, since TensorFlow has no second
    derivative of smooth resizing: weights before it would get wrong gradients, and those after it none."""
    operations = [op for layer in compat.all_layers(discriminator) for op in getattr(layer, "operations", [layer])]
    for operation in operations:
        interpolation = getattr(operation, "interpolation", "nearest")
        if compat.is_resizing(operation) and interpolation != "nearest":
            raise InputError(
                f"the discriminator resizes by {interpolation} interpolation ({operation.name}), of which TensorFlow "
                "has no second derivative; expected one that gradient penalties can be taken of. Use average pooling, "
                "strided convolutions or interpolation='nearest', or compile with penalties={}."
            )


def stays_in_unit_interval(network, zeros) -> bool:
    """Whether all outputs of a network lie in [0, 1], strictly inside for some, for random inputs and random weights.

    Outputs show a sigmoid or a softmax at the end whatever brings it: an activation, an operation of TensorFlow in a
    `Lambda`, or a layer before a last `Reshape`. The network's own weights stay as they are.

    Args:
        network: built.
        zeros: its input, as `example` gives it.
    """
    noise = np.random.default_rng(0).standard_normal(65_537, "float32")  # tiled: millions of draws would take seconds
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
    """Values for a weight: normal, of variance gain² over its inputs; those of biases have variance gain²."""
    inputs = math.prod(weight.shape[:-1]) if len(weight.shape) > 1 else 1
    return ops.convert_to_tensor(np.resize(gain / math.sqrt(inputs) * noise, weight.shape), weight.dtype)
