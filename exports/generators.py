"""The common part of all generators in files, for every runtime; see `keras_gan.sampling.generators.Generator`."""

import numpy as np

from keras_gan._utils import pixels
from keras_gan._utils.errors import InputError
from keras_gan.sampling import generators, latents, sliders
from keras_gan.sampling.generators import Generator

__all__ = ["FileGenerator", "Generator", "finite", "to_samples"]

BATCH = 64  # samples computed at once


class FileGenerator:
    """A generator in a file. It derives all of `Generator` from the file's description and the method `_outputs`.

    Attributes:
        description: the description inside the file; see `keras_gan.exports.about.describe`.
        path: path of the file.
    """

    description: dict
    path = None

    latent = property(lambda self: self.description["latent"])
    latent_dim = property(lambda self: self.description["latent_dim"])
    num_classes = property(lambda self: self.description["num_classes"])
    data_shape = property(lambda self: tuple(self.description["data_shape"]))

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Names of the classes, in order; None where the file has none."""
        names = self.description.get("labels")
        return names and tuple(names)

    @property
    def directions(self) -> sliders.Directions:
        """The sliders in the file; a `Directions` without sliders where the file has none."""
        return sliders.from_json(self.description.get("directions"), self.latent, self.latent_dim)

    @property
    def step(self) -> int | None:
        """Training steps of the generator, from the description; None where they are not known."""
        steps = (self.description.get("training") or {}).get("steps")
        return steps if type(steps) is int else None

    def _outputs(self, columns: list[np.ndarray], batch_size: int) -> np.ndarray:
        """The file's outputs for [latents] or [latents, labels]: float32, or uint8 images."""
        raise NotImplementedError

    def inputs(self, n: int, seed: int | None = None, labels=None):
        """The inputs of `compute` for n samples; see `Generator.inputs`."""
        return generators.inputs(self, n, seed, labels)

    def compute(self, inputs, batch_size: int = BATCH) -> np.ndarray:
        """Outputs as float32 (n, *data_shape), images in [-1, 1], also for a file of uint8; see `Generator.compute`."""
        return pixels.floats(self._checked(generators.columns(self, inputs), batch_size))

    def generate(
        self, n: int | None = None, seed: int | None = None, batch_size: int = BATCH, labels=None, z=None
    ) -> np.ndarray:
        """Draws samples. A seed gives the sample of `GAN.generate`, within the tolerance of the export.

        Arguments, result and errors are those of `Generator.generate`.
        """
        columns = latents.columns(n, self.latent_dim, self.latent, seed, self.num_classes, labels, z)
        return to_samples(self._checked(columns, batch_size))

    def _checked(self, columns, batch_size):
        outputs, expected = self._outputs(columns, batch_size), (len(columns[0]), *self.data_shape)
        if outputs.dtype not in (np.uint8, np.float32) or outputs.shape != expected:
            raise InputError(
                f"{self.path} gives {outputs.dtype} of shape {outputs.shape}; expected uint8 or float32 of shape "
                f"{expected}. Export it again."
            )
        return outputs


def to_samples(outputs: np.ndarray) -> np.ndarray:
    """Outputs of a generator as samples: images become uint8, vectors stay float32.

    Args:
        outputs: float32 images (n, height, width, channels), nominally in [-1, 1]; uint8 images; or vectors
            (n, features).

    Returns:
        uint8 images in [0, 255], or the vectors.

    Raises:
        InputError: where an output is NaN or infinite.
    """
    if outputs.ndim != 4 or outputs.dtype == np.uint8:
        return finite(outputs)
    return pixels.to_uint8(np.clip(finite(outputs), -1, 1))  # clipped before the cast, in which huge values overflow


def finite(samples: np.ndarray) -> np.ndarray:
    """Returns the samples. Raises InputError where one is NaN or infinite."""
    if not np.isfinite(samples).all():
        raise InputError(
            "the generator gives NaN or infinity; expected finite data. Export it again: kgan export then names the "
            "layer, or reports that the Keras generator gives NaN and has to be trained again with lower learning "
            "rates."
        )
    return samples
