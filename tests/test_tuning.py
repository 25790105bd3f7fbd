"""Fine-tuning for 8 bits: the rounding by hand, and the error of the exported file."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_gan import GAN, InputError, networks
from keras_gan._utils import compat
from keras_gan.exports import Options, of_run, storage, tuning
from keras_gan.exports.quantize import MODES
from keras_gan.exports.report import differences

LATENT_DIM = 4


@pytest.fixture(scope="module")
def gan(converted_once):
    """A GAN whose weights are all away from their start."""
    pair = networks.generator((8, 8, 1), LATENT_DIM, num_classes=2), networks.discriminator((8, 8, 1), num_classes=2)
    gan = GAN(*pair, num_classes=2, seed=0)
    rng = np.random.default_rng(0)
    for weight in gan.ema_generator.weights:
        weight.assign(weight + rng.uniform(-0.1, 0.1, weight.shape).astype("float32"))
    return gan


def with_kernel(layer, shape, kernel):
    layer.build(shape)
    layer.kernel.assign(kernel)
    return layer


def test_kernels_are_rounded_per_channel_and_for_dense_per_tensor():
    kernel = np.array([[12.7, 1.27], [6.33, -0.634]], "float32")
    dense = with_kernel(layers.Dense(2), (None, 2), kernel)  # one scale, 0.1
    np.testing.assert_allclose(tuning.rounded_kernel(dense), [[12.7, 1.3], [6.3, -0.6]], atol=1e-5)
    conv = with_kernel(layers.Conv2D(2, 1), (None, 4, 4, 2), kernel[None, None])  # scales 0.1 and 0.01
    np.testing.assert_allclose(tuning.rounded_kernel(conv)[0, 0], [[12.7, 1.27], [6.3, -0.63]], atol=1e-5)
    transposed = with_kernel(layers.Conv2DTranspose(2, 1), (None, 4, 4, 2), kernel.T[None, None])
    np.testing.assert_allclose(tuning.rounded_kernel(transposed)[0, 0], [[12.7, 6.3], [1.27, -0.63]], atol=1e-5)


def test_activations_are_rounded_within_the_range_of_a_sample_or_of_the_batch():
    x = tf.constant([[-0.5, 0.0, 2.049], [0.0, 0.026, 0.255]])
    # Ranges: -0.5 to 2.049, scale 0.009996 (zero at level 50); and 0 to 0.255, scale 0.001.
    single = tuning.rounded_activations(x, static=False)
    np.testing.assert_allclose(single[1], [0, 0.026, 0.255], atol=1e-6)
    np.testing.assert_allclose(single[0], [-0.49980, 0, 2.04922], atol=1e-4)
    batch = tuning.rounded_activations(x, static=True)  # 0.026 / 0.009996 = 2.6, level 3
    np.testing.assert_allclose(batch[1], [0, 0.02999, 0.25990], atol=1e-4)


def test_gradients_pass_through_the_rounding():
    x = tf.Variable([[0.3, -1.7, 2.0]])
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(tuning.rounded_activations(x, static=False) * [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(tape.gradient(y, x), [[1, 2, 3]])


def test_zeros_stay_zeros():
    zeros = tf.zeros((2, 3))
    np.testing.assert_array_equal(tuning.rounded_activations(zeros, static=False), zeros)
    dense = with_kernel(layers.Dense(3), (None, 2), np.zeros((2, 3)))
    np.testing.assert_array_equal(tuning.rounded_kernel(dense), dense.kernel)


@pytest.mark.parametrize("mode, most", [("int8", 0.85), ("int8-static", 1.0)])
def test_the_file_comes_nearer_to_keras(gan, mode, most, tmp_path, full_checks):
    before = gan.ema_generator.get_weights()
    plain = gan.export(tmp_path / "plain.tflite", "tflite", mode)
    tuned = gan.export(tmp_path / "tuned.tflite", "tflite", mode, Options(tune_steps=600))
    assert tuned.mean_error < most * plain.mean_error
    assert tuned.size_bytes <= 1.02 * plain.size_bytes
    assert tuned.tuned_steps == 600 and plain.tuned_steps == 0
    for one, other in zip(before, gan.ema_generator.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_report_says_which_layers_have_more_bits_because_of_the_tuning(tmp_path):
    gan = GAN(networks.generator((28, 28, 1)), networks.discriminator((28, 28, 1)), seed=0)
    report = gan.export(tmp_path / "g.tflite", "tflite", "int8", Options(tune_steps=1, signatures=("generate",)))
    reasons = {one.layer: one.reason for one in report.higher_precision}
    assert reasons["image"] == storage.TUNED


def test_without_rounding_the_tuned_generator_is_a_plain_keras_model(gan):
    tuned = tuning.tuned(gan, 1, "int8")
    assert all("call" not in vars(layer) for layer in compat.all_layers(tuned.ema_generator))
    assert (
        differences(tuned.ema_generator(gan.inputs(4, seed=0)).numpy(), gan.compute(gan.inputs(4, seed=0))).mean()
        < 0.02
    )


def test_other_modes_are_refused(gan, tmp_path):
    with pytest.raises(InputError, match="tune_steps=1 for tflite with quantize='float16'"):
        gan.export(tmp_path / "g.tflite", "tflite", "float16", Options(tune_steps=1))
    for formats, modes in ((["tflite"], ["float16"]), (["onnx"], ["float16"]), (["micro", "saved_model"], ["int8"])):
        with pytest.raises(InputError, match="--tune for"):
            of_run.check_tuning(formats, modes, 1)
        of_run.check_tuning(formats, modes, 0)
    of_run.check_tuning(["tflite", "micro", "web"], ["int8", "int8-static"], 1)
    of_run.check_tuning(["micro"], ["float16"], 1)
    assert set(tuning.INT8_STATIC.split()) < set(MODES)


def test_generators_that_cannot_be_tuned_are_named(tiny_discriminator):
    z = keras.Input((LATENT_DIM,))
    scaled = keras.Model(z, layers.Reshape((8, 8, 1))(layers.UpSampling1D(16)(layers.Reshape((4, 1))(z))))
    gan = GAN(scaled, networks.discriminator((8, 8, 1)))
    with pytest.raises(InputError, match="without Dense"):
        tuning.tuned(gan, 1, "int8")
    dense = layers.Dense(64)(layers.Lambda(lambda x: 2 * x)(z))
    gan = GAN(keras.Model(z, layers.Reshape((8, 8, 1))(dense)), networks.discriminator((8, 8, 1)))
    with pytest.raises(InputError, match="cannot clone"):
        tuning.tuned(gan, 1, "int8")
