"""The metric card: every measure that applies, for samples and for real images in their place, side by side."""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from keras_gan._utils import pixels
from keras_gan._utils.choices import lookup
from keras_gan._utils.errors import InputError
from keras_gan.data.arrays import check_array
from keras_gan.data.source import from_array
from keras_gan.metrics import distances, likelihood, modes, neighbours
from keras_gan.metrics.extractors import choose, unteachable
from keras_gan.metrics.reference import Batch, Reference, see, see_only
from keras_gan.metrics.samples import generated
from keras_gan.metrics.streams import Stream, collect

LOWER, HIGHER, BASELINE = "lower", "higher", "baseline"
READING = {LOWER: "lower is better", HIGHER: "higher is better", BASELINE: "as real images"}


@dataclass(frozen=True)
class Score:
    """One number of the card beside what real images reach at the same count."""

    name: str
    label: str  # for people
    value: float
    baseline: float
    better: str  # "lower", "higher", or "baseline": best where it equals the real images'
    error: float | None = None  # standard error, or standard deviation over subsets, of the value
    note: str = ""


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
    return _has_features(reference) and _has_images(reference)  # the kernel's scale suits networks' features only


def _has_classes(reference):
    return reference.real.probabilities is not None


def _has_images(reference):
    return reference.real.images.ndim == 4


def _has_small_images(reference):
    return _has_images(reference) and int(np.prod(reference.train.shape)) <= likelihood.LARGEST_VALUES


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
        _has_images,
        # Not those of reference.baseline, which are training images themselves.
        baseline=lambda reference: _memorised(reference.real_nearest, reference.real_nearest),
    ),
    "duplicates": Metric({"duplicates": ("duplicates", LOWER)}, _duplicates, _has_images),
    "parzen": Metric(
        {"parzen": ("Parzen log-likelihood (nats)", BASELINE)},
        _parzen,
        _has_small_images,
        "above real: smoother than real",
    ),
}
FULL_COUNT = ("classes", "modes", "class_modes")  # measures whose published protocols take more than 10,000 samples


@dataclass(frozen=True)
class Card:
    """All scores of one set of samples, and what they were measured with."""

    data: str
    samples: int  # and as many real images on either side
    reference: dict  # split and count of the real images that the samples are compared with
    seed: int  # of the choice of real images
    extractor: dict | None  # name, sha256, accuracy
    scores: tuple[Score, ...]
    # (2, classes), of each class: samples, real data
    shares: np.ndarray | None = field(default=None, repr=False, compare=False)
    source: str | None = None  # what made the samples
    step: int | None = None  # of the run
    without: str | None = None  # why there is no extractor
    notes: tuple[str, ...] = ()  # what was not measured, or is to be read with care, and why

    def __getitem__(self, name: str) -> Score:
        """The score called `name`."""
        return lookup({score.name: score for score in self.scores}, name, "score", "see card.scores")

    def to_json(self) -> str:
        """The card as indented JSON; numbers that are not finite as null."""
        from keras_gan import __version__

        values = _finite({"keras_gan": __version__, **asdict(self)})
        return json.dumps(values, indent=2, ensure_ascii=False) + "\n"

    def rows(self) -> list[tuple[str, str, str, str]]:
        """The scores as texts: label, value with its error, what real images reach, how to read it."""
        return [(s.label, _number(s.value, s.error), _number(s.baseline), _reading(s)) for s in self.scores]

    def __str__(self):
        rows = [("", "samples", "real images", ""), *self.rows()]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = [f"{a:{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}   {d}".rstrip() for a, b, c, d in rows]
        return "\n".join([*self.header(), "", *lines])

    def header(self) -> list[str]:
        """What was measured with what, in lines of text."""
        against = {"test": "its test split", "half": "a half of the data (nothing is held out)"}
        lines = [f"{self.samples:,} samples against {self.data}, {against[self.reference['split']]}"]
        if self.source:
            at = "" if self.step is None else f" at step {self.step:,}"
            lines.insert(0, f"{self.source}{at}")
        return [*lines, "features: " + self._features(), *self.notes]

    def _features(self):
        if self.extractor is None:
            return f"none, {self.without or 'as asked'}; no Fréchet distance"
        if not self.extractor["sha256"]:
            return "the vectors themselves"
        accuracy = self.extractor["accuracy"]
        right = "" if accuracy is None else f", {accuracy:.1%} right on held-out images"
        return f"network “{self.extractor['name']}” (SHA-256 {self.extractor['sha256'][:12]}…{right})"


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
    if _has_images(reference) and not _has_small_images(reference):
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


def _reading(score):
    return READING[score.better] + (f"; {score.note}" if score.note else "")


def _number(value, error=None):
    """Four significant digits, and the error to the same decimals."""
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    decimals = max(0, 3 - math.floor(math.log10(abs(value))))
    decimals = min(decimals, 5)
    return f"{value:,.{decimals}f}" + (f" ± {error:.{decimals}f}" if error is not None else "")


def _finite(value):
    """The same nested value with null for what JSON has no number for."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
