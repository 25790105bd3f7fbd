"""Small image classifiers that serve as feature extractors: network, training, file.

The features are the outputs of the penultimate layer. A classifier predicts either the class of an image (softmax) or
its attributes (sigmoid).

All random numbers have their own seeds, so that training neither reads nor changes the program's random state.
"""

import hashlib
import io
import itertools
import math
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import layers

from keras_gan._utils import pixels, progress
from keras_gan._utils.errors import InputError, first_line
from keras_gan._utils.files import replace
from keras_gan.data.source import fit_pixels
from keras_gan.metrics.streams import equal_parts

VERSION = 1  # of network and training; a new version leads to new cached files
FEATURES = 64
WIDTHS = (32, 64, 64)  # channels of each stage; a stage halves the image
LARGEST = 64  # pixels on a side; larger images are resized to it
TWO_STAGES = 32  # pixels on a side up to which two stages are enough
DROPOUT = 0.4
BATCH_SIZE = 200
LEARNING_RATE = 3e-3  # reached after a twentieth of the steps, then falling to zero along a cosine
MOST_IMAGES, MOST_EPOCHS = 200_000, 80  # default limits of training, over all epochs
MOST_PIXELS = 200_000 * 32 * 32  # another limit, for a few minutes of training on two cores
BACKUP_EVERY_S = 10.0
CHUNK_BYTES = 2**25  # of the largest feature map in one call of the network


@dataclass(frozen=True)
class Classifier:
    """A trained network and its accuracy."""

    model: keras.Model  # images (n, h, w, c) in [-1, 1] to features (n, 64) and probabilities (n, classes), float32
    accuracy: float | np.ndarray  # on held-out images; for attributes the balanced accuracies, float64 (k,)

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Computes features float32 (n, 64) and probabilities float32 (n, classes) of uint8 images (n, h, w, c)."""
        shape = tuple(self.model.input_shape[1:])
        most = max(1, CHUNK_BYTES // (4 * WIDTHS[0] * math.prod(shape[:2])))
        chunks = equal_parts(images, most)
        parts = [self.model.predict_on_batch(_signed(fitted(chunk, shape[:2]))) for chunk in chunks]
        features, probabilities = zip(*parts, strict=True)
        return np.concatenate(features), np.concatenate(probabilities)


def network(shape: tuple[int, ...], classes: int, seed: int = 0, activation: str = "softmax") -> keras.Model:
    """Builds a network of two 3×3 convolutions for each halving, a dense layer of features and one of classes.

    Args:
        shape: (height, width, channels), with 8 to 64 pixels on a side.
        classes: the number of classes, or of attributes.
        seed: seed of the initial weights and of the dropout.
        activation: activation of the last layer: "softmax" for classes, "sigmoid" for attributes.

    Returns:
        A float32 model from images in [-1, 1] to features (n, 64) and probabilities (n, classes).
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


def train(images, labels, classes=None, images_seen=None, seed=0, backup: Path | None = None) -> keras.Model:
    """Trains a network on randomly shifted images, with Adam and a learning rate that falls to zero.

    Args:
        images: uint8 (n, height, width, channels), with at least 8 pixels on a side.
        labels: integers (n,) from 0, the classes; or bool (n, k), whether each image has each of k attributes.
        classes: the number of classes; None for the largest label + 1. Not used for attributes.
        images_seen: the number of training images over all epochs; None for `planned_images`.
        seed: seed of the weights, the order and the shifts.
        backup: file with the state of an interrupted training, which continues from there, and whose result is the
            same. It is written every `BACKUP_EVERY_S` seconds. None for no such file.

    Returns:
        A model as `network` returns it. Its weights are rounded to float16, like those in a saved file.
    """
    images = fitted(images)
    if labels.ndim == 2:
        model, loss = network(images.shape[1:], labels.shape[1], seed, "sigmoid"), adjusted_crossentropy(labels)
    else:
        classes = int(labels.max()) + 1 if classes is None else classes
        model, loss = network(images.shape[1:], classes, seed), "sparse_categorical_crossentropy"
    steps = max(2, math.ceil((images_seen or planned_images(images.shape)) / BATCH_SIZE))
    model.compile(keras.optimizers.Adam(_learning_rate(steps)), loss=[None, loss], jit_compile=False)
    saved = _Backup(model, backup)
    done = saved.restore()
    with progress.task("training the network", steps, "compiling") as task:
        shown = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: task.update(done + batch + 1))
        if done < steps:
            batches, callbacks = _shifted_batches(images, labels, seed, done), [shown, saved]
            model.fit(batches, steps_per_epoch=steps - done, shuffle=False, verbose=0, callbacks=callbacks)
    model.set_weights([weights.astype("float16") for weights in model.get_weights()])
    return model


