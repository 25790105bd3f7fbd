"""What `GAN.fit` is given, batch by batch: unpacked, checked, and counted where only values show that it is wrong."""

import contextlib
import re
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from keras_gan._utils.errors import InputError
from keras_gan.distribute import replicas

IMAGE_KEYS = ("image", "images", "x")  # of dictionaries; the first is that of tensorflow-datasets
LABEL_KEYS = ("label", "labels", "y")
LARGEST_PIXEL = 2.0  # in size: interpolation overshoots [-1, 1], pixels in [0, 255] are far beyond
ROUNDING = 1e-5  # relative, of squares in float32
FEWEST_IMAGES = 4  # that show the range of pixels

UNEVEN_BATCHES = (
    "fit received batches that the replicas cannot share evenly; expected a batch size that is a multiple of their "
    "number. Give such a batch_size."
)

# What `count` counts; an index into its vector.
COUNTS = WRONG_LABELS, LARGE, NEGATIVE, POSITIVE, IMAGES, UNEVEN, SHORT, SINGLE, BATCHES = range(9)


def unpack(data) -> tuple:
    """Images, labels and sample weights of what `fit` brings for a step; None for what it does not bring.

    Args:
        data: images, (images, labels), or (images, labels, sample weights); images may be a dictionary that holds them
            as "image", and labels as "label", as those of tensorflow-datasets do.

    Raises:
        InputError: for anything else.
    """
    try:
        images, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
    except ValueError as error:
        raise InputError(
            f"fit received {len(data)} elements; expected images, (images, labels) or (images, labels, sample_weight)"
        ) from error
    if isinstance(images, Mapping):
        images, named = _from_mapping(images)
        labels = named if labels is None else labels
    if isinstance(images, (tuple, list)) and len(images) == 1:  # as Keras takes a list of one input
        images = images[0]
    if isinstance(images, (tuple, list)):
        raise InputError(f"fit received {len(images)} inputs; expected one tensor of images. Give labels as y.")
    return images, labels, weights


def _from_mapping(columns):
    found = next((columns[key] for key in IMAGE_KEYS if key in columns), None)
    if found is None:
        raise InputError(
            f"fit received a dictionary with {', '.join(map(str, columns))}; expected one with the key image, and "
            "label for classes. Map the dataset to (image, label)."
        )
    return found, next((columns[key] for key in LABEL_KEYS if key in columns), None)


