"""Latents z and classes for sampling, each from a seed of its own, by formulas that numpy and exported graphs share.

A seed is a picture: it is the same in Keras, on a phone, in a browser and in a bare script, up to the last digits of
logarithm, sine and cosine, which differ by platform. Where a generator takes a class and none is given, the class is
`class_of` the seed.
"""

import math
from types import ModuleType

import numpy as np

from keras_gan._utils.errors import InputError

LARGEST_SEED = 2**31 - 1  # int32, which every runtime takes
LARGEST_VALUES = 2**30  # numbers drawn at once: 4 GB
GOLDEN = 0x9E3779B9  # 2³² over the golden ratio, which spreads consecutive numbers
SMALLEST_SINE = 1e-6  # of the angle between two latents; below it they are one direction


def draw(n: int, dim: int, distribution: str = "normal", seed: int | None = None) -> np.ndarray:
    """The latents of n consecutive seeds.

    Args:
        n: how many, at least 1, and at most 2³⁰ / dim.
        dim: dimension of z.
        distribution: "normal", N(0, 1), or "uniform", U[-1, 1).
        seed: the first one's, at least 0; row i is that of seed + i. None for fresh noise.

    Returns:
        float32, shape (n, dim).

    Raises:
        InputError: where n or a seed is out of range, or the distribution has no such name.
    """
    return of_seeds(seeds(check_count(n, dim), seed), dim, distribution)


def check_count(n: int, dim: int) -> int:
    """`n` itself. Raises InputError where it is less than 1, or n latents of this dimension are too many at once."""
    if not 1 <= n <= LARGEST_VALUES // dim:
        raise InputError(f"asked for {n} samples; expected 1 to {LARGEST_VALUES // dim}; give n (--n) in that range")
    return n


def seeds(n: int, first: int | None = None) -> np.ndarray:
    """n consecutive seeds from `first`, or from anywhere where that is None: int32 (n,). Errors as in `first_seed`."""
    first = first_seed(n, first)
    return np.arange(first, first + n, dtype="int64").astype("int32")


def first_seed(n: int, first: int | None = None) -> int:
    """`first` itself, or any where that is None.

    Raises:
        InputError: where not all of the n consecutive seeds from it lie in 0 to 2³¹ - 1.
    """
    largest = LARGEST_SEED - n + 1
    if largest < 0:
        raise InputError(f"asked for {n:,} samples; expected at most {LARGEST_SEED + 1:,}; give n (--n) in that range")
    first = int(np.random.default_rng().integers(largest + 1)) if first is None else first
    if not 0 <= first <= largest:
        raise InputError(f"seed is {first}; expected 0 to {largest} for {n:,}; give seed (--seed) in that range")
    return first


def of_seeds(seed, dim: int, distribution: str = "normal", xp: ModuleType = np):
    """The latents of seeds, in numpy or, given its functions as `xp`, in a graph of builtin integer operations.

    Args:
        seed: int32 (n,), each at least 0.
        dim: dimension of z.
        distribution: "normal" or "uniform".
        xp: what has right_shift, multiply, astype, concat, log, sqrt, cos and sin as numpy has them.

    Returns:
        float32 (n, dim); row i depends on seed i alone.
    """
    transform = DISTRIBUTIONS[check_distribution(distribution)]
    table = _mix(np.arange(1, 2 * math.ceil(dim / 2) + 1, dtype="uint32") * GOLDEN)
    bits = _mix(_mix(xp.astype(seed, "uint32")[:, None], xp) ^ table, xp)  # (n, dim, or one more)
    # By way of int32, from which every runtime converts; 24 bits are what a float32 holds.
    whole = xp.astype(xp.astype(xp.right_shift(bits, 8), "int32"), "float32")
    return transform(whole, xp)[:, :dim]


def _mix(x, xp=np):
    """The hash lowbias32 of wrapping 32-bit integers (Wellons 2018, Prospecting for hash functions)."""
    x = xp.multiply(x ^ xp.right_shift(x, 16), 0x7FEB352D)
    x = xp.multiply(x ^ xp.right_shift(x, 15), 0x846CA68B)
    return x ^ xp.right_shift(x, 16)


