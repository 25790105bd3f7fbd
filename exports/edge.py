"""Sampling from a .tflite with ai-edge-litert, numpy, Pillow and msgspec: no TensorFlow, no Keras."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from keras_gan._utils import silence
from keras_gan._utils.errors import InputError, first_line
from keras_gan.exports.generators import BATCH, FileGenerator, finite, to_samples
from keras_gan.exports.trial import TrialUnavailable, missing, run, run_in_process
from keras_gan.sampling import latents

__all__ = ["Generator", "finite", "run_in_process", "to_samples"]

IDENTIFIER = b"TFL3"  # bytes 4 to 8 of every .tflite
LARGEST_BYTES = 2**31  # the limit of the flatbuffer format
GENERATE, SAMPLE = "generate", "sample"  # signatures: from latents, and from seeds
# Batch sizes by the end of a signature's name. They are fixed, since XNNPACK and browsers support no open batch.
BATCHES = {"": 1, "_16": 16}
SIGNATURES = {name + end: size for name in (GENERATE, SAMPLE) for end, size in BATCHES.items()}
INPUT, SEED, LABEL, OUTPUT = "z", "seed", "label", "images"  # LABEL only of a class-conditional generator


class Generator(FileGenerator):
    """A generator that was exported as a .tflite.

    Args:
        path: the file, written by `keras_gan.exports.export(format="tflite")`.

    Raises:
        InputError: where the file is no such .tflite or is damaged, or where this machine cannot run it. The message
            gives the reason.

    Attributes:
        description: the description inside the file; see `keras_gan.exports.about.describe`.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = path
        content = _read(Path(path))
        try:
            run_in_process(content)
            with silence.silence_native_stderr():
                self._open(content)
                self._try(GENERATE)  # LiteRT prints a note at its first run: here it is silenced
        except TrialUnavailable as error:
            raise InputError(f"{path} cannot be tested: {error}") from error
        except ImportError as error:
            raise InputError(f"{path} cannot be opened: {missing(error)}") from error
        except MemoryError as error:
            raise InputError(f"{path} cannot be opened: memory ran out. Free memory, then try again.") from error
        except Exception as error:  # a damaged flatbuffer fails anywhere, with any error
            raise InputError(
                f"{path} is damaged, or is no generator ({first_line(error)}); expected a .tflite that kgan export "
                "wrote. Export it again, or check where the file comes from."
            ) from error

    def _open(self, content):
        # Imported here, so that the error for a wrong path comes at once.
        from ai_edge_litert.interpreter import Interpreter

        from keras_gan.exports import metadata

        self.description = metadata.check(metadata.read(content))
        interpreter = Interpreter(model_content=content, num_threads=1)
        names = check_signatures(interpreter.get_signature_list())
        self._runners = {name: interpreter.get_signature_runner(name) for name in names}

    @property
    def signatures(self) -> tuple[str, ...]:
        """The names of the signatures in the file, in the order of `SIGNATURES`; "generate" is always one of them."""
        return tuple(self._runners)

    def _try(self, signature):
        """Runs a signature. Raises ValueError where its output does not match the description."""
        size = SIGNATURES[signature]
        images = self.runner(signature)(*self.signature_inputs(signature, latents.seeds(size, 0)))
        expected = (size, *self.description["data_shape"])
        if images.shape != expected or images.dtype != self.description["output"]:
            raise ValueError(f"it gives {images.dtype} of shape {images.shape}, not of shape {expected}")

    def runner(self, signature: str) -> Callable[[np.ndarray], np.ndarray]:
        """The function that a signature computes.

        Args:
            signature: a name in `signatures`.

        Returns:
            A function of what `signature_inputs` gives, in a batch of the signature's fixed size: float32 latents
            (batch, latent_dim) or int32 seeds (batch,), and int32 labels (batch,) where the generator takes them. Its
            result is (batch, *data_shape): float32, images nominally in [-1, 1], or uint8 images in [0, 255].
        """
        run, first = self._runners[signature], first_input(signature)
        return lambda *columns: run(**named(columns, first))[OUTPUT]

    def signature_inputs(self, signature: str, seeds: np.ndarray, labels=None) -> list[np.ndarray]:
        """The inputs of a signature for the pictures of seeds.

        Args:
            signature: a name in `signatures`.
            seeds: int32 (batch,).
            labels: as in `Generator.generate`.

        Returns:
            [seeds] for a signature that takes seeds, otherwise [latents float32 (batch, latent_dim)]; and labels int32
            (batch,) where the generator takes them.
        """
        from_seeds = first_input(signature) == SEED
        z = seeds if from_seeds else latents.of_seeds(seeds, self.latent_dim, self.latent)
        labels = latents.choose_labels(len(seeds), self.num_classes, labels, seeds)
        return [z] if labels is None else [z, labels]

    def _outputs(self, columns, batch_size=BATCH):
        """Computed in batches of 16, where the file has them, and of 1; `batch_size` has no effect."""
        outputs, start, n = [], 0, len(columns[0])
        for name in sorted(filter(from_latents, self.signatures), key=SIGNATURES.__getitem__, reverse=True):
            run, size = self.runner(name), SIGNATURES[name]
            while n - start >= size:
                outputs.append(run(*(column[start : start + size] for column in columns)))
                start += size
        return np.concatenate(outputs)


def trial(content: bytes) -> None:
    """Opens a file and runs all its signatures, in the process that `run_in_process` starts.

    Raises any error where the file is no generator that works.
    """
    generator = Generator.__new__(Generator)
    generator._open(content)
    for signature in generator.signatures:
        generator._try(signature)


def check_signatures(names: Iterable[str]) -> tuple[str, ...]:
    """The known ones of a file's signatures, in the order of `SIGNATURES`.

    Raises:
        InputError: where `GENERATE`, which everything else is computed from, is not among them.
    """
    names = tuple(name for name in SIGNATURES if name in set(names))
    if GENERATE not in names:
        raise InputError(f"the signatures are {', '.join(names) or 'unknown'}; expected {GENERATE} among them. Add it.")
    return names


def from_latents(signature: str) -> bool:
    """Whether a signature takes latents, not seeds."""
    return first_input(signature) == INPUT


def first_input(signature: str) -> str:
    """The name of a signature's first input: `SEED` or `INPUT`."""
    return SEED if signature.startswith(SAMPLE) else INPUT


def named(columns, first=INPUT) -> dict:
    """Inputs by their names in the signatures: the first one under `first`, labels, if there are any, under `LABEL`."""
    return dict(zip((first, LABEL), columns, strict=False))


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise InputError(f"{path} is not a file; expected a .tflite. Check the path.")
    if path.stat().st_size > LARGEST_BYTES:
        size_gb = path.stat().st_size / 2**30
        raise InputError(f"{path} has {size_gb:.1f} GB; expected at most 2 GB, the limit of a .tflite. Check the path.")
    content = path.read_bytes()
    if content[4:8] != IDENTIFIER:
        raise InputError(f"{path} is not a .tflite; expected a file that kgan export --tflite wrote. Check the path.")
    return content


if __name__ == "__main__":
    run(trial)
