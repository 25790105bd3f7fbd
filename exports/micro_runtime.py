"""The interpreter of microcontrollers on this machine: tflite-micro, an optional package."""

import importlib.util
import re

import numpy as np

from keras_gan._utils import silence
from keras_gan._utils.errors import InputError, first_line, how_to_install
from keras_gan.exports import edge, metadata
from keras_gan.exports.trial import UnusableFile, run, run_in_process

LARGEST_ARENA_BYTES = 2**26
ALIGNMENT_BYTES = 16


def check_package() -> None:
    """Raises InputError where tflite-micro is not installed."""
    if importlib.util.find_spec("tflite_micro") is None:
        raise InputError(
            f"tflite-micro not installed; expected for microcontrollers. {how_to_install('micro')}. It exists for "
            "Linux on x86-64."
        )


class Interpreter:
    """A .tflite with the one signature `generate` in the interpreter of LiteRT for Microcontrollers.

    Args:
        content: the .tflite. One that the interpreter cannot compute may crash the process; see `check`.
        arena_bytes: memory for the results of operations. One that is too small may crash the process, too.

    Raises:
        InputError: where the interpreter cannot compute an operation.
    """

    def __init__(self, content: bytes, arena_bytes: int = LARGEST_ARENA_BYTES):
        from tflite_micro import runtime

        self._places = input_places(content)
        with silence.capture_native_stderr() as written:
            try:
                self._interpreter = runtime.Interpreter.from_bytes(content, arena_size=arena_bytes)
            except RuntimeError as error:
                raise _unusable(written()) from error

    def run(self, *columns: np.ndarray) -> np.ndarray:
        """The outputs, float32 (n, *data_shape), for latents float32 (n, latent_dim) and labels int32 (n,), if any."""
        return np.concatenate([self._one(row) for row in zip(*columns, strict=True)])

    def _one(self, row):
        with silence.capture_native_stderr() as written:
            try:
                for name, value in edge.named(row).items():
                    self._interpreter.set_input(np.asarray(value)[None], self._places[name])
                self._interpreter.invoke()
                return self._interpreter.get_output(0)
            except RuntimeError as error:
                raise _unusable(written()) from error

    def arena_bytes(self) -> int:
        """The bytes of the arena that are in use, rounded up to a multiple of 16: the smallest arena that suffices."""
        with silence.capture_native_stderr() as written:
            self._interpreter.print_allocations()
            used = int(re.search(r"allocation total (\d+) bytes", written())[1])
        return -(-used // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def check(content: bytes) -> None:
    """Computes one sample in a separate process. Raises InputError where that fails or crashes."""
    try:
        run_in_process(content, __name__)
    except UnusableFile as error:
        raise InputError(
            f"LiteRT for Microcontrollers cannot compute the generator ({first_line(error)}); expected operations that "
            "it has. Change the layers that need others."
        ) from error


def trial(content: bytes) -> None:
    """Computes one sample, in the process that `check` starts."""
    ends = metadata.signatures(content)[edge.GENERATE]["inputs"]
    inputs = {name: np.zeros(sizes, dtype) for name, (dtype, sizes) in ends.items()}
    Interpreter(content).run(*(inputs[name] for name in (edge.INPUT, edge.LABEL) if name in inputs))


def input_places(content: bytes) -> dict[str, int]:
    """The indices of the inputs of `generate`, by name: on microcontrollers, inputs have no names."""
    return {name: place for place, name in enumerate(metadata.signatures(content)[edge.GENERATE]["inputs"])}


def _unusable(written: str) -> InputError:
    return InputError("; ".join(line.strip() for line in written.splitlines() if line.strip()) or "it gives no reason")


if __name__ == "__main__":
    run(trial)
