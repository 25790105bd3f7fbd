"""What an export says of itself, without TensorFlow: a JSON description, and the operations that it needs."""

import json

from ai_edge_litert import schema_py_generated as schema

from keras_gan import latents
from keras_gan.errors import InputError

NAME = "keras_gan"  # of our entry in the file's metadata
# Builtin by number, but they keep state that no sampler may depend on.
LARGEST_SIZE = 2**16  # of a latent, a side, or the number of classes
STATEFUL = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE")


def describe(gan) -> dict:
    """What an exported generator says of itself."""
    from keras_gan import __version__

    return {
        "keras_gan": __version__,
        "latent": gan.latent,
        "latent_dim": gan.latent_dim,
        "num_classes": gan.num_classes,
        "data_shape": list(gan.data_shape),
        "value_range": [-1, 1] if len(gan.data_shape) == 3 else None,
    }


def add(content: bytes, description: dict) -> bytes:
    """The file's bytes with `description` inside, as JSON under the metadata name "keras_gan"."""
    # Not schema.ModelT alone: it would drop the weights that newer files keep outside the flatbuffer.
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    buffer = schema.BufferT()
    buffer.data = list(json.dumps(description).encode())
    entry = schema.MetadataT()
    entry.name, entry.buffer = NAME, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def read(content: bytes) -> dict:
    """The description that `add` put into a file; empty where there is none."""
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
    return said


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
