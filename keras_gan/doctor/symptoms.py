"""The symptoms of a training run, in one table: when each of them holds, what it means, and what to change.

`holds` is a pure function of measurements. It returns for each row whether the symptom holds there, and uses no later
rows. `hysteresis` decides when a symptom that holds is shown.

The bounds come from the runs of benchmarks/doctor_matrix.py. "Healthy" below means the sound runs there. A bound is
between the values of healthy runs and those of broken runs.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from keras_gan._utils import log_names
from keras_gan.doctor import advice
from keras_gan.doctor.measurements import Measurements
from keras_gan.doctor.verdicts import Settings

# D's loss if it cannot distinguish real from generated images, D(x) = 1/2: two terms of log 2, or one for pairs.
CHANCE_LOSS = {"minimax": 2 * math.log(2), "non_saturating": 2 * math.log(2), "relativistic": math.log(2)}
CHANCE_TEXT = {"minimax": "2 log 2", "non_saturating": "2 log 2", "relativistic": "log 2"}

DIVERGENCE = "divergence"
EXPLODED_LOSS = 1e3  # healthy runs stay below 6; D's learning rate x 100: 15 with lean, 2e7 with resnet
# The accuracy of healthy runs is 0.45 to 0.99, since a small lead is enough, and 1 in the first steps on photos. So the
# gap of the logits must be large too. After the first 200 steps it is 0 to 1.3 in healthy runs, 1.8 to 2.7 in those of
# resnet-light on faces, 9 to 56 with a frozen generator, and 3 to 33 with D's learning rate x 100.
SURE_ACCURACY, WIDE_GAP = 0.85, 4.0
NO_LOSS = 0.02  # D makes no errors any more; photos of 64 pixels: 0.06 to 0.2 in the first 60 steps
# Movement of the samples between two checks. On the 1-D data, whose mean has to move first, the gap is 4 to 12 in the
# first 200 steps, while samples move by 0.2 to 2 between checks.
MOVING = 0.1
CERTAIN_GAP = 16.0  # above 12 whatever the samples do: 20 to 41 with D's learning rate x 100 and lean
# A calibrated D with a gap of 2 has 45 % of the loss at chance. With D's learning rate x 100 it has 90 to 300 %, since
# its few errors are confident.
CONFIDENT_GAP, COSTLY_SHARE = 2.0, 0.8
# With a frozen G, D is right in all pairs, and samples move by 0.008 to 0.018 a check because of batch statistics.
# Samples of healthy runs move as little at the end, but D's accuracy is then lower: 0.70 to 0.93 on the ring. With
# resnet-light it is 0.94 to 0.99 from the start on, and the gap 2.7 at most.
LOST_ACCURACY, LOST_GAP, STILL = 0.98, 3.5, 0.025
# With labels swapped at random D ended at 0 to 0.03, and the gap at -0.2 to -1.2. In a healthy run with lean and 120
# images the accuracy was below 0.15 from step 120 to 190, and the gap -0.16 at least.
FOOLED_ACCURACY, FOOLED_GAP = 0.35, -0.2
# On images, untrained generators start at 0.1 to 0.4, and healthy ones end at 0.8 to 1.05. A generator that ignores z
# has 0, and goodfellow2014 collapsed on digits at 0.07. The generator for photos of 64 pixels starts with nearly equal
# grey pictures: diversity was 0.09 to 0.12 in the first 60 steps, and all samples were duplicates. So few different
# samples count only if there were more before, or late in the run.
NO_DIVERSITY, LOW_DIVERSITY, FALLEN, LATE_SHARE = 0.03, 0.3, 0.5, 0.2
RISING, LEAST_RISE = 1.2, 0.02
MANY_DUPLICATES = 0.9  # healthy: 0 on images, up to 0.46 on 1-D data; a game that oscillates: 0.83; collapsed: 1
MANY_MEMORISED = 0.2  # healthy: 0 on images, below 0.1 on vectors; eight training digits: 0.22 to 0.48 after step 550
# Two swings of d_accuracy from low to high and back. Means over several steps are used, since small batches are noisy.
# Healthy runs stay above 0.44. A linear D against a linear G, which is known to oscillate, swung between 0 and 1.
SWING_LOW, SWING_HIGH, SWINGS, SWING_STEPS = 0.3, 0.7, 4, 10
AT_CHANCE = 0.08  # distance of the accuracy from 1/2
LOSS_AT_CHANCE = 0.03  # relative distance of the loss from that at chance


@dataclass(frozen=True)
class Symptom:
    """A symptom: when it holds, what it means, and what to change."""

    name: str
    holds: Callable[[Measurements], np.ndarray]  # bool (rows,), from this row and earlier rows only
    sentence: str  # what happens, short enough for one line of a terminal
    explanation: str  # what it means, in one or two sentences
    evidence: tuple[str, ...]  # columns that show it
    advice: Callable[[Settings], str]  # the setting to change next
    early: bool = False  # whether it also counts in the first steps, in which most columns change quickly
    at_once: bool = False  # whether it is shown at its first row


def overflowed(m: Measurements) -> np.ndarray:
    """Whether a loss or a gradient is not finite."""
    columns = (*log_names.LOSSES, log_names.DISCRIMINATOR_GRADIENT, log_names.GENERATOR_GRADIENT)
    # A single step that is not finite is skipped, and `callbacks.DivergenceGuard` recovers.
    values = [m.raw(name) for name in columns if name in m.history]
    logged = m.steps >= m.history["step"][0] if len(m.history.get("step", ())) else np.zeros(len(m.steps), bool)
    return ~np.isfinite(values).all(axis=0) & logged if values else logged & False


def exploded(m: Measurements) -> np.ndarray:
    """Whether a loss is extremely large or not finite; losses that are not logistic may have any finite value."""
    large = [np.abs(m.raw(name)) > EXPLODED_LOSS for name in log_names.LOSSES]
    return (np.any(large, axis=0) & (m.settings.loss in CHANCE_LOSS)) | overflowed(m)


def all_alike(m: Measurements) -> np.ndarray:
    """Whether all latents give one sample."""
    return m.column("diversity") < NO_DIVERSITY


def collapsed(m: Measurements) -> np.ndarray:
    """Whether many latents give few different samples: fewer than before, or still few late in the run."""
    diversity = m.column("diversity")
    few = (diversity < LOW_DIVERSITY) | (m.column("duplicates") > MANY_DUPLICATES)
    fallen = diversity < FALLEN * np.fmax.accumulate(diversity) if len(diversity) else False
    late = m.steps >= LATE_SHARE * m.goal
    return few & (fallen | (late & ~_rising(m, diversity)))


def stands_still(m: Measurements) -> np.ndarray:
    """Whether the samples hardly change although D recognizes nearly all of them."""
    accuracy, gap = m.column(log_names.ACCURACY), m.column(log_names.LOGIT_GAP)
    lost = (accuracy > LOST_ACCURACY) & (gap > LOST_GAP)
    return (m.column("movement") < STILL) & (lost | (_far_ahead(m) & (m.settings.loss in CHANCE_LOSS)))


def discriminator_too_strong(m: Measurements) -> np.ndarray:
    """Whether D is certain: it makes no errors, or is far ahead of samples that hardly move, or errs confidently."""
    if m.settings.loss == "wasserstein":
        return np.zeros(len(m.steps), bool)  # a critic is supposed to be as good as possible
    logistic = m.settings.loss in CHANCE_LOSS  # the logits of other losses have other scales
    d_loss = m.column(log_names.DISCRIMINATOR_LOSS)
    sure, gap = m.column(log_names.ACCURACY) > SURE_ACCURACY, m.column(log_names.LOGIT_GAP)
    perfect = sure & ((d_loss < NO_LOSS) | (logistic & (gap > CERTAIN_GAP)))
    ahead = _far_ahead(m) & ~(m.column("movement") > MOVING) & ~_rising(m, d_loss) & logistic
    costly = d_loss > COSTLY_SHARE * CHANCE_LOSS.get(m.settings.loss, math.inf)
    return ((perfect | ahead) & ~stands_still(m)) | (costly & (gap > CONFIDENT_GAP))


def _far_ahead(m):
    return (m.column(log_names.ACCURACY) > SURE_ACCURACY) & (m.column(log_names.LOGIT_GAP) > WIDE_GAP)


def _rising(m, column):
    """Returns whether a column grew by a fifth over the newest third of the rows, so that training may recover."""
    rows = np.arange(len(column))
    before = column[rows - np.maximum(1, (rows + 1) // 3 - 1)] if len(column) else column
    return (column > RISING * before + LEAST_RISE) & (rows > 0)


def generator_too_strong(m: Measurements) -> np.ndarray:
    """Whether D rates generated images as more real than real ones."""
    return (m.column(log_names.ACCURACY) < FOOLED_ACCURACY) & (m.column(log_names.LOGIT_GAP) < FOOLED_GAP)


def fooled_by_far(m: Measurements) -> np.ndarray:
    """Whether D rates generated images as far more real than real ones."""
    return generator_too_strong(m) & (m.column(log_names.LOGIT_GAP) < -WIDE_GAP)


def oscillating(m: Measurements) -> np.ndarray:
    """Whether D and G won in turn, several times in the newer half of the rows."""
    accuracy = m.binned(log_names.ACCURACY, SWING_STEPS)
    rows = np.arange(len(accuracy))
    turns = np.concatenate([[0], np.cumsum(_turns(accuracy))])
    return turns[rows + 1] - turns[(rows + 1) // 2] >= SWINGS


def _turns(column):
    """Returns the rows at which a column reaches the low range after the high range, or the reverse, bool (rows,)."""
    side = np.where(column > SWING_HIGH, 1, np.where(column < SWING_LOW, -1, 0))
    outer = np.flatnonzero(side)
    turns = np.zeros(len(column), bool)
    turns[outer[1:][np.diff(side[outer]) != 0]] = True
    return turns


def memorising(m: Measurements) -> np.ndarray:
    """Whether samples are copies of training images."""
    return m.column("memorised") > MANY_MEMORISED


def at_chance(m: Measurements) -> np.ndarray:
    """Whether D's loss has its value for random answers, such as 2 log 2."""
    chance = CHANCE_LOSS.get(m.settings.loss, math.nan)
    near = np.abs(m.column(log_names.DISCRIMINATOR_LOSS) / chance - 1.0) < LOSS_AT_CHANCE
    return near & (np.abs(m.column(log_names.ACCURACY) - 0.5) < AT_CHANCE)


