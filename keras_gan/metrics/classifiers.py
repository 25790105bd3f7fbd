"""Small classifiers of images, whose penultimate layer is what the metrics look at: network, training, file.

They tell classes, of which an image has one (softmax), or attributes, of which it has any (sigmoid).

Everything random draws from seeds of its own, so that training neither reads nor moves the program's random state.
"""

import hashlib
import io
import math
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import layers

from keras_gan._utils import pixels
from keras_gan._utils.errors import InputError, first_line
from keras_gan._utils.files import replace
from keras_gan.data.source import fit_pixels

VERSION = 1  # of network and training; another number makes other cached files
FEATURES = 64
WIDTHS = (32, 64, 64)  # channels of a stage, each of which halves the image
LARGEST = 64  # pixels on a side; larger images are resized to it
TWO_STAGES = 32  # up to this side two stages are enough
DROPOUT = 0.4
BATCH_SIZE = 200
LEARNING_RATE = 3e-3  # reached after a twentieth of the steps, then falling to zero along a cosine
MOST_IMAGES, MOST_EPOCHS = 200_000, 80  # seen in training, unless told otherwise
MOST_PIXELS = 200_000 * 32 * 32  # likewise, which is a few minutes on two cores
CHUNK_BYTES = 2**25  # of the largest feature map, in one call of the network


