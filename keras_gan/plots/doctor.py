"""The picture of a diagnosis: the values behind the verdicts over the steps, and the steps of each verdict."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from keras_gan._utils.log_names import ACCURACY, DISCRIMINATOR_GRADIENT, GENERATOR_GRADIENT
from keras_gan.plots import canvas

SHADES = ("tab:red", "tab:purple", "tab:brown", "tab:gray", "tab:olive")
# Name, colour, line style and width: both shares are often 0, and the thin dots stay visible on the wide line.
SHARES = (
    ("diversity", canvas.REAL, "-", 1.4),
    ("duplicates", "tab:red", "-", 4.0),
    ("memorised", "black", (0, (1, 1.5)), 1.6),
)
FEWEST_DECADES = 1.0  # of an axis of gradients, so that it has several ticks


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
    colours = dict(zip(dict.fromkeys(name for name, _, _ in spans), itertools.cycle(SHADES), strict=False))
    rows = drawn.subplots(len(panels), sharex=True)
    for axes, panel in zip(rows, panels, strict=True):
        panel(axes, checks, history)
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize=9)
        axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
        shades = {span[0]: _shade(axes, span, colours[span[0]]) for span in spans}
    rows[0].set_title("the values behind the diagnosis", loc="left", fontsize=11)
    rows[-1].set_xlabel("step (generator updates)")
    if spans:
        drawn.legend(handles=list(shades.values()), loc="outside upper left", frameon=False, fontsize="small", ncols=3)
    canvas.save(drawn, path)


def _shade(axes, span, colour):
    name, first, last = span
    return axes.axvspan(first, last, alpha=0.12, color=colour, label=name, linewidth=0)


def _accuracy(axes, checks, history):
    axes.plot(history["step"], history[ACCURACY], color=canvas.DISCRIMINATOR, linewidth=1.2, label="discriminator")
    axes.axhline(0.5, color="black", linestyle="--", linewidth=0.8, label="chance")
    axes.set_ylim(-0.05, 1.05)
    axes.set_ylabel("accuracy on pairs")


def _gradients(axes, checks, history):
    canvas.plot_networks(axes, history, DISCRIMINATOR_GRADIENT, GENERATOR_GRADIENT)
    axes.set_ylim(*_decades(history[DISCRIMINATOR_GRADIENT], history[GENERATOR_GRADIENT]))
    axes.set_yscale("log")  # after the limits, which it cannot find where no value is positive
    canvas.number_ticks(axes)
    axes.set_ylabel("gradient norm")


def _decades(*columns):
    """Limits of a logarithmic axis around the positive values, at least a decade apart; 0.1 to 1 without values."""
    values = np.concatenate(columns)
    values = values[np.isfinite(values) & (values > 0)]
    low, high = np.log10([values.min(), values.max()]) if len(values) else (-1.0, 0.0)
    margin = max(0.05 * (high - low), (FEWEST_DECADES - (high - low)) / 2)
    return 10.0 ** (low - margin), 10.0 ** (high + margin)


def _samples(axes, checks, history):
    few = {"marker": "."} if len(checks["step"]) < 3 else {}
    for name, colour, style, width in SHARES:
        axes.plot(checks["step"], checks[name], label=name, color=colour, linestyle=style, linewidth=width, **few)
    axes.set_ylim(-0.05, max(1.05, 1.05 * np.nanmax(checks["diversity"], initial=0)))
    axes.set_ylabel("samples")
