"""Whether a generator, a discriminator and data fit together; told in words before anything is trained."""

import math

import keras
from keras import ops

from keras_gan.errors import InputError


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
    data_shape = tuple(generator(example((latent_dim,), num_classes)).shape[1:])
    expected = _known_input(discriminator, num_classes, "discriminator")
    if expected is not None and not _matches(data_shape, expected):
        raise InputError(
            f"the generator makes data of shape {data_shape}, the discriminator takes {expected}; expected the same; "
            "build both for one data_shape"
        )
    try:
        discriminator(example(data_shape, num_classes, _images_at_once(discriminator)))
    except ValueError as error:
        raise InputError(
            f"the discriminator cannot take the generator's data of shape {data_shape}; expected one that does; build "
            "both for one data_shape"
        ) from error
    if _ends_in_sigmoid(discriminator):
        raise InputError(
            "the discriminator ends in a sigmoid; expected logits, since the losses apply the sigmoid themselves; "
            "leave the last activation out"
        )
    return data_shape


def _images_at_once(discriminator):
    """The smallest batch sure to be divided by all `layers.Pack` of D, one after the other; 1 where there is none."""
    return math.prod(getattr(layer, "pack", 1) for layer in discriminator._flatten_layers())


def _matches(shape, pattern):
    """Whether a shape is the pattern's, in which None stands for any size."""
    return len(shape) == len(pattern) and all(p in (None, s) for s, p in zip(shape, pattern, strict=True))


def normalizes_batches(network):
    """Whether what a network makes of one image depends on the batch, by batch normalisation."""
    return any(isinstance(layer, keras.layers.BatchNormalization) for layer in network._flatten_layers())


def _ends_in_sigmoid(network):
    """Whether a Functional or Sequential network, or the one it ends in, applies a sigmoid last."""
    while getattr(network, "outputs", None):
        network = network.outputs[0]._keras_history.operation
    return getattr(network, "activation", None) is keras.activations.sigmoid or type(network).__name__ == "Sigmoid"


def check_images(data, data_shape):
    """The images of what `fit` brings: a tensor, or (images, labels). Raises InputError for a shape or dtype."""
    images = data[0] if isinstance(data, (tuple, list)) else data
    if tuple(images.shape[1:]) != data_shape:
        raise InputError(
            f"fit received data of shape {tuple(images.shape[1:])}; expected {data_shape}, which both networks were "
            "built for; resize the data, or build the networks for its shape"
        )
    if not keras.backend.is_float_dtype(images.dtype):
        raise InputError(
            f"fit received {keras.backend.standardize_dtype(images.dtype)} data; expected floats in [-1, 1]; "
            "use keras_gan.data.load, or keras_gan.pixels.to_signed on float pixels in [0, 255]"
        )
    return ops.cast(images, "float32")


def check_labels(data, num_classes):
    """The labels of what `fit` brings, int32 (batch,); None without `num_classes`. Raises InputError without them."""
    if num_classes is None:
        return None
    labels = data[1] if isinstance(data, (tuple, list)) and len(data) > 1 else None
    if labels is None:
        raise InputError(
            f"fit received images alone for num_classes={num_classes}; expected (images, labels); use "
            "keras_gan.data.load(…, labels=True), or leave num_classes out"
        )
    # Where fit was called with labels of one rank and then of another, TensorFlow gives an unknown one.
    rank = getattr(labels.shape, "rank", len(labels.shape) if isinstance(labels.shape, tuple) else None)
    if rank != 1 or keras.backend.is_float_dtype(labels.dtype):
        raise InputError(
            f"fit received labels {keras.backend.standardize_dtype(labels.dtype)} of shape {labels.shape}; "
            "expected integers of shape (batch,); give class numbers, not one-hot rows"
        )
    return ops.cast(labels, "int32")
