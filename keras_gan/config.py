"""The settings of a training run, as config.json holds them. Standard library only."""

import copy
import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from keras_gan._utils.choices import AUTO
from keras_gan._utils.errors import InputError
from keras_gan.data.spec import BACKGROUND, DataSpec, check_size
from keras_gan.presets import DATA_PRESETS, DEFAULT_PRESET, default_penalties, preset

LARGEST = {"steps": 2**31 - 1, "batch_size": 2**31 - 1, "latent_dim": 2**16, "discriminator_steps": 1_000, "pack": 16}
LARGEST_FLOAT = sys.float_info.max
CHECKPOINT_EVERY_S = 60.0  # by default
CHANGEABLE = ("steps", "skip_damaged")  # settings that a continued run may change


def _is_of(value, kind):
    """Whether a value is of a field's type; whole numbers will do for floats, and no bool for a number."""
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        return type(value) is tuple and len(value) == len(kinds) and all(map(_is_of, value, kinds))
    if get_args(kind):
        return any(_is_of(value, choice) for choice in get_args(kind))
    return type(value) is kind or (kind is float and type(value) is int)


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides what a run computes. Written into the run folder before step one.

    None means the preset's value, which is filled in; the preset itself follows from the data.
    """

    data: str  # dataset name, or the absolute path of a folder or a file of arrays
    preset: str | None = None  # recipe, a name in PRESETS
    steps: int | None = None  # generator updates in all; a continued run may change it
    batch_size: int | None = None  # images in one discriminator step
    image_size: tuple[int, int] | None = None  # height, width to resize to; None keeps the images' own size
    crop: bool = False  # cut the centre to the target's proportions before resizing
    skip_damaged: bool = False  # leave unreadable images out instead of stopping; a continued run may change it
    background: str = BACKGROUND  # the colour behind transparent pixels of a folder's images: a name of CSS, or #rrggbb
    latent_dim: int | None = None  # dimension of z
    latent: str | None = None  # distribution of z
    loss: str | None = None  # name in losses.LOSSES
    gamma: float | str | None = None  # weight γ, or "auto", of every penalty, R1's where there is none; None: preset's
    discriminator_steps: int | None = None  # k of Algorithm 1
    discriminator_lr: float | None = None  # learning rate of D; None keeps the preset's
    generator_lr: float | None = None  # learning rate of G; None keeps the preset's
    conditional: bool = False  # class-conditional networks, for data with labels
    augment: bool | None = None  # whether D sees images through DiffAugment; None: where they are few and seen often
    pack: int = 1  # images that D judges together, as in PacGAN
    seed: int = 0  # of weights, noise and data order
    deterministic: bool = False  # only operations that give the same bits each time

    def __post_init__(self):
        self._check_data()
        object.__setattr__(self, "preset", self.preset or DATA_PRESETS.get(self.data, DEFAULT_PRESET))
        recipe = preset(self.preset)
        for name in ("steps", "batch_size", "latent_dim", "latent", "loss", "discriminator_steps"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, getattr(recipe, name))
        object.__setattr__(self, "image_size", check_size(self.image_size))
        for name, largest in LARGEST.items():
            self._check(name, 1 <= getattr(self, name) <= largest, f"1 to {largest}")
        for name in ("discriminator_lr", "generator_lr"):
            self._check(name, getattr(self, name) is None or 0 <= getattr(self, name) <= LARGEST_FLOAT, "0 or more")
        self._check("pack", self.batch_size % self.pack == 0, f"a divisor of the batch size, {self.batch_size}")
        number = not isinstance(self.gamma, str | None) and 0 <= self.gamma <= LARGEST_FLOAT
        self._check("gamma", number or self.gamma in (None, AUTO), f"0 or more, or {AUTO}")
        automatic = AUTO in self.penalties.values()
        self._check("batch_size", not automatic or self.batch_size > 1, "2 or more, unless gamma is a number")
        self._check("seed", 0 <= self.seed < 2**31, f"0 to {2**31 - 1}")

    def _check_data(self):
        try:
            self.data.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"data {self.data!r} is no UTF-8; expected a name or path that is; rename it") from error

    def _check(self, name, holds, expected):
        if not holds:
            option = "--" + name.replace("_", "-")
            raise InputError(f"{name} is {getattr(self, name)}; expected {expected}; give {option} in that range")

    @property
    def data_spec(self) -> DataSpec:
        """The training data, and how they are opened."""
        return DataSpec(self.data, self.image_size, self.crop, self.skip_damaged, self.background)

    @property
    def penalties(self) -> dict[str, float | str]:
        """Weights γ of the penalties, numbers or "auto", by name in penalties.PENALTIES."""
        penalties = default_penalties(preset(self.preset), self.loss)
        if self.gamma == 0:
            return {}  # a penalty of weight 0 would cost its gradients all the same
        return dict(penalties) if self.gamma is None else dict.fromkeys(penalties or ["r1"], self.gamma)

    def optimizer(self, side: str) -> dict[str, Any]:
        """The optimizer of a "generator" or "discriminator", in Keras's serialized form."""
        choice = getattr(preset(self.preset), f"{side}_optimizer")
        rate = getattr(self, f"{side}_lr")
        settings = copy.deepcopy(choice["config"])  # Keras builds schedules in place of what it is given
        if rate is not None:
            settings["learning_rate"] = rate
        return {**choice, "config": settings}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TrainConfig":
        """The config whose fields `dataclasses.asdict`, and JSON after it, made a mapping of."""
        try:
            config = cls(**values)
            for f in dataclasses.fields(cls):
                if not _is_of(getattr(config, f.name), f.type):
                    raise TypeError(f"{f.name} is {getattr(config, f.name)!r:.80}")
        except (TypeError, AttributeError) as error:
            raise InputError(f"not a run's config ({error}); expected the settings that kgan train writes") from error
        return config

    def differences(self, other: "TrainConfig") -> list[str]:
        """The settings that decide what is computed, and differ, as lines "name: mine -> other's"."""
        return [
            f"{f.name}: {getattr(self, f.name)} -> {getattr(other, f.name)}"
            for f in dataclasses.fields(self)
            if f.name not in CHANGEABLE and getattr(self, f.name) != getattr(other, f.name)
        ]
