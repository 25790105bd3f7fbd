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
R3GAN_DECAY_IMAGES = 20_000_000  # over which its published code lowers the learning rate
AUTO = "auto"  # a weight γ that follows from the data (`penalties.automatic_weight`), a rate from a network (`rates`)
LOSS_PENALTIES = {"wasserstein": {"wgan_gp": 10.0}}  # of losses that need one, whatever the preset: a bounded critic
CHANGEABLE = ("steps", "skip_damaged")  # settings that a continued run may change


def _halving(learning_rate: float, half_life_steps: int) -> dict[str, Any]:
    """A learning rate that falls, so that G, whose steps would keep it moving about the optimum, settles there."""
    return {
        "module": "keras.optimizers.schedules",
        "class_name": "ExponentialDecay",
        "config": {"initial_learning_rate": learning_rate, "decay_steps": half_life_steps, "decay_rate": 0.5},
    }


def _cosine(start: float, end: float, steps: int) -> dict[str, Any]:
    """A learning rate that goes from `start` to `end` along half a cosine, and stays there."""
    return {
        "module": "keras.optimizers.schedules",
        "class_name": "CosineDecay",
        "config": {"initial_learning_rate": start, "decay_steps": steps, "alpha": end / start},
    }


def _adam(
    learning_rate: float | str | Mapping[str, Any], beta_1: float, beta_2: float, epsilon: float | None = None
) -> dict[str, Any]:
    """Adam with Keras's ε, 1e-7, unless the reference has another."""
    config = {"learning_rate": learning_rate, "beta_1": beta_1, "beta_2": beta_2}
    return {"class_name": "Adam", "config": config if epsilon is None else config | {"epsilon": epsilon}}


