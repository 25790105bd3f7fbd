"""What a training run is made of: presets and `TrainConfig`. Standard library only."""

import copy
import dataclasses
import difflib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin

from keras_gan.errors import InputError

DEFAULT_PRESET = "resnet"
DATA_PRESETS = {"gaussian": "gaussian", "ring": "mixture", "grid": "mixture"}  # where another one is the default
DEFAULT_STEPS = 2_000
LARGEST = {"steps": 2**31 - 1, "batch_size": 2**31 - 1, "latent_dim": 2**16, "discriminator_steps": 1_000, "pack": 16}
LARGEST_FLOAT = sys.float_info.max
CHECKPOINT_EVERY_S = 60.0  # by default
AUTO = "auto"  # a weight γ that follows from the data (`penalties.automatic_weight`), a rate from a network (`rates`)
CHANGEABLE = ("steps", "skip_damaged")  # settings that a continued run may change


def _halving(learning_rate: float, half_life_steps: int) -> dict[str, Any]:
    """A learning rate that falls, so that G, whose steps would keep it moving about the optimum, settles there."""
    return {
        "module": "keras.optimizers.schedules",
        "class_name": "ExponentialDecay",
        "config": {"initial_learning_rate": learning_rate, "decay_steps": half_life_steps, "decay_rate": 0.5},
    }


def _adam(learning_rate: float | str | Mapping[str, Any], beta_1: float, beta_2: float) -> dict[str, Any]:
    return {
        "class_name": "Adam",
        "config": {"learning_rate": learning_rate, "beta_1": beta_1, "beta_2": beta_2},
    }


@dataclass(frozen=True)
class Preset:
    """One recipe: the networks' family, the losses, and how both networks are updated."""

    summary: str  # one line for `kgan presets`
    reference: str  # the paper whose settings these are
    networks: str  # family in networks.FAMILIES
    loss: str  # name in losses.LOSSES
    generator_optimizer: Mapping[str, Any]  # Keras's serialized form
    discriminator_optimizer: Mapping[str, Any]
    penalties: Mapping[str, float | str] = field(default_factory=dict)  # name in penalties.PENALTIES -> weight γ
    discriminator_steps: int = 1  # k of Algorithm 1
    latent: str = "normal"  # name in latents.DISTRIBUTIONS
    latent_dim: int = 64
    batch_size: int = 64  # images in one discriminator step
    steps: int = DEFAULT_STEPS  # generator updates that show what the recipe can do
    ema_half_life_images: int = 20_000


