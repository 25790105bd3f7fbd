"""The operations of a .tflite, and the multiply-adds that they take."""

import keras
import pytest
from keras import layers

from keras_gan import GAN, exports, networks
from keras_gan.exports import info, operations


@pytest.mark.parametrize("mode", ["float32", "int8"])
def test_multiply_adds_by_hand(mode, tmp_path):
    z = keras.Input((3,))
    x = layers.Reshape((4, 4, 2))(layers.Dense(32)(z))  # 3 · 32 = 96
    x = layers.Conv2DTranspose(5, 3, 2, "same", activation="relu")(x)  # 4 · 4 · 2 numbers, each with 3 · 3 · 5: 1,440
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)  # 8 · 8 · 5 numbers of 3 · 3: 2,880
    image = layers.Conv2D(1, 3, padding="same")(x)  # 8 · 8 numbers of 3 · 3 · 5: 2,880
    expected = 96 + 1_440 + 2_880 + 2_880
    gan = GAN(keras.Model(z, image), networks.discriminator((8, 8, 1)))
    gan.export(tmp_path / "g.tflite", "tflite", mode, exports.Options(force=True))
    found = operations.multiply_adds((tmp_path / "g.tflite").read_bytes())
    assert found == {"generate": expected, "generate_16": 16 * expected, "sample": expected, "sample_16": 16 * expected}
    described = info.describe(tmp_path / "g.tflite")
    assert described["multiply_adds"] == found
    assert f"generate     {expected:,}" in str(info.to_text(described))
