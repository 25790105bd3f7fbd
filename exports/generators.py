"""What all generators in files have in common, whatever runs them; see `keras_gan.sampling.generators.Generator`."""

import os

import numpy as np

from keras_gan._utils import pixels
from keras_gan._utils.errors import InputError
from keras_gan.sampling import generators, latents, sliders
from keras_gan.sampling.generators import Generator

__all__ = ["FileGenerator", "Generator", "finite", "to_samples"]

BATCH = 64  # samples computed at once


class FileGenerator:
    """A generator in a file: all of `Generator` from the file's description and one function, `_outputs`.

    Attributes:
        description: what the file says of itself; see `keras_gan.exports.about.describe`.
        path: of the file.
    """

    description: dict
    path: str | os.PathLike | None = None

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
        """The sliders that the file brings; none where it has no directions."""
        return sliders.from_json(self.description.get("directions"), self.latent, self.latent_dim)

    @property
    def step(self) -> int | None:
        """Training steps, as the file says."""
        steps = (self.description.get("training") or {}).get("steps")
        return steps if type(steps) is int else None

    def _outputs(self, columns: list[np.ndarray], batch_size: int) -> np.ndarray:
        """What the file gives for [latents] or [latents, labels]: float32, or uint8 images."""
        raise NotImplementedError

    def inputs(self, n: int, seed: int | None = None, labels=None):
        """What `compute` takes for n samples; see `Generator.inputs`."""
        return generators.inputs(self, n, seed, labels)

    def compute(self, inputs, batch_size: int = BATCH) -> np.ndarray:
        """float32 (n, *data_shape), images in [-1, 1], also those of a uint8 file; see `Generator.compute`."""
        return pixels.floats(self._checked(generators.columns(self, inputs), batch_size))

    def generate(
        self, n: int | None = None, seed: int | None = None, batch_size: int = BATCH, labels=None, z=None
    ) -> np.ndarray:
        """Draws samples; a seed gives the sample that `GAN.generate` gives, within the export's tolerance.

        Arguments and errors as in `Generator.generate`.
        """
        columns = latents.columns(n, self.latent_dim, self.latent, seed, self.num_classes, labels, z)
        return to_samples(self._checked(columns, batch_size))

    def _checked(self, columns, batch_size):
        outputs, expected = self._outputs(columns, batch_size), (len(columns[0]), *self.data_shape)
        if outputs.dtype not in (np.uint8, np.float32) or outputs.shape != expected:
            raise InputError(
                f"{self.path} gives {outputs.dtype} of shape {outputs.shape}; expected uint8 or float32 of shape "
                f"{expected}; export it anew"
            )
        return outputs


def to_samples(outputs: np.ndarray) -> np.ndarray:
    """A generator's outputs as users see them: images as uint8. Raises InputError where some are NaN or infinite."""
    if outputs.ndim != 4 or outputs.dtype == np.uint8:
        return finite(outputs)
    return pixels.to_uint8(np.clip(finite(outputs), -1, 1))  # clipped first, since huge values would overflow


def finite(samples: np.ndarray) -> np.ndarray:
    """The samples themselves. Raises InputError where some are NaN or infinite."""
    if not np.isfinite(samples).all():
        raise InputError(
            "the generator gives NaN or infinity; expected finite data. Export it again: kgan export names the layer, "
            "or says that Keras's own generator gives NaN and has to be trained anew with lower learning rates."
        )
    return samples
