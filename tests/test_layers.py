import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from keras_gan import GAN
from keras_gan.layers import Maxout, spectrally_normalized
from keras_gan.losses import LOSSES, Loss
from keras_gan.penalties import PENALTIES, Penalty


def test_maxout_by_hand():
    layer = Maxout(2, 3)
    layer.build((None, 1))
    # Pieces of unit 0: x, -2x + 1 and -9; of unit 1: 3x, 5 and 4x - 4.
    layer.set_weights([np.array([[1.0, -2.0, 0.0, 3.0, 0.0, 4.0]]), np.array([0.0, 1.0, -9.0, 0.0, 5.0, -4.0])])
    outputs = layer(tf.constant([[2.0], [-1.0], [5.0]]))
    np.testing.assert_allclose(outputs, [[2.0, 6.0], [3.0, 5.0], [5.0, 16.0]], atol=1e-6)


def test_maxout_options_reach_the_kernel():
    layer = Maxout(3, 2, kernel_initializer="ones", kernel_constraint=keras.constraints.MaxNorm(0.5))
    layer.build((None, 4))
    kernel = layer.trainable_variables[0]
    np.testing.assert_array_equal(kernel, np.ones((4, 6)))
    np.testing.assert_allclose(np.linalg.norm(kernel.constraint(kernel), axis=0), 0.5, atol=1e-5)
    assert layer.compute_output_shape((None, 4)) == (None, 3)


def test_maxout_computes_in_its_policy():
    assert Maxout(3, 2, dtype="mixed_bfloat16")(np.zeros((1, 4), "float32")).dtype == "bfloat16"


def singular_values(model):
    kernels = [weight for weight in model.trainable_variables if len(weight.shape) > 1]
    return [np.linalg.svd(np.reshape(kernel, (-1, kernel.shape[-1])), compute_uv=False)[0] for kernel in kernels]


def test_spectral_normalization_brings_the_largest_singular_value_to_one(tiny_discriminator):
    network = spectrally_normalized(tiny_discriminator())
    network.set_weights([3.0 * weight for weight in network.get_weights()])
    assert min(singular_values(network)) > 1.5
    for _ in range(30):
        network(np.ones((1, 8, 8, 1), "float32"), training=True)
    np.testing.assert_allclose(singular_values(network), 1.0, atol=0.01)


def test_more_power_iterations_are_as_good_as_more_calls(tiny_discriminator):
    network = spectrally_normalized(tiny_discriminator(), power_iterations=30)
    network(np.ones((1, 8, 8, 1), "float32"), training=True)
    np.testing.assert_allclose(singular_values(network), 1.0, atol=0.01)


def test_spectral_normalization_leaves_the_original_and_every_shape(tiny_discriminator):
    original = tiny_discriminator()
    before = original.get_weights()
    network = spectrally_normalized(original)
    network(np.ones((1, 8, 8, 1), "float32"), training=True)
    assert (network.input_shape, network.output_shape) == (original.input_shape, original.output_shape)
    for weight, value in zip(original.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_every_layer_with_a_kernel_is_wrapped():
    stack = [layers.Conv2D(2, 3), layers.LeakyReLU(), layers.Flatten(), layers.Dense(1)]
    network = spectrally_normalized(keras.Sequential([keras.Input((8, 8, 1)), *stack]))
    wrapped = [isinstance(layer, layers.SpectralNormalization) for layer in network.layers]
    assert wrapped == [True, False, False, True]


# The one round-trip test of every serialisable class -----------------------------------------------------------------


@keras.saving.register_keras_serializable("tests")
def shifted_discriminator_loss(real_logits, fake_logits):
    return ops.mean(fake_logits) - 2.0 * ops.mean(real_logits)


@keras.saving.register_keras_serializable("tests")
def shifted_generator_loss(fake_logits):
    return 3.0 - ops.mean(fake_logits)


@keras.saving.register_keras_serializable("tests")
def largest_slope(gradients):
    return ops.max(ops.abs(gradients))


BUILDERS = {
    "Maxout": lambda gan: Maxout(2, 3, kernel_initializer="ones", kernel_constraint="non_neg", name="maxout"),
    "Loss": lambda gan: LOSSES["relativistic"],
    "Loss of one's own": lambda gan: Loss(shifted_discriminator_loss, shifted_generator_loss),
    "Penalty": lambda gan: PENALTIES["wgan_gp"],
    "Penalty of one's own": lambda gan: Penalty("fake", largest_slope),
    "GAN": lambda gan: gan,
}


def outputs(thing):
    """What a restored object must reproduce."""
    logits = tf.constant([[2.0], [-1.0]]), tf.constant([[0.5], [-3.0]])
    if isinstance(thing, Loss):
        return [thing.discriminator(*logits), thing.generator(*logits[not thing.paired :])]
    if isinstance(thing, Penalty):
        return [thing.at, thing.of_gradients(logits[0])]
    if isinstance(thing, Maxout):
        return [thing(logits[0])]
    return [thing.generate(3, seed=1), thing.discriminator(np.ones((1, 8, 8, 1)))]


def carrier(thing, gan):
    """A model to save that holds the object, and how to find it in the loaded one."""
    if isinstance(thing, Loss):
        gan.compile(loss=thing)
        return gan, lambda model: model.loss_pair
    if isinstance(thing, Penalty):
        gan.compile(loss="hinge", penalties={thing: 2.0})
        return gan, lambda model: next(iter(model.penalties))
    if isinstance(thing, GAN):
        return thing, lambda model: model
    return keras.Sequential([keras.Input((1,)), thing]), lambda model: model.layers[-1]


def assert_same(restored, thing):
    assert type(restored) is type(thing)
    for mine, original in zip(outputs(restored), outputs(thing), strict=True):
        np.testing.assert_array_equal(mine, original)


@pytest.mark.parametrize("name", BUILDERS)
def test_config_round_trip(name, tiny_gan):
    thing = BUILDERS[name](tiny_gan)
    outputs(thing)  # which builds a layer
    config = json.dumps(thing.get_config())
    restored = type(thing).from_config(json.loads(config))
    assert json.dumps(restored.get_config()) == config
    if isinstance(thing, keras.Layer):
        outputs(restored)
        restored.set_weights(thing.get_weights())
    assert_same(restored, thing)


@pytest.mark.parametrize("name", BUILDERS)
def test_keras_file_round_trip(name, tiny_gan, tmp_path):
    thing = BUILDERS[name](tiny_gan)
    model, find = carrier(thing, tiny_gan)
    model.save(tmp_path / "model.keras")
    assert_same(find(keras.models.load_model(tmp_path / "model.keras")), thing)


def test_no_serialisable_class_is_left_out():
    known = keras.saving.get_custom_objects().items()
    classes = {name for name, thing in known if name.startswith("keras_gan>") and isinstance(thing, type)}
    assert classes == {f"keras_gan>{name}" for name in BUILDERS if " " not in name}
