import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_gan import ema

HALF = "mixed_bfloat16"


def decay(*images):
    return float(ema.decay(*images))


def single(value):
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[value]])])
    return model


def test_decay_by_hand():
    # 30 images at a half-life of 120: ½ ** ¼
    assert decay(30, 1e6, 120) == pytest.approx(0.5**0.25, abs=1e-6)


def test_half_life_ramps_with_the_images_seen():
    # 5 % of 1000 images are 50, less than 120.
    assert decay(30, 1000, 120) == pytest.approx(0.5 ** (30 / 50), abs=1e-6)
    assert decay(30, 2400, 120) == pytest.approx(0.5**0.25, abs=1e-6)
    assert decay(30, 2300, 120) < 0.5**0.25 - 1e-3


def test_the_untrained_start_is_forgotten_at_once():
    assert decay(64, 64, 20_000) < 1e-5
    assert decay(64, 0, 20_000) == 0.0


def test_a_half_life_of_zero_images_keeps_nothing():
    assert decay(64, 1e6, 0) == 0.0


def test_update_by_hand():
    average = single(3.0)
    ema.update(average, single(-1.0), 0.75)
    np.testing.assert_allclose(average.get_weights(), [[[0.75 * 3 + 0.25 * -1]]], atol=1e-6)


def test_the_distance_halves_in_one_half_life():
    average, model = single(5.0), single(1.0)
    for _ in range(8):
        ema.update(average, model, ema.decay(25, 1e6, 200))
    np.testing.assert_allclose(average.get_weights(), [[[1 + 4 / 2]]], atol=1e-5)


def test_the_half_life_does_not_depend_on_the_batch():
    small, large, model = single(5.0), single(5.0), single(1.0)
    for _ in range(6):
        ema.update(small, model, ema.decay(10, 1e6, 100))
    for _ in range(2):
        ema.update(large, model, ema.decay(30, 1e6, 100))
    np.testing.assert_allclose(small.get_weights(), large.get_weights(), atol=1e-5)


def test_batch_statistics_are_copied_and_trained_weights_averaged():
    model = keras.Sequential([keras.Input((2,)), layers.BatchNormalization()])
    average = ema.float32_copy(model)
    average.trainable = False  # as in GAN: what is averaged is what the model trains
    model.set_weights(np.array([[2.0, 4.0], [1.0, 1.0], [7.0, 8.0], [5.0, 6.0]]))  # gamma, beta, mean, variance
    ema.update(average, model, 0.5)
    expected = [[1.5, 2.5], [0.5, 0.5], [7.0, 8.0], [5.0, 6.0]]  # gamma came from 1, beta from 0
    for weight, values in zip(average.get_weights(), expected, strict=True):
        np.testing.assert_allclose(weight, values, atol=1e-6)


def functional():
    z = keras.Input((4,))
    x = layers.ReLU(dtype=HALF)(layers.BatchNormalization(dtype=HALF)(layers.Dense(3, dtype=HALF)(z)))
    return keras.Model(z, keras.ops.reshape(layers.Dense(2, dtype=HALF)(x), (-1, 2, 1)))


def sequential():
    return keras.Sequential([keras.Input((4,)), layers.Dense(3, dtype=HALF), layers.Dense(2, dtype=HALF)])


def nested():
    z = keras.Input((4,))
    return keras.Model(z, layers.Dense(2, dtype="float32")(sequential()(z)))


def wrapped():
    layer = layers.SpectralNormalization(layers.Dense(3, dtype=HALF), dtype=HALF)
    return keras.Sequential([keras.Input((4,)), layer])


class Subclassed(keras.Model):
    def __init__(self, units, **options):
        super().__init__(**options)
        self.units = units
        self.dense = layers.Dense(units, dtype=self.dtype_policy)

    def call(self, z):
        return self.dense(z)

    def get_config(self):
        return super().get_config() | {"units": self.units}


def subclassed():
    model = Subclassed(3, dtype=HALF)
    model(np.zeros((1, 4)))
    return model


@pytest.mark.parametrize("build", [functional, sequential, nested, wrapped, subclassed])
def test_the_copy_has_the_weights_and_computes_in_float32(build):
    model = build()
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in model.get_weights()])
    copy = ema.float32_copy(model, (1, 4))
    for mine, original in zip(copy.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, original)
    z = rng.standard_normal((5, 4)).astype("float32")
    output = copy(z)
    assert output.dtype == "float32"
    # bfloat16 keeps three digits: a float32 result has bits below them, and is near the original's.
    assert not np.array_equal(output, tf.cast(tf.cast(output, "bfloat16"), "float32"))
    np.testing.assert_allclose(output, tf.cast(model(z), "float32"), rtol=0.02, atol=0.05)
    assert {layer.compute_dtype for layer in copy._flatten_layers(include_self=False)} == {"float32"}


def test_the_copy_and_the_original_share_nothing():
    model = sequential()
    copy = ema.float32_copy(model)
    before = copy.get_weights()
    model.set_weights([weight + 1 for weight in model.get_weights()])
    for mine, original in zip(copy.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, original)


def embedding_functional():
    z = keras.Input((3,), dtype="int32")
    x = layers.Flatten(dtype=HALF)(layers.Embedding(5, 2, dtype=HALF)(z))
    return keras.Model(z, layers.Dense(2, dtype=HALF)(x))


def embedding_sequential():
    stack = [layers.Embedding(5, 2, dtype=HALF), layers.Flatten(dtype=HALF), layers.Dense(2, dtype=HALF)]
    return keras.Sequential([keras.Input((3,), dtype="int32"), *stack])


@pytest.mark.parametrize("build", [embedding_functional, embedding_sequential])
def test_integer_inputs_stay_integers(build):
    model = build()
    copy = ema.float32_copy(model)
    assert copy.inputs[0].dtype == "int32"
    z = np.array([[0, 4, 2], [1, 1, 3]], "int32")
    np.testing.assert_allclose(copy(z), tf.cast(model(z), "float32"), atol=0.02)


def test_networks_that_only_a_call_builds_are_built():
    model = keras.Sequential([layers.Dense(3, dtype=HALF)])
    model(np.zeros((1, 4)))
    copy = ema.float32_copy(model, (1, 4))
    assert copy(np.zeros((2, 4))).shape == (2, 3)
    np.testing.assert_array_equal(copy.get_weights()[0], model.get_weights()[0])
