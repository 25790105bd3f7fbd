"""Reading exports without TensorFlow: the JSON description inside them, their signatures and their operations."""

import json
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from keras_gan._utils.errors import InputError
from keras_gan.sampling import latents, sliders

NAME = "keras_gan"  # name of the description in the file's metadata
DESCRIPTION_FILE = Path("assets.extra", "keras_gan.json")  # in a SavedModel; assets.extra is for the user's own files
# Fields of a description; see `keras_gan.exports.about.describe`.
TEXTS = ("name", "keras_gan", "output", "quantize", "data", "license", "weights_sha256")
FIELDS = (
    *("format", "latent", "latent_dim", "num_classes", "labels", "data_shape", "value_range", "training"),
    *("directions", *TEXTS),
)
LARGEST_SIZE = 2**16  # limit of the dimension of z, the sides of a picture and the number of classes
LONGEST_TEXT = 10_000
MOST_ENTRIES = 100  # signatures, inputs, outputs and dimensions
OUTPUTS = {"float32": (-1, 1), "uint8": (0, 255)}  # dtypes of the outputs, and the range of images
# Builtin operations with state. A sampler must not depend on state.
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
    """Checks a description that was read from a file.

    Args:
        description: the parsed JSON.

    Returns:
        The description.

    Raises:
        InputError: where `about.describe` cannot have written it.
    """
    # The first versions of the format had no directions.
    description = {"directions": None} | description if isinstance(description, dict) else {}
    if missing := [field for field in FIELDS if field not in description]:
        raise InputError(f"an export has no field {missing[0]}; expected {', '.join(FIELDS)}. Export it again.")
    classes, shape = description.get("num_classes"), description.get("data_shape")
    sizes = [
        description.get("latent_dim"),
        1 if classes is None else classes,
        *(shape if isinstance(shape, list) else [None]),
    ]
    if not all(type(size) is int and 1 <= size <= LARGEST_SIZE for size in sizes):
        raise InputError(f"an export has sizes {sizes}; expected integers from 1 to {LARGEST_SIZE}. Export it again.")
    latents.check_distribution(str(description.get("latent")))
    sliders.from_json(description["directions"], description["latent"], description["latent_dim"])
    labels = description.get("labels")
    if labels is not None and not (
        isinstance(labels, list) and len(labels) == classes and all(isinstance(label, str) for label in labels)
    ):
        raise InputError(f"an export has labels {labels!r:.60}; expected {classes} names. Export it again.")
    for name in TEXTS:
        if description[name] is not None and not (
            isinstance(description[name], str) and len(description[name]) <= LONGEST_TEXT
        ):
            raise InputError(
                f"the {name} of an export is {description[name]!r:.40}; expected a text of at most {LONGEST_TEXT:,} "
                "characters. Export it again with a shorter text."
            )
    if description["output"] not in OUTPUTS:
        output = description["output"]
        raise InputError(f"an export has the output {output!r:.60}; expected {', '.join(OUTPUTS)}. Export it again.")
    if not isinstance(description["training"], dict | None):
        training = description["training"]
        raise InputError(f"an export has the training {training!r:.60}; expected an object. Export it again.")
    return description


def signatures(content: bytes) -> dict[str, dict]:
    """The signatures of a .tflite.

    Args:
        content: the file.

    Returns:
        name -> {"inputs", "outputs"}, each of them name -> [dtype, sizes].

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
        raise ValueError(f"it has a list of {count:,} entries; expected at most {MOST_ENTRIES}")
    return count


def foreign_operations(content: bytes) -> list[str]:
    """Names of the operations in a .tflite that are not builtin (Flex, custom), or that have state."""
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
