"""Exports compared with the Keras generator, in LiteRT, the runtime on phones."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_gan import GAN, InputError, exports, networks
from keras_gan.exports import edge, metadata
from keras_gan.exports.quantize import MODES
from keras_gan.sampling import latents

SHAPE = (8, 8, 1)


def shaken(gan):
    """Batch statistics and zero-initialised weights away from their start, so that an error in them would show."""
    rng = np.random.default_rng(0)
    for weight in gan.ema_generator.weights:
        weight.assign(weight + rng.uniform(-0.05, 0.05, weight.shape).astype("float32"))
    return gan


def built(preset="resnet", shape=SHAPE, **options):
    return shaken(GAN(networks.generator(shape, 4, preset), networks.discriminator(shape, preset), seed=0, **options))


@pytest.fixture(scope="module")
def gan(converted_once):
    return built()


@pytest.fixture(scope="module")
def exported(gan, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "generator.tflite"
    return path, gan.export(path, format="tflite")


# The default network in every mode: tests/test_edge_files.py.
@pytest.mark.parametrize(
    "preset, shape, quantize, latent",
    [
        pytest.param("dcgan", (9, 17, 3), "float32", "normal", marks=pytest.mark.long),
        pytest.param("dcgan", (9, 17, 3), "float16", "uniform", marks=pytest.mark.long),
        ("goodfellow2014", SHAPE, "float16", "uniform"),
        pytest.param("goodfellow2014", SHAPE, "float32", "normal", marks=pytest.mark.long),
        pytest.param("resnet", (2,), "float32", "normal", marks=pytest.mark.long),
    ],
    ids=str,
)
def test_tflite_agrees_with_keras(preset, shape, quantize, latent, tmp_path):
    gan = built(preset, shape, latent=latent)
    report = gan.export(tmp_path / "g.tflite", "tflite", quantize)
    z = latents.draw(16, 4, latent, seed=5)
    expected = gan.predict(z, verbose=0)
    generator = edge.Generator(tmp_path / "g.tflite")
    error = np.abs(generator.runner("generate_16")(z) - expected).max()
    assert error <= MODES[quantize].largest_error * max(1.0, np.abs(expected).max())
    assert np.ptp(expected) > 0.1
    drawn, wanted = (one.generate(4, seed=1).astype(float) for one in (generator, gan))
    assert np.abs(drawn - wanted).max() <= (2 if len(shape) == 3 else error + 1e-4)  # the same seed, the same latents
    assert report.largest_error <= report.tolerance


def test_both_signatures_and_the_same_seed_give_the_pictures_of_keras(gan, exported):
    generator = edge.Generator(exported[0])
    pictures = generator.generate(19, seed=7)  # one batch of 16, then three single ones
    assert pictures.shape == (19, 8, 8, 1) and pictures.dtype == np.uint8
    assert np.abs(pictures.astype(int) - gan.generate(19, seed=7).astype(int)).max() <= 2


def test_the_report_is_measured_and_written_next_to_the_file(exported):
    path, report = exported
    written = json.loads(path.with_name("generator.tflite.json").read_text())
    assert written["size_bytes"] == path.stat().st_size == report.size_bytes
    assert 0 < report.mean_error <= report.largest_error < report.tolerance
    assert report.latency_ms > 0
    assert written["signatures"] == ["generate", "generate_16", "sample", "sample_16"]
    assert "kB" in str(report)


def test_description_inside_the_file(exported):
    description = metadata.read(exported[0].read_bytes())
    assert description["latent"] == "normal" and description["latent_dim"] == 4
    assert description["data_shape"] == [8, 8, 1] and description["value_range"] == [-1, 1]


def test_saved_model_loads_with_plain_tensorflow(gan, tmp_path):
    report = gan.export(tmp_path / "saved")
    signature = tf.saved_model.load(str(tmp_path / "saved")).signatures["generate"]
    z = latents.draw(3, 4, seed=2)
    images = signature(z=tf.constant(z))["images"].numpy()
    np.testing.assert_allclose(images, gan.predict(z, verbose=0), atol=1e-5)
    assert report.file == str(tmp_path / "saved") and "generate" in report.signatures


def test_an_export_replaces_an_earlier_one(tiny_gan, tmp_path):
    gan = tiny_gan
    for _ in range(2):
        gan.export(tmp_path / "saved")
        gan.export(tmp_path / "g.tflite", "tflite")
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "g.tflite",
        "g.tflite.json",
        "saved",
        "saved.json",
    ]


@pytest.mark.long
def test_operations_that_are_not_builtin_are_rejected(tmp_path):
    z = keras.Input((4,))
    generator = keras.Model(z, layers.Reshape(SHAPE)(keras.ops.erfinv(layers.Dense(64, activation="tanh")(z))))
    gan = GAN(generator, networks.discriminator(SHAPE))
    with pytest.raises(InputError, match="not builtin in LiteRT: tf.Erfinv"):
        gan.export(tmp_path / "g.tflite", "tflite")
    assert not list(tmp_path.iterdir())


def test_a_generator_that_gives_nan_is_rejected_and_the_old_file_stays(tmp_path):
    gan = built("goodfellow2014")
    path = tmp_path / "g.tflite"
    path.write_bytes(b"keras_gan, before")
    gan.ema_generator.weights[0].assign(np.full(gan.ema_generator.weights[0].shape, np.nan, "float32"))
    with pytest.raises(InputError, match="Keras's generator itself gives NaN or infinity; .*lower learning rates"):
        gan.export(path, "tflite")
    assert [file.name for file in tmp_path.iterdir()] == ["g.tflite"] and path.read_bytes() == b"keras_gan, before"


@pytest.mark.long
def test_nan_that_the_file_hides_is_rejected_too(tmp_path):
    z = keras.Input((4,))
    # The runtime's ReLU makes 0 of NaN, Keras's does not.
    x = layers.Reshape(SHAPE)(layers.Dense(64, activation="relu")(z))
    gan = GAN(keras.Model(z, x), networks.discriminator(SHAPE))
    gan.ema_generator.weights[0].assign(np.full((4, 64), np.nan, "float32"))
    with pytest.raises(InputError, match="Keras's generator itself gives NaN or infinity"):
        gan.export(tmp_path / "g.tflite", "tflite")
    assert not list(tmp_path.iterdir())


def test_a_difference_above_the_tolerance_is_rejected(gan, tmp_path, monkeypatch):
    monkeypatch.setitem(MODES, "float16", dataclasses.replace(MODES["float16"], largest_error=1e-9))
    with pytest.raises(InputError, match=r"differs from Keras by .* \(largest\); expected at most 1e-09.*float32"):
        gan.export(tmp_path / "g.tflite", "tflite")
    assert not list(tmp_path.iterdir())


def test_arguments_that_cannot_be_used(gan, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    cases = [
        ({"filepath": tmp_path / "x", "format": "coreml"}, "format .coreml. is unknown"),
        ({"filepath": tmp_path / "x.bin", "format": "tflite"}, "does not end in .tflite"),
        ({"filepath": tmp_path / "x.tflite", "format": "tflite", "quantize": "float8"}, "did you mean float"),
        ({"filepath": tmp_path / "mine", "format": "saved_model"}, "not a SavedModel"),
        ({"filepath": tmp_path / "mine" / "thesis.txt" / "x.tflite", "format": "tflite"}, "cannot write"),
    ]
    for arguments, message in cases:
        with pytest.raises(InputError, match=message):
            exports.export(gan, **arguments)
    assert [file.name for file in tmp_path.rglob("*")] == ["mine", "thesis.txt"]


def test_files_that_are_no_generator(exported, tmp_path):
    good = exported[0].read_bytes()
    path = tmp_path / "x.tflite"
    with pytest.raises(InputError, match="is not a file"):
        edge.Generator(path)
    for content in (b"", b"hello", b"\x89PNG" + bytes(100), good[: len(good) // 2], good[:8] + bytes(1000)):
        path.write_bytes(content)
        with pytest.raises(InputError, match="is not a .tflite|is damaged"):
            edge.Generator(path)
    z = keras.Input((4,))
    other = tf.lite.TFLiteConverter.from_keras_model(keras.Model(z, layers.Dense(1)(z))).convert()
    path.write_bytes(other)
    with pytest.raises(InputError, match="is no generator"):
        edge.Generator(path)
