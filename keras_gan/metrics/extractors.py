"""Which network the metrics look through: shipped, trained once for the user's data, or ImageNet's; and its name.

Numbers compare only within one extractor, so each has a name and the SHA-256 of its weights, which the card shows.
"""

import hashlib
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from keras_gan._utils.choices import lookup
from keras_gan._utils.errors import InputError
from keras_gan._utils.files import cache_folder
from keras_gan.data.source import Source
from keras_gan.metrics.streams import Stream

WEIGHTS = Path(__file__).parent / "weights"
SUMS = "SHA256SUMS"  # beside the weights, in the format of sha256sum
SHAPES = {"mnist": (28, 28, 1), "digits": (8, 8, 1), "stacked_mnist": (28, 28, 3)}  # that the shipped networks take
FEWEST_PER_CLASS, MOST_CLASSES = 10, 1000  # with other labels no classifier is worth training
MOST_BYTES = 2**28  # of images that are trained on; of larger data it is a sample
MOST_JUDGED = 10_000  # held-out images that tell the accuracy
HASHED_IMAGES = 1000  # of data that are not held in memory
SECONDS_PER_MEGAPIXEL = 0.5  # of training, on two cores that do nothing else


@dataclass(frozen=True)
class Extractor:
    """A frozen network that turns images into features, and perhaps into probabilities of classes."""

    name: str  # "mnist", "digits", "stacked_mnist", "inception", "identity", or "trained on <data>"
    sha256: str  # of the weights file; "" where there is none
    accuracy: float | None  # of its classifier on held-out images; None where it classifies nothing
    # uint8 (n, h, w, c), or float32 (n, features) for vectors,
    # -> features float32 (n, d), and probabilities float32 (n, classes) or None
    extract: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]


def choose(source: Source, held_out: Source | None = None, choice: str = "auto") -> Extractor | None:
    """The extractor for data: a function of the data alone, never of which files lie on the machine.

    Args:
        source: the training data.
        held_out: data that were held out for judging; they tell the accuracy of a network that is trained here.
        choice: "auto", or a name in `CHOICES`. "auto" takes vectors as they are, the shipped network for MNIST,
            stacked MNIST and digits in their own size, and for other images with classes a network that is trained
            once and kept in $KERAS_GAN_CACHE, or ~/.cache/keras_gan, under extractors/.

    Returns:
        The extractor; None with "none", and with "auto" for images without classes.

    Raises:
        InputError: where the choice is unknown, does not suit the data, or its weights cannot be had.
    """
    return lookup(CHOICES, choice, "extractor", ", ".join(CHOICES))(source, held_out)


def _auto(source, held_out):
    if len(source.shape) == 1:
        return Extractor("identity", "", None, _identity)
    if SHAPES.get(source.name) == source.shape:
        return CHOICES[source.name](source, held_out)
    return None if unteachable(source) else _trained(source, held_out)


def _identity(vectors):
    return vectors.astype("float32"), None


# shipped -------------------------------------------------------------------------------------------------------


def _mnist(source, held_out):
    classifier, sha256 = _shipped("mnist", "mnist", source)
    return Extractor("mnist", sha256, classifier.accuracy, classifier)


def _digits(source, held_out):
    classifier, sha256 = _shipped("digits", "digits", source)
    return Extractor("digits", sha256, classifier.accuracy, classifier)


def _stacked_mnist(source, held_out):
    """The network for MNIST on each channel; class 100 a + 10 b + c has the product of three probabilities."""
    classifier, sha256 = _shipped("mnist", "stacked_mnist", source)

    def extract(images):
        features, digits = zip(*(classifier(images[..., [channel]]) for channel in range(3)), strict=True)
        probabilities = np.einsum("na,nb,nc->nabc", *digits)  # (n, 10, 10, 10)
        return np.concatenate(features, axis=1), probabilities.reshape(len(images), -1)

    # Three independent digits are all read right with the cube of one digit's probability.
    return Extractor("stacked_mnist", sha256, classifier.accuracy**3, extract)


def _shipped(weights, name, source):
    """The classifier that the package brings, and its file's SHA-256, for a source of the shape that `name` takes."""
    if source.shape != SHAPES[name]:
        raise InputError(
            f"the extractor {name} for {source.name} of shape {source.shape}; expected {SHAPES[name]}; take auto"
        )
    return _checked(WEIGHTS / f"{weights}.npz")


@lru_cache
def _checked(file):
    from keras_gan.metrics import classifiers

    sums = dict(reversed(line.split()) for line in (file.parent / SUMS).read_text("utf-8").splitlines())
    return classifiers.load(file, sums[file.name], remedy="install keras-gan again")


