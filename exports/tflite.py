"""The generator as a .tflite of builtin operations, with signatures of fixed batch size.

The way through `ExportArchive` and `from_saved_model` is the one that keeps names and shares weights between
signatures; `tf.saved_model.save` and `from_concrete_functions` lose the weights without a word.
"""

import contextlib
import io
import re
import tempfile
from pathlib import Path

import tensorflow as tf

from keras_gan import quiet
from keras_gan.config import lookup
from keras_gan.errors import InputError, first_line
from keras_gan.exports import edge, metadata, saved_model
from keras_gan.exports.report import Report, compare
from keras_gan.files import replace

TOLERANCES = {"float32": 1e-4, "float16": 2e-2}  # 2e-2 is two and a half of 255 grey levels


def check(path: Path, quantize: str) -> None:
    """Raises InputError for an unknown mode, or a path that cannot be a .tflite."""
    lookup(TOLERANCES, quantize, "quantization", ", ".join(TOLERANCES))
    if path.suffix != ".tflite":
        raise InputError(f"{path} does not end in .tflite; expected a name that does; give {path.stem}.tflite")
    if path.is_dir():
        raise InputError(f"{path} is a folder; expected the name of a file; give another")


def write(gan, path: Path, quantize: str) -> Report:
    """Writes, compares and reports; see `keras_gan.exports.export`."""
    content = metadata.add(_convert(gan, quantize), metadata.describe(gan))
    _check_operations(content)

    def compared(draft):
        draft.write_bytes(content)
        generator = edge.Generator(draft)
        runs = {size: generator.runner(name) for name, size in edge.BATCH_SIZES.items()}
        return compare(gan, runs, TOLERANCES[quantize])

    measured = replace(path, compared)
    return Report(
        str(path),
        len(content),
        quantize,
        tuple(sorted(edge.BATCH_SIZES)),
        tolerance=TOLERANCES[quantize],
        **measured,
    )


def _convert(gan, quantize) -> bytes:
    with tempfile.TemporaryDirectory() as folder, quiet.native_stderr(), contextlib.redirect_stdout(io.StringIO()):
        saved_model.archive(gan, Path(folder), edge.BATCH_SIZES)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(edge.BATCH_SIZES))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if quantize == "float16":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        try:
            return converter.convert()
        except Exception as error:  # the converter's own class has no public name
            unknown = sorted(set(re.findall(r"'(tf\.\w+)' op is neither a custom op nor a flex op", str(error))))
            raise _foreign(unknown or [first_line(error)]) from error


def _check_operations(content):
    if foreign := metadata.foreign_operations(content):
        raise _foreign(foreign)


def _foreign(operations):
    return InputError(
        f"the generator needs operations that a .tflite has not built in: {', '.join(operations)}; "
        "expected builtin ones; change the layers that bring them (upsample by convolution and depth_to_space)"
    )
