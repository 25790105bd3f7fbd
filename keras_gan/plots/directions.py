"""The picture of a generator's sliders: their effects, and their cross-talk."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from keras_gan.plots import canvas

WIDTH_IN = 10.0
CHARACTER_IN, MARGIN_IN = 0.075, 0.25  # of a label left of a strip: width of a character, and the space around it
HEAD_IN = 0.35  # height of the labels above the strips
CELL_IN, LARGEST_IN = 0.42, 5.6  # height of a row of a matrix, and largest size of a matrix
MOST_WRITTEN = 12  # largest number of rows of a matrix in which numbers are legible
MIDDLE = "tab:blue"  # colour of the frame around the unmoved pictures


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
    sheet, gap = _sheet(list(strips.values()))
    width_in = WIDTH_IN - MARGIN_IN - CHARACTER_IN * max(map(len, strips))
    strips_in = HEAD_IN + width_in * sheet.shape[0] / sheet.shape[1]  # so that the strips fill the width
    side_in = min(LARGEST_IN, 1.2 + CELL_IN * len(names)) if len(names) > 1 else 0.0
    drawn = canvas.figure(WIDTH_IN, strips_in + side_in)
    upper = drawn
    if side_in:
        # Figures of their own, so that the long names of the matrices' rows do not narrow the strips.
        upper, lower = drawn.subfigures(2, height_ratios=(strips_in, side_in))
        for axes, (title, matrix) in zip(lower.subplots(1, len(tables), squeeze=False)[0], tables.items(), strict=True):
            _matrix(axes, title, names, matrix)
    _strips(upper.add_subplot(), strips, sheet, gap)
    canvas.save(drawn, path)


def _sheet(strips):
    """All strips below each other, uint8 (height, width[, 3]), and the gap between them in pixels."""
    rows = [_row(pictures) for pictures in strips]
    gap = max(1, len(rows[0]) // 8)
    between = np.full((gap, *rows[0].shape[1:]), 255, "uint8")
    return np.concatenate([part for row in rows for part in (between, row)][1:]), gap


def _strips(axes, strips, sheet, gap):
    """Draws the sheet, with the sliders' names on the left, and the ends and the middle of each strip above."""
    seeds, frames, height, width, _ = next(iter(strips.values())).shape
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_anchor("E")
    lefts = [seed * (frames * width + width // 2) - 0.5 for seed in range(seeds)]
    tops = [row * (height + gap) - 0.5 for row in range(len(strips))]
    for left in lefts:
        for top in tops:
            corner = (left + frames // 2 * width, top)
            axes.add_patch(_frame(corner, width, height))
    positions = [left + (frame + 0.5) * width for left in lefts for frame in (0, frames // 2, frames - 1)]
    axes.xaxis.tick_top()
    axes.set_xticks(positions, ["− end", "middle", "+ end"] * seeds, fontsize=9)
    axes.set_yticks([top + height / 2 for top in tops], list(strips), fontsize=10)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _frame(corner, width, height):
    from matplotlib.patches import Rectangle

    return Rectangle(corner, width, height, fill=False, edgecolor=MIDDLE, linewidth=2, clip_on=False)


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
