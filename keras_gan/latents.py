"""Latents z for sampling, from numpy alone, so that one seed is one picture in Keras, LiteRT and a bare script."""

import numpy as np

from keras_gan.errors import InputError

LARGEST_VALUES = 2**30  # numbers drawn at once: 4 GB

DISTRIBUTIONS = {
    "normal": lambda rng, shape: rng.standard_normal(shape, dtype="float32"),
    "uniform": lambda rng, shape: rng.uniform(-1.0, 1.0, shape).astype("float32"),
}


def draw(n: int, dim: int, distribution: str = "normal", seed: int | None = None) -> np.ndarray:
    """Draws latents; the first rows for one seed are the same whatever `n` is.

    Args:
        n: how many, at least 1, and at most 2³⁰ / dim.
        dim: dimension of z.
        distribution: "normal", N(0, 1), or "uniform", U[-1, 1).
        seed: non-negative integer, or None for fresh noise.

    Returns:
        float32, shape (n, dim).

    Raises:
        InputError: where n is out of range, the seed is negative, or the distribution has no such name.
    """
    if not 1 <= n <= LARGEST_VALUES // dim:
        raise InputError(f"asked for {n} samples; expected 1 to {LARGEST_VALUES // dim}; give n (--n) in that range")
    if seed is not None and seed < 0:
        raise InputError(f"seed is {seed}; expected 0 or more; give seed (--seed) 0 or more")
    return DISTRIBUTIONS[check_distribution(distribution)](np.random.default_rng(seed), (n, dim))


def check_distribution(name: str) -> str:
    """`name` itself, if it is a distribution of z. Raises InputError otherwise."""
    if name not in DISTRIBUTIONS:
        raise InputError(f"latent distribution {name!r} is unknown; expected one of {', '.join(DISTRIBUTIONS)}")
    return name


def choose_labels(n: int, num_classes: int | None, labels=None) -> np.ndarray | None:
    """The classes of n samples.

    Args:
        n: how many.
        num_classes: of the generator; None where it takes no labels.
        labels: one class for all, or n of them; None for all classes in turn: 0, 1, …, num_classes - 1, 0, …

    Returns:
        int32 (n,), or None where the generator takes no labels.

    Raises:
        InputError: where labels are given to a generator that takes none, are not n, or are no classes.
    """
    if num_classes is None:
        if labels is not None:
            raise InputError("the generator takes no labels; expected none; train with num_classes (--conditional)")
        return None
    if labels is None:
        return np.arange(n, dtype="int32") % num_classes
    chosen = np.asarray(labels)
    if chosen.dtype.kind not in "iu" or chosen.shape not in ((), (n,)):
        raise InputError(f"labels {labels!r:.60} for {n} samples; expected one integer, or {n} of them")
    if chosen.min(initial=0) < 0 or chosen.max(initial=0) >= num_classes:
        wrong = chosen[(chosen < 0) | (chosen >= num_classes)].flat[0]
        raise InputError(
            f"label {wrong} is no class; expected 0 to {num_classes - 1}; give labels (--label) in that range"
        )
    return np.broadcast_to(chosen.astype("int32"), (n,))


def columns(n: int, dim: int, distribution="normal", seed=None, num_classes=None, labels=None) -> list[np.ndarray]:
    """What a generator takes for n samples: [latents], or [latents, labels] where it is class-conditional.

    Arguments and errors as in `draw` and `choose_labels`.
    """
    z = draw(n, dim, distribution, seed)
    labels = choose_labels(n, num_classes, labels)
    return [z] if labels is None else [z, labels]
