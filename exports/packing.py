"""Making a .tflite small without changing what it computes, and writing its description into it."""

import json

from keras_gan._utils import compat
from keras_gan.exports.metadata import NAME

schema = compat.litert_schema()


def pack(content: bytes, description: dict) -> bytes:
    """The file without what no runtime reads, and with `description` inside, as JSON under the metadata name NAME.

    Every signature is a graph of its own, which repeats the names of inner tensors and the scales of the quantized
    weights: a third of a small int8 file.
    """
    model = compat.read_tflite(content)
    shared = {}
    for graph in model.subgraphs:
        ends = {*graph.inputs, *graph.outputs}
        for number, tensor in enumerate(graph.tensors):
            tensor.name = tensor.name if number in ends else None
            tensor.quantization = _shared(tensor.quantization, shared)
    model.metadata = [entry for entry in model.metadata or [] if entry.name not in (NAME, NAME.encode())]
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = list(json.dumps(description).encode())
    entry.name, entry.buffer = NAME, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata.append(entry)
    return compat.write_tflite(model)


class _Once:
    """A table that a flatbuffer holds once, however many tensors have it."""

    def __init__(self, table):
        self.table = table
        self.offset = None

    def Pack(self, builder):
        if self.offset is None:
            self.offset = self.table.Pack(builder)
        return self.offset


def _shared(quantization, shared):
    """The one table for all tensors of these scales; None where there are none."""
    if quantization is None or quantization.scale is None or not len(quantization.scale):
        return None
    fields = (quantization.scale, quantization.zeroPoint, [quantization.quantizedDimension, quantization.detailsType])
    key = tuple(tuple(field if field is not None else ()) for field in fields)
    return shared.setdefault(key, _Once(quantization))
