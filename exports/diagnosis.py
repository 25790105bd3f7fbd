"""The operation of a .tflite, and its Keras layer, that gives NaN or infinity where the Keras generator does not."""

from dataclasses import dataclass

import numpy as np

from keras_gan._utils import compat, silence
from keras_gan.exports import delegation, operations, storage

NORM = (
    "LiteRT gives NaN for the norm of a vector of zeros. Use layers.RMSNormalization or layers.LayerNormalization "
    "instead, or divide by ops.sqrt(ops.sum(x**2) + 1e-6) in a layer of your own."
)
# By operation: why LiteRT's result is not finite although Keras's is, and the remedy.
REMEDIES = {
    "L2_NORMALIZATION": NORM,
    "RSQRT": NORM,
    "DIV": "LiteRT divides by 0. Add a small number to the divisor in that layer.",
    "SQRT": "LiteRT takes the root of a negative number. Use ops.maximum(x, 0) in that layer.",
    "LOG": "LiteRT takes the logarithm of 0. Add a small number to its argument in that layer.",
    "POW": "LiteRT takes a power of a negative number or of 0. Use ops.maximum(x, 1e-6) in that layer.",
    "EXP": "The result overflows. Use ops.minimum(x, 80) in that layer.",
}
REPLACE = (
    "Use another layer in its place. If the layer divides, or takes a root or a logarithm, add a small number to that "
    "value first."
)


@dataclass(frozen=True)
class NonFiniteOperation:
    """The first operation whose result is not finite."""

    place: str  # a phrase that names the operation and its layer
    remedy: str


def first_non_finite(
    content: bytes, signature: str, inputs: dict[str, np.ndarray], layers=()
) -> NonFiniteOperation | None:
    """The first operation of a signature whose result is not finite.

    Args:
        content: a .tflite before `packing.pack`, which removes the names of tensors.
        signature: name of a signature.
        inputs: the inputs of the signature, by name.
        layers: the Keras layers from which the file was converted.

    Returns:
        The operation; None where no operation gives NaN and all outputs are finite.
    """
    model = compat.read_tflite(content)
    entry = next(entry for entry in model.signatureDefs if entry.signatureKey.decode() == signature)
    graph = model.subgraphs[entry.subgraphIndex]
    outputs = [int(place) for place in graph.outputs]
    results = _results(model, entry, inputs)
    # Infinity in between can be harmless, since 1 / inf is 0. NaN never is.
    outputs_broken = any(not np.isfinite(results[place]).all() for place in outputs if place in results)
    for broken in (np.isnan, np.isinf) if outputs_broken else (np.isnan,):
        for operator in graph.operators:
            for place in map(int, operator.outputs):
                if place in results and broken(results[place]).any():
                    name = operations.name_of(model, operator)
                    return _described(name, storage.name_of(graph.tensors[place]), layers)
    return None


def place_of(operation: str, tensor: str, layers) -> str:
    """An operation by its name, with the one of `layers` whose name is in its result's name, if any."""
    layer = storage.layer_of(tensor.split(";")[0], layers)
    return operation if layer is None else f"{operation} of layer {layer.name!r} ({type(layer).__name__})"


def _described(operation, tensor, layers):
    return NonFiniteOperation(
        f"first in operation {place_of(operation, tensor, layers)}", REMEDIES.get(operation, REPLACE)
    )


def _results(model, entry, inputs) -> dict[int, np.ndarray]:
    """The float32 results of a signature's operations in one run, by tensor index."""
    from ai_edge_litert.interpreter import Interpreter

    graph = model.subgraphs[entry.subgraphIndex]
    # DEQUANTIZE gives weights, and XNNPACK does not write these into their tensors.
    computing = (one for one in graph.operators if operations.name_of(model, one) != "DEQUANTIZE")
    places = [int(place) for operator in computing for place in operator.outputs]
    places = [place for place in places if graph.tensors[place].type == storage.FLOAT32]
    # As outputs of the graph, intermediate results can be read afterwards, and XNNPACK still computes what it can.
    graph.outputs = np.array(places, "int32")
    content = compat.write_tflite(model)
    with silence.silence_native_stderr():
        interpreter = Interpreter(model_content=delegation.with_signature_first(content, entry.signatureKey.decode()))
        interpreter.allocate_tensors()
        for end in entry.inputs:
            interpreter.set_tensor(end.tensorIndex, inputs[end.name.decode()])
        interpreter.invoke()
        return {place: interpreter.get_tensor(place) for place in places}
