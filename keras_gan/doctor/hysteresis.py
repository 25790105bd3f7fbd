"""When a symptom is shown: after it has held for a share of the run, until it has been absent for as long."""

import numpy as np

from keras_gan.doctor.measurements import Measurements

HOLD_SHARE = 0.05  # of the configured steps
MIN_HOLD_STEPS = 40  # in short runs
RELEASE = 2.0  # a symptom has to be absent for this many times as long, so that one cause is not shown in pieces
HOLD_CHECKS = 2  # intervals between checks, where these are rare
ALMOST_ALL = 0.8  # of the rows in this time: with swapped labels D was right for about ten steps in between
# In the first steps all columns change quickly: with lean on MNIST, d_accuracy went from 1 to 0.06 and back to 1, and
# diversity from 0.05 to 0.5. Only clear signs count before this step.
MIN_STEPS = 100
DIAGNOSIS_STEPS = MIN_STEPS + MIN_HOLD_STEPS


def shown(holds: np.ndarray, m: Measurements, early: bool = False) -> np.ndarray:
    """Finds the rows at which a symptom is shown.

    It is shown once it held in `ALMOST_ALL` of the rows of the time before, which is `HOLD_SHARE` of the run. It is no
    longer shown once it was absent from as many rows of a time twice as long. In between nothing changes.

    Args:
        holds: whether the symptom holds, bool (rows,), at `m.steps`.
        m: the measurements.
        early: whether the symptom also counts before step `MIN_STEPS`.

    Returns:
        bool (rows,).
    """
    if not len(holds):
        return np.zeros(0, bool)
    hold_steps = _hold_steps(m)
    since = _covered(m, m.steps - hold_steps)
    covered = since >= (_start(m.steps) if early else max(MIN_STEPS, _start(m.steps)))
    absent = 1.0 - _share(holds, m.steps, _covered(m, m.steps - RELEASE * hold_steps))
    return _latched((_share(holds, m.steps, since) >= ALMOST_ALL) & covered, absent >= ALMOST_ALL)


def _share(holds, steps, since):
    """Returns for each row the share of rows after a step in which the symptom holds, float64 (rows,)."""
    first = np.searchsorted(steps, since, side="right")
    sums, rows = np.concatenate([[0], np.cumsum(holds)]), np.arange(1, len(holds) + 1)
    return (sums[rows] - sums[first]) / (rows - first)


def _hold_steps(m):
    """Returns for each row the steps for which a symptom has to hold, float64 (rows,)."""
    return np.maximum(HOLD_SHARE * m.configured, MIN_HOLD_STEPS)


def _covered(m, since):
    """Returns `since`, or the step of an earlier check where fewer than `HOLD_CHECKS` lie between; (rows,)."""
    checked = m.checks.get("step", np.zeros(0))
    if not len(checked):
        return since
    return np.minimum(since, np.nan_to_num(m.aligned(checked, m.checks, HOLD_CHECKS), nan=-np.inf))


def _start(steps):
    """Returns the step at which the first row of logs begins; a row covers the steps before it."""
    return 0.0 if len(steps) < 2 else max(0.0, 2.0 * steps[0] - steps[1])


def _latched(on, off):
    """Returns True from each row in `on` to the next in `off`, bool (rows,)."""
    rows = np.arange(len(on))
    return np.maximum.accumulate(np.where(on, rows, -1)) > np.maximum.accumulate(np.where(off, rows, -1))
