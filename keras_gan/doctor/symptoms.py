"""The symptoms of a training run: one function for each, from measurements to a verdict or None, and their table.

The bounds come from runs of this package. "Healthy" below means digits (8×8) and MNIST with the presets resnet and
lean, and the ring with its own preset. A bound is between the values of healthy runs and those of broken runs.
"""

import math
from collections.abc import Callable

import numpy as np

from keras_gan._utils import log_names
from keras_gan.doctor.measurements import Measurements
from keras_gan.doctor.verdicts import (
    ILL,
    NOTE,
    Verdict,
    discriminator_rate,
    generator_rate,
    more_discriminator_steps,
    penalty,
)

# D's loss if it cannot distinguish real from generated images, D(x) = 1/2: two terms of log 2, or one for pairs.
CHANCE_LOSS = {"minimax": 2 * math.log(2), "non_saturating": 2 * math.log(2), "relativistic": math.log(2)}
CHANCE_TEXT = {"minimax": "2 log 2", "non_saturating": "2 log 2", "relativistic": "log 2"}

DIVERGENCE = "divergence"
EXPLODED_LOSS = 1e3  # healthy runs stay below 5; D's learning rate x 100: 15 with lean, 2e7 with resnet
# The accuracy of healthy runs is 0.45 to 0.98, since a small lead is enough. So the gap of the logits must be large
# too. It is 0 to 0.6 in healthy runs, 9.4 with a frozen generator, 10 with one that ignores z, and 3 to 33 with D's
# learning rate x 100.
SURE_ACCURACY, WIDE_GAP = 0.85, 4.0
FASTER = 4.0  # D's learning rate divided by G's: two time scales (Heusel et al. 2017) use 4
NO_LOSS = 0.05  # for losses with another scale: D makes no errors any more
# An abrupt D is confident (large gap), and yet its loss is nearly the loss at chance. A calibrated D with a gap of 2
# has 45 % of that loss. With D's learning rate x 100 it was 90 to 300 %.
ABRUPT_GAP, ABRUPT_SHARE = 2.0, 0.8
# With a frozen G, D is right in all pairs, and samples move by 0.008 to 0.018 a check because of batch statistics.
# Samples of healthy runs move as little at the end, but D's accuracy is then lower: 0.70 to 0.93 on the ring.
LOST_ACCURACY, STILL = 0.98, 0.025
FOOLED_ACCURACY = (
    0.35  # the minimum of healthy runs is 0.44, with lean; with labels swapped at random D ended at 0 to 0.03
)
# On images, untrained generators start at 0.1 to 0.4, and healthy ones end at 0.8 to 1.05. A generator that ignores z
# has 0, and goodfellow2014 collapsed on digits at 0.07.
LOW_DIVERSITY, RISING, LEAST_RISE = 0.3, 1.2, 0.02
MANY_DUPLICATES = 0.5  # healthy: 0, and 0.16 on 1-D data; collapsed: 1
MANY_MEMORISED = 0.2  # healthy: 0 on images, below 0.1 on vectors; eight training digits: 0.22 to 0.48 after step 550
# Two swings of d_accuracy from low to high and back. Means over several steps are used, since small batches are noisy.
# Healthy runs stay above 0.44. A linear D against a linear G, which is known to oscillate, swung between 0 and 1.
SWING_LOW, SWING_HIGH, SWINGS, SWING_STEPS = 0.3, 0.7, 4, 10
AT_CHANCE, LOSS_AT_CHANCE = (
    0.08,
    0.03,
)  # distance from an accuracy of 1/2, and relative one from the loss at chance
FEW_IMAGES = 1_000


def diverged(m: Measurements) -> Verdict | None:
    """Finds losses or gradients that are not finite, or extremely large."""
    columns = (*log_names.LOSSES, log_names.DISCRIMINATOR_GRADIENT, log_names.GENERATOR_GRADIENT)
    table = {name: m.history[name] for name in columns if name in m.history}
    broken = np.zeros(len(m.history.get("step", ())), bool)
    large = broken.copy()
    for name, column in table.items():
        broken |= ~np.isfinite(column)
        # Other losses have other scales: the loss of a Wasserstein critic may have any value.
        large |= (np.abs(column) > EXPLODED_LOSS) & (name in log_names.LOSSES) & (m.settings.loss in CHANCE_LOSS)
    lasting = m.last(large)  # a single peak does not count
    # A single step that is not finite does not count either: it is skipped, and `callbacks.DivergenceGuard` recovers.
    bad = (broken & broken[-1:]) | (large & (lasting is not None))
    if not bad.any():
        return None
    first = int(np.argmax(bad))
    step = int(m.history["step"][first])
    before = {name: float(column[first - 1]) for name, column in table.items()} if first else {}
    return Verdict(
        DIVERGENCE,
        ILL,
        f"A loss or a gradient became NaN, infinite or larger than {EXPLODED_LOSS:g} by step {step:,}: the updates "
        "grew until they overflowed, or the data contain NaN. Steps with NaN or infinite values are skipped, so the "
        "networks stop learning. The numbers are those of the last row before it.",
        before,
        (
            discriminator_rate(m.settings, 0.25),
            generator_rate(m.settings, 0.25),
            penalty(m.settings),
            "check the data for values that are NaN, infinite or far outside [-1, 1]",
        ),
        (step, int(m.history["step"][-1])),
    )


