"""Making a .tflite small without changing what it computes, and writing its description into it."""

import json

from ai_edge_litert import schema_py_generated as schema

# schema.ModelT alone would lose the weights that newer files store outside the flatbuffer.
from ai_edge_litert.tools import flatbuffer_utils

from keras_gan.exports.metadata import NAME


def pack(content: bytes, description: dict) -> bytes:
    """Removes what no runtime reads from a .tflite, and writes a description into it.

    Every signature has its own graph, which repeats the names of inner tensors and the scales of the quantized weights.
    They are a third of a small int8 file.

    Args:
        content: a .tflite.
        description: JSON's types, written into the metadata under the name NAME.

    Returns:
        The smaller .tflite, which computes the same.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    shared = {}
    for graph in model.subgraphs:
        visible = {*graph.inputs, *graph.outputs}  # signatures find these by name
        for number, tensor in enumerate(graph.tensors):
            tensor.name = tensor.name if number in visible else None
            tensor.quantization = _shared(tensor.quantization, shared)
    model.metadata = [entry for entry in model.metadata or [] if entry.name not in (NAME, NAME.encode())]
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = list(json.dumps(description).encode())
    entry.name, entry.buffer = NAME, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata.append(entry)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


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