PRESETS: dict[str, Preset] = {
    "resnet": Preset(
        summary="residual networks without normalisation, relativistic pairing with R1 and R2 (default)",
        reference="Huang et al. 2024, The GAN is dead; long live the GAN! (arXiv:2501.05441)",
        networks="resnet",
        loss="relativistic",
        penalties={"r1": AUTO, "r2": AUTO},
        # β2 .9: after a quiet spell a large gradient moves a weight by at most 3 times the rate; with .99 it is 10
        # times, and D's logits ran off to thousands on photos.
        generator_optimizer=_adam(AUTO, 0.0, 0.9),
        discriminator_optimizer=_adam(AUTO, 0.0, 0.9),
        batch_size=32,  # with the rest, chosen on MNIST at equal time: benchmarks/RESULTS.md
        ema_half_life_images=100_000,
        steps=4_000,
    ),
    "lean": Preset(
        summary="lean convolutional networks, batch normalisation in G, non-saturating loss",
        reference="after Radford et al. 2015 (arXiv:1511.06434), with half the channels and no normalisation in D",
        networks="lean",
        loss="non_saturating",
        generator_optimizer=_adam(5e-4, 0.5, 0.999),
        discriminator_optimizer=_adam(5e-4, 0.5, 0.999),
    ),
    "goodfellow2014": Preset(
        summary="the 2014 paper's multilayer perceptrons: maxout and dropout in D, momentum SGD",
        reference="Goodfellow et al. 2014, Generative adversarial nets (arXiv:1406.2661)",
        networks="goodfellow2014",
        loss="non_saturating",
        generator_optimizer={"class_name": "SGD", "config": {"learning_rate": 0.1, "momentum": 0.5}},
        discriminator_optimizer={"class_name": "SGD", "config": {"learning_rate": 0.1, "momentum": 0.5}},
        latent_dim=100,
        batch_size=100,
    ),
    "dcgan": Preset(
        summary="the 2015 paper's convolutional networks: batch normalisation in both, non-saturating loss",
        reference="Radford et al. 2015, Unsupervised representation learning with DCGANs (arXiv:1511.06434), sec. 4",
        networks="dcgan",
        loss="non_saturating",
        generator_optimizer=_adam(2e-4, 0.5, 0.999),
        discriminator_optimizer=_adam(2e-4, 0.5, 0.999),
        latent="uniform",
        latent_dim=100,
        batch_size=128,
    ),
    # Settings of algorithm 1. The published code for MNIST, whose networks these are, has β1 0.5 and batches of 50.
    "wgan-gp": Preset(
        summary="Wasserstein loss with gradient penalty, five steps of D, no batch normalisation",
        reference="Gulrajani et al. 2017, Improved training of Wasserstein GANs (arXiv:1704.00028), algorithm 1",
        networks="wgan-gp",
        loss="wasserstein",
        penalties={"wgan_gp": 10.0},
        generator_optimizer=_adam(1e-4, 0.0, 0.9),
        discriminator_optimizer=_adam(1e-4, 0.0, 0.9),
        discriminator_steps=5,
        latent_dim=128,
    ),
    # Networks of table 3, with the optimizer of the paper's residual networks; table 1 tries six others on these.
    "sngan": Preset(
        summary="spectral normalisation in D, hinge loss, five steps of D",
        reference="Miyato et al. 2018, Spectral normalization for generative adversarial networks (arXiv:1802.05957)",
        networks="sngan",
        loss="hinge",
        generator_optimizer=_adam(2e-4, 0.0, 0.9),
        discriminator_optimizer=_adam(2e-4, 0.0, 0.9),
        discriminator_steps=5,
        latent_dim=128,
    ),
    # The published code's settings for CIFAR-10 at their start, and β2 at its end: over 20 million images it takes the
    # learning rate to 5e-5, γ to 0.005 and β2 from 0.9 to 0.99. Its augmentation is not part of a preset.
    "r3gan": Preset(
        summary="the 2024 paper's networks of 20 million weights, for a GPU, with its settings for CIFAR-10",
        reference="Huang et al. 2024, The GAN is dead; long live the GAN! (arXiv:2501.05441), configuration E",
        networks="r3gan",
        loss="relativistic",
        penalties={"r1": 0.05, "r2": 0.05},
        generator_optimizer=_adam(2e-4, 0.0, 0.99),
        discriminator_optimizer=_adam(2e-4, 0.0, 0.99),
        batch_size=512,
    ),
    "gaussian": Preset(
        summary="the 1-D example: G one linear layer on U[-8, 8], D of four layers",
        reference="Goodfellow et al. 2014, Generative adversarial nets (arXiv:1406.2661), fig. 1 and sec. 4",
        networks="gaussian",
        loss="non_saturating",
        generator_optimizer=_adam(_halving(2e-2, 300), 0.5, 0.99),  # b has 5 to go, at most the rate in a step
        discriminator_optimizer=_adam(_halving(1e-2, 500), 0.5, 0.99),
        latent="uniform",
        latent_dim=1,
        batch_size=512,
        steps=1_500,
    ),
    "gaussian_deep": Preset(
        summary="the 1-D example with a G of three layers, which can reach the density that a linear one cannot",
        reference="Goodfellow et al. 2014, Generative adversarial nets (arXiv:1406.2661), fig. 1 and sec. 4",
        networks="gaussian_deep",
        loss="non_saturating",
        penalties={"r1": 0.3},  # without it D and a G that can go anywhere turn about each other
        generator_optimizer=_adam(_halving(2e-3, 600), 0.0, 0.99),
        discriminator_optimizer=_adam(_halving(5e-3, 600), 0.0, 0.99),
        latent="uniform",
        latent_dim=1,
        batch_size=512,
        steps=2_500,
    ),
    "mixture": Preset(
        summary="multilayer perceptrons for the ring and the grid of Gaussians, relativistic pairing with R1 and R2",
        reference="Huang et al. 2024, The GAN is dead; long live the GAN! (arXiv:2501.05441)",
        networks="mixture",
        loss="relativistic",
        penalties={"r1": 3e-3, "r2": 3e-3},  # at 1e-3 two or three of the grid's modes stay empty
        generator_optimizer=_adam(_halving(3e-3, 10_000), 0.0, 0.99),
        discriminator_optimizer=_adam(_halving(3e-3, 10_000), 0.0, 0.99),
        latent_dim=2,
        batch_size=256,
        steps=50_000,
    ),
}


def preset(name: str) -> Preset:
    """The preset called `name`. Raises InputError, with the nearest names, where there is none."""
    return lookup(PRESETS, name, "preset", "kgan presets")


def lookup(table: Mapping[str, Any], name: str, noun: str, listing: str) -> Any:
    """The entry `name` of a table of choices. Raises InputError naming the nearest choices."""
    if name in table:
        return table[name]
    raise InputError(f"unknown {noun} {name!r}; {nearest(name, table)} (all: {listing})")


def nearest(name: str, choices: Iterable[str]) -> str:
    """A phrase that offers the choices most like `name`, or all of them where nothing is alike."""
    choices = list(choices)
    alike = difflib.get_close_matches(name, choices, n=3, cutoff=0.5) or choices[:8]
    return "did you mean " + " or ".join(alike) + "?"


def check_size(image_size) -> tuple[int, int] | None:
    """The size as (height, width), from one side, a pair, or None."""
    if image_size is None:
        return None
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(size) != 2 or min(size) < 1:
        raise InputError(f"image size {image_size}; expected one positive side or (height, width); give 32 or 48x32")
    return size


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
    background: str = "white"  # the colour behind transparent pixels of a folder's images: a name of CSS, or #rrggbb
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
    def penalties(self) -> dict[str, float | str]:
        """Weights γ of the penalties, numbers or "auto", by name in penalties.PENALTIES."""
        penalties = preset(self.preset).penalties
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
