"""Distances between two sets of samples, as one number: Fréchet, kernel, sliced Wasserstein.

Every function takes float arrays (n, d), one row a sample. A Fréchet or kernel distance compares with another only
within one feature extractor and at equal sample counts.
"""

import numpy as np

from keras_gan.errors import InputError

KERNEL_SUBSETS, KERNEL_SUBSET_SIZE = 100, 1_000
PROJECTIONS = 512


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """|μa - μb|² + Tr(Σa + Σb - 2 (Σa Σb)^½): the squared 2-Wasserstein distance of two Gaussians of these moments.

    On Inception's features it is the FID. Zero for equal moments, at least 0, symmetric; biased upwards by small n.

    Reference: Heusel et al. 2017 (arXiv:1706.08500), eq. 6; Dowson and Landau 1982.
    """
    a, b = _checked(a, b)
    cov_a, cov_b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    root = _root(cov_a)
    # Σa Σb has the eigenvalues of Σa^½ Σb Σa^½, which is symmetric, so that they are real.
    overlap = np.sqrt(np.clip(np.linalg.eigvalsh(root @ cov_b @ root), 0, None)).sum()
    difference = a.mean(axis=0) - b.mean(axis=0)
    return max(0.0, float(difference @ difference + np.trace(cov_a) + np.trace(cov_b) - 2 * overlap))


def kernel_distance(a: np.ndarray, b: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """The squared maximum mean discrepancy with kernel (x·y / d + 1)³, unbiased, so it may be below 0; KID.

    Returns:
        The mean over 100 random subsets of 1,000, or of half of fewer than 2,000, and their standard deviation.

    Reference: Bińkowski et al. 2018 (arXiv:1801.01401), sec. 4.
    """
    a, b = _checked(a, b)
    rng = np.random.default_rng(seed)
    size = max(2, min(len(a) // 2, len(b) // 2, KERNEL_SUBSET_SIZE))
    values = [_mmd2(*(x[rng.choice(len(x), size, replace=False)] for x in (a, b))) for _ in range(KERNEL_SUBSETS)]
    return float(np.mean(values)), float(np.std(values))


def sliced_wasserstein(a: np.ndarray, b: np.ndarray, projections: int = PROJECTIONS, seed: int = 0) -> float:
    """The root of the mean, over random directions, of the squared 2-Wasserstein distance of the projections.

    It needs no feature extractor. In the unit of the data; for two sets that differ by a shift Δ it is near |Δ| / √d.

    Reference: Bonneel et al. 2015, Sliced and Radon Wasserstein barycenters of measures, def. 3.
    """
    a, b = _checked(a, b, "float32")  # the data themselves may be large
    if len(a) != len(b):
        raise InputError(f"sets of {len(a)} and {len(b)} samples; expected equal counts; cut the larger one")
    directions = np.random.default_rng(seed).standard_normal((a.shape[1], projections), "float32")
    directions /= np.linalg.norm(directions, axis=0)
    difference = np.sort(a @ directions, axis=0) - np.sort(b @ directions, axis=0)  # (n, projections)
    return float(np.sqrt(np.mean(difference**2)))


def _checked(a, b, dtype="float64"):
    a, b = (np.asarray(x, dtype).reshape(len(x), -1) for x in (a, b))
    if a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise InputError(f"arrays of shapes {a.shape} and {b.shape}; expected (n, d) with one d and n of 2 or more")
    for x in (a, b):
        if not np.isfinite(x).all():
            raise InputError("samples or features hold NaN or infinite values; expected finite ones")
    return a, b


def _root(covariance):
    """The symmetric square root of a covariance matrix."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T


def _cube(x):
    return x * x * x  # numpy's power takes twenty times as long


def _mmd2(a, b):
    """The unbiased estimate of MMD²; Gretton et al. 2012, eq. 3."""
    n, d = a.shape
    aa, bb, ab = (_cube(x @ y.T / d + 1) for x, y in ((a, a), (b, b), (a, b)))
    within = (aa.sum() - np.trace(aa) + bb.sum() - np.trace(bb)) / (n * (n - 1))
    return within - 2 * ab.mean()
