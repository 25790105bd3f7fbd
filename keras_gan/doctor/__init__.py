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
from keras_gan.doctor import wording
from keras_gan.doctor.measurements import DIAGNOSIS_STEPS, Measurements
from keras_gan.doctor.symptoms import DIVERGENCE, SYMPTOMS
from keras_gan.doctor.verdicts import ILL, NOTE, SEVERITIES, WELL, Settings, Verdict
from keras_gan.plots import doctor as plots
from keras_gan.runs import Run

__all__ = ["ILL", "MEANINGS", "NOTE", "WELL", "Settings", "Verdict", "describe", "diagnose", "draw", "examine"]

MEANINGS = {
    log_names.ACCURACY: "share of pairs in which the real image has the higher logit; healthy: 0.45 to 0.98",
    log_names.LOGIT_GAP: "mean logit of real minus that of generated images; healthy: below 1",
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

    Args:
        history: columns of history.csv by name, each (rows,); empty if nothing was logged.
        checks: columns of checks.csv by name; empty without checks of samples.
        settings: settings of the training; `Settings.of` makes them from a `TrainConfig`.

    Returns:
        A list of `Verdict`, the most severe first. It has at least one verdict, such as "healthy".
    """
    measurements = Measurements(history, checks, settings)
    found = [verdict for symptom in SYMPTOMS if (verdict := symptom(measurements))]
    if found and found[0].name == DIVERGENCE:
        return found[:1]  # other symptoms follow from the divergence
    if not any(verdict.severity == ILL for verdict in found):
        found.append(_well(measurements))
    return sorted(found, key=lambda verdict: SEVERITIES.index(verdict.severity))


def examine(run: Run) -> list[Verdict]:
    """Diagnoses a run folder. Raises InputError if a file in it is damaged."""
    return diagnose(run.history(), run.columns("checks"), Settings.of(run.config, run.data_count))


def draw(run: Run, verdicts: list[Verdict]) -> Path | None:
    """Draws the columns behind the verdicts as doctor.png in the run folder.

    Returns the path, or None if nothing was logged.
    """
    history = run.history()
    if log_names.ACCURACY not in history:
        return None
    path = run.path / "doctor.png"
    spans = [(verdict.name, *verdict.steps) for verdict in verdicts if verdict.severity != WELL and verdict.steps]
    plots.diagnosis(history, run.columns("checks"), spans, path)
    return path


def describe(verdicts: list[Verdict], picture: Path | None = None) -> Text:
    """Verdicts as a text that `print` shows; `picture` is named at its end."""
    return wording.describe(verdicts, MEANINGS, picture)


def _well(m):
    steps = m.history.get("step", np.zeros(1))
    last = int(steps[-1])
    if last < DIAGNOSIS_STEPS:
        return Verdict(
            "too early to tell",
            WELL,
            f"{last:,} steps were logged; a diagnosis needs at least {DIAGNOSIS_STEPS:,} steps.",
            advice=("continue training with more --steps (in code: epochs of fit)",),
        )
    span = (int(steps[-max(1, len(steps) // 5)]), last)
    return Verdict(
        "healthy",
        WELL,
        "Neither network dominates the other, samples differ from each other, and no value grows without limit.",
        m.evidence(span, log_names.ACCURACY, log_names.LOGIT_GAP, "diversity", "duplicates", "memorised"),
        steps=span,
    )
