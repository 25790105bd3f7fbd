"""The generator as ONNX graphs with an open batch size, for ONNX Runtime and other programs that read the format.

An ONNX graph has one signature, so an export is two files: NAME.onnx, `generate`, takes latents; NAME-sample.onnx,
`sample`, takes seeds. `keras_gan.exports.onnx_runtime` runs both.
"""

import contextlib
import io
import json
import logging
from pathlib import Path
from types import SimpleNamespace

import tensorflow as tf

from keras_gan._utils import silence
from keras_gan._utils.errors import InputError, first_line
from keras_gan._utils.files import replace
from keras_gan.exports import metadata, onnx_runtime, saved_model
from keras_gan.exports.about import describe
from keras_gan.exports.edge import GENERATE, INPUT, LABEL, SAMPLE, SEED
from keras_gan.exports.options import Options
from keras_gan.exports.quantize import MODES
from keras_gan.exports.replacing import check_file
from keras_gan.exports.report import ExportReport, verify

OPSETS = {
    GENERATE: 15,  # ONNX 1.10 (2021); the default of the converter
    SAMPLE: 18,  # ONNX 1.13 (2022); the first with BitwiseXor
}


def _multiplied(x, factor: int):
    """x · factor modulo 2³² of uint32 numbers, for which ONNX Runtime has no multiplication on CPUs.

    The product is computed in int64 with the upper and the lower 16 bits of the factor, so that it stays below 2⁴⁸.
    """
    wide = tf.cast(x, "int64")
    upper = tf.math.floormod(wide * (factor >> 16), 2**16) * 2**16
    return tf.cast(tf.math.floormod(upper + wide * (factor & 0xFFFF), 2**32), "uint32")


# The operations for `latents.of_seeds` in an ONNX graph.
GRAPH = SimpleNamespace(**{**vars(saved_model.GRAPH), "multiply": _multiplied})


def check(path: Path, quantize: str) -> None:
    """Raises InputError for a missing package or a path that is no .onnx. `quantize` has no effect on an .onnx."""
    onnx_runtime.check_packages(*onnx_runtime.PACKAGES)
    if path.suffix != ".onnx":
        raise InputError(f"{path} does not end in .onnx; expected a name that does. Use {path.stem}.onnx.")
    check_file(path)


def write(gan, path: Path, quantize: str, options: Options) -> ExportReport:
    """Writes both files after the comparison; see `keras_gan.exports.export`. Weights are float32 in every mode."""
    description = describe(gan, options.about, "float32", options.uint8)
    contents = {signature: _converted(gan, description, signature) for signature in OPSETS}

    def compared(draft):
        draft.write_bytes(contents[GENERATE])
        return replace(onnx_runtime.seeds_path(path), lambda other: both_compared(draft, other))

    def both_compared(draft, other):
        other.write_bytes(contents[SAMPLE])
        files = {GENERATE: onnx_runtime.Generator(draft), SAMPLE: onnx_runtime.Generator(other)}
        # One graph runs batches of 1 and of 16. Both are compared and timed.
        runs = {name + end: files[name].run for name in files for end in ("", "_16")}
        return verify(gan, runs, files[GENERATE].generate, MODES["float32"], options)

    measured = replace(path, compared)
    return ExportReport(str(path), len(contents[GENERATE]), "float32", tuple(OPSETS), **measured)


def _converted(gan, description, signature) -> bytes:
    """The .onnx of a signature, with the description in its metadata."""
    import onnx

    uint8 = description["output"] == "uint8"
    try:
        with _silence():
            model = _graph(gan, uint8, signature)
    except Exception as error:  # tf2onnx documents no errors, and raises many classes
        raise _not_convertible(first_line(error)) from error
    if foreign := sorted({node.op_type for node in model.graph.node if not onnx.defs.has(node.op_type, node.domain)}):
        raise _not_convertible(", ".join(foreign))
    for end in (*model.graph.input, *model.graph.output):
        end.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.helper.set_model_props(model, {metadata.NAME: json.dumps(description)})
    return model.SerializeToString()


def _graph(gan, uint8, signature):
    import tf2onnx

    label = [tf.TensorSpec((None,), "int32", name=LABEL)] if gan.num_classes else []
    z = tf.TensorSpec((None, gan.latent_dim), "float32", name=INPUT)
    first = {GENERATE: z, SAMPLE: tf.TensorSpec((None,), "int32", name=SEED)}[signature]
    function = saved_model.signatures(gan, uint8, GRAPH)[signature]
    return tf2onnx.convert.from_function(tf.function(function), [first, *label], opset=OPSETS[signature])[0]


def _not_convertible(what):
    return InputError(
        f"the generator cannot be converted to ONNX: {what}; expected operations that ONNX has. Change the layers "
        "that need other operations."
    )


@contextlib.contextmanager
def _silence():
    """Keeps the converter's log and TensorFlow's off the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), silence.silence_native_stderr():
            yield
    finally:
        logging.disable(before)
