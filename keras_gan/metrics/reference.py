"""The real side of a comparison: the images that samples are held against, drawn once and the same for a seed."""

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

SAMPLES = 10_000  # of each kind, where the data suffice
PROTOCOL = {"ring": 2_500, "grid": 2_500, "stacked_mnist": 26_000}  # the counts of published mode coverage
UNIFORM = ("stacked_mnist",)  # whose classes published divergences compare with equal shares; real images reach .0236
FEWEST = 10  # of each kind: twice the neighbours that precision and recall look at


@dataclass(frozen=True, eq=False)
class TrainingImages:
    """The training data, as samples are compared with them one by one."""

    source: Source

    @cached_property
    def thumbnails(self) -> Images:
        """All of them, as `images.thumbnails` gives them; vectors as they are. Read once."""
        held = self.source.array
        stream = Stream.of(self.source, np.arange(self.source.count)) if held is None else held
        if len(self.source.shape) == 3:
            return thumbnails(stream)
        return collect(stream) if held is None else held


@dataclass(frozen=True, eq=False)
class Batch:
    """Images, generated or real, what an extractor sees in them, and how near they come to the training data."""

    # uint8 (n, height, width, channels), or float32 (n, features); None where no measure looks at them
    images: Images | None
    features: np.ndarray | None = None  # (n, d)
    probabilities: np.ndarray | None = None  # (n, classes)
    training: TrainingImages | None = None  # the training data, for `nearest_train`
    labels: np.ndarray | None = None  # (n,), the classes: of real images, or those that a generator was asked for

    def __len__(self):
        return len(next(x for x in (self.images, self.features) if x is not None))

    def first(self, n: int) -> "Batch":
        """The first n of them; itself where they are no more, so that what was found stays found."""
        if n >= len(self):
            return self
        images = self.images if self.images is None else _first(self.images, n)
        cut = (None if x is None else x[:n] for x in (self.features, self.probabilities))
        return Batch(images, *cut, self.training, None if self.labels is None else self.labels[:n])

    @cached_property
    def thumbnails(self) -> Images:
        """The images as they are compared one by one; vectors as they are."""
        return thumbnails(self.images) if self.images.ndim == 4 else self.images

    @cached_property
    def apart(self) -> np.ndarray:
        """The distance of each of them to the nearest other one, float64 (n,)."""
        return neighbours.nearest_other(self.thumbnails)

    @cached_property
    def nearest_train(self) -> Nearest:
        """How near the first 2,000 come to the training data."""
        return Nearest.of(self.thumbnails[: neighbours.QUERIES], self.training.thumbnails)

    @cached_property
    def statistics(self) -> distances.RunningStatistics:
        """Mean and covariance of the features."""
        return distances.RunningStatistics.of(self.features)

    @cached_property
    def _projected(self):
        return {}

    def projected(self, seed: int) -> np.ndarray:
        """The pixels in [0, 1], or vectors, along the random directions of a seed; see `distances.projected`."""
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
    """Real images in two disjoint sets, and the training data. `Reference.of` draws them."""

    name: str  # of the data
    split: str  # where the reference comes from: "test", or "half" of data that hold out nothing
    seed: int
    extractor: Extractor | None
    train: Source
    training: TrainingImages  # the same, for comparisons one by one
    real: Batch  # what samples are compared with
    baseline: Batch  # real images that take the samples' place: the best that a generator can do at this count
    baselines: dict = field(
        default_factory=dict, repr=False
    )  # measure -> its numbers for `floor`, once they were needed

    @classmethod
    def of(cls, train: Source, held_out: Source | None, extractor: Extractor | None, count: int | None = None, seed=0):
        """Draws the reference from held-out data, or from a half of the training data where there are none.

        Args:
            train: what the generator was, or is, trained on.
            held_out: the data's test split; None where they have none.
            extractor: see `extractors.choose`.
            count: at most so many images in each set; None for the published protocols' 10,000, 2,500 or 26,000.
            seed: of the drawing.

        Raises:
            InputError: where there are fewer than 10 images for a set, or both splits have other shapes.
        """
        most = check_data(train, held_out, count)
        train, held_out = _in_pixels(train), _in_pixels(held_out)
        training = TrainingImages(train)
        order = np.random.default_rng(seed).permutation(train.count)
        half = train.count if held_out is not None else train.count // 2
        judged_by = (train, order[half : half + most]) if held_out is None else (held_out, held_out.sample(most, seed))
        sets = judged_by, (train, order[:most])
        return cls(
            train.name,
            "test" if held_out is not None else "half",
            seed,
            extractor,
            train,
            training,
            *(_seen(source, indices, extractor, training) for source, indices in sets),
        )

    def labels(self, num_classes: int | None, seed: int | None = None) -> np.ndarray | None:
        """Classes for `count` samples of a generator, drawn by their shares in the training data.

        Arguments, result and errors are those of `samples.class_labels`; the seed is the choice's own where None.
        """
        seed = self.seed if seed is None else seed
        return class_labels(self.count, num_classes, self.train, seed, self.proportions)

    @cached_property
    def classic(self) -> "Reference":
        """The same with at most 10,000 images in each set, for measures whose protocols take no more."""
        if self.count <= SAMPLES:
            return self
        return replace(self, real=self.real.first(SAMPLES), baseline=self.baseline.first(SAMPLES), baselines={})

    @property
    def count(self) -> int:
        """Samples to judge: as many as there are reference images."""
        return len(self.real)

    @property
    def mixture(self) -> Mixture | None:
        """The density of the data, where its modes are known and several."""
        known = MIXTURES.get(self.name)
        return known if known is not None and len(known.centres) > 1 else None

    @cached_property
    def proportions(self) -> np.ndarray | None:
        """Shares of the classes among the training data, or those of the protocol, (classes,); None without classes."""
        classes = self.baseline.probabilities
        if classes is None:
            return None
        if self.name in UNIFORM:
            return np.full(classes.shape[1], 1 / classes.shape[1])
        if self.train.labels is None:  # as the extractor sees them
            return np.bincount(self.real.probabilities.argmax(axis=1), minlength=classes.shape[1]) / self.count
        return np.bincount(self.train.labels, minlength=classes.shape[1]) / self.train.count

    @cached_property
    def real_nearest(self) -> Nearest:
        """How near real images that are not training images come to the training images.

        Without held-out data each of some training images is left out in turn, which says the same.
        """
        if self.split == "test":
            return self.real.nearest_train
        rows = self.train.sample(neighbours.QUERIES, self.seed)
        return Nearest.leaving_one_out(rows, self.training.thumbnails)


