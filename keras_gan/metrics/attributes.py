"""Which attributes (Young, Smiling, …) an image has: a small network, trained once for the user's data and kept."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from keras_gan._utils.errors import InputError, Notice, printable
from keras_gan._utils.files import cache_folder
from keras_gan.data.source import Source
from keras_gan.metrics.extractors import announce, content, most_images, read

FEWEST = 10  # images with an attribute, and without it, to learn it from
HELD_OUT = 5  # one image in so many tells the accuracy


@dataclass(frozen=True)
class AttributeClassifier:
    """A frozen network that tells which attributes images have."""

    names: tuple[str, ...]  # of the k attributes
    # float64 (k,) in [0, 1]: the mean of the shares of images with it, and of those without, that are told right, of
    # images that the network was not trained on; guessing has .5
    balanced_accuracy: np.ndarray
    sha256: str  # of the file of weights
    probabilities: Callable[[np.ndarray], np.ndarray]  # uint8 (n, h, w, c) -> float32 (n, k)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """How probable each attribute is in each image, as if half of all images had it.

        Args:
            images: uint8 (n, height, width, channels); or float32 in [-1, 1].

        Returns:
            float32 (n, k) in [0, 1]. Above .5 is "yes". An attribute's share of the data is left out, for of one that
            is rare little but "no" would be said; it would move the logarithm of the odds by a constant.
        """
        return self.probabilities(images)


def attribute_classifier(source: Source) -> AttributeClassifier:
    """The classifier of a source's attributes: trained once, and kept in the cache folder.

    The folder is $KERAS_GAN_CACHE, or ~/.cache/keras_gan, and in it extractors/; the name of the file follows from
    images and attributes, so that other data have another file. A line on stderr says that a network is trained, how
    long, and where it is kept. Every fifth image is held out of the training, to tell the accuracy.

    Args:
        source: images with attributes: `data.open_source` of a folder with a table, or of celeb_a.

    Returns:
        An `AttributeClassifier`. An attribute that fewer than ten images have, or all but fewer than ten, cannot be
        learned: it is left out, with a `Notice`.

    Raises:
        InputError: where the source holds no images, or no attribute that can be learned, or the kept file is damaged.
    """
    from keras_gan.metrics import classifiers

    source = _learnable(source)
    file = cache_folder() / "extractors" / f"{content(f'attributes {classifiers.VERSION}', source)}.npz"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        classifiers.save(_train(source, file), file)
    classifier, sha256 = classifiers.load(file, remedy="delete it, and it is trained anew")
    return AttributeClassifier(
        source.attribute_names, classifier.accuracy, sha256, lambda images: classifier(images)[1]
    )


def _learnable(source) -> Source:
    """The source with the attributes that can be learned, which stand as its labels too, for what reads those."""
    if len(source.shape) != 3 or source.attributes is None:
        lacks = "has no attributes" if len(source.shape) == 3 else "holds no images"
        raise InputError(
            f"{source.name} {lacks}; expected images with attributes; put a table attributes.csv into the folder: a "
            "line of names, then a line for each image, its file and 1 or 0 for each attribute"
        )
    seen = source.attributes[source.sample(most_images(source), 0)]  # those that `read` reads
    rarer = np.minimum(seen.sum(axis=0), (~seen).sum(axis=0))
    rare = [printable(f"{name} ({n})") for name, n in zip(source.attribute_names, rarer, strict=True) if n < FEWEST]
    received = f"too few images to learn these attributes of {source.short_name}: {', '.join(rare)}"
    expected = f"expected {FEWEST} with each and {FEWEST} without"
    if len(rare) == len(rarer):
        raise InputError(f"{received}; {expected}; add images, or leave the attributes out")
    if rare:
        warnings.warn(Notice(f"{received}; {expected}; they are left out"), stacklevel=3)
    chosen = np.flatnonzero(rarer >= FEWEST)
    attributes, names = source.attributes[:, chosen], tuple(source.attribute_names[column] for column in chosen)
    return replace(source, attributes=attributes, attribute_names=names, labels=attributes)


def _train(source, file):
    from keras_gan.metrics import classifiers

    chosen = source.sample(most_images(source), 0)
    attributes = source.attributes[chosen]
    rows, held = classifiers.split_attributes(attributes, HELD_OUT)
    count, images = len(source.attribute_names), read(source, chosen[rows])
    announce(f"see {count} attribute{'s'[: count > 1]} of {source.short_name}", images.shape, file)
    model = classifiers.train(images, attributes[rows])
    judged = read(source, chosen[held])
    return classifiers.Classifier(model, classifiers.balanced_accuracy(model, judged, attributes[held]))
