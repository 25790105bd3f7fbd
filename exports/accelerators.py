"""Which signatures of a .tflite a GPU or an NPU can compute as a whole, by the operations in their graphs.

A delegate that takes all operations of a graph computes it in one piece; otherwise the tensors go back and forth. The
rules for GPUs are those of TensorFlow's tensorflow/lite/tools/versioning/gpu_compatibility.cc, which LiteRT's GPU
delegates ask, by name, rank and type. It says what is refused from the start; a driver can still refuse the rest.
"""

from keras_gan.exports.operations import TYPES, graphs, operations, shape

GPU_OPERATIONS = frozenset(
    """ABS ADD ADD_N AVERAGE_POOL_2D BATCH_MATMUL CAST CONCATENATION CONV_2D COS CUMSUM DENSIFY DEPTH_TO_SPACE
    DEPTHWISE_CONV_2D DEQUANTIZE DIV ELU EQUAL EXP FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER GELU GREATER
    GREATER_EQUAL HARD_SWISH LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND LOGISTIC LSTM MAX_POOL_2D MAXIMUM MEAN MINIMUM
    MIRROR_PAD MUL NEG NOT_EQUAL ONE_HOT PACK PAD PADV2 POW PRELU QUANTIZE REDUCE_MAX REDUCE_MIN REDUCE_PROD RELU RELU6
    RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SELECT SELECT_V2 SIGN SIN SLICE SOFTMAX
    SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE STRIDED_SLICE SUB SUM TANH TILE TRANSPOSE
    TRANSPOSE_CONV""".split()
)
LARGEST_RANK = 4
CASTS = {"BOOL", "FLOAT16", "FLOAT32", "INT32"}


def refused_by_gpu(content: bytes) -> dict[str, list[str]]:
    """The operations that a GPU does not compute.

    Args:
        content: a .tflite.

    Returns:
        For each signature the names of such operations, each once, with the reason in parentheses where the GPU
        computes other operations of that name; empty where it computes all of them.

    Raises any error where the file is damaged.
    """
    return {
        name: list(dict.fromkeys(filter(None, (_refusal(*operation) for operation in operations(graph)))))
        for name, graph in graphs(content).items()
    }


def floating_operations(content: bytes, signature: str) -> list[str]:
    """Names of the operations that compute in floating point, each once.

    An NPU for integers computes the others. QUANTIZE and DEQUANTIZE at the ends of the graph are not listed.

    Args:
        content: a .tflite.
        signature: name of a signature.
    """
    found = {}
    for name, _, inputs, outputs in operations(graphs(content)[signature]):
        floats = any(TYPES[tensor.type].startswith("FLOAT") for tensor in (*inputs, *outputs))
        if floats and name not in ("QUANTIZE", "DEQUANTIZE"):
            found[name] = None
    return list(found)


def _refusal(name, options, inputs, outputs) -> str | None:
    """The operation with the reason why a GPU does not compute it; None where it does."""
    if name not in GPU_OPERATIONS:
        return name
    reason = _reason(name, options, inputs, outputs)
    return reason and f"{name} ({reason})"


def _reason(name, options, inputs, outputs):
    ranks = [len(shape(tensor)) for tensor in (*inputs[:1], *outputs)]
    if max(ranks) > LARGEST_RANK:
        return f"of {max(ranks)} dimensions"
    if name in ("SLICE", "STRIDED_SLICE") and ranks[0] not in (3, 4):
        return f"of {ranks[0]} dimensions"
    if name == "STRIDED_SLICE" and (options.shrinkAxisMask or options.newAxisMask or options.ellipsisMask):
        return "that changes the number of dimensions"
    types = [TYPES[tensor.type] for tensor in (*inputs[:1], *outputs)]
    if name == "CAST" and not set(types) <= CASTS:
        return f"from {types[0].lower()} to {types[-1].lower()}"
    if name == "GATHER" and types[0] == "FLOAT16":
        return "from float16"  # seen with WebGPU in LiteRT.js 2.5.3
    if name == "GATHER" and (types[0] == "INT32" or TYPES[inputs[1].type] != "INT32" or len(shape(inputs[1])) != 1):
        return "other than of rows by a list of int32"
    if name == "MUL" and _both_broadcast(*map(shape, inputs)):
        return "of two tensors that are both repeated"
    return None


def _both_broadcast(one, other):
    pairs = list(zip(one, other, strict=True)) if len(one) == len(other) else []
    return any(a < b for a, b in pairs) and any(a > b for a, b in pairs)
