"""What a generator's file or a run says of itself, read without TensorFlow, Keras or, but for an .onnx, a runtime."""

import json
import os
import zipfile
from pathlib import Path

from keras_gan._utils import archives
from keras_gan._utils.errors import InputError, first_line, one_line
from keras_gan._utils.files import size_bytes
from keras_gan._utils.text import WIDTH, Table, Text
from keras_gan.exports import edge, metadata
from keras_gan.exports.about import About
from keras_gan.runs import Run, step_of

INDENT, NAME_WIDTH, LONGEST_NAME = 2, 10, 36  # columns; the width is that of most names
LONGEST_TEXT = 1_000  # that is shown of a value
SAVED_MODEL = "saved_model.pb"
GAN_CLASS = "keras_gan>GAN"  # its registered name in a .keras file
KINDS = {
    ".tflite": "a .tflite",
    ".onnx": "an .onnx",
    ".keras": "a GAN for Keras",
    "SavedModel": "a SavedModel",
    "run": "a run",
}
EXPECTED = "expected a .tflite, an .onnx, a SavedModel, a .keras file or a run"


def describe(path: str | os.PathLike) -> dict:
    """What a .tflite, an .onnx, a SavedModel, a .keras file or a run says of itself, in JSON's types.

    No graph is run but that of an .onnx, which ONNX Runtime opens, in a process of its own first.

    Returns:
        kind (in KINDS), path and size_bytes; what is known of an export's description
        (`keras_gan.exports.about.describe`); of an export also signatures (`keras_gan.exports.metadata.signatures`); of
        a run also step, which its newest checkpoint holds, steps, which it is to reach, and files, name -> bytes.

    Raises:
        InputError: where the path is none of these, or is damaged, or an .onnx is read without ONNX Runtime.
    """
    path = Path(path)
    kind, read = _kind(path)
    try:
        said = read(path)
        size = size_bytes(path)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror}); expected {KINDS[kind]}; check the path") from error
    except Exception as error:  # a damaged file fails anywhere, with any error
        raise InputError(f"{path} is damaged, or not of keras_gan ({first_line(error)}); {EXPECTED}") from error
    return said | {"kind": kind, "path": str(path), "size_bytes": size}


def _kind(path):
    if (path / SAVED_MODEL).is_file():
        return "SavedModel", _saved_model
    if path.is_dir():
        return "run", _run
    readers = {".tflite": _tflite, ".onnx": _onnx, ".keras": _keras}
    if not path.is_file() or path.suffix not in readers:
        what = "is none of ours" if path.exists() else "does not exist"
        raise InputError(f"{path} {what}; {EXPECTED}; check the path")
    return path.suffix, readers[path.suffix]


def _tflite(path):
    content = path.read_bytes()
    if content[4:8] != edge.IDENTIFIER:
        raise ValueError("it has no .tflite's mark")
    return _checked(metadata.read(content)) | {"signatures": metadata.signatures(content)}


def _onnx(path):
    from keras_gan.exports.onnx_runtime import Generator

    generator = Generator(path)
    return _checked(generator.description) | {"signatures": generator.signatures()}


def _checked(said):
    """A description itself. Raises ValueError where it is not of a kind that we write."""
    if not said:
        raise ValueError("it does not say what it holds")
    try:
        return {field: metadata.check(said)[field] for field in metadata.FIELDS}
    except InputError as error:
        raise ValueError(str(error).split(";")[0]) from error


def _saved_model(path):
    file = path / metadata.BESIDE
    said = json.loads(file.read_bytes()) if file.is_file() else {}
    shown = _checked(said) | {"signatures": said["signatures"]}
    for ends in shown["signatures"].values():
        _signature(ends)  # raises where it is not of the kind that is shown
    return shown


def _keras(path):
    archives.check(path)
    with zipfile.ZipFile(path) as archive:
        saved, by = (json.loads(archive.read(name)) for name in ("config.json", "metadata.json"))
    if saved["registered_name"] != GAN_CLASS:
        raise ValueError(f"it holds a {saved['class_name']!s:.60}, not a keras_gan.GAN")
    config, training = saved["config"], saved.get("compile_config") or {}
    said = {name: config[name] for name in ("name", "latent", "latent_dim", "num_classes")}
    shape = _input_shape(config["discriminator"])
    said |= {"data_shape": shape, "value_range": [-1, 1] if len(shape) == 3 else None, "output": "float32"}
    said |= {"training": {"loss": training.get("loss")}}
    return _checked(dict.fromkeys(metadata.FIELDS) | said) | {"keras": by["keras_version"], "saved": by["date_saved"]}


