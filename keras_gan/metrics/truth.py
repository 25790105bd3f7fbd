"""The real side of a comparison: the images that samples are held against, drawn once and the same for a seed."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from keras_gan import pixels
from keras_gan.data.source import Source
from keras_gan.errors import InputError
from keras_gan.metrics import neighbours
from keras_gan.metrics.extractors import Extractor
from keras_gan.mixtures import MIXTURES, Mixture

SAMPLES = 10_000  # of each kind, where the data suffice
PROTOCOL = {"ring": 2_500, "grid": 2_500, "stacked_mnist": 26_000}  # the counts of published mode coverage
UNIFORM = ("stacked_mnist",)  # whose classes published divergences compare with equal shares; real images reach .0236
FEWEST = 10  # images from which statistics mean anything at all


@dataclass(frozen=True)
class Batch:
    """Images, generated or real, what an extractor sees in them, and how near they come to the training data."""

    images: np.ndarray  # uint8 (n, height, width, channels), or float32 (n, features)
    features: np.ndarray | None = None  # (n, d)
    probabilities: np.ndarray | None = None  # (n, classes)
    train: Source | None = None  # the training data, for `nearest_train`

    def first(self, n: int) -> "Batch":
        """The first n of them; itself where they are no more, so that what was found stays found."""
        if n >= len(self.images):
            return self
        cut = (None if x is None else x[:n] for x in (self.images, self.features, self.probabilities))
        return Batch(*cut, self.train)

    @cached_property
    def nearest_train(self) -> tuple[np.ndarray, np.ndarray]:
        """For each of the first 2,000 its nearest training image: distances (n,) and indices (n,)."""
        distances, indices = neighbours.nearest(self.images[: neighbours.QUERIES], self.train)
        return distances[:, 0], indices[:, 0]


@dataclass(frozen=True, eq=False)
class Truth:
    """Real images in two disjoint sets, and the training data. `Truth.of` draws them."""

    name: str  # of the data
    split: str  # where the reference comes from: "test", or "half" of data that hold out nothing
    seed: int
    extractor: Extractor | None
    train: Source
    reference: Batch  # what samples are compared with
    floor: Batch  # real images that take the samples' place: the best that a generator can do at this count
    floors: dict = field(default_factory=dict, repr=False)  # measure -> its numbers for `floor`, once they were needed

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
        if held_out is not None and held_out.shape != train.shape:
            raise InputError(
                f"held-out data of shape {held_out.shape} for training data of shape {train.shape}; expected one "
                "shape; give image_size (--image-size)"
            )
        train, held_out = _in_pixels(train), _in_pixels(held_out)
        order = np.random.default_rng(seed).permutation(train.count)
        half = train.count if held_out is not None else train.count // 2
        wanted = count or default_count(train.name)
        most = min(wanted, half, held_out.count if held_out is not None else train.count - half)
        if most < FEWEST:
            raise InputError(
                f"{most} images of a kind to compare; expected at least {FEWEST}; give more data or samples, or a "
                "larger count (--samples)"
            )
        reference = held_out.fetch(held_out.sample(most, seed)) if held_out else train.fetch(order[half : half + most])
        return cls(
            train.name,
            "test" if held_out is not None else "half",
            seed,
            extractor,
            train,
            see(reference, extractor, train),
            see(train.fetch(order[:most]), extractor, train),
        )

    @cached_property
    def classic(self) -> "Truth":
        """The same with at most 10,000 images in each set, for measures whose protocols take no more."""
        if self.count <= SAMPLES:
            return self
        return replace(self, reference=self.reference.first(SAMPLES), floor=self.floor.first(SAMPLES), floors={})

    @property
    def count(self) -> int:
        """Samples to judge: as many as there are reference images."""
        return len(self.reference.images)

    @property
    def mixture(self) -> Mixture | None:
        """The density of the data, where its modes are known and several."""
        known = MIXTURES.get(self.name)
        return known if known is not None and len(known.centres) > 1 else None

    @cached_property
    def proportions(self) -> np.ndarray | None:
        """Shares of the classes among the training data, or those of the protocol, (classes,); None without classes."""
        classes = self.floor.probabilities
        if classes is None:
            return None
        if self.name in UNIFORM:
            return np.full(classes.shape[1], 1 / classes.shape[1])
        if self.train.labels is None:  # as the extractor sees them
            return np.bincount(self.reference.probabilities.argmax(axis=1), minlength=classes.shape[1]) / self.count
        return np.bincount(self.train.labels, minlength=classes.shape[1]) / self.train.count

    @cached_property
    def twin_distance(self) -> float:
        """How near two images must be to be taken for one; see `neighbours.duplicates`."""
        return neighbours.twin_distance(self.reference.images)

    @cached_property
    def distances_to_train(self) -> np.ndarray:
        """How far real images, which are not training images, are from the nearest training image, in pixels' units.

        Without held-out data, the distance of a training image to the nearest other one says the same.
        """
        if self.split == "test":
            return self.reference.nearest_train[0]
        some = self.train.fetch(self.train.sample(neighbours.QUERIES, self.seed))
        return neighbours.nearest(some, self.train, k=2)[0][:, 1]


def _in_pixels(source):
    """The source with its images, if it has any, as uint8: distances between pixels must know one range."""
    if source is None or len(source.shape) != 3 or source.fetch(np.zeros(1, "int64")).dtype == np.uint8:
        return source
    array = None if source.array is None else pixels.to_uint8(source.array)
    fetch = (lambda rows: pixels.to_uint8(source.fetch(rows))) if array is None else array.__getitem__
    return replace(source, array=array, fetch=fetch)


def see(images: np.ndarray, extractor: Extractor | None, train: Source | None = None) -> Batch:
    """The images with what an extractor sees in them, beside the training data."""
    features, probabilities = (None, None) if extractor is None else extractor.extract(images)
    return Batch(images, features, probabilities, train)


def default_count(data_name: str) -> int:
    """How many samples the published protocols take for a dataset."""
    return PROTOCOL.get(data_name, SAMPLES)
