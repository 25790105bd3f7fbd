"""Exports of a generator: SavedModel, .tflite, .onnx and a web page, each compared with Keras before it is written.

`keras_gan.exports.edge` samples a .tflite without TensorFlow, so this module imports TensorFlow only where needed.
"""

import importlib
import os
import warnings
from pathlib import Path

from keras_gan._utils import lazy, progress
from keras_gan._utils.choices import lookup
from keras_gan._utils.errors import InputError, Notice
from keras_gan._utils.files import replace

FORMATS = {
    "tflite": "keras_gan.exports.tflite",
    "saved_model": "keras_gan.exports.saved_model",
    "onnx": "keras_gan.exports.onnx",
    "web": "keras_gan.exports.web",
    "micro": "keras_gan.exports.micro",
}
KERAS_NAMES = {"litert": "tflite", "tf_saved_model": "saved_model"}  # of `keras.Model.export`, taken too
__getattr__, __dir__, _lazy = lazy.attach(
    __name__,
    {
        "About": "keras_gan.exports.about",
        "Options": "keras_gan.exports.options",
        "ExportReport": "keras_gan.exports.report",
    },
)
__all__ = ["FORMATS", "export", "open_generator", *_lazy]


def export(gan, filepath: str | os.PathLike, format="saved_model", quantize="float16", options=None):
    """Writes the averaged generator of `gan` for use without this package.

    The file is compared with the Keras generator on the same seeds. It replaces what is at `filepath` only if its
    errors are small enough. The results of the comparison are written to <filepath>.json.

    Args:
        gan: a `keras_gan.GAN`.
        filepath: a folder for "saved_model", "web" and "micro"; a file that ends in .tflite for "tflite", in .onnx for
            "onnx".
        format: a name in `FORMATS`: "saved_model", "tflite", "onnx", "web" for a page that holds a .tflite, or "micro"
            for microcontrollers. Keras's own names "tf_saved_model" and "litert" are taken too.
        quantize: how a .tflite stores its weights, a name in `quantize.MODES`: "float32", "float16", "int8" or
            "int8-static".
        options: further `Options`; None for the defaults.

    Returns:
        The results of the comparison, an `ExportReport`.

    Raises:
        InputError: for an unknown format or mode, a path that cannot be written, a file whose errors are too large, or
            a file whose samples lose quality.
    """
    from keras_gan.exports.options import Options

    path = Path(filepath)
    path = path if path.name not in ("", "..") else path.resolve()
    options = options or Options()
    check(path, format, quantize)
    _check_options(canonical(format), quantize, options)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with progress.task(f"exporting {path.name}"):
            report = _module(format).write(gan, path, quantize, options)
        replace(path.with_name(path.name + ".json"), lambda draft: draft.write_text(report.to_json(), "utf-8"))
    except OSError as error:
        raise InputError(
            f"cannot write {path} ({error.strerror}); expected a path that can be written. Give another path."
        ) from error
    return report


def check(filepath: str | os.PathLike, format: str, quantize: str = "float16") -> None:
    """Checks the path, the format and the mode before a generator is loaded.

    Args:
        filepath: as in `export`.
        format: as in `export`.
        quantize: as in `export`.

    Raises:
        InputError: where `export` would reject one of them.
    """
    _module(format).check(Path(filepath), quantize)


def _check_options(format, quantize, options):
    """Raises InputError for a mode or an option that the format does not have."""
    from keras_gan.exports.edge import SIGNATURES
    from keras_gan.exports.quantize import EIGHT_BITS, MODES

    lookup(MODES, quantize, "quantization", ", ".join(MODES))
    for name in options.signatures:
        lookup(SIGNATURES, name, "signature", ", ".join(SIGNATURES))
    eight_bits = quantize in EIGHT_BITS
    if eight_bits and not has_modes(format) and format != "micro":
        raise InputError(f"quantize={quantize!r} for {format}, in float32; expected tflite or web. Leave quantize out.")
    if set(options.signatures) != set(SIGNATURES) and format != "tflite":
        raise InputError(f"signatures for {format}; expected them for tflite. Leave signatures out.")
    if options.tune_steps and not (format == "micro" or (eight_bits and has_modes(format))):
        raise InputError(
            f"tune_steps={options.tune_steps} for {format} with quantize={quantize!r}; expected 8 bits. Use "
            "quantize='int8', or leave tune_steps out."
        )


def canonical(format: str) -> str:
    """The name in `FORMATS` of a format.

    Args:
        format: a name in `FORMATS`, or Keras's name for the same format.

    Returns:
        The name in `FORMATS`.

    Raises:
        InputError: where the format is unknown.
    """
    name = KERAS_NAMES.get(format, format)
    if name not in FORMATS:
        names = ", ".join(FORMATS)
        raise InputError(f"format {format!r} is unknown; expected one of {names}. Use one of these names.")
    return name


def has_modes(format: str) -> bool:
    """Whether a format stores its weights in a mode that the user chooses; others have one of their own."""
    return canonical(format) in ("tflite", "web")


def _module(format):
    return importlib.import_module(FORMATS[canonical(format)])


def open_generator(path: str | os.PathLike, trust: bool = False):
    """Opens a generator: a run folder, a .keras file, a .tflite, an .onnx or a SavedModel.

    Runs, .keras files and SavedModels need TensorFlow. An .onnx needs ONNX Runtime.

    Args:
        path: the file or folder.
        trust: whether the user trusts the maker of the file. It has to be True for a SavedModel, which can run code,
            and for a .keras file that holds Python code, such as a Lambda layer's.

    Returns:
        A `keras_gan.sampling.Generator`; a `GAN` for a run and for a .keras file. A seed gives the same sample in all
        files that were exported from one GAN.

    Raises:
        InputError: where the path is none of these, or can only be opened with `trust`.
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
    check_trust(path, trust)  # checked here, before the slow import of TensorFlow
    from keras_gan.exports.saved_model import Generator

    return Generator(path, trust)


def check_trust(path: str | os.PathLike, trust: bool) -> None:
    """Raises InputError for a SavedModel whose maker the user does not trust."""
    if not trust:
        raise InputError(
            f"{path} is a SavedModel, which can run code, such as operations that write files; expected one whose "
            "maker you trust. If you do, use --trust (trust=True in Python). A .tflite or an .onnx of the generator "
            "runs no code."
        )


def _of_run(path):
    """The GAN of a run at its newest checkpoint, with its class names, description and sliders."""
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
    except InputError as error:  # sampling does not need sliders
        warnings.warn(Notice(f"{error} The generator is opened without sliders."), stacklevel=3)
    return gan
