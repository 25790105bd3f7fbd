"""The paths of `kgan export`: standard names by mode and pixel type, folders, and the data that it opens."""

import dataclasses
import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from keras_gan import InputError, data, exports, metrics, training
from keras_gan.cli.main import kgan
from keras_gan.exports.of_run import export_path
from keras_gan.runs import METRICS_FILE, Run


def command(*words):
    return CliRunner().invoke(kgan, [str(word) for word in words])


@pytest.mark.parametrize(
    "kind, quantize, uint8, expected",
    [
        ("tflite", "float16", False, "generator.tflite"),
        ("tflite", "float16", True, "generator-uint8.tflite"),
        ("tflite", "int8", False, "generator-int8.tflite"),
        ("tflite", "int8-static", True, "generator-int8-static-uint8.tflite"),
        ("saved_model", "float16", False, "saved_model"),
        ("saved_model", "float16", True, "saved_model-uint8"),
        ("litert", "int8", False, "generator-int8.tflite"),  # Keras's names for the same formats
        ("tf_saved_model", "float16", False, "saved_model"),
    ],
)
def test_each_file_of_a_run_has_a_name_of_its_own(kind, quantize, uint8, expected, tmp_path):
    assert export_path(tmp_path / "run", kind, quantize, uint8=uint8) == tmp_path / "run" / "export" / expected


def test_files_in_a_folder_have_standard_names(tmp_path):
    (tmp_path / "there").mkdir()
    for out in (f"{tmp_path}/there", f"{tmp_path}/there/", f"{tmp_path}/new/", f"{tmp_path}/new.tflite/"):
        path = export_path(tmp_path / "run", "tflite", "int8", out, uint8=True)
        assert str(path) == f"{out.rstrip('/')}/generator-int8-uint8.tflite"
    pytest.importorskip("onnxruntime")
    assert export_path(tmp_path, "onnx", out=f"{tmp_path}/there").name == "generator.onnx"
    assert export_path(tmp_path, "onnx", out=f"{tmp_path}/new/", uint8=True).name == "generator-uint8.onnx"


def test_a_file_name_stays_a_file_name(tmp_path):
    assert export_path(tmp_path, "tflite", "int8", f"{tmp_path}/mine.tflite").name == "mine.tflite"
    assert export_path(tmp_path, "saved_model", out=f"{tmp_path}/mine/").name == "mine"
    with pytest.raises(InputError, match="does not end in .tflite; .* a folder, .*/mine/"):
        export_path(tmp_path, "tflite", out=f"{tmp_path}/mine")


def test_several_modes_are_written_to_one_folder(run_dir, tmp_path):
    folder = tmp_path / "out"
    modes = ["--quantize", "float16", "--quantize", "int8", "--quantize", "float16", "--uint8"]
    result = command("export", run_dir, "--tflite", "--out", f"{folder}/", *modes)
    assert result.exit_code == 0, result.output
    names = ("generator-uint8.tflite", "generator-int8-uint8.tflite")
    assert {file.name for file in folder.iterdir()} == {*names, *(f"{name}.json" for name in names)}
    descriptions = [exports.open_generator(folder / name).description for name in names]
    assert [(one["output"], one["quantize"]) for one in descriptions] == [("uint8", "float16"), ("uint8", "int8")]
    header = next(line for line in result.stdout.splitlines() if "mean error" in line)
    assert "99.9 %" in header  # the table of both modes
    assert not (run_dir / "export").exists()


@pytest.mark.long
def test_uint8_in_the_run_replaces_no_float_file(run_dir):
    for words in ((), ("--uint8",)):
        assert command("export", run_dir, "--saved-model", *words).exit_code == 0
    folder = run_dir / "export"
    assert {"saved_model", "saved_model-uint8"} <= {file.name for file in folder.iterdir()}
    text = (folder / "README.md").read_text()
    assert "| `saved_model/` |" in text and "| `saved_model-uint8/` |" in text


def test_several_modes_need_a_folder(run_dir, tmp_path):
    result = command(
        "export", run_dir, "--tflite", "--quantize", "int8", "--quantize", "float16", "--out", tmp_path / "g.tflite"
    )
    assert result.exit_code == 2 and "for 2 modes" in result.stderr and f"--out {tmp_path}" in result.stderr


# which data are opened


@pytest.fixture
def photo_run(trained, tmp_path):
    """A run on a folder of photos, none of which has been decoded."""
    rng = np.random.default_rng(0)
    for kind in ("one", "two"):
        (tmp_path / "photos" / kind).mkdir(parents=True)
        for number in range(12):
            image = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype="uint8"))
            image.save(tmp_path / "photos" / kind / f"{number}.png")
    config = dataclasses.replace(trained.config, data=str(tmp_path / "photos"))
    return Run.create(tmp_path / "photo run", config, data.open_source(tmp_path / "photos"))


@pytest.mark.parametrize(
    "card",
    [None, "{", "[]", '{"extractor": null}', '{"extractor": {"name": "inception"}}', '{"extractor": {"name": 5}}'],
)
def test_photos_without_an_extractor_are_not_opened(photo_run, card, monkeypatch):
    opened = []
    monkeypatch.setattr(data, "open_source", lambda *given: opened.append(given))
    if card is not None:
        (photo_run.path / METRICS_FILE).write_text(card)
    assert training.reference_of(photo_run) is None and opened == []


def test_photos_with_an_extractor_are_opened_once(photo_run, monkeypatch):
    opened, open_source = [], data.open_source

    def counted(*given, **options):
        opened.append(given[0].split)
        return open_source(*given, **options)

    monkeypatch.setattr(data, "open_source", counted)
    monkeypatch.setattr(metrics, "extractor", lambda *given: None)  # training one takes a minute
    (photo_run.path / METRICS_FILE).write_text(json.dumps({"extractor": {"name": "trained on photos"}}))
    assert training.reference_of(photo_run) is None and opened == ["train", "test"]
