"""The weights of a .tflite: float16 in place of float32, and a list of those with more bits than the mode promises.

A float16 constant is read through a DEQUANTIZE operation, as in TensorFlow's own float16 files. The runtime computes
that operation once, when it opens the file.
"""

import re
from dataclasses import dataclass

import numpy as np

from keras_gan._utils import compat
from keras_gan.exports import operations

schema = compat.litert_schema()

# A DEQUANTIZE operation takes about 100 bytes in each of four graphs: smaller constants would not save bytes.
SMALLEST_BYTES = 1024
# A GPU reads no rows of float16: small tables, such as those of ten classes, stay float32.
SMALLEST_TABLE_BYTES = 16 * 1024
# float16 has 11 significant bits between 6e-5 and 65,504. Outside this range the rounding errors are larger.
LARGEST_ROUNDING = 2.0**-11
FLOAT32, FLOAT16 = schema.TensorType.FLOAT32, schema.TensorType.FLOAT16
DEQUANTIZE = schema.BuiltinOperator.DEQUANTIZE
DTYPES = {FLOAT32: "float32", FLOAT16: "float16", schema.TensorType.INT8: "int8"}
BITS_OF = {"float32": 32, "float16": 16, "int8": 8}
PROMISED_BITS = BITS_OF | {"int8-static": 8}  # by mode
# Index of the bias among the inputs of an operation.
BIASED = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3}
WEIGHTED = ("CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")  # by their names in the file
OUT_OF_RANGE = "float16 cannot hold its values. Rescale the layer's weights, or accept the larger file."
NO_INT8 = (
    "int8 is for Dense, Conv2D and Conv2DTranspose only. Use one of these layers where you can, or accept the larger "
    "file."
)
TUNED = (
    "--tune computes the first dense layer and the last layer with more bits. Leave it out, or accept the larger file."
)
BIAS = "int8 operations add a bias in float32, also that of a folded BatchNormalization. Accept the larger file."
TABLE = "a GPU reads no rows of float16. Accept the larger file."
OTHER = "its operation takes this type only. Accept the larger file."


@dataclass(frozen=True)
class HigherPrecision:
    """A constant that is stored with more bits than the mode of the file promises.

    Attributes:
        layer: names of the Keras layers from which it was converted, or its name in the file.
        operation: name of the operation that reads it.
        dtype: "float32" or "float16".
        size_bytes: its size.
        reason: the reason, and a remedy.
    """

    layer: str
    operation: str
    dtype: str
    size_bytes: int
    reason: str


def halve(content: bytes, seeded: tuple[str, ...]) -> bytes:
    """Stores the large float32 constants of a .tflite as float16.

    Args:
        content: a .tflite.
        seeded: names of the signatures that make latents from seeds. The constants of that arithmetic stay float32,
            since rounding them would change every image. So only constants that other graphs read too are weights.

    Returns:
        The smaller .tflite. Constants whose values float16 cannot hold stay float32.
    """
    model = compat.read_tflite(content)
    numbers = {number: _half(model.buffers[number].data) for number in _weights(model, seeded)}
    buffers, codes = {}, {}
    for graph in model.subgraphs:
        found = {place for place in _read(graph) if numbers.get(graph.tensors[place].buffer) is not None}
        found = sorted(place for place in found if graph.tensors[place].type == FLOAT32)
        for place in found:
            number = graph.tensors[place].buffer
            if number not in buffers:
                buffers[number] = _append(model, numbers[number])
        _insert(model, graph, found, buffers, codes)
    for number in buffers:
        if not any(tensor.buffer == number for graph in model.subgraphs for tensor in graph.tensors):
            model.buffers[number].data = None
    return compat.write_tflite(model)


