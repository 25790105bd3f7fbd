"""Recipes by name: networks, loss, penalties, optimizers and batch size, each with the paper it follows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from keras_gan._utils.choices import AUTO, is_large, lookup
from keras_gan._utils.text import Table, Text, paragraph

DEFAULT_PRESET, LARGE_PRESET = "resnet", "resnet-light"  # the second for images for which `is_large` holds
DATA_PRESETS = {"gaussian": "gaussian", "ring": "mixture", "grid": "mixture"}  # data sets with another default
DEFAULT_STEPS = 2_000
# The learning rate of a student, up to a width; wider ones take less, in proportion (Yang et al. 2022).
IMITATION_RATE, IMITATION_WIDTH, LARGEST_WIDTH = 8e-3, 24, 256
R3GAN_DECAY_IMAGES = 20_000_000  # number over which its published code lowers the learning rate
# Losses that need a penalty with any preset, since D has to be Lipschitz.
LOSS_PENALTIES = {"wasserstein": {"wgan_gp": 10.0}}
ALTERNATING, SIMULTANEOUS = "alternating", "simultaneous"
UPDATES = {  # orders of the updates in a training step
    ALTERNATING: "the generator answers the updated discriminator, on fresh noise (Algorithm 1)",
    SIMULTANEOUS: "both networks are updated from one pass",
}

BEFORE_SETTINGS = {"updates": ALTERNATING, "penalty_share": 1.0}  # of runs and GANs saved before these settings existed


def _decaying(learning_rate: float, steps: int, factor: float) -> dict[str, Any]:
    """A learning rate that is multiplied by `factor` in every `steps`."""
    return {
        "module": "keras.optimizers.schedules",
        "class_name": "ExponentialDecay",
        "config": {"initial_learning_rate": learning_rate, "decay_steps": steps, "decay_rate": factor},
    }


def _halving(learning_rate: float, half_life_steps: int) -> dict[str, Any]:
    """A learning rate that halves every `half_life_steps`, so that G converges instead of circling the optimum."""
    return _decaying(learning_rate, half_life_steps, 0.5)


def _cosine(start: float, end: float, steps: int) -> dict[str, Any]:
    """A learning rate that falls from `start` to `end` along half a cosine and then stays at `end`."""
    return {
        "module": "keras.optimizers.schedules",
        "class_name": "CosineDecay",
        "config": {"initial_learning_rate": start, "decay_steps": steps, "alpha": end / start},
    }


def _adam(
    learning_rate: float | str | Mapping[str, Any], beta_1: float, beta_2: float, epsilon: float | None = None
) -> dict[str, Any]:
    """Adam in serialized form. None for ε means Keras's 1e-7."""
    config = {"learning_rate": learning_rate, "beta_1": beta_1, "beta_2": beta_2}
    return {"class_name": "Adam", "config": config if epsilon is None else config | {"epsilon": epsilon}}


def _momentum_2014(learning_rate: float) -> dict[str, Any]:
    """SGD of the code of 2014, whose momentum rises from 0.5 to 0.7 in the epochs 1 to 250 of 500 steps each."""
    return {
        "module": "keras_gan.schedules",
        "class_name": "RisingMomentum",
        "registered_name": "keras_gan>RisingMomentum",
        "config": {
            "learning_rate": _decaying(learning_rate, 1, 1 / 1.000004),
            "momentum": 0.5,
            "final_momentum": 0.7,
            "first_step": 500,
            "last_step": 125_000,
        },
    }


def imitating(learning_rate: float | None, width: int | None, steps: int) -> dict[str, Any]:
    """Adam for a generator that learns pictures and has no adversary, in serialized form.

    The rate falls to a twentieth along half a cosine. Chosen on MNIST with 24 channels (benchmarks/RESULTS.md).

    Args:
        learning_rate: the rate at the start; None for `IMITATION_RATE`, or less where there are more channels.
        width: the most channels of a feature map; None for `LARGEST_WIDTH`.
        steps: the number of steps of the run.
    """
    rate = learning_rate
    if rate is None:
        rate = IMITATION_RATE * min(1.0, IMITATION_WIDTH / (width or LARGEST_WIDTH))
    return _adam(_cosine(rate, rate / 20, steps), 0.9, 0.99)


