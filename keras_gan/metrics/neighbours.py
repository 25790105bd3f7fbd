"""Metrics from nearest neighbours: precision, recall, density, coverage, duplicates and memorised samples.

The metric card and the checks during training both use the definitions of a duplicate and of a memorised sample in this
module. Distances are Euclidean. A distance matrix is computed in blocks of rows, and only one block is in memory.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from keras_gan.metrics.streams import Images, thumbnails

K = 5  # neighbours; Naeem et al. 2020 choose it so that a perfect generator's coverage is near 1
BLOCK_MB = 128  # of a distance matrix
EDGE, ROUNDING = 1e-6, 1e-12  # rounding of a squared distance, as shares of itself and of both squared norms
BLOCK_BYTES = 2**26  # of training images, as floats, in one comparison
QUERIES = 2_000  # samples whose nearest training image is searched: enough for a median and a share of 1 %

# A sample is a duplicate if its distance to another sample is at most this share of the median nearest-neighbour
# distance among as many real images. Real digits and MNIST: 0 of 512 are duplicates; points of a ring: 4 %.
DUPLICATE_SHARE = 0.25
# A sample is a copy of a training image if its distance to it is at most this share of the distance from that training
# image to its own nearest neighbour: Alaa et al. 2022 (arXiv:2102.08921), sec. 3.3, whose share is 1. Of real data that
# are not training data, 0 % are copies for digits and MNIST, 3 % for 8 digits, 25 % for vectors of two values and 50 %
# for vectors of one; `memorised` subtracts these shares.
MEMORISED_SHARE = 0.5


def fidelity_and_diversity(real: np.ndarray, fake: np.ndarray, k: int = K) -> dict[str, float]:
    """Computes precision, recall, density and coverage of generated samples.

    Each point, real or generated, has a ball around it. Its radius is the distance to the k-th nearest neighbour of the
    point in its own set.

    Args:
        real: features (n, d) of real images.
        fake: features (m, d) of generated images.
        k: the number of neighbours.

    Returns:
        A dictionary with
        precision: share of samples inside the ball of a real image, in [0, 1].
        recall: share of real images inside the ball of a sample, in [0, 1].
        density: mean number of real balls that contain a sample, divided by k; 1 for equal distributions, may exceed 1.
        coverage: share of real balls that contain a sample, in [0, 1]; see `perfect_coverage` for equal distributions.

    Reference: Kynkäänniemi et al. 2019 (arXiv:1904.06991), eq. 1; Naeem et al. 2020 (arXiv:2002.09797), eq. 3 and 4.
    """
    from sklearn.metrics import pairwise_distances_chunked

    real, fake = flat(real), flat(fake)  # in the precision of the radii, or points at the edge of a ball would be lost
    real_radii, fake_radii = _radii(real, k), _radii(fake, k)
    real_sizes, fake_sizes = (np.square(rows.astype("float64")).sum(axis=1) for rows in (real, fake))
    around_fake = np.zeros(len(fake), "int64")  # the number of real balls that contain each sample
    covered, recalled = [], []
    start = 0
    for distances in pairwise_distances_chunked(real, fake, working_memory=BLOCK_MB):
        rows = slice(start, start + len(distances))
        # These distances are rounded, and the radii are exact: a point at the edge of a ball counts as inside, and so
        # does one in the centre of a ball of radius 0.
        squares = np.square(distances) * (1 - EDGE) - ROUNDING * (real_sizes[rows, None] + fake_sizes)
        inside = squares <= np.square(real_radii[rows, None])
        around_fake += inside.sum(axis=0)
        covered.append(inside.any(axis=1))
        recalled.append((squares <= np.square(fake_radii)).any(axis=1))
        start += len(distances)
    return {
        "precision": float(np.mean(around_fake > 0)),
        "recall": float(np.mean(np.concatenate(recalled))),
        "density": float(np.mean(around_fake) / k),
        "coverage": float(np.mean(np.concatenate(covered))),
    }


def perfect_coverage(n: int, m: int, k: int = K) -> float:
    """Returns the expected coverage of m samples from the same distribution as n real points.

    1 - Π (n - i) / (n + m - i) over i = 1 … k. Naeem et al. 2020, eq. 8.
    """
    i = np.arange(1, k + 1)
    return float(1 - np.prod((n - i) / (n + m - i)))


def share_of_duplicates(distances: np.ndarray, real_distances: np.ndarray) -> float:
    """Returns the share of samples that almost equal another sample, in [0, 1].

    Args:
        distances: (n,), the distance from each sample to its nearest neighbour among the samples.
        real_distances: (n,), the same distances for as many real images.
    """
    return float(np.mean(distances <= DUPLICATE_SHARE * np.median(real_distances)))


def share_of_copies(to_train: np.ndarray, spacings: np.ndarray) -> float:
    """Returns the share of samples that almost equal a training image, in [0, 1].

    Args:
        to_train: (n,), the distance from each sample to its nearest training image.
        spacings: (n,), the distance from that training image to its nearest neighbour among the training images.
    """
    return float(np.mean(to_train <= MEMORISED_SHARE * spacings))


def memorised(to_train: np.ndarray, spacings: np.ndarray, expected: float) -> float:
    """Returns the share of samples that almost equal a training image, beyond what chance explains.

    Some real images outside the training data also almost equal a training image. Their share plus two standard errors
    is subtracted, and the result is scaled so that 1 still means all samples.

    Args:
        to_train: as in `share_of_copies`.
        spacings: as in `share_of_copies`.
        expected: `share_of_copies` of real images that are not training images.

    Returns:
        A number in [0, 1].
    """
    unseen = expected + 2.0 * math.sqrt(expected * (1.0 - expected) / len(to_train))
    return max(0.0, (share_of_copies(to_train, spacings) - unseen) / (1.0 - unseen)) if unseen < 1.0 else 0.0


def duplicates(samples: np.ndarray, real: np.ndarray) -> float:
    """Returns the share of samples that almost equal another sample, in [0, 1].

    How near two samples have to be depends on the distances among as many real images; see `DUPLICATE_SHARE`.

    Args:
        samples: images (n, h, w, c), uint8 or floats in [-1, 1], or vectors (n, features).
        real: real images or vectors of the same shape.
    """
    n = min(len(samples), len(real))
    return share_of_duplicates(*(nearest_other(_comparable(data[:n])) for data in (samples, real)))


def _comparable(data):
    return thumbnails(data) if data.ndim == 4 else data


def nearest(queries: Images, among: Images, k: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Finds the k nearest neighbours of each query in a set, the nearest first.

    A query that is in the set itself comes first, with distance 0.

    Args:
        queries: n images or vectors.
        among: the set.
        k: the number of neighbours.

    Returns:
        Distances over flattened values, float64 (n, k), and indices in the set, int64 (n, k).
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
    """Computes the distances again, since differences of large squares are too inexact for near neighbours."""
    for column in range(best.shape[1]):
        found = np.isfinite(best[:, column])
        differences = rows[found] - flat(among[where[found, column]])
        best[found, column] = np.linalg.norm(differences, axis=1)
    order = np.argsort(best, axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1), np.take_along_axis(where, order, axis=1)


def nearest_without(queries: Images, among: Images, *without: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Finds the nearest neighbour of each query in a set, ignoring some members of the set.

    Args:
        queries: n images or vectors.
        among: the set.
        without: arrays of indices int64 (n,); for each query, the member of the set to ignore.

    Returns:
        Distances float64 (n,) and indices int64 (n,).
    """
    distances, indices = nearest(queries, among, len(without) + 1)
    allowed = np.ones(indices.shape, bool)  # (n, k)
    for each in without:
        allowed &= indices != each[:, None]
    first = allowed.argmax(axis=1)[:, None]
    return np.take_along_axis(distances, first, 1)[:, 0], np.take_along_axis(indices, first, 1)[:, 0]