@dataclass(frozen=True)
class Preset:
    """One recipe: the networks' family, the losses, and how both networks are updated."""

    summary: str  # one line for `kgan presets`
    reference: str  # the paper whose settings these are
    differences: str  # from the reference, in sentences; what the tests do not hold against it
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
        differences="Only the loss and the kind of penalties are the paper's. The networks, the optimizers, γ, the "
        "batch size and the average were chosen on MNIST (benchmarks/RESULTS.md).",
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
        differences="Kernels of D are 4×4 instead of 5×5, weights start as Glorot's, z is normal, the learning rate is "
        "5e-4 and batches have 64 images.",
        networks="lean",
        loss="non_saturating",
        generator_optimizer=_adam(5e-4, 0.5, 0.999),
        discriminator_optimizer=_adam(5e-4, 0.5, 0.999),
    ),
    "goodfellow2014": Preset(
        summary="the 2014 paper's multilayer perceptrons: maxout and dropout in D, momentum SGD",
        reference="Goodfellow et al. 2014, Generative adversarial nets (arXiv:1406.2661)",
        differences="Compared with the published code for MNIST (github.com/goodfeli/adversarial, mnist.yaml): z is "
        "normal, not uniform of the same variance; the output's biases start at 0, not at the mean image; the "
        "learning rate stays at 0.1 and the momentum at 0.5, which the code lowers by 0.0004% a step and raises to "
        "0.7; the norm of each unit's weights in D is at most 1.9365, as in its code for faces.",
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
        differences="G has convolutions with depth-to-space, which can compute every transposed convolution of the "
        "paper. The published code (github.com/Newmu/dcgan_code) also starts the scales of batch normalisation from "
        "N(1, 0.02²), decays weights by 1e-5, and normalises samples by the statistics of their batch; here the scales "
        "start at 1, nothing decays, and samples are normalised by running statistics.",
        networks="dcgan",
        loss="non_saturating",
        generator_optimizer=_adam(2e-4, 0.5, 0.999, 1e-8),
        discriminator_optimizer=_adam(2e-4, 0.5, 0.999, 1e-8),
        latent="uniform",
        latent_dim=100,
        batch_size=128,
    ),
    "wgan-gp": Preset(
        summary="Wasserstein loss with gradient penalty, five steps of D, no batch normalisation",
        reference="Gulrajani et al. 2017, Improved training of Wasserstein GANs (arXiv:1704.00028), algorithm 1",
        differences="The networks are those of the published code for MNIST "
        "(github.com/igul222/improved_wgan_training, gan_mnist.py), with a tanh in place of its sigmoid and "
        "convolutions with depth-to-space in place of transposed ones. That code has β1 0.5 and batches of 50 images; "
        "algorithm 1 gives no batch size.",
        networks="wgan-gp",
        loss="wasserstein",
        penalties={"wgan_gp": 10.0},
        generator_optimizer=_adam(1e-4, 0.0, 0.9, 1e-8),
        discriminator_optimizer=_adam(1e-4, 0.0, 0.9, 1e-8),
        discriminator_steps=5,
        latent_dim=128,
    ),
    "sngan": Preset(
        summary="spectral normalisation in D, hinge loss, five steps of D",
        reference="Miyato et al. 2018, Spectral normalization for generative adversarial networks (arXiv:1802.05957)",
        differences="The networks are those of table 3, with the optimizer of the paper's residual networks; table 1 "
        "tries six others on these. The learning rate stays, which the published code for CIFAR-10 "
        "(github.com/pfnet-research/sngan_projection) lowers to 0 over 50,000 steps, and a step of G takes 64 images, "
        "not 128. The gradient does not pass through the spectral norm. Classes enter D as in that code, but G as an "
        "embedding next to z, where the code has class-conditional batch normalisation.",
        networks="sngan",
        loss="hinge",
        generator_optimizer=_adam(2e-4, 0.0, 0.9, 1e-8),
        discriminator_optimizer=_adam(2e-4, 0.0, 0.9, 1e-8),
        discriminator_steps=5,
        latent_dim=128,
    ),
    "r3gan": Preset(
        summary="the 2024 paper's networks of 20 million weights, for a GPU, with its settings for CIFAR-10",
        reference="Huang et al. 2024, The GAN is dead; long live the GAN! (arXiv:2501.05441), configuration E",
        differences="Compared with the published code (github.com/brownvc/R3GAN, train.py): γ stays at 0.05 and β2 at "
        "0.9, which the code takes to 0.005 and 0.99 over 20 million images, as it takes the learning rate; the "
        "half-life of the average is 5% of the images seen, up to 5 million, where the code takes it from 0 to 5 "
        "million along half a cosine over 20 million images; images are neither augmented nor mirrored; and a step of "
        "G is paired with the real images of D's step.",
        networks="r3gan",
        loss="relativistic",
        penalties={"r1": 0.05, "r2": 0.05},
        generator_optimizer=_adam(_cosine(2e-4, 5e-5, R3GAN_DECAY_IMAGES // 512), 0.0, 0.9, 1e-8),
        discriminator_optimizer=_adam(_cosine(2e-4, 5e-5, R3GAN_DECAY_IMAGES // 512), 0.0, 0.9, 1e-8),
        batch_size=512,
        ema_half_life_images=5_000_000,
    ),
    "gaussian": Preset(
        summary="the 1-D example: G one linear layer on U[-8, 8], D of four layers",
        reference="Goodfellow et al. 2014, Generative adversarial nets (arXiv:1406.2661), fig. 1 and sec. 4",
        differences="The paper gives no networks and no settings for its figure; these are this project's.",
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
        differences="The paper gives no networks and no settings for its figure; these are this project's.",
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
        differences="Only the loss and the kind of penalties are the paper's.",
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


def default_penalties(recipe: Preset, loss: str | None) -> dict[str, float | str]:
    """The penalties that go with a loss where none are chosen: the preset's with the preset's own loss, those of
    `LOSS_PENALTIES` with others; None is a loss of the user's own, which has none."""
    return dict(recipe.penalties if loss == recipe.loss else LOSS_PENALTIES.get(loss, {}))


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
