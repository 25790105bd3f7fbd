"""Metrics of generated samples: features, statistics, a number, and the same number for real images as a baseline.

For example::

    from keras_gan import data, metrics

    mnist, test = (data.open_source("mnist", split=split) for split in ("train", "test"))
    reference = metrics.Reference.of(mnist, test, metrics.extractor(mnist, test))
    print(metrics.evaluate(metrics.draw(gan, reference, seed=1), reference))
"""

from keras_gan.metrics.attributes import AttributeClassifier, attribute_classifier
from keras_gan.metrics.card import Card, Score
from keras_gan.metrics.definitions import METRICS
from keras_gan.metrics.distances import RunningStatistics, frechet_distance, kernel_distance, sliced_wasserstein
from keras_gan.metrics.evaluation import compare, draw, evaluate
from keras_gan.metrics.extractors import Extractor
from keras_gan.metrics.extractors import choose as extractor
from keras_gan.metrics.likelihood import parzen
from keras_gan.metrics.modes import class_coverage, class_divergence, mode_coverage
from keras_gan.metrics.neighbours import duplicates, fidelity_and_diversity
from keras_gan.metrics.reference import Reference, default_count

__all__ = [
    "METRICS",
    "AttributeClassifier",
    "Card",
    "Extractor",
    "RunningStatistics",
    "Score",
    "Reference",
    "attribute_classifier",
    "class_coverage",
    "class_divergence",
    "compare",
    "default_count",
    "draw",
    "duplicates",
    "extractor",
    "fidelity_and_diversity",
    "frechet_distance",
    "evaluate",
    "kernel_distance",
    "mode_coverage",
    "parzen",
    "sliced_wasserstein",
]
