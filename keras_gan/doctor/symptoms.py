"""What can be wrong with a run: one function a symptom, from measurements to a verdict or None, and their table.

The bounds were set on runs of this package; "healthy" below means digits (8×8) and MNIST with the presets resnet and
lean, and the ring with its own. A bound lies between what healthy runs and what broken ones showed.
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

# D's loss where it cannot tell real from generated, D(x) = 1/2: two terms of log 2, or one for pairs.
CHANCE_LOSS = {"minimax": 2 * math.log(2), "non_saturating": 2 * math.log(2), "relativistic": math.log(2)}
CHANCE_TEXT = {"minimax": "2 log 2", "non_saturating": "2 log 2", "relativistic": "log 2"}

DIVERGENCE = "divergence"
EXPLODED_LOSS = 1e3  # healthy runs stay under 5; D's learning rate x 100: 15 with lean, 2e7 with resnet
# D orders healthy pairs right in 45 to 98 of 100, since a small lead is enough: the gap must tell as well. Its healthy
# values are 0 to 0.6; broken: generator frozen 9.4, one that ignores z 10, D's learning rate x 100 3 to 33.
SURE_ACCURACY, WIDE_GAP = 0.85, 4.0
FASTER = 4.0  # D's learning rate over G's: two time scales (Heusel et al. 2017) use 4
NO_LOSS = 0.05  # for losses of another scale: D makes no errors any more
# An abrupt D is sure of its answers (gap) and its errors cost it nearly a coin's loss. A D with a gap of 2 that is
# calibrated has 45 % of that loss; D's learning rate x 100 had 90 to 300 %.
ABRUPT_GAP, ABRUPT_SHARE = 2.0, 0.8
# A frozen G loses every pair while its samples move by 0.008 to 0.018 a check, as batch statistics do; healthy ones
# move as little at the end, but D then orders less of the pairs right: on the ring 70 to 93 of 100.
LOST_ACCURACY, STILL = 0.98, 0.025
FOOLED_ACCURACY = 0.35  # healthy lean dips to 0.44; with its answers swapped at random D ended at 0 to 0.03
# Untrained generators start at 0.1 to 0.4 on images and healthy ones end at 0.8 to 1.05; one that ignores z has 0,
# goodfellow2014 collapsed on digits at 0.07.
LOW_DIVERSITY, RISING, LEAST_RISE = 0.3, 1.2, 0.02
MANY_DUPLICATES = 0.5  # healthy: 0, and 0.16 on 1-D data; collapsed: 1
MANY_MEMORISED = 0.2  # healthy: 0 on images, under 0.1 on vectors; eight training digits: 0.22 to 0.48 from step 550 on
# d_accuracy from one side to the other and back, twice, in means over some steps, lest small batches look like it.
# Healthy: never under 0.44; a linear D against a linear G, whose game is known to circle, swung between 0 and 1.
SWING_LOW, SWING_HIGH, SWINGS, SWING_STEPS = 0.3, 0.7, 4, 10
AT_CHANCE, LOSS_AT_CHANCE = 0.08, 0.03  # of 1/2, and of the loss at chance as a share
FEW_IMAGES = 1_000


def diverged(m: Measurements) -> Verdict | None:
    """Losses or gradients that are no numbers any more, or beyond all measure."""
    columns = (*log_names.LOSSES, log_names.DISCRIMINATOR_GRADIENT, log_names.GENERATOR_GRADIENT)
    table = {name: m.history[name] for name in columns if name in m.history}
    broken = np.zeros(len(m.history.get("step", ())), bool)
    large = broken.copy()
    for name, column in table.items():
        broken |= ~np.isfinite(column)
        # Other losses have other scales: a Wasserstein critic's may be anything.
        large |= (np.abs(column) > EXPLODED_LOSS) & (name in log_names.LOSSES) & (m.settings.loss in CHANCE_LOSS)
    lasting = m.last(large)  # a single peak may pass
    # So may a step that is not finite, since it is not applied, and training steps back (`callbacks.DivergenceGuard`).
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
        "grew until they overflowed, or the data hold a NaN. Such steps are not applied, so that nothing is learnt "
        "from there on. The numbers are those of the last sound row.",
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
    """Many latents, few pictures."""
    diversity = m.column("diversity")
    span = m.last((diversity < LOW_DIVERSITY) | (m.column("duplicates") > MANY_DUPLICATES), "diversity")
    if span is None or _rising(diversity):
        return None
    return Verdict(
        "mode collapse",
        ILL,
        "Different latents z give nearly the same samples: G found a few that please D and makes only those. Such "
        "samples may look good one by one; look at the whole grid.",
        m.evidence(span, "diversity", "duplicates", log_names.ACCURACY),
        (
            penalty(m.settings),
            generator_rate(m.settings, 0.5),
            "take --loss relativistic, which judges samples beside real images (in code: loss of compile)",
        ),
        span,
    )


def _rising(column):
    """Whether a column grew by a fifth over its newest third: then G is gaining ground, and may get there."""
    recent = column[-max(2, len(column) // 3) :]
    return recent[-1] > RISING * recent[0] + LEAST_RISE


def stands_still(m: Measurements) -> Verdict | None:
    """D knows every sample, and G does not answer."""
    lost = (m.at_check_steps(log_names.ACCURACY) > LOST_ACCURACY) & (m.at_check_steps(log_names.LOGIT_GAP) > ABRUPT_GAP)
    span = m.last((m.column("movement") < STILL) & lost, "movement")
    if span is None:
        return None
    return Verdict(
        "generator stands still",
        ILL,
        "D tells nearly every sample from real data, and yet the samples hardly change: either G's learning rate is "
        "too small, or what D tells G has vanished.",
        m.evidence(span, "movement", log_names.ACCURACY, log_names.GENERATOR_LOSS, log_names.GENERATOR_GRADIENT),
        (
            generator_rate(m.settings, 4.0),
            discriminator_rate(m.settings, 0.25),
            "take --loss non_saturating or relativistic, whose gradients do not vanish while D wins (in code: loss)",
        ),
        span,
    )


def discriminator_too_strong(m: Measurements) -> Verdict | None:
    """The case that every course note warns of: D's loss goes to 0 and G's sky-rockets."""
    if m.settings.loss == "wasserstein":
        return None  # its critic is meant to be as good as it can
    d_loss = m.column(log_names.DISCRIMINATOR_LOSS)
    span = m.last((m.column(log_names.ACCURACY) > SURE_ACCURACY) & (_far_apart(m) | (d_loss < NO_LOSS)))
    if span is None or _rising(d_loss):
        return None
    return Verdict(
        "discriminator too strong",
        ILL,
        "D tells real from generated with certainty: G's loss sky-rockets, and D's goes to 0 unless its steps are too "
        "large. G then learns only that all it does is wrong, not what would be better.",
        m.evidence(span, log_names.ACCURACY, log_names.LOGIT_GAP, *log_names.LOSSES, log_names.GENERATOR_GRADIENT),
        (
            *_calming(m.settings),
            "take --loss relativistic, which rewards D for leads, not for certainty (in code: loss of compile)",
        ),
        span,
    )


def _calming(settings):
    """What makes D weaker: a penalty, unless its learning rate is what sticks out."""
    rates = settings.discriminator_lr, settings.generator_lr
    faster = None not in rates and rates[0] > FASTER * rates[1]
    both = penalty(settings), discriminator_rate(settings, 0.25)
    return both[::-1] if faster else both


def _far_apart(m):
    """Where the logits lie far apart; other losses than the logistic ones have logits of another scale."""
    logistic = m.settings.loss in CHANCE_LOSS
    return (m.column(log_names.LOGIT_GAP) > WIDE_GAP) & logistic


def discriminator_too_abrupt(m: Measurements) -> Verdict | None:
    """D is sure and often wrong: it overshoots from step to step."""
    chance = CHANCE_LOSS.get(m.settings.loss, math.inf)
    costly = m.column(log_names.DISCRIMINATOR_LOSS) > ABRUPT_SHARE * chance
    span = m.last(costly & (m.column(log_names.LOGIT_GAP) > ABRUPT_GAP))
    if span is None:
        return None
    return Verdict(
        "discriminator too abrupt",
        ILL,
        "D orders most pairs right, and yet loses about as much as by throwing a coin: it is so sure that its few "
        "errors cost as much as all the rest earns. Its steps are too large.",
        m.evidence(span, log_names.ACCURACY, log_names.LOGIT_GAP, *log_names.LOSSES, log_names.GENERATOR_GRADIENT),
        (discriminator_rate(m.settings, 0.1), penalty(m.settings)),
        span,
    )


def generator_too_strong(m: Measurements) -> Verdict | None:
    """D takes generated data for real."""
    span = m.last(m.column(log_names.ACCURACY) < FOOLED_ACCURACY)
    if span is None:
        return None
    return Verdict(
        "generator too strong",
        ILL,
        "D takes generated data for more real than the real ones, in most pairs: it has fallen behind, or learns "
        "from wrong answers, and what it tells G leads nowhere.",
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
    """D and G chase each other: now one wins, now the other."""
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
        f"D and G chase each other: D's share of right answers swung {len(turns)} times between below "
        f"{SWING_LOW} and above {SWING_HIGH}. Each answers the other's last move, and neither comes nearer.",
        m.evidence(span, log_names.ACCURACY, log_names.DISCRIMINATOR_LOSS, log_names.GENERATOR_LOSS, "movement"),
        (
            penalty(m.settings),
            generator_rate(m.settings, 0.5),
            discriminator_rate(m.settings, 0.5),
            "take less momentum: beta_1 of Adam 0 to 0.5 (in code: both optimizers)",
        ),
        span,
    )


def _turns(column):
    """Rows at which a column has come from one of the outer sides to the other one."""
    side = np.where(column > SWING_HIGH, 1, np.where(column < SWING_LOW, -1, 0))
    outer = np.flatnonzero(side)
    return outer[1:][np.diff(side[outer]) != 0]


def memorising(m: Measurements) -> Verdict | None:
    """Samples are copies of training data."""
    span = m.last(m.column("memorised") > MANY_MEMORISED, "memorised")
    if span is None:
        return None
    count = m.settings.images
    few = "" if count is None or count > FEW_IMAGES else f" There are only {count:,} of them."
    return Verdict(
        "memorising",
        ILL,
        f"Samples are almost copies of single training data, far more than chance explains.{few} G repeats what it "
        "saw instead of making new data.",
        m.evidence(span, "memorised", "diversity", "duplicates"),
        (
            "give more training data: another folder or file, or pictures cut and mirrored beforehand",
            "take fewer --steps: stop before the share rises (in code: epochs of fit)",
            penalty(m.settings),
        ),
        span,
    )


def at_chance(m: Measurements) -> Verdict | None:
    """D's loss stays at the number that course notes call 2 log 2."""
    loss = m.settings.loss
    chance = CHANCE_LOSS.get(loss, math.nan)
    near = np.abs(m.column(log_names.DISCRIMINATOR_LOSS) / chance - 1.0) < LOSS_AT_CHANCE
    span = m.last(near & (np.abs(m.column(log_names.ACCURACY) - 0.5) < AT_CHANCE))
    if span is None:
        return None
    return Verdict(
        f"D's loss near {CHANCE_TEXT[loss]}",
        NOTE,
        f"{CHANCE_TEXT[loss]} = {chance:.3f} is D's loss where it cannot tell real from generated: D(x) = 1/2 for all "
        "x. Normal at the end, when samples look real; a warning at the start, when they do not: then D learns "
        "nothing. Look at the samples.",
        m.evidence(span, log_names.DISCRIMINATOR_LOSS, log_names.ACCURACY, "diversity"),
        (discriminator_rate(m.settings, 2.0) + ", if the samples do not look real yet",),
        span,
    )


# The gravest first.
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
