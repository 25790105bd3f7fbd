"""Layers that the literature's networks need and Keras does not have, and the wrapping of whole networks."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_gan")
class Maxout(keras.layers.Layer):
    """The largest of several linear pieces, unit by unit.

    Args:
        units: outputs.
        pieces: linear functions that each output is the largest of.
        kernel_initializer: as in `keras.layers.Dense`.
        kernel_constraint: as in `keras.layers.Dense`.

    Input (batch, features), output (batch, units).

    Reference: Goodfellow et al. 2013, Maxout networks (arXiv:1302.4389), eq. 1.
    """

    def __init__(self, units, pieces, kernel_initializer="glorot_uniform", kernel_constraint=None, **layer_options):
        super().__init__(**layer_options)
        self.units = units
        self.pieces = pieces
        self.dense = keras.layers.Dense(
            units * pieces,
            kernel_initializer=kernel_initializer,
            kernel_constraint=kernel_constraint,
            dtype=self.dtype_policy,
            name="pieces",
        )

    def build(self, input_shape):
        self.dense.build(input_shape)

    @property
    def kernel(self):
        """Weights of all pieces, (features, units · pieces); what `spectrally_normalized` divides."""
        return self.dense.kernel

    def call(self, x):
        x = ops.reshape(self.dense(x), (-1, self.units, self.pieces))  # (batch, units, pieces)
        return ops.max(x, axis=-1)  # (batch, units)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.units)

    def get_config(self):
        dense = self.dense.get_config()
        return super().get_config() | {
            "units": self.units,
            "pieces": self.pieces,
            "kernel_initializer": dense["kernel_initializer"],
            "kernel_constraint": dense["kernel_constraint"],
        }


def spectrally_normalized(network: keras.Model, power_iterations: int = 1) -> keras.Model:
    """A copy of a Functional or Sequential network with every kernel divided by its largest singular value.

    Args:
        network: the discriminator, usually; it stays as it is.
        power_iterations: steps of the power method at each call in training.

    Returns:
        A network of the same shapes with fresh weights, each layer that has a kernel inside Keras's
        `SpectralNormalization`.

    Reference: Miyato et al. 2018 (arXiv:1802.05957), eq. 8.
    """

    def wrapped(layer):
        copy = layer.__class__.from_config(layer.get_config())
        if not hasattr(layer, "kernel"):
            return copy
        return keras.layers.SpectralNormalization(copy, power_iterations, name=f"sn_{layer.name}")

    return keras.models.clone_model(network, clone_function=wrapped, recursive=True)
