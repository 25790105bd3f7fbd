"""How a .tflite stores its weights: float16 in place of float32, and a list of what keeps more bits than promised.

A float16 constant is read through a DEQUANTIZE operation, as in TensorFlow's own float16 files. The runtime computes it
once, when the file is opened.
"""

import re
from dataclasses import dataclass

import numpy as np

from keras_gan._utils import compat

schema = compat.litert_schema()

# A DEQUANTIZE operation takes about 100 bytes in each of four graphs: below this size nothing is gained.
SMALLEST_BYTES = 1024
# Of a value of normal size, float16 keeps 11 bits; numbers beyond 65,504 or below 6e-5 are rounded further.
LARGEST_ROUNDING = 2.0**-11
FLOAT32, FLOAT16 = schema.TensorType.FLOAT32, schema.TensorType.FLOAT16
DEQUANTIZE = schema.BuiltinOperator.DEQUANTIZE
DTYPES = {FLOAT32: "float32", FLOAT16: "float16", schema.TensorType.INT8: "int8"}
BITS_OF = {"float32": 32, "float16": 16, "int8": 8}
PROMISED = BITS_OF | {"int8-static": 8}  # by the mode
NAMES = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
BIASED = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3}  # place of the bias
OUT_OF_RANGE = "its values do not fit float16. Rescale the layer's weights, or accept the larger file."
NO_INT8 = (
    "int8 is for Dense, Conv2D and Conv2DTranspose only. Use one of these layers where you can, or accept the larger "
    "file."
)
BIAS = "int8 operations add their bias, and a BatchNormalization folded into it, in float32. Accept the larger file."
OTHER = "its operation reads it in this type only. Accept the larger file."


@dataclass(frozen=True)
class Kept:
    """A constant that is stored with more bits than the mode of the file promises."""

    layer: str  # the Keras layers that it was made of, or its name in the file
    operation: str  # that reads it
    dtype: str
    size_bytes: int
    reason: str  # why, and the remedy


def halve(content: bytes, seeded: tuple[str, ...]) -> bytes:
    """The file with float16 in place of its large float32 constants.

    Args:
        content: a .tflite.
        seeded: signatures that make latents from seeds. The constants of that arithmetic stay float32, since rounding
            them would change every image: only what other graphs read too counts as a weight.

    Returns:
        The .tflite. Constants whose values float16 cannot hold stay float32.
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


def kept(content: bytes, mode: str, seeded: tuple[str, ...], layers=()) -> tuple[Kept, ...]:
    """The large constants that have more bits than a mode of `quantize.MODES` promises, from the largest down.

    Args:
        content: a .tflite before `packing.pack`, which takes the names away.
        mode: the mode in which it is stored.
        seeded: as for `halve`.
        layers: the Keras layers that the file was made of.
    """
    model = compat.read_tflite(content)
    weights, found = _weights(model, seeded), {}
    for graph in model.subgraphs:
        for tensor, operation, place in _constants(model, graph):
            size, dtype = _size(model, tensor), DTYPES.get(tensor.type)
            bits = BITS_OF.get(dtype, 0)
            if bits > PROMISED[mode] and size >= SMALLEST_BYTES * bits // 32 and tensor.buffer not in found:
                reason = _reason(model, tensor, operation, place, weights, mode)
                found[tensor.buffer] = Kept(_layer_names(name_of(tensor), layers), operation, dtype, size, reason)
    return tuple(sorted(found.values(), key=lambda one: -one.size_bytes))


def sizes(content: bytes) -> dict[str, int]:
    """The bytes of the constants of a .tflite that are float32, float16 or int8, by dtype."""
    model = compat.read_tflite(content)
    types = {tensor.buffer: DTYPES.get(tensor.type) for graph in model.subgraphs for tensor in graph.tensors}
    found = dict.fromkeys(BITS_OF, 0)
    for number, dtype in types.items():
        if dtype in found and model.buffers[number].data is not None:
            found[dtype] += len(model.buffers[number].data)
    return {dtype: size for dtype, size in found.items() if size}


def _weights(model, seeded) -> set[int]:
    """The buffers of large float32 constants that graphs without arithmetic of seeds read.

    XNNPACK refuses a file whose int8 operation has a float16 bias: these biases are left out.
    """
    names = {entry.subgraphIndex: entry.signatureKey.decode() for entry in model.signatureDefs or ()}
    graphs = [graph for number, graph in enumerate(model.subgraphs) if names.get(number) not in seeded]
    tensors = [graph.tensors[place] for graph in graphs for place in _read(graph)]
    large = {tensor.buffer for tensor in tensors if tensor.type == FLOAT32 and _size(model, tensor) >= SMALLEST_BYTES}
    return large - {buffer for graph in model.subgraphs for buffer in _biases_of_integers(model, graph)}


def _biases_of_integers(model, graph):
    """The buffers of the biases of a graph's operations with integer weights."""
    for operator in graph.operators:
        place = BIASED.get(operation(model, operator))
        if place and place < len(operator.inputs) and operator.inputs[place] >= 0:
            # The weights are the second input of all of them.
            if graph.tensors[operator.inputs[1]].type not in (FLOAT32, FLOAT16):
                yield graph.tensors[operator.inputs[place]].buffer


