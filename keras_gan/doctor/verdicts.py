"""What the doctor says: a verdict with its evidence, and the setting to change next."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from keras_gan._utils.choices import AUTO
from keras_gan.config import TrainConfig

ILL, NOTE, WELL = "ill", "note", "well"  # worst first
SEVERITIES = (ILL, NOTE, WELL)
USUAL_RATE, FIRST_GAMMA = 5e-4, 1.0  # where the present value is 0


@dataclass(frozen=True)
class Verdict:
    """One thing that is happening in a run."""

    name: str  # such as "mode collapse"
    severity: str  # ILL calls for a change, NOTE explains, WELL needs nothing
    sentence: str  # what is happening, in plain words
    evidence: Mapping[str, float] = field(default_factory=dict)  # column of history.csv or checks.csv -> its median
    advice: tuple[str, ...] = ()  # what to change next, the likeliest first
    steps: tuple[int, int] | None = None  # first and last step at which it was seen

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON can hold them: numbers that are not finite become None."""
        values = dataclasses.asdict(self)
        values["evidence"] = {name: v if math.isfinite(v) else None for name, v in self.evidence.items()}
        return values


@dataclass(frozen=True)
class Settings:
    """What the doctor has to know of a game; None where it is not known."""

    loss: str | None = None  # name in losses.LOSSES; None for the user's own
    discriminator_lr: float | None = None  # learning rate of D; None also for a schedule
    generator_lr: float | None = None
    discriminator_steps: int = 1  # k of Algorithm 1
    gamma: float | None = None  # largest weight of a gradient penalty; 0 where there is none, None also for "auto"
    images: int | None = None  # training data

    @classmethod
    def of(cls, config: TrainConfig, images: int | None = None) -> "Settings":
        """What matters of a run's config, and of the number of its training data."""
        return cls(
            loss=config.loss,
            discriminator_lr=_number(config.optimizer("discriminator")["config"]["learning_rate"]),
            generator_lr=_number(config.optimizer("generator")["config"]["learning_rate"]),
            discriminator_steps=config.discriminator_steps,
            gamma=largest_weight(config.penalties.values()),
            images=images,
        )


def largest_weight(weights: Iterable[float | str]) -> float | None:
    """The largest weight γ, 0 of none; None where one of them follows from the data."""
    weights = list(weights)
    return None if AUTO in weights else float(max(weights, default=0.0))


def _number(rate):
    return float(rate) if isinstance(rate, int | float) else None


def change(verb: str, option: str, argument: str, now: float | None, then: float | None) -> str:
    """A piece of advice: the command's option, the argument in code, and both values where they are known."""
    value = "" if then is None else f" to {then:g}"
    known = "" if now is None else f"now {now:g}; "
    return f"{verb} {option}{value} ({known}in code: {argument})"


def discriminator_rate(settings: Settings, factor: float) -> str:
    """The advice to multiply D's learning rate."""
    return _rate("discriminator", settings.discriminator_lr, factor)


def generator_rate(settings: Settings, factor: float) -> str:
    """The advice to multiply G's learning rate."""
    return _rate("generator", settings.generator_lr, factor)


def _rate(side, now, factor):
    # No factor changes 0, which freezes a network.
    then = None if now is None else now * factor or USUAL_RATE
    verb = "lower" if factor < 1 and now != 0 else "raise"
    return change(verb, f"--{side}-lr", f"the learning rate of {side}_optimizer", now, then)


def penalty(settings: Settings) -> str:
    """The advice to double the weight of the gradient penalties, or to add R1 where there is none."""
    now = settings.gamma
    then = None if now is None else 2.0 * now or FIRST_GAMMA
    return change("raise", "--gamma", 'penalties={"r1": …} of compile', now, then)


def more_discriminator_steps(settings: Settings) -> str:
    """The advice to raise k."""
    k = settings.discriminator_steps
    return change("raise", "-k", "discriminator_steps of compile", k, k + 1)
