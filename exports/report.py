"""The check that every export passes, and its report: size, error against Keras, latency."""

import dataclasses
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from keras_gan.errors import InputError

SAMPLES = 64  # latents on which an export is compared with Keras
TIMED_CALLS, UNTIMED_CALLS = 50, 5


@dataclass(frozen=True)
class Report:
    """What was measured of an export. Errors are of outputs in [-1, 1], or, beyond that, relative to their largest."""

    file: str
    size_bytes: int
    quantize: str
    signatures: tuple[str, ...]
    largest_error: float
    mean_error: float
    tolerance: float  # the largest error that is let through
    latency_ms: float  # median of one sample at batch 1 on this machine

    def to_json(self) -> str:
        """The report as indented JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    def __str__(self):
        return (
            f"{self.file}: {self.size_bytes / 1000:,.0f} kB, {self.quantize}, largest error {self.largest_error:.1e} "
            f"(at most {self.tolerance:g} allowed), mean {self.mean_error:.1e}, {self.latency_ms:.2f} ms a sample; "
            f"signatures {', '.join(self.signatures)}"
        )


def compare(gan, generate: dict[int, Callable], tolerance: float) -> dict[str, float]:
    """Runs an export and the Keras generator on the same latents.

    Args:
        gan: the `keras_gan.GAN` that was exported.
        generate: batch size -> function from what the generator takes, float32 latents (batch, dim) and perhaps int32
            labels (batch,), to float32 data; 1 is among them.
        tolerance: the largest error to let through.

    Returns:
        The measured fields of `Report`.

    Raises:
        InputError: where an output is not finite or differs by more than the tolerance.
    """
    inputs = gan.inputs(SAMPLES, seed=0)
    expected = gan.compute(inputs, batch_size=16)
    columns = inputs if isinstance(inputs, list) else [inputs]
    scale = max(1.0, float(np.abs(expected).max()))  # vectors may have any range
    errors = []
    for size, function in generate.items():
        outputs = np.concatenate(
            [function(*(column[i : i + size] for column in columns)) for i in range(0, SAMPLES, size)]
        )
        if not (np.isfinite(outputs).all() and np.isfinite(expected).all()):
            raise InputError(
                "the exported generator gives NaN or infinity; expected finite data; train on, then export"
            )
        errors.append(np.abs(outputs - expected) / scale)
    largest = float(max(error.max() for error in errors))
    if largest > tolerance:
        raise InputError(
            f"the exported generator differs from Keras by {largest:.2g}; expected at most {tolerance:g}; export with "
            "quantize=float32 (--quantize float32), or change the layers that differ if it is that already"
        )
    mean = float(np.mean([error.mean() for error in errors]))
    return {
        "largest_error": largest,
        "mean_error": mean,
        "latency_ms": _latency_ms(generate[1], [column[:1] for column in columns]),
    }


def _latency_ms(function, inputs):
    seconds = []
    for _ in range(UNTIMED_CALLS + TIMED_CALLS):
        start = time.perf_counter()
        function(*inputs)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds[UNTIMED_CALLS:]) * 1000)
