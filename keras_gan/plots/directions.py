"""The picture of a generator's sliders: what each of them does, and what moves along."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from keras_gan.plots import canvas

STRIP_IN = 0.62  # height of a row of pictures
MOST_WRITTEN = 12  # rows of a matrix whose numbers can be read


def sliders(
    strips: Mapping[str, np.ndarray], names: Sequence[str], tables: Mapping[str, np.ndarray], path: Path
) -> None:
    """Draws a strip for each slider and the matrices of cross-talk.

    Args:
        strips: what a slider is called -> uint8 pictures (seeds, frames, height, width, channels) from its one end to
            the other.
        names: of the matrices' rows and columns.
        tables: title -> matrix (names, names): what the slider of a row does to the attribute of a column, as a share
            of what it does to its own.
        path: the .png to write.
    """
    with_tables = len(names) > 1
    side_in = min(3.4, 0.5 + 0.5 * len(names))
    strips_in = STRIP_IN * len(strips) + 0.3
    drawn = canvas.figure(12, max(strips_in, len(tables) * (side_in + 0.5) if with_tables else 0))
    left, right = drawn.subfigures(1, 2, width_ratios=(8, 4)) if with_tables else (drawn.subfigures(1, 1), None)
    _strips(left, strips)
    if with_tables:
        for axes, (title, matrix) in zip(right.subplots(len(tables), squeeze=False)[:, 0], tables.items(), strict=True):
            _matrix(axes, title, names, matrix)
    canvas.save(drawn, path)


def _strips(drawn, strips):
    rows = drawn.subplots(len(strips), squeeze=False)[:, 0]
    for axes, (name, pictures) in zip(rows, strips.items(), strict=True):
        axes.imshow(_row(pictures), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_axis_off()
        axes.text(-0.01, 0.5, name, ha="right", va="center", fontsize=9, transform=axes.transAxes)


def _row(pictures):
    """All pictures side by side, a gap between the seeds: uint8 (height, width[, 3])."""
    seeds, frames, height, width, channels = pictures.shape
    lines = pictures.transpose(0, 2, 1, 3, 4).reshape(seeds, height, frames * width, channels)
    gap = np.full((height, width // 2, channels), 255, "uint8")
    parts = [part for line in lines for part in (gap, line)][1:]
    return np.concatenate(parts, axis=1).squeeze(-1) if channels == 1 else np.concatenate(parts, axis=1)


def _matrix(axes, title, names, matrix):
    axes.imshow(np.nan_to_num(matrix), cmap="RdBu", vmin=-1, vmax=1)
    axes.set_title(f"moves along, {title}", fontsize=9, loc="left")
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=8)
    axes.set_yticks(range(len(names)), [f"{name} slider" for name in names], fontsize=8)
    if len(names) <= MOST_WRITTEN:
        for (row, column), value in np.ndenumerate(matrix):
            colour = "white" if abs(value) > 0.6 else "black"
            axes.text(column, row, f"{value:+.2f}", ha="center", va="center", fontsize=7, color=colour)
