"""A run's columns made ready to be judged: smoothed, and the stretches over which something lasts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from keras_gan._utils.log_names import ACCURACY
from keras_gan.doctor.samples import METRICS
from keras_gan.doctor.verdicts import Settings

# Up to this step samples take shape, and every column moves: with lean on MNIST d_accuracy went from 1 to 0.06 and
# back to 1, and diversity from 0.05 to 0.5. What a symptom shows only until then does not count.
MIN_STEPS = 100
# What began just now may end by itself: a symptom counts once it has lasted this share of the run, and some rows.
LASTING_SHARE, LASTING_ROWS = 0.2, 4
TELLING_STEPS = int(MIN_STEPS / (1 - LASTING_SHARE))  # the first at which a symptom can have lasted: 125
HOLDING_SHARE = 0.8  # of the rows of its stretch: with swapped answers D got right for some ten steps in between
SMOOTHING_ROWS = 5  # a median over these drops single rows that stick out


@dataclass(frozen=True)
class Measurements:
    """The columns of history.csv and of checks.csv, which may be empty, with the settings of the game."""

    history: Mapping[str, np.ndarray]
    checks: Mapping[str, np.ndarray]
    settings: Settings

    def column(self, name: str) -> np.ndarray:
        """A column, smoothed; NaN everywhere where it was not measured."""
        table = self._table(name)
        return smoothed(table[name]) if name in table else np.full(len(table.get("step", ())), np.nan)

    def binned(self, name: str, steps: int) -> np.ndarray:
        """A column of history.csv, each row averaged with those before it over at least so many steps."""
        column = self.column(name) if name not in self.history else self.history[name]
        if not len(column):
            return np.zeros(0)
        rows = -(-steps * len(column) // max(1, int(self.history["step"][-1])))
        padded = np.pad(np.asarray(column, float), (rows - 1, 0), mode="edge")
        return np.lib.stride_tricks.sliding_window_view(padded, rows).mean(axis=1)

    def last(self, holds: np.ndarray, name: str = ACCURACY) -> tuple[int, int] | None:
        """First and last step of the stretch, up to the newest row, in which something holds; None if it is short.

        Args:
            holds: bool, one for each row of the table that has the column `name`.
            name: a column of that table.
        """
        steps = self._table(name).get("step", np.zeros(0))
        holding = holds[::-1].cumsum()[::-1] >= HOLDING_SHARE * np.arange(len(holds), 0, -1)
        starts = np.flatnonzero(holding & holds)
        if not len(starts) or len(steps) - starts[0] < LASTING_ROWS:
            return None
        before = steps[starts[0] - 1] if starts[0] else 0
        lasted = steps[-1] - max(before, MIN_STEPS) >= LASTING_SHARE * steps[-1]
        return (int(steps[starts[0]]), int(steps[-1])) if lasted else None

    def at_check_steps(self, name: str) -> np.ndarray:
        """A smoothed column of history.csv, read at the steps of checks.csv."""
        if not len(self.history.get("step", ())):
            return np.full(len(self.checks.get("step", ())), np.nan)
        return np.interp(self.checks["step"], self.history["step"], self.column(name)) if self.checks else np.zeros(0)

    def evidence(self, span: tuple[int, int], *names: str) -> dict[str, float]:
        """Median of columns over a stretch, of those that were measured."""
        found = {name: self._within(name, span) for name in names}
        return {name: float(np.median(values)) for name, values in found.items() if len(values)}

    def _within(self, name, span):
        table = self._table(name)
        if name not in table:
            return np.zeros(0)
        values = table[name][(table["step"] >= span[0]) & (table["step"] <= span[1])]
        return values[np.isfinite(values)]

    def _table(self, name):
        return self.checks if name in METRICS else self.history


def smoothed(column: np.ndarray) -> np.ndarray:
    """Median of each row and the four before it, shape (rows,) to (rows,); NaN where one of them is."""
    if not len(column):
        return np.zeros(0)
    padded = np.pad(np.asarray(column, float), (SMOOTHING_ROWS - 1, 0), mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, SMOOTHING_ROWS), axis=1)
