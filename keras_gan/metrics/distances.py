"""Distances between two sets of samples: Fréchet, kernel, sliced Wasserstein.

Every function takes float arrays (n, d) with one sample in each row. Fréchet distances, and kernel distances, are
comparable only if they use the same feature extractor and the same number of samples. `RunningStatistics` and
`projected` read rows block by block, so that a set need not fit in memory.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from keras_gan._utils.errors import InputError

KERNEL_SUBSETS, KERNEL_SUBSET_SIZE = 100, 1_000
PROJECTIONS = 512
BLOCK_BYTES = 2**24  # of rows in float64 that are added to running statistics at once
DIRECTIONS_BYTES = 2**27  # of random directions in memory


class RunningStatistics:
    """Mean and covariance, in float64, of rows that are added block by block.

    Example:
        >>> import numpy as np
        >>> rows = np.random.default_rng(0).normal(size=(100, 3))
        >>> statistics = RunningStatistics()
        >>> for start in range(0, 100, 30):
        ...     statistics.update(rows[start : start + 30])
        >>> bool(np.allclose(statistics.covariance, np.cov(rows, rowvar=False)))
        True

    Reference: Chan, Golub and LeVeque 1983, Algorithms for computing the sample variance, eq. 1.5.
    """

    def __init__(self):
        self.count = 0
        self.mean = None  # float64 (d,)
        self._scatter = None  # float64 (d, d): the sum of (x - mean)(x - mean)ᵀ

    @classmethod
    def of(cls, rows: np.ndarray) -> "RunningStatistics":
        """Returns the statistics of an array (n, d)."""
        statistics = cls()
        rows = np.asarray(rows).reshape(len(rows), -1)
        step = max(1, BLOCK_BYTES // (8 * max(1, rows.shape[1])))
        for start in range(0, len(rows), step):
            statistics.update(rows[start : start + step])
        return statistics

    def update(self, features: np.ndarray) -> None:
        """Adds rows (n, d). Raises InputError if values are not finite, or if d differs from earlier rows."""
        if not len(features):
            return
        rows = np.asarray(features, "float64").reshape(len(features), -1)
        _check_finite(rows)
        mean = rows.mean(axis=0)
        centred = rows - mean
        self._add(len(rows), mean, centred.T @ centred)

    def merge(self, other: "RunningStatistics") -> None:
        """Adds the rows of other statistics."""
        if other.count:
            self._add(other.count, other.mean, other._scatter)

    def _add(self, count, mean, scatter):
        if self.count == 0:
            self.count, self.mean, self._scatter = count, mean.copy(), scatter.copy()
            return
        if mean.shape != self.mean.shape:
            raise InputError(
                f"rows of {len(mean)} values after rows of {len(self.mean)}; expected {len(self.mean)} values. "
                "Use one feature extractor for all rows."
            )
        total, shift = self.count + count, mean - self.mean
        self._scatter += scatter + np.outer(shift, shift) * (self.count * count / total)
        self.mean += shift * (count / total)
        self.count = total

    @property
    def covariance(self) -> np.ndarray:
        """The unbiased covariance, float64 (d, d), equal to that of `numpy.cov`."""
        return self._scatter / (self.count - 1)


def frechet_distance(a: np.ndarray | RunningStatistics, b: np.ndarray | RunningStatistics) -> float:
    """Computes the Fréchet distance |μa - μb|² + Tr(Σa + Σb - 2 (Σa Σb)^½).

    It is the squared 2-Wasserstein distance between two Gaussians with these means and covariances. With features of
    Inception it is the FID. It is symmetric, and 0 for equal means and covariances. A small n makes it too large.

    Args:
        a: features (n, d) with n of at least 2, or their `RunningStatistics`.
        b: the same for the other set.

    Returns:
        A number of at least 0.

    Raises:
        InputError: if d differs, if a set has fewer than two rows, or if values are not finite.

    Reference: Heusel et al. 2017 (arXiv:1706.08500), eq. 6; Dowson and Landau 1982.
    """
    a, b = (x if isinstance(x, RunningStatistics) else RunningStatistics.of(x) for x in (a, b))
    _check_shapes(*((x.count, *x.mean.shape) if x.count else (0, 0) for x in (a, b)))
    cov_a, cov_b = a.covariance, b.covariance
    root = _root(cov_a)
    # Σa Σb has the eigenvalues of Σa^½ Σb Σa^½, which is symmetric, so they are real.
    overlap = np.sqrt(np.clip(np.linalg.eigvalsh(root @ cov_b @ root), 0, None)).sum()
    difference = a.mean - b.mean
    return max(0.0, float(difference @ difference + np.trace(cov_a) + np.trace(cov_b) - 2 * overlap))


def kernel_distance(a: np.ndarray, b: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Computes the kernel distance (KID): the squared maximum mean discrepancy with kernel (x·y / d + 1)³.

    The estimate is unbiased, so it may be below 0.

    Args:
        a: features (n, d) with n of at least 2.
        b: features (m, d) of the other set.
        seed: seed of the random subsets.

    Returns:
        Mean and standard deviation over 100 random subsets. A subset has 1,000 rows, or half of the rows if a set has
        fewer than 2,000.

    Raises:
        InputError: if d differs, if a set has fewer than two rows, or if values are not finite.

    Reference: Bińkowski et al. 2018 (arXiv:1801.01401), sec. 4.
    """
    a, b = _checked(a, b)
    rng = np.random.default_rng(seed)
    size = max(2, min(len(a) // 2, len(b) // 2, KERNEL_SUBSET_SIZE))

    def subset(rows):
        return rows[rng.choice(len(rows), size, replace=False)].astype("float64")

    values = [_mmd2(subset(a), subset(b)) for _ in range(KERNEL_SUBSETS)]
    return float(np.mean(values)), float(np.std(values))


def sliced_wasserstein(a: np.ndarray, b: np.ndarray, projections: int = PROJECTIONS, seed: int = 0) -> float:
    """Computes the sliced Wasserstein distance, which needs no feature extractor.

    It is the root mean square, over random directions, of the 2-Wasserstein distance between the projections. For two
    sets that differ by a shift Δ it is near |Δ| / √d.

    Args:
        a: data (n, d) with n of at least 2.
        b: data (n, d) of the other set.
        projections: the number of directions.
        seed: seed of the directions.

    Returns:
        A number of at least 0, in the unit of the data.

    Raises:
        InputError: if the shapes differ, if a set has fewer than two rows, or if values are not finite.

    Reference: Bonneel et al. 2015, Sliced and Radon Wasserstein barycenters of measures, def. 3.
    """
    a, b = (rows.astype("float32", copy=False) for rows in _checked(a, b))  # the data themselves may be large
    return distance_of_projections(*(projected(lambda x=x: [x], *x.shape, projections, seed) for x in (a, b)))


def projected(
    blocks: Callable[[], Iterable[np.ndarray]],
    n: int,
    d: int,
    projections: int = PROJECTIONS,
    seed: int = 0,
    most_bytes: int = DIRECTIONS_BYTES,
) -> np.ndarray:
    """Projects rows onto random directions, and sorts the values of each direction.

    Args:
        blocks: a function that returns the rows, float32 (k, d), block by block. It is called more than once if the
            directions take more than `most_bytes`.
        n: the number of rows.
        d: the number of values in a row.
        projections: the number of directions.
        seed: seed of the directions.
        most_bytes: the memory that directions may take.

    Returns:
        float32 (n, projections).
    """
    found = np.zeros((n, projections), "float32")
    squares = np.zeros(projections)
    whole = d * projections * 4 <= most_bytes
    for first, directions in _directions(d, projections, seed, most_bytes):
        if whole:
            directions /= np.linalg.norm(directions, axis=0)
        else:
            squares += np.einsum("ij,ij->j", directions, directions, dtype="float64")
        start = 0
        for block in blocks():
            _check_finite(block)
            found[start : start + len(block)] += block[:, first : first + len(directions)] @ directions
            start += len(block)
    if not whole:
        found /= np.sqrt(squares).astype("float32")
    found.sort(axis=0)
    return found


def _directions(d, projections, seed, most_bytes) -> Iterator[tuple[int, np.ndarray]]:
    """Yields a matrix of normal numbers (d, projections) in parts: the index of the first row, and the rows.

    The matrix does not depend on the size of the parts.
    """
    rng = np.random.default_rng(seed)
    step = max(1, most_bytes // (4 * projections))
    for start in range(0, d, step):
        yield start, rng.standard_normal((min(step, d - start), projections), "float32")


def distance_of_projections(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the sliced Wasserstein distance of two sets that `projected` projected onto the same directions."""
    if len(a) != len(b):
        raise InputError(
            f"sets of {len(a)} and {len(b)} samples; expected sets of equal size. Shorten the larger set to "
            f"{min(len(a), len(b))} samples."
        )
    return float(np.sqrt(np.mean((a - b) ** 2)))


def _checked(a, b) -> tuple[np.ndarray, np.ndarray]:
    """Returns both sets as float arrays (n, d). Raises InputError if they cannot be compared."""
    a, b = (np.asarray(x) for x in (a, b))
    a, b = (x.reshape(len(x), -1) if x.dtype.kind == "f" else x.reshape(len(x), -1).astype("float64") for x in (a, b))
    _check_shapes(a.shape, b.shape)
    for x in (a, b):
        _check_finite(x)
    return a, b


def _check_shapes(a, b):
    if a[1] != b[1] or min(a[0], b[0]) < 2:
        raise InputError(
            f"arrays of shapes {a} and {b}; expected (n, d) with equal d and n of 2 or more. Pass two or more rows in "
            "each array, with features of the same extractor."
        )


def _check_finite(rows):
    # The sum is not finite if one value is not. A mask would need a quarter of the memory of the rows.
    with np.errstate(over="ignore", invalid="ignore"):
        total = rows.sum(dtype="float64")
    if not (np.isfinite(total) or np.isfinite(rows).all()):
        raise InputError(
            "samples or features contain NaN or infinite values; expected finite values. Check the generator's weights "
            "or the data for NaN."
        )


def _root(covariance):
    """Returns the symmetric square root of a covariance matrix."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T


def _cube(x):
    return x * x * x  # numpy's power takes twenty times as long


def _mmd2(a, b):
    """Returns the unbiased estimate of MMD²; Gretton et al. 2012, eq. 3."""
    n, d = a.shape
    aa, bb, ab = (_cube(x @ y.T / d + 1) for x, y in ((a, a), (b, b), (a, b)))
    within = (aa.sum() - np.trace(aa) + bb.sum() - np.trace(bb)) / (n * (n - 1))
    return within - 2 * ab.mean()
