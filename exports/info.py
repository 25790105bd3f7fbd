"""Facts about a generator's file or a run, read without TensorFlow and Keras. Only an .onnx needs its runtime."""

import json
import os
import zipfile
from pathlib import Path

from keras_gan._utils import archives
from keras_gan._utils.errors import InputError, first_line, one_line
from keras_gan._utils.files import size_bytes
from keras_gan._utils.text import WIDTH, Block, Table, Text
from keras_gan.exports import accelerators, edge, metadata, operations
from keras_gan.exports.about import About
from keras_gan.runs import Run, step_of

INDENT, NAME_WIDTH, LONGEST_NAME = 2, 10, 36  # columns; the width is that of most names
LONGEST_TEXT = 1_000  # characters of a value that are printed
SAVED_MODEL = "saved_model.pb"
GAN_CLASS = "keras_gan>GAN"  # the registered name of `GAN` in a .keras file
KINDS = {
    ".tflite": "a .tflite",
    ".onnx": "an .onnx",
    ".keras": "a GAN for Keras",
    "SavedModel": "a SavedModel",
    "run": "a run",
}
EXPECTED = "expected a .tflite, an .onnx, a SavedModel, a .keras file or a run"


def describe(path: str | os.PathLike) -> dict:
    """Facts about a .tflite, an .onnx, a SavedModel, a .keras file or a run, in JSON's types.

    No graph is run, except that of an .onnx: ONNX Runtime opens it, first in a separate process.

    Args:
        path: the file or folder.

    Returns:
        kind (in KINDS), path and size_bytes; the fields of a description that are known (see
        `keras_gan.exports.about.describe`). An export also has signatures (see
        `keras_gan.exports.metadata.signatures`), and a .tflite refused_by_gpu (see `accelerators`) and multiply_adds
        (see `operations`). A run also has step, the step of its newest checkpoint; steps, the number of steps it is
        trained for; and files, name -> bytes.

    Raises:
        InputError: where the path is none of these or is damaged, or where ONNX Runtime is missing for an .onnx.
    """
    path = Path(path)
    kind, read = _kind(path)
    try:
        description = read(path)
        size = size_bytes(path)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror}); expected {KINDS[kind]}. Check the path.") from error
    except Exception as error:  # a damaged file fails anywhere, with any error
        raise InputError(
            f"{path} is damaged, or keras_gan did not write it ({first_line(error)}); {EXPECTED}. Export it again, or "
            "check the path."
        ) from error
    return description | {"kind": kind, "path": str(path), "size_bytes": size}


def _kind(path):
    if (path / SAVED_MODEL).is_file():
        return "SavedModel", _saved_model
    if path.is_dir():
        return "run", _run
    readers = {".tflite": _tflite, ".onnx": _onnx, ".keras": _keras}
    if not path.is_file() or path.suffix not in readers:
        what = "is of another kind" if path.exists() else "does not exist"
        raise InputError(f"{path} {what}; {EXPECTED}. Check the path.")
    return path.suffix, readers[path.suffix]


def _tflite(path):
    content = path.read_bytes()
    if content[4:8] != edge.IDENTIFIER:
        raise ValueError("it is no .tflite")
    return _checked(metadata.read(content)) | {
        "signatures": metadata.signatures(content),
        "refused_by_gpu": accelerators.refused_by_gpu(content),
        "multiply_adds": operations.multiply_adds(content),
    }


def _onnx(path):
    from keras_gan.exports.onnx_runtime import Generator

    generator = Generator(path)
    return _checked(generator.description) | {"signatures": generator.signatures()}


def _checked(description):
    """The fields of a description. Raises ValueError where it is not one that keras_gan writes."""
    if not description:
        raise ValueError("it has no description")
    try:
        return {field: metadata.check(description)[field] for field in metadata.FIELDS}
    except InputError as error:
        raise ValueError(str(error).split(";")[0]) from error


def _saved_model(path):
    file = path / metadata.DESCRIPTION_FILE
    description = json.loads(file.read_bytes()) if file.is_file() else {}
    shown = _checked(description) | {"signatures": description["signatures"]}
    for ends in shown["signatures"].values():
        _signature(ends)  # raises an error where it cannot be printed
    return shown


def _keras(path):
    archives.check(path)
    with zipfile.ZipFile(path) as archive:
        saved, by = (json.loads(archive.read(name)) for name in ("config.json", "metadata.json"))
    if saved["registered_name"] != GAN_CLASS:
        raise ValueError(f"it holds a {saved['class_name']!s:.60}, not a keras_gan.GAN")
    config, training = saved["config"], saved.get("compile_config") or {}
    description = {name: config[name] for name in ("name", "latent", "latent_dim", "num_classes")}
    shape = _input_shape(config["discriminator"])
    description |= {"data_shape": shape, "value_range": [-1, 1] if len(shape) == 3 else None, "output": "float32"}
    description |= {"training": {"loss": training.get("loss")}}
    return _checked(dict.fromkeys(metadata.FIELDS) | description) | {
        "keras": by["keras_version"],
        "saved": by["date_saved"],
    }


