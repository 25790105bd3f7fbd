"""Errors of `GAN`: received, expected, remedy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from keras_gan import GAN, InputError
from keras_gan.layers import Pack


def images(count=6, shape=(8, 8, 1)):
    return np.random.default_rng(0).uniform(-1, 1, (count, *shape)).astype("float32")


def refusal(call):
    with pytest.raises(InputError) as error:
        call()
    return str(error.value)


def test_networks_that_do_not_fit_together(tiny_generator, tiny_discriminator):
    message = refusal(lambda: GAN(tiny_generator(), tiny_discriminator((9, 8, 1))))
    assert "generator makes data of shape (8, 8, 1), the discriminator takes (9, 8, 1)" in message
    assert "Build both networks for one data_shape" in message


def test_an_unbuilt_generator_without_latent_dim(tiny_discriminator):
    generator = keras.Sequential([layers.Dense(64), layers.Reshape((8, 8, 1))])
    message = refusal(lambda: GAN(generator, tiny_discriminator()))
    assert "generator has no known input shape" in message and "Give latent_dim" in message


def test_a_latent_dim_that_the_generator_does_not_take(tiny_generator, tiny_discriminator):
    message = refusal(lambda: GAN(tiny_generator(latent_dim=4), tiny_discriminator(), latent_dim=5))
    assert "takes inputs of shape (4,), latent_dim is 5" in message and "Leave latent_dim out" in message


def test_networks_that_are_no_models_and_attributes_without_shares(tiny_generator, tiny_discriminator):
    message = refusal(lambda: GAN(tiny_generator, tiny_discriminator()))
    assert "the generator is <function" in message and "expected a Keras model" in message
    assert "the discriminator is None" in refusal(lambda: GAN(tiny_generator(), None))
    message = refusal(lambda: GAN(tiny_generator(), tiny_discriminator(), attributes=["Smiling"]))
    assert "attributes is ['Smiling']; expected a mapping" in message


def test_a_gan_is_not_saved_as_hdf5(tiny_gan, tmp_path):
    assert "expected a name that ends in .keras" in refusal(lambda: tiny_gan.save(tmp_path / "gan.h5"))


def sigmoid_in_last_layer():
    return keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(1, activation="sigmoid")])


def sigmoid_layer():
    stack = [layers.Flatten(), layers.Dense(1), layers.Activation("sigmoid")]
    return keras.Sequential([keras.Input((8, 8, 1)), *stack])


def sigmoid_operation():
    x = keras.Input((8, 8, 1))
    return keras.Model(x, ops.sigmoid(layers.Dense(1)(layers.Flatten()(x))))


def sigmoid_in_nested_model():
    head = keras.Sequential([keras.Input((64,)), layers.Dense(1, activation="sigmoid")])
    return keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), head])


@pytest.mark.parametrize("build", [sigmoid_in_last_layer, sigmoid_layer, sigmoid_operation, sigmoid_in_nested_model])
def test_a_sigmoid_at_the_end(tiny_generator, build):
    message = refusal(lambda: GAN(tiny_generator(), build()))
    assert "discriminator ends in a sigmoid" in message and "Leave the last activation out" in message


def test_a_sigmoid_before_the_end_is_fine(tiny_generator):
    stack = [layers.Flatten(), layers.Dense(2, activation="sigmoid"), layers.Dense(1)]
    assert GAN(tiny_generator(), keras.Sequential([keras.Input((8, 8, 1)), *stack])).data_shape == (8, 8, 1)


def test_unknown_names_offer_the_nearest(tiny_gan, tiny_generator, tiny_discriminator):
    assert "unknown loss 'hing'; did you mean hinge?" in refusal(lambda: tiny_gan.compile(loss="hing"))
    assert "wasserstein" in refusal(lambda: tiny_gan.compile(loss="wgan"))
    message = refusal(lambda: tiny_gan.compile(loss="hinge", penalties={"wgangp": 1.0}))
    assert "unknown penalty 'wgangp'; did you mean wgan_gp?" in message
    message = refusal(lambda: GAN(tiny_generator(), tiny_discriminator(), latent="gaussian"))
    assert "'gaussian' is unknown; expected one of normal, uniform" in message


@pytest.mark.parametrize("k", [0, -2])
def test_k_below_one(tiny_gan, k):
    message = refusal(lambda: tiny_gan.compile(discriminator_steps=k))
    assert f"discriminator_steps (k) is {k}; expected at least 1" in message


@pytest.mark.parametrize("shape", [(9, 8, 1), (8, 8, 3), (64,)])
def test_data_of_another_shape(tiny_gan, shape):
    message = refusal(lambda: tiny_gan.fit(images(shape=shape), batch_size=6, verbose=0))
    assert f"received data of shape {shape}; expected (8, 8, 1)" in message
    assert "Resize the data" in message


@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_integer_data(tiny_gan, dtype):
    data = tf.data.Dataset.from_tensors((100 * images()).astype(dtype))
    message = refusal(lambda: tiny_gan.fit(data, shuffle=False, verbose=0))
    assert f"received {dtype} data; expected floats in [-1, 1]" in message
    assert "keras_gan.data.load" in message and "/ 127.5 - 1" in message


def test_evaluate_raises_where_fit_raises(tiny_gan):
    assert "expected (8, 8, 1)" in refusal(lambda: tiny_gan.evaluate(images(shape=(9, 8, 1)), verbose=0))


def test_float64_is_accepted(tiny_gan):
    logs = tiny_gan.train_step(tf.constant(images(), "float64"))
    assert np.isfinite(float(logs["d_loss"]))


def test_a_batch_smaller_than_k(tiny_gan):
    tiny_gan.compile(discriminator_steps=3)
    message = refusal(lambda: tiny_gan.fit(images(), batch_size=2, verbose=0))
    assert "a batch of 2 for discriminator_steps=3; expected at least one image for each step" in message
    assert "batches of 3 times" in message


@pytest.mark.long
def test_a_last_batch_smaller_than_k(tiny_gan):
    tiny_gan.compile(discriminator_steps=3)
    tiny_gan.fit(images(7), batch_size=6, verbose=0)
    assert tiny_gan.step == 2 and all(np.isfinite(weights).all() for weights in tiny_gan.get_weights())


def test_no_samples_and_negative_seeds(tiny_gan):
    assert "asked for 0 samples; expected 1 to" in refusal(lambda: tiny_gan.generate(0))
    assert "seed is -1; expected 0 to 2147483647" in refusal(lambda: tiny_gan.generate(1, seed=-1))


# Discriminators of packs of images -----------------------------------------------------------------------------------


def judge_of(*fronts, built=True):
    """A discriminator with layers of packs."""
    start = [keras.Input((8, 8, 1))] if built else []
    return keras.Sequential([*start, *fronts, layers.Flatten(), layers.Dense(1)])


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("sizes", [(2,), (3,), (2, 3), (2, 2)])
def test_a_discriminator_of_packs_is_tried_with_whole_packs(tiny_generator, sizes, built):
    gan = GAN(tiny_generator(), judge_of(*map(Pack, sizes), built=built))
    assert gan.data_shape == (8, 8, 1)
    assert gan.discriminator(images(12)).shape == (12 // np.prod(sizes), 1)


def test_packs_inside_a_nested_network(tiny_generator):
    packed = keras.Sequential([keras.Input((8, 8, 1)), Pack(3)])
    assert GAN(tiny_generator(), judge_of(packed)).data_shape == (8, 8, 1)


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("eagerly", [True, False])
def test_batches_that_are_no_multiple_of_the_pack_lose_the_rest(tiny_generator, k, eagerly):
    gan = GAN(tiny_generator(), judge_of(Pack(3)), seed=1)
    gan.compile("sgd", "sgd", loss="hinge", discriminator_steps=k, run_eagerly=eagerly, jit_compile=False)
    # Two packs each of 8 and of 8 images, and one pack of the last image, which repeats.
    logs = gan.fit(tf.data.Dataset.from_tensor_slices(images(17)).batch(8), verbose=0).history
    assert gan.step == 3 and np.isfinite([values[0] for values in logs.values()]).all()
    whole = GAN(tiny_generator(), judge_of(Pack(3)), seed=1)
    whole.discriminator.set_weights(gan.discriminator.get_weights())
    whole.generator.set_weights(gan.generator.get_weights())
    whole.compile(loss="hinge")
    # The seventh image is left out.
    assert gan.test_on_batch(images(7))[0] == pytest.approx(whole.test_on_batch(images(7)[:6])[0], abs=1e-6)


def test_batches_smaller_than_a_pack_raise(tiny_generator):
    gan = GAN(tiny_generator(), judge_of(Pack(4)))
    gan.compile(loss="hinge", discriminator_steps=2)
    message = refusal(lambda: gan.fit(images(6), batch_size=6, verbose=0))
    assert "a batch of 6 for discriminator_steps=2; expected at least one pack of 4 images for each step" in message
    gan.compile(loss="hinge")
    message = refusal(lambda: gan.fit(tf.data.Dataset.from_tensor_slices(images(6)).batch(3), verbose=0))
    assert "a batch of 3 for discriminator_steps=1; expected at least one pack of 4 images" in message
