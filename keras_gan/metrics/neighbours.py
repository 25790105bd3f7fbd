"""Measures by nearest neighbours: precision, recall, density and coverage; duplicates and memorised samples.

What a duplicate is, and what a memorised sample is, is defined here, for the metric card and for the checks during
training. Distances are Euclidean; nothing larger than a block of rows of a distance matrix is held in memory.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from keras_gan.metrics.streams import Images, thumbnails

K = 5  # neighbours; Naeem et al. 2020 choose it so that a perfect generator's coverage is near 1
BLOCK_MB = 128  # of a distance matrix
BLOCK_BYTES = 2**26  # of training images, as floats, compared at once
QUERIES = 2_000  # samples whose nearest training image is looked for: enough for a median and a share of 1 %

# A sample is a duplicate where another one is no farther than this share of the median distance from a real datum to
# its nearest, among as many real data as there are samples. Real digits and MNIST: 0 of 512 are; a ring's points: 4 %.
DUPLICATE_SHARE = 0.25
# A sample is a copy of a training datum where it is no farther from it than this share of that datum's own distance to
# its nearest fellow: Alaa et al. 2022 (arXiv:2102.08921), sec. 3.3, whose share is 1. Unseen real data: digits 0 %,
# MNIST 0 %, of 8 digits 3 %; vectors of two dimensions 25 %, of one 50 %, which `memorised` therefore takes off.
MEMORISED_SHARE = 0.5


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


def share_of_duplicates(apart: np.ndarray, real_apart: np.ndarray) -> float:
    """Share of samples that have an almost identical other one.

    Args:
        apart: (n,), the distance of each sample to the nearest other one.
        real_apart: (n,), the same of as many real data.
    """
    return float(np.mean(apart <= DUPLICATE_SHARE * np.median(real_apart)))


def share_of_copies(to_train: np.ndarray, fellows: np.ndarray) -> float:
    """Share of samples that are almost a training datum.

    Args:
        to_train: (n,), the distance of each sample to its nearest training datum.
        fellows: (n,), the distance of that datum to the nearest other training datum.
    """
    return float(np.mean(to_train <= MEMORISED_SHARE * fellows))


def memorised(to_train: np.ndarray, fellows: np.ndarray, expected: float) -> float:
    """Share of samples that are almost a training datum, beyond what chance explains.

    Of real data that are not training data a share is, too: what the samples have above that share and two of its
    standard errors counts, on a scale on which 1 is every sample.

    Args:
        to_train: as in `share_of_copies`.
        fellows: as in `share_of_copies`.
        expected: `share_of_copies` of real data that are not among the training data.
    """
    unseen = expected + 2.0 * math.sqrt(expected * (1.0 - expected) / len(to_train))
    return max(0.0, (share_of_copies(to_train, fellows) - unseen) / (1.0 - unseen)) if unseen < 1.0 else 0.0


def duplicates(samples: np.ndarray, real: np.ndarray) -> float:
    """Share of samples that have an almost identical other one, judged by as many real data; see `DUPLICATE_SHARE`.

    Args:
        samples: images (n, h, w, c), uint8 or floats in [-1, 1], or vectors (n, features).
        real: the same kind.
    """
    n = min(len(samples), len(real))
    return share_of_duplicates(*(nearest_other(_comparable(data[:n])) for data in (samples, real)))


def _comparable(data):
    return thumbnails(data) if data.ndim == 4 else data


def nearest(queries: Images, among: Images, k: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """For each query its k nearest of a set, nearest first.

    A query that is itself in the set is found first, at distance 0.

    Returns:
        Distances over flattened values, float64 (n, k), and indices, int64 (n, k).
    """
    rows = flat(queries[:])
    best, where = np.full((len(rows), k), np.inf), np.zeros((len(rows), k), "int64")
    for start, block in _blocks(among):
        distances, indices = _neighbours(block, rows, k)
        distances, indices = np.hstack([best, distances]), np.hstack([where, indices + start])
        order = np.argsort(distances, axis=1, kind="stable")[:, :k]
        best, where = np.take_along_axis(distances, order, axis=1), np.take_along_axis(indices, order, axis=1)
    return _exact(rows, among, best, where)


def _exact(rows, among, best, where):
    """The distances anew, since differences of large squares lose the digits that near neighbours need."""
    for column in range(best.shape[1]):
        found = np.isfinite(best[:, column])
        differences = rows[found] - flat(among[where[found, column]])
        best[found, column] = np.linalg.norm(differences, axis=1)
    order = np.argsort(best, axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1), np.take_along_axis(where, order, axis=1)


def nearest_without(queries: Images, among: Images, *without: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each query its nearest of a set, apart from some.

    Args:
        queries: n of them.
        among: the set.
        without: arrays of indices int64 (n,): of the data that are passed over, for each query.

    Returns:
        Distances float64 (n,) and indices int64 (n,).
    """
    distances, indices = nearest(queries, among, len(without) + 1)
    passed = np.stack([indices != each[:, None] for each in without]).all(axis=0)  # (n, k)
    first = passed.argmax(axis=1)[:, None]
    return np.take_along_axis(distances, first, 1)[:, 0], np.take_along_axis(indices, first, 1)[:, 0]


@dataclass(frozen=True)
class Nearest:
    """How near data come to training data."""

    distances: np.ndarray  # float64 (n,), of each datum to its nearest training datum
    indices: np.ndarray  # int64 (n,), which training datum that is
    fellows: np.ndarray  # float64 (n,), of that training datum to the nearest other one

    @classmethod
    def of(cls, queries: Images, train: Images) -> "Nearest":
        """Of data that are not among the training data."""
        distances, indices = (found[:, 0] for found in nearest(queries, train))
        return cls(distances, indices, nearest_without(train[indices], train, indices)[0])

    @classmethod
    def leaving_one_out(cls, rows: np.ndarray, train: Images) -> "Nearest":
        """Of some training data, by their indices int64 (n,), each as if it were not among the training data."""
        distances, indices = nearest_without(train[rows], train, rows)
        return cls(distances, indices, nearest_without(train[indices], train, indices, rows)[0])

    @property
    def copies(self) -> float:
        """See `share_of_copies`."""
        return share_of_copies(self.distances, self.fellows)


def nearest_other(data: Images, k: int = 1) -> np.ndarray:
    """The distance of each datum to its k-th nearest other one, float64 (n,)."""
    rows = flat(data[:])
    return _neighbours(rows, rows, k + 1)[0][:, k]


def flat(data: np.ndarray) -> np.ndarray:
    """Data as float32 rows (n, values); uint8 pixels scaled to [0, 1]."""
    rows = np.asarray(data).reshape(len(data), -1)
    return rows.astype("float32") / np.float32(255 if rows.dtype == np.uint8 else 1)


def _blocks(images: Images) -> Iterator[tuple[int, np.ndarray]]:
    """First index and rows of each block of a set."""
    step = max(1, BLOCK_BYTES // (4 * math.prod(images.shape[1:])))
    for start in range(0, len(images), step):
        yield start, flat(images[start : start + step])


def _neighbours(among, queries, k):
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=min(k, len(among)), algorithm="brute").fit(among).kneighbors(queries)


def _reach(points, k):
    """The distance of each point to its k-th nearest other one."""
    return nearest_other(points, min(k, len(points) - 1))
