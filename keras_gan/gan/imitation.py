"""Distillation: a generator that learns the pictures that another generator draws for the same latents."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers, ops

from keras_gan import layers as own_layers
from keras_gan._utils.errors import InputError

ACTIVATIONS = (own_layers.Maxout, layers.LeakyReLU, layers.ReLU, layers.PReLU, layers.ELU, layers.Activation)
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
        feature_maps: function from what the discriminator takes to a list of its feature maps and, last, its logits;
            None where it is trained.

    References: Aguinaldo et al. 2019, Compressing GANs using knowledge distillation (arXiv:1902.00159), for the mean
    absolute difference of pictures beside the adversarial loss. Wang et al. 2018, High-resolution image synthesis and
    semantic manipulation with conditional GANs (arXiv:1711.11585), eq. 4, for that of the discriminator's feature maps.
    """

    teacher: Callable
    weight: float
    adversarial: float
    feature_maps: Callable | None

    @classmethod
    def of(cls, student, teacher, weight: float, adversarial: float) -> "Imitation":
        """The imitation of one GAN's averaged generator by another GAN.

        Raises:
            InputError: where the GANs differ in latents, classes or data, or where weights or discriminator cannot be
                used.
        """
        if not hasattr(teacher, "ema_generator"):
            raise InputError(
                f"a teacher of class {type(teacher).__name__}; expected a GAN. Use keras_gan.training.load(RUN)."
            )
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
        maps = None if adversarial else with_feature_maps(student.discriminator)
        return cls(lambda: network, weight, adversarial, maps)

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
        return self.weight * (PICTURES * difference(drawn, wanted) + of_maps), ops.cast(logits, "float32")

    def _wanted(self, inputs):
        return ops.stop_gradient(self.teacher()(inputs, training=False))


def with_feature_maps(discriminator: keras.Model) -> Callable:
    """A function from what a discriminator takes to a list: its feature maps, and its logits as the last.

    Feature maps are the results of activations, those in nested models included. Where there are none, they are the
    results of the layers with weights, without the logits.

    Raises:
        InputError: where the discriminator is neither functional nor a `Sequential`, so that Keras knows no order of
            its layers.
    """
    activations, others = [], []

    def through(operation, *inputs, **options):
        """What a layer or model gives, and, step by step, what is inside."""
        if isinstance(operation, keras.Sequential):
            return functools.reduce(lambda x, layer: through(layer, x), operation.layers, inputs[0])
        if _is_functional(operation):
            clone = keras.models.clone_model(
                operation, inputs[0], clone_function=lambda each: each, call_function=through
            )
            return clone.output
        outputs = operation(*inputs, **options)
        if _is_activation(operation, inputs[0], outputs):
            activations.append(outputs)
        elif getattr(operation, "weights", None):
            others.append(outputs)
        return outputs

    if not (isinstance(discriminator, keras.Sequential) or _is_functional(discriminator)):
        raise InputError(
            f"a discriminator of class {type(discriminator).__name__}, whose feature maps cannot be found; expected a "
            "functional model or a Sequential, since the discriminator is not trained. Build it by keras.Model(inputs, "
            "outputs), or set adversarial above 0."
        )
    given = discriminator.inputs[0] if isinstance(discriminator, keras.Sequential) else discriminator.input
    inputs = keras.tree.map_structure(lambda x: keras.Input(batch_shape=x.shape, dtype=x.dtype), given)
    logits = through(discriminator, inputs)
    network = keras.Model(inputs, [*(activations or others[:-1]), logits])
    return lambda images: keras.tree.flatten(network(images, training=False))  # Keras unpacks a list of one


def _is_functional(operation):
    return isinstance(operation, keras.Model) and hasattr(operation, "operations")


def _is_activation(operation, x, outputs):
    if isinstance(operation, ACTIVATIONS):
        return True
    if not isinstance(operation, layers.Layer):  # a function of `keras.ops` in a functional model
        return type(operation).__module__.endswith("ops.nn") and outputs.shape == x.shape
    inside = getattr(operation, "layer", operation)  # of a wrapper such as `SpectralNormalization`
    return getattr(inside, "activation", None) not in (None, keras.activations.linear)


def difference(one, other):
    """The mean absolute difference of two tensors, a scalar."""
    return ops.mean(ops.abs(ops.cast(one, "float32") - ops.cast(other, "float32")))


def relative_difference(one, other):
    """The mean absolute difference of two tensors, divided by the mean size of the second, a scalar."""
    size = ops.mean(ops.abs(ops.cast(other, "float32")))
    return difference(one, other) / ops.maximum(size, SMALLEST_SIZE)
