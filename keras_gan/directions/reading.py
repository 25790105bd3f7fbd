"""Attributes of a picture: measured from pixels, or predicted by classifiers of the data's attributes and classes."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from keras_gan import metrics
from keras_gan._utils.errors import InputError, printable
from keras_gan.data.source import Source
from keras_gan.directions import morphology
from keras_gan.sampling.sliders import CLASS, LONGEST_NAME

SMALLEST_PROBABILITY = 1e-4  # it bounds the log-odds, since a classifier is imprecise near 0 and 1


@dataclass(frozen=True)
class Reading:
    """Attributes of one kind, which are read together."""

    kind: str  # in `sliders.KINDS`
    names: tuple[str, ...]
    units: tuple[str, ...]
    locks: dict[str, tuple[str, ...]]  # attributes that by default must not change while this one moves
    read: Callable[[np.ndarray], np.ndarray]  # uint8 (n, h, w, c) -> float64 (n, names)
    accuracies: tuple[float, ...] | None = None  # of the classifier, by name, on held-out images; None without one


@dataclass(frozen=True)
class Readers:
    """All attributes of a generator's pictures, and the classifier."""

    readings: tuple[Reading, ...]
    classify: Callable[[np.ndarray], np.ndarray] | None  # uint8 (n, h, w, c) -> probabilities float32 (n, classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all attributes, in the order of the columns of `read`."""
        return tuple(name for reading in self.readings for name in reading.names)

    def read(self, images: np.ndarray) -> np.ndarray:
        """float64 (n, attributes) of uint8 images (n, h, w, c)."""
        return np.concatenate([reading.read(images) for reading in self.readings], axis=1)


def readers(
    shape: tuple[int, ...], source: Source | None = None, held_out=None, class_names=None, conditional=False
) -> Readers:
    """The attributes that can be read from generated pictures.

    Args:
        shape: shape of a picture, (height, width, channels).
        source: the data, for their classes and attributes, whose classifiers are trained once and saved in the cache;
            None for attributes measured from pixels only.
        held_out: held-out data, with which the accuracy of the classifiers is measured.
        class_names: names of the classes; None for "class 0", ….
        conditional: whether the generator takes labels. Its classes get no sliders, since the labels choose them.

    Returns:
        The `Readers`.

    Raises:
        InputError: where the data are vectors.
    """
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise InputError(
            f"data of shape {shape}; expected images, grey or in colour, which have attributes. Use a generator of "
            "these."
        )
    named = source is not None and getattr(source, "attributes", None) is not None
    # Pages show the first sliders where there are many: those with the names that the data have given.
    readings = [*([_attributes(source)] if named else []), _measured(shape[2])]
    classify = source and _classes(source, held_out)
    if classify and not conditional:
        readings.append(_class_odds(classify, class_names, source.num_classes))
    return Readers(_distinct(readings), classify)


def _distinct(readings) -> tuple[Reading, ...]:
    """The readings with distinct names that sliders can have. None of them is the name of the lock "class"."""
    taken, renamed = {CLASS}, []
    for reading in readings:
        names = tuple(_free(name, reading.kind, taken) for name in reading.names)
        new = dict(zip(reading.names, names, strict=True))
        locks = {new[name]: tuple(new[lock] for lock in locks) for name, locks in reading.locks.items()}
        renamed.append(replace(reading, names=names, locks=locks))
    return tuple(renamed)


def _free(name, kind, taken):
    """The name, or a similar one that is not taken. It is added to `taken`."""
    short = printable(name).strip(" =")[:LONGEST_NAME].strip(" =") or kind
    tries = itertools.chain(
        [short], (f"{short[: LONGEST_NAME - 20]} ({kind} {number})" for number in itertools.count(1))
    )
    free = next(one for one in tries if one not in taken)
    taken.add(free)
    return free


def _measured(channels):
    table = morphology.attributes(channels)

    def read(images):
        return np.stack(list(morphology.measure(images).values()), axis=1)

    return Reading(
        "measured",
        tuple(table),
        tuple(attribute.unit for attribute in table.values()),
        {name: attribute.locks for name, attribute in table.items()},
        read,
    )


def _attributes(source):
    classifier = metrics.attribute_classifier(source)
    names = tuple(classifier.names)
    others = {name: tuple(other for other in names if other != name) for name in names}
    accuracies = tuple(classifier.balanced_accuracy.tolist())
    units = ("log-odds",) * len(names)
    return Reading("attribute", names, units, others, lambda images: _log_odds(classifier(images)), accuracies)


def _classes(source, held_out):
    """The classifier of the data's classes; None where the data have no classes."""
    extractor = metrics.extractor(source, held_out) if source.labels is not None else None
    if extractor is None or extractor.accuracy is None:
        return None
    return lambda images: extractor.extract(images)[1]


def _class_odds(classify, class_names, count):
    names = tuple(class_names or (f"class {number}" for number in range(count)))
    locks = {name: () for name in names}
    return Reading("class", names, ("log-odds",) * len(names), locks, lambda images: _log_odds(classify(images)))


def _log_odds(probabilities):
    p = np.clip(probabilities.astype("float64"), SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return np.log(p / (1 - p))
