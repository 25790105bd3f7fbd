"""The exponential moving average of the generator's weights, used for samples and export.

Yazıcı et al. 2018 (arXiv:1806.04498); the half-life in images and its ramp as in Karras et al. 2020 (StyleGAN2).
"""

import keras
from keras import ops

from keras_gan._utils import compat, seeding

# The half-life is at most this share of the images seen, so that early averages forget the untrained weights.
RAMP = 0.05
NOT_CLONABLE = (NotImplementedError, TypeError, ValueError)  # raised by `clone_model`, depending on the network


def float32_copy(model: keras.Model, example=None) -> keras.Model:
    """A copy of `model`, weights included, that computes in float32 whatever precision the original trains in.

    Networks that Keras cannot clone (subclassed ones without `get_config`, `Lambda` layers of a Python lambda) become a
    `SecondWeights`, which computes in the network's own precision.

    Args:
        model: the built network.
        example: an input, needed for networks that are built by their first call.

    Returns:
        A built `keras.Model`.
    """
    if any(_is_of_lambda(layer) for layer in compat.all_layers(model)):
        return SecondWeights(model)
    try:
        with seeding.keras_seed(0):  # any seed: the initial weights are overwritten below
            copy = keras.models.clone_model(model)
        for layer in compat.all_layers(copy):  # includes wrapped layers and nested models, as no public method does
            if not isinstance(layer, keras.layers.InputLayer):  # its dtype is that of the data
                layer.dtype_policy = "float32"
        if not copy.built:
            copy(example)
        copy.set_weights(model.get_weights())  # clone_model does not copy weights
    except NOT_CLONABLE:
        return SecondWeights(model)
    return copy


def _is_of_lambda(layer) -> bool:
    """Whether it is a `Lambda` layer of a Python lambda.

    Its clone would lose the names that the lambda uses. Keras 3.10 does not refuse to clone it, as later versions do.
    """
    return isinstance(layer, keras.layers.Lambda) and getattr(layer.function, "__name__", "") == "<lambda>"


class SecondWeights(keras.Model):
    """Computes the same function as another network, with its own set of weights.

    Args:
        network: the built network, which is not changed. The weights start as copies of its weights, in the same order.
    """

    def __init__(self, network: keras.Model):
        super().__init__(name=f"{network.name}_second_weights")
        self._network = lambda: network  # a function, since Keras tracks weights of attributes
        # Not trainable, since Keras lists trainable weights first, which would change the order.
        self.copies = [
            self.add_weight(shape=weight.shape, dtype=weight.dtype, trainable=False, name=f"weight_{index}")
            for index, weight in enumerate(network.weights)
        ]
        self.set_weights(network.get_weights())
        self.built = True

    def call(self, inputs, training=False):
        network = self._network()
        mapping = [(weight, copy.value) for weight, copy in zip(network.weights, self.copies, strict=True)]
        with keras.StatelessScope(state_mapping=mapping):
            return network(inputs, training=False)


def decay(batch_size, images_seen, half_life_images):
    """The decay rate β of one update, ½ ** (batch_size / half-life).

    Args:
        batch_size: images of this update.
        images_seen: images seen so far, these included.
        half_life_images: half-life after the ramp.

    Returns:
        float32 scalar in [0, 1).
    """
    half_life = ops.minimum(ops.cast(half_life_images, "float32"), RAMP * ops.cast(images_seen, "float32"))
    return ops.exp(-0.6931472 * ops.cast(batch_size, "float32") / ops.maximum(half_life, 1e-8))


def update(average: keras.Model, model: keras.Model, beta) -> None:
    """average ← β · average + (1 - β) · model for trainable weights; others, such as batch statistics, are copied."""
    for mean, weight in zip(average.weights, model.weights, strict=True):
        value = ops.cast(weight, mean.dtype)
        mean.assign(value + ops.cast(beta, mean.dtype) * (mean - value) if weight.trainable else value)