def _normal(whole, xp):
    """Box and Muller 1958: two normal numbers of two uniform ones in (0, 1)."""
    unit = (whole + 0.5) * 2**-24
    half = unit.shape[1] // 2
    radius, angle = xp.sqrt(-2.0 * xp.log(unit[:, :half])), 2.0 * math.pi * unit[:, half:]
    return xp.concat([radius * xp.cos(angle), radius * xp.sin(angle)], 1)


def _uniform(whole, xp):
    return whole * 2**-23 - 1.0


DISTRIBUTIONS = {"normal": _normal, "uniform": _uniform}


def between(a: np.ndarray, b: np.ndarray, share: float, distribution: str = "normal") -> np.ndarray:
    """A latent on the way from a (share 0) to b (share 1): along the arc for normal z, whose lengths are alike, and
    along the line for uniform z.

    Args:
        a: float32 (dim,).
        b: the same.
        share: of the way, 0 to 1.
        distribution: of z.

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
    """The way from each stop to the next, and from the last to the first: float32 (stops · frames, dim), `between`."""
    legs = zip(stops, np.roll(stops, -1, axis=0), strict=True)
    return np.stack([between(a, b, frame / frames, distribution) for a, b in legs for frame in range(frames)])


def check_distribution(name: str) -> str:
    """`name` itself, if it is a distribution of z. Raises InputError otherwise."""
    if name not in DISTRIBUTIONS:
        raise InputError(f"latent distribution {name!r} is unknown; expected one of {', '.join(DISTRIBUTIONS)}")
    return name


def class_of(seed, num_classes: int):
    """The class of a sample where the caller gives none: its seed modulo the number of classes.

    So a seed alone determines a sample, whatever is drawn together with it.

    Args:
        seed: one seed, or an array of them.
        num_classes: of the generator.

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
        num_classes: of the generator; None where it takes no labels.
        labels: one class for all samples, or n of them; None for `class_of` each sample's seed.
        seeds: the samples' seeds, (n,); None where latents are given without seeds, whose position, 0 to n - 1, then
            takes the seed's place.

    Returns:
        int32 (n,), or None where the generator takes no labels.

    Raises:
        InputError: where labels are given to a generator that takes none, their number is not n, or they are not
            classes.
    """
    if num_classes is None:
        if labels is not None:
            raise InputError("the generator takes no labels; expected none; train with num_classes (--conditional)")
        return None
    if labels is None:
        return class_of(np.arange(n) if seeds is None else seeds, num_classes)
    chosen = np.asarray(labels)
    if chosen.dtype.kind not in "iu" or chosen.shape not in ((), (n,)):
        raise InputError(f"labels {labels!r:.60} for {n} samples; expected one integer, or {n} of them")
    if chosen.min(initial=0) < 0 or chosen.max(initial=0) >= num_classes:
        wrong = chosen[(chosen < 0) | (chosen >= num_classes)].flat[0]
        raise InputError(
            f"label {wrong} is no class; expected 0 to {num_classes - 1}; give labels (--label) in that range"
        )
    return np.broadcast_to(chosen.astype("int32"), (n,))


def columns(
    n: int | None, dim: int, distribution="normal", seed=None, num_classes=None, labels=None, z=None
) -> list[np.ndarray]:
    """What a generator takes for n samples: [latents], or [latents, labels] where it is class-conditional.

    Args:
        n: the number of samples; None with z.
        dim: dimension of z.
        distribution: of z.
        seed: of the first sample; None for any.
        num_classes: of the generator; None where it takes no labels.
        labels: as in `choose_labels`.
        z: latents, (n, dim), in place of n and seed.

    Raises:
        InputError: where not exactly one of n and z is given, a seed comes with z, z is not (n, dim) of finite numbers,
            or as `draw` and `choose_labels` do.
    """
    if (z is None) == (n is None):
        raise InputError(f"{'neither' if n is None else 'both'} n and z; expected one of them; give n or z")
    if z is not None:
        z = np.asarray(z, "float32")
        if seed is not None or z.ndim != 2 or z.shape[1] != dim or not len(z) or not np.isfinite(z).all():
            raise InputError(f"z of shape {z.shape} with seed {seed}; expected finite numbers (n, {dim}), and no seed")
        chosen = choose_labels(len(z), num_classes, labels)
    else:
        first = first_seed(check_count(n, dim), seed)
        z = draw(n, dim, distribution, first)
        chosen = choose_labels(n, num_classes, labels, seeds(n, first))
    return [z] if chosen is None else [z, chosen]
