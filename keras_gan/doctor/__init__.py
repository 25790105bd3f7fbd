"""Diagnoses a training run: from its numbers to verdicts in plain words, each with evidence and advice.

For example::

    from keras_gan import doctor
    from keras_gan.runs import Run

    for verdict in doctor.examine(Run("runs/digits-resnet")):
        print(verdict.name, verdict.sentence)
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_gan._utils import log_names
from keras_gan._utils.text import Text
from keras_gan.doctor import causes, wording
from keras_gan.doctor.causes import Episode
from keras_gan.doctor.hysteresis import shown
from keras_gan.doctor.measurements import Measurements
from keras_gan.doctor.progress import progress
from keras_gan.doctor.symptoms import AT_CHANCE_NOTE
from keras_gan.doctor.verdicts import ILL, NOTE, WELL, Settings, Verdict
from keras_gan.plots import doctor as plots
from keras_gan.runs import Run

__all__ = [
    "ILL",
    "MEANINGS",
    "NOTE",
    "WELL",
    "Episode",
    "Settings",
    "Verdict",
    "describe",
    "diagnose",
    "draw",
    "episodes",
    "examine",
    "settings_of",
]

MEANINGS = {
    log_names.ACCURACY: "share of pairs in which the real image has the higher logit; healthy: 0.45 to 0.99",
    log_names.LOGIT_GAP: "mean logit of real minus that of generated images; healthy: below 1, or 3 from 64 pixels on",
    log_names.DISCRIMINATOR_LOSS: "loss of the discriminator",
    log_names.GENERATOR_LOSS: "loss of the generator",
    log_names.DISCRIMINATOR_GRADIENT: "norm of the gradient of the discriminator",
    log_names.GENERATOR_GRADIENT: "norm of the gradient of the generator",
    "diversity": "mean distance between samples, divided by that between real images; healthy: near 1",
    "duplicates": "share of samples that almost equal another sample; healthy: near 0",
    "memorised": "share of samples that almost equal a training image; healthy: near 0",
    "movement": "change of the samples since the previous check; decreases slowly",
}


def diagnose(history: Mapping[str, np.ndarray], checks: Mapping[str, np.ndarray], settings: Settings) -> list[Verdict]:
    """Diagnoses a run from its columns.

    A symptom counts once it held for a share of the run: see `doctor.hysteresis`. An ill run has one verdict.

    Args:
        history: columns of history.csv by name, each (rows,); empty if nothing was logged.
        checks: columns of checks.csv by name; empty without checks of samples.
        settings: settings of the training; `Settings.of` makes them from a `TrainConfig`.

    Returns:
        A list of `Verdict`, the most severe first: the cause of an ill run, or notes and one of "healthy", "balanced
        and unfinished" and "too early to tell".
    """
    m = Measurements(history, checks, settings)
    found = causes.episodes(m)
    if found and found[-1].last == m.steps[-1]:
        return [causes.verdict(found[-1].symptom, m, ILL, found[-1].since)]
    return [*_notes(m), progress(m)]


def episodes(history: Mapping[str, np.ndarray], checks: Mapping[str, np.ndarray], settings: Settings) -> list[Episode]:
    """Returns what was shown over a run, in order: the problems, each with the steps at which it was shown.

    The arguments are those of `diagnose`.
    """
    return causes.episodes(Measurements(history, checks, settings))


def examine(run: Run) -> list[Verdict]:
    """Diagnoses a run folder. Raises InputError if a file in it is damaged."""
    return diagnose(*_columns(run))


def settings_of(run: Run) -> Settings:
    """Returns the settings of a run folder."""
    return Settings.of(run.config, run.data_count, run.data_shape)


def _columns(run):
    return run.history(), run.columns("checks"), settings_of(run)


def _notes(m):
    """Returns the note on a loss at chance, if it holds."""
    held = shown(AT_CHANCE_NOTE.holds(m), m)
    if not len(held) or not held[-1]:
        return []
    since = m.steps[np.flatnonzero(~held)[-1] + 1] if not held.all() else m.steps[0]
    return [causes.verdict(AT_CHANCE_NOTE, m, NOTE, since)]


def draw(run: Run) -> Path | None:
    """Draws the columns behind the verdicts as doctor.png in the run folder, with the steps at which each was shown.

    Returns the path, or None if nothing was logged.
    """
    history, checks, settings = _columns(run)
    if log_names.ACCURACY not in history:
        return None
    path = run.path / "doctor.png"
    spans = [(each.symptom.name, each.since, each.last) for each in episodes(history, checks, settings)]
    plots.diagnosis(history, checks, spans, path)
    return path


def describe(verdicts: list[Verdict], picture: Path | None = None) -> Text:
    """Verdicts as a text that `print` shows; `picture` is named at its end."""
    return wording.describe(verdicts, MEANINGS, picture)
