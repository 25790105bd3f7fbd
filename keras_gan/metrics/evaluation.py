"""From samples to a metric card: `evaluate` with a reference, `compare` with an array of real images."""

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
from keras_gan.metrics.definitions import FULL_COUNT, METRICS, has_images, has_small_images
from keras_gan.metrics.extractors import choose, unteachable
from keras_gan.metrics.reference import Batch, Reference, see, see_only
from keras_gan.metrics.samples import generated
from keras_gan.metrics.streams import Stream, collect


def evaluate(samples: np.ndarray | Stream, reference: Reference, measures: Iterable[str] | None = None) -> Card:
    """Measures samples against real images.

    Args:
        samples: images (n, height, width, channels), uint8 or floats in [-1, 1], or vectors (n, features); n at least
            `reference.count`, of which the first `reference.count` are evaluated. Or a `Stream` of them, such as
            `metrics.draw` gives, which is never held in memory as a whole where the images are large.
        reference: the real side.
        measures: names in METRICS; None for all that apply.

    Raises:
        InputError: where the samples have another shape than the data, or are too few, or a measure does not apply.
    """
    measures = measures if measures is None else list(measures)
    return evaluate_batch(batch_of(samples, reference, measures), reference, measures)


def batch_of(samples: np.ndarray | Stream, reference: Reference, measures: Iterable[str] | None = None) -> Batch:
    """The samples that are judged, `reference.count` of them, as the measures take them. Errors as in `evaluate`."""
    chosen = _applicable(measures, reference)  # before an extractor looks at the samples for nothing
    if isinstance(samples, Stream):
        return _batch_of_stream(samples, reference, chosen)
    check_samples(samples.shape[1:], len(samples), reference.train.shape, reference.count, reference.name)
    samples = samples[: reference.count]
    samples = pixels.to_uint8(samples) if samples.ndim == 4 and samples.dtype != np.uint8 else samples
    return see(samples, reference.extractor, reference.training)


def _batch_of_stream(stream, reference, measures):
    check_samples(stream.shape, stream.count, reference.train.shape, reference.count, reference.name)
    stream = replace(stream, count=reference.count)
    labels = None if stream.labels is None else stream.labels[: reference.count]
    if reference.extractor is not None and not any(METRICS[name].images for name in measures):
        return see_only(stream, reference.extractor, labels)
    return see(collect(stream), reference.extractor, reference.training, labels)


def check_samples(
    shape: tuple[int, ...], count: float, data_shape: tuple[int, ...], expected: int, data_name: str
) -> None:
    """Raises InputError where samples have another shape than the data, or are fewer than expected."""
    if tuple(shape) != tuple(data_shape) or count < expected:
        raise InputError(
            f"samples of shape {(count, *shape)} for {data_name} of shape {tuple(data_shape)}; expected at least "
            f"{expected} of that shape; give more, or a smaller count (--samples)"
        )


def draw(generator, reference: Reference, seed: int = 0, first_seed: int | None = None) -> Stream:
    """Samples of a generator for `evaluate`, with classes drawn by their shares in the training data.

    Args:
        generator: whatever has `generate`, `num_classes` as `GAN` has them.
        reference: the real side.
        seed: of the classes, and of the first sample where `first_seed` is None.
        first_seed: sample i is that of first_seed + i.

    Returns:
        A `Stream` of `reference.count` samples.

    Raises:
        InputError: where the data have a class that the generator does not have.

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


def evaluate_batch(batch: Batch, reference: Reference, measures: Iterable[str] | None = None) -> Card:
    """`evaluate` of samples that were made a batch before."""
    chosen = _applicable(measures, reference)
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
        notes=tuple(_notes(reference)) if measures is None else (),
    )


def _without(reference):
    reason = unteachable(reference.train)
    return (
        f"since the data {reason}, and no network can be trained on them" if reason else "as asked (--extractor none)"
    )


def _notes(reference):
    """What the card does not show, or shows with a reservation."""
    values = int(np.prod(reference.train.shape))
    if has_images(reference) and not has_small_images(reference):
        yield f"no Parzen window: images of {values:,} values; computed up to {likelihood.LARGEST_VALUES:,}"
    if reference.extractor and reference.extractor.sha256 and reference.count <= reference.real.features.shape[1]:
        yield (
            f"only {reference.count} samples for {reference.real.features.shape[1]} features: the Fréchet distance is "
            "much too large for both"
        )


def compare(samples: np.ndarray, real: np.ndarray, extractor: str = "none", seed: int = 0) -> Card:
    """Measures samples against real images, where all there is are two arrays.

    One half of the real images is the reference, the other the floor; both are taken for training images.

    Args:
        samples: uint8 (n, height, width, channels), or float32 (n, features).
        real: the same kind, at least about twice as many; fewer, and not all samples are judged.
        extractor: a name that `extractors.choose` knows, such as "mnist"; "none" leaves Fréchet distance and its
            kind out, "auto" takes vectors as they are.
        seed: of the halves.

    Raises:
        InputError: where the arrays cannot be compared.

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


def _applicable(measures, reference) -> list[str]:
    """The names of the measures to take. Raises InputError for one that is unknown, or asks for what is not there."""
    if measures is None:
        return [name for name, measure in METRICS.items() if measure.applies(reference)]
    measures = list(measures)
    for name in measures:
        if not lookup(METRICS, name, "measure", ", ".join(METRICS)).applies(reference):
            raise InputError(
                f"measure {name!r} does not apply to {reference.name} here; expected one that does; leave it"
            )
    return measures


def _scores(name, batch, reference):
    """The scores of one measure, for the samples and for the real images in their place."""
    measure = METRICS[name]
    if name not in FULL_COUNT:
        reference = reference.classic
        batch = batch.first(reference.count)
    if name not in reference.baselines:
        reference.baselines[name] = (
            measure.baseline(reference) if measure.baseline else measure.compute(reference.baseline, reference)
        )
    for key, value in measure.compute(batch, reference).items():
        label, better = measure.labels[key]
        value, error = value if isinstance(value, tuple) else (value, None)
        floor = reference.baselines[name].get(key, math.nan)
        floor = floor[0] if isinstance(floor, tuple) else floor
        yield Score(key, label, value, floor, better, error, measure.note)
