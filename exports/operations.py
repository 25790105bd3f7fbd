"""The operations of a .tflite, signature by signature, and how many multiply-adds they take."""

import math
from collections.abc import Iterator

from keras_gan._utils import compat

schema = compat.litert_schema()
TYPES, OPERATORS = (
    {value: name for name, value in vars(table).items() if isinstance(value, int)}
    for table in (schema.TensorType, schema.BuiltinOperator)
)


def graphs(content: bytes) -> dict[str, tuple]:
    """The graph of each signature, with what `operations` needs of the model.

    Args:
        content: a .tflite.

    Returns:
        For each signature (model, graph).

    Raises any error where the file is damaged.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    return {entry.signatureKey.decode(): (model, model.subgraphs[entry.subgraphIndex]) for entry in model.signatureDefs}


def name_of(model, operation) -> str:
    """The name of an operation of a graph, "CUSTOM" for those that are not builtin."""
    code = model.operatorCodes[operation.opcodeIndex]
    return OPERATORS.get(max(code.builtinCode, code.deprecatedBuiltinCode), "unknown")


def operations(graph: tuple) -> Iterator[tuple]:
    """(name, options, inputs, outputs) of each operation; inputs and outputs are tensors that exist.

    An input that a DEQUANTIZE makes from float16 counts as float16, since GPU delegates remove that operation.

    Args:
        graph: a value of `graphs`.
    """
    model, subgraph = graph
    halves: dict[int, int] = {}  # tensor -> the float16 tensor that it is made from
    for operation in subgraph.operators:
        name = name_of(model, operation)
        sides = [halves.get(i, i) for i in operation.inputs], operation.outputs
        inputs, outputs = ([subgraph.tensors[i] for i in side if i >= 0] for side in sides)
        yield name, operation.builtinOptions, inputs, outputs
        if name == "DEQUANTIZE" and TYPES[inputs[0].type] == "FLOAT16":
            halves[operation.outputs[0]] = operation.inputs[0]


def shape(tensor) -> list[int]:
    """The shape of a tensor, [] for a scalar."""
    return [] if tensor.shape is None else [int(size) for size in tensor.shape]


def multiply_adds(content: bytes) -> dict[str, int]:
    """The number of multiply-adds in one call of each signature: those of convolutions and of dense layers.

    Args:
        content: a .tflite.

    Returns:
        For each signature the number. At the edges of a map a convolution counts the multiplications by padding too.

    Raises any error where the file is damaged.
    """
    return {name: sum(map(_multiply_adds, operations(graph))) for name, graph in graphs(content).items()}


def _multiply_adds(operation) -> int:
    name, _, inputs, outputs = operation
    if name == "TRANSPOSE_CONV":  # each number of its input meets the kernel of every output channel
        _, kernel, images = inputs[:3]
        return math.prod(shape(images)) * math.prod(shape(kernel)) // shape(kernel)[-1]
    if name in ("CONV_2D", "FULLY_CONNECTED"):  # kernels are (outputs, ..., inputs)
        return math.prod(shape(outputs[0])) * math.prod(shape(inputs[1])[1:])
    if name == "DEPTHWISE_CONV_2D":  # kernels are (1, height, width, outputs)
        return math.prod(shape(outputs[0])) * math.prod(shape(inputs[1])[:-1])
    if name == "BATCH_MATMUL":
        return math.prod(shape(outputs[0])) * shape(inputs[0])[-1]
    return 0
