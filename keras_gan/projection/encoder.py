"""The encoder: a network from pictures to the latents, and classes, that drew them."""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from keras_gan import networks
from keras_gan._utils import pixels, progress, seeding
from keras_gan._utils.digests import weights_sha256
from keras_gan._utils.errors import InputError
from keras_gan._utils.files import replace
from keras_gan.networks import IMAGE_FAMILIES
from keras_gan.sampling import latents

FAMILY = "resnet-light"  # the trunk of its discriminator
STEPS, BATCH_SIZE, LEARNING_RATE = 1_500, 32, 1e-3
LARGEST_STORED = 31  # of an int8 weight: few values, which a wheel compresses to 5 bits
SCALE = "scale/"  # prefix of the scales of arrays that are stored as int8
MEASURED = "measured/"  # prefix of arrays in the file of `of_run`
SMALL_SHARE = 0.1  # weight of the error of z beside that of the picture


@dataclass(frozen=True)
class Encoder:
    """Maps pictures to latents and class probabilities."""

    network: keras.Model  # images (batch, ...) in [-1, 1] to (batch, latent_dim + classes), float32
    latent_dim: int

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Latents (n, latent_dim), and logits of the classes (n, classes), of uint8 images."""
        found = self.network.predict(pixels.floats(images), verbose=0)
        return found[:, : self.latent_dim], found[:, self.latent_dim :]


def build(gan, seed: int) -> keras.Model:
    """An untrained encoder network for a GAN."""
    outputs = gan.latent_dim + (gan.num_classes or 0)
    image = keras.Input(gan.data_shape, name="image")

    def head(features):
        return layers.Dense(outputs, dtype="float32")(layers.Flatten(dtype="float32")(features))

    with seeding.keras_seed(seed):
        dtype, _ = networks.arithmetic(gan.data_shape)
        return keras.Model(image, IMAGE_FAMILIES[FAMILY].discriminator(image, gan.data_shape, dtype, head))


def train(gan, steps: int, seed: int) -> Encoder:
    """Trains an encoder on pictures that the generator draws.

    It minimises the error of the picture of its answer, and a little that of z: coordinates that hardly show in a
    picture need not be right. Classes are learned by cross-entropy.
    """
    network, dim = build(gan, seed), gan.latent_dim
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    optimizer = keras.optimizers.Adam(rate)

    @tf.function
    def step(z, label):
        known = [] if gan.num_classes is None else [label]
        drawn = gan([z, *known] if known else z, training=False)
        with tf.GradientTape() as tape:
            answer = network(drawn, training=True)
            again = gan([answer[:, :dim], *known] if known else answer[:, :dim], training=False)
            loss = ops.mean(ops.square(again - drawn)) + SMALL_SHARE * ops.mean(ops.square(answer[:, :dim] - z))
            if known:
                loss += ops.mean(keras.losses.sparse_categorical_crossentropy(label, answer[:, dim:], from_logits=True))
        optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)

    first = latents.LARGEST_SEED // 2 + seed  # far from the seeds that people look at
    for number in progress.track(range(steps), "learning the way back from pictures to z", steps):
        seeds = latents.seeds(BATCH_SIZE, first + number * BATCH_SIZE)
        z = latents.of_seeds(seeds, dim, gan.latent)
        labels = latents.choose_labels(BATCH_SIZE, gan.num_classes, seeds=seeds)
        step(tf.constant(z), tf.zeros(BATCH_SIZE, "int32") if labels is None else tf.constant(labels))
    return Encoder(network, dim)


def of_run(gan, file: Path, measure) -> tuple[Encoder, dict[str, np.ndarray]]:
    """The encoder of a run's generator, and what was measured with it.

    Both are read from a file. Where they belong to other weights of the generator, or there is no file, the encoder is
    trained, and both are saved. What could not be measured, such as for missing data, is measured the next time.

    Args:
        gan: the run's GAN.
        file: a .npz in the run folder.
        measure: function of an `Encoder` to arrays by name; none where they cannot be measured.

    Raises:
        InputError: where the encoder has to be trained, and the folder cannot be written.
    """
    found = _read(gan, file)
    writable = os.access(file.parent, os.W_OK)
    if not (found or writable):  # before minutes of training
        raise InputError(
            f"cannot write {file}, the run's encoder; expected a writable run folder. Copy the run and use that."
        )
    known, measured = found or (train(gan, STEPS, 0), {})
    if not measured:
        measured = measure(known)
        if writable and (measured or found is None):
            write(file, known, measured, gan)
    return known, measured


def _read(gan, file) -> tuple[Encoder, dict[str, np.ndarray]] | None:
    """What the file holds for these weights of the generator; None where there is nothing that can be used."""
    network = build(gan, 0)
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as found:
            if str(found["generator"]) != weights_sha256(gan.ema_generator):
                return None
            network.set_weights([_stored_weight(found, number) for number in range(len(network.weights))])
            names = [name for name in found.files if name.startswith(MEASURED)]
            return Encoder(network, gan.latent_dim), {name.removeprefix(MEASURED): found[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError):
        return None  # there is none yet, or it is damaged or of another version


def write(file: Path, encoder: Encoder, measured: dict[str, np.ndarray], gan, small: bool = False) -> None:
    """Writes the file that `of_run` reads.

    Args:
        file: the .npz.
        encoder: the encoder of this GAN.
        measured: arrays by name.
        gan: the GAN, whose generator's weights the file names.
        small: whether to store the encoder's kernels as small integers, with a scale for each output channel. Its
            answer is only a start, which the descent improves.
    """
    arrays = {_weight(number): values for number, values in enumerate(encoder.network.get_weights())}
    for name, values in list(arrays.items()):
        if small and values.ndim > 1:
            scale = np.maximum(np.abs(values).max(axis=tuple(range(values.ndim - 1))), 1e-12) / LARGEST_STORED
            arrays |= {name: np.rint(values / scale).astype("int8"), f"{SCALE}{name}": scale.astype("float32")}
    arrays |= {f"{MEASURED}{name}": values for name, values in measured.items()}
    digest = weights_sha256(gan.ema_generator)

    def draw(draft):
        with draft.open("wb") as opened:  # an open file, since numpy adds .npz to a name
            np.savez(opened, generator=digest, **arrays)

    replace(file, draw)


def _weight(number):
    """The name of a weight in the file."""
    return f"weight_{number:03d}"


def _stored_weight(found, number) -> np.ndarray:
    """A weight from the file, float32."""
    values, scale = found[_weight(number)], f"{SCALE}{_weight(number)}"
    return values * found[scale] if scale in found.files else values
