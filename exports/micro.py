"""The generator for microcontrollers: C++ files that draw with LiteRT for Microcontrollers (TensorFlow Lite Micro).

The folder holds a .tflite that computes in integers of 8 bits, the same as a C array, latents from a seed in C, a
program that draws the picture of a seed, and a README.md with figures and build commands. `micro_runtime` runs the
file on this machine.
"""

import math
import re
import tempfile
from pathlib import Path

from keras_gan._utils import compat
from keras_gan._utils.errors import InputError, one_line
from keras_gan._utils.files import kilobytes, replace_folder
from keras_gan.exports import (
    accelerators,
    diagnosis,
    edge,
    label_lookup,
    micro_runtime,
    operations,
    packing,
    storage,
    tflite,
)
from keras_gan.exports.about import describe
from keras_gan.exports.options import Options
from keras_gan.exports.quantize import INT8_STATIC, TUNE, Mode
from keras_gan.exports.rendering import render
from keras_gan.exports.replacing import check_alone
from keras_gan.exports.report import SEEDS, ExportReport, verify

TEMPLATES = Path(__file__).with_name("templates") / "micro"
MODEL, ARRAY = "generator.tflite", "generator.h"
WRITTEN = (ARRAY, "latents.h", "main.cc", "README.md")  # from the templates of these names
MARK = "written by kgan export --micro"  # in the generator.h of every folder that keras_gan wrote
# The bounds follow from measurements of trained generators (benchmarks/RESULTS.md).
INTEGERS = Mode(lambda content, batches: content, 0.8, 0.03, 0.4, remedy=TUNE)
# Builtin operations for which tensorflow/lite/micro/micro_mutable_op_resolver.h had a method in August 2026.
OPERATIONS = frozenset(
    """ABS ADD ADD_N ARG_MAX ARG_MIN AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND BROADCAST_ARGS BROADCAST_TO CAST
    CEIL CONCATENATION CONV_2D COS CUMSUM DEPTH_TO_SPACE DEPTHWISE_CONV_2D DEQUANTIZE DIV DYNAMIC_UPDATE_SLICE ELU
    EMBEDDING_LOOKUP EQUAL EXP EXPAND_DIMS FILL FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER GATHER_ND GREATER
    GREATER_EQUAL HARD_SWISH L2_NORMALIZATION LEAKY_RELU LESS LESS_EQUAL LOG LOG_SOFTMAX LOGICAL_AND LOGICAL_NOT
    LOGICAL_OR LOGISTIC MAX_POOL_2D MAXIMUM MEAN MINIMUM MIRROR_PAD MUL NEG NOT_EQUAL PACK PAD PADV2 PRELU QUANTIZE
    REDUCE_ALL REDUCE_MAX REDUCE_MIN RELU RELU6 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND RSQRT
    SELECT_V2 SHAPE SIN SLICE SOFTMAX SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE
    SQUEEZE STRIDED_SLICE SUB SUM SVDF TANH TRANSPOSE TRANSPOSE_CONV UNPACK ZEROS_LIKE""".split()
)
METHODS = {"BATCH_MATMUL": "BatchMatMul", "CUMSUM": "CumSum", "PADV2": "PadV2"}  # that do not follow from the name
REMEDIES = {
    "GELU": "Use layers.LeakyReLU in its place.",
    "SELECT": "Use ops.maximum or ops.minimum in its place.",
    "POW": "Use ops.square, ops.sqrt or a product in its place.",
}
REMEDY = "Use convolutions, Dense, LeakyReLU, sums, products and depth_to_space in its place."


def check(path: Path, quantize: str) -> None:
    """Raises InputError where tflite-micro is missing or the path holds other files. `quantize` has no effect."""
    micro_runtime.check_package()
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is a file; expected a new or empty folder. Give another folder.")
    names = {file.name for file in path.iterdir()} if path.is_dir() else set()
    array = path / ARRAY
    if names and not (array.is_file() and MARK in array.read_text("utf-8", "replace")[:1_000]):
        raise InputError(
            f"{path} exists and was not written by kgan export --micro; expected a new folder. Give another folder."
        )
    check_alone(path, names, (MODEL, *WRITTEN), "which kgan export --micro did not write", "its files")


