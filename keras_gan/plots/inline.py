"""Curves as coordinates for the SVG of a page: sharp at any width, in the colours of the reader's scheme. No matplotlib.

A page draws the lines in a box of `BOX` by `BOX` units that is stretched to the paper, and writes the ticks beside it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

BOX = 1000  # units of the lines' box, in both directions
TICKS = 4  # about as many; more do not fit under a curve on a phone


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis."""

    percent: float  # from the left, or from the top
    text: str


@dataclass(frozen=True)
class Chart:
    """Lines over the steps, ready to be drawn."""

    lines: dict[str, str]  # label -> SVG path in a box of BOX by BOX; it is interrupted where a value is not finite
    x_ticks: list[Tick]
    y_ticks: list[Tick]


def chart(steps: np.ndarray, columns: Mapping[str, np.ndarray], limits: tuple[float, float] | None = None):
    """Places columns of numbers over their steps.

    Args:
        steps: shape (n,), increasing.
        columns: label -> values, shape (n,); NaN and infinities leave gaps.
        limits: lowest and highest value of the vertical axis; None for those of the values, rounded outwards.

    Returns:
        A `Chart`; None where there are not two rows, or no finite value.
    """
    finite = np.concatenate([values[np.isfinite(values)] for values in columns.values()])
    if len(steps) < 2 or not len(finite):
        return None
    low, high = limits or (float(finite.min()), float(finite.max()))
    values = ticks(low, high)
    bottom, top = limits or (values[0], values[-1])
    first, last = float(steps[0]), float(steps[-1])
    xs = (steps - first) / (last - first) * BOX
    return Chart(
        {label: path(xs, (top - column) / (top - bottom) * BOX) for label, column in columns.items()},
        [Tick((x - first) / (last - first) * 100, f"{x:,.0f}") for x in ticks(first, last) if first <= x <= last],
        [Tick((top - y) / (top - bottom) * 100, f"{y:g}") for y in values],
    )


def path(xs: np.ndarray, ys: np.ndarray) -> str:
    """SVG path data through the points; a new stroke begins after a point that is not finite."""
    words, pen = [], "M"
    for x, y in zip(xs, ys, strict=True):
        if not math.isfinite(y):
            pen = "M"
            continue
        words.append(f"{pen}{x:.1f} {y:.1f}")
        pen = "L"
    return "".join(words)


def ticks(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten, from the last one up to `low` to the first one from `high`.

    >>> ticks(0.3, 1.9)
    [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    span = (high - low) or abs(low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / TICKS))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * TICKS >= span * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{i * step:.12g}") for i in range(first, max(last, first + 1) + 1)]
