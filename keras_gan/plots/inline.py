"""Curves as coordinates for the SVG of a page, which is sharp at any width and follows the reader's colour scheme.

A page draws the lines in a box of `BOX` by `BOX` units that is stretched to the page, and the ticks next to it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

BOX = 1000  # units of the lines' box, in both directions
RARE = 4.0  # peaks that would widen the axis by more than this factor are cut off
TICKS = 4  # approximate number, since more do not fit on a phone


@dataclass(frozen=True)
class Tick:
    """A labelled position on an axis."""

    percent: float  # from the left, or from the top
    text: str


@dataclass(frozen=True)
class Chart:
    """Lines over the steps, as coordinates."""

    lines: dict[str, str]  # label -> SVG path in a box of BOX by BOX, with gaps where a value is not finite
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    outside: tuple[float, float] | None  # value and step of the farthest peak outside the box


def chart(
    steps: np.ndarray, columns: Mapping[str, np.ndarray], limits: tuple[float, float] | None = None
) -> Chart | None:
    """Computes a chart of columns over their steps, from step 0 on.

    Args:
        steps: shape (n,), increasing, 0 or more.
        columns: label -> values, shape (n,); NaN and infinities leave gaps.
        limits: lowest and highest value of the vertical axis; None for the range of the values, without rare peaks
            that would flatten the rest.

    Returns:
        A `Chart`; None where there are fewer than two rows, or no finite value.
    """
    values = np.stack(list(columns.values()))  # (lines, n)
    if len(steps) < 2 or not steps[-1] or not np.isfinite(values).any():
        return None
    low, high = limits or bulk(values[np.isfinite(values)])
    levels = ticks(low, high)
    bottom, top = limits or (levels[0], levels[-1])
    last = float(steps[-1])
    return Chart(
        {label: path(steps / last * BOX, (top - column) / (top - bottom) * BOX) for label, column in columns.items()},
        [Tick(x / last * 100, f"{x:,.0f}") for x in ticks(0, last) if x <= last],
        [Tick((top - y) / (top - bottom) * 100, f"{y:g}") for y in levels],
        peak(steps, values, bottom, top),
    )


def bulk(values: np.ndarray) -> tuple[float, float]:
    """Range of finite values; without the outer 1% on either side where these widen it more than `RARE` times.

    >>> bulk(np.array([0.0, *[1.0, 2.0] * 100, 90.0]))
    (1.0, 2.0)
    >>> bulk(np.array([0.0, *[1.0, 2.0] * 100, 3.0]))
    (0.0, 3.0)
    """
    low, high = (float(edge) for edge in np.quantile(values, (0.01, 0.99)))
    lowest, highest = float(values.min()), float(values.max())
    return (low, high) if highest - lowest > RARE * (high - low) > 0 else (lowest, highest)


def peak(steps: np.ndarray, values: np.ndarray, bottom: float, top: float) -> tuple[float, float] | None:
    """The finite value farthest outside of an axis, and its step; None where all are inside. `values` is (lines, n)."""
    beyond = np.where(np.isfinite(values), np.maximum(values - top, bottom - values), -1.0)
    line, place = np.unravel_index(beyond.argmax(), beyond.shape)
    return (float(values[line, place]), float(steps[place])) if beyond.max() > 0 else None


def path(xs: np.ndarray, ys: np.ndarray) -> str:
    """SVG path data through the points, with a gap at each point that is not finite."""
    words, pen = [], "M"
    for x, y in zip(xs, ys, strict=True):
        if not math.isfinite(y):
            pen = "M"
            continue
        words.append(f"{pen}{x:.1f} {y:.1f}")
        pen = "L"
    return "".join(words)


def ticks(low: float, high: float) -> list[float]:
    """Ticks at multiples of 1, 2 or 5 times a power of ten, which enclose `low` and `high`.

    >>> ticks(0.3, 1.9)
    [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    span = (high - low) or abs(low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / TICKS))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * TICKS >= span * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{i * step:.12g}") for i in range(first, max(last, first + 1) + 1)]
