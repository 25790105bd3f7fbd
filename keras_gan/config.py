"""The settings of a training run, as config.json holds them. Of other packages it imports msgspec only."""

import copy
import dataclasses
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from keras_gan._utils.choices import AUTO, automatic_share
from keras_gan._utils.errors import InputError, field_first
from keras_gan.data.spec import BACKGROUND, DataSpec, check_size
from keras_gan.presets import (
    BEFORE_SETTINGS,
    UPDATES,
    default_penalties,
    default_penalty_share,
    default_preset,
    imitating,
    preset,
)

LARGEST = {"steps": 2**31 - 1, "batch_size": 2**31 - 1, "latent_dim": 2**16, "discriminator_steps": 1_000, "pack": 16}
LARGEST_FLOAT = sys.float_info.max
CHECKPOINT_EVERY_S = 60.0  # by default
ALL_ATTRIBUTES = ("all",)
CHANGEABLE = ("steps", "skip_damaged")  # settings that a continued run may change


@dataclass(frozen=True)
class TrainConfig:
    """All settings that decide what a run computes. They are written into the run folder before the first step.

    None is replaced by the preset's value. Where the preset itself is None, the data set decides which it is.
    """

    data: str  # dataset name, or the absolute path of a folder or a file of arrays
    preset: str | None = None  # name of a recipe in PRESETS
    steps: int | None = None  # total number of generator updates; a continued run may change it
    batch_size: int | None = None  # images in one discriminator step
    image_size: tuple[int, int] | None = None  # (height, width) to resize to; None leaves the size as it is
    crop: bool = False  # crop to the target's aspect ratio, about the centre, before resizing
    skip_damaged: bool = False  # leave unreadable images out instead of stopping; a continued run may change it
    background: str = BACKGROUND  # colour behind transparent pixels of a folder's images: a CSS name or #rrggbb
    flip: bool = False  # mirror images left to right at random
    latent_dim: int | None = None  # dimension of z
    latent: str | None = None  # distribution of z
    loss: str | None = None  # name in losses.LOSSES
    gamma: float | str | None = None  # weight γ of every penalty, of R1 where the preset has none; or "auto[/N]"
    discriminator_steps: int | None = None  # k of Algorithm 1
    updates: str | None = None  # order of the updates in a step, name in presets.UPDATES
    penalty_share: float | None = None  # share of each batch at whose images the penalties are computed
    discriminator_lr: float | None = None  # learning rate of the discriminator; None for the preset's
    generator_lr: float | None = None  # learning rate of the generator; None for the preset's
    conditional: bool = False  # class-conditional networks, for data with labels
    attributes: tuple[str, ...] = ()  # yes/no attributes of the data that coordinates of z decide, or `ALL_ATTRIBUTES`
    augment: bool | None = None  # whether to use DiffAugment; None for few images that are seen often
    pack: int = 1  # images that the discriminator sees together (PacGAN)
    start_from: str | None = None  # absolute path of a run or a .keras file whose weights a new run starts with
    with_optimizers: bool = False  # whether it takes the states of the optimizers too
    generator_width: int | None = None  # the most channels of the generator's feature maps; None for no limit
    teacher: str | None = None  # absolute path of the run whose pictures the generator learns
    imitation: float = 2.0  # weight of the difference to the teacher's pictures
    adversarial: float = 0.0  # weight of the generator's own loss beside it; 0 does not train the discriminator
    freeze_levels: int = 0  # number of the discriminator's largest feature map sizes that are not trained
    seed: int = 0  # seed of weights, noise and data order
    deterministic: bool = False  # use only operations that give the same bits each time
    _given: ClassVar[dict[str, Any]]  # the arguments, set in `__post_init__`; no field, since it is no setting

    def __post_init__(self):
        self._check_data()
        object.__setattr__(self, "_given", {f.name: getattr(self, f.name) for f in dataclasses.fields(self)})
        object.__setattr__(self, "preset", self.preset or default_preset(self.data))
        recipe = preset(self.preset)
        for name in ("steps", "batch_size", "latent_dim", "latent", "loss", "discriminator_steps", "updates"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, getattr(recipe, name))
        if self.penalty_share is None:
            object.__setattr__(self, "penalty_share", default_penalty_share(recipe, self.loss))
        object.__setattr__(self, "image_size", check_size(self.image_size))
        for name, largest in LARGEST.items():
            self._check(name, 1 <= getattr(self, name) <= largest, f"1 to {largest}")
        for name in ("discriminator_lr", "generator_lr"):
            self._check(name, getattr(self, name) is None or 0 <= getattr(self, name) <= LARGEST_FLOAT, "0 or more")
        divides = self.batch_size % self.pack == 0
        self._check("pack", divides, f"a divisor of the batch size, {self.batch_size}", "with such a divisor")
        number = not isinstance(self.gamma, str | None) and 0 <= self.gamma <= LARGEST_FLOAT
        automatic = self.gamma is None or automatic_share(self.gamma) is not None
        self._check("gamma", number or automatic, f"0 or more, {AUTO}, or a part of it such as {AUTO}/8")
        self._check("penalty_share", 0 < self.penalty_share <= 1, "more than 0 and at most 1", "1 or less")
        enough = not any(map(automatic_share, self.penalties.values())) or self.batch_size > 1
        self._check("batch_size", enough, "2 or more, unless gamma is a number", "2 or more, or a number as --gamma")
        self._check("freeze_levels", self.freeze_levels >= 0, "0 or more")
        from_other = self.start_from is not None or not self.with_optimizers
        self._check("with_optimizers", from_other, "False without start_from", "together with --from")
        for name in ("imitation", "adversarial"):
            self._check(name, 0 <= getattr(self, name) <= LARGEST_FLOAT, "0 or more")
        self._check("imitation", self.imitation + self.adversarial > 0, "more than 0 where adversarial is 0")
        repeated = sorted({name for name in self.attributes if self.attributes.count(name) > 1})
        self._check("attributes", not repeated, "different names", "with each name once")
        alone = not self.attributes or (not self.conditional and self.pack == 1)
        self._check("attributes", alone, "none with conditional or pack", "without --conditional and --pack")
        self._check("updates", self.updates in UPDATES, " or ".join(UPDATES))
        self._check("seed", 0 <= self.seed < 2**31, f"0 to {2**31 - 1}")

    def for_shape(self, data_shape: tuple[int, ...]) -> "TrainConfig":
        """Returns this config, or, if it was made without a preset, one with the default preset for data of a shape.

        Args:
            data_shape: (height, width, channels) of images, or (features,).
        """
        if self._given["preset"] is not None:
            return self
        return TrainConfig(**self._given | {"preset": default_preset(self.data, data_shape)})

    def _check_data(self):
        try:
            self.data.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"data is {self.data!r}, which is not UTF-8; expected UTF-8. Rename the file or folder."
            ) from error

    def _check(self, name, holds, expected, remedy=None):
        if not holds:
            option = "--" + name.replace("_", "-")
            raise InputError(
                f"{name} is {getattr(self, name)}; expected {expected}. Use {option} {remedy or expected}."
            )

    @property
    def data_spec(self) -> DataSpec:
        """The training data set and the options with which it is opened."""
        return DataSpec(self.data, self.image_size, self.crop, self.skip_damaged, self.background, self.flip)

    @property
    def penalties(self) -> dict[str, float | str]:
        """Names in penalties.PENALTIES, each with its weight γ: a number, "auto" or "auto/N"."""
        penalties = default_penalties(preset(self.preset), self.loss)
        if self.gamma == 0:
            return {}  # with weight 0 the gradients would be computed for nothing
        return dict(penalties) if self.gamma is None else dict.fromkeys(penalties or ["r1"], self.gamma)

    def optimizer(self, side: str) -> dict[str, Any]:
        """The optimizer of one network, "generator" or "discriminator", in Keras's serialized form."""
        choice = getattr(preset(self.preset), f"{side}_optimizer")
        rate = getattr(self, f"{side}_lr")
        if side == "generator" and self.teacher and not self.adversarial:
            return imitating(rate, self.generator_width, self.steps)
        settings = copy.deepcopy(choice["config"])  # Keras replaces serialized schedules in the dict that it is given
        if rate is not None:
            settings["learning_rate"] = rate
        return {**choice, "config": settings}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], file: str | os.PathLike = "config.json") -> "TrainConfig":
        """The config that `dataclasses.asdict` turned into `values`.

        Args:
            values: the settings, in JSON's types.
            file: the file that holds them, for the error.

        Raises:
            InputError: for any other values, and for settings of another version.
        """
        try:
            values = BEFORE_SETTINGS | msgspec.convert(values, dict[str, Any])
            config = msgspec.convert(values, cls)
            if unknown := sorted(values.keys() - {f.name for f in dataclasses.fields(cls)}):
                raise ValueError(f"unknown settings {', '.join(unknown)}")
        except ValueError as error:
            raise InputError(
                f"{file} is not a run's config ({field_first(error)}); expected the settings that kgan train writes. "
                "Restore it, or use the version of keras_gan that wrote it."
            ) from error
        return config

    def differences(self, other: "TrainConfig") -> list[str]:
        """The settings that differ, as lines "name: mine -> other's", without those that a continued run may change."""
        return [
            f"{f.name}: {_shown(getattr(self, f.name))} -> {_shown(getattr(other, f.name))}"
            for f in dataclasses.fields(self)
            if f.name not in CHANGEABLE and getattr(self, f.name) != getattr(other, f.name)
        ]


def _shown(value):
    """A setting for people; None is chosen by the program."""
    return "automatic" if value in (None, AUTO) else value
