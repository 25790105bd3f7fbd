"""Batches of `GAN.fit`: unpacking, checks of shape and dtype, and counts of wrong values in the graph."""

import contextlib
import re
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from keras_gan._utils.errors import InputError
from keras_gan.distribute import replicas
from keras_gan.gan.conditions import squeezed

IMAGE_KEYS = ("image", "images", "x")  # of dictionaries; tensorflow-datasets uses the first
LARGEST_PIXEL = 2.0  # absolute value: interpolation overshoots [-1, 1] a little, pixels in [0, 255] are far larger
ROUNDING = 1e-5  # relative, of squares in float32
FEWEST_IMAGES = 4  # needed to recognise the range of the pixels

UNEVEN_BATCHES = (
    "fit received batches that the replicas cannot share evenly; expected a batch size that is a multiple of their "
    "number. Use such a batch_size."
)

# Indices into the vector of `count`.
COUNTS = WRONG_LABELS, LARGE, NEGATIVE, POSITIVE, IMAGES, UNEVEN, SHORT, SINGLE, BATCHES = range(9)


def unpack(data, label_keys: tuple[str, ...]) -> tuple:
    """Images, labels and sample weights of one batch; None for those that it does not have.

    Args:
        data: images, (images, labels), or (images, labels, sample weights). Images may be a dictionary with the key
            "image" and one for the labels, as in tensorflow-datasets.
        label_keys: the keys that the labels may have.

    Raises:
        InputError: for anything else.
    """
    try:
        images, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
    except ValueError as error:
        raise InputError(
            f"fit received {len(data)} elements; expected images, (images, labels) or (images, labels, sample_weight). "
            "Map the dataset to one of these."
        ) from error
    if isinstance(images, Mapping):
        images, named = from_mapping(images, label_keys)
        labels = named if labels is None else labels
    if isinstance(images, (tuple, list)) and len(images) == 1:  # Keras accepts a list of one input
        images = images[0]
    if isinstance(images, (tuple, list)):
        raise InputError(f"fit received {len(images)} inputs; expected one tensor of images. Pass labels as y.")
    return images, labels, weights


def from_mapping(columns: Mapping, label_keys: tuple[str, ...]) -> tuple:
    """The images and the labels of a dictionary, None without labels. Raises InputError where it has no images."""
    found = next((columns[key] for key in IMAGE_KEYS if key in columns), None)
    if found is None:
        raise InputError(
            f"fit received a dictionary with {', '.join(map(str, columns))}; expected the key image, and "
            f"{label_keys[0]} for labels. Map the dataset to (image, label)."
        )
    return found, next((columns[key] for key in label_keys if key in columns), None)


def check_images(images, data_shape: tuple[int, ...]):
    """The images as float32 (batch, *data_shape). Raises InputError for another shape or dtype.

    Sizes that the dataset does not declare, such as those of `tf.io.decode_jpeg`, are checked when the graph runs.
    """
    images = images if tf.is_tensor(images) else tf.convert_to_tensor(images)
    shape = images.shape
    if shape.rank == len(data_shape) and shape.is_compatible_with(data_shape):
        raise InputError(
            f"fit received data of shape {tuple(shape)}, which is one image; expected batches (batch, "
            f"{', '.join(map(str, data_shape))}). Batch the dataset: dataset.batch(32)."
        )
    if not shape.is_compatible_with((None, *data_shape)):
        raise InputError(
            f"fit received data of shape {tuple(shape[1:])}; expected {data_shape}, which both networks were "
            "built for. Resize the data, or build the networks for its shape."
        )
    if not images.dtype.is_floating:
        raise InputError(
            f"fit received {images.dtype.name} data; expected floats in [-1, 1]. Use keras_gan.data.load, or "
            "tf.cast(images, 'float32') / 127.5 - 1 for pixels in [0, 255]."
        )
    return tf.ensure_shape(tf.cast(images, "float32"), (None, *data_shape))


def check_weights(weights):
    """Sample weights as float32 (batch,); None where there are none. Raises InputError for another shape."""
    if weights is None:
        return None
    weights = squeezed(weights)
    if weights.shape.rank != 1:
        raise InputError(
            f"fit received sample weights of shape {weights.shape}; expected (batch,). Pass one number for each image."
        )
    return tf.cast(weights, "float32")


def never_empty(columns: list) -> list:
    """The rows of one replica, or a row of zeros where it has none. TensorFlow's convolutions fail on empty batches.

    `count` has to see the batch first: a replica without images makes the batch uneven.

    Args:
        columns: tensors (batch, ...), or None, which stays None.
    """
    if replicas.count() == 1:
        return columns
    missing = tf.maximum(1 - tf.shape(columns[0])[0], 0)
    return [
        column if column is None else tf.pad(column, [[0, missing], *[[0, 0]] * (len(column.shape) - 1)])
        for column in columns
    ]


