"""Latents z and classes for sampling. Each sample has its own seed; numpy and exported graphs use the same formulas.

A seed gives the same picture in Keras, on a phone, in a browser and in a plain script, up to the last digits of
logarithm, sine and cosine, which differ by platform. Where a generator takes a class and none is given, the class is
`class_of` the seed.
"""

import math
from numbers import Integral
from types import ModuleType

import numpy as np

from keras_gan._utils.choices import LARGEST_SEED
from keras_gan._utils.errors import InputError

LARGEST_VALUES = 2**30  # numbers drawn at once: 4 GB
GOLDEN = 0x9E3779B9  # 2³² / golden ratio, which spreads consecutive numbers
SMALLEST_SINE = 1e-6  # of the angle between two latents; below it they are treated as parallel


def draw(n: int, dim: int, distribution: str = "normal", seed: int | None = None) -> np.ndarray:
    """The latents of n consecutive seeds.

    Args:
        n: the number of seeds, at least 1 and at most 2³⁰ / dim.
        dim: dimension of z.
        distribution: "normal", N(0, 1), or "uniform", U[-1, 1).
        seed: the first seed, at least 0; row i belongs to seed + i. None for a random seed.

    Returns:
        float32, shape (n, dim).

    Raises:
        InputError: where n or a seed is out of range, or the distribution is unknown.
    """
    return of_seeds(seeds(check_count(n, dim), seed), dim, distribution)


def check_count(n: int, dim: int) -> int:
    """Returns n. Raises InputError where it is less than 1, or too many for latents of this dimension."""
    if not isinstance(n, Integral) or not 1 <= n <= LARGEST_VALUES // dim:
        raise InputError(f"asked for {n} samples; expected 1 to {LARGEST_VALUES // dim}. Use n (--n) in that range.")
    return n


def seeds(n: int, first: int | None = None) -> np.ndarray:
    """n consecutive seeds from `first`, or from a random one for None: int32 (n,). Errors as in `first_seed`."""
    first = first_seed(n, first)
    return np.arange(first, first + n, dtype="int64").astype("int32")


def first_seed(n: int, first: int | None = None) -> int:
    """Returns `first`, or a random seed for None.

    Raises:
        InputError: where the n consecutive seeds from it do not all lie in 0 to 2³¹ - 1.
    """
    largest = LARGEST_SEED - n + 1
    if not isinstance(n, Integral) or largest < 0:
        raise InputError(
            f"asked for {n:,} samples; expected a whole number up to {LARGEST_SEED + 1:,}. Use n (--n) in that range."
        )
    first = int(np.random.default_rng().integers(largest + 1)) if first is None else first
    if not isinstance(first, Integral) or not 0 <= first <= largest:
        raise InputError(f"seed is {first}; expected 0 to {largest} for n={n:,}. Use seed (--seed) in that range.")
    return first


def of_seeds(seed, dim: int, distribution: str = "normal", xp: ModuleType = np):
    """The latents of seeds, in numpy or, with other functions as `xp`, in a graph of builtin integer operations.

    Args:
        seed: int32 (n,), each at least 0.
        dim: dimension of z.
        distribution: "normal" or "uniform".
        xp: module with the functions right_shift, multiply, astype, concat, log, sqrt, cos and sin of numpy.

    Returns:
        float32 (n, dim); row i depends on seed i alone.
    """
    transform = DISTRIBUTIONS[check_distribution(distribution)]
    table = mixed(np.arange(1, 2 * math.ceil(dim / 2) + 1, dtype="uint32") * GOLDEN)
    bits = mixed(mixed(xp.astype(seed, "uint32")[:, None], xp) ^ table, xp)  # (n, dim, or one more)
    # Through int32, since every runtime can convert it; 24 bits fit into a float32.
    whole = xp.astype(xp.astype(xp.right_shift(bits, 8), "int32"), "float32")
    return transform(whole, xp)[:, :dim]


def mixed(x, xp=np):
    """The hash lowbias32 on wrapping 32-bit integers (Wellons 2018, Prospecting for hash functions)."""
    x = xp.multiply(x ^ xp.right_shift(x, 16), 0x7FEB352D)
    x = xp.multiply(x ^ xp.right_shift(x, 15), 0x846CA68B)
    return x ^ xp.right_shift(x, 16)


def _normal(whole, xp):
    """Two normal numbers from two uniform numbers in (0, 1) (Box and Muller 1958)."""
    unit = (whole + 0.5) * 2**-24
    half = unit.shape[1] // 2
    radius, angle = xp.sqrt(-2.0 * xp.log(unit[:, :half])), 2.0 * math.pi * unit[:, half:]
    return xp.concat([radius * xp.cos(angle), radius * xp.sin(angle)], 1)


def _uniform(whole, xp):
    return whole * 2**-23 - 1.0


DISTRIBUTIONS = {"normal": _normal, "uniform": _uniform}


