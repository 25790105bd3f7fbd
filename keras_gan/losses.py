"""Adversarial losses as pure pairs on logits.

Each pair is `x_discriminator_loss(real_logits, fake_logits)` and `x_generator_loss(fake_logits)`, both to be
minimised, both means over the batch in nats where the loss is a likelihood. D returns logits: D(x) of the papers is
sigmoid(logit). The relativistic pair compares each generated image with a real one, so its generator loss takes
both logits.
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import ops

softplus = ops.softplus
registered = keras.saving.register_keras_serializable("keras_gan")


@registered
def minimax_discriminator_loss(real_logits, fake_logits):
    """-E log D(x) - E log(1 - D(G(z))). Goodfellow et al. 2014, eq. 1. At D = 1/2 it is 2 log 2 = 1.386."""
    return ops.mean(softplus(-real_logits)) + ops.mean(softplus(fake_logits))


@registered
def minimax_generator_loss(fake_logits):
    """E log(1 - D(G(z))), at most 0: saturates while D rejects samples. Goodfellow et al. 2014, eq. 1."""
    return -ops.mean(softplus(fake_logits))


@registered
def non_saturating_generator_loss(fake_logits):
    """-E log D(G(z)), at least 0: the same fixed point, stronger early gradients. Goodfellow et al. 2014, sec. 3."""
    return ops.mean(softplus(-fake_logits))


@registered
def least_squares_discriminator_loss(real_logits, fake_logits):
    """½ E (D(x) - 1)² + ½ E D(G(z))², on raw outputs. Mao et al. 2017 (arXiv:1611.04076), eq. 9."""
    return 0.5 * (ops.mean(ops.square(real_logits - 1.0)) + ops.mean(ops.square(fake_logits)))


@registered
def least_squares_generator_loss(fake_logits):
    """½ E (D(G(z)) - 1)². Mao et al. 2017 (arXiv:1611.04076), eq. 9."""
    return 0.5 * ops.mean(ops.square(fake_logits - 1.0))


@registered
def hinge_discriminator_loss(real_logits, fake_logits):
    """E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))). Miyato et al. 2018 (arXiv:1802.05957), eq. 16."""
    return ops.mean(ops.relu(1.0 - real_logits)) + ops.mean(ops.relu(1.0 + fake_logits))


@registered
def hinge_generator_loss(fake_logits):
    """-E D(G(z)). Miyato et al. 2018 (arXiv:1802.05957), eq. 17."""
    return -ops.mean(fake_logits)


@registered
def wasserstein_discriminator_loss(real_logits, fake_logits):
    """E D(G(z)) - E D(x), for a 1-Lipschitz D (use the "wgan_gp" penalty). Arjovsky et al. 2017, eq. 2."""
    return ops.mean(fake_logits) - ops.mean(real_logits)


@registered
def wasserstein_generator_loss(fake_logits):
    """-E D(G(z)). Arjovsky et al. 2017 (arXiv:1701.07875), eq. 2."""
    return -ops.mean(fake_logits)


@registered
def relativistic_discriminator_loss(real_logits, fake_logits):
    """E softplus(D(G(z)) - D(x)) over pairs. Jolicoeur-Martineau 2018 (arXiv:1807.00734), RpGAN."""
    return ops.mean(softplus(fake_logits - real_logits))


@registered
def relativistic_generator_loss(real_logits, fake_logits):
    """E softplus(D(x) - D(G(z))) over pairs. Jolicoeur-Martineau 2018 (arXiv:1807.00734), RpGAN."""
    return ops.mean(softplus(real_logits - fake_logits))


@registered
@dataclass(frozen=True)
class Loss:
    """A pair of losses for `GAN.compile`.

    Args:
        discriminator: function of (real_logits, fake_logits) to a scalar.
        generator: function of (fake_logits), or of (real_logits, fake_logits) where `paired`.
        paired: True where the generator loss needs the logits of real images too.
    """

    discriminator: Callable
    generator: Callable
    paired: bool = False

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
