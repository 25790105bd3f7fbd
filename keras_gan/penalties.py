"""Gradient penalties on the discriminator, as pure functions of its input gradients.

A `Penalty` names the images at which the gradient of D's logit is taken ("real", "fake", or "between" the two) and the
function of these gradients. `GAN` computes the gradients in one pass of D for all penalties and, where possible, for
the loss as well.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from keras_gan._utils.choices import AUTO, automatic_share, lookup
from keras_gan._utils.errors import InputError
from keras_gan.distribute import replicas

# γ divided by E ‖x - x'‖², the mean squared distance of two images; it gives γ = 1 on MNIST. The reason and the results
# on other data are in benchmarks/RESULTS.md.
AUTO_SHARE = 0.0024
POINTS = "real", "fake", "between"  # where D's gradient can be taken

registered = keras.saving.register_keras_serializable("keras_gan")


def squared_norm(gradients):
    """‖∇D‖² of each image, float32 (batch,), from gradients of shape (batch, ...)."""
    gradients = ops.cast(gradients, "float32")
    return ops.sum(ops.square(gradients), axis=list(range(1, len(gradients.shape))))


@registered
def zero_centred(gradients):
    """½ E ‖∇D‖²: R1 at real and R2 at generated images. Mescheder et al. 2018 (arXiv:1801.04406), eq. 9."""
    return 0.5 * ops.mean(squared_norm(gradients))


@registered
def one_centred(gradients):
    """E (‖∇D‖ - 1)². Gulrajani et al. 2017 (arXiv:1704.00028), eq. 3."""
    # The constant keeps the derivative of the root finite where the gradient is zero.
    return ops.mean(ops.square(ops.sqrt(squared_norm(gradients) + 1e-12) - 1.0))


def interpolate(real, fake, share):
    """share · real + (1 - share) · fake, image by image; share has shape (batch,), in [0, 1]."""
    share = ops.reshape(share, [-1] + [1] * (len(real.shape) - 1))  # (batch, 1, ...)
    return share * real + (1.0 - share) * fake


@registered
@dataclass(frozen=True)
class Penalty:
    """One gradient penalty for `GAN.compile(penalties={...: weight})`.

    Args:
        at: where the gradient of D is taken: "real", "fake" or "between".
        of_gradients: function of gradients of shape (batch, ...) to a scalar.

    Raises:
        InputError: for another place.
    """

    at: str
    of_gradients: Callable

    def __post_init__(self):
        if self.at not in POINTS:
            raise InputError(f"Penalty received at={self.at!r}; expected one of {', '.join(POINTS)}. Use at='real'.")

    def get_config(self):
        return {"at": self.at, "of_gradients": keras.saving.serialize_keras_object(self.of_gradients)}

    @classmethod
    def from_config(cls, config):
        return cls(config["at"], keras.saving.deserialize_keras_object(config["of_gradients"]))


PENALTIES: dict[str, Penalty] = {
    "r1": Penalty("real", zero_centred),
    "r2": Penalty("fake", zero_centred),
    "wgan_gp": Penalty("between", one_centred),
}


def automatic_weight(real):
    """γ for zero-centred penalties, from a batch of real data: proportional to E ‖x - x'‖² of two images.

    A logit that rises by s from one image to another has a slope of about s / ‖x - x'‖. R1 and R2 penalise its square.
    With γ proportional to ‖x - x'‖² they constrain D equally, whatever the size, channels and contrast of the images.

    Args:
        real: data (batch, ...), in [-1, 1] where they are images.

    Returns:
        float32 scalar, at least 0. It is 0 for a single image, which has no pair.
    """
    real = ops.cast(real, "float32")
    n = ops.cast(ops.shape(real)[0] * replicas.count(), "float32")
    mean, mean_square = replicas.mean([ops.mean(real, axis=0), ops.mean(squared_norm(real))])
    variance = ops.maximum(mean_square - ops.sum(ops.square(mean)), 0.0)
    # The factor n / (n - 1) makes it the mean over all pairs of two different images.
    return AUTO_SHARE * 2.0 * n / ops.maximum(n - 1.0, 1.0) * variance


def resolve(weights: Mapping) -> dict[Penalty, float | str]:
    """The penalties for an argument of `GAN.compile(penalties=…)`, with their weights γ.

    Args:
        weights: mapping of names in `PENALTIES`, or of `Penalty` objects, to weights: numbers, or for
            zero-centred penalties "auto", or a part of it such as "auto/8".

    Raises:
        InputError: for an unknown name, or for a weight that is neither a number nor, where allowed, automatic.
    """
    if not isinstance(weights, Mapping):
        raise InputError(f"penalties is {weights!r:.80}; expected a mapping. Use penalties={{name: 1.0}}.")
    return dict(_resolved(key, weight) for key, weight in weights.items())


def _resolved(key, weight):
    penalty = key if isinstance(key, Penalty) else lookup(PENALTIES, key, "penalty", ", ".join(PENALTIES))
    if isinstance(weight, str):
        known = automatic_share(weight) is not None and penalty.of_gradients is zero_centred
    else:
        known = weight is not None and np.ndim(weight) == 0
    if not known:
        raise InputError(
            f"the weight of {key} is {weight!r}; expected a number, or for r1 and r2 {AUTO!r} or a part of it "
            "such as 'auto/8'. Use penalties={name: 1.0}."
        )
    return penalty, weight
