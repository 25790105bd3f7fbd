"""Statistics of samples for the doctor, as pure functions of arrays of samples and of real data.

All distances are Euclidean, between pixels in [-1, 1] or between vectors. Neighbours are found with one matrix product:
for few samples it is several times faster than a search with its own threads.
"""

from dataclasses import dataclass

import numpy as np

from keras_gan.metrics.neighbours import memorised, share_of_copies, share_of_duplicates
from keras_gan.metrics.streams import averaged

METRICS = ("diversity", "duplicates", "memorised", "movement")  # columns of checks.csv

SPREAD_DATA = 512  # rows for `spread`, which then is a mean of 130,816 distances
CALIBRATION_DATA = 256


def features(data: np.ndarray) -> np.ndarray:
    """Converts data to rows for distances. Images are averaged to at most 32 pixels on a side.

    Args:
        data: floats, (n, height, width, channels), which are clipped to [-1, 1]; or vectors (n, values).

    Returns:
        (n, values): float32 for images, float64 for vectors, whose modes may be narrow.
    """
    if data.ndim != 4:
        return np.asarray(data, "float64").reshape(len(data), -1)
    images = np.clip(np.asarray(data, "float32"), -1.0, 1.0)
    return averaged(images).reshape(len(images), -1)


def _squared_distances(rows, among):
    """Returns the squared distances (n, m) between rows (n, values) and (m, values)."""
    squared = rows @ among.T
    squared *= -2.0  # in place: new memory for each operation would take longer than the product
    squared += np.einsum("ij,ij->i", among, among)
    squared += np.einsum("ij,ij->i", rows, rows)[:, None]
    return np.maximum(squared, 0.0, out=squared)


def spread(rows: np.ndarray) -> float:
    """Returns the mean distance between two different rows of (n, values); NaN for a single row."""
    n = len(rows)
    return float(np.sqrt(_squared_distances(rows, rows)).sum() / (n * (n - 1))) if n > 1 else float("nan")


def neighbours(rows: np.ndarray, among: np.ndarray, k: int = 1, without=None) -> tuple[np.ndarray, np.ndarray]:
    """Finds the k nearest neighbours of each row in a set.

    Args:
        rows: (n, values).
        among: the set, (m, values).
        k: the number of neighbours.
        without: for each row, the index of a member of the set to ignore; None to ignore none.

    Returns:
        Distances (n, k), the nearest first, and their indices (n, k).
    """
    squared = _squared_distances(rows, among)
    if without is not None:
        squared[np.arange(len(rows)), without] = np.inf
    chosen = np.argpartition(squared, k - 1, axis=1)[:, :k]
    # Computed again, since differences of large squares are too inexact for near neighbours.
    distances = np.linalg.norm(rows[:, None] - among[chosen], axis=2)
    order = np.argsort(distances, axis=1)
    return np.take_along_axis(distances, order, 1), np.take_along_axis(chosen, order, 1)


@dataclass(frozen=True)
class RealData:
    """Real data to compare samples with. Make one with `RealData.of`."""

    rows: np.ndarray  # (n, values)
    spread: float  # mean distance between two rows
    expected: float  # share of rows that would count as memorised if they were not training data

    @classmethod
    def of(cls, rows: np.ndarray) -> "RealData":
        """Computes the statistics of rows that `features` returned for real data; NaN for fewer than three rows."""
        if len(rows) < 3:  # each row is compared with two others
            return cls(rows, float("nan"), float("nan"))
        return cls(rows, spread(rows[:SPREAD_DATA]), _expected(rows))


def _expected(rows):
    """Returns `share_of_copies` of real rows, each compared with all others (leave-one-out)."""
    one_out = np.arange(min(len(rows), CALIBRATION_DATA))
    distances, chosen = neighbours(rows[one_out], rows, 1, without=one_out)
    nearest, indices = neighbours(rows[chosen[:, 0]], rows, 2, without=chosen[:, 0])
    spacings = np.where(indices[:, 0] == one_out, nearest[:, 1], nearest[:, 0])
    return share_of_copies(distances[:, 0], spacings)


def measure(
    samples: np.ndarray, real: RealData, before: np.ndarray | None = None, mirrored: np.ndarray | None = None
) -> dict[str, float]:
    """Computes the columns of checks.csv except the step.

    Args:
        samples: rows that `features` returned for samples, (n, values).
        real: the real data to compare with.
        before: rows of the same latents at the previous check; None at the first check.
        mirrored: rows of the mirror images of the samples, if training mirrors images at random, so that copies of
            mirror images count as memorised; None if it does not.

    Returns:
        A dictionary with
        "diversity": mean distance between samples, divided by that between real images; 1 for equal diversity.
        "duplicates": share of samples that almost equal another sample, in [0, 1].
        "memorised": share of samples that almost equal a training image, beyond what chance explains, in [0, 1].
        "movement": mean distance from samples to those of the previous check, divided by the mean distance between
        real images.
        All are NaN if samples are not finite, if real images are all equal, or if there are fewer than three.
    """
    if not np.isfinite(samples).all() or not real.spread > 0.0:
        return dict.fromkeys(METRICS, float("nan"))
    moved = float("nan") if before is None else np.linalg.norm(samples - before, axis=1).mean() / real.spread
    values = (
        spread(samples) / real.spread,
        _duplicates(samples, real),
        _memorised(samples, mirrored, real),
        float(moved),
    )
    return dict(zip(METRICS, values, strict=True))


def _duplicates(samples, real):
    """`share_of_duplicates` of rows."""
    n = min(len(samples), len(real.rows))
    return share_of_duplicates(
        *(neighbours(rows, rows, without=np.arange(n))[0] for rows in (samples[:n], real.rows[:n]))
    )


def _memorised(samples, mirrored, real):
    """`memorised` of rows."""
    distances, chosen = neighbours(samples, real.rows)
    if mirrored is not None:
        others = neighbours(mirrored, real.rows)
        nearer = others[0] < distances
        distances, chosen = np.where(nearer, others[0], distances), np.where(nearer, others[1], chosen)
    spacings = neighbours(real.rows[chosen[:, 0]], real.rows, without=chosen[:, 0])[0]
    return memorised(distances[:, 0], spacings[:, 0], real.expected)
