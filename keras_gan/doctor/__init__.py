"""What is happening in a run, in plain words: from its numbers to verdicts, each with evidence and advice.

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
from keras_gan.doctor.measurements import TELLING_STEPS, Measurements
from keras_gan.doctor.symptoms import DIVERGENCE, SYMPTOMS
from keras_gan.doctor.verdicts import ILL, NOTE, SEVERITIES, WELL, Settings, Verdict
from keras_gan.plots import doctor as plots
from keras_gan.runs import Run

__all__ = ["ILL", "MEANINGS", "NOTE", "WELL", "Settings", "Verdict", "describe", "diagnose", "draw", "examine"]

MEANINGS = {
    log_names.ACCURACY: "share of real and generated pairs that D orders right; healthy: 0.45 to 0.98",
    log_names.LOGIT_GAP: "D's logits, real minus generated; healthy: under 1",
    log_names.DISCRIMINATOR_LOSS: "D's loss",
    log_names.GENERATOR_LOSS: "G's loss",
    log_names.DISCRIMINATOR_GRADIENT: "norm of D's gradient",
    log_names.GENERATOR_GRADIENT: "norm of G's gradient",
    "diversity": "samples' mean distance over that of real data; healthy: near 1",
    "duplicates": "share of samples that have a twin; healthy: near 0",
    "memorised": "share of samples that copy a training datum; healthy: near 0",
    "movement": "change of the samples since the check before; falls slowly",
}


def diagnose(history: Mapping[str, np.ndarray], checks: Mapping[str, np.ndarray], settings: Settings) -> list[Verdict]:
    """What is happening in a run.

    Args:
        history: columns of history.csv by name, each (rows,); empty where nothing was logged.
        checks: columns of checks.csv; empty where samples were not measured.
        settings: of the game; `Settings.of` makes them from a `TrainConfig`.

    Returns:
        Verdicts, the gravest first: at least one that says healthy, or too early to tell.
    """
    measurements = Measurements(history, checks, settings)
    found = [verdict for symptom in SYMPTOMS if (verdict := symptom(measurements))]
    if found and found[0].name == DIVERGENCE:
        return found[:1]  # what else the numbers show follows from it
    if not any(verdict.severity == ILL for verdict in found):
        found.append(_well(measurements))
    return sorted(found, key=lambda verdict: SEVERITIES.index(verdict.severity))


def examine(run: Run) -> list[Verdict]:
    """Diagnoses a run folder. Raises InputError where a file in it is damaged."""
    return diagnose(run.history(), run.columns("checks"), Settings.of(run.config, run.data_count))


def draw(run: Run, verdicts: list[Verdict]) -> Path | None:
    """Draws what verdicts were read from as doctor.png in a run; returns its path, or None where nothing was logged."""
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
    if last < TELLING_STEPS:
        return Verdict(
            "too early to tell",
            WELL,
            f"{last:,} steps were logged; from step {TELLING_STEPS:,} on the numbers mean something.",
            advice=("train on with more --steps (in code: epochs of fit)",),
        )
    span = (int(steps[-max(1, len(steps) // 5)]), last)
    return Verdict(
        "healthy",
        WELL,
        "Neither network has won, samples differ from one another, and nothing is growing without bound.",
        m.evidence(span, log_names.ACCURACY, log_names.LOGIT_GAP, "diversity", "duplicates", "memorised"),
        steps=span,
    )
