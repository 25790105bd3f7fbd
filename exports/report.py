"""The check that every export passes, and its report: size, error against Keras, latency, quality."""

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from keras_gan import latents, pixels
from keras_gan.errors import InputError
from keras_gan.exports import quality
from keras_gan.exports.edge import SEED, SIGNATURES, finite, first_input
from keras_gan.exports.options import Options
from keras_gan.exports.quality import Quality
from keras_gan.exports.quantize import Mode
from keras_gan.files import kilobytes

SEEDS = 64  # pictures in which an export is compared with Keras
# Of rounding to whole grey levels, beside what was there before: a step where a value lies on the edge, which few do.
GREY = 1 / pixels.HALF_RANGE
TIMED_CALLS, UNTIMED_CALLS = 50, 5


@dataclass(frozen=True)
class Report:
    """What was measured of an export; errors are those of `differences`."""

    file: str
    size_bytes: int
    quantize: str
    signatures: tuple[str, ...]
    largest_error: float
    mean_error: float
    tolerance: float  # the largest error that is let through
    latency_ms: float  # of one sample at batch 1 on this machine: the median of 50 calls
    latency_16_ms: float  # of one sample at batch 16
    quality: Quality | None = None
    slow_operations: tuple[str, ...] | None = None  # of `generate`, that XNNPACK does not compute; None: not known

    def to_json(self) -> str:
        """The report as indented JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    def __str__(self):
        return (
            f"{self.file}: {kilobytes(self.size_bytes)}, {self.quantize}, largest error {self.largest_error:.1e} "
            f"(at most {self.tolerance:g} allowed), mean {self.mean_error:.1e}, {self.latency_ms:.2f} ms a sample; "
            f"signatures {', '.join(self.signatures)}"
            + (f"; not computed by XNNPACK: {', '.join(self.slow_operations)}" if self.slow_operations else "")
        )


def table(reports: list[Report]) -> str:
    """Several exports of one generator side by side, in lines of text."""
    judged = any(report.quality and report.quality.frechet_distance is not None for report in reports)
    head = ("", "size", "mean error", "largest", "ms a sample", "at 16", "samples moved", "Fréchet")
    rows = [head, *(_row(report) for report in reports)]
    rows = rows if judged else [row[:-1] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([f"{row[0]:{widths[0]}}", *(f"{cell:>{w}}" for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    return "\n".join([*(line.rstrip() for line in lines), "", *_legend(reports, judged)])


def _row(report):
    cost = report.quality
    frechet = cost and cost.frechet_distance
    return (
        report.quantize,
        kilobytes(report.size_bytes),
        f"{report.mean_error:.1e}",
        f"{report.largest_error:.1e}",
        f"{report.latency_ms:.3f}",
        f"{report.latency_16_ms:.3f}",
        f"{cost.sliced_wasserstein:.2%}" if cost else "",
        "" if frechet is None else f"{frechet:.3f} ({cost.lost:+.1%})",
    )


def _legend(reports, judged):
    """What the columns of the table mean."""
    yield f"errors against Keras, of values in [-1, 1], in {SEEDS} samples; times on this machine, one thread"
    cost = next((report.quality for report in reports if report.quality), None)
    if cost:
        yield f"samples moved: sliced Wasserstein distance to Keras's {cost.samples:,}, as a share of their spread"
    if judged:
        yield f"Fréchet: distance to real images, of {cost.frechet_samples:,} samples (and against Keras's)"


def judge(gan, runs: Mapping[str, Callable], generate: Callable, mode: Mode, options: Options) -> dict:
    """Takes an export through the whole check: `compare`, and then its quality, with `generate` as `quality.measure`
    takes it.

    Returns:
        The measured fields of `Report`.

    Raises:
        InputError: where it does not pass.
    """
    measured = compare(gan, runs, mode, options.uint8)
    cost = quality.measure(gan, generate, options.truth)
    quality.check(cost, options.force)
    return measured | {"quality": cost}


def compare(gan, runs: Mapping[str, Callable], mode: Mode, uint8: bool = False) -> dict[str, float]:
    """Runs every signature of an export and the Keras generator on the same seeds.

    Args:
        gan: the `keras_gan.GAN` that was exported.
        runs: signature -> function from what it takes, float32 latents (batch, dim) or int32 seeds (batch,), and
            perhaps int32 labels (batch,), to float32 data, or uint8 images.
        mode: the errors to let through.
        uint8: whether the signatures give uint8 images.

    Returns:
        The measured fields of `Report`.

    Raises:
        InputError: where an output is not finite or differs by more than the mode allows.
    """
    seeds = latents.seeds(SEEDS, 0)
    inputs = gan.inputs(SEEDS, seed=0)
    expected = gan.compute(inputs, batch_size=16)
    finite(expected)
    columns = inputs if isinstance(inputs, list) else [inputs]
    errors = []
    for name, run in runs.items():
        taken = [seeds, *columns[1:]] if first_input(name) == SEED else columns
        outputs = _in_batches(run, taken, SIGNATURES[name])
        finite(outputs)
        errors.append(differences(outputs, expected))
    measured = {
        "largest_error": float(max(error.max() for error in errors)),
        "mean_error": float(np.mean([error.mean() for error in errors])),
        "tolerance": mode.largest_error + (GREY if uint8 else 0),
    }
    _check_errors(measured, mode.mean_error + (GREY / 10 if uint8 else 0))
    return measured | {
        "latency_ms": _latency_ms(runs["generate"], [column[:1] for column in columns]),
        "latency_16_ms": _latency_ms(runs["generate_16"], [column[:16] for column in columns]) / 16,
    }


def differences(outputs: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """How far outputs are from Keras's, value by value, as whoever reads them sees it.

    Args:
        outputs: float32, or uint8 images.
        expected: Keras's, float32.

    Returns:
        Of images, differences in [-1, 1], what is beyond being clipped; of vectors, relative to the largest expected
        value where that is over 1.
    """
    if expected.ndim == 2:
        return np.abs(outputs - expected) / max(1.0, float(np.abs(expected).max()))
    if outputs.dtype == np.uint8:
        outputs, expected = pixels.floats(outputs), pixels.floats(pixels.to_uint8(expected))
    return np.abs(np.clip(outputs, -1, 1) - np.clip(expected, -1, 1))


def _in_batches(run, columns, size):
    starts = range(0, SEEDS, size)
    return np.concatenate([run(*(column[start : start + size] for column in columns)) for start in starts])


def _check_errors(measured, mean_tolerance):
    for what, most in (("largest", measured["tolerance"]), ("mean", mean_tolerance)):
        if measured[f"{what}_error"] > most:
            raise InputError(
                f"the exported generator differs from Keras by {measured[f'{what}_error']:.2g} ({what}); expected at "
                f"most {most:g}; export with quantize=float32 (--quantize float32), or change the layers that differ "
                "if it is that already"
            )


def _latency_ms(function, inputs):
    seconds = []
    for _ in range(UNTIMED_CALLS + TIMED_CALLS):
        start = time.perf_counter()
        function(*inputs)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds[UNTIMED_CALLS:]) * 1000)