class _Backup(keras.callbacks.Callback):
    """Saves the state of a training from time to time. Keras's BackupAndRestore leaves the states of dropout out."""

    def __init__(self, model, file):
        super().__init__()
        model.optimizer.build(model.trainable_variables)
        self.variables = [*model.variables, *model.optimizer.variables]
        self.steps = model.optimizer.iterations
        self.file, self.saved_at = file, time.monotonic()

    def restore(self) -> int:
        """Restores the saved state, if there is one, and returns the number of steps that it contains."""
        if self.file and self.file.exists():
            with np.load(self.file, allow_pickle=False) as arrays:
                for number, variable in enumerate(self.variables):
                    variable.assign(arrays[f"{number}"])
        return int(self.steps.numpy())

    def on_train_batch_end(self, batch, logs=None):
        if self.file and time.monotonic() - self.saved_at >= BACKUP_EVERY_S:
            arrays = {f"{number}": variable.numpy() for number, variable in enumerate(self.variables)}
            replace(self.file, lambda draft: np.savez(draft, **arrays))
            self.saved_at = time.monotonic()


def adjusted_crossentropy(attributes: np.ndarray) -> Callable:
    """Returns a binary cross-entropy in which the network need not learn how rare an attribute is.

    The network predicts each attribute as if half of all images had it. With plain cross-entropy, a network answers
    "no" for a long time for an attribute of one image in a hundred. Larger weights for the rare images would make the
    gradients of all other attributes noisy.

    Args:
        attributes: bool (n, k), of the training data; each must be true for some images and false for others.

    Returns:
        A loss function of reference (batch, k) and probabilities (batch, k). It returns the mean over the attributes in
        nats, (batch,).

    Reference:
        Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, equation 10.
    """
    share = attributes.mean(axis=0).astype("float32")

    def loss(reference, probabilities):
        # odds = p / (1 - p) * share / (1 - share), a sum of logits
        yes, no = probabilities * share, (1 - probabilities) * (1 - share)
        reference = keras.ops.cast(reference, "float32")
        return keras.ops.mean(keras.ops.binary_crossentropy(reference, yes / (yes + no)), axis=-1)

    return loss


def _learning_rate(steps):
    warmup = math.ceil(steps / 20)
    return keras.optimizers.schedules.CosineDecay(0.0, steps - warmup, warmup_target=LEARNING_RATE, warmup_steps=warmup)