EXPLODED = Symptom(
    DIVERGENCE,
    exploded,
    "A loss or a gradient is NaN, infinite or huge.",
    f"A loss is huge above {EXPLODED_LOSS:g}. The updates grow until they overflow, or the data contain NaN. Steps "
    "with NaN or infinite values are skipped, so the networks stop learning.",
    (*log_names.LOSSES, log_names.DISCRIMINATOR_GRADIENT, log_names.GENERATOR_GRADIENT),
    lambda settings: advice.discriminator_rate(settings, 0.1),
    early=True,
)
COLLAPSED = Symptom(
    "mode collapse",
    collapsed,
    "Many latents give nearly equal samples.",
    "The generator makes only a few samples that the discriminator accepts. Single samples may look good, so look at "
    "the whole grid.",
    ("diversity", "duplicates", log_names.ACCURACY),
    advice.penalty,
)
FOOLED = Symptom(
    "generator too strong",
    generator_too_strong,
    "Samples are rated above real images.",
    "The discriminator rates generated images as more real than real images in most pairs. It learns too slowly, or "
    "from wrong labels, and its gradients do not help the generator.",
    (log_names.ACCURACY, log_names.LOGIT_GAP, *log_names.LOSSES),
    lambda settings: advice.discriminator_rate(settings, 2.0),
)

