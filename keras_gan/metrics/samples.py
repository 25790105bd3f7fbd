"""Samples of a generator for evaluation, in blocks, with classes drawn with their shares in the training data."""

import warnings
from collections.abc import Callable

import numpy as np

from keras_gan._utils.errors import InputError, Notice
from keras_gan.data.source import Source
from keras_gan.metrics.streams import Stream

LABELS = 0x1AB  # added to the seed, so that labels and the choice of real images are independent
# Memory of the samples in one call of a generator, as float32; its feature maps take about fifty times as much. Small
# images are generated in multiples of 64, since generators compute batches of 64.
GENERATED_BYTES, BATCH = 2**23, 64


def class_labels(
    n: int, num_classes: int | None, train: Source, seed: int = 0, shares: np.ndarray | None = None
) -> np.ndarray | None:
    """Draws classes for n samples of a generator that is compared with data.

    Classes are drawn at random from the labels of the training data. So a generator that is perfect for each class is
    also perfect for the data, whatever the shares of the classes are.

    Args:
        n: the number of samples.
        num_classes: the number of classes of the generator; None if it takes no labels.
        train: the training data.
        seed: seed of the random choice.
        shares: (num_classes,), shares of the classes for data without labels; None if they are unknown.

    Returns:
        int32 (n,); None if the generator takes no labels. If the data have no labels, classes are drawn with `shares`,
        or uniformly, and a `Notice` shows which.

    Raises:
        InputError: if the data have a class that the generator does not have.
    """
    if num_classes is None:
        return None
    rng = np.random.default_rng([seed, LABELS])
    check_classes(num_classes, train)
    if train.labels is not None:
        return rng.choice(train.labels, n).astype("int32")
    known = shares is not None and len(shares) == num_classes
    how = "with the shares that the classifier predicts" if known else f"uniformly from {num_classes} classes"
    warnings.warn(
        Notice(
            f"{train.short_name} has no labels, so the share of each class in the training data is unknown. The "
            f"classes of the samples are drawn {how}."
        ),
        stacklevel=2,
    )
    return rng.choice(num_classes, n, p=shares if known else None).astype("int32")


def check_classes(num_classes: int | None, train: Source) -> None:
    """Raises InputError if the data have more classes than a conditional generator."""
    if num_classes is not None and train.labels is not None and train.num_classes > num_classes:
        raise InputError(
            f"{train.short_name} has {train.num_classes} classes and the generator {num_classes}; expected data with "
            "the classes of the generator. Use the data that it was trained on (--data)."
        )


def generated(
    generate: Callable[..., np.ndarray],
    count: int,
    shape: tuple[int, ...],
    first_seed: int = 0,
    labels: np.ndarray | None = None,
) -> Stream:
    """Returns samples of a generator with consecutive seeds as a stream.

    Args:
        generate: a function like `GAN.generate`, with the arguments n, seed, and labels if the generator has classes.
        count: the number of samples.
        shape: the shape of one sample.
        first_seed: sample i is generated with seed first_seed + i.
        labels: int32 (count,), the classes; None if the generator takes no labels.
    """

    def read(start, stop):
        chosen = {} if labels is None else {"labels": labels[start:stop]}
        return generate(n=stop - start, seed=first_seed + start, **chosen)

    return Stream(read, count, shape, batch_rows(shape), labels, "drawing samples")


def batch_rows(shape: tuple[int, ...]) -> int:
    """Returns the number of samples of a shape in one call of a generator."""
    rows = max(1, GENERATED_BYTES // (4 * int(np.prod(shape))))
    return rows - rows % BATCH if rows > BATCH else rows
