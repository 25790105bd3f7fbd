"""What samples tell about a run: pure functions of arrays of samples and of real data.

All distances are Euclidean, between pixels in [-1, 1], or between vectors as they are. Neighbours are found by
one product of matrices: for so few samples that is several times faster than a search that starts threads of its own.
"""

from dataclasses import dataclass

import numpy as np

from keras_gan.metrics.neighbours import memorised, share_of_copies, share_of_duplicates
from keras_gan.metrics.streams import averaged

METRICS = ("diversity", "duplicates", "memorised", "movement")  # columns of checks.csv

SPREAD_DATA = 512  # enough for a mean of 130,816 distances
CALIBRATION_DATA = 256


def features(data: np.ndarray) -> np.ndarray:
    """Data to rows for distances: images averaged down to at most 32 pixels a side, vectors as they are.

    Args:
        data: floats in [-1, 1] (clipped, as in a picture), shape (n, height, width, channels); or vectors (n, values).

    Returns:
        Shape (n, values): float32 for images, float64 for vectors, whose modes may be narrow.
    """
    if data.ndim != 4:
        return np.asarray(data, "float64").reshape(len(data), -1)
    images = np.clip(np.asarray(data, "float32"), -1.0, 1.0)
    return averaged(images).reshape(len(images), -1)


def _squared_distances(rows, among):
    """Shape (n, values) and (m, values) to (n, m)."""
    squared = rows @ among.T
    squared *= -2.0  # in place: fresh memory for every step would cost more than the product
    squared += np.einsum("ij,ij->i", among, among)
    squared += np.einsum("ij,ij->i", rows, rows)[:, None]
    return np.maximum(squared, 0.0, out=squared)


def spread(rows: np.ndarray) -> float:
    """Mean distance between two different rows of (n, values); NaN for a single one."""
    n = len(rows)
    return float(np.sqrt(_squared_distances(rows, rows)).sum() / (n * (n - 1))) if n > 1 else float("nan")


def neighbours(rows: np.ndarray, among: np.ndarray, k: int = 1, without=None) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest of (m, values) for each of (n, values).

    Args:
        without: one index into `among` for each row, which is passed over; None for none.

    Returns:
        Distances (n, k), nearest first, and their indices (n, k).
    """
    squared = _squared_distances(rows, among)
    if without is not None:
        squared[np.arange(len(rows)), without] = np.inf
    chosen = np.argpartition(squared, k - 1, axis=1)[:, :k]
    # Anew, since differences of large squares lose the digits that near neighbours need.
    distances = np.linalg.norm(rows[:, None] - among[chosen], axis=2)
    order = np.argsort(distances, axis=1)
    return np.take_along_axis(distances, order, 1), np.take_along_axis(chosen, order, 1)


@dataclass(frozen=True)
class RealData:
    """Real data as the measure of samples. `RealData.of` makes one."""

    rows: np.ndarray  # (n, values)
    spread: float  # mean distance between two of them
    expected: float  # share of them that would count as memorised had they been left out

    @classmethod
    def of(cls, rows: np.ndarray) -> "RealData":
        """The measure from rows that `features` made of real data; fewer than three measure nothing."""
        if len(rows) < 3:  # each is compared with two others
            return cls(rows, float("nan"), float("nan"))
        return cls(rows, spread(rows[:SPREAD_DATA]), _expected(rows))


def _expected(rows):
    """Leave-one-out: a real datum's nearest, and how far that one is from its nearest of all others."""
    one_out = np.arange(min(len(rows), CALIBRATION_DATA))
    distances, chosen = neighbours(rows[one_out], rows, 1, without=one_out)
    apart, spacings = neighbours(rows[chosen[:, 0]], rows, 2, without=chosen[:, 0])
    others = np.where(spacings[:, 0] == one_out, apart[:, 1], apart[:, 0])
    return share_of_copies(distances[:, 0], others)


def measure(samples: np.ndarray, real: RealData, before: np.ndarray | None = None) -> dict[str, float]:
    """What is written into checks.csv, beside the step.

    Args:
        samples: rows that `features` made of samples, (n, values).
        real: the real data's measure.
        before: rows of the same latents at the check before; None at the first.

    Returns:
        "diversity": the samples' mean pairwise distance over that of real data; 1 is as diverse.
        "duplicates": share in [0, 1] of samples with an almost identical other one.
        "memorised": share in [0, 1] of samples that are almost a training datum, beyond what chance explains.
        "movement": mean distance of samples to those before, over the mean pairwise distance of real data.
        Each is NaN where it has no meaning: samples that are not finite, real data that are all alike, or
        fewer than three.
    """
    if not np.isfinite(samples).all() or not real.spread > 0.0:
        return dict.fromkeys(METRICS, float("nan"))
    moved = float("nan") if before is None else np.linalg.norm(samples - before, axis=1).mean() / real.spread
    values = (spread(samples) / real.spread, _duplicates(samples, real), _memorised(samples, real), float(moved))
    return dict(zip(METRICS, values, strict=True))


def _duplicates(samples, real):
    """`share_of_duplicates` of rows."""
    n = min(len(samples), len(real.rows))
    return share_of_duplicates(
        *(neighbours(rows, rows, without=np.arange(n))[0] for rows in (samples[:n], real.rows[:n]))
    )


def _memorised(samples, real):
    """`memorised` of rows."""
    distances, chosen = neighbours(samples, real.rows)
    spacings = neighbours(real.rows[chosen[:, 0]], real.rows, without=chosen[:, 0])[0]
    return memorised(distances[:, 0], spacings[:, 0], real.expected)
