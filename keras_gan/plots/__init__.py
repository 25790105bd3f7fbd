"""Figures of a run: loss curves, and samples that are vectors."""

from pathlib import Path

import numpy as np

from keras_gan._utils.log_names import DISCRIMINATOR_LOSS, GENERATOR_LOSS, LOSSES
from keras_gan.plots import canvas, inline


def curves(
    history: dict[str, np.ndarray], path: Path, title: str = "", chance: tuple[float, str] | None = None
) -> None:
    """Draws both losses over the steps.

    Args:
        history: columns of a run's history.csv by name, of which the step and both losses are used.
        path: the .png to write.
        title: the run, for the title.
        chance: the loss of a discriminator that cannot tell real from generated images, and that number as a formula,
            such as "2 log 2"; None where the loss has no such value.
    """
    drawn = canvas.figure(7, 4)
    axes = drawn.subplots()
    canvas.plot_networks(axes, history, DISCRIMINATOR_LOSS, GENERATOR_LOSS)
    if chance:
        value, formula = chance
        meaning = f"{formula} = {value:.3f}: the discriminator cannot tell real from generated"
        axes.axhline(value, color="black", linestyle="--", linewidth=0.9, label=meaning)
    _limit(axes, np.stack([history[name] for name in LOSSES]), [chance[0]] if chance else [])
    axes.set_xlabel("step (generator updates)")
    axes.set_ylabel("loss")
    axes.set_title(": ".join(filter(None, (title, "losses of both networks"))), loc="left", fontsize=11)
    axes.grid(alpha=0.3)
    # Below the axes, where no curve can run through it.
    drawn.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8.5)
    canvas.save(drawn, path)


def _limit(axes, losses, levels):
    """Sets the vertical range to most of the losses, without rare peaks, and to the levels of other lines."""
    finite = losses[np.isfinite(losses)]
    if not len(finite):
        return
    shown = [*inline.bulk(finite), *levels]
    low, high = min(shown), max(shown)
    margin = 0.05 * (high - low) or 0.05
    axes.set_ylim(low - margin, high + margin)


def vectors(samples: np.ndarray, real: np.ndarray, path: Path) -> None:
    """Draws samples over real data: histograms of a single feature, or the first two features as points.

    Args:
        samples: (n, features).
        real: data (m, features), which set the limits of the axes, so that these are the same at each step.
        path: the .png to write.
    """
    drawn = canvas.figure(4, 4)
    axes = drawn.subplots()
    low, high = real.min(axis=0), real.max(axis=0)
    margin = np.maximum(0.2 * (high - low), 1e-3)
    axes.set_xlim(low[0] - margin[0], high[0] + margin[0])
    if samples.shape[1] == 1:
        bins = np.linspace(*axes.get_xlim(), 60)
        axes.hist(real[:, 0], bins, density=True, color=canvas.REAL, alpha=0.4, label="data")
        axes.hist(samples[:, 0], bins, density=True, color=canvas.GENERATED, alpha=0.6, label="generated")
        axes.set_ylabel("density")
    else:
        axes.set_ylim(low[1] - margin[1], high[1] + margin[1])
        axes.scatter(real[:, 0], real[:, 1], s=24, color=canvas.REAL, alpha=0.15, linewidth=0, label="data")
        axes.scatter(samples[:, 0], samples[:, 1], s=5, color=canvas.GENERATED, linewidth=0, label="generated")
        axes.set_ylabel("feature 2")
    axes.set_xlabel("feature 1")
    legend = drawn.legend(loc="outside upper left", ncols=2, frameon=False)
    for handle in legend.legend_handles:
        handle.set_alpha(1)
    canvas.save(drawn, path)