def minibatches(columns: list, steps: int, pack: int = 1) -> list[list]:
    """A batch divided among the k discriminator steps of a training step.

    Each minibatch takes every k-th row, so that all replicas together see the minibatch that one replica would see.
    The remainder of a division by k, and then by the size of a pack, is dropped. In a batch of fewer than k packs, such
    as the last of an epoch, rows repeat.

    Args:
        columns: tensors (batch, ...), or None.
        steps: k of Algorithm 1.
        pack: images that D takes as one, which divide each minibatch.

    Returns:
        k lists of columns with the same number of rows, at least `pack`; None stays None.

    Raises:
        InputError: where the batch size is known and smaller than k packs.
    """
    if steps * pack == 1:
        return [columns]
    known = columns[0].shape[0]
    if known is not None and known < steps * pack and not tf.executing_eagerly():
        raise InputError(_short(known, steps, pack))
    rows = tf.shape(columns[0])[0]
    size = tf.maximum(rows // (steps * pack), 1) * pack
    order = tf.reshape(tf.range(size * steps) % rows, (size, steps))
    return [[column if column is None else tf.gather(column, order[:, k]) for column in columns] for k in range(steps)]


def count(images, are_wrong, steps: int, pack: int, automatic: bool):
    """Counts wrong values in a batch, in a graph, where not every device can raise an error.

    Args:
        images: images of this replica, float32 (batch, *shape).
        are_wrong: whether each label is wrong, bool of any shape.
        steps: k of Algorithm 1.
        pack: images that D takes as one.
        automatic: whether a penalty's weight is computed from each minibatch, which needs two images.

    Returns:
        float32 vector with an entry for each of `COUNTS`, to be summed over replicas and completed: see `Counts`.
    """
    rows, zero = tf.cast(tf.shape(images)[0], "float32"), tf.zeros(())
    large = negative = positive = zero
    if len(images.shape) == 4:  # vectors may have any range
        large = _sum(tf.math.is_finite(images) & (tf.abs(images) > LARGEST_PIXEL))
        negative, positive = _sum(images < 0), _sum(images > 0)
    global_rows = rows * replicas.count()
    needed = steps * pack, steps * max(pack, 2 if automatic else 1)
    short, single = (tf.cast(global_rows < number, "float32") / replicas.count() for number in needed)
    return tf.stack(
        [_sum(are_wrong), large, negative, positive, rows, tf.square(rows), short, single, 1.0 / replicas.count()]
    )


def _sum(flags):
    return tf.reduce_sum(tf.cast(flags, "float32"))


class Counts:
    """The counts of a batch: of this replica first, then of all replicas.

    Args:
        own: vector of `count` for this replica, to be summed over all replicas with the first gradients of the step.

    Attributes:
        sound: whether the batch may be used for an update, bool scalar; None until `complete`.
        images: number of images of all replicas, float32 scalar; None until `complete`.
    """

    def __init__(self, own):
        self.own, self.sound, self.images = own, None, None

    def complete(self, total):
        """The counts of the batch, from the sum over all replicas; sets `sound` and `images`."""
        # For equal shares nᵢ of r replicas r Σ nᵢ² = (Σ nᵢ)²; for unequal ones the left side is larger. In float32 this
        # detects a difference of one image in some hundred, and every empty share.
        self.images = total[IMAGES]
        square = tf.square(self.images)
        uneven = replicas.count() * total[UNEVEN] > square * (1.0 + ROUNDING) + 0.5
        self.sound = (total[WRONG_LABELS] + total[LARGE] < 0.5) & ~uneven
        return tf.tensor_scatter_nd_update(total, [[UNEVEN]], [tf.cast(uneven, "float32")])


def raise_for(counts: np.ndarray, condition, steps: int, pack: int, first: bool = False) -> None:
    """Raises InputError where the counts show wrong data.

    Args:
        counts: sum of the vectors of `count` over the batches so far.
        condition: what the networks are conditioned on; see `conditions`.
        steps: k of Algorithm 1.
        pack: images that D takes as one.
        first: whether these are the first batches of `fit`, which cannot be the remainder of an epoch.
    """
    if counts[WRONG_LABELS]:
        raise InputError(condition.wrong_message(int(counts[WRONG_LABELS])))
    if counts[LARGE]:
        raise InputError(
            f"fit received {int(counts[LARGE]):,} pixels beyond [-{LARGEST_PIXEL:g}, {LARGEST_PIXEL:g}]; expected "
            "floats in [-1, 1]. Use x / 127.5 - 1 on pixels in [0, 255]."
        )
    if counts[IMAGES] >= FEWEST_IMAGES and counts[POSITIVE] and not counts[NEGATIVE]:
        raise InputError(
            f"fit received {int(counts[IMAGES])} images without a pixel below 0, which looks like [0, 1]; expected "
            "floats in [-1, 1]. Use x * 2 - 1 on pixels in [0, 1]."
        )
    if first and counts[UNEVEN] == counts[BATCHES]:
        raise InputError(UNEVEN_BATCHES)
    if first and counts[SHORT] == counts[BATCHES]:
        raise InputError(_short(int(counts[IMAGES] / counts[BATCHES]), steps, pack))
    if first and counts[SINGLE] == counts[BATCHES]:
        raise InputError(
            "a batch holds 1 image for each discriminator step; expected at least 2, since penalties of weight 'auto' "
            "compare images. Use larger batches (--batch-size), or a number as weight (--gamma)."
        )


def _short(rows, steps, pack):
    least = "one image" if pack == 1 else f"one pack of {pack} images"
    remedy = "larger batches" if steps == 1 else f"batches of {steps} times the batch size of one step"
    return f"a batch of {rows} for discriminator_steps={steps}; expected at least {least} for each step. Use {remedy}."


@contextlib.contextmanager
def shape_errors():
    """Turns TensorFlow's error for images of a size that the dataset did not declare into an InputError."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        if "operation AddN" in str(error):  # Keras averages the first batch over the replicas
            raise InputError(UNEVEN_BATCHES) from error
        found = re.search(
            r"Shape of tensor .*?\[([\d,?]*)\] is not compatible with expected shape \[([\d,?]*)\]", str(error)
        )
        if not found:
            raise
        received, expected = (f"({', '.join(sizes.split(',')[1:])})" for sizes in found.groups())
        raise InputError(
            f"fit received data of shape {received}; expected {expected}, which both networks were built for. Resize "
            "the data, or build the networks for its shape."
        ) from error
