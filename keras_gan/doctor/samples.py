"""What samples tell about a run: pure functions of arrays of samples and of real data.

All distances are Euclidean, between pixels in [-1, 1], or between vectors as they are. Neighbours are found by
one product of matrices: for so few samples that is several times faster than a search that starts threads of its own.
"""

from dataclasses import dataclass

import numpy as np

MEASURES = ("diversity", "duplicates", "memorised", "movement")  # columns of checks.csv

SIDE_PIXELS = 16  # larger images are averaged down to at most this; copies stay copies, and distances become cheap
SPREAD_DATA = 512  # enough for a mean of 130,816 distances
CALIBRATION_DATA = 256

# A sample is a duplicate where another one is nearer than this share of the median distance from a real datum to its
# nearest, among as many real data as there are samples. Real digits and MNIST: 0 of 512 are; points on a ring: 4 %.
DUPLICATE_SHARE = 0.25
# A sample is almost a training datum where it lies nearer to it than this share of that datum's own distance to its
# nearest fellow: Alaa et al. 2022 (arXiv:2102.08921), sec. 3.3, whose share is 1. Unseen real data: digits 0 %,
# MNIST 0 %, of 8 digits 3 %; vectors of two dimensions 25 %, of one 50 %, wherefore `RealData.expected` is taken off.
MEMORISED_SHARE = 0.5


def features(data: np.ndarray) -> np.ndarray:
    """Data to rows for distances: images averaged down to 16 pixels a side, vectors as they are.

    Args:
        data: floats in [-1, 1] (clipped, as in a picture), shape (n, height, width, channels); or vectors (n, values).

    Returns:
        Shape (n, values): float32 for images, float64 for vectors, whose modes may be narrow.
    """
    if data.ndim != 4:
        return np.asarray(data, "float64").reshape(len(data), -1)
    images = np.clip(np.asarray(data, "float32"), -1.0, 1.0)
    return _averaged(_averaged(images, 1), 2).reshape(len(images), -1)


def _averaged(images, axis):
    """Means of blocks along an axis, so that at most 16 values remain."""
    size = images.shape[axis]
    if size <= SIDE_PIXELS:
        return images
    starts = np.arange(0, size, -(-size // SIDE_PIXELS))
    lengths = np.diff(np.append(starts, size)).astype("float32")
    sums = np.add.reduceat(images, starts, axis)
    return sums / np.expand_dims(lengths, [other for other in range(4) if other != axis])


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
    apart, fellows = neighbours(rows[chosen[:, 0]], rows, 2, without=chosen[:, 0])
    others = np.where(fellows[:, 0] == one_out, apart[:, 1], apart[:, 0])
    return float((distances[:, 0] < MEMORISED_SHARE * others).mean())


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
        return dict.fromkeys(MEASURES, float("nan"))
    moved = float("nan") if before is None else np.linalg.norm(samples - before, axis=1).mean() / real.spread
    values = (spread(samples) / real.spread, duplicates(samples, real.rows), memorised(samples, real), float(moved))
    return dict(zip(MEASURES, values, strict=True))


def duplicates(samples: np.ndarray, real: np.ndarray) -> float:
    """Share of samples (n, values) with an almost identical other one, judged by as many real data (n, values)."""
    n = min(len(samples), len(real))
    own = np.arange(n)
    apart = neighbours(real[:n], real[:n], without=own)[0]
    distances = neighbours(samples[:n], samples[:n], without=own)[0]
    return float((distances < DUPLICATE_SHARE * np.median(apart)).mean())


def memorised(samples: np.ndarray, real: RealData) -> float:
    """Share of samples (n, values) that are almost a training datum, beyond what chance explains.

    Of unseen real data a share is, too: what the samples have above that share and two of its standard errors counts,
    on a scale on which 1 is every sample.
    """
    distances, chosen = neighbours(samples, real.rows)
    fellows = neighbours(real.rows[chosen[:, 0]], real.rows, without=chosen[:, 0])[0]
    share = float((distances < MEMORISED_SHARE * fellows).mean())
    unseen = real.expected + 2.0 * np.sqrt(real.expected * (1.0 - real.expected) / len(samples))
    return max(0.0, (share - unseen) / (1.0 - unseen)) if unseen < 1.0 else 0.0
