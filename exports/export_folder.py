"""The files next to an export for the people who use it: README.md, with the files' names and shapes, sample.py, and
the description of the .tflite as a JSON file."""

import json
import math
import re
import shlex
import shutil
import warnings
from pathlib import Path

from keras_gan._utils.errors import Notice, one_line
from keras_gan._utils.files import kilobytes, replace, size_bytes
from keras_gan.exports import accelerators, edge, metadata, onnx_runtime
from keras_gan.exports.rendering import render
from keras_gan.runs import METRICS_FILE
from keras_gan.sampling import sliders

TEMPLATES = Path(__file__).with_name("templates")
SAMPLE, README, DESCRIPTION = "sample.py", "README.md", "description"
MARKS = {
    DESCRIPTION: '"keras_gan"',
    SAMPLE: "a generator that kgan exported",
    README: "<!-- kgan export writes this file anew -->",
}
SAVED_MODEL, ONNX, WEB, MICRO = "saved_model", "generator.onnx", "web", "micro"
SAVED_MODELS = (SAVED_MODEL, f"{SAVED_MODEL}-uint8")
SHOWN_SCORES = {"frechet_distance", "kernel_distance", "precision", "recall", "sliced_wasserstein", "memorised"}
BETTER = {"lower": "lower", "higher": "higher", "baseline": "as the real images"}
NO_CODE = str.maketrans("`|", "'/")  # characters that would end inline code, or a cell, in a Markdown table
MAIN = "generator.tflite"  # the file in the examples, where there are several


def write(folder: Path) -> None:
    """Writes README.md about the exports in a folder; beside a .tflite its description, and sample.py if it is of
    pictures.

    Files of these names that another program wrote are not replaced; a `Notice` names them. Nothing is written where
    the folder holds no export of keras_gan.

    Args:
        folder: the folder.

    Raises:
        OSError: where the folder cannot be written.
    """
    tflites = {file.name: description for file in sorted(folder.glob("*.tflite")) if (description := _read(file))}
    onnxes = {file.name: description for file in sorted(folder.glob("*.onnx")) if (description := _read(file))}
    saved = {
        name: description for name in SAVED_MODELS if (description := _read(folder / name / metadata.DESCRIPTION_FILE))
    }
    served = next(iter(saved.values()), None)
    if not tflites and not served and not onnxes:
        return
    name = _in_examples(folder, tflites)
    about = tflites.get(name) or served or next(iter(onnxes.values()))
    if name and _makes_pictures(about):
        _put(folder / SAMPLE, lambda draft: shutil.copyfile(TEMPLATES / SAMPLE, draft))
    if name:
        about_file = folder / _description_name(name)
        content = json.dumps(about, indent=1, ensure_ascii=False) + "\n"
        _put(about_file, lambda draft: draft.write_text(content, encoding="utf-8"), MARKS[DESCRIPTION])
    text = _page(folder, tflites, onnxes, about, name, saved)
    _put(folder / README, lambda draft: draft.write_text(text, encoding="utf-8"))


def _read(file) -> dict | None:
    """The description inside an export; None where keras_gan did not write the file, or it is damaged."""
    try:
        if file.suffix == ".onnx":
            return onnx_runtime.Generator(file).description
        content = file.read_bytes()
        return metadata.check(metadata.read(content) if file.suffix == ".tflite" else json.loads(content))
    except Exception:  # a damaged flatbuffer fails anywhere, with any error
        return None


def _in_examples(folder, tflites) -> str | None:
    """The .tflite that the examples of README.md read: one with all signatures where there is one."""
    return min(tflites, key=lambda name: (not _has_seeds(folder / name), name != MAIN), default=None)


def _has_seeds(tflite) -> bool:
    return edge.SAMPLE in metadata.signatures(tflite.read_bytes())


def _description_name(tflite):
    """The name of the file with the description of a .tflite, which Kotlin reads."""
    return f"{Path(tflite).stem}.json"


def _put(path, write, mark=None):
    if path.exists() and (mark or MARKS[path.name]) not in path.read_text(encoding="utf-8", errors="replace"):
        warnings.warn(Notice(f"{path} was not written by kgan export and is not replaced."), stacklevel=3)
    else:
        replace(path, write)


def _makes_pictures(about):
    shape = about["data_shape"]
    return len(shape) == 3 and shape[2] in (1, 3)


def _page(folder, tflites, onnxes, about, name, saved):
    shape, served = about["data_shape"], next(iter(saved.values()), None)
    samples, scores = _scores(folder.absolute().parent, (about.get("training") or {}).get("steps"))
    facts = dict(
        about=about,
        samples=samples,
        scores=scores,
        picture=_makes_pictures(about),
        what=_what(shape),
        training=_training(about.get("training") or {}),
        rows=list(_rows(folder, tflites, onnxes, saved)),
        tflite=name,
        description=_description_name(name) if name else None,
        signatures=metadata.signatures((folder / name).read_bytes()) if name else {},
        indices=_indices,
        gpu=_on_gpu(folder / name) if name else {},
        served=served,
        served_name=next(iter(saved), None),
        by_rows=_request(served, "instances", [7, 8]),
        by_columns=_request(served, "inputs", [7, 8]),
        onnx=_from_seeds(onnxes),
        onnx_output=next((description["output"] for description in onnxes.values()), None),
        web=(folder / WEB).is_dir(),
        micro=(folder / MICRO).is_dir(),
        loads=_loads(_report(folder / WEB)),
        kinds=sliders.KINDS,
        mark=MARKS[README],
    )
    return render(TEMPLATES / README, facts, FILTERS)


