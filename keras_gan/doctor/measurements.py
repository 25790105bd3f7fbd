"""The columns of a run prepared for diagnosis: smoothed columns, and intervals in which a symptom lasts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from keras_gan._utils.log_names import ACCURACY
from keras_gan.doctor.samples import METRICS
from keras_gan.doctor.verdicts import Settings

# In the first steps all columns change quickly: with lean on MNIST, d_accuracy went from 1 to 0.06 and back to 1, and
# diversity from 0.05 to 0.5. A symptom that appears only before this step does not count.
MIN_STEPS = 100
# A new symptom may disappear by itself. It counts after it has lasted for this share of the run and these rows.
LASTING_SHARE, LASTING_ROWS = 0.2, 4
DIAGNOSIS_STEPS = int(MIN_STEPS / (1 - LASTING_SHARE))  # the first step at which a symptom can have lasted: 125
HOLDING_SHARE = 0.8  # of the rows in the interval: with swapped labels D was right for about ten steps in between
SMOOTHING_ROWS = 5  # a median over these rows removes single outliers


@dataclass(frozen=True)
class Measurements:
    """The columns of history.csv and of checks.csv, which may be empty, and the settings of the training."""

    history: Mapping[str, np.ndarray]
    checks: Mapping[str, np.ndarray]
    settings: Settings

    def column(self, name: str) -> np.ndarray:
        """Returns a smoothed column, float64 (rows,); all NaN if the column does not exist."""
        table = self._table(name)
        return smoothed(table[name]) if name in table else np.full(len(table.get("step", ())), np.nan)

    def binned(self, name: str, steps: int) -> np.ndarray:
        """Returns a column of history.csv with the mean of each row and the rows before it.

        Args:
            name: name of the column.
            steps: each mean covers at least this number of steps.

        Returns:
            float64 (rows,).
        """
        column = self.column(name) if name not in self.history else self.history[name]
        if not len(column):
            return np.zeros(0)
        rows = -(-steps * len(column) // max(1, int(self.history["step"][-1])))
        padded = np.pad(np.asarray(column, float), (rows - 1, 0), mode="edge")
        return np.lib.stride_tricks.sliding_window_view(padded, rows).mean(axis=1)

    def last(self, holds: np.ndarray, name: str = ACCURACY) -> tuple[int, int] | None:
        """Finds the interval up to the newest row in which a condition holds.

        Args:
            holds: bool (rows,), whether the condition holds in each row of the table with the column `name`.
            name: a column of that table.

        Returns:
            The first and the last step; None if the interval is too short.
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
        """Returns a smoothed column of history.csv, interpolated at the steps of checks.csv."""
        if not len(self.history.get("step", ())):
            return np.full(len(self.checks.get("step", ())), np.nan)
        return np.interp(self.checks["step"], self.history["step"], self.column(name)) if self.checks else np.zeros(0)

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


def smoothed(column: np.ndarray) -> np.ndarray:
    """Returns the median of each row and the four rows before it, float64 (rows,); NaN if one of them is NaN."""
    if not len(column):
        return np.zeros(0)
    padded = np.pad(np.asarray(column, float), (SMOOTHING_ROWS - 1, 0), mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, SMOOTHING_ROWS), axis=1)
