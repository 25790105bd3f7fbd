"""Which operations of a .tflite run on XNNPACK, the fast CPU kernels of LiteRT, and which on the slow kernels."""

from ai_edge_litert.tools import flatbuffer_utils

from keras_gan._utils import silence


def slow_operations(content: bytes, signature: str) -> list[str]:
    """Names of the operations that XNNPACK does not compute.

    Args:
        content: a .tflite.
        signature: name of a signature.

    Returns:
        The names in the order of the graph; empty where XNNPACK computes all operations.
    """
    from ai_edge_litert.interpreter import Interpreter

    with silence.silence_native_stderr():
        interpreter = Interpreter(model_content=with_signature_first(content, signature))
        interpreter.allocate_tensors()
        # It lists the first graph only, so the signature's graph is put first. Delegated nodes stay in the list.
        nodes = interpreter._get_ops_details()
    made_by = {tensor: node for node in nodes if node["op_name"] != "DELEGATE" for tensor in node["outputs"]}
    delegated = set()
    for delegate in (node for node in nodes if node["op_name"] == "DELEGATE"):
        delegated |= _computed_by(delegate, made_by)
    return [node["op_name"] for node in nodes if node["op_name"] != "DELEGATE" and node["index"] not in delegated]


def _computed_by(delegate, made_by) -> set[int]:
    """Indices of the nodes between a delegate's outputs and its inputs."""
    pending, found = list(delegate["outputs"]), set()
    inputs = set(map(int, delegate["inputs"]))
    while pending:
        tensor = int(pending.pop())
        node = made_by.get(tensor)
        if tensor not in inputs and node is not None and node["index"] not in found:
            found.add(node["index"])
            pending += list(node["inputs"])
    return found


def with_signature_first(content, signature) -> bytes:
    """A .tflite in which the graph of a signature comes first.

    Args:
        content: a .tflite.
        signature: name of a signature.

    Returns:
        The changed .tflite.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    entry = next(entry for entry in model.signatureDefs if entry.signatureKey.decode() == signature)
    first, other = 0, entry.subgraphIndex
    model.subgraphs[first], model.subgraphs[other] = model.subgraphs[other], model.subgraphs[first]
    swapped = {first: other, other: first}
    for entry in model.signatureDefs:
        entry.subgraphIndex = swapped.get(entry.subgraphIndex, entry.subgraphIndex)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
