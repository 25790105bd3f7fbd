"""`kgan info` for files and runs, without TensorFlow."""

import json
import shutil
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from keras_gan import GAN, exports, networks, training
from keras_gan._utils.errors import InputError
from keras_gan.cli.main import kgan
from keras_gan.exports import About, edge, info

LABELS = ("zero", "one", "two")


def kgan_info(*words):
    return CliRunner().invoke(kgan, ["info", *map(str, words)])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One conditional GAN as every kind of file: name -> path."""
    folder = tmp_path_factory.mktemp("files")
    keras.utils.set_random_seed(0)
    build = {"dtype": "float32", "num_classes": 3}
    networks_ = networks.generator((8, 8, 3), 5, "lean", **build), networks.discriminator((8, 8, 3), "lean", **build)
    gan = GAN(*networks_, seed=1, num_classes=3, latent="uniform")
    gan.compile()
    about = About("tiny", "dots", LABELS, "CC0", {"preset": "lean", "steps": 1234})
    options = exports.Options(about=about, uint8=True)
    gan.export(folder / "g.tflite", "tflite", "float16", options)
    gan.export(folder / "saved", "saved_model", options=options)
    gan.export(folder / "g.onnx", "onnx", options=options)
    gan.save(folder / "g.keras")
    return {name: folder / name for name in ("g.tflite", "g.onnx", "g-sample.onnx", "saved", "g.keras")}


def test_a_tflite_shows_its_description(files):
    facts = info.describe(files["g.tflite"])
    assert facts["kind"] == ".tflite" and facts["size_bytes"] == files["g.tflite"].stat().st_size
    assert facts["name"] == "tiny" and facts["labels"] == list(LABELS) and facts["license"] == "CC0"
    assert facts["data_shape"] == [8, 8, 3] and facts["latent"] == "uniform" and facts["output"] == "uint8"
    assert len(facts["weights_sha256"]) == 64


def test_signatures_of_a_tflite_agree_with_the_runtime(files):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(files["g.tflite"]))
    found = info.describe(files["g.tflite"])["signatures"]
    assert set(found) == set(interpreter.get_signature_list())
    for name, ends in found.items():
        runner = interpreter.get_signature_runner(name)
        for side, details in (("inputs", runner.get_input_details()), ("outputs", runner.get_output_details())):
            seen = {end: [np.dtype(d["dtype"]).name, d["shape"].tolist()] for end, d in details.items()}
            assert ends[side] == seen
    assert found["sample_16"]["inputs"] == {"seed": ["int32", [16]], "label": ["int32", [16]]}


def test_an_onnx_shows_its_inputs_and_outputs(files):
    image = {"images": ["uint8", [None, 8, 8, 3]]}
    for name, signature, taken in (
        ("g.onnx", "generate", {"z": ["float32", [None, 5]]}),
        ("g-sample.onnx", "sample", {"seed": ["int32", [None]]}),
    ):
        facts = info.describe(files[name])
        assert facts["kind"] == ".onnx" and facts["labels"] == list(LABELS) and facts["quantize"] == "float32"
        assert facts["signatures"] == {signature: {"inputs": {**taken, "label": ["int32", [None]]}, "outputs": image}}
    words = " ".join(kgan_info(files["g-sample.onnx"]).output.split())
    assert "sample seed int32[any], label int32[any] -> images uint8[any,8,8,3]" in words


def test_signatures_of_a_saved_model_agree_with_tensorflow(files):
    loaded = tf.saved_model.load(str(files["saved"])).signatures
    found = info.describe(files["saved"])["signatures"]
    assert set(found) == set(loaded) and {"generate", "sample"} <= set(found)
    for name, ends in found.items():
        inputs, outputs = loaded[name].structured_input_signature[1], loaded[name].structured_outputs
        for side, specs in (("inputs", inputs), ("outputs", outputs)):
            assert ends[side] == {end: [spec.dtype.name, spec.shape.as_list()] for end, spec in specs.items()}


def test_a_saved_model_of_another_program_is_rejected(tmp_path):
    module = tf.Module()
    module.double = tf.function(lambda x: {"y": 2 * x}, input_signature=[tf.TensorSpec((None, 3), "float64", "x")])
    tf.saved_model.save(module, str(tmp_path / "s"), signatures={"double": module.double})
    assert "has no description" in error_line(tmp_path / "s")


def test_a_keras_file_shows_facts_about_its_gan(files):
    facts = info.describe(files["g.keras"])
    gan = training.load_file(files["g.keras"])
    for name in ("name", "latent", "latent_dim", "num_classes"):
        assert facts[name] == getattr(gan, name)
    assert facts["data_shape"] == list(gan.data_shape) and facts["keras"] == keras.__version__


def test_a_run_shows_its_steps(run_dir):
    facts = info.describe(run_dir)
    assert facts["kind"] == "run" and (facts["step"], facts["steps"]) == (30, 30)
    assert facts["data_shape"] == [8, 8, 1] and facts["latent_dim"] == 8 and facts["data"] == "digits"
    assert facts["training"]["images_seen"] == 30 * 16
    on_disk = sum(file.stat().st_size for file in run_dir.rglob("*") if file.is_file())
    assert facts["size_bytes"] == on_disk
    assert facts["files"]["config.json"] == (run_dir / "config.json").stat().st_size
    for checkpoint in (run_dir / "checkpoints").iterdir():
        checkpoint.unlink()
    assert info.describe(run_dir)["step"] == 0


@pytest.mark.parametrize("name", ["g.tflite", "g.onnx", "saved", "g.keras"])
def test_the_text_holds_the_facts_in_80_columns(files, name):
    done = kgan_info(files[name])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert max(map(len, lines[1:])) <= 80  # the first has the path as it was given
    words = " ".join(done.output.split())
    assert "latents 5 numbers, uniform" in words and "data 8 × 8 × 3 images" in words
    if name != "g.keras":
        assert "classes 3: 0 zero, 1 one, 2 two" in words and "license CC0" in words and "steps 1,234" in words
        assert "uint8 in [0, 255]" in words
    if name in ("g.tflite", "saved"):
        takes = "seed int32[16], label int32[16]", "label int32[16], seed int32[16]"
        assert any(f"sample_16 {inputs} -> images uint8[16,8,8,3]" in words for inputs in takes)


def test_the_text_of_a_run(run_dir):
    words = " ".join(kgan_info(run_dir).output.split())
    assert "step 30 of 30" in words and "trained on digits" in words and "files checkpoints" in words


def test_json_agrees_with_describe(files):
    done = kgan_info(files["g.tflite"], "--json")
    assert json.loads(done.output) == info.describe(files["g.tflite"])


def test_no_file_needs_tensorflow_or_keras(files, run_dir):
    code = (
        "import sys; from click.testing import CliRunner; from keras_gan.cli.main import kgan\n"
        "for path in sys.argv[1:]:\n"
        "    assert CliRunner().invoke(kgan, ['info', path]).exit_code == 0, path\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    command = [sys.executable, "-c", code, *files.values(), run_dir]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert not {"tensorflow", "keras", "matplotlib", "sklearn", "h5py"} & set(loaded)


# bad input


def error_line(path):
    """The error of `kgan info`, which is one line."""
    done = kgan_info(path)
    assert done.exit_code == 2 and done.output.startswith("Error: ") and done.output.count("\n") == 1, done.output
    return done.output


def test_missing_paths_are_rejected(tmp_path):
    assert "does not exist; expected a .tflite, an .onnx" in error_line(tmp_path / "no.tflite")
    assert "does not exist" in error_line(tmp_path / "no")


def test_foreign_files_are_rejected(tmp_path, files):
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    assert "is of another kind" in error_line(tmp_path / "picture.png")
    (tmp_path / "text.tflite").write_text("a text that is no flatbuffer")
    assert "no .tflite" in error_line(tmp_path / "text.tflite")
    (tmp_path / "empty").mkdir()
    assert "not a run folder" in error_line(tmp_path / "empty")
    keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]).save(tmp_path / "other.keras")
    assert "holds a Sequential, not a keras_gan.GAN" in error_line(tmp_path / "other.keras")


def test_a_tflite_of_another_program_is_rejected(tmp_path):
    doubled = tf.function(lambda x: 2 * x, input_signature=[tf.TensorSpec((1,), "float32")]).get_concrete_function()
    path = tmp_path / "other.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([doubled], tf.Module()).convert())
    assert "has no description" in error_line(path)


@pytest.mark.parametrize(
    "name, inside", [("g.tflite", ""), ("g.onnx", ""), ("saved", "assets.extra/keras_gan.json"), ("g.keras", "")]
)
def test_half_a_file_is_rejected(files, name, inside, tmp_path):
    (shutil.copytree if inside else shutil.copy)(files[name], tmp_path / name)
    half = tmp_path / name / inside
    content = half.read_bytes()
    half.write_bytes(content[: len(content) // 2])
    assert "is damaged" in error_line(tmp_path / name)


@pytest.mark.parametrize("signatures", [None, 5, {"a": 1}, {"a": {"inputs": {}, "outputs": {"x": ["float32", 3]}}}])
def test_wrong_signatures_are_rejected(files, signatures, tmp_path):
    shutil.copytree(files["saved"], tmp_path / "saved")
    file = tmp_path / "saved" / "assets.extra" / "keras_gan.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"signatures": signatures}))
    assert "is damaged" in error_line(tmp_path / "saved")


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * 2**29)
    assert "unpacks to" in error_line(tmp_path / "bomb.keras")


def test_a_damaged_run_is_rejected(run_dir):
    (run_dir / "config.json").write_text("{}")
    assert "config.json is damaged" in error_line(run_dir)


def test_control_characters_in_a_file_are_not_printed(files, tmp_path):
    facts = info.describe(files["g.tflite"])
    facts |= {"name": "\x1b[31mred", "labels": ["a\nb", "c", "d"], "training": {"\x1b]0;": "\x07"}}
    assert (
        "\x1b" not in str(info.to_text(facts))
        and "\x07" not in str(info.to_text(facts))
        and "a b" in str(info.to_text(facts))
    )


def test_a_folder_named_like_a_file_is_no_tflite(tmp_path):
    (tmp_path / "g.tflite").mkdir()
    with pytest.raises(InputError, match="not a run folder"):
        info.describe(tmp_path / "g.tflite")


def test_the_edge_reads_the_same_description(files):
    description = edge.Generator(files["g.tflite"]).description
    facts = info.describe(files["g.tflite"])
    assert {name: facts[name] for name in description} == description


def test_a_file_cannot_change_its_kind_or_its_path(files, tmp_path):
    shutil.copytree(files["saved"], tmp_path / "saved")
    file = tmp_path / "saved" / "assets.extra" / "keras_gan.json"
    claims = {"path": "/etc/passwd", "size_bytes": "few", "kind": "none", "step": "all", "files": []}
    file.write_text(json.dumps(json.loads(file.read_text()) | claims))
    facts = info.describe(tmp_path / "saved")
    assert facts["path"] == str(tmp_path / "saved") and facts["kind"] == "SavedModel" and facts["size_bytes"] > 1000
    assert not {"step", "files"} & set(facts)
    assert str(info.to_text(facts)).startswith(str(tmp_path / "saved"))


def test_long_names_leave_space_for_their_values(run_dir):
    (run_dir / ("x" * 200)).write_text("")
    assert max(map(len, str(info.to_text(info.describe(run_dir))).splitlines()[1:])) <= 80
