"""Samples of any `Generator`, in parts that fit into memory. numpy only."""

from collections.abc import Callable, Iterator

import numpy as np

from keras_gan._utils.errors import InputError
from keras_gan.sampling import latents

PART = 64  # samples in memory at once
Move = Callable[[np.ndarray], np.ndarray]  # latents (n, latent_dim) to latents


def parts(
    generator, n: int, seed: int | None = 0, label: int | None = None, move: Move | None = None
) -> Iterator[np.ndarray]:
    """The samples of `generator.generate` in parts of at most 64, so that memory does not depend on n.

    Args:
        generator: a `Generator`.
        n: the number of samples, at least 1.
        seed: seed of the first sample; None for a random seed.
        label: class of all samples; None for `latents.class_of` each seed.
        move: function that is applied to the latents first, such as `Directions.mover` returns.

    Returns:
        An iterator over arrays as `Generator.generate` returns them.

    Raises:
        InputError: immediately, where n, the seed or the label is out of range.
    """
    if n < 1:
        raise InputError(f"asked for {n} samples; expected at least 1. Use n (--n) of 1 or more.")
    first, classes = latents.first_seed(n, seed), generator.num_classes
    latents.choose_labels(1, classes, label)

    def drawn():
        for start in range(0, n, PART):
            size = min(PART, n - start)
            if move is None:
                yield generator.generate(size, first + start, labels=label)
            else:
                z, labels = of_seeds(generator, latents.seeds(size, first + start), label)
                yield generator.generate(z=move(z), labels=labels)

    return drawn()


def of_seeds(generator, seeds, label=None):
    """Latents and classes of seeds. The classes are None where the generator takes no labels."""
    z = latents.of_seeds(seeds, generator.latent_dim, generator.latent)
    return z, latents.choose_labels(len(seeds), generator.num_classes, label, seeds)
