"""Reading what an export says of itself, without TensorFlow: a JSON description, and the operations that it needs."""

import json
from pathlib import Path

from keras_gan._utils import compat
from keras_gan._utils.errors import InputError
from keras_gan.sampling import latents, sliders

schema = compat.litert_schema()

NAME = "keras_gan"  # of our entry in the file's metadata
BESIDE = Path("assets.extra", "keras_gan.json")  # in a SavedModel: where TensorFlow keeps files of one's own
# Of a description; see `keras_gan.exports.about.describe`.
TEXTS = ("name", "keras_gan", "output", "quantize", "data", "license", "weights_sha256")
FIELDS = (
    *("format", "latent", "latent_dim", "num_classes", "labels", "data_shape", "value_range", "training"),
    *("directions", *TEXTS),
)
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
    # What the first files had no word for.
    said = {"directions": None} | description if isinstance(description, dict) else {}
    if missing := [field for field in FIELDS if field not in said]:
        raise InputError(f"an export does not say its {missing[0]}; expected {', '.join(FIELDS)}; export anew")
    classes, shape = said.get("num_classes"), said.get("data_shape")
    sizes = [said.get("latent_dim"), 1 if classes is None else classes, *(shape if isinstance(shape, list) else [None])]
    if not all(type(size) is int and 1 <= size <= LARGEST_SIZE for size in sizes):
        raise InputError(f"an export has sizes {sizes}; expected whole numbers from 1 to {LARGEST_SIZE}; export anew")
    latents.check_distribution(str(said.get("latent")))
    sliders.from_json(said["directions"], said["latent"], said["latent_dim"])
    labels = said.get("labels")
    if labels is not None and not (
        isinstance(labels, list) and len(labels) == classes and all(isinstance(label, str) for label in labels)
    ):
        raise InputError(f"an export has labels {labels!r:.60}; expected {classes} names; export anew")
    for name in TEXTS:
        if said[name] is not None and not (isinstance(said[name], str) and len(said[name]) <= LONGEST_TEXT):
            raise InputError(
                f"the {name} of an export is {said[name]!r:.40}; expected a text of at most {LONGEST_TEXT:,} "
                "characters; give another"
            )
    if said["output"] not in OUTPUTS or not isinstance(said["training"], dict | None):
        raise InputError(f"an export gives {said['output']!r:.60}; expected {', '.join(OUTPUTS)}; export anew")
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
