"""The real images that samples are compared with. They are drawn once, and the choice depends on a seed only."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from keras_gan._utils import pixels
from keras_gan._utils.errors import InputError
from keras_gan.data.source import Source
from keras_gan.metrics import distances, neighbours
from keras_gan.metrics.extractors import Extractor
from keras_gan.metrics.neighbours import Nearest
from keras_gan.metrics.samples import class_labels
from keras_gan.metrics.streams import Images, Stream, blocks, collect, thumbnails
from keras_gan.theory.mixtures import MIXTURES, Mixture

SAMPLES = 10_000  # default number of samples and of real images in each set
PROTOCOL = {"ring": 2_500, "grid": 2_500, "stacked_mnist": 26_000}  # the numbers in published results on mode coverage
UNIFORM = ("stacked_mnist",)  # published divergences assume equal shares of the classes; the baseline is then 0.0236
FEWEST = 10  # images in each set: twice the number of neighbours in precision and recall


@dataclass(frozen=True, eq=False)
class TrainingImages:
    """The training data in a form for nearest-neighbour search."""

    source: Source

    @cached_property
    def thumbnails(self) -> Images:
        """All training images, reduced as by `streams.thumbnails`; vectors stay as they are. Read once."""
        held = self.source.array
        stream = Stream.of(self.source, np.arange(self.source.count)) if held is None else held
        if len(self.source.shape) == 3:
            return thumbnails(stream)
        return collect(stream) if held is None else held


@dataclass(frozen=True, eq=False)
class Batch:
    """Images, generated or real, with their features and their distances to the training data."""

    # uint8 (n, height, width, channels), or float32 (n, features); None if no metric needs them
    images: Images | None
    features: np.ndarray | None = None  # (n, d)
    probabilities: np.ndarray | None = None  # (n, classes)
    training: TrainingImages | None = None  # for `nearest_train`
    labels: np.ndarray | None = None  # (n,), classes of real images, or classes requested from a generator

    def __len__(self):
        return len(next(x for x in (self.images, self.features) if x is not None))

    def first(self, n: int) -> "Batch":
        """Returns the first n images; the batch itself if it has no more, so that its cached values stay valid."""
        if n >= len(self):
            return self
        images = self.images if self.images is None else _first(self.images, n)
        cut = (None if x is None else x[:n] for x in (self.features, self.probabilities))
        return Batch(images, *cut, self.training, None if self.labels is None else self.labels[:n])

    @cached_property
    def thumbnails(self) -> Images:
        """The images reduced for nearest-neighbour search; vectors stay as they are."""
        return thumbnails(self.images) if self.images.ndim == 4 else self.images

    @cached_property
    def neighbour_distances(self) -> np.ndarray:
        """The distance from each image to its nearest neighbour in the batch, float64 (n,)."""
        return neighbours.nearest_other(self.thumbnails)

    @cached_property
    def nearest_train(self) -> Nearest:
        """The nearest training images of the first 2,000 images."""
        queries = self.thumbnails[: neighbours.QUERIES]
        return Nearest.of(queries, self.training.thumbnails, self.training.source.flip)

    @cached_property
    def statistics(self) -> distances.RunningStatistics:
        """Mean and covariance of the features."""
        return distances.RunningStatistics.of(self.features)

    @cached_property
    def _projected(self):
        return {}

    def projected(self, seed: int) -> np.ndarray:
        """Returns projections of the pixels in [0, 1], or of the vectors; see `distances.projected`."""
        if seed not in self._projected:
            shape = len(self.images), int(np.prod(self.images.shape[1:]))
            self._projected[seed] = distances.projected(self._rows, *shape, seed=seed)
        return self._projected[seed]

    def _rows(self):
        return (neighbours.flat(block) for _, block in blocks(self.images))


def _first(images, n):
    return images[:n] if isinstance(images, np.ndarray) else images.first(n)


@dataclass(frozen=True, eq=False)
class Reference:
    """Two disjoint sets of real images, and the training data. Make one with `Reference.of`."""

    name: str  # of the data
    split: str  # the source of `real`: "test", or "half" if the data have no test split
    seed: int
    extractor: Extractor | None
    train: Source
    training: TrainingImages  # the images of `train`, for nearest-neighbour search
    real: Batch  # the images that samples are compared with
    baseline: Batch  # real images evaluated as if they were samples: the best that a generator can reach
    # Scores of `baseline` by the name of the metric, added when they are first needed.
    baselines: dict = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, train: Source, held_out: Source | None, extractor: Extractor | None, count: int | None = None, seed=0):
        """Draws the reference from held-out data, or from one half of the training data if nothing is held out.

        Args:
            train: the data that the generator is trained on.
            held_out: the test split of the data; None if there is none.
            extractor: result of `metrics.extractor`; None for metrics without features.
            count: up to this number of images in each set; None for the number of the published protocols: 10,000,
                2,500 or 26,000.
            seed: seed of the choice.

        Returns:
            A `Reference`.

        Raises:
            InputError: if a set has fewer than 10 images, or if the two splits have different shapes.
        """
        most = check_data(train, held_out, count)
        train, held_out = _in_pixels(train), _in_pixels(held_out)
        training = TrainingImages(train)
        order = np.random.default_rng(seed).permutation(train.count)
        half = train.count if held_out is not None else train.count // 2
        real = (train, order[half : half + most]) if held_out is None else (held_out, held_out.sample(most, seed))
        sets = real, (train, order[:most])
        return cls(
            train.name,
            "test" if held_out is not None else "half",
            seed,
            extractor,
            train,
            training,
            *(_batch_of(source, indices, extractor, training) for source, indices in sets),
        )

    def labels(self, num_classes: int | None, seed: int | None = None) -> np.ndarray | None:
        """Draws classes for `count` samples of a generator with their shares in the training data.

        Arguments, result and errors are those of `samples.class_labels`. If seed is None, it is `self.seed`.
        """
        seed = self.seed if seed is None else seed
        return class_labels(self.count, num_classes, self.train, seed, self.proportions)

    @cached_property
    def capped(self) -> "Reference":
        """The same reference with up to 10,000 images in each set, for metrics whose protocols use no more."""
        if self.count <= SAMPLES:
            return self
        return replace(self, real=self.real.first(SAMPLES), baseline=self.baseline.first(SAMPLES), baselines={})

    @property
    def count(self) -> int:
        """The number of samples to evaluate, equal to the number of reference images."""
        return len(self.real)

    @property
    def mixture(self) -> Mixture | None:
        """The mixture that the data were drawn from, if it is known and has more than one mode."""
        known = MIXTURES.get(self.name)
        return known if known is not None and len(known.centres) > 1 else None

    @cached_property
    def proportions(self) -> np.ndarray | None:
        """Expected shares of the classes, (classes,): those of the training data or of the protocol.

        None if there are no classes.
        """
        classes = self.baseline.probabilities
        if classes is None:
            return None
        if self.name in UNIFORM:
            return np.full(classes.shape[1], 1 / classes.shape[1])
        if self.train.labels is None:  # classes predicted by the extractor
            return np.bincount(self.real.probabilities.argmax(axis=1), minlength=classes.shape[1]) / self.count
        return np.bincount(self.train.labels, minlength=classes.shape[1]) / self.train.count

    @cached_property
    def real_nearest(self) -> Nearest:
        """The nearest training images of real images that are not training images.

        Without held-out data, some training images are each compared with all others, which estimates the same.
        """
        if self.split == "test":
            return self.real.nearest_train
        rows = self.train.sample(neighbours.QUERIES, self.seed)
        return Nearest.leaving_one_out(rows, self.training.thumbnails, self.train.flip)


def check_data(train: Source, held_out: Source | None, count: int | None = None) -> int:
    """Returns the number of images in each set: up to `count`, or the number of the published protocols.

    Raises:
        InputError: if there are fewer than 10 images for a set, or if the two splits have different shapes.
    """
    if held_out is not None and held_out.shape != train.shape:
        raise InputError(
            f"held-out data of shape {held_out.shape} for training data of shape {train.shape}; expected equal "
            "shapes. Use image_size (--image-size) to resize both, and as many channels in both."
        )
    wanted = count or default_count(train.name)
    counts = {"samples": wanted}
    if held_out is None:
        counts["images in each half of the data"] = train.count // 2
    else:
        counts |= {"training images": train.count, "held-out images": held_out.count}
    fewest = min(counts, key=counts.get)
    if counts[fewest] < FEWEST:
        remedy = "Provide more samples, or use a larger count (--samples)." if fewest == "samples" else "Add more data."
        raise InputError(
            f"{counts[fewest]} {fewest} of {train.short_name} to compare; expected at least {FEWEST}. {remedy}"
        )
    return counts[fewest]


def _in_pixels(source):
    """Returns the source with its images as uint8, since pixel distances need one range; vectors stay as they are."""
    if source is None or len(source.shape) != 3 or source.fetch(np.zeros(1, "int64")).dtype == np.uint8:
        return source
    return replace(source, array=None, fetch=lambda rows: pixels.to_uint8(source.fetch(rows)))


def _batch_of(source, indices, extractor, training):
    labels = None if source.labels is None else source.labels[indices]
    return with_features(collect(Stream.of(source, indices)), extractor, training, labels)


def with_features(
    images: Images,
    extractor: Extractor | None,
    training: TrainingImages | None = None,
    labels: np.ndarray | None = None,
) -> Batch:
    """Returns images as a `Batch` with their features and class probabilities."""
    if extractor is None:
        return Batch(images, None, None, training, labels)
    # All at once if they are in memory: then the batches of the network do not depend on how the images were read.
    parts = [images] if isinstance(images, np.ndarray) else (block for _, block in blocks(images))
    return Batch(images, *_extracted(parts, extractor), training, labels)


def features_only(parts: Iterable[np.ndarray], extractor: Extractor, labels: np.ndarray | None = None) -> Batch:
    """Returns a `Batch` of features and class probabilities that does not hold the images."""
    return Batch(None, *_extracted(parts, extractor), None, labels)


def _extracted(parts, extractor):
    features, probabilities = zip(*(extractor.extract(part) for part in parts), strict=True)
    return np.concatenate(features), None if probabilities[0] is None else np.concatenate(probabilities)


def default_count(data_name: str) -> int:
    """Returns the number of samples that the published protocols use for a dataset."""
    return PROTOCOL.get(data_name, SAMPLES)
