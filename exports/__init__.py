"""How a generator leaves the house: SavedModel, .tflite and .onnx, each compared with Keras before it is handed over.

`keras_gan.exports.edge` samples a .tflite without TensorFlow, so nothing here imports it before it is needed.
"""

import importlib
import os
import warnings
from pathlib import Path

from keras_gan._utils.errors import InputError, Notice
from keras_gan._utils.files import replace

FORMATS = {
    "saved_model": "keras_gan.exports.saved_model",
    "tflite": "keras_gan.exports.tflite",
    "onnx": "keras_gan.exports.onnx",
    "web": "keras_gan.exports.web",
}
KERAS_NAMES = {"litert": "tflite", "tf_saved_model": "saved_model"}  # of `keras.Model.export`, taken too
# Public names, and the modules that are imported for them.
LATER = {"About": "about", "Options": "options", "Report": "report"}
__all__ = ["FORMATS", "export", "open_generator", *LATER]


def __getattr__(name):
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{LATER[name]}"), name)


def export(gan, filepath: str | os.PathLike, format="saved_model", quantize="float16", options=None):
    """Writes the averaged generator of `gan` for use without this package.

    The file is compared with the Keras generator on the same seeds before it takes its place at `filepath`; what is
    there already stays until then. The report of the check is written beside it, as <filepath>.json.

    Args:
        gan: a `keras_gan.GAN`.
        filepath: a folder for "saved_model" and "web", a file ending in .tflite for "tflite", in .onnx for "onnx".
        format: a name in `FORMATS`: "saved_model", "tflite", "onnx", or "web" for a page that holds a .tflite. Keras's
            own names "tf_saved_model" and "litert" are taken too.
        quantize: how a .tflite stores its weights, a name in `quantize.MODES`: "float32", "float16", "int8" or
            "int8-static".
        options: further `Options`; None for their defaults.

    Returns:
        The `Report` of the check.

    Raises:
        InputError: for an unknown format or mode, a path that cannot be written, a file that fails the check, or one
            that loses quality.
    """
    from keras_gan.exports.options import Options

    path = Path(filepath)
    path = path if path.name not in ("", "..") else path.resolve()
    check(path, format, quantize)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        report = _module(format).write(gan, path, quantize, options or Options())
        replace(path.with_name(path.name + ".json"), lambda draft: draft.write_text(report.to_json(), "utf-8"))
    except OSError as error:
        raise InputError(f"cannot write {path} ({error.strerror}); expected a writable path; give another") from error
    return report


def check(filepath: str | os.PathLike, format: str, quantize: str = "float16") -> None:
    """Raises InputError where it can be told beforehand that `export` cannot write there, so or in that format."""
    _module(format).check(Path(filepath), quantize)


def canonical(format: str) -> str:
    """The name in `FORMATS` of a format, from that or from Keras's name. Raises InputError where it is unknown."""
    name = KERAS_NAMES.get(format, format)
    if name not in FORMATS:
        raise InputError(f"unknown format {format!r}; expected one of {', '.join(FORMATS)}")
    return name


def _module(format):
    return importlib.import_module(FORMATS[canonical(format)])


def open_generator(path: str | os.PathLike, trust: bool = False):
    """Opens whatever generates: a run folder, a .keras file, a .tflite, an .onnx or a SavedModel.

    Only runs, .keras files and SavedModels need TensorFlow; an .onnx needs ONNX Runtime.

    Args:
        path: the file or folder.
        trust: whether the user trusts whoever made it. A SavedModel can run code and is not opened without; nor is a
            .keras file that holds Python code, such as that of a Lambda layer.

    Returns:
        A `keras_gan.sampling.Generator`: a `GAN` for a run and for a .keras file. The same seed gives the same sample
        whichever of a GAN's files it is.

    Raises:
        InputError: where the path is none of these, or has to be trusted.
    """
    path = Path(path)
    if (path / "saved_model.pb").is_file():
        return _saved_model(path, trust)
    if path.is_dir():
        return _of_run(path)
    if path.suffix == ".keras":
        from keras_gan.training import load_file

        return load_file(path, trust)
    if path.suffix == ".onnx":
        from keras_gan.exports.onnx_runtime import Generator
    else:
        from keras_gan.exports.edge import Generator
    return Generator(path)


def _saved_model(path, trust):
    if not trust:  # before TensorFlow is imported for nothing
        raise InputError(untrusted(path))
    from keras_gan.exports.saved_model import Generator

    return Generator(path, trust)


def untrusted(path) -> str:
    """Why a SavedModel is not opened."""
    return (
        f"{path} is a SavedModel, which can run code, such as operations that write files; expected one whose maker "
        "you trust. If you do, use --trust (trust=True in Python). A .tflite or an .onnx of the generator runs no code"
    )


def _of_run(path):
    """The GAN of a run at its newest checkpoint, with what the run knows of it."""
    from keras_gan import directions, training
    from keras_gan.exports.about import About
    from keras_gan.runs import Run
    from keras_gan.sampling import generators

    gan, run = training.load(path), Run(path)
    about = About.of(run, gan.step, with_directions=False)
    gan.class_names = about.labels
    facts = {"name": about.name, "data": about.data, "training": about.training}
    gan.description = generators.describe(gan, gan.name) | facts
    try:
        gan.directions = directions.load(run) or gan.directions
    except InputError as error:  # pictures can be drawn without
        warnings.warn(Notice(f"{error}; the sliders are left out"), stacklevel=3)
    return gan
