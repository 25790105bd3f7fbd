"""Distillation: a generator that learns the pictures that another generator draws for the same latents.

Reference: Aguinaldo et al. 2019, Compressing GANs using knowledge distillation (arXiv:1902.00159), for the difference
of pictures beside the adversarial loss.
"""

from collections.abc import Callable
from dataclasses import dataclass

from keras import ops

from keras_gan._utils.errors import InputError


@dataclass(frozen=True)
class Imitation:
    """What a student generator minimises: adversarial · its loss + weight · the difference to its teacher's pictures.

    Attributes:
        teacher: function that returns the teacher's network. A function, since Keras would save and train a network.
        weight: weight of the mean absolute difference of the pictures in [-1, 1].
        adversarial: weight of the generator's own loss; at 0 the discriminator is trained without effect.
    """

    teacher: Callable
    weight: float
    adversarial: float

    @classmethod
    def of(cls, student, teacher, weight: float, adversarial: float) -> "Imitation":
        """The imitation of one GAN's averaged generator by another GAN.

        Raises:
            InputError: where the GANs differ in latents, classes or data, or the weights cannot be used.
        """
        for name in ("latent", "latent_dim", "num_classes", "data_shape"):
            ours, theirs = getattr(student, name), getattr(teacher, name)
            if ours != theirs:
                raise InputError(
                    f"a student with {name}={ours} and a teacher with {name}={theirs}; expected the same, since both "
                    "draw pictures of the same latents. Build the student like its teacher."
                )
        if not (weight >= 0 and adversarial >= 0 and 0 < weight + adversarial < float("inf")):
            raise InputError(
                f"weight {weight} and adversarial {adversarial} of an imitation; expected numbers of at least 0 that "
                "are not both 0. Use weight=10, adversarial=1."
            )
        network = teacher.ema_generator
        return cls(lambda: network, weight, adversarial)

    def objective(self, loss, inputs, drawn):
        """The student's objective, a scalar.

        Args:
            loss: its adversarial loss, a scalar.
            inputs: the generator's inputs: latents, or [latents, labels].
            drawn: what the student made of them, float32 (batch, *data_shape).
        """
        wanted = ops.stop_gradient(self.teacher()(inputs, training=False))
        return self.adversarial * loss + self.weight * ops.mean(ops.abs(drawn - wanted))
