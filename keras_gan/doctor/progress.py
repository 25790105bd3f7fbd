"""The verdicts of a run without a problem: too early to tell, balanced and unfinished, or healthy.

None of them says how good samples are, which the doctor does not measure.
"""

from keras_gan._utils import log_names
from keras_gan.doctor.hysteresis import DIAGNOSIS_STEPS
from keras_gan.doctor.measurements import Measurements
from keras_gan.doctor.verdicts import NOTE, WELL, Verdict

RECENT_SHARE = 0.2  # of the run, for the numbers that are shown
ENOUGH = 0.9  # of the usual steps
NOT_QUALITY = "The doctor does not measure how good samples look: kgan evaluate does."


def progress(m: Measurements) -> Verdict:
    """Returns the verdict of a run without a problem."""
    last = int(m.steps[-1]) if len(m.steps) else 0
    if last < DIAGNOSIS_STEPS:
        return Verdict(
            "too early to tell",
            NOTE,
            f"{last:,} steps were logged; a diagnosis needs {DIAGNOSIS_STEPS:,} steps.",
            advice="continue training with more --steps (in code: epochs of fit)",
        )
    since = int(last * (1 - RECENT_SHARE))
    shown = (log_names.ACCURACY, log_names.LOGIT_GAP, "diversity", "duplicates", "memorised", "movement")
    evidence = m.evidence((since, last), *shown)
    goal = _goal(m.settings, last)
    if goal is None:
        differ = ", and the samples differ from each other" if "diversity" in evidence else ""
        sentence = f"Neither network dominates the other{differ}."
        return Verdict("healthy", WELL, sentence, NOT_QUALITY, evidence, steps=(since, last))
    return Verdict(
        "balanced and unfinished",
        NOTE,
        f"Neither network dominates the other. {goal}",
        f"{_change(evidence)}{NOT_QUALITY}",
        evidence,
        "continue training" + _more(m.settings, last),
        (since, last),
    )


def _change(evidence):
    """Returns a sentence on how fast the samples still change; "" if it is not known."""
    if "movement" not in evidence:
        return ""
    share = f"{100 * evidence['movement']:.2g} %"
    return f"From check to check the samples still change by {share} of the mean distance between real images. "


def _goal(settings, last):
    """Returns a sentence on the steps that remain; None if enough steps were made."""
    usual, configured = settings.usual_steps, settings.steps
    if usual is not None and last < ENOUGH * usual:
        about = "more than" if settings.usual_is_least else "about"
        return f"This is step {last:,}; runs of this kind usually take {about} {usual:,} steps."
    if configured is not None and last < configured:
        return f"This is step {last:,} of {configured:,}."
    return None


def _more(settings, last):
    """Returns the number of steps to configure, if those that are configured are too few."""
    few = settings.usual_steps is not None and settings.steps is not None and settings.steps < settings.usual_steps
    return f" with --steps {settings.usual_steps} (in code: epochs of fit)" if few else ""
