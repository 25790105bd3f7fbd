"""Measures by nearest neighbours: precision, recall, density and coverage; memorised and duplicated samples.

Distances are Euclidean; nothing larger than a block of rows of a distance matrix is held in memory.
"""

import math
from collections.abc import Iterator

import numpy as np

from keras_gan.data.source import Source

K = 5  # neighbours; Naeem et al. 2020 choose it so that a perfect generator's coverage is near 1
BLOCK_MB = 256  # of a distance matrix
BLOCK_BYTES = 2**27  # of training images, as floats, compared at once
QUERIES = 2_000  # samples whose nearest training image is looked for: enough for a median and a share of 1 %
NEAR_SHARE = 0.01  # what is nearer than this share of real pairs counts as the same picture


def fidelity_and_diversity(real: np.ndarray, fake: np.ndarray, k: int = K) -> dict[str, float]:
    """How much of the samples is like the data, and how much of the data is among the samples.

    A real or generated point's ball reaches to its k-th neighbour among its own kind.

    Args:
        real: features (n, d) of real images.
        fake: features (m, d) of generated images.

    Returns:
        precision: share of samples inside a real ball, 0 to 1.
        recall: share of real images inside a sample's ball, 0 to 1.
        density: mean number of real balls around a sample, over k; 1 where both distributions are one, may exceed 1.
        coverage: share of real balls that hold a sample; for one distribution see `perfect_coverage`.

    Reference: Kynkäänniemi et al. 2019 (arXiv:1904.06991), eq. 1; Naeem et al. 2020 (arXiv:2002.09797), eq. 3 and 4.
    """
    from sklearn.metrics import pairwise_distances_chunked

    real, fake = flat(real), flat(fake)  # in one precision with the reach, or ties at its edge would be lost
    real_reach, fake_reach = _reach(real, k), _reach(fake, k)
    around_fake = np.zeros(len(fake), "int64")  # real balls that hold each sample
    covered, recalled = [], []
    start = 0
    for distances in pairwise_distances_chunked(real, fake, working_memory=BLOCK_MB):
        inside = distances <= real_reach[start : start + len(distances), None]
        around_fake += inside.sum(axis=0)
        covered.append(inside.any(axis=1))
        recalled.append((distances <= fake_reach).any(axis=1))
        start += len(distances)
    return {
        "precision": float(np.mean(around_fake > 0)),
        "recall": float(np.mean(np.concatenate(recalled))),
        "density": float(np.mean(around_fake) / k),
        "coverage": float(np.mean(np.concatenate(covered))),
    }


def perfect_coverage(n: int, m: int, k: int = K) -> float:
    """The coverage expected of m samples from the very distribution of n real points.

    1 - Π (n - i) / (n + m - i) over i = 1 … k. Naeem et al. 2020, eq. 8.
    """
    i = np.arange(1, k + 1)
    return float(1 - np.prod((n - i) / (n + m - i)))


def nearest(queries: np.ndarray, source: Source, k: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """For each query its k nearest data of a source, nearest first.

    A query that is itself in the source is found first, at distance 0.

    Returns:
        Distances over flattened values, float64 (n, k), and indices, int64 (n, k).
    """
    rows = flat(queries)
    best, where = np.full((len(rows), k), np.inf), np.zeros((len(rows), k), "int64")
    for start, block in _blocks(source):
        distances, indices = _neighbours(block, rows, k)
        distances, indices = np.hstack([best, distances]), np.hstack([where, indices + start])
        order = np.argsort(distances, axis=1, kind="stable")[:, :k]
        best, where = np.take_along_axis(distances, order, axis=1), np.take_along_axis(indices, order, axis=1)
    return best, where


def nearest_other(data: np.ndarray, k: int = 1) -> np.ndarray:
    """The distance of each datum to its k-th nearest other one, float64 (n,)."""
    rows = flat(data)
    return _neighbours(rows, rows, k + 1)[0][:, k]


def duplicates(samples: np.ndarray, real: np.ndarray) -> float:
    """Share of samples that have another sample nearer than all but 1 % of real images have another real one."""
    return share_of_twins(samples, twin_distance(real))


def twin_distance(real: np.ndarray) -> float:
    """The distance within which 1 % of real images have another one."""
    return float(np.quantile(nearest_other(real), NEAR_SHARE))


def share_of_twins(samples: np.ndarray, within: float) -> float:
    """Share of samples that have another sample nearer than a distance."""
    return float(np.mean(nearest_other(samples) < within))


def flat(data: np.ndarray) -> np.ndarray:
    """Data as float32 rows (n, values); uint8 pixels scaled to [0, 1]."""
    rows = np.asarray(data).reshape(len(data), -1)
    return rows.astype("float32") / np.float32(255 if rows.dtype == np.uint8 else 1)


def _blocks(source: Source) -> Iterator[tuple[int, np.ndarray]]:
    """First index and rows of each block of a source's data."""
    rows = max(1, BLOCK_BYTES // (4 * math.prod(source.shape)))
    for start in range(0, source.count, rows):
        yield start, flat(source.fetch(np.arange(start, min(start + rows, source.count))))


def _neighbours(among, queries, k):
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=min(k, len(among)), algorithm="brute").fit(among).kneighbors(queries)


def _reach(points, k):
    """The distance of each point to its k-th nearest other one."""
    return nearest_other(points, min(k, len(points) - 1))
