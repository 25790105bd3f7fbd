"""Distillation: a generator that learns the pictures that another generator draws for the same latents."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers, ops

from keras_gan import layers as own_layers
from keras_gan._utils.errors import InputError

ACTIVATIONS = (own_layers.LeakyReLU, layers.LeakyReLU, layers.ReLU, layers.PReLU, layers.ELU, layers.Activation)
SMALLEST_SIZE = 1e-3  # of a feature map, by which its differences are divided
PICTURES = 0.3  # weight of the pictures next to their feature maps; chosen on MNIST (benchmarks/RESULTS.md)


@dataclass(frozen=True)
class Imitation:
    """What a student generator minimises.

    Where the discriminator is not trained, that is weight · (0.3 · the difference of the pictures + that of their
    feature maps in the discriminator); otherwise adversarial · its loss + weight · the difference of the pictures.

    Attributes:
        teacher: function that returns the teacher's network. A function, since Keras would save and train a network.
        weight: weight of the differences.
        adversarial: weight of the generator's own loss; 0 where the discriminator is not trained.
        feature_maps: function from what the discriminator takes to a list of its feature maps and, last, its logits.

    References: Aguinaldo et al. 2019, Compressing GANs using knowledge distillation (arXiv:1902.00159), for the mean
    absolute difference of pictures beside the adversarial loss. Wang et al. 2018, High-resolution image synthesis and
    semantic manipulation with conditional GANs (arXiv:1711.11585), eq. 4, for that of the discriminator's feature maps.
    """

    teacher: Callable
    weight: float
    adversarial: float
    feature_maps: Callable

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
                "are not both 0. Use weight=2, adversarial=0."
            )
        network = teacher.ema_generator
        return cls(lambda: network, weight, adversarial, with_feature_maps(student.discriminator))

    @property
    def trains_discriminator(self) -> bool:
        """Whether the discriminator is trained too."""
        return self.adversarial > 0

    def objective(self, loss, inputs, drawn):
        """The student's objective beside a discriminator in training, a scalar.

        Args:
            loss: its adversarial loss, a scalar.
            inputs: the generator's inputs: latents, or [latents, labels].
            drawn: what the student made of them, float32 (batch, *data_shape).
        """
        return self.adversarial * loss + self.weight * difference(drawn, self._wanted(inputs))

    def without_adversary(self, inputs, drawn, to_input):
        """The student's objective where the discriminator is not trained, and its pictures' logits.

        Args:
            inputs: as in `objective`.
            drawn: as in `objective`.
            to_input: function from pictures to what the discriminator takes: the pictures, or [pictures, labels].
        """
        wanted = self._wanted(inputs)
        *ours, logits = self.feature_maps(to_input(drawn))
        *theirs, _ = self.feature_maps(to_input(wanted))
        pairs = list(zip(ours, map(ops.stop_gradient, theirs), strict=True))
        of_maps = sum((relative_difference(one, other) for one, other in pairs), 0.0) / max(1, len(pairs))
        return self.weight * (PICTURES * difference(drawn, wanted) + of_maps), logits

    def _wanted(self, inputs):
        return ops.stop_gradient(self.teacher()(inputs, training=False))


def with_feature_maps(discriminator: keras.Model) -> Callable:
    """A function from what a discriminator takes to a list: the results of its activations, and its logits as the last.

    A subclassed `keras.Model` has no graph in which to find its activations: then there are only the logits.
    """
    maps = [layer.output for layer in getattr(discriminator, "operations", ()) if _is_activation(layer)]
    if not maps:
        return lambda inputs: [discriminator(inputs, training=False)]
    network = keras.Model(discriminator.input, [*maps, discriminator.output])
    return lambda inputs: network(inputs, training=False)


def _is_activation(layer):
    activation = getattr(layer, "activation", None)
    return isinstance(layer, ACTIVATIONS) or activation not in (None, keras.activations.linear)


def difference(one, other):
    """The mean absolute difference of two tensors, a scalar."""
    return ops.mean(ops.abs(ops.cast(one, "float32") - ops.cast(other, "float32")))


def relative_difference(one, other):
    """The mean absolute difference of two tensors, divided by the mean size of the second, a scalar."""
    size = ops.mean(ops.abs(ops.cast(other, "float32")))
    return difference(one, other) / ops.maximum(size, SMALLEST_SIZE)
