"""A classifier of attributes of images (Young, Smiling, …). It is trained once on the user's data, and saved."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from keras_gan._utils.errors import InputError, Notice, printable
from keras_gan._utils.files import cache_folder
from keras_gan.data.source import Source
from keras_gan.metrics.extractors import announce, content, load_or_train, most_images, read

FEWEST = 10  # images with an attribute, and images without it, that training needs
HELD_OUT = 5  # one image in 5 is held out for the accuracy


@dataclass(frozen=True)
class AttributeClassifier:
    """A frozen network that predicts the attributes of images."""

    names: tuple[str, ...]  # of the k attributes
    # float64 (k,) in [0, 1], on held-out images: the mean of the accuracies on images with and without the attribute.
    # A random answer reaches 0.5.
    balanced_accuracy: np.ndarray
    sha256: str  # of the saved weights
    probabilities: Callable[[np.ndarray], np.ndarray]  # uint8 (n, h, w, c) -> float32 (n, k)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Predicts the probability of each attribute, as if half of all images had the attribute.

        Args:
            images: uint8 (n, height, width, channels), or float32 in [-1, 1].

        Returns:
            float32 (n, k) in [0, 1]. A value above 0.5 means "yes". The probabilities ignore how frequent an attribute
            is in the data: otherwise almost every answer for a rare attribute would be "no". The frequency would add a
            constant to the log-odds.
        """
        return self.probabilities(images)


def attribute_classifier(source: Source) -> AttributeClassifier:
    """Returns a classifier of the attributes of a source. It is trained once, and saved in the cache folder.

    The file is in extractors/ in $KERAS_GAN_CACHE, or in ~/.cache/keras_gan. Its name depends on the images and
    attributes, so that different data have different files. Before training, a line on stderr shows how long it takes
    and where the file is saved. One image in five is held out of the training, and measures the accuracy.

    Args:
        source: images with attributes, such as `data.open_source` returns for a folder with a table, or for celeb_a.

    Returns:
        An `AttributeClassifier`. An attribute with fewer than ten images that have it, or fewer than ten that do not,
        cannot be learned: it is left out, with a `Notice`.

    Raises:
        InputError: if the source has no images or no attribute that can be learned, or if the saved file is damaged.
    """
    from keras_gan.metrics import classifiers

    source = _learnable(source)
    file = cache_folder() / "extractors" / f"{content(f'attributes {classifiers.VERSION}', source)}.npz"
    classifier, sha256 = load_or_train(file, lambda backup: _train(source, file, backup))
    return AttributeClassifier(
        source.attribute_names, classifier.accuracy, sha256, lambda images: classifier(images)[1]
    )


def _learnable(source) -> Source:
    """Returns the source with the attributes that can be learned, which are also its labels."""
    if len(source.shape) != 3 or source.attributes is None:
        reason = "has no attributes" if len(source.shape) == 3 else "has no images"
        raise InputError(
            f"{source.name} {reason}; expected images with attributes. Put a table attributes.csv into the folder: a "
            "header line, then a line for each image with its file name and 1 or 0 for each attribute."
        )
    attributes = source.attributes[source.sample(most_images(source), 0)]  # those of the images that `_train` reads
    rarer = np.minimum(attributes.sum(axis=0), (~attributes).sum(axis=0))
    rare = [printable(f"{name} ({n})") for name, n in zip(source.attribute_names, rarer, strict=True) if n < FEWEST]
    received = f"too few images to learn these attributes of {source.short_name}: {', '.join(rare)}"
    expected = f"expected at least {FEWEST} images with each attribute and {FEWEST} without it"
    if len(rare) == len(rarer):
        raise InputError(f"{received}; {expected}. Add images, or remove these attributes from the table.")
    if rare:
        warnings.warn(Notice(f"{received}; {expected}. They are left out."), stacklevel=3)
    chosen = np.flatnonzero(rarer >= FEWEST)
    attributes, names = source.attributes[:, chosen], tuple(source.attribute_names[column] for column in chosen)
    return replace(source, attributes=attributes, attribute_names=names, labels=attributes)


def _train(source, file, backup):
    from keras_gan.metrics import classifiers

    chosen = source.sample(most_images(source), 0)
    attributes = source.attributes[chosen]
    rows, held = classifiers.split_attributes(attributes, HELD_OUT)
    count, images = len(source.attribute_names), read(source, chosen[rows])
    announce(f"classify {count} attribute{'s'[: count > 1]} of {source.short_name}", images.shape, file)
    model = classifiers.train(images, attributes[rows], backup=backup)
    held_out = read(source, chosen[held])
    return classifiers.Classifier(model, classifiers.balanced_accuracy(model, held_out, attributes[held]))