# trained once --------------------------------------------------------------------------------------------------


def unteachable(source: Source) -> str | None:
    """Why no classifier can be trained on data; None where one can."""
    if len(source.shape) != 3:
        return "are no images"
    if source.labels is None:
        return "have no labels"
    classes, most = int(source.labels.max()) + 1, min(MOST_CLASSES, source.count // FEWEST_PER_CLASS)
    if not 2 <= classes <= most:
        return f"have class numbers up to {classes - 1} for {source.count} images"
    return None


def _trained(source, held_out):
    from keras_gan.metrics import classifiers

    reason = unteachable(source)
    if reason:
        raise InputError(
            f"no extractor can be trained: {source.name} {reason}; expected images in 2 to {MOST_CLASSES} classes, "
            f"{FEWEST_PER_CLASS} of each or more; take auto"
        )
    if held_out is not None and (held_out.labels is None or held_out.shape != source.shape):
        held_out = None  # it tells nothing about accuracy
    file = cache_folder() / "extractors" / f"{content(classifiers.VERSION, source, held_out)}.npz"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        classifiers.save(_train(source, held_out, file), file)
    classifier, sha256 = classifiers.load(file, remedy="delete it, and it is trained anew")
    return Extractor(f"trained on {source.short_name}", sha256, classifier.accuracy, classifier)


def content(version, *sources) -> str:
    """A hash of version, images and labels; of data that are not held in memory, of a fixed sample and their name."""
    digest = hashlib.sha256(str(version).encode())
    for source in filter(None, sources):
        digest.update(f"{source.shape} {source.count}".encode())
        if source.array is None:
            digest.update(source.name.encode())
        held = source.array
        for block in Stream.of(source, source.sample(HASHED_IMAGES, 0)).blocks() if held is None else [held]:
            digest.update(np.ascontiguousarray(block))
        digest.update(np.ascontiguousarray(source.labels))
    return digest.hexdigest()[:32]


def _train(source, held_out, file):
    from keras_gan.metrics import classifiers

    chosen = source.sample(most_images(source), 0)
    if held_out is None:
        rows, held = classifiers.split(source.labels[chosen], 10)
        chosen, judged_by, judged = chosen[rows], source, chosen[held]
    else:
        judged_by, judged = held_out, held_out.sample(MOST_JUDGED, 0)
    announce(f"judge {source.short_name} by", (len(chosen), *_fitted_shape(source)), file)
    model = classifiers.train(read(source, chosen), source.labels[chosen], int(source.labels.max()) + 1)
    return classifiers.Classifier(model, classifiers.accuracy(model, read(judged_by, judged), judged_by.labels[judged]))


def announce(purpose, shape, file):
    """Says on stderr that a network is trained on images of a shape (n, h, w, c), how long, and where it is kept."""
    from keras_gan.metrics.classifiers import planned

    minutes = planned(shape) * math.prod(shape[1:3]) / 1e6 * SECONDS_PER_MEGAPIXEL / 60
    print(
        f"training a network to {purpose}: once, about {math.ceil(minutes)} min on two cores; kept as {file}",
        file=sys.stderr,
    )


def most_images(source: Source) -> int:
    """How many images of a source are trained on: those that fill `MOST_BYTES`."""
    return MOST_BYTES // math.prod(_fitted_shape(source))


def _fitted_shape(source):
    from keras_gan.metrics.classifiers import LARGEST

    return tuple(min(side, LARGEST) for side in source.shape)


def read(source: Source, indices: np.ndarray) -> np.ndarray:
    """Images of a source by their indices, none larger than a network takes: uint8 (n, height, width, channels)."""
    from keras_gan.metrics.classifiers import fitted

    images = np.empty((len(indices), *_fitted_shape(source)), "uint8")
    start = 0
    for block in Stream.of(source, indices).blocks():
        images[start : start + len(block)] = fitted(block)
        start += len(block)
    return images


# ImageNet ------------------------------------------------------------------------------------------------------


def _inception(source, held_out):
    from keras_gan.metrics import inception

    if len(source.shape) != 3:
        raise InputError(f"the extractor inception for {source.name}, which are no images; expected images; take auto")
    extract, sha256 = inception.load(cache_folder() / "inception")
    return Extractor("inception", sha256, None, extract)


CHOICES = {
    "auto": _auto,
    "digits": _digits,
    "inception": _inception,
    "mnist": _mnist,
    "none": lambda source, held_out: None,
    "stacked_mnist": _stacked_mnist,
    "trained": _trained,
}
