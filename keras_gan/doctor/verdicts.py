"""Verdicts of the doctor, each with evidence, and advice on the setting to change next."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from keras_gan._utils.choices import AUTO
from keras_gan.config import TrainConfig

ILL, NOTE, WELL = "ill", "note", "well"
SEVERITIES = (ILL, NOTE, WELL)  # the most severe first
USUAL_RATE, FIRST_GAMMA = 5e-4, 1.0  # advice if the present value is 0


@dataclass(frozen=True)
class Verdict:
    """A diagnosis of a run."""

    name: str  # such as "mode collapse"
    severity: str  # ILL needs a change, NOTE explains, WELL needs nothing
    sentence: str  # explains the diagnosis in plain words
    evidence: Mapping[str, float] = field(default_factory=dict)  # column of history.csv or checks.csv -> its median
    advice: tuple[str, ...] = ()  # settings to change, the most promising first
    steps: tuple[int, int] | None = None  # the first and the last step at which it was found

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as values for JSON. Infinite values and NaN become None."""
        values = dataclasses.asdict(self)
        values["evidence"] = {name: v if math.isfinite(v) else None for name, v in self.evidence.items()}
        return values


@dataclass(frozen=True)
class Settings:
    """The settings of a training run that the doctor needs. None means unknown."""

    loss: str | None = None  # name in losses.LOSSES; None for a custom loss
    discriminator_lr: float | None = None  # learning rate of the discriminator; None for a schedule
    generator_lr: float | None = None  # learning rate of the generator; None for a schedule
    discriminator_steps: int = 1  # k of Algorithm 1
    gamma: float | None = None  # largest weight of a gradient penalty; 0 without penalties, None for "auto"
    images: int | None = None  # the number of training images

    @classmethod
    def of(cls, config: TrainConfig, images: int | None = None) -> "Settings":
        """Returns the settings of a run's config, with the number of its training images."""
        return cls(
            loss=config.loss,
            discriminator_lr=_number(config.optimizer("discriminator")["config"]["learning_rate"]),
            generator_lr=_number(config.optimizer("generator")["config"]["learning_rate"]),
            discriminator_steps=config.discriminator_steps,
            gamma=largest_weight(config.penalties.values()),
            images=images,
        )


def largest_weight(weights: Iterable[float | str]) -> float | None:
    """Returns the largest weight γ; 0 without weights, and None if a weight is "auto"."""
    weights = list(weights)
    return None if AUTO in weights else float(max(weights, default=0.0))


def _number(rate):
    return float(rate) if isinstance(rate, int | float) else None


def change(verb: str, option: str, argument: str, now: float | None, then: float | None) -> str:
    """Returns advice with the option of the command, the argument in code, and both values if they are known."""
    value = "" if then is None else f" to {then:g}"
    known = "" if now is None else f"now {now:g}; "
    return f"{verb} {option}{value} ({known}in code: {argument})"


def discriminator_rate(settings: Settings, factor: float) -> str:
    """Returns the advice to multiply the learning rate of the discriminator by a factor."""
    return _rate("discriminator", settings.discriminator_lr, factor)


def generator_rate(settings: Settings, factor: float) -> str:
    """Returns the advice to multiply the learning rate of the generator by a factor."""
    return _rate("generator", settings.generator_lr, factor)


def _rate(side, now, factor):
    # A learning rate of 0, which freezes a network, cannot be multiplied.
    then = None if now is None else now * factor or USUAL_RATE
    verb = "lower" if factor < 1 and now != 0 else "raise"
    return change(verb, f"--{side}-lr", f"the learning rate of {side}_optimizer", now, then)


def penalty(settings: Settings) -> str:
    """Returns the advice to double the weight of the gradient penalties, or to add R1 if there is none."""
    now = settings.gamma
    then = None if now is None else 2.0 * now or FIRST_GAMMA
    return change("raise", "--gamma", 'penalties={"r1": …} of compile', now, then)


def more_discriminator_steps(settings: Settings) -> str:
    """Returns the advice to increase k."""
    k = settings.discriminator_steps
    return change("raise", "-k", "discriminator_steps of compile", k, k + 1)