def _on_gpu(file):
    """What the README says of each signature of a .tflite."""
    refused = accelerators.refused_by_gpu(file.read_bytes())
    return {name: f"no ({len(found)})" if found else "yes" for name, found in refused.items()}


def _tensors(ends):
    """The inputs or the outputs of a signature, in a table."""
    return ", ".join(f"`{name}` {dtype} ({', '.join(map(str, sizes))})" for name, (dtype, sizes) in ends.items())


def _indices(signatures):
    """The index of each signature, and of each of its inputs, by which Swift and C++ find them."""
    return {
        name: {"index": index} | {end: i for i, end in enumerate(ends["inputs"])}
        for index, (name, ends) in enumerate(signatures.items())
    }


def plain(text: str) -> str:
    """A text on one line, escaped so that Markdown shows it as it is."""
    return re.sub(r"([\\`*_{}\[\]<>|#~])", r"\\\1", one_line(text))


def _quoted(text):
    """A text as a string literal of Python, Swift and C++."""
    return json.dumps(text, ensure_ascii=False)


def _kotlin(text):
    return _quoted(text).replace("$", "\\$")


FILTERS = {
    "plain": plain,
    "sh": shlex.quote,
    "quoted": _quoted,
    "kotlin": _kotlin,
    "tensors": _tensors,
    "product": math.prod,
    "half": lambda limit: float(f"{limit / 2:.2g}"),  # with a point, which Kotlin and C++ need
}


def _what(shape):
    if len(shape) == 1:
        return f"vectors of {shape[0]} numbers"
    if len(shape) != 3:
        return f"arrays of shape {tuple(shape)}"
    kind = {1: "grey pictures", 3: "colour pictures"}.get(shape[2], f"pictures with {shape[2]} channels")
    return f"{kind}, {shape[0]} pixels high and {shape[1]} wide"


def _training(training):
    """The length of the training, as a phrase."""
    steps, preset = training.get("steps"), training.get("preset")
    phrase = f"{steps:,} steps" if isinstance(steps, int) else ""
    return phrase + (f" of the preset {plain(preset)}" if phrase and preset else "")


def _scores(run, step) -> tuple[str, list[tuple[str, ...]]]:
    """The number of samples, and rows of the metric card of the run that the folder is in.

    There are no rows without a card, or where it is that of another step.
    """
    try:
        card = json.loads((run / METRICS_FILE).read_text("utf-8"))
        if step is None or card["step"] != step:
            return "", []
        rows = [
            (plain(score["label"]), f"{score['value']:.4g}", f"{score['baseline']:.4g}", BETTER[score["better"]])
            for score in card["scores"]
            if score["name"] in SHOWN_SCORES and None not in (score["value"], score["baseline"])
        ]
        return f"{card['samples']:,}", rows
    except (OSError, ValueError, KeyError, TypeError):
        return "", []


def _from_seeds(onnxes) -> str | None:
    """The name of the .onnx that takes seeds; None where there is none."""
    return next((name for name in onnxes if name.endswith(f"{onnx_runtime.SEEDS_FILE}.onnx")), None)


def _request(served, form, seeds):
    """A request to TensorFlow Serving's predict, in the row format ("instances") or the column format ("inputs")."""
    if not served:
        return None
    columns = {"seed": seeds} | ({"label": [0] * len(seeds)} if served["num_classes"] else {})
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return json.dumps({"signature_name": "sample", form: rows if form == "instances" else columns})


def _rows(folder, tflites, onnxes, saved):
    """The cells of the table of files."""
    for name, description in tflites.items():
        yield _row(folder / name, description["quantize"], description["output"])
    for name, description in saved.items():
        yield _row(folder / name, "float32", description["output"])
    for name, description in onnxes.items():
        yield _row(folder / name, description["quantize"], description["output"])
    if (folder / ONNX).is_file() and ONNX not in onnxes:  # ONNX Runtime, which reads the description, is missing
        yield _row(folder / ONNX, "float32", "")


def _row(path, weights, output):
    report = _report(path) or _report(path.with_name(path.name.replace(onnx_runtime.SEEDS_FILE, "")))
    mean, largest, latency = (report.get(name) for name in ("mean_error", "largest_error", "latency_ms"))
    return [
        f"`{one_line(path.name).translate(NO_CODE)}{'/' * path.is_dir()}`",
        kilobytes(size_bytes(path)),
        plain(weights) + _higher_precision(report),
        output,
        f"{mean:.1e} ({largest:.1e})" if _are_numbers(mean, largest) else "",
        f"{latency:.3f}" if _are_numbers(latency) else "",
    ]


def _higher_precision(report) -> str:
    """A phrase for the weights that have more bits than the file's mode promises, by type."""
    sizes: dict[str, int] = {}
    for one in report["higher_precision"] if isinstance(report.get("higher_precision"), list) else ():
        if isinstance(one, dict) and one.get("dtype") in ("float32", "float16") and _are_numbers(one.get("size_bytes")):
            sizes[one["dtype"]] = sizes.get(one["dtype"], 0) + one["size_bytes"]
    return "".join(f", {kilobytes(size)} of them {dtype}" for dtype, size in sizes.items())


def _loads(report) -> list[str] | None:
    """What a visitor of the web page loads, in MB: as it is, and compressed. None where that is not known."""
    sizes = [report.get(name) for name in ("loaded_bytes", "compressed_bytes")]
    return [f"{size / 1e6:.1f}" for size in sizes] if _are_numbers(*sizes) else None


def _report(path) -> dict:
    """The `ExportReport` next to an export, as a dictionary; empty where there is none."""
    try:
        report = json.loads(path.with_name(f"{path.name}.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return report if isinstance(report, dict) else {}


def _are_numbers(*values):
    return all(isinstance(value, float | int) for value in values)
