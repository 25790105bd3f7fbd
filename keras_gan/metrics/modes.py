"""Which modes, or classes, the samples cover, and in which proportions."""

import numpy as np

from keras_gan.theory.mixtures import Mixture

HIGH_QUALITY_STDS = 3.0  # a sample this near to a mode's centre is of high quality; 98.89 % of real 2-D draws are
SURE = 0.9  # confidence from which a class counts as drawn


def class_divergence(classes: np.ndarray, proportions: np.ndarray) -> float:
    """KL(p_generated ‖ p_real) in nats between class histograms.

    n samples of a perfect generator of c classes give about (c - 1) / 2n.

    Args:
        classes: int (n,), the class of each sample.
        proportions: (c,), the shares of the classes among real data.
    """
    shares = np.bincount(classes, minlength=len(proportions)) / len(classes)
    drawn = shares > 0
    with np.errstate(divide="ignore"):  # a class that the data do not have costs infinitely much
        return float(np.sum(shares[drawn] * np.log(shares[drawn] / np.asarray(proportions)[drawn])))


def class_coverage(probabilities: np.ndarray) -> dict[str, int]:
    """How many classes are drawn at all, by the most likely class, and how many with a confidence above .9.

    Args:
        probabilities: (n, classes), of a classifier.
    """
    classes, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    return {"modes": len(np.unique(classes)), "sure_modes": len(np.unique(classes[confidence > SURE]))}


def mode_coverage(points: np.ndarray, mixture: Mixture) -> dict[str, float]:
    """Modes that have a sample within three standard deviations, and the share of samples that are that near to one.

    Args:
        points: (n, features).

    Reference: Srivastava et al. 2017, VEEGAN (arXiv:1705.07761), sec. 4; Lin et al. 2018 (arXiv:1712.04086).
    """
    distances = np.linalg.norm(points[:, None, :] - mixture.centres, axis=2)  # (n, modes)
    near = distances.min(axis=1) <= HIGH_QUALITY_STDS * mixture.std
    hit = np.unique(distances.argmin(axis=1)[near])
    return {"modes": len(hit), "high_quality": float(near.mean())}
