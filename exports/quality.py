"""The loss of quality of an export: its samples compared with those of the Keras generator for the same seeds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from keras_gan import metrics
from keras_gan._utils import pixels
from keras_gan._utils.errors import InputError
from keras_gan.metrics.distances import distance_of_projections, projected
from keras_gan.metrics.samples import generated
from keras_gan.metrics.streams import Images, blocks, collect

SAMPLES = 1_024  # for the sliced Wasserstein distance
LARGEST_VALUES = 2**26  # limit of the numbers in all these samples
MOST_LOST = 0.05


@dataclass(frozen=True)
class Quality:
    """Distances of an export's samples.

    Attributes:
        sliced_wasserstein: distance to Keras's samples, as a share of their spread.
        samples: the number of samples for `sliced_wasserstein`.
        frechet_distance: distance to real images, in the features of `kgan evaluate`; None without an extractor.
        frechet_keras: the same distance of Keras's samples.
        frechet_baseline: the same distance of other real images.
        frechet_samples: the number of samples for the Fréchet distances.
    """

    sliced_wasserstein: float
    samples: int
    frechet_distance: float | None = None
    frechet_keras: float | None = None
    frechet_baseline: float | None = None
    frechet_samples: int | None = None

    @property
    def lost(self) -> float:
        """The loss of quality: the relative increase of the Fréchet distance, or else `sliced_wasserstein`."""
        if self.frechet_distance is None:
            return self.sliced_wasserstein
        # Below the baseline, differences are noise, so the increase is divided by the baseline at least.
        return (self.frechet_distance - self.frechet_keras) / max(self.frechet_keras, self.frechet_baseline)


class Original:
    """The Keras generator that is exported, with its samples and their distance to real images, each computed once.

    Samples are generated and compared block by block, so that large images do not fill the memory.

    Args:
        gan: the `keras_gan.GAN`.
        reference: real images, to which the Fréchet distance is measured; None measures none.
    """

    def __init__(self, gan, reference: metrics.Reference | None = None):
        self.gan = gan
        self.reference = reference
        self.count = min(SAMPLES, max(2, LARGEST_VALUES // int(np.prod(gan.data_shape))))

    @cached_property
    def samples(self) -> Images:
        """The first `count` samples."""
        return self.collected(self.gan.generate)

    @cached_property
    def frechet(self) -> metrics.Score:
        """The Fréchet distance to real images, and its baseline."""
        return self.compared(self.gan.generate)

    @cached_property
    def _labels(self):
        """The classes of the samples, by their shares in the training data, where these are known."""
        return self.reference.labels(self.gan.num_classes, 0)

    def collected(self, generate) -> Images:
        """Samples of an export for the seeds of `samples`."""
        return collect(generated(generate, self.count, self.gan.data_shape))

    def compared(self, generate) -> metrics.Score:
        """The Fréchet distance of an export, for the seeds of `frechet`."""
        drawn = generated(generate, self.reference.count, self.gan.data_shape, 0, self._labels)
        return metrics.evaluate(drawn, self.reference, ["frechet"])["frechet_distance"]


def measure(original: Original, generate: Callable[..., np.ndarray]) -> Quality:
    """Compares the samples of an export with Keras's samples, and with real images.

    Args:
        original: the generator that was exported.
        generate: function of the export from n, seed and, where the GAN is conditional, labels to samples, as
            `GAN.generate`.

    Returns:
        The distances.
    """
    sliced = _sliced(original.collected(generate), original.samples)
    if original.reference is None:
        return Quality(sliced, original.count)
    ours, keras = original.compared(generate), original.frechet
    return Quality(sliced, original.count, ours.value, keras.value, keras.baseline, original.reference.count)


def check(quality: Quality, force: bool = False) -> None:
    """Raises InputError where the loss of quality is above MOST_LOST and `force` is False."""
    if quality.lost <= MOST_LOST or force:
        return
    loss = f"its samples differ from Keras's by {quality.sliced_wasserstein:.1%} of their spread"
    if quality.frechet_distance is not None:
        loss = f"its Fréchet distance is {quality.frechet_distance:.3g}, {quality.lost:.0%} above Keras's"
    raise InputError(
        f"the export loses quality: {loss}; expected at most {MOST_LOST:.0%}. Use a mode with more bits (--quantize "
        "float16, or float32), fine-tune the generator for 8 bits (--tune 6000), or --force to write the file with "
        "this loss."
    )


def _sliced(ours: Images, keras: Images) -> float:
    """The sliced Wasserstein distance as a share of the spread, the root of the mean variance of a pixel."""
    finest = 1 / pixels.HALF_RANGE if keras.dtype == np.uint8 else 0.0  # one grey level, where all pictures are equal
    shape = len(keras), int(np.prod(keras.shape[1:]))
    distance = distance_of_projections(*(projected(lambda of=of: _rows(of), *shape) for of in (ours, keras)))
    spread = max(finest, _spread(keras, *shape))
    return distance / spread if spread > 0 else float(distance > 0)


def _rows(images):
    return (pixels.floats(block).reshape(len(block), -1) for _, block in blocks(images))


def _spread(images, n, values):
    mean = sum(rows.sum(axis=0, dtype="float64") for rows in _rows(images)) / n
    squares = sum(((rows - mean.astype("float32")) ** 2).sum(axis=0, dtype="float64") for rows in _rows(images))
    return float(np.sqrt(squares.sum() / (n * values)))
