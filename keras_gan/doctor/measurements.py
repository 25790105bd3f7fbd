"""The columns of a run prepared for diagnosis: smoothed, and at common steps, without knowledge of later rows."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from keras_gan.doctor.samples import METRICS
from keras_gan.doctor.verdicts import Settings

SMOOTHING_ROWS = 5  # a median over these rows removes single outliers


@dataclass(frozen=True)
class Measurements:
    """The columns of history.csv and of checks.csv, which may be empty, and the settings of the training.

    Columns have one value for each step in `steps`: that of the last row up to this step. No value depends on later
    rows. So a diagnosis of a finished run also shows what was known at each step of it.
    """

    history: Mapping[str, np.ndarray]
    checks: Mapping[str, np.ndarray]
    settings: Settings

    @functools.cached_property
    def steps(self) -> np.ndarray:
        """The steps of all rows in order, float64 (rows,)."""
        return np.union1d(self._steps(self.history), self._steps(self.checks))

    @functools.cached_property
    def configured(self) -> np.ndarray:
        """The configured steps, float64 (rows,); at each row the steps so far, where the number is unknown."""
        return np.full(len(self.steps), float(self.settings.steps)) if self.settings.steps else self.steps

    @functools.cached_property
    def goal(self) -> np.ndarray:
        """The larger of the configured steps and the usual steps, float64 (rows,)."""
        return np.maximum(self.configured, self.settings.usual_steps or 0.0)

    def column(self, name: str) -> np.ndarray:
        """Returns a column, float64 (rows,), that of history.csv smoothed; NaN where it has no value yet."""
        table = self._table(name)
        if name not in table:
            return np.full(len(self.steps), np.nan)
        return self.aligned(smoothed(table[name]) if table is self.history else table[name], table)

    def raw(self, name: str) -> np.ndarray:
        """Returns a column without smoothing, float64 (rows,); NaN where it has no value yet."""
        table = self._table(name)
        return self.aligned(table.get(name, np.zeros(0)), table)

    def aligned(self, values: np.ndarray, table: Mapping[str, np.ndarray], rows_ago: int = 0) -> np.ndarray:
        """Returns for each of `steps` the value in the last row of a table up to this step, float64 (rows,).

        Args:
            values: one value for each row of the table; empty if there is none.
            table: `history` or `checks`.
            rows_ago: the number of rows before that row whose value is taken instead; 0 for the row itself.
        """
        last = np.searchsorted(self._steps(table), self.steps, side="right") - 1 - rows_ago
        if not len(values):
            return np.full(len(self.steps), np.nan)
        return np.where(last >= 0, np.asarray(values, float)[np.maximum(last, 0)], np.nan)

    def binned(self, name: str, steps: int) -> np.ndarray:
        """Returns a column of history.csv, float64 (rows,), as means of each row and the rows of `steps` before it."""
        column = np.asarray(self.history.get(name, np.zeros(0)), float)
        if not len(column):
            return np.full(len(self.steps), np.nan)
        rows = max(1, -(-steps * len(column) // max(1, int(self.history["step"][-1]))))
        padded = np.pad(column, (rows - 1, 0), mode="edge")
        return self.aligned(np.lib.stride_tricks.sliding_window_view(padded, rows).mean(axis=1), self.history)

    def evidence(self, span: tuple[int, int], *names: str) -> dict[str, float]:
        """Returns the medians of the existing columns in an interval of steps."""
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

    def _steps(self, table):
        return np.asarray(table.get("step", np.zeros(0)), float)


def smoothed(column: np.ndarray) -> np.ndarray:
    """Returns the median of each row and up to four rows before it, float64 (rows,); NaN if one of them is NaN."""
    column = np.asarray(column, float)
    first = [np.median(column[: row + 1]) for row in range(min(len(column), SMOOTHING_ROWS - 1))]
    if len(column) < SMOOTHING_ROWS:
        return np.array(first, float)
    windows = np.lib.stride_tricks.sliding_window_view(column, SMOOTHING_ROWS)
    return np.concatenate([first, np.median(windows, axis=1)])
