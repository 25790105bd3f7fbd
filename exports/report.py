"""The comparison of an export with Keras, and its report: size, errors, latency and quality."""

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_gan._utils import pixels
from keras_gan._utils.errors import InputError
from keras_gan._utils.files import kilobytes
from keras_gan._utils.text import WIDTH, Table, Text
from keras_gan.exports import quality
from keras_gan.exports.edge import SEED, SIGNATURES, first_input, from_latents
from keras_gan.exports.options import Options
from keras_gan.exports.quality import Quality
from keras_gan.exports.quantize import Mode
from keras_gan.exports.storage import HigherPrecision
from keras_gan.sampling import latents

SEEDS = 64  # samples for the comparison with Keras
# The additional error of uint8 images: one grey level, where a value lies between two of them.
GREY = 1 / pixels.HALF_RANGE
TIMED_CALLS, UNTIMED_CALLS = 50, 5
PERCENTILE = 99.9  # of the errors. It has a bound of its own, since the largest error says little about the others
SHOWN_WEIGHTS = 3  # weights that a report lists
LEAST_SHOWN_SHARE = 0.01  # of the file


@dataclass(frozen=True)
class ExportReport:
    """Measurements of an export. Errors are differences from Keras; see `differences`.

    Attributes:
        file: path of the export.
        size_bytes: size of the export.
        quantize: how the file stores the weights, a name in `quantize.MODES`.
        signatures: names of the signatures.
        largest_error: the largest error.
        mean_error: the mean error.
        tolerance: upper bound of `largest_error`.
        percentile_error: the 99.9th percentile of the errors.
        percentile_tolerance: upper bound of `percentile_error`.
        latency_ms: milliseconds for one sample at batch size 1 on this machine, the median of 50 calls.
        latency_16_ms: milliseconds for one sample at batch size 16; None where no signature has it.
        quality: the loss of quality; None where it was not measured.
        slow_operations: operations of `generate` that XNNPACK does not compute; None where that is not known.
        refused_by_gpu: signature -> operations that a GPU does not compute; see `accelerators`. None where that is not
            known.
        floating_operations: operations of `generate` in floating point, for an int8-static file; None for others.
        arena_bytes: memory for the results of operations on a microcontroller; None for other formats.
        tuned_steps: steps of fine-tuning for 8 bits; see `tuning`.
        stored: dtype -> bytes of the weights; None where that is not known.
        higher_precision: large weights that are stored with more bits than the mode promises.
        loaded_bytes: bytes that a visitor of a web page loads; None for other formats.
        compressed_bytes: these bytes where the server compresses the files with gzip.
    """

    file: str
    size_bytes: int
    quantize: str
    signatures: tuple[str, ...]
    largest_error: float
    mean_error: float
    tolerance: float
    percentile_error: float
    percentile_tolerance: float
    latency_ms: float
    latency_16_ms: float | None
    quality: Quality | None = None
    slow_operations: tuple[str, ...] | None = None
    refused_by_gpu: dict[str, list[str]] | None = None
    floating_operations: list[str] | None = None
    arena_bytes: int | None = None
    tuned_steps: int = 0
    stored: dict[str, int] | None = None
    higher_precision: tuple[HigherPrecision, ...] = ()
    loaded_bytes: int | None = None
    compressed_bytes: int | None = None

    @property
    def forced(self) -> bool:
        """Whether an error is above its bound, so that the file was written because of `Options.force`."""
        return self.largest_error > self.tolerance or self.percentile_error > self.percentile_tolerance

    @property
    def higher_precision_bytes(self) -> int:
        """Bytes of the large weights that are stored with more bits than the mode promises."""
        return sum(one.size_bytes for one in self.higher_precision)

    def to_json(self) -> str:
        """The report as indented JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    def __str__(self):
        tuned = f" tuned for {self.tuned_steps:,} steps" if self.tuned_steps else ""
        return (
            f"{self.file}: {kilobytes(self.size_bytes)}, {self.quantize}{tuned}, largest error {self.largest_error:.1e}"
            f" (at most {self.tolerance:g} allowed), 99.9th percentile {self.percentile_error:.1e} (at most "
            f"{self.percentile_tolerance:g}), mean {self.mean_error:.1e}, {self.latency_ms:.2f} ms a sample; "
            f"signatures {', '.join(self.signatures)}"
            + (f"; not computed by XNNPACK: {', '.join(self.slow_operations)}" if self.slow_operations else "")
            + (f"; {accelerators}" if (accelerators := self._accelerators()) else "")
            + (f"; arena {kilobytes(self.arena_bytes)}" if self.arena_bytes else "")
            + ("; the errors are too large, and the file was written because of --force" if self.forced else "")
            + "".join(f"\n{line}" for line in self._higher_precision_lines())
            + (f"\n{page}" if (page := self._page_line()) else "")
        )

    def _accelerators(self):
        """What a GPU and an NPU can compute, for people; empty where nothing is known."""
        known = []
        if self.refused_by_gpu is not None:
            whole = [name for name, refused in self.refused_by_gpu.items() if not refused]
            known += [f"for GPUs {', '.join(whole) or 'no signature'}"]
        if self.floating_operations is not None:
            rest = ", ".join(self.floating_operations)
            known += [f"for integer NPUs generate, except for {rest}" if rest else "for integer NPUs generate"]
        return "; ".join(known)

    def _page_line(self):
        """A line about what a visitor of a web page loads; empty for other formats."""
        if self.loaded_bytes is None:
            return ""
        return (
            f"  a visitor loads {self.loaded_bytes / 1e6:.1f} MB, or {self.compressed_bytes / 1e6:.1f} MB where the "
            "server compresses .wasm, .js and .tflite files"
        )

    def _higher_precision_lines(self):
        """Lines about weights with more bits than the mode promises, the largest first; none where they are few."""
        share = self.higher_precision_bytes / self.size_bytes
        if share < LEAST_SHOWN_SHARE:
            return
        size = kilobytes(self.higher_precision_bytes)
        yield f"  stored with more bits than {self.quantize}: {size}, {share:.0%} of the file"
        for one in self.higher_precision[:SHOWN_WEIGHTS]:
            yield f"    {one.layer} ({one.operation}), {one.dtype}, {kilobytes(one.size_bytes)}: {one.reason}"
        if len(self.higher_precision) > SHOWN_WEIGHTS:
            rest = sum(one.size_bytes for one in self.higher_precision[SHOWN_WEIGHTS:])
            yield f"    {len(self.higher_precision) - SHOWN_WEIGHTS} more, {kilobytes(rest)}"


def table(reports: list[ExportReport]) -> Text:
    """A table of several exports of one generator."""
    with_frechet = any(report.quality and report.quality.frechet_distance is not None for report in reports)
    head = ["", "size", "mean error", "99.9 %", "largest", "ms a sample", "at 16", "samples moved", "Fréchet"]
    columns = len(head) if with_frechet else len(head) - 1
    several = len({Path(report.file).suffix for report in reports}) > 1  # formats
    names = [Path(report.file).name if several else report.quantize for report in reports]
    head, rows = head[:columns], [(name, *_row(each))[:columns] for name, each in zip(names, reports, strict=True)]
    return Text(
        [Table(rows, head, numbers=range(1, len(head))), "", Table(list(_legend(reports, with_frechet)), width=WIDTH)]
    )


def _row(report):
    cost = report.quality
    frechet = cost and cost.frechet_distance
    return (
        kilobytes(report.size_bytes),
        f"{report.mean_error:.1e}",
        f"{report.percentile_error:.1e}",
        f"{report.largest_error:.1e}",
        f"{report.latency_ms:.3f}",
        f"{report.latency_16_ms:.3f}" if report.latency_16_ms else "",
        f"{cost.sliced_wasserstein:.2%}" if cost else "",
        "" if frechet is None else f"{frechet:.3f} ({cost.lost:+.1%})",
    )


def _legend(reports, with_frechet):
    """The meaning of the columns."""
    yield "errors", f"of values in [-1, 1], against Keras, in {SEEDS} samples"
    yield "99.9 %", "999 of 1,000 values have a smaller error"
    yield "ms a sample", "on this machine, with one thread, in batches of 1 and of 16"
    cost = next((report.quality for report in reports if report.quality), None)
    if cost:
        yield (
            "samples moved",
            f"sliced Wasserstein distance to {cost.samples:,} samples of Keras, as a share of their spread",
        )
    if with_frechet:
        yield "Fréchet", f"distance of {cost.frechet_samples:,} samples to real images, and the change against Keras"


def verify(gan, runs: Mapping[str, Callable], generate: Callable, mode: Mode, options: Options, explain=None) -> dict:
    """Compares an export with Keras, and measures its quality.

    Args:
        gan: the `keras_gan.GAN` that was exported.
        runs: the signatures, as in `compare`.
        generate: function that draws samples, as in `quality.measure`.
        mode: the allowed errors.
        options: the options of the export.
        explain: as in `compare`.

    Returns:
        The measured fields of `ExportReport`.

    Raises:
        InputError: where an error or the loss of quality is too large, or an output is not finite.
    """
    measured = compare(gan, runs, mode, options.uint8, explain, options.force)
    try:
        original = options.once(gan, "original", lambda: quality.Original(gan, options.reference))
        cost = quality.measure(original, generate)
    except InputError as error:
        if (seed := _first_not_finite(generate)) is not None:
            raise _not_finite(gan, seed, explain) from error
        raise
    quality.check(cost, options.force)
    return measured | {"quality": cost}


def compare(
    gan, runs: Mapping[str, Callable], mode: Mode, uint8: bool = False, explain=None, force: bool = False
) -> dict[str, float]:
    """Runs every signature of an export and the Keras generator on the same seeds.

    Args:
        gan: the `keras_gan.GAN` that was exported.
        runs: signature -> function from float32 latents (batch, latent_dim) or int32 seeds (batch,), and int32 labels
            (batch,) where the GAN is conditional, to float32 data or uint8 images (batch, *data_shape).
        mode: the allowed errors.
        uint8: whether the signatures give uint8 images.
        explain: function from the inputs of one sample, [z (1, latent_dim)] and a label (1,) where there are labels,
            to a sentence about the operation that makes it NaN or infinite, with a remedy; or to None. None explains
            nothing.
        force: whether to accept errors that the mode does not allow. NaN and infinity are never accepted.

    Returns:
        The measured fields of `ExportReport`.

    Raises:
        InputError: where an output is not finite or differs by more than the mode allows.
    """
    seeds = latents.seeds(SEEDS, 0)
    inputs = gan.inputs(SEEDS, seed=0)
    expected = gan.compute(inputs, batch_size=16)
    # A weight may be NaN although all samples are numbers: some processors compute max(0, NaN) = 0 in a fused ReLU.
    if not np.isfinite(expected).all() or any(np.isnan(weight).any() for weight in _floats(gan.ema_generator)):
        raise _untrained()
    columns = inputs if isinstance(inputs, list) else [inputs]
    errors = []
    for name, run in runs.items():
        taken = [seeds, *columns[1:]] if first_input(name) == SEED else columns
        outputs = _in_batches(run, taken, SIGNATURES[name])
        sound = np.isfinite(outputs).reshape(SEEDS, -1).all(axis=1)
        if not sound.all():
            raise _not_finite(gan, int(np.argmin(sound)), explain)
        errors.append(differences(outputs, expected))
    grey = GREY if uint8 else 0
    measured = {
        "largest_error": float(max(error.max() for error in errors)),
        "mean_error": float(np.mean([error.mean() for error in errors])),
        "tolerance": mode.largest_error + grey,
        "percentile_error": float(max(np.percentile(error, PERCENTILE) for error in errors)),
        "percentile_tolerance": mode.percentile_error + grey,
    }
    try:
        _check_errors(measured, mode.mean_error + grey / 10, mode.remedy)
    except InputError as error:
        # NaN becomes a number in uint8 images and after a ReLU.
        worst = int(np.argmax(np.max([error.reshape(SEEDS, -1).max(axis=1) for error in errors], axis=0)))
        if explained := explain and explain([column[worst : worst + 1] for column in columns]):
            raise _lost(explained) from error
        if not force:
            raise
    most = max(filter(from_latents, runs), key=SIGNATURES.__getitem__)
    size = SIGNATURES[most]
    return measured | {
        "latency_ms": _latency_ms(runs["generate"], [column[:1] for column in columns]),
        "latency_16_ms": _latency_ms(runs[most], [column[:size] for column in columns]) / size if size > 1 else None,
    }


def _floats(network):
    return [array for array in network.get_weights() if np.issubdtype(array.dtype, np.floating)]


def _untrained():
    return InputError(
        "Keras's generator itself gives NaN or infinity; expected finite data. Train it again with lower learning "
        "rates (--generator-lr, --discriminator-lr), or export an earlier checkpoint."
    )


def _first_not_finite(generate) -> int | None:
    """The first seed whose sample is not finite; None where all samples that `quality` draws are finite."""
    for seed in range(quality.SAMPLES):
        try:
            generate(1, seed)
        except InputError:
            return seed
    return None


def _not_finite(gan, seed: int, explain) -> InputError:
    """The error for an export that gives NaN or infinity for a seed."""
    inputs = gan.inputs(1, seed=seed)
    columns = inputs if isinstance(inputs, list) else [inputs]
    if not np.isfinite(gan.compute(inputs)).all():
        return _untrained()
    return _lost((explain and explain(columns)) or "in an operation that was not found. Use another format.")


def _lost(where):
    return InputError(f"the export computes NaN or infinity where Keras's generator does not, {where}")


def differences(outputs: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """The errors of an export's outputs, value by value.

    Args:
        outputs: float32 data or uint8 images, (n, *data_shape).
        expected: Keras's outputs, float32 (n, *data_shape).

    Returns:
        Absolute differences, (n, *data_shape). Images are compared in [-1, 1], after clipping. Other data are compared
        relative to the largest expected value where that is above 1.
    """
    if expected.ndim != 4:
        return np.abs(outputs - expected) / max(1.0, float(np.abs(expected).max()))
    if outputs.dtype == np.uint8:
        outputs, expected = pixels.floats(outputs), pixels.floats(pixels.to_uint8(expected))
    return np.abs(np.clip(outputs, -1, 1) - np.clip(expected, -1, 1))


def _in_batches(run, columns, size):
    starts = range(0, SEEDS, size)
    return np.concatenate([run(*(column[start : start + size] for column in columns)) for start in starts])


def _check_errors(measured, mean_tolerance, remedy):
    bounds = (
        ("largest", "largest", measured["tolerance"]),
        ("percentile", f"{PERCENTILE}th percentile", measured["percentile_tolerance"]),
        ("mean", "mean", mean_tolerance),
    )
    for field, what, most in bounds:
        if measured[f"{field}_error"] > most:
            raise InputError(
                f"the exported generator differs from Keras by {measured[f'{field}_error']:.3g} ({what}); expected at "
                f"most {most:g}. {remedy}, or --force to write the file with these errors."
            )


def _latency_ms(function, inputs):
    seconds = []
    for _ in range(UNTIMED_CALLS + TIMED_CALLS):
        start = time.perf_counter()
        function(*inputs)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds[UNTIMED_CALLS:]) * 1000)
