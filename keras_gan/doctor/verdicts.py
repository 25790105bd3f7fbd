"""Verdicts of the doctor, each with evidence, and the settings of a run that they depend on."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from keras_gan._utils.choices import AUTO, automatic_share
from keras_gan.config import TrainConfig
from keras_gan.presets import DEFAULT_PRESET, LARGE_PRESET, preset

ILL, NOTE, WELL = "ill", "note", "well"
SEVERITIES = (ILL, NOTE, WELL)  # the most severe first
LARGEST_AUTOMATIC_RATE = 2e-3  # schedules.LARGEST_RATE, which needs Keras
# Images that the generator of the default recipe saw in measured runs, up to each side in pixels (docs/how-long.md).
# Larger images take more; how many more was not measured.
USUAL_IMAGES = {16: 96_000, 28: 128_000, 32: 224_000, 64: 160_000}


@dataclass(frozen=True)
class Verdict:
    """A diagnosis of a run."""

    name: str  # such as "mode collapse"
    severity: str  # ILL needs a change, NOTE explains, WELL needs nothing
    sentence: str  # what happens, in one short sentence
    explanation: str = ""  # what it means, in one or two sentences
    evidence: Mapping[str, float] = field(default_factory=dict)  # column of history.csv or checks.csv -> its median
    advice: str = ""  # the setting to change next
    steps: tuple[int, int] | None = None  # the first step at which it holds, and the last step of the numbers

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
    steps: int | None = None  # the number of generator updates that are configured
    usual_discriminator_lr: float | None = None  # the recipe's, at the start of training
    usual_generator_lr: float | None = None
    usual_steps: int | None = None  # the number of generator updates that runs of this kind usually take
    usual_is_least: bool = False  # whether they take more than that, and how many was not measured

    @classmethod
    def of(cls, config: TrainConfig, images: int | None = None, shape: tuple[int, ...] | None = None) -> "Settings":
        """Returns the settings of a run.

        Args:
            config: the run's config.
            images: the number of its training images; None if unknown.
            shape: shape of one image (height, width, channels), or (features,); None if unknown.
        """
        return cls(
            loss=config.loss,
            discriminator_lr=_number(config.optimizer("discriminator")["config"]["learning_rate"]),
            generator_lr=_number(config.optimizer("generator")["config"]["learning_rate"]),
            discriminator_steps=config.discriminator_steps,
            gamma=largest_weight(config.penalties.values()),
            images=images,
            steps=config.steps,
            usual_discriminator_lr=_usual_rate(config, "discriminator"),
            usual_generator_lr=_usual_rate(config, "generator"),
            usual_steps=_usual_steps(config, shape),
            usual_is_least=_is_default_on_images(config, shape) and max(shape[:2]) > max(USUAL_IMAGES),
        )


def _usual_steps(config, shape):
    """Returns the steps of measured runs for images and the default recipe, and the preset's own steps for others."""
    recipe = preset(config.preset)
    images = recipe.steps * recipe.batch_size
    if _is_default_on_images(config, shape):
        measured = [count for side, count in USUAL_IMAGES.items() if max(shape[:2]) <= side]
        images = measured[0] if measured else max(USUAL_IMAGES.values())
    return -(-images // config.batch_size)


def _is_default_on_images(config, shape):
    return config.preset in (DEFAULT_PRESET, LARGE_PRESET) and shape is not None and len(shape) == 3


def _usual_rate(config, side):
    """Returns the learning rate of the preset at the start of training; of "auto", the largest that it may be."""
    rate = getattr(preset(config.preset), f"{side}_optimizer")["config"]["learning_rate"]
    if rate == AUTO:
        return LARGEST_AUTOMATIC_RATE
    return float(rate) if isinstance(rate, int | float) else float(rate["config"]["initial_learning_rate"])


def largest_weight(weights: Iterable[float | str]) -> float | None:
    """Returns the largest weight γ; 0 without weights, and None if a weight is automatic."""
    weights = list(weights)
    return None if any(map(automatic_share, weights)) else float(max(weights, default=0.0))


def _number(rate):
    return float(rate) if isinstance(rate, int | float) else None
