"""Which operation of a .tflite, and which layer of the Keras generator, gives NaN or infinity where Keras does not."""

from dataclasses import dataclass

import numpy as np

from keras_gan._utils import compat, silence
from keras_gan.exports import delegation, storage

NORM = (
    "LiteRT gives NaN for the norm of a vector of zeros. Use layers.RMSNormalization or layers.LayerNormalization "
    "instead, or divide by ops.sqrt(ops.sum(x**2) + 1e-6) in a layer of your own."
)
# What LiteRT does where Keras's result is finite, and the remedy.
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
    "Use another layer in its place, or add a small number to what it divides by, or takes the root or logarithm of."
)


@dataclass(frozen=True)
class Culprit:
    """The first operation whose result is not finite."""

    place: str  # words for the operation and its layer
    remedy: str


def culprit(content: bytes, signature: str, inputs: dict[str, np.ndarray], layers=()) -> Culprit | None:
    """The first operation of a signature whose result is not finite.

    Args:
        content: a .tflite before `packing.pack`, which takes the names of tensors away.
        signature: the signature.
        inputs: what it takes, by name.
        layers: the Keras layers that it was made of.

    Returns:
        The operation; None where none gives NaN, and the outputs are finite.
    """
    model = compat.read_tflite(content)
    entry = next(entry for entry in model.signatureDefs if entry.signatureKey.decode() == signature)
    graph = model.subgraphs[entry.subgraphIndex]
    ends = [int(place) for place in graph.outputs]
    results = _results(model, entry, inputs)
    # Infinity inside can be harmless, since 1 / inf is 0. NaN never is.
    lost = any(not np.isfinite(results[end]).all() for end in ends if end in results)
    for broken in (np.isnan, np.isinf) if lost else (np.isnan,):
        for operator in graph.operators:
            for place in map(int, operator.outputs):
                if place in results and broken(results[place]).any():
                    return _culprit(storage.operation(model, operator), storage.name_of(graph.tensors[place]), layers)
    return None


def _culprit(operation, tensor, layers):
    layer = storage.layer_of(tensor.split(";")[0], layers)
    where = f" of layer {layer.name!r} ({type(layer).__name__})" if layer is not None else ""
    return Culprit(f"first in operation {operation}{where}", REMEDIES.get(operation, REPLACE))


def _results(model, entry, inputs) -> dict[int, np.ndarray]:
    """The float32 results of a signature's operations, by their place in the graph, after one run."""
    from ai_edge_litert.interpreter import Interpreter

    graph = model.subgraphs[entry.subgraphIndex]
    # What DEQUANTIZE gives are weights, which XNNPACK does not write.
    computing = (one for one in graph.operators if storage.operation(model, one) != "DEQUANTIZE")
    places = [int(place) for operator in computing for place in operator.outputs]
    places = [place for place in places if graph.tensors[place].type == storage.FLOAT32]
    # As outputs, what is between them is computed as ever, by XNNPACK where it can, and can be read afterwards.
    graph.outputs = np.array(places, "int32")
    content = compat.write_tflite(model)
    with silence.silence_native_stderr():
        interpreter = Interpreter(model_content=delegation.with_first(content, entry.signatureKey.decode()))
        interpreter.allocate_tensors()
        for end in entry.inputs:
            interpreter.set_tensor(end.tensorIndex, inputs[end.name.decode()])
        interpreter.invoke()
        return {place: interpreter.get_tensor(place) for place in places}