def between(a: np.ndarray, b: np.ndarray, share: float, distribution: str = "normal") -> np.ndarray:
    """A latent between a (share 0) and b (share 1): spherical interpolation for normal z, linear for uniform z.

    Args:
        a: float32 (dim,).
        b: float32 (dim,).
        share: position between both, 0 to 1.
        distribution: distribution of z.

    Returns:
        float32 (dim,).

    Reference: White 2016, Sampling generative networks (arXiv:1609.04468), sec. 2.1.
    """
    cosine = float(a @ b) / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-30)
    angle = math.acos(min(1.0, max(-1.0, cosine)))
    shares: tuple[float, ...] = (1 - share, share)
    if distribution == "normal" and math.sin(angle) > SMALLEST_SINE:
        shares = tuple(math.sin(part * angle) / math.sin(angle) for part in shares)
    return (shares[0] * a + shares[1] * b).astype("float32")


def walk(stops: np.ndarray, frames: int, distribution: str = "normal") -> np.ndarray:
    """Interpolates from each stop to the next, and from the last to the first: float32 (stops · frames, dim)."""
    legs = zip(stops, np.roll(stops, -1, axis=0), strict=True)
    return np.stack([between(a, b, frame / frames, distribution) for a, b in legs for frame in range(frames)])


def check_distribution(name: str) -> str:
    """Returns `name`. Raises InputError where it is not a distribution of z."""
    if name not in DISTRIBUTIONS:
        raise InputError(
            f"latent distribution {name!r} is unknown; expected one of {', '.join(DISTRIBUTIONS)}. Use latent='normal'."
        )
    return name


def class_of(seed, num_classes: int):
    """The default class of a sample: its seed modulo the number of classes.

    So a seed alone determines a sample, whichever samples are drawn with it.

    Args:
        seed: one seed, or an array of them.
        num_classes: number of classes of the generator.

    Returns:
        int32, of the shape of `seed`.

    Example:
        >>> class_of(np.arange(7, 10), 3)
        array([1, 2, 0], dtype=int32)
    """
    return (np.asarray(seed) % num_classes).astype("int32")


def choose_labels(n: int, num_classes: int | None, labels=None, seeds=None) -> np.ndarray | None:
    """The classes of n samples.

    Args:
        n: the number of samples.
        num_classes: number of classes of the generator; None where it takes no labels.
        labels: one class for all samples, or n of them; None for `class_of` each sample's seed.
        seeds: the samples' seeds, (n,); None for latents without seeds, for which the position, 0 to n - 1, is used.

    Returns:
        int32 (n,), or None where the generator takes no labels.

    Raises:
        InputError: where the generator takes no labels, or labels have the wrong number or are not classes.
    """
    if num_classes is None:
        if labels is not None:
            raise InputError(
                "the generator takes no labels; expected none. Train with num_classes (--conditional) for classes."
            )
        return None
    if labels is None:
        return class_of(np.arange(n) if seeds is None else seeds, num_classes)
    chosen = np.asarray(labels)
    if chosen.dtype.kind not in "iu" or chosen.shape not in ((), (n,)):
        raise InputError(
            f"labels {labels!r:.60} for {n} samples; expected one integer, or {n} of them. Use class numbers."
        )
    if chosen.min(initial=0) < 0 or chosen.max(initial=0) >= num_classes:
        wrong = chosen[(chosen < 0) | (chosen >= num_classes)].flat[0]
        raise InputError(
            f"label {wrong} is not a class; expected 0 to {num_classes - 1}. Use labels (--label) in that range."
        )
    return np.broadcast_to(chosen.astype("int32"), (n,))


def columns(
    n: int | None, dim: int, distribution="normal", seed=None, num_classes=None, labels=None, z=None
) -> list[np.ndarray]:
    """The inputs of a generator for n samples: [latents], or [latents, labels] where it is class-conditional.

    Args:
        n: the number of samples; None with z.
        dim: dimension of z.
        distribution: distribution of z.
        seed: seed of the first sample; None for a random seed.
        num_classes: number of classes of the generator; None where it takes no labels.
        labels: as in `choose_labels`.
        z: latents, (n, dim), instead of n and seed.

    Returns:
        A list of latents, float32 (n, dim), and labels, int32 (n,), if any.

    Raises:
        InputError: where both or neither of n and z are given, a seed is given with z, z is not (n, dim) of finite
            numbers, or as in `draw` and `choose_labels`.
    """
    if (z is None) == (n is None):
        raise InputError(f"received {'neither' if n is None else 'both'} of n and z; expected one of them. Use n or z.")
    if z is not None:
        z = np.asarray(z, "float32")
        if seed is not None:
            raise InputError(f"received z with seed {seed}; expected one of them. Use z alone.")
        if z.ndim != 2 or z.shape[1] != dim or not len(z) or not np.isfinite(z).all():
            what = "" if np.isfinite(z).all() else " with NaN or infinity"
            raise InputError(
                f"z of shape {z.shape}{what}; expected finite numbers (n, {dim}), n at least 1. Use latents of this "
                "generator."
            )
        chosen = choose_labels(len(z), num_classes, labels)
    else:
        first = first_seed(check_count(n, dim), seed)
        z = draw(n, dim, distribution, first)
        chosen = choose_labels(n, num_classes, labels, seeds(n, first))
    return [z] if chosen is None else [z, chosen]
