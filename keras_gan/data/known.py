"""Data whose modes are known: draws from mixtures of Gaussians, and MNIST digits stacked in three channels."""

import numpy as np

from keras_gan.data import catalog
from keras_gan.data.source import Source, from_array
from keras_gan.theory.mixtures import MIXTURES

DRAWS = {"train": 100_000, "test": 10_000}
STACKS = {"train": 60_000, "test": 26_000}
SEEDS = {"train": 1, "test": 2}


def mixture(name: str, split: str) -> Source:
    """Opens fixed draws from a mixture, float32 (count, features). The labels are the numbers of the modes."""
    points, modes = MIXTURES[name].draw_with_modes(DRAWS[split], SEEDS[split])
    return from_array(name, points, modes)


def stacked_mnist(split: str) -> Source:
    """Opens images with an MNIST digit in each of three channels, 28×28×3. The 1,000 labels are 100 a + 10 b + c."""
    digits = catalog.open_dataset("mnist", split=split)
    triples = np.random.default_rng(SEEDS[split]).integers(digits.count, size=(STACKS[split], 3))
    images = np.stack([digits.array[channel, :, :, 0] for channel in triples.T], axis=-1)  # (count, 28, 28, 3)
    return from_array("stacked_mnist", images, digits.labels[triples] @ np.array([100, 10, 1]))
