"""What every generator has in common, whether it is a GAN or a file that one was exported to.

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
NEAREST = 3


@runtime_checkable
class Generator(Protocol):
    """A function from latents, and perhaps classes, to data.

    Attributes:
        latent: distribution of z, "normal" or "uniform".
        latent_dim: dimension of z.
        num_classes: of a class-conditional generator; None for one that takes no labels.
        class_names: names of the classes, in order; None where they are not known, or there are no classes.
        data_shape: of one sample: (height, width, channels) or (features,).
        directions: its sliders, a `keras_gan.directions.Directions`; one without sliders where none are known.
        step: training steps that the generator was trained for; None where that is not known.
        description: what is known about the generator, in JSON's types: at least name, latent, latent_dim,
            num_classes, labels (the class names), data_shape, value_range and output.
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
        """What `compute` takes for n samples: latents float32 (n, latent_dim), or [latents, labels int32 (n,)].

        Args:
            n: the number of samples.
            seed: of the first sample; sample i has seed + i. None for any.
            labels: as in `generate`.
        """

    def compute(self, inputs, batch_size: int = 64) -> np.ndarray:
        """What the generator makes of `inputs`: float32 (n, *data_shape), images nominally in [-1, 1].

        A file that gives uint8 images has only 256 levels; they are mapped from [0, 255] to [-1, 1].

        Args:
            inputs: latents, or [latents, labels], as `inputs` gives them.
            batch_size: samples computed at once; a file whose batches are fixed keeps its own.
        """

    def generate(
        self, n: int | None = None, seed: int | None = None, batch_size: int = 64, labels=None, z=None
    ) -> np.ndarray:
        """Draws samples. A seed gives the same sample in every generator that was exported from one GAN.

        Args:
            n: the number of samples, at least 1; None with z.
            seed: of the first sample; sample i has seed + i. None for any.
            batch_size: as in `compute`.
            labels: classes of a conditional generator's samples: one for all, or n of them. None for the seed modulo
                the number of classes; with z, for the position in z modulo the number of classes.
            z: latents, float32 (n, latent_dim), in place of n and seed.

        Returns:
            uint8 images (n, height, width, channels) in [0, 255]; float32 (n, features) where the data are vectors.

        Raises:
            InputError: where n, seed, labels or z cannot be used, or an output is NaN or infinite.
        """


def inputs(generator: Generator, n: int, seed: int | None = None, labels=None):
    """`Generator.inputs`, from the facts that the generator states."""
    columns = latents.columns(n, generator.latent_dim, generator.latent, seed, generator.num_classes, labels)
    return columns[0] if len(columns) == 1 else columns


def columns(generator: Generator, inputs) -> list[np.ndarray]:
    """What `compute` was given, checked, as [latents] or [latents, labels].

    Raises:
        InputError: where it is not what `Generator.inputs` gives.
    """
    given = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    expected = 1 if generator.num_classes is None else 2
    if len(given) != expected:
        form = "latents alone" if expected == 1 else "[latents, labels]"
        raise InputError(f"{len(given)} inputs; expected {form}; use what generator.inputs gives")
    labels = given[1] if expected == 2 else None
    return latents.columns(None, generator.latent_dim, num_classes=generator.num_classes, labels=labels, z=given[0])


def describe(generator: Generator, name: str) -> dict:
    """The least that a `Generator.description` holds."""
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
    """The number of a class that a person gives by name or by number.

    A name counts first: where a class is called "3", "3" is that class, whatever its number. A text that is no name
    is read as a number. A `Notice` says so where all names are numbers, so that one could be meant for the other.

    Args:
        generator: a class-conditional one, or `label` is None.
        label: name or number; None gives None.

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
        raise InputError(f"label {text!s:.70} is no class; expected {_expected(generator, text)}; give one (--label)")
    if names and not isinstance(label, int) and all(name.strip().isdecimal() for name in names):
        warnings.warn(
            Notice(f"no class is named {number}; it is read as the number of the class that is named {names[number]}"),
            stacklevel=2,
        )
    return number


def _expected(generator, label):
    """The classes that could have been meant, in words."""
    names, numbers = generator.class_names or (), f"0 to {generator.num_classes - 1}"
    if names == tuple(map(str, range(generator.num_classes))):
        return numbers
    if not names:
        return f"{numbers}, since the names of its classes are not known"
    if len(names) <= MOST_LISTED:
        return f"{numbers}, or a name: {', '.join(names)}"
    near = difflib.get_close_matches(label, names, NEAREST) or names[:NEAREST]
    return f"{numbers}, or a name such as {', '.join(near)}"