@dataclass(frozen=True)
class Classifier:
    """A trained network and how well it does."""

    model: keras.Model  # images (n, h, w, c) in [-1, 1] to features (n, 64) and probabilities (n, classes), float32
    accuracy: float | np.ndarray  # on images that it was not trained on; of attributes float64 (k,), balanced

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features float32 (n, 64) and probabilities float32 (n, classes) of uint8 images (n, h, w, c)."""
        shape = tuple(self.model.input_shape[1:])
        most = max(1, CHUNK_BYTES // (4 * WIDTHS[0] * math.prod(shape[:2])))
        # Chunks of one size, as far as can be: the network is traced anew for every other.
        chunk = math.ceil(len(images) / math.ceil(len(images) / most)) if len(images) else 1
        starts = range(0, len(images), chunk)
        parts = [self.model.predict_on_batch(_signed(fitted(images[i : i + chunk], shape[:2]))) for i in starts]
        features, probabilities = zip(*parts, strict=True)
        return np.concatenate(features), np.concatenate(probabilities)


def network(shape: tuple[int, ...], classes: int, seed: int = 0, activation: str = "softmax") -> keras.Model:
    """Two 3×3 convolutions for each halving, a dense layer of 64 features, a dense layer of classes; all float32.

    Args:
        shape: (height, width, channels), 8 to 64 pixels on a side.
        classes: how many, or how many attributes.
        seed: of the first weights and of the dropout.
        activation: of the last layer, "softmax" for classes, "sigmoid" for attributes.

    Returns:
        A model from images in [-1, 1] to features (n, 64) and probabilities (n, classes).
    """
    seeds = iter(range(1000 * seed, 1000 * (seed + 1)))

    def trained(layer, width, *arguments, **options):
        start = keras.initializers.HeNormal(next(seeds))
        return layer(width, *arguments, kernel_initializer=start, dtype="float32", **options)

    x = image = keras.Input(shape, dtype="float32", name="image")
    for width in WIDTHS[: 2 if max(shape[:2]) <= TWO_STAGES else 3]:
        x = trained(layers.Conv2D, width, 3, padding="same", activation="relu")(x)
        x = trained(layers.Conv2D, width, 3, strides=2, padding="same", activation="relu")(x)  # (n, h/2, w/2, width)
    x = layers.Dropout(DROPOUT, seed=next(seeds), dtype="float32")(layers.Flatten(dtype="float32")(x))
    features = trained(layers.Dense, FEATURES, activation="relu")(x)
    x = layers.Dropout(DROPOUT, seed=next(seeds), dtype="float32")(features)
    return keras.Model(image, [features, trained(layers.Dense, classes, activation=activation)(x)])


def train(images, labels, classes=None, images_seen=None, seed=0) -> keras.Model:
    """Trains a network on images shifted at random, with Adam and a learning rate that falls to zero.

    Args:
        images: uint8 (n, height, width, channels), 8 pixels on a side or more.
        labels: integers (n,) from 0; or bool (n, k), whether each image has each of k attributes.
        classes: how many; None for the largest label + 1. Of attributes it is k.
        images_seen: over all epochs; None for what `planned` says.
        seed: of everything random.

    Returns:
        A model as `network` describes it, whose weights are rounded to float16, as a file keeps them.
    """
    images = fitted(images)
    if labels.ndim == 2:
        model, loss = network(images.shape[1:], labels.shape[1], seed, "sigmoid"), adjusted_crossentropy(labels)
    else:
        classes = int(labels.max()) + 1 if classes is None else classes
        model, loss = network(images.shape[1:], classes, seed), "sparse_categorical_crossentropy"
    steps = max(2, math.ceil((images_seen or planned(images.shape)) / BATCH_SIZE))
    model.compile(keras.optimizers.Adam(_learning_rate(steps)), loss=[None, loss], jit_compile=False)
    model.fit(_shifted_batches(images, labels, seed), steps_per_epoch=steps, shuffle=False, verbose=0)
    model.set_weights([weights.astype("float16") for weights in model.get_weights()])
    return model


def adjusted_crossentropy(attributes: np.ndarray) -> Callable:
    """Binary cross-entropy of a network that need not learn how rare an attribute is: its odds are those of one half.

    With plain cross-entropy the answer for an attribute that one image in a hundred has is "no" for a long time;
    weights of the rare images make the gradient of all other attributes noisy.

    Args:
        attributes: bool (n, k), of the training data, each of them true for some and false for others.

    Returns:
        A loss of reference (batch, k) and probabilities (batch, k), to a mean in nats for each image (batch,).

    Reference:
        Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, equation 10.
    """
    share = attributes.mean(axis=0).astype("float32")

    def loss(reference, probabilities):
        # odds = p / (1 - p) * share / (1 - share), which in logits is a sum
        yes, no = probabilities * share, (1 - probabilities) * (1 - share)
        reference = keras.ops.cast(reference, "float32")
        return keras.ops.mean(keras.ops.binary_crossentropy(reference, yes / (yes + no)), axis=-1)

    return loss


def _learning_rate(steps):
    warmup = math.ceil(steps / 20)
    return keras.optimizers.schedules.CosineDecay(0.0, steps - warmup, warmup_target=LEARNING_RATE, warmup_steps=warmup)


def planned(shape: tuple[int, ...]) -> int:
    """Images that training sees over all epochs, where the data are of shape (count, height, width, channels)."""
    count, height, width, _ = shape
    return min(MOST_IMAGES, MOST_EPOCHS * count, MOST_PIXELS // (height * width))


def accuracy(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of uint8 images (n, h, w, c) whose most probable class is their label."""
    _, probabilities = Classifier(model, 0.0)(images)
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def balanced_accuracy(model: keras.Model, images: np.ndarray, attributes: np.ndarray) -> np.ndarray:
    """For each attribute the mean of two shares: of images with it, and of those without, that are told right.

    Guessing has .5, and so has always answering "no", of which plain accuracy makes .98 where one in fifty has it.

    Args:
        model: as `network` describes it, with sigmoids.
        images: uint8 (n, h, w, c).
        attributes: bool (n, k), each of them true for some and false for others.

    Returns:
        float64 (k,) in [0, 1].
    """
    _, probabilities = Classifier(model, 0.0)(images)
    right = (probabilities > 0.5) == attributes
    with_it, without = ((right & group).sum(axis=0) / group.sum(axis=0) for group in (attributes, ~attributes))
    return (with_it + without) / 2