@dataclass(frozen=True)
class Preset:
    """One recipe: the network family, the loss, the penalties and the optimizers."""

    summary: str  # one line for `kgan presets`
    reference: str  # the paper whose settings these are
    differences: str  # sentences: how the recipe differs from the reference
    networks: str  # family in networks.FAMILIES
    loss: str  # name in losses.LOSSES
    generator_optimizer: Mapping[str, Any]  # Keras's serialized form
    discriminator_optimizer: Mapping[str, Any]
    penalties: Mapping[str, float | str] = field(default_factory=dict)  # name in penalties.PENALTIES -> weight γ
    penalty_share: float = 1.0  # share of each batch at whose images the penalties are computed
    discriminator_steps: int = 1  # k of Algorithm 1
    updates: str = ALTERNATING  # name in UPDATES
    start_at_mean: bool = False  # whether G's output starts at the mean of the training images
    latent: str = "normal"  # name in latents.DISTRIBUTIONS
    latent_dim: int = 64
    batch_size: int = 64  # images in one discriminator step
    steps: int = DEFAULT_STEPS  # default number of generator updates
    ema_half_life_images: int = 20_000


PRESETS: dict[str, Preset] = {
    "resnet": Preset(
        summary="residual networks without normalisation, relativistic pairing with R1 and R2 (default)",
        reference="Huang et al. 2024, The GAN is dead; long live the GAN! (arXiv:2501.05441)",
        differences="Only the loss and the kind of penalties are the paper's; here the penalties are computed at a "
        "quarter of the images. The networks, the optimizers, γ, the batch size and the half-life of the average were "
        "chosen on MNIST (benchmarks/RESULTS.md).",
        networks="resnet",
        loss="relativistic",
        penalties={"r1": AUTO, "r2": AUTO},
        penalty_share=0.25,  # the same distance in four fifths of the time: benchmarks/RESULTS.md
        # With β2 = 0.9 a large gradient after many small ones moves a weight by at most 3 times the learning rate. With
        # 0.99 it is 10 times, and D's logits grew to thousands on photos.
        generator_optimizer=_adam(AUTO, 0.0, 0.9),
        discriminator_optimizer=_adam(AUTO, 0.0, 0.9),
        batch_size=32,  # chosen on MNIST at equal time, with the other settings: benchmarks/RESULTS.md
        ema_half_life_images=100_000,
        steps=4_000,
    ),
    "resnet-light": Preset(
        summary="resnet with lighter networks, half the batch and a smaller γ (default from 64 pixels on)",
        reference="Huang et al. 2024, The GAN is dead; long live the GAN! (arXiv:2501.05441)",
        differences="As for resnet; the networks have no residual block at half of the image's size. Their widths, γ "
        "and the batch size were chosen on faces of 64×64 pixels (benchmarks/RESULTS.md).",
        networks="resnet-light",
        loss="relativistic",
        penalties={"r1": f"{AUTO}/8", "r2": f"{AUTO}/8"},
        penalty_share=0.25,
        generator_optimizer=_adam(AUTO, 0.0, 0.9),
        discriminator_optimizer=_adam(AUTO, 0.0, 0.9),
        batch_size=16,
        ema_half_life_images=100_000,
        steps=10_000,
    ),
    "lean": Preset(
        summary="small convolutional networks, batch normalisation in the generator, non-saturating loss",
        reference="after Radford et al. 2015 (arXiv:1511.06434), with half the channels and no normalisation in the "
        "discriminator",
        differences="The discriminator's kernels are 4×4, not 5×5. Initial weights are Glorot's. z is normal. The "
        "learning rate is 5e-4 and the batch size 64.",
        networks="lean",
        loss="non_saturating",
        generator_optimizer=_adam(5e-4, 0.5, 0.999),
        discriminator_optimizer=_adam(5e-4, 0.5, 0.999),
    ),
    "goodfellow2014": Preset(
        summary="the 2014 paper's multilayer perceptrons: maxout and dropout in the discriminator, SGD with momentum",
        reference="Goodfellow et al. 2014, Generative adversarial nets (arXiv:1406.2661), in the published code for "
        "MNIST (github.com/goodfeli/adversarial, mnist.yaml)",
        differences="The momentum and the learning rate change with each step; the code changes the momentum once in "
        "each epoch, of 500 steps. The discriminator's loss is the sum over real and generated images, of which the "
        "code takes half; here its learning rate is half the code's, which is the same for this optimizer.",
        networks="goodfellow2014",
        loss="non_saturating",
        generator_optimizer=_momentum_2014(0.1),
        discriminator_optimizer=_momentum_2014(0.05),
        updates=SIMULTANEOUS,
        start_at_mean=True,
        latent_dim=100,
        batch_size=100,
        ema_half_life_images=0,
    ),
    "dcgan": Preset(
        summary="the 2015 paper's convolutional networks: batch normalisation in both, non-saturating loss",
        reference="Radford et al. 2015, Unsupervised representation learning with DCGANs (arXiv:1511.06434), sec. 4",
        differences="The generator has convolutions with depth-to-space, which can compute every transposed "
        "convolution of the paper. In the published code (github.com/Newmu/dcgan_code) the scales of batch "
        "normalisation start from N(1, 0.02²), weights decay by 1e-5, and samples are normalised with the statistics "
        "of their batch. Here the scales start at 1, there is no weight decay, and samples are normalised with running "
        "statistics.",
        networks="dcgan",
        loss="non_saturating",
        generator_optimizer=_adam(2e-4, 0.5, 0.999, 1e-8),
        discriminator_optimizer=_adam(2e-4, 0.5, 0.999, 1e-8),
        latent="uniform",
        latent_dim=100,
        batch_size=128,
    ),
    "wgan-gp": Preset(
        summary="Wasserstein loss with gradient penalty, five discriminator steps, no batch normalisation",
        reference="Gulrajani et al. 2017, Improved training of Wasserstein GANs (arXiv:1704.00028), algorithm 1",
        differences="The networks are those of the published code for MNIST "
        "(github.com/igul222/improved_wgan_training, gan_mnist.py), with a tanh instead of the sigmoid and "
        "convolutions with depth-to-space instead of transposed convolutions. That code has β1 = 0.5 and a batch size "
        "of 50. Algorithm 1 gives no batch size.",
        networks="wgan-gp",
        loss="wasserstein",
        penalties={"wgan_gp": 10.0},
        generator_optimizer=_adam(1e-4, 0.0, 0.9, 1e-8),
        discriminator_optimizer=_adam(1e-4, 0.0, 0.9, 1e-8),
        discriminator_steps=5,
        latent_dim=128,
    ),
    "sngan": Preset(
        summary="spectral normalisation in the discriminator, hinge loss, five discriminator steps",
        reference="Miyato et al. 2018, Spectral normalization for generative adversarial networks (arXiv:1802.05957)",
        differences="The networks are those of table 3, with the optimizer of the paper's residual networks; table 1 "
        "has six other settings for these networks. The learning rate is constant; the published code for CIFAR-10 "
        "(github.com/pfnet-research/sngan_projection) lowers it to 0 over 50,000 steps. A generator step takes 64 "
        "images, not 128. The gradient does not pass through the spectral norm. The discriminator uses classes as that "
        "code does. The generator takes an embedding of the class next to z; the code has class-conditional batch "
        "normalisation.",
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
        "0.9; the code changes them to 0.005 and 0.99 over 20 million images. The half-life of the average is 5% of "
        "the images seen, up to 5 million; the code raises it from 0 to 5 million along half a cosine over 20 million "
        "images. Images are neither augmented nor mirrored. A generator step is paired with the real images of the "
        "discriminator step.",
        networks="r3gan",
        loss="relativistic",
        penalties={"r1": 0.05, "r2": 0.05},
        generator_optimizer=_adam(_cosine(2e-4, 5e-5, R3GAN_DECAY_IMAGES // 512), 0.0, 0.9, 1e-8),
        discriminator_optimizer=_adam(_cosine(2e-4, 5e-5, R3GAN_DECAY_IMAGES // 512), 0.0, 0.9, 1e-8),
        batch_size=512,
        ema_half_life_images=5_000_000,
    ),
    "gaussian": Preset(
        summary="the 1-D example: a linear generator of z on U[-8, 8], a discriminator of four layers",
        reference="Goodfellow et al. 2014, Generative adversarial nets (arXiv:1406.2661), fig. 1 and sec. 4",
        differences="The paper gives no networks and no settings for its figure. All of them were chosen here.",
        networks="gaussian",
        loss="non_saturating",
        # The intercept has to move by 5, at most by the rate in each step.
        generator_optimizer=_adam(_halving(2e-2, 300), 0.5, 0.99),
        discriminator_optimizer=_adam(_halving(1e-2, 500), 0.5, 0.99),
        latent="uniform",
        latent_dim=1,
        batch_size=512,
        steps=1_500,
    ),
    "gaussian_deep": Preset(
        summary="the 1-D example with a generator of three layers, which can match the density; a linear one cannot",
        reference="Goodfellow et al. 2014, Generative adversarial nets (arXiv:1406.2661), fig. 1 and sec. 4",
        differences="The paper gives no networks and no settings for its figure. All of them were chosen here.",
        networks="gaussian_deep",
        loss="non_saturating",
        penalties={"r1": 0.3},  # without a penalty both networks circle the equilibrium
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
        differences="Only the loss and the kind of penalties are the paper's. The networks and all other settings were "
        "chosen here.",
        networks="mixture",
        loss="relativistic",
        penalties={"r1": 3e-3, "r2": 3e-3},  # at 1e-3 two or three modes of the grid get no samples
        generator_optimizer=_adam(_halving(3e-3, 10_000), 0.0, 0.99),
        discriminator_optimizer=_adam(_halving(3e-3, 10_000), 0.0, 0.99),
        latent_dim=2,
        batch_size=256,
        steps=50_000,
    ),
}


def preset(name: str) -> Preset:
    """The preset called `name`. Raises InputError, with similar names, where there is none."""
    return lookup(PRESETS, name, "preset", "kgan presets")


def default_preset(data: str | None, data_shape: tuple[int, ...] | None = None) -> str:
    """Returns the name of the default preset.

    Args:
        data: name of the data; None for the user's own.
        data_shape: (height, width, channels) of images, or (features,); None if it is not known.
    """
    return DATA_PRESETS.get(data or "", LARGE_PRESET if is_large(data_shape) else DEFAULT_PRESET)


def default_penalties(recipe: Preset, loss: str | None) -> dict[str, float | str]:
    """The default penalties for a loss.

    Args:
        recipe: the preset.
        loss: name in losses.LOSSES; None for a loss of the user's own.

    Returns:
        Names in penalties.PENALTIES with their weights: the preset's for the preset's own loss, else those in
        `LOSS_PENALTIES`, which may be none.
    """
    return dict(recipe.penalties if loss == recipe.loss else LOSS_PENALTIES.get(loss, {}))


def default_penalty_share(recipe: Preset, loss: str | None) -> float:
    """The default `penalty_share` for a loss, as in `default_penalties`: the preset's for its own, else 1."""
    return recipe.penalty_share if loss == recipe.loss else 1.0


def at_share(penalty_share: float) -> str:
    """Words for the images at which penalties are computed: " at 25 % of the images"; empty for all of them."""
    return "" if penalty_share == 1 else f" at {100 * penalty_share:.3g} % of the images"


# the listing ----------------------------------------------------------------------------------------------------------

LISTING_WIDTH = 100
AVERAGES = (
    "All of them draw samples from an average of the generator's weights; of the references only R3GAN does. With "
    "--conditional, presets other than sngan and r3gan have an embedding next to z and a projection in the "
    "discriminator that their references do not have."
)


def table() -> Text:
    """All presets with their references and what differs from these."""
    rows = [
        row
        for name, one in PRESETS.items()
        for row in ((name, one.summary), ("", one.reference), ("", f"Differences: {one.differences}"))
    ]
    return Text([Table(rows, width=LISTING_WIDTH), "", paragraph(AVERAGES, width=LISTING_WIDTH)])
