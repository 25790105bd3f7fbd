"""From symptoms to one cause: which verdict is shown at each row of a run."""

from dataclasses import dataclass

import numpy as np

from keras_gan.doctor import advice
from keras_gan.doctor.hysteresis import ALMOST_ALL, shown
from keras_gan.doctor.measurements import Measurements
from keras_gan.doctor.symptoms import SYMPTOMS, Symptom
from keras_gan.doctor.verdicts import ILL, Verdict


@dataclass(frozen=True)
class Episode:
    """Consecutive rows at which one symptom is shown as the cause."""

    symptom: Symptom
    since: int  # the step at which the symptom began to hold
    first: int  # the first step at which it is shown
    last: int  # the last step at which it is shown


def episodes(m: Measurements) -> list[Episode]:
    """Finds what is shown over a run: at most one symptom at a time.

    A symptom that is shown remains until it is over, so that an ill run keeps one cause. Where several begin at once,
    the first in the table is the cause. Values that are not finite replace any other symptom.
    """
    holds = [symptom.holds(m) for symptom in SYMPTOMS]
    active = np.array([each if s.at_once else shown(each, m, s.early) for each, s in zip(holds, SYMPTOMS, strict=True)])
    found, current, start = [], None, 0
    for row in [*_changes(active), len(m.steps)]:
        after = _cause(active[:, row], current) if row < len(m.steps) else None
        if _name(after) != _name(current):  # two symptoms may be signs of one problem
            if current is not None:
                same = [each for each, s in zip(holds, SYMPTOMS, strict=True) if s.name == _name(current)]
                found.append(_episode(m, current, np.any(same, axis=0), start, row))
            start = row
        current = after
    return found


def _name(index):
    return None if index is None else SYMPTOMS[index].name


def _changes(active):
    """Returns the rows at which a symptom begins or ends to be shown, with the first row."""
    if not active.shape[1]:
        return np.zeros(0, int)
    return np.concatenate([[0], np.flatnonzero(np.diff(active, axis=1).any(axis=0)) + 1])


def _cause(active, current):
    """Returns the index of the symptom to show; None if there is none."""
    candidates = np.flatnonzero(active)
    at_once = [index for index in candidates if SYMPTOMS[index].at_once]
    if current is not None and active[current] and not at_once:
        return current
    return next(iter([*at_once, *candidates]), None)


def _episode(m, index, holds, start, end):
    # The earliest row from which on the symptom held in almost all rows.
    until = holds[: start + 1][::-1]
    share = (np.cumsum(until) / np.arange(1, start + 2))[::-1]
    begun = np.flatnonzero((share >= ALMOST_ALL) & holds[: start + 1])
    rows = (begun[0] if len(begun) else start, start, end - 1)
    return Episode(SYMPTOMS[index], *(int(m.steps[row]) for row in rows))


def verdict(symptom: Symptom, m: Measurements, severity: str, since: float) -> Verdict:
    """Returns the verdict of a symptom that holds since a step, with the medians since then as evidence."""
    span = (int(since), int(m.steps[-1]))
    return Verdict(
        symptom.name,
        severity,
        symptom.sentence,
        symptom.explanation,
        m.evidence(span, *symptom.evidence),
        (severity == ILL and advice.unusual_rate(m.settings)) or symptom.advice(m.settings),
        span,
    )
