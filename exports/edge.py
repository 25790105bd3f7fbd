"""Sampling from a .tflite with ai-edge-litert, numpy and Pillow: no TensorFlow, no Keras."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_gan import latents, pixels, quiet
from keras_gan.errors import InputError

IDENTIFIER = b"TFL3"  # bytes 4 to 8 of every .tflite
LARGEST_BYTES = 2**31  # the flatbuffer format holds no more
LONGEST_TRIAL_S = 60
LARGEST_TRIAL_BYTES = 2**33
BATCH_SIZES = {"generate_16": 16, "generate": 1}  # signatures, largest batch first
INPUT, LABEL, OUTPUT = "z", "label", "images"  # LABEL only of a class-conditional generator


class Generator:
    """A generator that was exported as a .tflite.

    Args:
        path: the file, written by `keras_gan.exports.export(format="litert")`.

    Raises:
        InputError: where the file is no such .tflite, or is damaged.

    Attributes:
        description: what the file says of itself: latent, latent_dim, num_classes, data_shape, value_range.
    """

    def __init__(self, path: str | os.PathLike):
        content = _read(Path(path))
        try:
            survive(content)
            with quiet.native_stderr():
                self._open(content)
                self._try("generate")  # brings the runtime's own note
        except Exception as error:  # a damaged flatbuffer fails anywhere, with any error
            raise InputError(
                f"{path} is damaged, or a .tflite of something else; expected a generator that kgan export wrote"
            ) from error

    def _open(self, content):
        # Imported here, so that a wrong path is told without waiting for the runtime.
        from ai_edge_litert.interpreter import Interpreter

        from keras_gan.exports import metadata

        self.description = metadata.check(metadata.read(content))
        interpreter = Interpreter(model_content=content)
        self._runners = {name: interpreter.get_signature_runner(name) for name in BATCH_SIZES}

    def _try(self, signature):
        """Raises ValueError where a signature does not give what the description says."""
        size = BATCH_SIZES[signature]
        images = self.runner(signature)(*self._inputs(size, seed=0))
        expected = (size, *self.description["data_shape"])
        if images.shape != expected or images.dtype != np.float32:
            raise ValueError(f"{images.dtype} of shape {images.shape}; expected float32 of {expected}")

    def runner(self, signature: str) -> Callable[[np.ndarray], np.ndarray]:
        """The function that a signature computes, of a batch: float32 latents (batch, dim), and int32 labels (batch,)
        where the generator takes them, to float32 data in [-1, 1]."""
        run = self._runners[signature]
        return lambda *columns: run(**named(columns))[OUTPUT]

    def generate(self, n: int, seed: int | None = None, labels=None) -> np.ndarray:
        """Draws samples; the same seed gives the pictures that `GAN.generate` gives, within the export's tolerance.

        Args:
            n: how many, at least 1.
            seed: of the latents; None for fresh ones.
            labels: classes of a conditional generator's samples: one, or n of them; None for all classes in turn.

        Returns:
            uint8 images (n, height, width, channels); float32 (n, features) where the data are vectors.

        Raises:
            InputError: where the generator gives NaN or infinity.
        """
        inputs = self._inputs(n, seed, labels)
        outputs, start = [], 0
        for signature, size in BATCH_SIZES.items():
            run = self.runner(signature)
            while n - start >= size:
                outputs.append(run(*(column[start : start + size] for column in inputs)))
                start += size
        samples = finite(np.concatenate(outputs))
        return pixels.to_uint8(samples) if len(self.description["data_shape"]) == 3 else samples

    def _inputs(self, n, seed, labels=None):
        """Latents, and labels where the generator takes them."""
        said = self.description
        return latents.columns(n, said["latent_dim"], said["latent"], seed, said.get("num_classes"), labels)


def survive(content: bytes) -> None:
    """Runs every signature in a process of its own, for LiteRT can end or hang the process that reads a hostile file.

    Raises:
        subprocess.SubprocessError: where that process fails, or takes longer than `LONGEST_TRIAL_S`.
    """
    # -P: a module in the folder where the command runs is not taken for one of ours.
    command = [sys.executable, "-P", "-m", "keras_gan.exports.edge"]
    subprocess.run(command, input=content, capture_output=True, timeout=LONGEST_TRIAL_S, check=True)


def trial(content: bytes) -> None:
    """What that process does. Raises where the file is no generator that works."""
    with contextlib.suppress(ImportError):  # elsewhere than on Unix
        import resource

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        soft = LARGEST_TRIAL_BYTES if hard == resource.RLIM_INFINITY else min(LARGEST_TRIAL_BYTES, hard)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    generator = Generator.__new__(Generator)
    generator._open(content)
    for signature in BATCH_SIZES:
        generator._try(signature)


def finite(samples: np.ndarray) -> np.ndarray:
    """The samples themselves. Raises InputError where some are NaN or infinite."""
    if not np.isfinite(samples).all():
        raise InputError("the generator gives NaN or infinity; expected finite data; train on, then export anew")
    return samples


def named(columns, latents_name=INPUT) -> dict:
    """Latents, and labels where there are any, by the names that signatures give them."""
    return dict(zip((latents_name, LABEL), columns, strict=False))


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise InputError(f"{path} is not a file; expected a .tflite; check the path")
    if path.stat().st_size > LARGEST_BYTES:
        raise InputError(f"{path} is larger than any .tflite; expected at most 2 GB")
    content = path.read_bytes()
    if content[4:8] != IDENTIFIER:
        raise InputError(f"{path} is not a .tflite; expected a file written by kgan export --tflite")
    return content


if __name__ == "__main__":
    trial(sys.stdin.buffer.read())