def planned_images(shape: tuple[int, ...]) -> int:
    """Returns the number of training images over all epochs, for data of shape (count, height, width, channels)."""
    count, height, width, _ = shape
    return min(MOST_IMAGES, MOST_EPOCHS * count, MOST_PIXELS // (height * width))


def accuracy(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> float:
    """Returns the share of uint8 images (n, h, w, c) whose most probable class is their label, in [0, 1]."""
    _, probabilities = Classifier(model, 0.0)(images)
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def balanced_accuracy(model: keras.Model, images: np.ndarray, attributes: np.ndarray) -> np.ndarray:
    """Returns the balanced accuracy of each attribute.

    It is the mean of two accuracies: that on images with the attribute, and that on images without it. Both a random
    answer and a constant "no" reach 0.5. The plain accuracy of a constant "no" is 0.98 if one image in fifty has the
    attribute.

    Args:
        model: a model of `network` with sigmoids.
        images: uint8 (n, h, w, c).
        attributes: bool (n, k); each must be true for some images and false for others.

    Returns:
        float64 (k,) in [0, 1].
    """
    _, probabilities = Classifier(model, 0.0)(images)
    correct = (probabilities > 0.5) == attributes
    with_it, without = ((correct & group).sum(axis=0) / group.sum(axis=0) for group in (attributes, ~attributes))
    return (with_it + without) / 2


def split_attributes(attributes: np.ndarray, part: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Divides images with attributes into training images and held-out images.

    Values of attributes are assigned from the rarest to the most common, as in iterative stratification (Sechidis et
    al. 2011). A random choice would often hold out no image of a value that only ten images have.

    Args:
        attributes: bool (n, k).
        part: hold out about one image in `part`, and at least that share of each value.
        seed: seed of the choice.

    Returns:
        Sorted indices of the training images and of the held-out images, both int64.
    """
    order = np.random.default_rng(seed).permutation(len(attributes))
    values = np.concatenate([attributes, ~attributes], axis=1)[order]  # (n, 2 k)
    counts, held = values.sum(axis=0), np.zeros(len(order), bool)
    for column in np.argsort(counts, kind="stable"):
        missing = -(-counts[column] // part) - (values[:, column] & held).sum()
        held[np.flatnonzero(values[:, column] & ~held)[: max(0, missing)]] = True
    return np.sort(order[~held]), np.sort(order[held])


def split(labels: np.ndarray, part: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Divides images with classes into training images and held-out images.

    Args:
        labels: integers (n,).
        part: hold out one image in `part` of each class.
        seed: seed of the choice.

    Returns:
        Sorted indices of the training images and of the held-out images, both int64.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    held = np.zeros(len(labels), bool)
    held[by_class[part - 1 :: part]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def fitted(images: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
    """Returns images (n, h, w, c), uint8 or float32 in [-1, 1], as uint8 resized to `size`.

    If `size` is None, images keep their size, with sides limited to 64 pixels.
    """
    images = images if images.dtype == np.uint8 else pixels.to_uint8(images)
    size = size or tuple(min(side, LARGEST) for side in images.shape[1:3])
    if images.shape[1:3] == size:
        return images
    return np.stack([fit_pixels(image, size, crop=False) for image in images])


def _signed(images):
    return pixels.to_signed(images.astype("float32"))


def _shifted_batches(images, labels, seed, first_step=0) -> Iterator:
    """Yields batches from a step on, without end: images in [-1, 1], shifted by up to two pixels, or one if small."""
    rng = np.random.default_rng(seed)
    limit = 2 if min(images.shape[1:3]) >= 16 else 1
    order = np.empty(0, "int64")
    for step in itertools.count():
        while len(order) < BATCH_SIZE:
            order = np.concatenate([order, rng.permutation(len(images))])
        rows, order = order[:BATCH_SIZE], order[BATCH_SIZE:]
        shifts = rng.integers(2 * limit + 1, size=(2, BATCH_SIZE))
        if step >= first_step:
            yield _signed(shifted(images[rows], *shifts, limit)), labels[rows]


def shifted(images: np.ndarray, down: np.ndarray, right: np.ndarray, limit: int) -> np.ndarray:
    """Returns images (n, h, w, c) moved by `limit - down` and `limit - right` pixels, with edge pixels repeated."""
    n, height, width, _ = images.shape
    margin = (limit, limit)
    wide = np.pad(images, ((0, 0), margin, margin, (0, 0)), mode="edge")
    rows, columns = down[:, None] + np.arange(height), right[:, None] + np.arange(width)  # (n, h), (n, w)
    return wide[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]  # (n, h, w, c)


# files ---------------------------------------------------------------------------------------------------------


def save(classifier: Classifier, file: Path) -> str:
    """Saves weights as float16, image shape and accuracy in an .npz file, and returns the SHA-256 of the file.

    Equal weights give equal bytes.
    """
    arrays = {f"{i:04d}": array.astype("float16") for i, array in enumerate(classifier.model.get_weights())}
    shape = np.array(classifier.model.input_shape[1:])
    content = io.BytesIO()
    np.savez_compressed(content, shape=shape, accuracy=classifier.accuracy, **arrays)
    replace(file, lambda draft: draft.write_bytes(content.getvalue()))
    return hashlib.sha256(content.getvalue()).hexdigest()


def load(file: Path, expected_sha256: str | None = None, remedy: str = "") -> tuple[Classifier, str]:
    """Loads a classifier from a file that `save` wrote.

    Args:
        file: the .npz file.
        expected_sha256: the SHA-256 that the file must have; None for any.
        remedy: the sentence that ends an error message.

    Returns:
        The `Classifier`, and the SHA-256 of the file.

    Raises:
        InputError: if the file is damaged, or if its SHA-256 differs from `expected_sha256`.
    """
    content = file.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if expected_sha256 is not None and found != expected_sha256:
        raise InputError(f"{file} is damaged (SHA-256 {found[:12]}…); expected {expected_sha256[:12]}…. {remedy}")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            weights = [archive[name] for name in sorted(archive.files) if name.isdigit()]
            shape, accuracy = tuple(archive["shape"].tolist()), archive["accuracy"].astype("float64")
        # Each attribute has its own accuracy, while a classifier of classes has one.
        model = network(shape, len(weights[-1]), activation="sigmoid" if accuracy.ndim else "softmax")
        model.set_weights(weights)
    except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{file} is damaged ({first_line(error)}); expected saved weights. {remedy}") from error
    return Classifier(model, accuracy if accuracy.ndim else float(accuracy)), found