def _input_shape(network):
    """The shape of a network's first input, which is the data where it is a discriminator."""
    first = next(layer for layer in network["config"]["layers"] if layer["class_name"] == "InputLayer")
    return first["config"]["batch_shape"][1:]


def _run(path):
    run = Run(path)
    step = max(map(step_of, run.checkpoints()), default=0)
    config, about = run.config, About.of(run, step)
    return {
        "name": about.name,
        "keras_gan": json.loads(run.config_file.read_text("utf-8")).get("keras_gan"),
        "latent": config.latent,
        "latent_dim": config.latent_dim,
        "num_classes": run.num_classes if config.conditional else None,
        "labels": about.labels and list(about.labels),
        "data_shape": list(run.data_shape),
        "data": about.data,
        "training": about.training,
        "directions": about.directions and about.directions.to_json(),
        "step": step,
        "steps": config.steps,
        "files": {file.name: size_bytes(file) for file in sorted(path.iterdir()) if file.name[0] != "."},
    }


def to_text(said: dict) -> Text:
    """What `describe` gives, in lines of at most 80 columns."""
    blocks = [f"{one_line(said['path'])}: {KINDS[said['kind']]}, {said['size_bytes']:,} bytes"]
    for heading, rows in (
        ("", _facts(said)),
        ("signatures", [(name, _signature(ends)) for name, ends in said.get("signatures", {}).items()]),
        ("files", [(name, f"{size:,} bytes") for name, size in said.get("files", {}).items()]),
    ):
        if rows:
            cells = [(_cut(name), one_line(text)[:LONGEST_TEXT]) for name, text in rows]
            blocks += ["", *filter(None, [heading]), Table(cells, indent=INDENT, width=WIDTH)]
    return Text(blocks)


def _cut(name):
    return f"{one_line(name)[:LONGEST_NAME]:{NAME_WIDTH}}"


def _facts(said):
    """Names and texts of what is known."""
    facts = {
        "name": said.get("name"),
        "made by": _maker(said),
        "step": f"{said['step']:,} of {said['steps']:,}" if "step" in said else None,
        "latents": f"{said['latent_dim']:,} numbers, {said['latent']}" if "latent" in said else None,
        "classes": _classes(said) if "latent" in said else None,
        "data": _data(said) if "data_shape" in said else None,
        "weights": said.get("quantize"),
        "trained on": said.get("data"),
        "training": ", ".join(
            f"{name.replace('_', ' ')} {_shown(v)}" for name, v in (said.get("training") or {}).items()
        ),
        "sliders": ", ".join(f"{slider['name']} ±{slider['limit']:g}" for slider in said.get("directions") or ()),
        "license": said.get("license") or ("not stated" if "license" in said else None),
        "sha256": said.get("weights_sha256"),
    }
    return [(name, text) for name, text in facts.items() if text]


def _maker(said):
    versions = {"keras_gan": said.get("keras_gan"), "Keras": said.get("keras")}
    makers = [f"{name} {version}" for name, version in versions.items() if version]
    return ", ".join([*makers, *([f"on {said['saved']}"] if "saved" in said else [])])


def _classes(said):
    if said["num_classes"] is None:
        return "none: it takes no label"
    names = (f"{number} {name}" for number, name in enumerate(said.get("labels") or ()))
    return ": ".join(filter(None, [f"{said['num_classes']:,}", ", ".join(names)]))


def _data(said):
    shape = " × ".join(map(str, said["data_shape"]))
    kind = "images" if len(said["data_shape"]) == 3 else "numbers"
    output, scale = said.get("output"), said.get("value_range")
    return f"{shape} {kind}" + (f", {output}" if output else "") + (f" in {_shown(scale)}" if scale else "")


def _shown(value):
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _signature(ends):
    inputs, outputs = (", ".join(map(_end, ends[side].items())) for side in ("inputs", "outputs"))
    return f"{inputs} -> {outputs}"


def _end(item):
    name, (dtype, sizes) = item
    return f"{name} {dtype}[{','.join('any' if size is None else str(size) for size in sizes)}]"
