"""Modes, or classes, that samples cover, and the shares of the classes."""

import numpy as np

from keras_gan.theory.mixtures import Mixture

HIGH_QUALITY_STDS = 3.0  # largest distance of a high-quality sample from a mode; 98.89 % of 2-D data are that near
SURE = 0.9  # a sample with a higher confidence counts for `sure_modes`


def class_divergence(classes: np.ndarray, proportions: np.ndarray) -> float:
    """Computes KL(p_generated ‖ p_real) between the shares of the classes.

    n samples of a perfect generator of c classes give about (c - 1) / 2n.

    Args:
        classes: int (n,), the class of each sample.
        proportions: (c,), the shares of the classes in real data.

    Returns:
        The divergence in nats; infinite if samples have a class that real data do not have.
    """
    shares = np.bincount(classes, minlength=len(proportions)) / len(classes)
    drawn = shares > 0
    with np.errstate(divide="ignore"):  # infinite for a class that real data do not have
        return float(np.sum(shares[drawn] * np.log(shares[drawn] / np.asarray(proportions)[drawn])))


def class_coverage(probabilities: np.ndarray) -> dict[str, int]:
    """Counts the classes that samples cover.

    Args:
        probabilities: (n, classes), predictions of a classifier.

    Returns:
        "modes": the number of different most probable classes; "sure_modes": the number of those that a sample has with
        a probability above 0.9.
    """
    classes, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    return {"modes": len(np.unique(classes)), "sure_modes": len(np.unique(classes[confidence > SURE]))}


def mode_coverage(points: np.ndarray, mixture: Mixture) -> dict[str, float]:
    """Counts the modes of a mixture that samples cover, and the samples that are near a mode.

    Args:
        points: (n, features).
        mixture: the distribution of the data.

    Returns:
        "modes": the number of modes with a sample within three standard deviations; "high_quality": the share of
        samples within three standard deviations of a mode, in [0, 1].

    Reference: Srivastava et al. 2017, VEEGAN (arXiv:1705.07761), sec. 4; Lin et al. 2018 (arXiv:1712.04086).
    """
    distances = np.linalg.norm(points[:, None, :] - mixture.centres, axis=2)  # (n, modes)
    near = distances.min(axis=1) <= HIGH_QUALITY_STDS * mixture.std
    hit = np.unique(distances.argmin(axis=1)[near])
    return {"modes": len(hit), "high_quality": float(near.mean())}