def check_data(train: Source, held_out: Source | None, count: int | None = None) -> int:
    """How many images of each kind can be compared: `count` at most, or what the published protocols take.

    Raises:
        InputError: where there are fewer than 10 of a kind, or both splits have other shapes.
    """
    if held_out is not None and held_out.shape != train.shape:
        raise InputError(
            f"held-out data of shape {held_out.shape} for training data of shape {train.shape}; expected one "
            "shape; give image_size (--image-size)"
        )
    wanted = count or default_count(train.name)
    counts = {"samples": wanted}
    if held_out is None:
        counts["images in each half of the data"] = train.count // 2
    else:
        counts |= {"training images": train.count, "held-out images": held_out.count}
    fewest = min(counts, key=counts.get)
    if counts[fewest] < FEWEST:
        remedy = "Give more samples, or a larger count (--samples)." if fewest == "samples" else "Give more data."
        raise InputError(
            f"{counts[fewest]} {fewest} of {train.short_name} to compare; expected at least {FEWEST}. {remedy}"
        )
    return counts[fewest]


def _in_pixels(source):
    """The source with its images, if it has any, as uint8: distances between pixels must know one range."""
    if source is None or len(source.shape) != 3 or source.fetch(np.zeros(1, "int64")).dtype == np.uint8:
        return source
    return replace(source, array=None, fetch=lambda rows: pixels.to_uint8(source.fetch(rows)))


def _seen(source, indices, extractor, training):
    labels = None if source.labels is None else source.labels[indices]
    return see(collect(Stream.of(source, indices)), extractor, training, labels)


def see(
    images: Images,
    extractor: Extractor | None,
    training: TrainingImages | None = None,
    labels: np.ndarray | None = None,
) -> Batch:
    """The images with what an extractor sees in them, beside the training data."""
    if extractor is None:
        return Batch(images, None, None, training, labels)
    # As a whole where they are in memory: the network's batches do not depend on how they were read then.
    parts = [images] if isinstance(images, np.ndarray) else (block for _, block in blocks(images))
    return Batch(images, *_extracted(parts, extractor), training, labels)


def see_only(parts: Iterable[np.ndarray], extractor: Extractor, labels: np.ndarray | None = None) -> Batch:
    """What an extractor sees in images that are not held."""
    return Batch(None, *_extracted(parts, extractor), None, labels)


def _extracted(parts, extractor):
    features, probabilities = zip(*(extractor.extract(part) for part in parts), strict=True)
    return np.concatenate(features), None if probabilities[0] is None else np.concatenate(probabilities)


def default_count(data_name: str) -> int:
    """How many samples the published protocols take for a dataset."""
    return PROTOCOL.get(data_name, SAMPLES)
