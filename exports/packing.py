"""Making a .tflite small without changing what it computes, and writing its description into it."""

import json
from collections.abc import Collection

from keras_gan._utils import compat
from keras_gan.exports.metadata import NAME

schema = compat.litert_schema()
# Fields of the options of WHILE and IF that hold the number of another graph.
CALLS = ("condSubgraphIndex", "bodySubgraphIndex", "thenSubgraphIndex", "elseSubgraphIndex")


def pack(content: bytes, description: dict | None = None) -> bytes:
    """Removes what no runtime reads from a .tflite, and writes a description into it.

    Every signature has its own graph, which repeats the names of inner tensors and the scales of the quantized weights.
    They are a third of a small int8 file.

    Args:
        content: a .tflite.
        description: JSON's types, written into the metadata under the name NAME; None for none.

    Returns:
        The smaller .tflite, which computes the same.
    """
    model = compat.read_tflite(content)
    shared = {}
    for graph in model.subgraphs:
        visible = {*graph.inputs, *graph.outputs}  # signatures find these by name
        for number, tensor in enumerate(graph.tensors):
            tensor.name = tensor.name if number in visible else None
            tensor.quantization = _shared(tensor.quantization, shared)
    model.metadata = [entry for entry in model.metadata or [] if entry.name not in (NAME, NAME.encode())]
    if description is not None:
        buffer, entry = schema.BufferT(), schema.MetadataT()
        buffer.data = list(json.dumps(description).encode())
        entry.name, entry.buffer = NAME, len(model.buffers)
        model.buffers.append(buffer)
        model.metadata.append(entry)
    return compat.write_tflite(model)


def only(content: bytes, signatures: Collection[str]) -> bytes:
    """A .tflite with some of its signatures, and with what these read.

    Args:
        content: a .tflite.
        signatures: names of the signatures.

    Returns:
        The smaller .tflite, with the same metadata.
    """
    model = compat.read_tflite(content)
    model.signatureDefs = [entry for entry in model.signatureDefs if entry.signatureKey.decode() in signatures]
    kept = [entry.subgraphIndex for entry in model.signatureDefs]
    for number in kept:  # which grows: the body of a loop is a graph too, and may contain another loop
        kept += {index for index, _, _ in _called(model.subgraphs[number])} - set(kept)
    places = {old: new for new, old in enumerate(kept)}
    model.subgraphs = [model.subgraphs[number] for number in kept]
    for entry in model.signatureDefs:
        entry.subgraphIndex = places[entry.subgraphIndex]
    for graph in model.subgraphs:
        for index, options, field in _called(graph):
            setattr(options, field, places[index])
    read = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    read |= {entry.buffer for entry in model.metadata or ()}
    for number, buffer in enumerate(model.buffers):
        if number not in read:
            buffer.data = None
    drop_unused_codes(model)
    return compat.write_tflite(model)


def _called(graph) -> list[tuple]:
    """The graphs that a graph's loops and branches call: index, and the options and the field that hold it."""
    options = [operator.builtinOptions for operator in graph.operators]
    return [(getattr(each, field), each, field) for each in options for field in CALLS if hasattr(each, field)]


def drop_unused_codes(model) -> None:
    """Removes the kinds of operations that no graph has from a model's list, since a runtime must have all of them."""
    used = sorted({operator.opcodeIndex for graph in model.subgraphs for operator in graph.operators})
    places = {old: new for new, old in enumerate(used)}
    model.operatorCodes = [model.operatorCodes[old] for old in used]
    for graph in model.subgraphs:
        for operator in graph.operators:
            operator.opcodeIndex = places[operator.opcodeIndex]


class _Once:
    """A table that is written into the flatbuffer once, for any number of tensors."""

    def __init__(self, table):
        self.table = table
        self.offset = None

    def Pack(self, builder):
        if self.offset is None:
            self.offset = self.table.Pack(builder)
        return self.offset


def _shared(quantization, shared):
    """One table for all tensors with the same scales; None where a tensor has no scales."""
    if quantization is None or quantization.scale is None or not len(quantization.scale):
        return None
    fields = (quantization.scale, quantization.zeroPoint, [quantization.quantizedDimension, quantization.detailsType])
    key = tuple(tuple(field if field is not None else ()) for field in fields)
    return shared.setdefault(key, _Once(quantization))
