"""What of a .tflite XNNPACK computes, the runtime's fast kernels for processors, and what is left to the slow ones."""

from keras_gan._utils import compat, silence


def left_out(content: bytes, signature: str) -> list[str]:
    """Names of the operations of a signature that XNNPACK does not compute, in order; none where it computes all."""
    from ai_edge_litert.interpreter import Interpreter

    with silence.silence_native_stderr():
        interpreter = Interpreter(model_content=with_first(content, signature))
        interpreter.allocate_tensors()
        # Of the first graph only, hence the exchange. Nodes that were delegated stay in the list.
        nodes = compat.interpreter_operations(interpreter)
    made_by = {tensor: node for node in nodes if node["op_name"] != "DELEGATE" for tensor in node["outputs"]}
    delegated = set()
    for delegate in (node for node in nodes if node["op_name"] == "DELEGATE"):
        delegated |= _within(delegate, made_by)
    return [node["op_name"] for node in nodes if node["op_name"] != "DELEGATE" and node["index"] not in delegated]


def _within(delegate, made_by) -> set[int]:
    """The nodes between a delegate's outputs and its inputs, by index."""
    ahead, found = list(delegate["outputs"]), set()
    ends = set(map(int, delegate["inputs"]))
    while ahead:
        tensor = int(ahead.pop())
        node = made_by.get(tensor)
        if tensor not in ends and node is not None and node["index"] not in found:
            found.add(node["index"])
            ahead += list(node["inputs"])
    return found


def with_first(content, signature) -> bytes:
    """The file with the graph of a signature as its first."""
    model = compat.read_tflite(content)
    entry = next(entry for entry in model.signatureDefs if entry.signatureKey.decode() == signature)
    first, other = 0, entry.subgraphIndex
    model.subgraphs[first], model.subgraphs[other] = model.subgraphs[other], model.subgraphs[first]
    exchanged = {first: other, other: first}
    for entry in model.signatureDefs:
        entry.subgraphIndex = exchanged.get(entry.subgraphIndex, entry.subgraphIndex)
    return compat.write_tflite(model)
