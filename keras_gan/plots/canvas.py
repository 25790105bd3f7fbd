"""A figure and the file it goes to; colours that mean the same in every figure."""

from pathlib import Path

from keras_gan._utils.files import replace

REAL, GENERATED, DISCRIMINATOR, GENERATOR = "tab:green", "tab:orange", "tab:blue", "tab:orange"


def figure(width_in: float, height_in: float):
    """An empty matplotlib figure."""
    from matplotlib.figure import Figure  # not pyplot: no window system, no global state

    return Figure(figsize=(width_in, height_in), dpi=120, layout="constrained")


def plot_networks(axes, history, discriminator: str, generator: str) -> None:
    """Draws a column of each network over the steps; `history` holds columns by name, the step among them."""
    for name, label, colour in (
        (discriminator, "discriminator", DISCRIMINATOR),
        (generator, "generator", GENERATOR),
    ):
        axes.plot(history["step"], history[name], label=label, color=colour, linewidth=1.2)


def save(drawn, path: Path) -> None:
    """Writes a figure as PNG."""
    replace(path, lambda draft: drawn.savefig(draft, format="png"))
