"""Classes in a .tflite: an embedding reads the row of a class directly.

Keras lets a negative index count from the end. Its LESS, ADD and SELECT run on the slow kernels of a CPU, and LiteRT
for microcontrollers cannot compute SELECT of integers. A class is never negative.
"""

import numpy as np

from keras_gan._utils import compat
from keras_gan.exports import operations
from keras_gan.exports.packing import drop_unused_codes

SELECTS = ("SELECT", "SELECT_V2")


def without_negative_classes(content: bytes) -> bytes:
    """Removes the arithmetic for negative indices from each look-up whose index is an input of a signature.

    Args:
        content: a .tflite.

    Returns:
        The .tflite, which computes the same for classes from 0. It is unchanged where there is no such look-up.
    """
    model = compat.read_tflite(content)
    counts = [_shorten(model, graph) for graph in model.subgraphs]
    if not any(counts):
        return content
    drop_unused_codes(model)
    return compat.write_tflite(model)


def _shorten(model, graph) -> int:
    """Removes the arithmetic from one graph, and returns the number of look-ups that it was removed from."""
    made_by = {int(operator.outputs[0]): operator for operator in graph.operators}
    removed = 0
    for operator in graph.operators:
        if operations.name_of(model, operator) != "GATHER":
            continue
        chosen = made_by.get(int(operator.inputs[1]))
        if chosen is not None and (index := _index(model, graph, chosen, made_by)) is not None:
            operator.inputs[1] = index
            removed += 1
    if removed:
        _drop_unread(graph)
    return removed


def _index(model, graph, chosen, made_by) -> int | None:
    """The input x of a graph for select(x < 0, x + count, x); None for another operation."""
    if operations.name_of(model, chosen) not in SELECTS:
        return None
    condition, shifted, index = map(int, chosen.inputs)
    less, added = made_by.get(condition), made_by.get(shifted)
    if less is None or added is None or index not in graph.inputs:
        return None
    if operations.name_of(model, less) != "LESS" or operations.name_of(model, added) != "ADD":
        return None
    compares_index_with_zero = int(less.inputs[0]) == index and _is_zero(model, graph, less.inputs[1])
    return index if compares_index_with_zero and index in map(int, added.inputs) else None


def _is_zero(model, graph, place) -> bool:
    data = model.buffers[graph.tensors[place].buffer].data
    return data is not None and len(data) > 0 and not np.any(data)


def _drop_unread(graph) -> None:
    """Removes the operations whose results nothing reads, until all results are read."""
    while True:
        read = {int(number) for operator in graph.operators for number in operator.inputs} | {*map(int, graph.outputs)}
        left = [operator for operator in graph.operators if any(int(number) in read for number in operator.outputs)]
        if len(left) == len(graph.operators):
            return
        graph.operators = left
