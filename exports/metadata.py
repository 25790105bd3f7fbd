"""Reading what an export says of itself, without TensorFlow: a JSON description, and the operations that it needs."""

import json

from ai_edge_litert import schema_py_generated as schema

from keras_gan import latents
from keras_gan.errors import InputError

NAME = "keras_gan"  # of our entry in the file's metadata
LARGEST_SIZE = 2**16  # of a latent, a side, or the number of classes
LONGEST_TEXT = 10_000
MOST_ENTRIES = 100  # signatures, inputs, outputs and dimensions
OUTPUTS = {"float32": (-1, 1), "uint8": (0, 255)}  # what signatures give, and the range of images
# Builtin by number, but they keep state that no sampler may depend on.
STATEFUL = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE")


def read(content: bytes) -> dict:
    """The description inside a .tflite; empty where there is none."""
    model = schema.Model.GetRootAs(content)
    entries = (model.Metadata(i) for i in range(model.MetadataLength()))
    for entry in entries:
        if entry.Name() == NAME.encode():
            return json.loads(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes())
    return {}


def check(description: dict) -> dict:
    """The description itself. Raises InputError where it is not of a kind that `describe` writes."""
    said = description if isinstance(description, dict) else {}
    classes, shape = said.get("num_classes"), said.get("data_shape")
    sizes = [said.get("latent_dim"), 1 if classes is None else classes, *(shape if isinstance(shape, list) else [None])]
    if not all(type(size) is int and 1 <= size <= LARGEST_SIZE for size in sizes):
        raise InputError(f"an export has sizes {sizes}; expected whole numbers from 1 to {LARGEST_SIZE}; export anew")
    latents.check_distribution(str(said.get("latent")))
    labels = said.get("labels")
    if labels is not None and not (
        isinstance(labels, list) and len(labels) == classes and all(isinstance(label, str) for label in labels)
    ):
        raise InputError(f"an export has labels {labels!r:.60}; expected {classes} names; export anew")
    texts = [said.get(name) for name in ("name", "keras_gan", "quantize", "data", "licence", "weights_sha256")]
    if not all(text is None or (isinstance(text, str) and len(text) <= LONGEST_TEXT) for text in texts):
        raise InputError("an export says of itself what is no text; expected texts; export anew")
    if said.get("output") not in OUTPUTS or not isinstance(said.get("training"), dict | None):
        raise InputError(f"an export gives {said.get('output')!r:.60}; expected {', '.join(OUTPUTS)}; export anew")
    return said


def signatures(content: bytes) -> dict[str, dict]:
    """The signatures of a .tflite: name -> {"inputs", "outputs"}, each of them name -> [dtype, sizes].

    Raises any error where the file is damaged.
    """
    names = {value: name.lower() for name, value in vars(schema.TensorType).items() if isinstance(value, int)}
    model = schema.Model.GetRootAs(content)
    found = {}
    for signature in map(model.SignatureDefs, range(_checked(model.SignatureDefsLength()))):
        graph = model.Subgraphs(signature.SubgraphIndex())
        found[signature.SignatureKey().decode()] = {
            "inputs": dict(_ends(graph, signature.Inputs, signature.InputsLength(), names)),
            "outputs": dict(_ends(graph, signature.Outputs, signature.OutputsLength(), names)),
        }
    return found


def _ends(graph, ends, length, names):
    for end in map(ends, range(_checked(length))):
        tensor = graph.Tensors(end.TensorIndex())
        yield end.Name().decode(), [names[tensor.Type()], [*map(tensor.Shape, range(_checked(tensor.ShapeLength())))]]


def _checked(count):
    if count > MOST_ENTRIES:
        raise ValueError(f"it has {count:,} entries where a generator has at most {MOST_ENTRIES}")
    return count


def foreign_operations(content: bytes) -> list[str]:
    """Names of the operations that are not builtin (Flex, custom), or that keep state."""
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    model = schema.Model.GetRootAs(content)
    found = []
    for code in (model.OperatorCodes(i) for i in range(model.OperatorCodesLength())):
        name = names.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "unknown")
        if code.CustomCode():
            found.append(code.CustomCode().decode())
        elif name in (*STATEFUL, "unknown"):
            found.append(name)
    return found
