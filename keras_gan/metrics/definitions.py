"""The metrics by name: each from a batch of samples and the reference to its numbers, in one table."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from keras_gan.metrics import distances, likelihood, modes, neighbours
from keras_gan.metrics.reference import Batch, Reference

LOWER, HIGHER, BASELINE = "lower", "higher", "baseline"


@dataclass(frozen=True)
class Metric:
    """An entry of the card: which numbers it gives, and what it needs."""

    labels: dict[str, tuple[str, str]]  # name -> label for people, which direction is better
    compute: Callable[[Batch, Reference], dict[str, float | tuple[float, float]]]  # a pair is a value and its error
    applies: Callable[[Reference], bool]
    note: str = ""
    images: bool = True  # whether it looks at pixels, not at features and probabilities alone
    # What real images reach; None for `compute` of the images that take the samples' place.
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
    seen = batch.probabilities.argmax(axis=1)
    found = {
        "class_divergence": modes.class_divergence(seen, reference.proportions),
        "confidence": float(batch.probabilities.max(axis=1).mean()),
    }
    # Of a generator that is asked for classes; the classifier must have learned the same ones.
    if batch.labels is not None and reference.train.num_classes == batch.probabilities.shape[1]:
        found["label_accuracy"] = float(np.mean(seen == batch.labels))
    return found


def _class_coverage(batch, reference):
    return modes.class_coverage(batch.probabilities)


def _mode_coverage(batch, reference):
    return modes.mode_coverage(batch.images, reference.mixture)


def _memorisation(batch, reference):
    return _memorised(batch.nearest_train, reference.real_nearest)


def _memorised(samples, real):
    """How near samples come to training images, compared with real images that are not among them.

    The ratio is median over median: near 0 for copies of training images, 1 for fresh real images.
    """
    return {
        "train_distance": float(np.median(samples.distances) / max(np.median(real.distances), 1e-12)),
        "memorised": neighbours.memorised(samples.distances, samples.fellows, real.copies),
    }


def _duplicates(batch, reference):
    return {"duplicates": neighbours.share_of_duplicates(batch.apart, reference.real.apart)}


def _parzen(batch, reference):
    # The bandwidth is chosen on images that G did not see, where the data hold any out, and that are not judged by.
    real = reference.real.images
    cut = min(likelihood.VALIDATION, len(real) // 10)
    mean, error, _ = likelihood.parzen(batch.images[:], real[:cut], real[cut:])
    return {"parzen": (mean, error)}


def _has_features(reference):
    return reference.extractor is not None


def _has_image_features(reference):
    return _has_features(reference) and has_images(reference)  # the kernel's scale suits networks' features only


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
            "label_accuracy": ("images of the class asked for", HIGHER),
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
        "of the data themselves",
    ),
    "memorisation": Metric(
        {
            "train_distance": ("nearest training image (ratio)", BASELINE),
            "memorised": ("memorised", LOWER),
        },
        _memorisation,
        has_images,
        # Not those of reference.baseline, which are training images themselves.
        baseline=lambda reference: _memorised(reference.real_nearest, reference.real_nearest),
    ),
    "duplicates": Metric({"duplicates": ("duplicates", LOWER)}, _duplicates, has_images),
    "parzen": Metric(
        {"parzen": ("Parzen log-likelihood (nats)", BASELINE)},
        _parzen,
        has_small_images,
        "above real: smoother than real",
    ),
}
FULL_COUNT = ("classes", "modes", "class_modes")  # measures whose published protocols take more than 10,000 samples