def _input_shape(network):
    """The shape of a network's first input; for a discriminator, the shape of the data."""
    config = network["config"]
    layers = [layer for layer in config["layers"] if layer["class_name"] == "InputLayer"]
    inputs = config.get("input_layers")  # of a functional model: the first is [name, 0, 0], in a list or alone
    name = inputs and (inputs[0][0] if isinstance(inputs[0], list) else inputs[0])
    first = next((layer for layer in layers if layer["config"]["name"] == name), layers[0])
    return first["config"]["batch_shape"][1:]


def _run(path):
    run = Run(path)
    step = max(map(step_of, run.checkpoints()), default=0)
    config, about = run.config, About.of(run, step)
    return {
        "name": about.name,
        "keras_gan": run.written_by,
        "latent": config.latent,
        "latent_dim": config.latent_dim,
        "num_classes": run.num_classes if config.conditional else None,
        "labels": about.labels and list(about.labels),
        "data_shape": list(run.data_shape),
        "data": about.data,
        "data_license": about.data_license,
        "training": about.training,
        "directions": about.directions and about.directions.to_json(),
        "step": step,
        "steps": config.steps,
        "files": {file.name: size_bytes(file) for file in sorted(path.iterdir()) if file.name[0] != "."},
    }


def to_text(description: dict) -> Text:
    """The result of `describe` as lines of at most 80 columns."""
    blocks: list[Block] = [
        f"{one_line(description['path'])}: {KINDS[description['kind']]}, {description['size_bytes']:,} bytes"
    ]
    for heading, rows in (
        ("", _facts(description)),
        ("signatures", [(name, _signature(ends)) for name, ends in description.get("signatures", {}).items()]),
        ("on a GPU", [(name, _on_gpu(refused)) for name, refused in description.get("refused_by_gpu", {}).items()]),
        ("multiply-adds", [(name, f"{n:,}") for name, n in description.get("multiply_adds", {}).items()]),
        ("files", [(name, f"{size:,} bytes") for name, size in description.get("files", {}).items()]),
    ):
        if rows:
            cells = [(_cut(name), one_line(text)[:LONGEST_TEXT]) for name, text in rows]
            blocks += ["", *filter(None, [heading]), Table(cells, indent=INDENT, width=WIDTH)]
    return Text(blocks)


def _cut(name):
    return f"{one_line(name)[:LONGEST_NAME]:{NAME_WIDTH}}"


def _facts(description):
    """(name, text) of each fact that is known."""
    facts = {
        "name": description.get("name"),
        "made by": _maker(description),
        "step": f"{description['step']:,} of {description['steps']:,}" if "step" in description else None,
        "latents": f"{description['latent_dim']:,} numbers, {description['latent']}"
        if "latent" in description
        else None,
        "classes": _classes(description) if "latent" in description else None,
        "data": _data(description) if "data_shape" in description else None,
        "weights": description.get("quantize"),
        "trained on": description.get("data"),
        "data license": description.get("data_license"),
        "training": ", ".join(
            f"{name.replace('_', ' ')} {_shown(v)}" for name, v in (description.get("training") or {}).items()
        ),
        "sliders": ", ".join(
            f"{slider['name']} ±{slider['limit']:g}" for slider in description.get("directions") or ()
        ),
        "license": description.get("license") or ("not stated" if "license" in description else None),
        "sha256": description.get("weights_sha256"),
    }
    return [(name, text) for name, text in facts.items() if text]


def _maker(description):
    versions = {"keras_gan": description.get("keras_gan"), "Keras": description.get("keras")}
    makers = [f"{name} {version}" for name, version in versions.items() if version]
    return ", ".join([*makers, *([f"on {description['saved']}"] if "saved" in description else [])])


def _classes(description):
    if description["num_classes"] is None:
        return "none (it takes no labels)"
    names = (f"{number} {name}" for number, name in enumerate(description.get("labels") or ()))
    return ": ".join(filter(None, [f"{description['num_classes']:,}", ", ".join(names)]))


def _data(description):
    shape = " × ".join(map(str, description["data_shape"]))
    kind = "images" if len(description["data_shape"]) == 3 else "numbers"
    output, scale = description.get("output"), description.get("value_range")
    return f"{shape} {kind}" + (f", {output}" if output else "") + (f" in {_shown(scale)}" if scale else "")


def _shown(value):
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _signature(ends):
    inputs, outputs = (", ".join(map(_end, ends[side].items())) for side in ("inputs", "outputs"))
    return f"{inputs} -> {outputs}"


def _on_gpu(refused):
    return f"not: {', '.join(refused)}" if refused else "as a whole"


def _end(item):
    name, (dtype, sizes) = item
    return f"{name} {dtype}[{','.join('any' if size is None else str(size) for size in sizes)}]"
