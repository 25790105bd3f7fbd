"""Chooses the feature extractor of the metrics: a shipped network, one trained on the user's data or on ImageNet.

Values are comparable only if they were computed with the same extractor. So each extractor has a name and the SHA-256
of its weights, and the metric card shows both.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from keras_gan._utils import progress
from keras_gan._utils.choices import lookup
from keras_gan._utils.errors import InputError
from keras_gan._utils.files import cache_folder
from keras_gan.data.source import Source
from keras_gan.metrics.streams import Stream

WEIGHTS = Path(__file__).parent / "weights"
SUMS = "SHA256SUMS"  # a file next to the weights, in the format of sha256sum
SHAPES = {"mnist": (28, 28, 1), "digits": (8, 8, 1), "stacked_mnist": (28, 28, 3)}  # of images for shipped networks
FEWEST_PER_CLASS, MOST_CLASSES = 10, 1000  # beyond these limits a classifier is not worth training
MOST_BYTES = 2**28  # of training images; larger data are sampled
MOST_TESTED = 10_000  # held-out images for the accuracy
HASHED_IMAGES = 1000  # of data that are not in memory
SMALLEST_PHOTO = 32  # pixels on a side; ImageNet's features say little about smaller images
SECONDS_PER_MEGAPIXEL = 0.5  # of training on two idle cores


@dataclass(frozen=True)
class Extractor:
    """A frozen network that computes features of images, and for a classifier also class probabilities."""

    name: str  # "mnist", "digits", "stacked_mnist", "imagenet", "inception", "identity", or "trained on <data>"
    sha256: str  # of the weights file; "" if there is none
    accuracy: float | None  # of the classifier on held-out images; None for other networks
    # uint8 (n, h, w, c), or float32 (n, features) for vectors,
    # -> features float32 (n, d), and probabilities float32 (n, classes) or None
    extract: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]


def choose(source: Source, held_out: Source | None = None, choice: str = "auto") -> Extractor | None:
    """Chooses the feature extractor for data. The choice depends on the data alone, not on files of the machine.

    Args:
        source: the training data.
        held_out: held-out data, which measure the accuracy of a network that is trained here; None for a tenth of the
            training data.
        choice: "auto", or a name in `CHOICES`. "auto" uses vectors as their own features. It uses a shipped network for
            MNIST, stacked MNIST and digits in their original size. For other images with classes it trains a network
            once, and saves it in extractors/ in $KERAS_GAN_CACHE, or in ~/.cache/keras_gan. For images without classes,
            of at least 32 pixels on a side, it uses "imagenet", an installed network.

    Returns:
        An `Extractor`. None for "none", and for "auto" if the images have no classes and are smaller.

    Raises:
        InputError: if the choice is unknown or does not suit the data, or if the weights cannot be loaded.
    """
    return lookup(CHOICES, choice, "extractor", ", ".join(CHOICES))(source, held_out)


def _auto(source, held_out):
    if len(source.shape) == 1:
        return Extractor("identity", "", None, _identity)
    if SHAPES.get(source.name) == source.shape:
        return CHOICES[source.name](source, held_out)
    if why_untrainable(source) is None:
        return _trained(source, held_out)
    return None if min(source.shape[:2]) < SMALLEST_PHOTO else _imagenet(source, held_out)


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
    """The MNIST network applied to each channel. The probability of class 100 a + 10 b + c is a product of three."""
    classifier, sha256 = _shipped("mnist", "stacked_mnist", source)

    def extract(images):
        features, digits = zip(*(classifier(images[..., [channel]]) for channel in range(3)), strict=True)
        probabilities = np.einsum("na,nb,nc->nabc", *digits)  # (n, 10, 10, 10)
        return np.concatenate(features, axis=1), probabilities.reshape(len(images), -1)

    # Three independent digits are all correct with the cube of the probability of one.
    return Extractor("stacked_mnist", sha256, classifier.accuracy**3, extract)


def _shipped(weights, name, source):
    """Returns a shipped classifier and the SHA-256 of its file. Raises InputError for images of another shape."""
    if source.shape != SHAPES[name]:
        raise InputError(
            f"extractor {name} for {source.name} with images of shape {source.shape}; expected {SHAPES[name]}. Use "
            "extractor auto (--extractor auto)."
        )
    return _checked(WEIGHTS / f"{weights}.npz")


@lru_cache
def _checked(file):
    from keras_gan.metrics import classifiers

    sums = dict(reversed(line.split()) for line in (file.parent / SUMS).read_text("utf-8").splitlines())
    return classifiers.load(file, sums[file.name], remedy="Install keras-gan again.")


# trained once --------------------------------------------------------------------------------------------------


def why_untrainable(source: Source) -> str | None:
    """Returns the reason why no classifier can be trained on data; None if one can be trained."""
    if len(source.shape) != 3:
        return "are not images"
    if source.labels is None:
        return "have no labels"
    classes, most = int(source.labels.max()) + 1, min(MOST_CLASSES, source.count // FEWEST_PER_CLASS)
    if not 2 <= classes <= most:
        return f"have class numbers up to {classes - 1} for {source.count} images"
    return None


def _trained(source, held_out):
    from keras_gan.metrics import classifiers

    reason = why_untrainable(source)
    if reason:
        raise InputError(
            f"cannot train an extractor: the data {source.name} {reason}; expected images in 2 to {MOST_CLASSES} "
            f"classes, with at least {FEWEST_PER_CLASS} images in each. Use extractor auto (--extractor auto)."
        )
    if held_out is not None and (held_out.labels is None or held_out.shape != source.shape):
        held_out = None  # no accuracy can be computed with it
    file = cache_folder() / "extractors" / f"{content(classifiers.VERSION, source, held_out)}.npz"
    classifier, sha256 = load_or_train(file, lambda backup: _train(source, held_out, file, backup))
    return Extractor(f"trained on {source.short_name}", sha256, classifier.accuracy, classifier)


def load_or_train(file, train) -> tuple:
    """Loads a classifier and its SHA-256, as `classifiers.load` does, from a file that is made where it is missing.

    Args:
        file: the .npz file.
        train: function of the backup file of `classifiers.train` to a `classifiers.Classifier`.
    """
    from keras_gan.metrics import classifiers

    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        backup = file.with_suffix(".part.npz")
        classifiers.save(train(backup), file)
        backup.unlink(missing_ok=True)
    return classifiers.load(file, remedy="Delete it to train the network again.")


def content(version, *sources) -> str:
    """Returns a hash of version, images and labels. For data on disk it covers the name and a fixed sample."""
    digest = hashlib.sha256(str(version).encode())
    for source in filter(None, sources):
        digest.update(f"{source.shape} {source.count}".encode())
        if source.array is None:
            digest.update(source.name.encode())
        in_memory = source.array is not None
        sample = source.sample(HASHED_IMAGES, 0)
        for block in [source.array] if in_memory else Stream.of(source, sample).blocks():
            digest.update(np.ascontiguousarray(block))
        digest.update(np.ascontiguousarray(source.labels))
    return digest.hexdigest()[:32]


def _train(source, held_out, file, backup):
    from keras_gan.metrics import classifiers

    chosen = source.sample(most_images(source), 0)
    if held_out is None:
        rows, held = classifiers.split(source.labels[chosen], 10)
        chosen, test, tested = chosen[rows], source, chosen[held]
    else:
        test, tested = held_out, held_out.sample(MOST_TESTED, 0)
    announce(f"compute features of {source.short_name}", (len(chosen), *_fitted_shape(source)), file)
    model = classifiers.train(read(source, chosen), source.labels[chosen], int(source.labels.max()) + 1, backup=backup)
    return classifiers.Classifier(model, classifiers.accuracy(model, read(test, tested), test.labels[tested]))


def announce(purpose, shape, file):
    """Prints to stderr that a network is trained on images of a shape (n, h, w, c), for how long, and its file."""
    from keras_gan.metrics.classifiers import planned_images

    minutes = planned_images(shape) * math.prod(shape[1:3]) / 1e6 * SECONDS_PER_MEGAPIXEL / 60
    progress.print_line(
        f"training a network to {purpose}: once, about {math.ceil(minutes)} min on two cores; saved as {file}"
    )


def most_images(source: Source) -> int:
    """Returns the largest number of images of a source to train on, limited by `MOST_BYTES`."""
    return MOST_BYTES // math.prod(_fitted_shape(source))


def _fitted_shape(source):
    from keras_gan.metrics.classifiers import LARGEST

    return tuple(min(side, LARGEST) for side in source.shape)


def read(source: Source, indices: np.ndarray) -> np.ndarray:
    """Reads images of a source by their indices, resized for the network: uint8 (n, height, width, channels)."""
    from keras_gan.metrics.classifiers import fitted

    images = np.empty((len(indices), *_fitted_shape(source)), "uint8")
    start = 0
    for block in Stream.of(source, indices).blocks():
        images[start : start + len(block)] = fitted(block)
        start += len(block)
    return images


# ImageNet ------------------------------------------------------------------------------------------------------


def _imagenet(source, held_out):
    from keras_gan.metrics import efficientnet

    _check_images(source, "imagenet")
    extract, sha256 = efficientnet.load()
    return Extractor("imagenet", sha256, None, extract)


def _inception(source, held_out):
    from keras_gan.metrics import inception

    _check_images(source, "inception")
    extract, sha256 = inception.load(cache_folder() / "inception")
    return Extractor("inception", sha256, None, extract)


def _check_images(source, name):
    if len(source.shape) != 3:
        raise InputError(
            f"extractor {name} for {source.name}, which has no images; expected images. Use extractor auto "
            "(--extractor auto)."
        )


CHOICES = {
    "auto": _auto,
    "digits": _digits,
    "imagenet": _imagenet,
    "inception": _inception,
    "mnist": _mnist,
    "none": lambda source, held_out: None,
    "stacked_mnist": _stacked_mnist,
    "trained": _trained,
}
