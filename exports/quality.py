"""What an export costs in the quality of images: its samples beside those of the Keras generator for the same seeds."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from keras_gan import metrics
from keras_gan._utils import pixels
from keras_gan._utils.errors import InputError
from keras_gan.metrics.distances import distance_of_projections, projected
from keras_gan.metrics.samples import generated
from keras_gan.metrics.streams import Images, blocks, collect

SAMPLES = 1_024  # for the sliced Wasserstein distance
LARGEST_VALUES = 2**26  # of these samples together
MOST_LOST = 0.05


@dataclass(frozen=True)
class Quality:
    """What was measured."""

    sliced_wasserstein: float  # to Keras's samples, as a share of the spread of these
    samples: int
    frechet_distance: float | None = None  # to real images, on the metric card's features; None without an extractor
    frechet_keras: float | None = None  # that of Keras's samples
    frechet_baseline: float | None = None  # that of real images
    frechet_samples: int | None = None

    @property
    def lost(self) -> float:
        """The share of quality that is lost: how much farther from real images, or, unknown that, from Keras's."""
        if self.frechet_distance is None:
            return self.sliced_wasserstein
        # Where G is nearer to the reference than real images are, differences are noise.
        return (self.frechet_distance - self.frechet_keras) / max(self.frechet_keras, self.frechet_baseline)


def measure(gan, generate: Callable[..., np.ndarray], reference: metrics.Reference | None = None) -> Quality:
    """Compares the samples of an export.

    The classes of a conditional generator's samples are drawn by their shares in the training data, where these are
    known. Samples are generated and compared block by block, so that large images are never all held in memory.

    Args:
        gan: the `keras_gan.GAN` that was exported.
        generate: gives the export's samples as `GAN.generate` does, given n, seed and, of a conditional one, labels.
        reference: what the Fréchet distance is measured to; None where there is no extractor.
    """
    n = min(SAMPLES, max(2, LARGEST_VALUES // int(np.prod(gan.data_shape))))
    sliced = _sliced(*(collect(generated(draw, n, gan.data_shape)) for draw in (generate, gan.generate)))
    if reference is None:
        return Quality(sliced, n)
    labels = reference.labels(gan.num_classes, 0)
    ours, keras = (
        metrics.evaluate(generated(draw, reference.count, gan.data_shape, 0, labels), reference, ["frechet"])[
            "frechet_distance"
        ]
        for draw in (generate, gan.generate)
    )
    return Quality(sliced, n, ours.value, keras.value, keras.baseline, reference.count)


def check(quality: Quality, force: bool = False) -> None:
    """Raises InputError where more than MOST_LOST is lost, unless forced."""
    if quality.lost <= MOST_LOST or force:
        return
    fell = f"its samples are {quality.sliced_wasserstein:.1%} of their spread away from Keras's"
    if quality.frechet_distance is not None:
        fell = f"its Fréchet distance is {quality.frechet_distance:.3g}, {quality.lost:.0%} above Keras's"
    raise InputError(
        f"the export loses quality: {fell}; expected at most {MOST_LOST:.0%}; use --quantize float16, or "
        "float32 if it is that already, or write it all the same with --force"
    )


def _sliced(ours: Images, keras: Images) -> float:
    """The sliced Wasserstein distance as a share of the spread: the root of the mean variance of a pixel."""
    finest = 1 / pixels.HALF_RANGE if keras.dtype == np.uint8 else 0.0  # one grey level, of pictures that are all alike
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
