"""Adversarial losses as pure pairs on logits.

Each pair is `x_discriminator_loss(real_logits, fake_logits)` and `x_generator_loss(fake_logits)`. Both are minimised,
and both are means over the batch, in nats where the loss is a likelihood. D returns logits: the papers' D(x) is
sigmoid(logit). The relativistic pair compares each generated image with a real one, so its generator loss takes
both logits.

Functions that take real logits also take `sample_weight`, float32 (batch,). It multiplies the term of each real image,
or of each pair, before the mean over the batch, as in `keras.losses`.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import ops

from keras_gan._utils.choices import lookup
from keras_gan._utils.errors import InputError

softplus = ops.softplus
registered = keras.saving.register_keras_serializable("keras_gan")


def _mean(values, sample_weight=None):
    """The mean over the batch of each row times its weight, if there are weights."""
    if sample_weight is None:
        return ops.mean(values)
    weight = ops.reshape(sample_weight, [-1] + [1] * (len(values.shape) - 1))  # (batch, 1, ...)
    return ops.mean(ops.cast(weight, values.dtype) * values)


@registered
def minimax_discriminator_loss(real_logits, fake_logits, sample_weight=None):
    """-E log D(x) - E log(1 - D(G(z))). Goodfellow et al. 2014, eq. 1. At D = 1/2 it is 2 log 2 = 1.386."""
    return _mean(softplus(-real_logits), sample_weight) + ops.mean(softplus(fake_logits))


@registered
def minimax_generator_loss(fake_logits):
    """E log(1 - D(G(z))), at most 0. It saturates while D rejects samples. Goodfellow et al. 2014, eq. 1."""
    return -ops.mean(softplus(fake_logits))


@registered
def non_saturating_generator_loss(fake_logits):
    """-E log D(G(z)), at least 0. Its early gradients are stronger. Goodfellow et al. 2014, sec. 3."""
    return ops.mean(softplus(-fake_logits))


@registered
def least_squares_discriminator_loss(real_logits, fake_logits, sample_weight=None):
    """½ E (D(x) - 1)² + ½ E D(G(z))², on raw outputs. Mao et al. 2017 (arXiv:1611.04076), eq. 9."""
    return 0.5 * (_mean(ops.square(real_logits - 1.0), sample_weight) + ops.mean(ops.square(fake_logits)))


@registered
def least_squares_generator_loss(fake_logits):
    """½ E (D(G(z)) - 1)². Mao et al. 2017 (arXiv:1611.04076), eq. 9."""
    return 0.5 * ops.mean(ops.square(fake_logits - 1.0))


@registered
def hinge_discriminator_loss(real_logits, fake_logits, sample_weight=None):
    """E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))). Miyato et al. 2018 (arXiv:1802.05957), eq. 16."""
    return _mean(ops.relu(1.0 - real_logits), sample_weight) + ops.mean(ops.relu(1.0 + fake_logits))


@registered
def hinge_generator_loss(fake_logits):
    """-E D(G(z)). Miyato et al. 2018 (arXiv:1802.05957), eq. 17."""
    return -ops.mean(fake_logits)


@registered
def wasserstein_discriminator_loss(real_logits, fake_logits, sample_weight=None):
    """E D(G(z)) - E D(x), for a 1-Lipschitz D (use the "wgan_gp" penalty). Arjovsky et al. 2017, eq. 2."""
    return ops.mean(fake_logits) - _mean(real_logits, sample_weight)


@registered
def wasserstein_generator_loss(fake_logits):
    """-E D(G(z)). Arjovsky et al. 2017 (arXiv:1701.07875), eq. 2."""
    return -ops.mean(fake_logits)


@registered
def relativistic_discriminator_loss(real_logits, fake_logits, sample_weight=None):
    """E softplus(D(G(z)) - D(x)) over pairs. Jolicoeur-Martineau 2018 (arXiv:1807.00734), RpGAN."""
    return _mean(softplus(fake_logits - real_logits), sample_weight)


@registered
def relativistic_generator_loss(real_logits, fake_logits, sample_weight=None):
    """E softplus(D(x) - D(G(z))) over pairs. Jolicoeur-Martineau 2018 (arXiv:1807.00734), RpGAN."""
    return _mean(softplus(real_logits - fake_logits), sample_weight)


@registered
@dataclass(frozen=True)
class Loss:
    """A pair of losses for `GAN.compile`.

    Args:
        discriminator: function of (real_logits, fake_logits) to a scalar.
        generator: function of (fake_logits), or of (real_logits, fake_logits) where `paired`.
        paired: True where the generator loss needs the logits of real images too.

    `fit` accepts sample weights where all functions of real logits have a parameter `sample_weight`.
    """

    discriminator: Callable
    generator: Callable
    paired: bool = False

    @property
    def weighted(self) -> bool:
        """Whether the functions of real logits take sample weights."""
        functions = [self.discriminator, *([self.generator] if self.paired else [])]
        return all("sample_weight" in inspect.signature(function).parameters for function in functions)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "discriminator": serialize(self.discriminator),
            "generator": serialize(self.generator),
            "paired": self.paired,
        }

    @classmethod
    def from_config(cls, config):
        deserialize = keras.saving.deserialize_keras_object
        return cls(deserialize(config["discriminator"]), deserialize(config["generator"]), config["paired"])


LOSSES: dict[str, Loss] = {
    "minimax": Loss(minimax_discriminator_loss, minimax_generator_loss),
    "non_saturating": Loss(minimax_discriminator_loss, non_saturating_generator_loss),
    "least_squares": Loss(least_squares_discriminator_loss, least_squares_generator_loss),
    "hinge": Loss(hinge_discriminator_loss, hinge_generator_loss),
    "wasserstein": Loss(wasserstein_discriminator_loss, wasserstein_generator_loss),
    "relativistic": Loss(relativistic_discriminator_loss, relativistic_generator_loss, paired=True),
}


@registered
@dataclass(frozen=True)
class DiscriminatorTargets:
    """A Keras loss for D: target 1 for real and 0 for generated images, the sum of both means."""

    loss: keras.losses.Loss

    def __call__(self, real_logits, fake_logits, sample_weight=None):
        real = self.loss(ops.ones_like(real_logits), real_logits, sample_weight=sample_weight)
        return ops.mean(real) + ops.mean(self.loss(ops.zeros_like(fake_logits), fake_logits))

    def get_config(self):
        return {"loss": keras.saving.serialize_keras_object(self.loss)}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["loss"]))


@registered
class GeneratorTargets(DiscriminatorTargets):
    """A Keras loss for G: target 1 for generated images."""

    def __call__(self, fake_logits):
        return ops.mean(self.loss(ops.ones_like(fake_logits), fake_logits))


FROM_LOGITS = (keras.losses.BinaryCrossentropy, keras.losses.BinaryFocalCrossentropy)
OF_VALUES = (keras.losses.MeanSquaredError, keras.losses.MeanAbsoluteError, keras.losses.Huber, keras.losses.LogCosh)


def resolve(choice) -> Loss:
    """The pair of losses for an argument of `GAN.compile(loss=…)`.

    Args:
        choice: a name in `LOSSES`, a `Loss`, or a Keras loss that compares one output with the targets 1 (real) and 0
            (generated): `keras.losses.BinaryCrossentropy(from_logits=True)`, which is "non_saturating",
            `BinaryFocalCrossentropy(from_logits=True)`, `MeanSquaredError`, `MeanAbsoluteError`, `Huber` or `LogCosh`.

    Raises:
        InputError: for anything else.
    """
    if isinstance(choice, Loss):
        return choice
    if isinstance(choice, str):
        return lookup(LOSSES, choice, "loss", ", ".join(LOSSES))
    if isinstance(choice, FROM_LOGITS) and not choice.get_config().get("from_logits"):
        raise InputError(
            f"loss is {type(choice).__name__} of probabilities; expected from_logits=True, since the discriminator "
            f"returns logits. Use keras.losses.{type(choice).__name__}(from_logits=True)."
        )
    if isinstance(choice, (*FROM_LOGITS, *OF_VALUES)):
        return Loss(DiscriminatorTargets(choice), GeneratorTargets(choice))
    received = choice if isinstance(choice, (list, tuple, dict)) else getattr(choice, "__name__", type(choice).__name__)
    raise InputError(
        f"loss is {received!r:.80}; expected a name ({', '.join(LOSSES)}), a keras_gan.losses.Loss, or a binary Keras "
        "loss, which serves both networks. Use keras.losses.BinaryCrossentropy(from_logits=True)."
    )
