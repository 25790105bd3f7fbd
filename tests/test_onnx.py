"""The .onnx export compared with the Keras generator, in ONNX Runtime."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner
from keras import layers

from keras_gan import GAN, InputError, exports, networks
from keras_gan._utils import pixels
from keras_gan.cli.main import kgan
from keras_gan.exports.onnx_runtime import Generator
from keras_gan.exports.quantize import MODES
from keras_gan.sampling import latents

SHAPE = (8, 8, 1)


def built(preset="lean", shape=SHAPE, **options):
    """A GAN whose batch statistics and zero-initialised weights are away from their start, so that errors show."""
    classes = {"num_classes": options.get("num_classes")}
    pair = networks.generator(shape, 4, preset, **classes), networks.discriminator(shape, preset, **classes)
    gan = GAN(*pair, seed=0, **options)
    rng = np.random.default_rng(0)
    for weight in gan.ema_generator.weights:
        weight.assign(weight + rng.uniform(-0.05, 0.05, weight.shape).astype("float32"))
    return gan


def run(path, *columns):
    """The output of a file in plain ONNX Runtime, given its inputs in order."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {end.name: column for end, column in zip(session.get_inputs(), columns, strict=True)})[0]


@pytest.fixture(scope="module")
def gan():
    return built()


@pytest.fixture(scope="module")
def exported(gan, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "g.onnx"
    about = exports.About(name="eight", data="digits", license="CC0-1.0")
    return path, gan.export(path, "onnx", options=exports.Options(about=about))


@pytest.mark.parametrize(
    "preset, shape",
    [
        pytest.param("resnet", SHAPE, marks=pytest.mark.long),
        pytest.param("dcgan", (9, 17, 3), marks=pytest.mark.long),
        ("goodfellow2014", SHAPE),
        pytest.param("resnet", (2,), marks=pytest.mark.long),
    ],
    ids=["resnet", "dcgan, odd size, colour", "perceptron", "vectors"],
)
def test_onnx_agrees_with_keras(preset, shape, tmp_path):
    gan = built(preset, shape)
    report = gan.export(tmp_path / "g.onnx", "onnx")
    z = latents.draw(5, 4, seed=5)
    expected = gan.predict(z, verbose=0)
    np.testing.assert_allclose(run(tmp_path / "g.onnx", z), expected, atol=1e-5)
    assert np.ptp(expected) > 0.1
    assert report.largest_error < report.tolerance == 1e-4


@pytest.mark.long
def test_a_conditional_generator_takes_labels(tmp_path):
    gan = built("lean", num_classes=3)
    gan.export(tmp_path / "g.onnx", "onnx")
    z, labels = latents.draw(4, 4, seed=1), np.array([2, 0, 0, 1], "int32")
    images = run(tmp_path / "g.onnx", z, labels)
    np.testing.assert_allclose(images, gan.predict([z, labels], verbose=0), atol=1e-5)
    assert np.abs(images - run(tmp_path / "g.onnx", z, labels[::-1].copy())).max() > 1e-3
    shown = Generator(tmp_path / "g.onnx").generate(4, seed=1, labels=2)
    assert np.abs(shown.astype(int) - gan.generate(4, seed=1, labels=2).astype(int)).max() <= 1


def test_images_as_uint8(gan, tmp_path):
    report = gan.export(tmp_path / "g.onnx", "onnx", options=exports.Options(uint8=True))
    z = latents.draw(3, 4, seed=2)
    images = run(tmp_path / "g.onnx", z)
    expected = pixels.to_uint8(gan.predict(z, verbose=0))
    assert images.dtype == np.uint8 and np.abs(images.astype(int) - expected.astype(int)).max() <= 1
    assert Generator(tmp_path / "g.onnx").description["output"] == "uint8"
    assert report.tolerance == pytest.approx(1e-4 + 1 / 127.5)


@pytest.mark.parametrize("latent", ["normal", pytest.param("uniform", marks=pytest.mark.long)])
def test_a_seed_gives_the_picture_of_keras(latent, tmp_path):
    gan = built(latent=latent)
    gan.export(tmp_path / "g.onnx", "onnx")
    pictures = Generator(tmp_path / "g.onnx").generate(300, seed=7)  # more than one batch
    assert np.abs(pictures.astype(int) - gan.generate(300, seed=7).astype(int)).max() <= 1


@pytest.mark.parametrize("name, taken", [("g.onnx", ("z", ["batch", 4])), ("g-sample.onnx", ("seed", ["batch"]))])
def test_names_and_shapes_of_the_graphs(exported, name, taken):
    path = exported[0].with_name(name)
    graph = onnx.load(path).graph
    ends = [(end.name, [d.dim_param or d.dim_value for d in end.type.tensor_type.shape.dim]) for end in graph.input]
    assert ends == [taken]
    (image,) = graph.output
    assert image.name == "images"
    assert [d.dim_param or d.dim_value for d in image.type.tensor_type.shape.dim] == ["batch", 8, 8, 1]
    onnx.checker.check_model(onnx.load(path), full_check=True)


SEEDS = np.int32([0, 1, 7, 65_535, 65_536, 2**24, 2**30 + 1, 2**31 - 2, 2**31 - 1])


@pytest.mark.parametrize(
    "latent",
    [name if name == "uniform" else pytest.param(name, marks=pytest.mark.long) for name in latents.DISTRIBUTIONS],
)
def test_the_second_graph_takes_seeds(latent, tmp_path):
    gan = built(latent=latent, num_classes=3)
    gan.export(tmp_path / "g.onnx", "onnx")
    labels = np.int32([2, 0, 1, 2, 0, 1, 2, 0, 1])
    images = run(tmp_path / "g-sample.onnx", SEEDS, labels)
    expected = gan.compute([latents.of_seeds(SEEDS, 4, latent), labels])
    np.testing.assert_allclose(images, expected, atol=1e-5)
    assert np.abs(expected[1] - expected[2]).max() > 0.01  # seeds differ by more than the tolerance
    generator = Generator(tmp_path / "g-sample.onnx")
    whole = gan.generate(21, seed=4)
    assert np.abs(generator.generate(21, seed=4).astype(int) - whole).max() <= 1
    assert np.abs(generator.generate(2, seed=4, labels=1).astype(int) - gan.generate(2, seed=4, labels=1)).max() <= 1
    for refused in (lambda: generator.generate(z=np.zeros((1, 4))), lambda: generator.compute(np.zeros((1, 4)))):
        with pytest.raises(InputError, match="takes seeds, not latents; .*-sample"):
            refused()
    with pytest.raises(InputError, match="label 3 is not a class"):
        generator.generate(1, labels=3)


def test_uint8_graphs_give_whole_grey_levels(gan, tmp_path):
    gan.export(tmp_path / "g.onnx", "onnx", options=exports.Options(uint8=True))
    for name, taken in (("g.onnx", latents.of_seeds(SEEDS, 4)), ("g-sample.onnx", SEEDS)):
        images = run(tmp_path / name, taken)
        expected = pixels.to_uint8(gan.compute(latents.of_seeds(SEEDS, 4))).astype(int)
        assert images.dtype == np.uint8 and np.abs(images - expected).max() <= 1
    computed = Generator(tmp_path / "g.onnx").compute(latents.of_seeds(SEEDS, 4))
    assert computed.dtype == np.float32
    np.testing.assert_array_equal(pixels.to_uint8(computed), run(tmp_path / "g.onnx", latents.of_seeds(SEEDS, 4)))


def test_description_inside_the_file(exported):
    facts = {entry.key: entry.value for entry in onnx.load(exported[0]).metadata_props}
    description = json.loads(facts["keras_gan"])
    assert (description["name"], description["data"], description["license"]) == ("eight", "digits", "CC0-1.0")
    assert (description["latent"], description["latent_dim"], description["data_shape"]) == ("normal", 4, [8, 8, 1])
    assert (description["quantize"], description["output"], description["value_range"]) == (
        "float32",
        "float32",
        [-1, 1],
    )
    assert description == Generator(exported[0]).description


def test_the_report_is_measured_and_written_next_to_the_file(exported):
    path, report = exported
    written = json.loads(path.with_name("g.onnx.json").read_text())
    assert written["size_bytes"] == path.stat().st_size and written["signatures"] == ["generate", "sample"]
    assert 0 < report.mean_error <= report.largest_error < 1e-5
    assert report.latency_ms > 0 and report.latency_16_ms > 0
    assert report.quality.sliced_wasserstein < 0.01
    assert sorted(file.name for file in path.parent.iterdir()) == ["g-sample.onnx", "g.onnx", "g.onnx.json"]


def test_operations_that_onnx_does_not_have_are_rejected(tmp_path):
    z = keras.Input((4,))
    generator = keras.Model(z, layers.Reshape(SHAPE)(keras.ops.erfinv(layers.Dense(64, activation="tanh")(z))))
    gan = GAN(generator, networks.discriminator(SHAPE))
    with pytest.raises(InputError, match="cannot be converted to ONNX: .*Erfinv; expected operations that ONNX has"):
        gan.export(tmp_path / "g.onnx", "onnx")
    assert not list(tmp_path.iterdir())


def test_a_graph_that_differs_or_gives_nan_is_rejected_and_the_old_file_stays(tmp_path, monkeypatch):
    gan, path = built(), tmp_path / "g.onnx"
    path.write_bytes(b"keras_gan, before")
    with monkeypatch.context() as patched:
        patched.setitem(MODES, "float32", dataclasses.replace(MODES["float32"], largest_error=1e-12))
        with pytest.raises(InputError, match=r"differs from Keras by .* \(largest\); expected at most 1e-12"):
            gan.export(path, "onnx")
    gan.ema_generator.weights[0].assign(np.full(gan.ema_generator.weights[0].shape, np.nan, "float32"))
    with pytest.raises(InputError, match="NaN or infinity; expected finite"):
        gan.export(path, "onnx")
    assert [file.name for file in tmp_path.iterdir()] == ["g.onnx"] and path.read_bytes() == b"keras_gan, before"


def test_paths_that_cannot_be_used(gan, tmp_path):
    (tmp_path / "folder.onnx").mkdir()
    for name, message in (("g.tflite", "does not end in .onnx; .*g.onnx"), ("folder.onnx", "is a folder")):
        with pytest.raises(InputError, match=message):
            gan.export(tmp_path / name, "onnx")
    assert [file.name for file in tmp_path.iterdir()] == ["folder.onnx"]


def test_a_missing_package_is_reported_before_anything_is_written(gan, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)  # as Python marks what cannot be imported
    with pytest.raises(InputError, match=r"tf2onnx not installed; .*Use pip install '\.\[onnx\]' in a checkout"):
        gan.export(tmp_path / "new" / "g.onnx", "onnx")
    assert not list(tmp_path.iterdir())


WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = sys.modules["keras"] = sys.modules["tf2onnx"] = sys.modules["onnx"] = None
from keras_gan.cli.main import kgan
kgan.main(sys.argv[1:], standalone_mode=False)
"""


@pytest.mark.parametrize("name", [pytest.param("g.onnx", marks=pytest.mark.long), "g-sample.onnx"])
def test_sampling_needs_onnx_runtime_alone(gan, exported, name, tmp_path):
    words = ["sample", exported[0].with_name(name), "-n", "3", "--seed", "5", "--out", tmp_path / "x.npz"]
    done = subprocess.run([sys.executable, "-c", WITHOUT_TENSORFLOW, *map(str, words)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    images = np.load(tmp_path / "x.npz")["images"]
    assert np.abs(images.astype(int) - gan.generate(3, seed=5)).max() <= 1


def test_without_onnx_runtime_the_error_has_the_remedy(exported, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    for verb in ("sample", "info"):
        done = CliRunner().invoke(kgan, [verb, str(exported[0])])
        assert done.exit_code == 2, done.output
        assert "onnxruntime not installed; expected for ONNX. Use pip install '.[onnx]'" in done.output


def test_other_files_are_rejected(exported, tmp_path):
    content = exported[0].read_bytes()
    (tmp_path / "half.onnx").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.onnx").write_text("a text")
    foreign, other = onnx.load(exported[0]), onnx.load(exported[0])
    del foreign.metadata_props[:]
    onnx.save(foreign, tmp_path / "foreign.onnx")
    facts = other.metadata_props[0].value.replace('"data_shape": [8,', '"data_shape": [9,')
    onnx.helper.set_model_props(other, {"keras_gan": facts})
    onnx.save(other, tmp_path / "other.onnx")
    for name in ("half", "text", "foreign", "other"):
        with pytest.raises(InputError, match=f"{name}.onnx is damaged, or is no generator"):
            exports.open_generator(tmp_path / f"{name}.onnx")
    with pytest.raises(InputError, match="none.onnx is not a file; expected an .onnx"):
        exports.open_generator(tmp_path / "none.onnx")


@pytest.mark.long
def test_the_command_prints_its_report_and_nothing_else(forked, run_dir):
    command = [Path(sys.executable).with_name("kgan"), "export", run_dir, "--onnx", "--license", "CC0-1.0"]
    done = forked(*command)
    out, err = done.communicate(timeout=300)
    file = run_dir / "export" / "generator.onnx"
    assert done.returncode == 0 and err == "", err
    (line,) = out.splitlines()
    assert line.startswith(f"{file}: ") and line.endswith("; signatures generate, sample")
    facts = Generator(file).description
    assert (facts["data"], facts["license"], facts["training"]["steps"]) == ("digits", "CC0-1.0", 30)
