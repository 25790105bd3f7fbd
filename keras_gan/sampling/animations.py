"""Animations of any `Generator`: from seed to seed, and along a slider. numpy and Pillow only."""

import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_gan._utils.errors import InputError
from keras_gan.sampling import latents, pictures
from keras_gan.sampling.samples import Move, of_seeds

FRAMES = 12  # from one seed to the next
FRAME_MS = 80
FRAME_PX = 192  # height, at least


def save_walk(
    generator, n: int, seed: int, label: int | None, out: str | os.PathLike, move: Move | None = None
) -> Path:
    """Writes a GIF that goes through the samples of n seeds and back to the first, small ones enlarged in whole steps.

    Args:
        generator: one whose data are images.
        n: how many seeds, at least 2.
        seed: the first one.
        label: class of all samples; None for the class that belongs to the nearest seed, which changes halfway.
        out: the file; missing parents are made.
        move: where the latents of the seeds go first, as in `parts`.

    Raises:
        InputError: where n, the seed or the label are out of range, the data are no images, or the path cannot be
            written.
    """
    if n < 2:
        raise InputError(f"a .gif between {n} seeds; expected at least 2; give n (--n) in that range")
    path = pictures.check_out(out, n)
    stops, labels = of_seeds(generator, latents.seeds(n, seed), label)
    return save_way(generator, move(stops) if move else stops, labels, path)


def save_way(generator, stops: np.ndarray, labels: np.ndarray | None, out: str | os.PathLike) -> Path:
    """Writes a GIF that goes from latents to latents and back to the first.

    Args:
        generator: one whose data are images.
        stops: latents, float32 (n, latent_dim).
        labels: their classes, int32 (n,), each for the frames up to halfway to the next; None where the generator takes
            none.
        out: the file; missing parents are made.
    """
    z = latents.walk(stops, FRAMES, generator.latent)
    nearest = (np.arange(len(z)) + FRAMES // 2) // FRAMES % len(stops)  # after the last stop comes the first
    images = pictures.check_images(generator.generate(z=z, labels=None if labels is None else labels[nearest]))
    zoom = math.ceil(FRAME_PX / images.shape[1])
    images = images.repeat(zoom, axis=1).repeat(zoom, axis=2)  # (frames, height · zoom, width · zoom, channels)
    return _save_gif(map(pictures.to_picture, images), Path(out))


def save_sweep(generator, n: int, seed: int, label: int | None, out: str | os.PathLike, moves: Sequence[Move]) -> Path:
    """Writes a GIF of a grid of samples that are moved there and back, such as by a slider from end to end.

    Args:
        generator: one whose data are images.
        n: how many samples.
        seed: of the first.
        label: class of all samples; None for the class that belongs to each seed.
        out: the file; missing parents are made.
        moves: where the latents go in each frame, from one end to the other.

    Raises:
        InputError: as `save_walk`.
    """
    path = pictures.check_out(out, n)
    z, labels = of_seeds(generator, latents.seeds(n, seed), label)
    frames = [pictures.grid(pictures.check_images(generator.generate(z=move(z), labels=labels))) for move in moves]
    return _save_gif([*frames, *frames[-2:0:-1]], path)


def _save_gif(frames, path):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pictures.save_gif(frames, path, FRAME_MS, FRAME_MS)
    except OSError as error:
        raise InputError(f"cannot write {path} ({error.strerror}); expected a writable path; give another") from error
    return path