# Causes before their effects: where several symptoms hold, the first one is shown.
SYMPTOMS: tuple[Symptom, ...] = (
    replace(EXPLODED, holds=overflowed, at_once=True),
    EXPLODED,
    Symptom(
        "generator stands still",
        stands_still,
        "Its samples hardly change.",
        "The discriminator recognizes nearly all of them. Either the learning rate of the generator is too small, or "
        "its gradients have vanished.",
        ("movement", log_names.ACCURACY, log_names.GENERATOR_LOSS, log_names.GENERATOR_GRADIENT),
        advice.faster_generator,
        early=True,
    ),
    replace(FOOLED, holds=fooled_by_far, early=True),
    FOOLED,
    Symptom(
        "oscillation",
        oscillating,
        "Discriminator and generator win in turn.",
        f"The accuracy of the discriminator swings between below {SWING_LOW} and above {SWING_HIGH}. Each network "
        "reacts to the last change of the other, and neither improves.",
        (log_names.ACCURACY, *log_names.LOSSES, "movement"),
        advice.penalty,
    ),
    replace(COLLAPSED, holds=all_alike, early=True),
    COLLAPSED,
    Symptom(
        "discriminator too strong",
        discriminator_too_strong,
        "It recognizes almost all samples.",
        "The discriminator distinguishes real from generated images with certainty. The generator learns that "
        "everything is wrong, and not how to improve. A large loss of the discriminator does not contradict this: if "
        "its steps are too large, its few errors are confident.",
        (log_names.ACCURACY, log_names.LOGIT_GAP, *log_names.LOSSES, log_names.GENERATOR_GRADIENT),
        advice.weaker_discriminator,
        early=True,
    ),
    Symptom(
        "memorising",
        memorising,
        "Samples are almost copies of training images.",
        "There are many more near copies than chance explains. The generator repeats training images instead of making "
        "new ones.",
        ("memorised", "diversity", "duplicates"),
        advice.more_images,
    ),
)
AT_CHANCE_NOTE = Symptom(
    "loss at chance",
    at_chance,
    "The discriminator does not distinguish real from generated images.",
    "This is normal at the end, when samples look real. At the start, when they do not, it means that the "
    "discriminator learns nothing.",
    (log_names.DISCRIMINATOR_LOSS, log_names.ACCURACY, "diversity"),
    lambda settings: "",
)
