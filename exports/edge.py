"""Sampling from a .tflite with ai-edge-litert, numpy and Pillow: no TensorFlow, no Keras."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_gan._utils import silence
from keras_gan._utils.errors import InputError, first_line
from keras_gan.exports.generators import BATCH, FileGenerator, finite, to_samples
from keras_gan.exports.trial import Unable, missing, run, survive
from keras_gan.sampling import latents

__all__ = ["Generator", "finite", "survive", "to_samples"]

IDENTIFIER = b"TFL3"  # bytes 4 to 8 of every .tflite
LARGEST_BYTES = 2**31  # the flatbuffer format holds no more
GENERATE, SAMPLE = "generate", "sample"  # signatures: from latents, and from seeds
BATCHES = {"": 1, "_16": 16}  # by the end of a signature's name; fixed, since XNNPACK and browsers refuse others
SIGNATURES = {name + end: size for name in (GENERATE, SAMPLE) for end, size in BATCHES.items()}
INPUT, SEED, LABEL, OUTPUT = "z", "seed", "label", "images"  # LABEL only of a class-conditional generator


class Generator(FileGenerator):
    """A generator that was exported as a .tflite.

    Args:
        path: the file, written by `keras_gan.exports.export(format="tflite")`.

    Raises:
        InputError: where the file is no such .tflite, or is damaged, or where this machine cannot run it: then the
            message says why.

    Attributes:
        description: what the file says of itself; see `keras_gan.exports.about.describe`.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = path
        content = _read(Path(path))
        try:
            survive(content)
            with silence.silence_native_stderr():
                self._open(content)
                self._try(GENERATE)  # brings the runtime's own note
        except Unable as error:
            raise InputError(f"{path} cannot be tried: {error}") from error
        except ImportError as error:
            raise InputError(f"{path} cannot be opened: {missing(error)}") from error
        except MemoryError as error:
            raise InputError(f"{path} cannot be opened: memory ran out. Free memory, then try again.") from error
        except Exception as error:  # a damaged flatbuffer fails anywhere, with any error
            raise InputError(
                f"{path} is damaged, or a .tflite of something else; expected a generator that kgan export wrote "
                f"({first_line(error)}). Export it again, or check where the file comes from."
            ) from error

    def _open(self, content):
        # Imported here, so that a wrong path is told without waiting for the runtime.
        from ai_edge_litert.interpreter import Interpreter

        from keras_gan.exports import metadata

        self.description = metadata.check(metadata.read(content))
        interpreter = Interpreter(model_content=content, num_threads=1)
        self._runners = {name: interpreter.get_signature_runner(name) for name in SIGNATURES}

    def _try(self, signature):
        """Raises ValueError where a signature does not give what the description says."""
        size = SIGNATURES[signature]
        images = self.runner(signature)(*self.signature_inputs(signature, latents.seeds(size, 0)))
        expected = (size, *self.description["data_shape"])
        if images.shape != expected or images.dtype != self.description["output"]:
            raise ValueError(f"{images.dtype} of shape {images.shape}; expected {expected}")

    def runner(self, signature: str) -> Callable[[np.ndarray], np.ndarray]:
        """The function that a signature computes, of a batch of its fixed size.

        It takes what `signature_inputs` gives: float32 latents (batch, dim) or int32 seeds (batch,), and int32 labels
        (batch,) where the generator takes them; it gives float32 data in [-1, 1], or uint8 images.
        """
        run, first = self._runners[signature], first_input(signature)
        return lambda *columns: run(**named(columns, first))[OUTPUT]

    def signature_inputs(self, signature: str, seeds: np.ndarray, labels=None) -> list[np.ndarray]:
        """What a signature takes to make the pictures of seeds: [seeds or latents], and labels where there are any."""
        from_seeds = first_input(signature) == SEED
        z = seeds if from_seeds else latents.of_seeds(seeds, self.latent_dim, self.latent)
        labels = latents.choose_labels(len(seeds), self.num_classes, labels, seeds)
        return [z] if labels is None else [z, labels]

    def _outputs(self, columns, batch_size=BATCH):
        """In the batches of 16 and 1 that the file has, whatever `batch_size` says."""
        outputs, start, n = [], 0, len(columns[0])
        for end, size in reversed(BATCHES.items()):
            run = self.runner(GENERATE + end)
            while n - start >= size:
                outputs.append(run(*(column[start : start + size] for column in columns)))
                start += size
        return np.concatenate(outputs)


def trial(content: bytes) -> None:
    """What the process of `survive` does. Raises where the file is no generator that works."""
    generator = Generator.__new__(Generator)
    generator._open(content)
    for signature in SIGNATURES:
        generator._try(signature)


def first_input(signature: str) -> str:
    """The name of what a signature makes pictures of."""
    return SEED if signature.startswith(SAMPLE) else INPUT


def named(columns, first=INPUT) -> dict:
    """Latents or seeds, and labels where there are any, by the names that signatures give them."""
    return dict(zip((first, LABEL), columns, strict=False))


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
    run(trial)
