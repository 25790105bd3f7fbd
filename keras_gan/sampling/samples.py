"""Samples of any `Generator`, a part at a time.

numpy and Pillow only.
"""

from collections.abc import Callable, Iterator

import numpy as np

from keras_gan._utils.errors import InputError
from keras_gan.sampling import latents

PART = 64  # samples held at once
Move = Callable[[np.ndarray], np.ndarray]  # latents (n, latent_dim) to latents


def parts(
    generator, n: int, seed: int | None = 0, label: int | None = None, move: Move | None = None
) -> Iterator[np.ndarray]:
    """The samples that `generator.generate` gives, at most 64 at a time, so that a million take no more memory.

    Args:
        generator: what draws.
        n: the number of samples, at least 1.
        seed: of the first sample; None for any.
        label: class of all samples; None for the class that belongs to each seed, see `latents.class_of`.
        move: where latents go first, such as `Directions.move`.

    Raises:
        InputError: at once, where n, the seed or the label are out of range.
    """
    if n < 1:
        raise InputError(f"asked for {n} samples; expected at least 1; give n (--n) in that range")
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
    """Latents and classes of seeds; no classes where the generator takes none."""
    z = latents.of_seeds(seeds, generator.latent_dim, generator.latent)
    return z, latents.choose_labels(len(seeds), generator.num_classes, label, seeds)