def higher_precision(
    content: bytes, mode: str, seeded: tuple[str, ...], layers=(), is_tuned: bool = False
) -> tuple[HigherPrecision, ...]:
    """The large constants with more bits than the mode promises.

    Args:
        content: a .tflite before `packing.pack`, which removes the names.
        mode: how the file stores its weights, a name in `quantize.MODES`.
        seeded: as in `halve`.
        layers: the Keras layers from which the file was converted.
        is_tuned: whether the weights were fine-tuned for the mode, and `quantize.Mode.apply_tuned` applied.

    Returns:
        The constants, the largest first.
    """
    model = compat.read_tflite(content)
    weights, found = _weights(model, seeded), {}
    for graph in model.subgraphs:
        for tensor, operator, place in _constants(model, graph):
            size, dtype = _size(model, tensor), DTYPES.get(tensor.type)
            bits = BITS_OF.get(dtype, 0)
            if bits > PROMISED_BITS[mode] and size >= SMALLEST_BYTES * bits // 32 and tensor.buffer not in found:
                read_by = operations.name_of(model, operator)
                reason = _reason(model, tensor, read_by, place, weights, mode, is_tuned)
                result = graph.tensors[operator.outputs[0]]
                names = _layer_names((name_of(tensor), name_of(result)), layers)
                found[tensor.buffer] = HigherPrecision(names, read_by, dtype, size, reason)
    return tuple(sorted(found.values(), key=lambda one: -one.size_bytes))


def sizes(content: bytes) -> dict[str, int]:
    """Bytes of the float32, float16 and int8 constants of a .tflite, by dtype; dtypes without constants are omitted."""
    model = compat.read_tflite(content)
    types = {tensor.buffer: DTYPES.get(tensor.type) for graph in model.subgraphs for tensor in graph.tensors}
    found = dict.fromkeys(BITS_OF, 0)
    for number, dtype in types.items():
        if dtype in found and model.buffers[number].data is not None:
            found[dtype] += len(model.buffers[number].data)
    return {dtype: size for dtype, size in found.items() if size}


def _weights(model, seeded) -> set[int]:
    """The buffers of large float32 constants that are read by graphs without the arithmetic of seeds.

    Small tables are not among them, nor are the biases of int8 operations, since XNNPACK rejects a file in which such a
    bias is float16.
    """
    names = {entry.subgraphIndex: entry.signatureKey.decode() for entry in model.signatureDefs or ()}
    graphs = [graph for number, graph in enumerate(model.subgraphs) if names.get(number) not in seeded]
    tensors = [graph.tensors[place] for graph in graphs for place in _read(graph)]
    large = {tensor.buffer for tensor in tensors if tensor.type == FLOAT32 and _size(model, tensor) >= SMALLEST_BYTES}
    large -= {
        tensor.buffer
        for graph in graphs
        for tensor, operator, place in _constants(model, graph)
        if place == 0
        and operations.name_of(model, operator) == "GATHER"
        and _size(model, tensor) < SMALLEST_TABLE_BYTES
    }
    return large - {buffer for graph in model.subgraphs for buffer in _biases_of_integers(model, graph)}


def _biases_of_integers(model, graph):
    """The buffers of the biases of a graph's operations with integer weights."""
    for operator in graph.operators:
        place = BIASED.get(operations.name_of(model, operator))
        if place and place < len(operator.inputs) and operator.inputs[place] >= 0:
            # The weights are the second input of all these operations.
            if graph.tensors[operator.inputs[1]].type not in (FLOAT32, FLOAT16):
                yield graph.tensors[operator.inputs[place]].buffer


def _read(graph) -> set[int]:
    """Indices of the tensors that a graph's operations read."""
    return {int(place) for operator in graph.operators for place in operator.inputs if place >= 0}


def _size(model, tensor) -> int:
    data = model.buffers[tensor.buffer].data
    return 0 if data is None else len(data)


def _half(data) -> np.ndarray | None:
    """float32 numbers, given as bytes, as float16; None where float16 cannot hold them."""
    numbers = np.frombuffer(np.asarray(data, np.uint8).tobytes(), "<f4")
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        rounded = numbers.astype("<f2")
        error = np.abs(rounded.astype("f4") - numbers).max()
    return rounded if error <= LARGEST_ROUNDING * np.abs(numbers).max() else None