def check_images(images, data_shape: tuple[int, ...]):
    """The images as float32 (batch, *data_shape). Raises InputError for another shape or dtype.

    Sizes that the dataset does not declare, such as those of `tf.io.decode_jpeg`, are checked when a batch comes.
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
            "keras_gan._utils.pixels.to_signed on float pixels in [0, 255]."
        )
    return tf.ensure_shape(tf.cast(images, "float32"), (None, *data_shape))


def check_labels(labels, num_classes: int | None):
    """The labels as int32 (batch,); None without `num_classes`. Raises InputError where they are no class numbers."""
    if num_classes is None:
        return None
    if labels is None:
        raise InputError(
            f"fit received images alone for num_classes={num_classes}; expected (images, labels). Use "
            "keras_gan.data.load(…, labels=True), or leave num_classes out."
        )
    labels = _one_a_row(labels)
    # Where fit was called with labels of one rank and then of another, TensorFlow gives an unknown one.
    if labels.shape.rank != 1 or not labels.dtype.is_integer:
        raise InputError(
            f"fit received labels {labels.dtype.name} of shape {labels.shape}; expected integers of shape (batch,) "
            f"from 0 to {num_classes - 1}. Give class numbers, not one-hot rows or texts."
        )
    return tf.cast(labels, "int32")


def check_weights(weights):
    """Sample weights as float32 (batch,); None where there are none. Raises InputError for another shape."""
    if weights is None:
        return None
    weights = _one_a_row(weights)
    if weights.shape.rank != 1:
        raise InputError(
            f"fit received sample weights of shape {weights.shape}; expected (batch,). Give one number for each image."
        )
    return tf.cast(weights, "float32")


def _one_a_row(values):
    """A tensor (batch,) of one that is (batch, 1); others stay as they are."""
    values = values if tf.is_tensor(values) else tf.convert_to_tensor(values)
    return tf.squeeze(values, axis=1) if values.shape.rank == 2 and values.shape[1] == 1 else values


def minibatches(columns: list, steps: int) -> list[list]:
    """A batch divided among the k discriminator steps of a training step.

    Every k-th row goes into one minibatch, so that the replicas' shares of it are together what one replica would see.
    What does not divide by k is left out; in a batch of fewer than k rows, such as the last of an epoch, rows repeat.

    Args:
        columns: tensors (batch, ...), or None.
        steps: k of Algorithm 1.

    Returns:
        k lists of columns of batch // k rows, at least one; None stays None.

    Raises:
        InputError: where the batch is known to be smaller than k.
    """
    if steps == 1:
        return [columns]
    known = columns[0].shape[0]
    if known is not None and known < steps and not tf.executing_eagerly():
        raise InputError(_short(known, steps))
    rows = tf.shape(columns[0])[0]
    size = tf.maximum(rows // steps, 1)
    order = tf.reshape(tf.range(size * steps) % rows, (size, steps))
    return [[column if column is None else tf.gather(column, order[:, k]) for column in columns] for k in range(steps)]


def count(images, labels, num_classes: int | None, steps: int, automatic: bool):
    """Counts what is wrong with the values of a batch, in a graph, where no error can be raised on every device.

    Args:
        images: this replica's, float32 (batch, *shape).
        labels: int32 (batch,), or None.
        num_classes: of the networks.
        steps: k of Algorithm 1.
        automatic: whether a penalty's weight follows from each batch, for which it needs two images.

    Returns:
        float32 vector of `COUNTS`, to be summed over replicas and completed: see `Counts`.
    """
    rows, zero = tf.cast(tf.shape(images)[0], "float32"), tf.zeros(())
    wrong = zero if labels is None else _sum((labels < 0) | (labels >= num_classes))
    large = negative = positive = zero
    if len(images.shape) == 4:  # vectors may have any range
        large = _sum(tf.math.is_finite(images) & (tf.abs(images) > LARGEST_PIXEL))
        negative, positive = _sum(images < 0), _sum(images > 0)
    needed = 2 if automatic else 1
    global_rows = rows * replicas.count()
    short, single = (tf.cast(global_rows < steps * least, "float32") / replicas.count() for least in (1, needed))
    return tf.stack([wrong, large, negative, positive, rows, tf.square(rows), short, single, 1.0 / replicas.count()])


def _sum(flags):
    return tf.reduce_sum(tf.cast(flags, "float32"))


class Counts:
    """What `count` found in a batch, until all replicas know it.

    Args:
        own: of this replica, to be summed over all of them with the first gradients of the step.

    Attributes:
        sound: whether an update may be made with the batch, bool scalar; None until `complete`.
    """

    def __init__(self, own):
        self.own, self.sound = own, None

    def complete(self, total):
        """Takes the sum over all replicas, and returns the counts of the batch."""
        # n images in all, as r equal shares: r Σ nᵢ² = (Σ nᵢ)², and larger for unequal ones. In float32 this shows an
        # image more or less among some hundred, and any empty share.
        square = tf.square(total[IMAGES])
        uneven = replicas.count() * total[UNEVEN] > square * (1.0 + ROUNDING) + 0.5
        self.sound = (total[WRONG_LABELS] + total[LARGE] < 0.5) & ~uneven
        return tf.tensor_scatter_nd_update(total, [[UNEVEN]], [tf.cast(uneven, "float32")])


def complain(counts: np.ndarray, num_classes: int | None, steps: int, first: bool = False) -> None:
    """Raises InputError for what `count` found.

    Args:
        counts: summed over the batches so far.
        num_classes: of the networks.
        steps: k of Algorithm 1.
        first: whether these are the first batches of `fit`, which are no remainders of an epoch.
    """
    if counts[WRONG_LABELS]:
        raise InputError(
            f"fit received {int(counts[WRONG_LABELS])} labels that are no classes; expected 0 to {num_classes - 1}, "
            f"for num_classes={num_classes}. Number the classes from 0, or raise num_classes in both networks and GAN."
        )
    if counts[LARGE]:
        raise InputError(
            f"fit received {int(counts[LARGE]):,} pixels beyond [-{LARGEST_PIXEL:g}, {LARGEST_PIXEL:g}]; expected "
            "floats in [-1, 1]. Use keras_gan._utils.pixels.to_signed on pixels in [0, 255]."
        )
    if counts[IMAGES] >= FEWEST_IMAGES and counts[POSITIVE] and not counts[NEGATIVE]:
        raise InputError(
            f"fit received {int(counts[IMAGES])} images without a pixel below 0, which looks like [0, 1]; expected "
            "floats in [-1, 1]. Use x * 2 - 1 on pixels in [0, 1]."
        )
    if first and counts[UNEVEN] == counts[BATCHES]:
        raise InputError(UNEVEN_BATCHES)
    if first and counts[SHORT] == counts[BATCHES]:
        raise InputError(_short(int(counts[IMAGES] / counts[BATCHES]), steps))
    if first and counts[SINGLE] == counts[BATCHES]:
        raise InputError(
            "a batch holds 1 image for each discriminator step; expected at least 2, from which penalties of weight "
            "'auto' are chosen. Give larger batches, or a number as weight (--gamma)."
        )


def _short(rows, steps):
    return (
        f"a batch of {rows} for discriminator_steps={steps}; expected at least one image for each step. Give fit "
        f"batches of {steps} times the batch of one step."
    )


@contextlib.contextmanager
def shape_errors():
    """Turns TensorFlow's error for a batch whose size the dataset did not declare into an InputError."""
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
