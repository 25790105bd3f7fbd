"""Figures of a run: the error curves, and samples that are vectors rather than images."""

from pathlib import Path

import numpy as np

from keras_gan.logs import DISCRIMINATOR_LOSS, GENERATOR_LOSS
from keras_gan.plots import canvas


def curves(history: dict[str, np.ndarray], path: Path) -> None:
    """Draws both networks' errors over the steps.

    Args:
        history: columns of a run's history.csv by name; the step and both networks' losses are drawn.
        path: the .png to write.
    """
    drawn = canvas.figure(7, 3.6)
    axes = drawn.subplots()
    for name, label, colour in (
        (DISCRIMINATOR_LOSS, "discriminator", canvas.DISCRIMINATOR),
        (GENERATOR_LOSS, "generator", canvas.GENERATOR),
    ):
        axes.plot(history["step"], history[name], label=label, color=colour, linewidth=1.2)
    axes.set_xlabel("step (generator updates)")
    axes.set_ylabel("loss")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    canvas.save(drawn, path)


def vectors(samples: np.ndarray, path: Path) -> None:
    """Draws samples (n, features): a histogram of one feature, or the first two as points."""
    drawn = canvas.figure(4, 4)
    axes = drawn.subplots()
    if samples.shape[1] == 1:
        axes.hist(samples[:, 0], bins=40, density=True)
        axes.set_ylabel("density")
    else:
        axes.scatter(samples[:, 0], samples[:, 1], s=6)
        axes.set_ylabel("feature 2")
    axes.set_xlabel("feature 1")
    canvas.save(drawn, path)
