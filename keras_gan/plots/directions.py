"""The picture of a generator's sliders: their effects, and their cross-talk."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from keras_gan.plots import canvas

STRIP_IN = 0.55  # height of a row of pictures
GAP_PX = 4  # between rows
CELL_IN, LARGEST_IN = 0.42, 7.0  # height of a row of a matrix, and largest size of a matrix
MOST_WRITTEN = 12  # largest number of rows of a matrix in which numbers are legible


def sliders(
    strips: Mapping[str, np.ndarray], names: Sequence[str], tables: Mapping[str, np.ndarray], path: Path
) -> None:
    """Draws a strip of pictures for each slider, and the matrices of cross-talk.

    Args:
        strips: label of a slider -> uint8 pictures (seeds, frames, height, width, channels) from one end to the other.
        names: names of the matrices' rows and columns.
        tables: title -> matrix (names, names): effect of the row's slider on the column's attribute, as a share of its
            effect on its own attribute.
        path: the .png to write.
    """
    strips_in = STRIP_IN * len(strips) + 0.2
    if len(names) < 2:
        drawn = canvas.figure(12, strips_in)
        _strips(drawn.add_subplot(), strips)
    else:
        side_in = min(LARGEST_IN, 1.2 + CELL_IN * len(names))
        drawn = canvas.figure(12, strips_in + side_in)
        drawn.get_layout_engine().set(w_pad=0.12)  # inches, so that long names are not cut off
        cells = drawn.add_gridspec(2, len(tables), height_ratios=(strips_in, side_in))
        _strips(drawn.add_subplot(cells[0, :]), strips)
        for place, (title, matrix) in enumerate(tables.items()):
            _matrix(drawn.add_subplot(cells[1, place]), title, names, matrix)
    canvas.save(drawn, path)


def _strips(axes, strips):
    """Draws all rows as one picture, with their names as ticks."""
    rows = [_row(pictures) for pictures in strips.values()]
    height = len(rows[0])
    gap = np.full((GAP_PX, *rows[0].shape[1:]), 255, "uint8")
    sheet = np.concatenate([part for row in rows for part in (gap, row)][1:])
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([number * (height + GAP_PX) + height / 2 for number in range(len(rows))], list(strips), fontsize=9)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _row(pictures):
    """The pictures of a strip in one row, with a gap between seeds: uint8 (height, width[, 3])."""
    seeds, frames, height, width, channels = pictures.shape
    lines = pictures.transpose(0, 2, 1, 3, 4).reshape(seeds, height, frames * width, channels)
    gap = np.full((height, width // 2, channels), 255, "uint8")
    row = np.concatenate([part for line in lines for part in (gap, line)][1:], axis=1)
    return row[..., 0] if channels == 1 else row


def _matrix(axes, title, names, matrix):
    axes.imshow(np.nan_to_num(matrix), cmap="RdBu", vmin=-1, vmax=1)
    axes.set_title(f"cross-talk, {title}", fontsize=9, loc="left")
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=8)
    axes.set_yticks(range(len(names)), [f"{name} slider" for name in names], fontsize=8)
    if len(names) <= MOST_WRITTEN:
        for (row, column), value in np.ndenumerate(matrix):
            colour = "white" if abs(value) > 0.6 else "black"
            axes.text(column, row, f"{value:+.2f}", ha="center", va="center", fontsize=7, color=colour)
