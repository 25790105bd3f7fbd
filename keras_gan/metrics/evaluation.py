"""Computes a metric card from samples: `evaluate` uses a reference, `compare` an array of real images."""

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from keras_gan._utils import pixels
from keras_gan._utils.choices import lookup
from keras_gan._utils.errors import InputError
from keras_gan.data.arrays import check_array
from keras_gan.data.source import from_array
from keras_gan.metrics import likelihood
from keras_gan.metrics.card import Card, Score
from keras_gan.metrics.definitions import FULL_COUNT, METRICS, applicable, has_images, has_small_images
from keras_gan.metrics.extractors import SMALLEST_PHOTO, choose, why_untrainable
from keras_gan.metrics.reference import Batch, Reference, features_only, with_features
from keras_gan.metrics.samples import generated
from keras_gan.metrics.streams import Stream, collect


def evaluate(samples: np.ndarray | Stream, reference: Reference, names: Iterable[str] | None = None) -> Card:
    """Compares samples with real images.

    Args:
        samples: images (n, height, width, channels), uint8 or floats in [-1, 1], or vectors (n, features). n must be at
            least `reference.count`, and the first `reference.count` samples are evaluated. Or a `Stream` of samples,
            such as `metrics.draw` returns; large images of a stream are never all in memory at once.
        reference: the real images to compare with, a `metrics.Reference`.
        names: names of metrics in `METRICS`; None for all that apply.

    Returns:
        A `Card`.

    Raises:
        InputError: if the shape of the samples differs from that of the data, if there are too few samples, or if a
            metric is unknown or does not apply.
    """
    names = names if names is None else list(names)
    return evaluate_batch(batch_of(samples, reference, names), reference, names)


def batch_of(samples: np.ndarray | Stream, reference: Reference, names: Iterable[str] | None = None) -> Batch:
    """Returns the first `reference.count` samples as a `Batch`. Arguments and errors as in `evaluate`."""
    chosen = _applicable(names, reference)  # before features are extracted in vain
    if isinstance(samples, Stream):
        return _batch_of_stream(samples, reference, chosen)
    check_samples(samples.shape[1:], len(samples), reference.train.shape, reference.count, reference.name)
    samples = samples[: reference.count]
    samples = pixels.to_uint8(samples) if samples.ndim == 4 and samples.dtype != np.uint8 else samples
    return with_features(samples, reference.extractor, reference.training)


def _batch_of_stream(stream, reference, names):
    check_samples(stream.shape, stream.count, reference.train.shape, reference.count, reference.name)
    stream = replace(stream, count=reference.count)
    labels = None if stream.labels is None else stream.labels[: reference.count]
    if reference.extractor is not None and not any(METRICS[name].images for name in names):
        return features_only(stream, reference.extractor, labels)
    return with_features(collect(stream), reference.extractor, reference.training, labels)


def check_samples(
    shape: tuple[int, ...], count: float, data_shape: tuple[int, ...], expected: int, data_name: str
) -> None:
    """Raises InputError if samples have a different shape from the data, or are fewer than expected."""
    if tuple(shape) != tuple(data_shape):
        raise InputError(
            f"samples of shape {(count, *shape)} for {data_name} of shape {tuple(data_shape)}; expected one shape. Use "
            "samples of the data's size, grey or in colour as the data are."
        )
    if count < expected:
        raise InputError(
            f"samples of shape {(count, *shape)} for {data_name} of shape {tuple(data_shape)}; expected at least "
            f"{expected} samples of that shape. Provide more samples, or use a smaller count (--samples)."
        )


def draw(generator, reference: Reference, seed: int = 0, first_seed: int | None = None) -> Stream:
    """Draws samples of a generator for `evaluate`.

    The classes of a conditional generator are drawn with their shares in the training data.

    Args:
        generator: an object with `generate` and `num_classes` as in `GAN`.
        reference: the real images to compare with, a `metrics.Reference`.
        seed: seed of the classes, and of the first sample if `first_seed` is None.
        first_seed: sample i is generated with seed first_seed + i.

    Returns:
        A `Stream` of `reference.count` samples.

    Raises:
        InputError: if the data have a class that the generator does not have.

    Example:
        >>> from keras_gan import GAN, data, metrics, networks
        >>> digits = data.open_source("digits")
        >>> reference = metrics.Reference.of(digits, None, metrics.extractor(digits), count=100)
        >>> gan = GAN(networks.generator((8, 8, 1)), networks.discriminator((8, 8, 1)))
        >>> metrics.evaluate(metrics.draw(gan, reference), reference, ["frechet"]).samples
        100
    """
    labels = reference.labels(getattr(generator, "num_classes", None), seed)
    first_seed = seed if first_seed is None else first_seed
    return generated(generator.generate, reference.count, reference.train.shape, first_seed, labels)


