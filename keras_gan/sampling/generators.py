"""The common interface of all generators: a GAN, and the files that it is exported to.

`keras_gan.exports.open_generator` opens all of them: a run, a .keras file, a .tflite, a SavedModel and an .onnx.
"""

import difflib
import re
import warnings
from typing import Protocol, runtime_checkable

import numpy as np

from keras_gan._utils.errors import InputError, Notice
from keras_gan.sampling import latents
from keras_gan.sampling.sliders import Directions

MOST_LISTED = 20  # class names in a message
NEAREST = 3  # similar class names in a message


@runtime_checkable
class Generator(Protocol):
    """A function from latents, and perhaps classes, to data.

    Attributes:
        latent: distribution of z, "normal" or "uniform".
        latent_dim: dimension of z.
        num_classes: number of classes of a class-conditional generator; None for one without labels.
        class_names: names of the classes, in order; None where they are unknown, or there are no classes.
        data_shape: shape of one sample: (height, width, channels) or (features,).
        directions: its sliders; without entries where none are known.
        step: number of training steps of the generator; None where it is unknown.
        description: facts about the generator, in JSON's types: at least name, latent, latent_dim, num_classes, labels
            (the class names), data_shape, value_range and output.
    """

    latent: str
    latent_dim: int
    num_classes: int | None
    class_names: tuple[str, ...] | None
    data_shape: tuple[int, ...]
    directions: Directions
    step: int | None
    description: dict

    def inputs(self, n: int, seed: int | None = None, labels=None):
        """The inputs of `compute` for n samples: latents float32 (n, latent_dim), or [latents, labels int32 (n,)].

        Args:
            n: the number of samples.
            seed: seed of the first sample; sample i has seed + i. None for a random seed.
            labels: as in `generate`.
        """

    def compute(self, inputs, batch_size: int = 64) -> np.ndarray:
        """The generator's output for `inputs`: float32 (n, *data_shape), images nominally in [-1, 1].

        A file with uint8 output has only 256 levels; they are mapped from [0, 255] to [-1, 1].

        Args:
            inputs: latents, or [latents, labels], as `inputs` returns them.
            batch_size: samples computed at once; ignored by a file with a fixed batch size.
        """

    def generate(
        self, n: int | None = None, seed: int | None = None, batch_size: int = 64, labels=None, z=None
    ) -> np.ndarray:
        """Draws samples. A seed gives the same sample in a GAN and in all files exported from it.

        Args:
            n: the number of samples, at least 1; None with z.
            seed: seed of the first sample; sample i has seed + i. None for a random seed.
            batch_size: as in `compute`.
            labels: classes of a conditional generator's samples, one for all or n of them. None for the seed modulo
                the number of classes; with z, for the position in z modulo the number of classes.
            z: latents, float32 (n, latent_dim), instead of n and seed.

        Returns:
            uint8 images (n, height, width, channels) in [0, 255]; float32 (n, features) where the data are vectors.

        Raises:
            InputError: where n, seed, labels or z cannot be used, or an output is NaN or infinite.
        """


def inputs(generator: Generator, n: int, seed: int | None = None, labels=None):
    """`Generator.inputs`, from the generator's attributes."""
    columns = latents.columns(n, generator.latent_dim, generator.latent, seed, generator.num_classes, labels)
    return columns[0] if len(columns) == 1 else columns


def columns(generator: Generator, inputs) -> list[np.ndarray]:
    """Checks the inputs of `compute`, and returns them as [latents] or [latents, labels].

    Raises:
        InputError: where they have another form than `Generator.inputs` returns.
    """
    given = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    expected = 1 if generator.num_classes is None else 2
    if len(given) != expected:
        form = "latents alone" if expected == 1 else "[latents, labels]"
        raise InputError(f"{len(given)} inputs; expected {form}. Use generator.inputs(n).")
    labels = given[1] if expected == 2 else None
    return latents.columns(None, generator.latent_dim, num_classes=generator.num_classes, labels=labels, z=given[0])


def describe(generator: Generator, name: str) -> dict:
    """A `Generator.description` with the required entries."""
    images = len(generator.data_shape) == 3
    return {
        "name": name,
        "latent": generator.latent,
        "latent_dim": generator.latent_dim,
        "num_classes": generator.num_classes,
        "labels": generator.class_names and list(generator.class_names),
        "data_shape": list(generator.data_shape),
        "value_range": [-1, 1] if images else None,
        "output": "float32",
    }


def class_number(generator: Generator, label: str | int | None) -> int | None:
    """The number of a class from its name or number.

    Names take precedence: where a class is named "3", "3" is that class, whatever its number. A text that is not a name
    is read as a number. Where all names are numbers, this is ambiguous, and a `Notice` reports it.

    Args:
        generator: a class-conditional generator; any generator where `label` is None.
        label: name or number; None returns None.

    Returns:
        The number of the class, from 0; None without a label.

    Raises:
        InputError: where there is no such class, or the generator takes no labels.
    """
    if label is None:
        return None
    if generator.num_classes is None:
        latents.choose_labels(1, None, 0)  # raises
    names, text = generator.class_names or (), str(label)
    if text in names and not isinstance(label, int):
        return names.index(text)
    number = int(text) if re.fullmatch(r"[+-]?\d{1,9}", text.strip()) else -1
    if not 0 <= number < generator.num_classes:
        raise InputError(
            f"label {text!s:.70} is not a class; expected {_expected(generator, text)}. Use one of them (--label)."
        )
    if names and not isinstance(label, int) and all(name.strip().isdecimal() for name in names):
        warnings.warn(
            Notice(f"no class is named {number}; it is read as the number of the class that is named {names[number]}"),
            stacklevel=2,
        )
    return number


def _expected(generator, label):
    """The possible classes, as text for a message."""
    names, numbers = generator.class_names or (), f"0 to {generator.num_classes - 1}"
    if names == tuple(map(str, range(generator.num_classes))):
        return numbers
    if not names:
        return f"{numbers}, since the names of its classes are not known"
    if len(names) <= MOST_LISTED:
        return f"{numbers}, or a name: {', '.join(names)}"
    near = difflib.get_close_matches(label, names, NEAREST) or names[:NEAREST]
    return f"{numbers}, or a name such as {', '.join(near)}"
