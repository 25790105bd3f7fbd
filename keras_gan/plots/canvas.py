"""Creating and saving figures, and colours with the same meaning in all figures."""

from pathlib import Path

import numpy as np

from keras_gan._utils.files import replace

REAL, GENERATED, DISCRIMINATOR, GENERATOR = "tab:green", "tab:orange", "tab:blue", "tab:orange"
SHORT_DECADES = 2.2  # longest logarithmic axis with ticks at 1, 2 and 5


def figure(width_in: float, height_in: float):
    """An empty matplotlib figure."""
    from matplotlib.figure import Figure  # not pyplot, which needs a window system and has global state

    return Figure(figsize=(width_in, height_in), dpi=120, layout="constrained")


def plot_networks(axes, history, discriminator: str, generator: str) -> None:
    """Draws a column for each network over the steps. `history` has columns by name, including the step."""
    for name, label, colour in (
        (discriminator, "discriminator", DISCRIMINATOR),
        (generator, "generator", GENERATOR),
    ):
        axes.plot(history["step"], history[name], label=label, color=colour, linewidth=1.2)


def number_ticks(axes):
    """Labels a logarithmic vertical axis with numbers: 1, 2 and 5 of each decade, or powers of ten on a long axis."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = np.log10(axes.get_ylim())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high - low <= SHORT_DECADES else (1,), numticks=8))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def save(drawn, path: Path) -> None:
    """Writes a figure as PNG."""
    replace(path, lambda draft: drawn.savefig(draft, format="png"))
