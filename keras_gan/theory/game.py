"""The minimax game in one dimension: densities, divergences, the best discriminator and the value of the game.

Divergences and values are in nats. p is the density of the data, q the density of the generator.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Z_SCALE = 8.0  # the 1-D example has z on [-8, 8]: its generator multiplies z on [-1, 1) by this
NARROWEST = 1e-6  # least width of a density, since a generator of a single point has none
HISTOGRAM_BINS = 200
NORMAL_KNOTS = np.linspace(-9.0, 9.0, 289)  # in standard deviations; the mass outside is 2e-19
NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)
LATENT_STD = {"uniform": 1 / math.sqrt(3), "normal": 1.0}  # of z, by distribution


@dataclass(frozen=True)
class Density:
    """A probability density on the line."""

    of: Callable[[np.ndarray], np.ndarray]  # points (n,) to densities (n,), float64
    knots: np.ndarray  # ascending, (m,): the density is smooth between knots and negligible outside


def gaussians(centres: np.ndarray, std: float) -> Density:
    """A mixture of equally likely Gaussians with standard deviation `std` above 0; `centres` has shape (modes,)."""
    centres = np.asarray(centres, "float64")

    def of(x):
        bells = np.exp(-0.5 * ((x[:, None] - centres) / std) ** 2)  # (n, modes)
        return bells.mean(axis=1) / (std * math.sqrt(2 * math.pi))

    return Density(of, np.unique(centres[:, None] + std * NORMAL_KNOTS))


def uniform(low: float, high: float) -> Density:
    """The density of U[low, high]."""
    return Density(lambda x: np.where((x >= low) & (x <= high), 1 / (high - low), 0.0), np.array([low, high]))


def linear_generator(slope: float, intercept: float, latent: str) -> Density:
    """The density of G(z) = slope · z + intercept: uniform for "uniform" z on [-1, 1), normal for "normal" z."""
    width = max(abs(slope), NARROWEST)
    if latent == "uniform":
        return uniform(intercept - width, intercept + width)
    return gaussians([intercept], width)


def histogram(values: np.ndarray) -> Density:
    """The density of generated values (n,), constant in each of `HISTOGRAM_BINS` bins."""
    low, high = float(values.min()), float(values.max())
    if high - low < NARROWEST:
        return uniform(low - NARROWEST, low + NARROWEST)
    heights, edges = np.histogram(values.astype("float64"), HISTOGRAM_BINS, (low, high), density=True)
    padded = np.concatenate([[0.0], heights, [0.0]])
    return Density(lambda x: padded[np.searchsorted(edges, x)], edges)


def latent_quantiles(n: int, latent: str) -> np.ndarray:
    """n equally likely values of a one-dimensional z, ascending: quantiles at (i + ½) / n, float64 (n,)."""
    shares = (np.arange(n) + 0.5) / n
    if latent == "uniform":
        return 2 * shares - 1
    from scipy.special import ndtri

    return ndtri(shares)


def line_through(z: np.ndarray, values: np.ndarray, tolerance: float = 1e-5) -> tuple[float, float] | None:
    """Slope and intercept of G where it is a line at the points z; None where it is not.

    Args:
        z: latents (n,), ascending.
        values: G(z), (n,).
        tolerance: the largest distance from the line, as a share of the largest value.
    """
    slope, intercept = np.polyfit(z, values.astype("float64"), 1)
    distance = np.abs(slope * z + intercept - values).max()
    return (float(slope), float(intercept)) if distance <= tolerance * max(1.0, np.abs(values).max()) else None


# divergences ----------------------------------------------------------------------------------------------------------


def _integral(function, p: Density, q: Density) -> float:
    """∫ function(p(x), q(x)) dx by Gauss-Legendre quadrature between all knots of both."""
    knots = np.union1d(p.knots, q.knots)
    half = np.diff(knots)[:, None] / 2  # (pieces, 1)
    x = (knots[:-1, None] + half + half * NODES).ravel()
    return float(function(p.of(x), q.of(x)) @ (half * WEIGHTS).ravel())


def jensen_shannon(p: Density, q: Density) -> float:
    """½ KL(p ‖ m) + ½ KL(q ‖ m), m = (p + q)/2, in nats: 0 where p = q, log 2 where p and q do not overlap.

    Goodfellow et al. 2014 (arXiv:1406.2661), eq. 5.
    """
    from scipy.special import rel_entr

    return 0.5 * _integral(lambda p, q: rel_entr(p, (p + q) / 2) + rel_entr(q, (p + q) / 2), p, q)


def best_accuracy(p: Density, q: Density) -> float:
    """Accuracy of the best D on equal numbers of data and generated values: ½ ∫ max(p, q), in [½, 1]."""
    return 0.5 * _integral(np.maximum, p, q)


def best_discriminator(p: Density, q: Density, x: np.ndarray) -> np.ndarray:
    """D*(x) = p / (p + q), (n,) in [0, 1]; ½ where both densities are 0.

    Goodfellow et al. 2014 (arXiv:1406.2661), eq. 2.
    """
    real, both = p.of(x), p.of(x) + q.of(x)
    return np.divide(real, both, out=np.full(len(x), 0.5), where=both > 0)


# the game's value -----------------------------------------------------------------------------------------------------


def value(real_logits: np.ndarray, fake_logits: np.ndarray) -> float:
    """V(D, G) = E log D(x) + E log(1 - D(G(z))), in nats, at most 0, from D's logits on held-out draws.

    Goodfellow et al. 2014 (arXiv:1406.2661), eq. 1.
    """
    return float(-np.logaddexp(0, -real_logits).mean() - np.logaddexp(0, fake_logits).mean())


def best_value(jensen_shannon_nats: float) -> float:
    """max_D V(D, G) = -log 4 + 2 JSD. Goodfellow et al. 2014 (arXiv:1406.2661), eq. 6."""
    return 2 * jensen_shannon_nats - math.log(4)


def jensen_shannon_estimate(value_nats: float) -> float:
    """The JSD estimated by a D of this value, log 2 + V/2: a lower bound of the true JSD, negative for a bad D."""
    return math.log(2) + value_nats / 2


# the best line --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """G(z) = slope · z + intercept, and how far its density is from the data's."""

    slope: float
    intercept: float
    jensen_shannon_nats: float  # between the data's density and the line's


def best_line(p: Density, latent: str) -> Line:
    """The linear generator with the smallest JSD to p, found by minimisation (Nelder and Mead 1965)."""
    from scipy.optimize import minimize

    def distance(parameters):
        return jensen_shannon(p, linear_generator(math.exp(parameters[0]), parameters[1], latent))

    start = [0.0, p.knots[[0, -1]].mean()]
    found = minimize(distance, start, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-13})
    return Line(math.exp(found.x[0]), float(found.x[1]), max(0.0, float(found.fun)))