def collapsed(m: Measurements) -> Verdict | None:
    """Finds a mode collapse: many latents, few different samples."""
    diversity = m.column("diversity")
    span = m.last((diversity < LOW_DIVERSITY) | (m.column("duplicates") > MANY_DUPLICATES), "diversity")
    if span is None or _rising(diversity):
        return None
    return Verdict(
        "mode collapse",
        ILL,
        "Different latents give nearly the same samples: the generator makes only a few samples that the discriminator "
        "accepts. Single samples may look good, so look at the whole grid.",
        m.evidence(span, "diversity", "duplicates", log_names.ACCURACY),
        (
            penalty(m.settings),
            generator_rate(m.settings, 0.5),
            "use --loss relativistic, which compares samples with real images (in code: loss of compile)",
        ),
        span,
    )


def _rising(column):
    """Returns whether a column grew by a fifth over its newest third, so that the generator may recover."""
    recent = column[-max(2, len(column) // 3) :]
    return recent[-1] > RISING * recent[0] + LEAST_RISE


def stands_still(m: Measurements) -> Verdict | None:
    """Finds a generator that hardly changes although D recognizes all samples."""
    lost = (m.at_check_steps(log_names.ACCURACY) > LOST_ACCURACY) & (m.at_check_steps(log_names.LOGIT_GAP) > ABRUPT_GAP)
    span = m.last((m.column("movement") < STILL) & lost, "movement")
    if span is None:
        return None
    return Verdict(
        "generator stands still",
        ILL,
        "The discriminator recognizes nearly every sample, and yet the samples hardly change: either the learning rate "
        "of the generator is too small, or its gradients have vanished.",
        m.evidence(span, "movement", log_names.ACCURACY, log_names.GENERATOR_LOSS, log_names.GENERATOR_GRADIENT),
        (
            generator_rate(m.settings, 4.0),
            discriminator_rate(m.settings, 0.25),
            "use --loss non_saturating or relativistic, whose gradients do not vanish if the discriminator is strong "
            "(in code: loss of compile)",
        ),
        span,
    )


def discriminator_too_strong(m: Measurements) -> Verdict | None:
    """Finds a discriminator that is too strong: its loss goes to 0, and the loss of the generator grows."""
    if m.settings.loss == "wasserstein":
        return None  # a critic is supposed to be as good as possible
    d_loss = m.column(log_names.DISCRIMINATOR_LOSS)
    span = m.last((m.column(log_names.ACCURACY) > SURE_ACCURACY) & (_far_apart(m) | (d_loss < NO_LOSS)))
    if span is None or _rising(d_loss):
        return None
    return Verdict(
        "discriminator too strong",
        ILL,
        "The discriminator distinguishes real from generated images with certainty. The loss of the generator grows, "
        "and the loss of the discriminator goes to 0 unless its steps are too large. The generator then does not learn "
        "how to improve.",
        m.evidence(span, log_names.ACCURACY, log_names.LOGIT_GAP, *log_names.LOSSES, log_names.GENERATOR_GRADIENT),
        (
            *_calming(m.settings),
            "use --loss relativistic, which does not reward the discriminator for certainty (in code: loss of compile)",
        ),
        span,
    )


def _calming(settings):
    """Returns advice to weaken D: a penalty first, or a lower learning rate first if it is much higher than G's."""
    rates = settings.discriminator_lr, settings.generator_lr
    faster = None not in rates and rates[0] > FASTER * rates[1]
    both = penalty(settings), discriminator_rate(settings, 0.25)
    return both[::-1] if faster else both


def _far_apart(m):
    """Returns where the gap of the logits is large. It is False for losses whose logits have another scale."""
    logistic = m.settings.loss in CHANCE_LOSS
    return (m.column(log_names.LOGIT_GAP) > WIDE_GAP) & logistic


def discriminator_too_abrupt(m: Measurements) -> Verdict | None:
    """Finds a discriminator that is confident and often wrong, since its steps are too large."""
    chance = CHANCE_LOSS.get(m.settings.loss, math.inf)
    costly = m.column(log_names.DISCRIMINATOR_LOSS) > ABRUPT_SHARE * chance
    span = m.last(costly & (m.column(log_names.LOGIT_GAP) > ABRUPT_GAP))
    if span is None:
        return None
    return Verdict(
        "discriminator too abrupt",
        ILL,
        "The discriminator is right in most pairs, and yet its loss is about that of random answers: it is so "
        "confident that its few errors have a large loss. Its steps are too large.",
        m.evidence(span, log_names.ACCURACY, log_names.LOGIT_GAP, *log_names.LOSSES, log_names.GENERATOR_GRADIENT),
        (discriminator_rate(m.settings, 0.1), penalty(m.settings)),
        span,
    )


def generator_too_strong(m: Measurements) -> Verdict | None:
    """Finds a discriminator that rates generated images as more real than real ones."""
    span = m.last(m.column(log_names.ACCURACY) < FOOLED_ACCURACY)
    if span is None:
        return None
    return Verdict(
        "generator too strong",
        ILL,
        "The discriminator rates generated images as more real than real images in most pairs. It learns too slowly, "
        "or from wrong labels, and its gradients do not help the generator.",
        m.evidence(span, log_names.ACCURACY, log_names.LOGIT_GAP, *log_names.LOSSES),
        (
            discriminator_rate(m.settings, 2.0),
            more_discriminator_steps(m.settings),
            generator_rate(m.settings, 0.5),
            "in code, check that your loss takes (real_logits, fake_logits) in this order",
        ),
        span,
    )


def oscillating(m: Measurements) -> Verdict | None:
    """Finds an oscillation: D and G win in turn."""
    accuracy = m.binned(log_names.ACCURACY, SWING_STEPS)
    turns = _turns(accuracy)
    if len(turns) < SWINGS or turns[-1] < len(accuracy) * 2 // 3:
        return None
    span = m.last(np.arange(len(accuracy)) >= turns[0])
    if span is None:
        return None
    return Verdict(
        "oscillation",
        ILL,
        f"Discriminator and generator win in turn: the accuracy of the discriminator changed {len(turns)} times "
        f"between below {SWING_LOW} and above {SWING_HIGH}. Each network reacts to the last change of the "
        "other, and neither improves.",
        m.evidence(span, log_names.ACCURACY, log_names.DISCRIMINATOR_LOSS, log_names.GENERATOR_LOSS, "movement"),
        (
            penalty(m.settings),
            generator_rate(m.settings, 0.5),
            discriminator_rate(m.settings, 0.5),
            "use less momentum: beta_1 of Adam from 0 to 0.5 (in code: both optimizers)",
        ),
        span,
    )


def _turns(column):
    """Returns the rows at which a column reaches the low range after the high range, or the reverse."""
    side = np.where(column > SWING_HIGH, 1, np.where(column < SWING_LOW, -1, 0))
    outer = np.flatnonzero(side)
    return outer[1:][np.diff(side[outer]) != 0]


def memorising(m: Measurements) -> Verdict | None:
    """Finds samples that are copies of training images."""
    span = m.last(m.column("memorised") > MANY_MEMORISED, "memorised")
    if span is None:
        return None
    count = m.settings.images
    few = "" if count is None or count > FEW_IMAGES else f" There are only {count:,} training images."
    return Verdict(
        "memorising",
        ILL,
        f"Samples are almost copies of training images, many more than chance explains.{few} The generator repeats "
        "training images instead of making new ones.",
        m.evidence(span, "memorised", "diversity", "duplicates"),
        (
            "add training images, for example cropped and mirrored copies",
            "use fewer --steps, and stop before the share rises (in code: epochs of fit)",
            penalty(m.settings),
        ),
        span,
    )


def at_chance(m: Measurements) -> Verdict | None:
    """Finds a discriminator loss that stays at its value for random answers, such as 2 log 2."""
    loss = m.settings.loss
    chance = CHANCE_LOSS.get(loss, math.nan)
    near = np.abs(m.column(log_names.DISCRIMINATOR_LOSS) / chance - 1.0) < LOSS_AT_CHANCE
    span = m.last(near & (np.abs(m.column(log_names.ACCURACY) - 0.5) < AT_CHANCE))
    if span is None:
        return None
    return Verdict(
        f"discriminator loss near {CHANCE_TEXT[loss]}",
        NOTE,
        f"{CHANCE_TEXT[loss]} = {chance:.3f} is the loss of a discriminator that cannot distinguish real from "
        "generated images: D(x) = 1/2 for all x. This is normal at the end, when samples look real. At the "
        "start, when they do not, it means that the discriminator learns nothing. Look at the samples.",
        m.evidence(span, log_names.DISCRIMINATOR_LOSS, log_names.ACCURACY, "diversity"),
        (discriminator_rate(m.settings, 2.0) + ", if the samples do not look real yet",),
        span,
    )


# The most severe first.
SYMPTOMS: tuple[Callable[[Measurements], Verdict | None], ...] = (
    diverged,
    collapsed,
    stands_still,
    discriminator_too_strong,
    discriminator_too_abrupt,
    generator_too_strong,
    oscillating,
    memorising,
    at_chance,
)
