"""Animated GIFs of any `Generator`: interpolation between seeds, and the range of a slider. numpy and Pillow only."""

import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_gan._utils.errors import InputError
from keras_gan.sampling import latents, pictures
from keras_gan.sampling.samples import Move, of_seeds

FRAMES = 12  # from one latent to the next
FRAME_MS = 80
FRAME_PX = 192  # least height


def save_walk(
    generator, n: int, seed: int, label: int | None, out: str | os.PathLike, move: Move | None = None
) -> Path:
    """Writes a GIF that interpolates between the samples of n seeds and ends at the first one.

    Args:
        generator: a generator of images. Small images are enlarged by a whole factor.
        n: the number of seeds, at least 2.
        seed: the first seed.
        label: class of all samples; None for the class of the nearest seed, which changes halfway.
        out: the file; missing parent folders are created.
        move: function that is applied to the latents of the seeds first, as in `parts`.

    Returns:
        The path of the file.

    Raises:
        InputError: where n, the seed or the label is out of range, the data are not images, or the file cannot be
            written.
    """
    if n < 2:
        raise InputError(f"a .gif between {n} seeds; expected at least 2. Use n (--n) of 2 or more.")
    path = pictures.check_out(out, n)
    stops, labels = of_seeds(generator, latents.seeds(n, seed), label)
    return save_interpolation(generator, move(stops) if move else stops, labels, path)


def save_interpolation(
    generator, stops: np.ndarray, labels: np.ndarray | None, out: str | os.PathLike, frames: int = FRAMES
) -> Path:
    """Writes a GIF that interpolates between latents and ends at the first one.

    Args:
        generator: a generator of images.
        stops: latents, float32 (n, latent_dim).
        labels: their classes, int32 (n,), each of which is used up to halfway to the next latent; None where the
            generator takes no labels.
        out: the file; missing parent folders are created.
        frames: number of pictures from one latent to the next.

    Returns:
        The path of the file.
    """
    z = latents.walk(stops, frames, generator.latent)
    nearest = (np.arange(len(z)) + frames // 2) // frames % len(stops)  # the first stop follows the last
    images = pictures.check_images(generator.generate(z=z, labels=None if labels is None else labels[nearest]))
    zoom = math.ceil(FRAME_PX / images.shape[1])
    images = images.repeat(zoom, axis=1).repeat(zoom, axis=2)  # (frames, height · zoom, width · zoom, channels)
    return _save_gif(map(pictures.to_picture, images), Path(out))


def save_sweep(generator, n: int, seed: int, label: int | None, out: str | os.PathLike, moves: Sequence[Move]) -> Path:
    """Writes a GIF of a grid of samples that are moved to one end and back, such as by a slider.

    Args:
        generator: a generator of images.
        n: the number of samples.
        seed: seed of the first sample.
        label: class of all samples; None for the class of each seed.
        out: the file; missing parent folders are created.
        moves: for each frame a function of latents to latents, from one end to the other.

    Returns:
        The path of the file.

    Raises:
        InputError: as in `save_walk`.
    """
    path = pictures.check_out(out, n)
    z, labels = of_seeds(generator, latents.seeds(n, seed), label)
    return save_movement(generator, z, labels, path, moves)


def save_movement(
    generator, z: np.ndarray, labels: np.ndarray | None, out: str | os.PathLike, moves: Sequence[Move]
) -> Path:
    """`save_sweep` for latents (n, latent_dim) and their classes (n,), None where the generator takes no labels."""
    path = pictures.check_out(out, len(z))
    frames = [pictures.grid(pictures.check_images(generator.generate(z=move(z), labels=labels))) for move in moves]
    return _save_gif([*frames, *frames[-2:0:-1]], path)


def _save_gif(frames, path):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pictures.save_gif(frames, path, FRAME_MS, FRAME_MS)
    except OSError as error:
        raise InputError(
            f"cannot write {path} ({error.strerror}); expected a writable path. Use another path."
        ) from error
    return path
