"""The bits of a .tflite's weights: sizes, errors, and the report of weights with more bits than the mode promises."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from keras import layers

from keras_gan import GAN, InputError, exports
from keras_gan.exports import edge, export_folder, storage, tflite
from keras_gan.exports.quantize import MODES, SEEDED
from keras_gan.sampling import latents

FLOAT16, FLOAT32 = schema.TensorType.FLOAT16, schema.TensorType.FLOAT32


def wrapped(generator, classes=None):
    """A GAN of a generator of images, whose weights all differ from their initial values."""
    image = keras.Input(generator.output_shape[1:])
    logit = layers.Dense(1)(layers.Flatten()(image))
    if classes:
        label = keras.Input((), dtype="int32")
        discriminator = keras.Model([image, label], logit + layers.Embedding(classes, 1)(label))
        gan = GAN(generator, discriminator, seed=0, num_classes=classes)
    else:
        gan = GAN(generator, keras.Model(image, logit), seed=0)
    rng = np.random.default_rng(0)
    for weight in gan.ema_generator.weights:
        weight.assign(weight + rng.uniform(-0.05, 0.05, weight.shape).astype("float32"))
    return gan


def discriminator():
    return keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(1)])


def tutorial(width=32):
    """The generator of Keras's and TensorFlow's DCGAN tutorials, of fewer channels, with 16x16 images."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((32,)),
            layers.Dense(4 * 4 * width, use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Reshape((4, 4, width)),
            layers.Conv2DTranspose(width, 5, strides=1, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Conv2DTranspose(width, 5, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Conv2DTranspose(1, 5, strides=2, padding="same", use_bias=False, activation="tanh"),
        ]
    )


@pytest.fixture(scope="module")
def dcgan(converted_once):
    return wrapped(tutorial())


@pytest.fixture(scope="module")
def reports(dcgan, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dcgan")
    return {mode: dcgan.export(folder / f"{mode}.tflite", "tflite", mode) for mode in MODES}


def test_transposed_convolutions_are_stored_in_the_bits_of_the_mode(dcgan, reports):
    kernels = sum(int(np.prod(weight.shape)) for weight in dcgan.ema_generator.weights if len(weight.shape) > 1)
    sizes = {mode: report.size_bytes for mode, report in reports.items()}
    overhead = sizes["float32"] - 4 * kernels  # graphs, biases and the description
    assert overhead < 0.15 * sizes["float32"]
    assert sizes["float16"] < 2 * kernels + 1.1 * overhead
    assert sizes["int8"] < kernels + 1.3 * overhead and sizes["int8-static"] < kernels + 1.6 * overhead
    # Nothing but the folded bias of the dense layer, of 4·4·32 numbers, has more bits than promised.
    assert {mode: report.higher_precision_bytes for mode, report in reports.items()} == {
        "float32": 0,
        "float16": 0,
        "int8": 4 * 512,
        "int8-static": 0,
    }
    assert reports["int8"].stored["int8"] == pytest.approx(kernels, abs=100)
    assert reports["float16"].stored["float16"] >= 2 * kernels - 10_000  # the last kernel is small


def test_errors_of_transposed_convolutions_are_small(reports):
    percentiles = {mode: report.percentile_error for mode, report in reports.items()}
    assert percentiles["float32"] < 1e-5 < percentiles["float16"] < 2e-3 < percentiles["int8"] < 0.1
    for report in reports.values():
        assert report.mean_error < report.percentile_error <= report.largest_error
        assert report.percentile_error <= report.percentile_tolerance
        assert report.slow_operations == ()  # XNNPACK computes int8 transposed convolutions as well


@pytest.mark.parametrize("mode", ["float16", "int8"])
def test_the_noise_of_seeds_is_not_rounded(dcgan, reports, mode):
    generator = edge.Generator(reports[mode].file)
    seeds = np.int32([0, 7, 2**31 - 1, *range(100, 113)])
    z = latents.of_seeds(seeds, 32)
    made, expected = generator.runner("sample_16")(seeds), generator.runner("generate_16")(z)
    np.testing.assert_allclose(made, expected, atol=2e-6 if mode == "float16" else 0.03)
    content = flatbuffer_utils.read_model(reports[mode].file)
    names = {entry.signatureKey.decode(): entry.subgraphIndex for entry in content.signatureDefs}
    for signature, number in names.items():
        halves = [tensor for tensor in content.subgraphs[number].tensors if tensor.type == FLOAT16]
        assert (len(halves) > 0) == (mode == "float16"), signature


class Constant(layers.Layer):
    """A learned map that is multiplied in, as StyleGAN's."""

    def build(self, shape):
        self.map = self.add_weight(shape=(1, *shape[1:]), name="map", initializer="ones")

    def call(self, x):
        return x * self.map


class PerPosition(layers.Layer):
    """A matrix for each position: BATCH_MATMUL with a constant."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[1], shape[3], shape[3]), name="kernel", initializer="glorot_uniform")

    def call(self, x):
        return keras.ops.matmul(x, self.kernel)


def several():
    """Embedding, depthwise and 3-D convolution, matrices by position, learned map, PReLU."""
    keras.utils.set_random_seed(0)
    z, label = keras.Input((8,)), keras.Input((), dtype="int32")
    x = layers.Dense(16 * 32, name="first")(z) + layers.Embedding(40, 16 * 32, name="table")(label)
    x = PerPosition(name="matrices")(layers.Reshape((16, 1, 32))(x))
    x = Constant(name="learned")(layers.Reshape((4, 4, 32))(x))
    x = layers.DepthwiseConv2D(5, padding="same", name="depth")(x)
    x = layers.PReLU(name="slope")(x)
    x = layers.Reshape((1, 4, 4, 32))(x)
    x = layers.Conv3D(32, (1, 3, 3), padding="same", name="volume")(x)
    x = layers.Conv2DTranspose(1, 4, 2, "same", activation="tanh", name="last")(layers.Reshape((4, 4, 32))(x))
    return keras.Model([z, label], x)


@pytest.fixture(scope="module")
def various(converted_once):
    gan = wrapped(several(), classes=40)
    return gan, tflite._converted(gan, uint8=False)


def outputs(content, gan, n=16):
    from ai_edge_litert.interpreter import Interpreter

    z, labels = gan.inputs(n, seed=0)
    return Interpreter(model_content=content).get_signature_runner("generate_16")(z=z, label=labels)["images"]


def test_constants_of_all_operations_become_float16(various):
    gan, plain = various
    halved = storage.halve(plain, SEEDED)
    assert len(halved) < 0.62 * len(plain)  # of a small file; half of it is names and graphs
    assert "float32" not in {one.dtype for one in storage.higher_precision(halved, "float16", SEEDED)}
    assert storage.sizes(halved)["float32"] < 0.02 * storage.sizes(plain)["float32"]
    expected = gan.compute(gan.inputs(16, seed=0))
    np.testing.assert_allclose(outputs(halved, gan), expected, atol=5e-4)
    assert np.ptp(expected) > 0.05


def test_weights_larger_than_int8_are_listed_by_layer_and_bytes(various, full_checks, tmp_path):
    gan, plain = various
    report = gan.export(tmp_path / "generator.tflite", "tflite", "int8")
    found = {one.layer: (one.operation, one.dtype, one.size_bytes) for one in report.higher_precision}
    by_operation = {operation: size for operation, dtype, size in found.values() if dtype == "float16"}
    assert by_operation["GATHER"] == 2 * 40 * 512  # half of the embedding's float32
    assert by_operation["CONV_3D"] == 2 * 9 * 32 * 32 and by_operation["DEPTHWISE_CONV_2D"] == 2 * 25 * 32
    assert "BATCH_MATMUL" not in by_operation  # in int8
    assert {"table", "volume", "depth", "slope"} <= set(found) and "learned" in ", ".join(found)
    assert [one.size_bytes for one in report.higher_precision] == sorted(
        (one.size_bytes for one in report.higher_precision), reverse=True
    )
    text = str(report)
    assert f"stored with more bits than int8: {report.higher_precision_bytes / 1000:,.0f} kB" in text
    assert "(GATHER), float16, 41 kB: " in text and "accept the larger file" in text
    mostly_int8 = dataclasses.replace(report, size_bytes=200 * report.higher_precision_bytes)
    assert "stored with more bits" not in str(mostly_int8)  # half a percent is not worth a line
    written = json.loads((tmp_path / "generator.tflite.json").read_text())
    assert (
        written["higher_precision"][0]["size_bytes"] == report.higher_precision[0].size_bytes
        and written["higher_precision"][0]["reason"]
    )
    assert written["stored"]["int8"] > 16 * 32 * 32
    export_folder.write(tmp_path)
    readme = (tmp_path / "README.md").read_text()
    halves = sum(one.size_bytes for one in report.higher_precision if one.dtype == "float16")
    assert f"| int8, {halves / 1000:,.0f} kB of them float16" in readme


@pytest.mark.parametrize(
    "scale", [1e6, pytest.param(1e-9, marks=pytest.mark.long)], ids=["beyond 65,504", "below 6e-8"]
)
def test_weights_that_float16_cannot_hold_stay_float32(scale, tmp_path):
    keras.utils.set_random_seed(0)
    z = keras.Input((16,))
    # Without an activation between them the converter multiplies the kernel by the scale.
    x = layers.LeakyReLU()(layers.Dense(64, use_bias=False)(z))
    x = layers.Rescaling(1 / scale)(x)
    x = layers.Reshape((8, 8, 1))(layers.Activation("tanh")(x))
    gan = GAN(keras.Model(z, x), discriminator())
    kernel = gan.ema_generator.weights[0]
    kernel.assign(kernel * scale)
    report = gan.export(tmp_path / "g.tflite", "tflite", "float16")
    assert report.largest_error < 1e-4
    (one,) = report.higher_precision
    assert (one.dtype, one.size_bytes) == ("float32", 4 * 16 * 64) and "float16 cannot hold" in str(report)


@pytest.mark.long
def test_float16_of_a_file_without_weights_is_the_file(tmp_path):
    z = keras.Input((64,))
    gan = GAN(keras.Model(z, layers.Reshape((8, 8, 1))(z * 0.5)), discriminator())
    report = gan.export(tmp_path / "g.tflite", "tflite", "float16")
    assert report.higher_precision == () and report.largest_error < 1e-5
    with pytest.raises(InputError, match="cannot be stored as int8-static .*; expected convolutions or dense layers"):
        gan.export(tmp_path / "h.tflite", "tflite", "int8-static")


def test_half_rejects_what_float16_cannot_hold():
    def bits(*numbers):
        return np.float32(numbers).view(np.uint8)

    np.testing.assert_array_equal(storage._half(bits(1.0, -0.5, 65504.0)), np.float16([1, -0.5, 65504]))
    np.testing.assert_array_equal(storage._half(bits(0.0, 0.0)), np.float16([0, 0]))
    for numbers in ((65536.0, 1.0), (np.nan, 1.0), (np.inf, 1.0), (3e-8, 1e-8)):
        assert storage._half(bits(*numbers)) is None


def test_many_large_errors_are_rejected_although_none_exceeds_the_tolerance(dcgan, tmp_path, monkeypatch):

    measured = dcgan.export(tmp_path / "a.tflite", "tflite", "int8")
    bound = measured.percentile_error / 2
    monkeypatch.setitem(MODES, "int8", dataclasses.replace(MODES["int8"], percentile_error=bound))
    with pytest.raises(InputError, match=r"differs from Keras by .* \(99.9th percentile\); expected at most .*--force"):
        dcgan.export(tmp_path / "b.tflite", "tflite", "int8")
    assert not (tmp_path / "b.tflite").exists()
    report = dcgan.export(tmp_path / "b.tflite", "tflite", "int8", exports.Options(force=True))
    assert report.forced and "--force" in str(report) and not measured.forced


def test_a_layer_is_found_although_tracing_numbers_its_name():
    norms = [layers.BatchNormalization(name=f"norm{end}") for end in ("", "_1", "_1_1")]
    first, second, third = norms
    for name, expected in (("g_1/norm_1/add", first), ("g_1/norm_1_1/add", second), ("g_1/norm_1_1_1/add", third)):
        assert storage.layer_of(name, norms) is expected
    assert storage.layer_of("g/norm/add", norms) is first and storage.layer_of("g/normal_1/add", norms) is None