def _append(model, numbers) -> int:
    """Adds a buffer, and returns its index."""
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(numbers.tobytes(), np.uint8)
    model.buffers.append(buffer)
    return len(model.buffers) - 1


def _insert(model, graph, found, buffers, codes) -> None:
    """Puts a DEQUANTIZE for each of these tensors before a graph's other operations."""
    operators = []
    for place in found:
        tensor = graph.tensors[place]
        half = schema.TensorT()
        half.shape, half.shapeSignature, half.name = tensor.shape, tensor.shapeSignature, tensor.name
        half.type, half.buffer = FLOAT16, buffers[tensor.buffer]
        tensor.buffer = 0  # the empty buffer, by convention
        graph.tensors.append(half)
        operator = schema.OperatorT()
        operator.opcodeIndex = codes.get(DEQUANTIZE)
        if operator.opcodeIndex is None:
            operator.opcodeIndex = codes[DEQUANTIZE] = _code(model)
        operator.inputs, operator.outputs = [len(graph.tensors) - 1], [place]
        operators.append(operator)
    graph.operators = operators + list(graph.operators)


def _code(model) -> int:
    """The index of DEQUANTIZE among the model's operations. It is added where it is missing."""
    for number, code in enumerate(model.operatorCodes):
        if max(code.builtinCode, code.deprecatedBuiltinCode) == DEQUANTIZE:
            code.version = max(code.version, 3)
            return number
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = DEQUANTIZE
    code.version = 3  # the first version that takes float16
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _constants(model, graph):
    """(tensor, operator that reads it, index among its inputs) of each constant of a graph.

    A constant that is read through a DEQUANTIZE counts as read by the operation after it.
    """
    behind = {}
    for operator in graph.operators:
        if operations.name_of(model, operator) == "DEQUANTIZE" and _size(model, graph.tensors[operator.inputs[0]]):
            behind[int(operator.outputs[0])] = int(operator.inputs[0])
            continue
        for place, number in enumerate(map(int, operator.inputs)):
            number = behind.get(number, number)
            if number >= 0 and _size(model, graph.tensors[number]):
                yield graph.tensors[number], operator, place


def name_of(tensor) -> str:
    """The name of a tensor. It contains the names of the layers from which the tensor was converted."""
    return (tensor.name or b"").decode(errors="replace")


def layer_of(name: str, layers):
    """The layer whose name comes last in a tensor's name; None where no layer's name is in it.

    Tracing adds a number to each name: norm_1 is most likely the layer norm, not a layer norm_1.

    Args:
        name: name of a tensor, parts with "/" between.
        layers: the Keras layers to choose from.
    """
    for part in reversed(name.split("/")):
        numbers = {one: part.removeprefix(one.name) for one in layers if part.startswith(one.name)}
        matches = {one: added.count("_") for one, added in numbers.items() if re.fullmatch(r"(_\d+)*", added)}
        if matches:
            return min(matches, key=lambda one: (matches[one] != 1, matches[one]))
    return None


def _layer_names(names, layers) -> str:
    """The names of the layers in the first of these tensors' names that holds any.

    Constant folding joins the names of several tensors. TensorFlow 2.19 calls every constant arith.constant, so that
    the layer's name is found in what the operation returns.
    """
    for name in names:
        found = (layer_of(part, layers) for part in name.split(";"))
        if layer_names := dict.fromkeys(one.name for one in found if one is not None):
            return ", ".join(layer_names)
    return names[0] or "a constant"


def _reason(model, tensor, operation, place, weights, mode, is_tuned) -> str:
    if tensor.type == FLOAT32 and tensor.buffer in weights and _half(model.buffers[tensor.buffer].data) is None:
        return OUT_OF_RANGE
    if is_tuned and operation in WEIGHTED and (tensor.type == FLOAT16 or BIASED[operation] != place):
        return TUNED
    if BIASED.get(operation) == place:
        return BIAS
    if operation == "GATHER" and _size(model, tensor) < SMALLEST_TABLE_BYTES:
        return TABLE
    return NO_INT8 if mode.startswith("int8") else OTHER