def _read(graph) -> set[int]:
    """The places of the tensors that a graph's operations read."""
    return {int(place) for operator in graph.operators for place in operator.inputs if place >= 0}


def _size(model, tensor) -> int:
    data = model.buffers[tensor.buffer].data
    return 0 if data is None else len(data)


def _half(data) -> np.ndarray | None:
    """float32 numbers, given as bytes, in float16; None where float16 does not hold them."""
    numbers = np.frombuffer(np.asarray(data, np.uint8).tobytes(), "<f4")
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        rounded = numbers.astype("<f2")
        error = np.abs(rounded.astype("f4") - numbers).max()
    return rounded if error <= LARGEST_ROUNDING * np.abs(numbers).max() else None


def _append(model, numbers) -> int:
    """Adds a buffer, and gives its number."""
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(numbers.tobytes(), np.uint8)
    model.buffers.append(buffer)
    return len(model.buffers) - 1


def _insert(model, graph, found, buffers, codes) -> None:
    """Puts a DEQUANTIZE before a graph's other operations for each of these tensors."""
    operators = []
    for place in found:
        tensor = graph.tensors[place]
        half = schema.TensorT()
        half.shape, half.shapeSignature, half.name = tensor.shape, tensor.shapeSignature, tensor.name
        half.type, half.buffer = FLOAT16, buffers[tensor.buffer]
        tensor.buffer = 0  # by custom the empty one
        graph.tensors.append(half)
        operator = schema.OperatorT()
        operator.opcodeIndex = codes.get(DEQUANTIZE)
        if operator.opcodeIndex is None:
            operator.opcodeIndex = codes[DEQUANTIZE] = _code(model)
        operator.inputs, operator.outputs = [len(graph.tensors) - 1], [place]
        operators.append(operator)
    graph.operators = operators + list(graph.operators)


def _code(model) -> int:
    """The number of DEQUANTIZE among the model's operations, which it becomes if it is none yet."""
    for number, code in enumerate(model.operatorCodes):
        if max(code.builtinCode, code.deprecatedBuiltinCode) == DEQUANTIZE:
            code.version = max(code.version, 3)
            return number
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = DEQUANTIZE
    code.version = 3  # the first that takes float16
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _constants(model, graph):
    """(tensor, name of the operation that reads it, place among its inputs) of a graph's constants.

    What is read by way of a DEQUANTIZE counts as read by the operation behind it.
    """
    behind = {}
    for operator in graph.operators:
        name = operation(model, operator)
        if name == "DEQUANTIZE" and _size(model, graph.tensors[operator.inputs[0]]):
            behind[int(operator.outputs[0])] = int(operator.inputs[0])
            continue
        for place, number in enumerate(map(int, operator.inputs)):
            number = behind.get(number, number)
            if number >= 0 and _size(model, graph.tensors[number]):
                yield graph.tensors[number], name, place


def operation(model, operator) -> str:
    """The name of an operation of a graph."""
    code = model.operatorCodes[operator.opcodeIndex]
    return NAMES.get(max(code.builtinCode, code.deprecatedBuiltinCode), "CUSTOM")


def name_of(tensor) -> str:
    """The name of a tensor, which holds the names of the layers that it was made of."""
    return (tensor.name or b"").decode(errors="replace")


def layer_of(name: str, layers):
    """The layer whose name stands last in one part of a tensor's name; None where none does.

    Tracing adds a number to each name: norm_1 is most likely the layer norm, not a layer norm_1.
    """
    for part in reversed(name.split("/")):
        numbers = {one: part.removeprefix(one.name) for one in layers if part.startswith(one.name)}
        fitting = {one: added.count("_") for one, added in numbers.items() if re.fullmatch(r"(_\d+)*", added)}
        if fitting:
            return min(fitting, key=lambda one: (fitting[one] != 1, fitting[one]))
    return None


def _layer_names(name, layers) -> str:
    """The names of the layers in a tensor's name. Folding joins the names of several tensors."""
    found = (layer_of(part, layers) for part in name.split(";"))
    return ", ".join(dict.fromkeys(one.name for one in found if one is not None)) or name or "a constant"


def _reason(model, tensor, operation, place, weights, mode) -> str:
    if tensor.type == FLOAT32 and tensor.buffer in weights and _half(model.buffers[tensor.buffer].data) is None:
        return OUT_OF_RANGE
    if BIASED.get(operation) == place:
        return BIAS
    return NO_INT8 if mode.startswith("int8") else OTHER
