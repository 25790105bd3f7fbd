"""Reading exports without TensorFlow: the JSON description inside them, their signatures and their operations."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from keras_gan._utils import compat
from keras_gan._utils.errors import InputError, field_first
from keras_gan.exports.operations import OPERATORS, TYPES
from keras_gan.sampling import sliders

schema = compat.litert_schema()

NAME = "keras_gan"  # name of the description in the file's metadata
DESCRIPTION_FILE = Path("assets.extra", "keras_gan.json")  # in a SavedModel; assets.extra is for the user's own files
LARGEST_SIZE = 2**16  # limit of the dimension of z, the sides of a picture and the number of classes
MOST_ENTRIES = 100  # signatures, inputs, outputs and dimensions
OUTPUTS = {"float32": (-1, 1), "uint8": (0, 255)}  # dtypes of the outputs, and the range of images
# Builtin operations with state. A sampler must not depend on state.
STATEFUL = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE")

Size = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_SIZE)]
Text = Annotated[str, msgspec.Meta(max_length=10_000)] | None


@dataclass(frozen=True)
class Description:
    """The fields of a description; see `keras_gan.exports.about.describe`. None stands for what is not known."""

    format: int | None
    name: Text
    keras_gan: Text
    latent: str
    latent_dim: Size
    num_classes: Size | None
    labels: tuple[str, ...] | None
    data_shape: tuple[Size, ...]
    value_range: tuple[float, float] | None
    output: str  # in OUTPUTS
    quantize: Text
    data: Text
    license: Text
    training: dict[str, Any] | None
    weights_sha256: Text
    directions: sliders.Sliders | None = None  # the first versions of the format had neither of these two
    data_license: Text = None

    def __post_init__(self):
        if self.output not in OUTPUTS:
            raise ValueError(f"output is {self.output!r:.60}; expected {' or '.join(OUTPUTS)}")
        if self.labels is not None and len(self.labels) != self.num_classes:
            raise ValueError(f"{len(self.labels)} labels for {self.num_classes} classes")
        sliders.check(self.directions or (), self.latent, self.latent_dim)


FIELDS = tuple(field.name for field in dataclasses.fields(Description))


def read(content: bytes) -> dict:
    """The description inside a .tflite; empty where there is none."""
    model = schema.Model.GetRootAs(content)
    entries = (model.Metadata(i) for i in range(model.MetadataLength()))
    for entry in entries:
        if entry.Name() == NAME.encode():
            return msgspec.json.decode(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes())
    return {}


def check(description: dict) -> dict:
    """Checks a description that was read from a file.

    Args:
        description: the parsed JSON.

    Returns:
        The description, with the fields of later versions that it has.

    Raises:
        InputError: where `about.describe` cannot have written it.
    """
    try:
        msgspec.convert(description, Description, dec_hook=sliders.to_vector)
    except ValueError as error:
        raise InputError(
            f"the description of an export is wrong ({field_first(error)}); expected one that kgan export writes. "
            "Correct that field, and export again."
        ) from error
    return {"directions": None, "data_license": None} | description


def signatures(content: bytes) -> dict[str, dict]:
    """The signatures of a .tflite.

    Args:
        content: the file.

    Returns:
        name -> {"inputs", "outputs"}, each of them name -> [dtype, sizes]. Signatures, inputs and outputs are in the
        order in which LiteRT's `CompiledModel` counts them: signatures as the file lists them, the others as the graph
        does, which may differ from the signature's own lists.

    Raises any error where the file is damaged.
    """
    names = {value: name.lower() for value, name in TYPES.items()}
    model = schema.Model.GetRootAs(content)
    found = {}
    for signature in _list(model, "SignatureDefs"):
        graph = model.Subgraphs(signature.SubgraphIndex())
        found[signature.SignatureKey().decode()] = {
            "inputs": _ends(_list(signature, "Inputs"), _list(graph, "Inputs"), graph, names),
            "outputs": _ends(_list(signature, "Outputs"), _list(graph, "Outputs"), graph, names),
        }
    return found


def _ends(ends, order, graph, names):
    ends = sorted(ends, key=lambda end: order.index(end.TensorIndex()))
    return {end.Name().decode(): _type(graph.Tensors(end.TensorIndex()), names) for end in ends}


def _type(tensor, names):
    return [names[tensor.Type()], _list(tensor, "Shape")]


def _list(table, field):
    """The entries of a list in a flatbuffer, of a length that no file of ours exceeds."""
    count = getattr(table, f"{field}Length")()
    if count > MOST_ENTRIES:
        raise ValueError(f"it has a list of {count:,} entries; expected at most {MOST_ENTRIES}")
    return [*map(getattr(table, field), range(count))]


def foreign_operations(content: bytes) -> list[str]:
    """Names of the operations in a .tflite that are not builtin (Flex, custom), or that have state."""
    model = schema.Model.GetRootAs(content)
    found = []
    for code in (model.OperatorCodes(i) for i in range(model.OperatorCodesLength())):
        name = OPERATORS.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "unknown")
        if code.CustomCode():
            found.append(code.CustomCode().decode())
        elif name in (*STATEFUL, "unknown"):
            found.append(name)
    return found
