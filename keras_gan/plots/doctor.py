"""The picture of a diagnosis: the values behind the verdicts over the steps, and the steps of each verdict."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from keras_gan._utils.log_names import ACCURACY, DISCRIMINATOR_GRADIENT, GENERATOR_GRADIENT
from keras_gan.plots import canvas

SHADES = ("tab:red", "tab:purple", "tab:brown", "tab:gray", "tab:olive")
SHARES = (("diversity", canvas.REAL), ("duplicates", "tab:red"), ("memorised", "tab:purple"))


def diagnosis(history: Mapping[str, np.ndarray], checks: Mapping[str, np.ndarray], spans: Sequence, path: Path) -> None:
    """Draws the discriminator's accuracy, both gradients and the checks of samples, and shades the steps of verdicts.

    Args:
        history: columns of a run's history.csv by name.
        checks: columns of its checks.csv; without rows there is no panel for it.
        spans: (name of a verdict, first step, last step) of each range to shade.
        path: the .png to write.
    """
    panels = (_accuracy, _gradients, _samples) if checks else (_accuracy, _gradients)
    drawn = canvas.figure(7, 2.3 * len(panels) + 0.3 * bool(spans))
    rows = drawn.subplots(len(panels), sharex=True)
    for axes, panel in zip(rows, panels, strict=True):
        panel(axes, checks, history)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
        shades = [_shade(axes, span, number) for number, span in enumerate(spans)]
    rows[-1].set_xlabel("step (generator updates)")
    if spans:
        drawn.legend(handles=shades, loc="outside upper left", frameon=False, fontsize="small", ncols=3)
    canvas.save(drawn, path)


def _shade(axes, span, number):
    name, first, last = span
    return axes.axvspan(first, last, alpha=0.12, color=SHADES[number % len(SHADES)], label=name, linewidth=0)


def _accuracy(axes, checks, history):
    axes.plot(history["step"], history[ACCURACY], color=canvas.DISCRIMINATOR, linewidth=1.2, label="discriminator")
    axes.axhline(0.5, color="black", linestyle="--", linewidth=0.8, label="chance")
    axes.set_ylim(-0.05, 1.05)
    axes.set_ylabel("accuracy on pairs")


def _gradients(axes, checks, history):
    canvas.plot_networks(axes, history, DISCRIMINATOR_GRADIENT, GENERATOR_GRADIENT)
    axes.set_yscale("log")
    axes.set_ylabel("gradient norm")


def _samples(axes, checks, history):
    for name, colour in SHARES:
        axes.plot(checks["step"], checks[name], label=name, color=colour, linewidth=1.2)
    axes.set_ylim(bottom=-0.05)
    axes.set_ylabel("samples")
