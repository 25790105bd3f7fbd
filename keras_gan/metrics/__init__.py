"""How good samples are: features, then statistics, then a number, each beside what real images reach.

For example::

    from keras_gan import data, metrics

    mnist, test = (data.open_source("mnist", split=split) for split in ("train", "test"))
    truth = metrics.Truth.of(mnist, test, metrics.extractor(mnist, test))
    print(metrics.judge(metrics.draw(gan, truth, seed=1), truth))
"""

from keras_gan.metrics.attributes import AttributeClassifier, attribute_classifier
from keras_gan.metrics.card import MEASURES, Card, Score, compare, draw, judge
from keras_gan.metrics.distances import RunningStatistics, frechet_distance, kernel_distance, sliced_wasserstein
from keras_gan.metrics.extractors import Extractor
from keras_gan.metrics.extractors import choose as extractor
from keras_gan.metrics.likelihood import parzen
from keras_gan.metrics.modes import class_coverage, class_divergence, mode_coverage
from keras_gan.metrics.neighbours import duplicates, fidelity_and_diversity
from keras_gan.metrics.truth import Truth, default_count

__all__ = [
    "MEASURES",
    "AttributeClassifier",
    "Card",
    "Extractor",
    "RunningStatistics",
    "Score",
    "Truth",
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
    "judge",
    "kernel_distance",
    "mode_coverage",
    "parzen",
    "sliced_wasserstein",
]
