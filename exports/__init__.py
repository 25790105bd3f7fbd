"""How a generator leaves the house: SavedModel, .tflite and .onnx, each compared with Keras before it is handed over.

`keras_gan.exports.edge` samples a .tflite without TensorFlow, so nothing here imports it before it is needed.
"""

import importlib
import os
from pathlib import Path

from keras_gan.errors import InputError
from keras_gan.files import replace

FORMATS = {
    "tf_saved_model": "keras_gan.exports.saved_model",
    "litert": "keras_gan.exports.tflite",
    "onnx": "keras_gan.exports.onnx",
    "web": "keras_gan.exports.web",
}
LATER = {"About": "about", "Options": "options", "Report": "report"}  # public names, and the rooms that load for them
__all__ = ["FORMATS", "export", "open_generator", *LATER]


def __getattr__(name):
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{LATER[name]}"), name)


def export(gan, filepath: str | os.PathLike, format="tf_saved_model", quantize="float16", options=None):
    """Writes the averaged generator of `gan` for use without this package.

    The file is compared with the Keras generator on the same seeds before it takes its place at `filepath`; what is
    there already stays until then. The report of the check is written beside it, as <filepath>.json.

    Args:
        gan: a `keras_gan.GAN`.
        filepath: a folder for "tf_saved_model" and "web", a file ending in .tflite for "litert", in .onnx for "onnx".
        format: "tf_saved_model", "litert" for a .tflite, "onnx", or "web" for a page that holds a .tflite.
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
        report = _room(format).write(gan, path, quantize, options or Options())
        replace(path.with_name(path.name + ".json"), lambda draft: draft.write_text(report.to_json(), "utf-8"))
    except OSError as error:
        raise InputError(f"cannot write {path} ({error.strerror}); expected a writable path; give another") from error
    return report


def check(filepath: str | os.PathLike, format: str, quantize: str = "float16") -> None:
    """Raises InputError where it can be told beforehand that `export` cannot write there, so or in that format."""
    if format not in FORMATS:
        raise InputError(f"format {format!r} is unknown; expected one of {', '.join(FORMATS)}")
    _room(format).check(Path(filepath), quantize)


def _room(format):
    return importlib.import_module(FORMATS[format])


def open_generator(path: str | os.PathLike):
    """Opens whatever generates: a run folder, a .keras file, a .tflite or a SavedModel.

    Returns:
        An object with `generate(n, seed)`; the same seed gives the same samples whichever of a GAN's files it is,
        and `generate(z=z)`.

    Raises:
        InputError: where the path is none of these.
    """
    path = Path(path)
    if (path / "saved_model.pb").is_file():
        from keras_gan.exports.saved_model import Generator
    elif path.is_dir():
        from keras_gan.training import load as Generator
    elif path.suffix == ".keras":
        from keras_gan.training import load_file as Generator
    else:
        from keras_gan.exports.edge import Generator
    return Generator(path)
