"""What can be read from a picture: measures of its pixels, attributes of the data set, classes."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from keras_gan import metrics
from keras_gan._utils.errors import InputError, printable
from keras_gan.data.source import Source
from keras_gan.directions import morphology
from keras_gan.sampling.sliders import CLASS, LONGEST_NAME

SMALLEST_PROBABILITY = 1e-4  # its logarithm bounds the log-odds: a classifier's tails say little


@dataclass(frozen=True)
class Reading:
    """Attributes of one kind, read together."""

    kind: str  # in `sliders.KINDS`
    names: tuple[str, ...]
    units: tuple[str, ...]
    locks: dict[str, tuple[str, ...]]  # what stays as it is while an attribute moves, unless told otherwise
    read: Callable[[np.ndarray], np.ndarray]  # uint8 (n, h, w, c) -> float64 (n, names)


@dataclass(frozen=True)
class Readers:
    """All that is read from the pictures of a generator."""

    readings: tuple[Reading, ...]
    classify: Callable[[np.ndarray], np.ndarray] | None  # uint8 (n, h, w, c) -> probabilities float32 (n, classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all attributes, in the order of the columns that `read` gives."""
        return tuple(name for reading in self.readings for name in reading.names)

    def read(self, images: np.ndarray) -> np.ndarray:
        """float64 (n, attributes) of uint8 images (n, h, w, c)."""
        return np.concatenate([reading.read(images) for reading in self.readings], axis=1)


def readers(
    shape: tuple[int, ...], source: Source | None = None, held_out=None, class_names=None, conditional=False
) -> Readers:
    """What can be read from generated pictures.

    Args:
        shape: of a picture, (height, width, channels).
        source: the data, for their classes and attributes; the classifiers of both are trained once and kept. None:
            pixels are measured only.
        held_out: data that were held out, for how well the classifiers do.
        class_names: of the classes; None for their numbers.
        conditional: whether the generator takes labels: classes are then chosen, not moved to.

    Raises:
        InputError: where the data are vectors.
    """
    if len(shape) != 3:
        raise InputError(f"data of shape {shape}; expected images, whose attributes can be seen; train on images")
    readings = [_measured(shape[2])]
    if source is not None and getattr(source, "attributes", None) is not None:
        readings.append(_attributes(source))
    classify = source and _classes(source, held_out)
    if classify and not conditional:
        readings.append(_class_odds(classify, class_names, source.num_classes))
    return Readers(_distinct(readings), classify)


def _distinct(readings) -> tuple[Reading, ...]:
    """The readings with names that differ, can be names of sliders, and do not mean the class as a whole."""
    taken, renamed = {CLASS}, []
    for reading in readings:
        names = tuple(_free(name, reading.kind, taken) for name in reading.names)
        new = dict(zip(reading.names, names, strict=True))
        locks = {new[name]: tuple(new[lock] for lock in locks) for name, locks in reading.locks.items()}
        renamed.append(replace(reading, names=names, locks=locks))
    return tuple(renamed)


def _free(name, kind, taken):
    """The name, or one like it, that is not among those taken; it is then."""
    short = printable(name).strip(" =")[:LONGEST_NAME].strip(" =") or kind
    tries = itertools.chain(
        [short], (f"{short[: LONGEST_NAME - 20]} ({kind} {number})" for number in itertools.count(1))
    )
    free = next(one for one in tries if one not in taken)
    taken.add(free)
    return free


def _measured(channels):
    table = morphology.measures(channels)

    def read(images):
        return np.stack(list(morphology.measure(images).values()), axis=1)

    return Reading(
        "measured",
        tuple(table),
        tuple(measure.unit for measure in table.values()),
        {name: measure.locks for name, measure in table.items()},
        read,
    )


def _attributes(source):
    classifier = metrics.attribute_classifier(source)
    names = tuple(classifier.names)
    others = {name: tuple(other for other in names if other != name) for name in names}
    return Reading("attribute", names, ("log-odds",) * len(names), others, lambda images: _log_odds(classifier(images)))


def _classes(source, held_out):
    """The classifier of the data's classes, where they have any."""
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
