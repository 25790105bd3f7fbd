"""Samples of a generator for evaluation: block by block, with the classes drawn as they occur in the training data."""

import warnings
from collections.abc import Callable

import numpy as np

from keras_gan._utils.errors import InputError, Notice
from keras_gan.data.source import Source
from keras_gan.metrics.streams import Stream

LABELS = 0x1AB  # beside the seed, so that labels and the choice of real images are independent
# Samples generated at once: as many as these bytes hold as float32, since the feature maps of a generator take some
# fifty times as much. Small images come in whole batches of 64, by which generators compute.
GENERATED_BYTES, BATCH = 2**23, 64


def class_labels(
    n: int, num_classes: int | None, train: Source, seed: int = 0, shares: np.ndarray | None = None
) -> np.ndarray | None:
    """Classes for n samples of a generator that is compared with data.

    They are drawn at random from the labels of the training data: a generator that is right about each class is then
    right about the data, however often each class occurs in them.

    Args:
        n: how many.
        num_classes: of the generator; None where it takes no labels.
        train: the training data.
        seed: of the draws.
        shares: (num_classes,), of the classes, for data without labels, where they are known some other way.

    Returns:
        int32 (n,); None where the generator takes no labels. Where the data have no labels, a `Notice` says how the
        classes were drawn: by `shares`, or uniformly.

    Raises:
        InputError: where the data have a class that the generator does not have.
    """
    if num_classes is None:
        return None
    rng = np.random.default_rng([seed, LABELS])
    check_classes(num_classes, train)
    if train.labels is not None:
        return rng.choice(train.labels, n).astype("int32")
    known = shares is not None and len(shares) == num_classes
    how = "as the classifier sees them in real images" if known else f"uniformly from {num_classes} classes"
    warnings.warn(
        Notice(
            f"{train.short_name} has no labels, so the share of each class in the training data is unknown; the "
            f"classes of the samples are drawn {how}"
        ),
        stacklevel=2,
    )
    return rng.choice(num_classes, n, p=shares if known else None).astype("int32")


def check_classes(num_classes: int | None, train: Source) -> None:
    """Raises InputError where the data have more classes than a generator with classes."""
    if num_classes is not None and train.labels is not None and train.num_classes > num_classes:
        raise InputError(
            f"{train.short_name} has {train.num_classes} classes and the generator {num_classes}; expected data with "
            "the generator's classes. Give the data that it was trained on (--data)."
        )


def generated(
    generate: Callable[..., np.ndarray],
    count: int,
    shape: tuple[int, ...],
    first_seed: int = 0,
    labels: np.ndarray | None = None,
) -> Stream:
    """A generator's samples of consecutive seeds, as a stream.

    Args:
        generate: as `GAN.generate`: takes n, seed, and labels where the generator has classes.
        count: how many.
        shape: of one of them.
        first_seed: sample i is that of first_seed + i.
        labels: int32 (count,), their classes; None where the generator takes no labels.
    """

    def read(start, stop):
        chosen = {} if labels is None else {"labels": labels[start:stop]}
        return generate(n=stop - start, seed=first_seed + start, **chosen)

    return Stream(read, count, shape, batch_rows(shape), labels)


def batch_rows(shape: tuple[int, ...]) -> int:
    """The number of samples of a shape that are generated at once."""
    rows = max(1, GENERATED_BYTES // (4 * int(np.prod(shape))))
    return rows - rows % BATCH if rows > BATCH else rows
