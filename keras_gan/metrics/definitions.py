"""The table of metrics: each computes its numbers from a batch of samples and the reference."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from keras_gan.metrics import distances, likelihood, modes, neighbours
from keras_gan.metrics.reference import Batch, Reference

LOWER, HIGHER, BASELINE = "lower", "higher", "baseline"


@dataclass(frozen=True)
class Metric:
    """A metric: the scores it computes, and the data it applies to."""

    labels: dict[str, tuple[str, str]]  # name of a score -> its printed label, and which direction is better
    compute: Callable[[Batch, Reference], dict[str, float | tuple[float, float]]]  # a pair is a value and its error
    applies: Callable[[Reference], bool]
    note: str = ""
    images: bool = True  # whether it needs pixels; False for features and probabilities alone
    # The score of real images; None to call `compute` with the reference's baseline images.
    baseline: Callable[[Reference], dict[str, float]] | None = None


def _frechet(batch, reference):
    return {"frechet_distance": distances.frechet_distance(batch.statistics, reference.real.statistics)}


def _kernel(batch, reference):
    return {"kernel_distance": distances.kernel_distance(batch.features, reference.real.features, reference.seed)}


def _neighbourhood(batch, reference):
    return neighbours.fidelity_and_diversity(reference.real.features, batch.features)


def _sliced(batch, reference):
    projected = (each.projected(reference.seed) for each in (batch, reference.real))
    return {"sliced_wasserstein": distances.distance_of_projections(*projected)}


def _classes(batch, reference):
    predicted = batch.probabilities.argmax(axis=1)
    scores = {
        "class_divergence": modes.class_divergence(predicted, reference.proportions),
        "confidence": float(batch.probabilities.max(axis=1).mean()),
    }
    # Only a conditional generator has labels, and the classifier must have learned the same classes.
    if batch.labels is not None and reference.train.num_classes == batch.probabilities.shape[1]:
        scores["label_accuracy"] = float(np.mean(predicted == batch.labels))
    return scores


def _class_coverage(batch, reference):
    return modes.class_coverage(batch.probabilities)


def _mode_coverage(batch, reference):
    return modes.mode_coverage(batch.images, reference.mixture)


def _memorisation(batch, reference):
    return _memorised(batch.nearest_train, reference.real_nearest)


def _memorised(samples, real):
    """Compares the distances from samples to training images with those from other real images.

    `train_distance` is a ratio of two medians: near 0 for copies of training images, 1 for new real images. It is NaN
    where at least half of the real images equal a training image.
    """
    usual = float(np.median(real.distances))
    return {
        "train_distance": float(np.median(samples.distances)) / usual if usual else math.nan,
        "memorised": neighbours.memorised(samples.distances, samples.spacings, real.copy_share),
    }


def _duplicates(batch, reference):
    distances = (each.neighbour_distances for each in (batch, reference.real))
    return {"duplicates": neighbours.share_of_duplicates(*distances)}


def _parzen(batch, reference):
    # The images that choose the bandwidth are not used for the likelihood, nor for training if there is a test split.
    real = reference.real.images
    cut = min(likelihood.VALIDATION, len(real) // 10)
    mean, error, _ = likelihood.parzen(batch.images[:], real[:cut], real[cut:])
    return {"parzen": (mean, error)}


def _has_features(reference):
    return reference.extractor is not None


def _has_image_features(reference):
    return _has_features(reference) and has_images(reference)  # the kernel's scale only suits features of a network


def _has_classes(reference):
    return reference.real.probabilities is not None


def has_images(reference):
    return reference.real.images.ndim == 4


def has_small_images(reference):
    return has_images(reference) and int(np.prod(reference.train.shape)) <= likelihood.LARGEST_VALUES


METRICS: dict[str, Metric] = {
    "frechet": Metric({"frechet_distance": ("Fréchet distance", LOWER)}, _frechet, _has_features, images=False),
    "kernel": Metric(
        {"kernel_distance": ("kernel distance (KID)", LOWER)},
        _kernel,
        _has_image_features,
        "± over 100 subsets",
        images=False,
    ),
    "neighbours": Metric(
        {
            "precision": ("precision", HIGHER),
            "recall": ("recall", HIGHER),
            "density": ("density", BASELINE),
            "coverage": ("coverage", HIGHER),
        },
        _neighbourhood,
        _has_features,
        images=False,
    ),
    "classes": Metric(
        {
            "class_divergence": ("class divergence (KL, nats)", LOWER),
            "confidence": ("classifier's confidence", BASELINE),
            "label_accuracy": ("images of the requested class", HIGHER),
        },
        _classes,
        _has_classes,
        images=False,
    ),
    "modes": Metric(
        {"modes": ("modes", HIGHER), "high_quality": ("near a mode (3 std)", HIGHER)},
        _mode_coverage,
        lambda reference: reference.mixture is not None,
    ),
    "class_modes": Metric(
        {"modes": ("modes", HIGHER), "sure_modes": ("modes (confidence > 0.9)", HIGHER)},
        _class_coverage,
        _has_classes,
        images=False,
    ),
    "sliced": Metric(
        {"sliced_wasserstein": ("sliced Wasserstein distance", LOWER)},
        _sliced,
        lambda reference: True,
        "computed without a network",
    ),
    "memorisation": Metric(
        {
            "train_distance": ("nearest training image (ratio)", BASELINE),
            "memorised": ("memorised", LOWER),
        },
        _memorisation,
        has_images,
        # The images of reference.baseline would not do, since they are training images.
        baseline=lambda reference: _memorised(reference.real_nearest, reference.real_nearest),
    ),
    "duplicates": Metric({"duplicates": ("duplicates", LOWER)}, _duplicates, has_images),
    "parzen": Metric(
        {"parzen": ("Parzen log-likelihood (nats)", BASELINE)},
        _parzen,
        has_small_images,
        "above: smoother than real images",
    ),
}
FULL_COUNT = ("classes", "modes", "class_modes")  # metrics whose published protocols use more than 10,000 samples


def applicable(reference: Reference) -> list[str]:
    """Returns the names of the metrics that can be computed with a reference."""
    return [name for name, metric in METRICS.items() if metric.applies(reference)]
