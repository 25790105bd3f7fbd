"""The layer for which an export gives NaN although Keras is finite, and the remedy in the message."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_gan import GAN, InputError
from keras_gan.exports import Options, diagnosis, edge, tflite

SHAPE = (8, 8, 1)


def gan_of(*parts):
    keras.utils.set_random_seed(1)
    first = [keras.Input((8,)), layers.Dense(64, "relu"), layers.Reshape((4, 4, 4))]
    last = [layers.Conv2DTranspose(1, 4, 2, "same", activation="tanh", name="last")]
    discriminator = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(1)])
    return GAN(keras.Sequential([*first, *parts, *last]), discriminator, seed=0)


@pytest.fixture(scope="module")
def unit(converted_once):
    """LiteRT's fast kernels give NaN for 1 / sqrt(0), which Keras's layer bounds."""
    return gan_of(layers.UnitNormalization(name="unit"))


@pytest.mark.parametrize("mode", ["float32", "float16", "int8"])
def test_the_layer_is_named_where_keras_is_finite(unit, mode, tmp_path):
    assert np.isfinite(unit.compute(unit.inputs(64, seed=0))).all()
    with pytest.raises(InputError) as caught:
        unit.export(tmp_path / "g.tflite", "tflite", mode)
    message = str(caught.value)
    assert "where Keras's generator does not" in message and "layer 'unit' (UnitNormalization)" in message
    assert "layers.LayerNormalization" in message and "train" not in message
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_nan_is_found_before_uint8(unit, tmp_path):
    """A cast turns NaN into a number."""
    with pytest.raises(InputError, match="NaN or infinity where Keras's generator does not, .*'unit'"):
        unit.export(tmp_path / "g.tflite", "tflite", "float32", Options(uint8=True))


def test_force_writes_no_nan(unit, tmp_path):
    with pytest.raises(InputError, match="'unit'"):
        unit.export(tmp_path / "g.tflite", "tflite", options=Options(force=True))
    assert not list(tmp_path.iterdir())


def test_a_rare_seed_is_found_when_quality_is_measured(unit, full_checks, tmp_path, monkeypatch):
    """The first 64 seeds are compared with Keras. The quality is measured on the first 1,024."""
    from keras_gan.exports import report

    monkeypatch.setattr(report, "compare", lambda *given: {})
    with pytest.raises(InputError, match="NaN or infinity where Keras's generator does not, .*'unit'"):
        unit.export(tmp_path / "g.tflite", "tflite", "float32")


@pytest.mark.long
def test_a_keras_generator_that_is_not_finite_has_to_be_trained_again(tmp_path):
    gan = gan_of()
    gan.ema_generator.weights[0].assign(np.full((8, 64), np.nan, "float32"))
    for format, name in (("tflite", "g.tflite"), ("saved_model", "saved")):
        with pytest.raises(InputError, match="Keras's generator itself gives NaN .*lower learning rates"):
            gan.export(tmp_path / name, format)
    assert not list(tmp_path.iterdir())


def test_the_first_operation_with_nan_is_found_after_harmless_infinity(converted_once):
    class Harmless(layers.Layer):
        def call(self, x):
            return x + 1.0 / keras.ops.exp(1000.0 + 0.0 * x)  # 1 / infinity is 0

    class Fatal(layers.Layer):
        def call(self, x):
            return x + keras.ops.log(keras.ops.abs(x) - 1000.0)

    gan = gan_of(Harmless(name="harmless"), Fatal(name="fatal"))
    content, z = tflite._converted(gan, uint8=False), gan.inputs(1, seed=0)
    found = diagnosis.first_non_finite(content, edge.GENERATE, {edge.INPUT: z}, gan.ema_generator._flatten_layers())
    assert "LOG of layer 'fatal' (Fatal)" in found.place and "logarithm" in found.remedy
    sound = gan_of(Harmless(name="harmless"))
    assert diagnosis.first_non_finite(tflite._converted(sound, uint8=False), edge.GENERATE, {edge.INPUT: z}) is None


def test_the_error_for_samples_of_a_file_does_not_advise_more_training():
    with pytest.raises(InputError, match="NaN or infinity; expected finite data. Export it again") as caught:
        edge.finite(np.float32([[1, np.nan]]))
    assert "train on" not in str(caught.value)