def evaluate_batch(batch: Batch, reference: Reference, names: Iterable[str] | None = None) -> Card:
    """Evaluates samples that are a `Batch` already. Arguments, result and errors as in `evaluate`."""
    chosen = _applicable(names, reference)
    scores = [score for name in chosen for score in _scores(name, batch, reference)]
    return Card(
        reference.train.short_name,
        reference.count,
        {"split": reference.split, "count": reference.count},
        reference.seed,
        reference.extractor and {key: getattr(reference.extractor, key) for key in ("name", "sha256", "accuracy")},
        tuple(scores),
        _shares(batch, reference),
        without=None if reference.extractor else _without(reference),
        notes=tuple(_notes(reference)) if names is None else (),
    )


def _without(reference):
    reason, side = why_untrainable(reference.train), min(reference.train.shape[:2])
    if reason and side < SMALLEST_PHOTO:
        return f"since the data {reason}, and are smaller than {SMALLEST_PHOTO} pixels; see --extractor imagenet"
    return "as requested (--extractor none)"


def _notes(reference):
    """Yields a sentence for each metric that is left out or unreliable."""
    values = int(np.prod(reference.train.shape))
    if has_images(reference) and not has_small_images(reference):
        yield (
            f"no Parzen window estimate: the images have {values:,} values, and it is computed for up to "
            f"{likelihood.LARGEST_VALUES:,}"
        )
    if reference.extractor and reference.extractor.sha256 and reference.count <= reference.real.features.shape[1]:
        yield (
            f"only {reference.count} samples for {reference.real.features.shape[1]} features: the Fréchet distances of "
            "the samples and of the baseline are much too large"
        )
    if has_images(reference) and not np.median(reference.real_nearest.distances):
        yield "no distance to the nearest training image: half of the real images or more equal a training image"


def compare(samples: np.ndarray, real: np.ndarray, extractor: str = "none", seed: int = 0) -> Card:
    """Compares samples with real images if both are arrays.

    One half of the real images is the reference, and the other half is the baseline. Both halves count as training
    images.

    Args:
        samples: uint8 (n, height, width, channels), or float32 (n, features).
        real: real images of the same shape. With fewer than 2 n of them, not all samples are evaluated.
        extractor: a choice of `metrics.extractor`, such as "mnist". "none" leaves out the metrics that need features,
            such as the Fréchet distance. "auto" uses vectors as their own features.
        seed: seed for dividing the real images.

    Returns:
        A `Card`.

    Raises:
        InputError: if the arrays cannot be compared.

    Example:
        >>> from keras_gan import data, metrics
        >>> digits = data.open_source("digits").array
        >>> card = metrics.compare(digits[:400], digits[400:], "digits")
        >>> bool(card["coverage"].value > 0.8)
        True
    """
    source = from_array("the real images", check_array(real, "real"))
    reference = Reference.of(source, None, choose(source, None, extractor), len(samples), seed)
    return evaluate(check_array(samples, "samples"), reference)


def _shares(batch, reference):
    if reference.proportions is None:
        return None
    drawn = np.bincount(batch.probabilities.argmax(axis=1), minlength=len(reference.proportions)) / reference.count
    return np.stack([drawn, reference.proportions])


def _applicable(names, reference) -> list[str]:
    """Returns the names of the metrics to compute. Raises InputError for one that is unknown or does not apply."""
    if names is None:
        return applicable(reference)
    names = list(names)
    for name in names:
        if not lookup(METRICS, name, "metric", ", ".join(METRICS)).applies(reference):
            raise InputError(
                f"metric {name!r} does not apply to {reference.name}; expected {', '.join(applicable(reference))}. "
                f"Leave {name!r} out."
            )
    return names


def _scores(name, batch, reference):
    """Yields the scores of one metric, with their baselines."""
    metric = METRICS[name]
    if name not in FULL_COUNT:
        reference = reference.capped
        batch = batch.first(reference.count)
    if name not in reference.baselines:
        reference.baselines[name] = (
            metric.baseline(reference) if metric.baseline else metric.compute(reference.baseline, reference)
        )
    for key, value in metric.compute(batch, reference).items():
        label, better = metric.labels[key]
        value, error = value if isinstance(value, tuple) else (value, None)
        baseline = reference.baselines[name].get(key, math.nan)
        baseline = baseline[0] if isinstance(baseline, tuple) else baseline
        yield Score(key, label, value, baseline, better, error, metric.note)