@dataclass(frozen=True)
class Nearest:
    """The nearest training images of some images."""

    distances: np.ndarray  # float64 (n,), from each image to its nearest training image
    indices: np.ndarray  # int64 (n,), of that training image
    spacings: np.ndarray  # float64 (n,), from that training image to its nearest neighbour among the training images

    @classmethod
    def of(cls, queries: Images, train: Images, flip: bool = False) -> "Nearest":
        """Returns the nearest training images of images that are not training images.

        With `flip`, a training image and its mirror image count as one: the distance is that to the nearer of the two.
        """
        return cls._without(queries, train, flip)

    @classmethod
    def leaving_one_out(cls, rows: np.ndarray, train: Images, flip: bool = False) -> "Nearest":
        """Returns the same for training images, given by their indices int64 (n,), each compared with all others."""
        return cls._without(train[rows], train, flip, rows)

    @classmethod
    def _without(cls, queries, train, flip, *without):
        distances, indices = nearest_without(queries, train, *without)
        if flip:
            mirrored = nearest_without(queries[:][:, :, ::-1], train, *without)
            nearer = mirrored[0] < distances
            distances, indices = (np.where(nearer, *pair) for pair in zip(mirrored, (distances, indices), strict=True))
        return cls(distances, indices, nearest_without(train[indices], train, indices, *without)[0])

    @property
    def copy_share(self) -> float:
        """See `share_of_copies`."""
        return share_of_copies(self.distances, self.spacings)


def nearest_other(data: Images, k: int = 1) -> np.ndarray:
    """Returns the distance from each image to its k-th nearest neighbour in the same set, float64 (n,)."""
    rows = flat(data[:])
    return _exact(rows, data, *_neighbours(rows, rows, k + 1))[0][:, k]


def flat(data: np.ndarray) -> np.ndarray:
    """Returns images or vectors as float32 rows (n, values); uint8 pixels are scaled to [0, 1]."""
    rows = np.asarray(data).reshape(len(data), -1)
    return rows.astype("float32") / np.float32(255 if rows.dtype == np.uint8 else 1)


def _blocks(images: Images) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the first index and the rows of each block of a set."""
    step = max(1, BLOCK_BYTES // (4 * math.prod(images.shape[1:])))
    for start in range(0, len(images), step):
        yield start, flat(images[start : start + step])


def _neighbours(among, queries, k):
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=min(k, len(among)), algorithm="brute").fit(among).kneighbors(queries)


def _radii(points, k):
    """Returns the distance from each point to its k-th nearest neighbour, or to its last one if there are fewer."""
    return nearest_other(points, min(k, len(points) - 1))
