"""The Parzen window estimate of the log-likelihood: Table 1 of Goodfellow et al. 2014.

It is here for comparison with that table. It rewards blur: blurred training images score 68 nats above sharp ones.
"""

import numpy as np

from keras_gan.metrics.neighbours import flat

BANDWIDTHS = np.logspace(-1, 0, 10)
VALIDATION = 1_000  # images on which the bandwidth is chosen
BLOCK = 1_000
LARGEST_VALUES = 4_096  # values of an image: the paper's have 784 and 2,304, and for large images it means nothing


def parzen(samples: np.ndarray, validation: np.ndarray, test: np.ndarray) -> tuple[float, float, float]:
    """Estimates the mean log-likelihood of test images with a Gaussian kernel density on the samples.

    Pixels are scaled to [0, 1]. The bandwidth σ is the one of ten values from 0.1 to 1 with the highest likelihood of
    the first 1,000 validation images.

    Args:
        samples: uint8 (n, …); the published protocol uses 10,000 samples.
        validation: uint8 real images on which the generator was not trained.
        test: uint8 real images.

    Returns:
        The mean in nats, its standard error in nats, and σ.

    Reference: Goodfellow et al. 2014 (arXiv:1406.2661), sec. 5; Breuleux et al. 2011.
    """
    centres = flat(samples)
    scores = _log_densities(validation[:VALIDATION], centres, BANDWIDTHS).mean(axis=1)
    sigma = BANDWIDTHS[int(np.argmax(scores))]
    (densities,) = _log_densities(test, centres, [sigma])
    return float(densities.mean()), float(densities.std() / np.sqrt(len(densities))), float(sigma)


def _log_densities(points, centres, bandwidths) -> np.ndarray:
    """Returns log p(x) in nats of uint8 images for each bandwidth, float64 (bandwidths, points)."""
    from scipy.special import logsumexp

    squares = np.einsum("ij,ij->i", centres, centres)
    n, d = centres.shape
    found = np.empty((len(bandwidths), len(points)))
    for start in range(0, len(points), BLOCK):
        block = flat(points[start : start + BLOCK])
        distances = np.einsum("ij,ij->i", block, block)[:, None] + squares - 2 * (block @ centres.T)  # (block, n)
        for row, sigma in enumerate(bandwidths):
            kernels = logsumexp(distances / (-2 * sigma**2), axis=1)
            found[row, start : start + BLOCK] = kernels - np.log(n) - d / 2 * np.log(2 * np.pi * sigma**2)
    return found
