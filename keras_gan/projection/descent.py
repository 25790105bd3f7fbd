"""Gradient descent on z, from the encoder's answer and from the nearest of many samples."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gan._utils import pixels, progress
from keras_gan.projection import Projection
from keras_gan.projection.encoder import Encoder
from keras_gan.sampling import latents

LEARNING_RATE = 0.1
PRIOR = 0.002  # weight of the mean of z², which keeps z where the generator was trained
HALVINGS = 3  # sizes at which pictures are compared, each half of the one before
SAMPLES = 500  # random samples, the nearest of which is a second start
CLASSES = 3  # classes that are tried, the encoder's most probable ones


def project(gan, images: np.ndarray, encoder: Encoder, steps: int) -> Projection:
    """The `Projection` of images, uint8 (n, height, width, channels)."""
    wanted = pixels.floats(images)
    z, labels, owners = _starts(gan, images, encoder)
    start = _drawn(gan, z, labels)
    errors = _errors(start, wanted[owners])
    found = z if steps == 0 else _descend(gan, z, labels, wanted[owners], steps)
    drawn = _drawn(gan, found, labels)
    final_errors = _errors(drawn, wanted[owners])
    worse = final_errors > errors  # where the penalty moved it away
    found, drawn, final_errors = (
        np.where(worse.reshape(-1, *[1] * (a.ndim - 1)), b, a)
        for a, b in ((found, z), (drawn, start), (final_errors, errors))
    )
    best = _best(owners, final_errors)
    first = _best(owners, errors)
    return Projection(
        found[best].astype("float32"),
        None if labels is None else labels[best],
        pixels.to_uint8(drawn[best]),
        final_errors[best],
        pixels.to_uint8(start[first]),
        errors[first],
    )


def _best(owners, errors):
    """For each image, the number of its start with the smallest error."""
    return np.array([min(np.flatnonzero(owners == image), key=errors.__getitem__) for image in np.unique(owners)])


def _starts(gan, images, encoder):
    """Latents and classes to start from, and the number of the image that each belongs to."""
    count = len(images)
    z, logits = encoder(images)
    if gan.latent == "uniform":
        z = np.clip(z, -1, 1)
    if gan.num_classes is None:
        near = _nearest(gan, images)
        return np.concatenate([z, near]), None, np.tile(np.arange(count), 2)
    tried = min(CLASSES, gan.num_classes)
    labels = np.argsort(-logits, axis=1)[:, :tried].astype("int32")
    return np.repeat(z, tried, axis=0), labels.reshape(-1), np.repeat(np.arange(count), tried)


def _nearest(gan, images):
    """For each image the latent of the nearest of `SAMPLES` samples."""
    z = latents.draw(SAMPLES, gan.latent_dim, gan.latent, 0)
    small = [keras.ops.convert_to_numpy(_pyramid(pixels.floats(each))[-1]) for each in (images, gan.generate(z=z))]
    wanted, drawn = (each.reshape(len(each), -1) for each in small)
    distances = (wanted**2).sum(1)[:, None] - 2 * wanted @ drawn.T + (drawn**2).sum(1)
    return z[distances.argmin(axis=1)]


def _pyramid(images):
    """Images at several sizes, each half of the one before."""
    sizes = [ops.convert_to_tensor(images)]
    while len(sizes) < HALVINGS and min(sizes[-1].shape[1:3]) >= 2:
        sizes.append(ops.average_pool(sizes[-1], 2, 2, padding="valid"))
    return sizes


def _descend(gan, z, labels, wanted, steps):
    """Adam on z with a learning rate that falls to zero: the pictures come nearer, and z stays likely."""
    variable, known = tf.Variable(z), [] if labels is None else [tf.constant(labels)]
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps))
    optimizer.build([variable])
    goals = _pyramid(wanted)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            drawn = gan([variable, *known] if known else variable, training=False)
            # Sums over the starts, so that none slows another one down; means over the pixels.
            loss = sum(
                ops.sum(ops.mean(ops.square(a - b), axis=(1, 2, 3)))
                for a, b in zip(_pyramid(drawn), goals, strict=True)
            )
            loss += PRIOR * ops.sum(ops.mean(ops.square(variable), axis=1))
        optimizer.apply([tape.gradient(loss, variable)], [variable])
        if gan.latent == "uniform":
            variable.assign(tf.clip_by_value(variable, -1.0, 1.0))

    for _ in progress.track(range(steps), "moving z", steps):
        step()
    return variable.numpy()


def _drawn(gan, z, labels):
    """The pictures of z, float32 (n, height, width, channels)."""
    return gan.compute([z, labels] if labels is not None else z)


def _errors(drawn, wanted):
    """Root mean square errors in grey levels, float64 (n,), of pictures as they are shown."""
    difference = pixels.to_uint8(drawn).astype("float64") - pixels.to_uint8(wanted)
    return np.sqrt((difference**2).mean(axis=(1, 2, 3)))