def write(gan, path: Path, quantize: str, options: Options) -> ExportReport:
    """Writes the folder after the comparison; see `keras_gan.exports.export`. The size is that of the C array."""
    if options.uint8:
        raise InputError("uint8 for micro; expected float32, from which main.cc computes grey levels. Leave it out.")
    source = tflite.tuned(gan, INT8_STATIC, options)
    plain = options.once(source, "micro", lambda: tflite.integer_file(source))
    short = label_lookup.without_negative_classes(plain)
    _check_operations(short, compat.all_layers(gan.ema_generator, include_self=False))
    content, about = packing.pack(short), describe(gan, options.about, INT8_STATIC)
    described = packing.pack(short, about)
    micro_runtime.check(content)
    interpreter = micro_runtime.Interpreter(content)
    report = ExportReport(
        str(path),
        len(content),
        INT8_STATIC,
        (edge.GENERATE,),
        refused_by_gpu=accelerators.refused_by_gpu(content),
        floating_operations=accelerators.floating_operations(content, edge.GENERATE),
        stored=storage.sizes(content),
        arena_bytes=interpreter.arena_bytes(),
        tuned_steps=options.tune_steps,
        **_compared(gan, interpreter, described, options),
    )
    facts = _facts(content, about, report)

    def fill(draft):
        (draft / MODEL).write_bytes(described)
        for name in WRITTEN:
            (draft / name).write_text(render(TEMPLATES / name, facts, FILTERS), "utf-8")

    replace_folder(path, fill)
    return report


def _compared(gan, interpreter, described, options):
    """The measured fields of the report. LiteRT, which is faster, draws the many samples for the quality."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, MODEL)
        file.write_bytes(described)
        return verify(gan, {edge.GENERATE: interpreter.run}, edge.Generator(file).generate, INTEGERS, options)


def _check_operations(content, layers):
    """Raises InputError for the first operation that microcontrollers lack, with the layer that it comes from."""
    model = compat.read_tflite(content)
    for graph in model.subgraphs:
        for operator in graph.operators:
            if (name := operations.name_of(model, operator)) not in OPERATIONS:
                result = storage.name_of(graph.tensors[operator.outputs[0]])
                place = diagnosis.place_of(name, result, layers)
                raise InputError(
                    f"operation {place} is not in LiteRT for Microcontrollers; expected operations that are. "
                    f"{REMEDIES.get(name, REMEDY)}"
                )


def _facts(content, about, report) -> dict:
    """The variables of the templates."""
    shape = about["data_shape"]
    return {
        "about": about,
        "mark": MARK,
        "name": one_line(about["name"]),
        "array": _array(content),
        "count": len(content),
        "shape": shape if len(shape) == 3 else (1, math.prod(shape), 1),
        "picture": len(shape) == 3 and shape[2] in (1, 3),
        "classes": about["num_classes"],
        "sliders": about["directions"] or [],
        "places": micro_runtime.input_places(content),
        "methods": _methods(content),
        "report": report,
        "seeds": SEEDS,
        "model": MODEL,
        "kilobytes": kilobytes,
    }


def _methods(content) -> list[str]:
    """The methods of the interpreter's table of operations that the file needs, such as AddConv2D, in their order."""
    model = compat.read_tflite(content)
    names = {operations.name_of(model, operator) for graph in model.subgraphs for operator in graph.operators}
    return sorted(f"Add{METHODS.get(name) or _in_camel_case(name)}" for name in names)


def _in_camel_case(name):
    """CONV_2D as Conv2D."""
    return "".join(part.capitalize().replace("2d", "2D") for part in name.split("_"))


def _array(content: bytes) -> str:
    """The bytes as the body of a C array, 20 on a line."""
    lines = (content[start : start + 20] for start in range(0, len(content), 20))
    return "\n".join("    " + ", ".join(f"0x{byte:02x}" for byte in line) + "," for line in lines)


def _floats(vector) -> str:
    """Numbers as the body of a C array, 8 on a line."""
    lines = (vector[start : start + 8] for start in range(0, len(vector), 8))
    return ",\n        ".join(", ".join(f"{number:.6e}f" for number in line) for line in lines)


def _comment(text: str) -> str:
    """A text that cannot end or begin a C comment, nor continue its line."""
    return re.sub(r"[*/\\?]", " ", one_line(text))


FILTERS = {"comment": _comment, "floats": _floats}