def split_attributes(attributes: np.ndarray, part: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Indices to train on and to hold out: about a `part`-th of the images, and as much of each value or more.

    From the rarest value of an attribute to the most common, as in iterative stratification (Sechidis et al. 2011):
    chance alone would often hold out none of those that ten images have.
    """
    order = np.random.default_rng(seed).permutation(len(attributes))
    values = np.concatenate([attributes, ~attributes], axis=1)[order]  # (n, 2 k)
    counts, held = values.sum(axis=0), np.zeros(len(order), bool)
    for column in np.argsort(counts, kind="stable"):
        missing = -(-counts[column] // part) - (values[:, column] & held).sum()
        held[np.flatnonzero(values[:, column] & ~held)[: max(0, missing)]] = True
    return np.sort(order[~held]), np.sort(order[held])


def split(labels: np.ndarray, part: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Indices to train on and to hold out: every `part`-th image of a random order, class after class."""
    order = np.random.default_rng(seed).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    held = np.zeros(len(labels), bool)
    held[by_class[part - 1 :: part]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def fitted(images: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
    """Images (n, h, w, c), uint8 or float32 in [-1, 1], as uint8 at `size`; None: their own, no side above 64."""
    images = images if images.dtype == np.uint8 else pixels.to_uint8(images)
    size = size or tuple(min(side, LARGEST) for side in images.shape[1:3])
    if images.shape[1:3] == size:
        return images
    return np.stack([fit_pixels(image, size, crop=False) for image in images])


def _signed(images):
    return pixels.to_signed(images.astype("float32"))


def _shifted_batches(images, labels, seed) -> Iterator:
    """Endless batches of images in [-1, 1], each shifted by up to two pixels (one where small), edges repeated."""
    rng = np.random.default_rng(seed)
    reach = 2 if min(images.shape[1:3]) >= 16 else 1
    order = np.empty(0, "int64")
    while True:
        while len(order) < BATCH_SIZE:
            order = np.concatenate([order, rng.permutation(len(images))])
        rows, order = order[:BATCH_SIZE], order[BATCH_SIZE:]
        yield _signed(shifted(images[rows], *rng.integers(2 * reach + 1, size=(2, BATCH_SIZE)), reach)), labels[rows]


def shifted(images: np.ndarray, down: np.ndarray, right: np.ndarray, reach: int) -> np.ndarray:
    """Each image (n, h, w, c) moved by `reach - down` and `reach - right` pixels, its edge pixels repeated."""
    n, height, width, _ = images.shape
    margin = (reach, reach)
    wide = np.pad(images, ((0, 0), margin, margin, (0, 0)), mode="edge")
    rows, columns = down[:, None] + np.arange(height), right[:, None] + np.arange(width)  # (n, h), (n, w)
    return wide[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]  # (n, h, w, c)


# files ---------------------------------------------------------------------------------------------------------


def save(classifier: Classifier, file: Path) -> str:
    """Writes weights as float16, image shape and accuracy as an .npz; gives the file's SHA-256.

    The same weights give the same bytes.
    """
    arrays = {f"{i:04d}": array.astype("float16") for i, array in enumerate(classifier.model.get_weights())}
    shape = np.array(classifier.model.input_shape[1:])
    content = io.BytesIO()
    np.savez_compressed(content, shape=shape, accuracy=classifier.accuracy, **arrays)
    replace(file, lambda draft: draft.write_bytes(content.getvalue()))
    return hashlib.sha256(content.getvalue()).hexdigest()


def load(file: Path, expected_sha256: str | None = None, remedy: str = "") -> tuple[Classifier, str]:
    """The classifier in a file that `save` wrote, and the file's SHA-256.

    Raises:
        InputError: where the file is damaged, or is not the one that `expected_sha256` names.
    """
    content = file.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if expected_sha256 is not None and found != expected_sha256:
        raise InputError(f"{file} is damaged (SHA-256 {found[:12]}…); expected {expected_sha256[:12]}…; {remedy}")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            weights = [archive[name] for name in sorted(archive.files) if name.isdigit()]
            shape, accuracy = tuple(archive["shape"].tolist()), archive["accuracy"].astype("float64")
        # Of attributes, each has an accuracy of its own.
        model = network(shape, len(weights[-1]), activation="sigmoid" if accuracy.ndim else "softmax")
        model.set_weights(weights)
    except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{file} is damaged ({first_line(error)}); expected saved weights; {remedy}") from error
    return Classifier(model, accuracy if accuracy.ndim else float(accuracy)), found
