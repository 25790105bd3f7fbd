"""A figure and the file it goes to; colours that mean the same in every figure."""

from pathlib import Path

from keras_gan.files import replace

REAL, GENERATED, DISCRIMINATOR, GENERATOR = "tab:green", "tab:orange", "tab:blue", "tab:orange"


def figure(width_in: float, height_in: float):
    """An empty matplotlib figure."""
    from matplotlib.figure import Figure  # not pyplot: no window system, no global state

    return Figure(figsize=(width_in, height_in), dpi=120, layout="constrained")


def save(drawn, path: Path) -> None:
    """Writes a figure as PNG."""
    replace(path, lambda draft: drawn.savefig(draft, format="png"))
