"""The check that every export passes, and its report: size, error against Keras, latency, quality."""

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from keras_gan._utils import pixels
from keras_gan._utils.errors import InputError
from keras_gan._utils.files import kilobytes
from keras_gan._utils.text import WIDTH, Table, Text
from keras_gan.exports import quality
from keras_gan.exports.edge import SEED, SIGNATURES, first_input
from keras_gan.exports.options import Options
from keras_gan.exports.quality import Quality
from keras_gan.exports.quantize import Mode
from keras_gan.exports.storage import Kept
from keras_gan.sampling import latents

SEEDS = 64  # pictures in which an export is compared with Keras
# Of rounding to whole grey levels, beside what was there before: a step where a value lies on the edge, which few do.
GREY = 1 / pixels.HALF_RANGE
TIMED_CALLS, UNTIMED_CALLS = 50, 5
PERCENTILE = 99.9  # of the errors, that is bounded as well: the largest error says little about the others
SHOWN_KEPT = 3  # weights that a message lists


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
    percentile_error: float  # the 99.9th percentile
    percentile_tolerance: float  # the largest such percentile that is let through
    latency_ms: float  # of one sample at batch 1 on this machine: the median of 50 calls
    latency_16_ms: float  # of one sample at batch 16
    quality: Quality | None = None
    slow_operations: tuple[str, ...] | None = None  # of `generate`, that XNNPACK does not compute; None: not known
    stored: dict[str, int] | None = None  # dtype -> bytes of the weights; None: not known
    kept: tuple[Kept, ...] = ()  # large weights stored with more bits than the mode promises

    @property
    def forced(self) -> bool:
        """Whether an error is larger than what is allowed."""
        return self.largest_error > self.tolerance or self.percentile_error > self.percentile_tolerance

    @property
    def kept_bytes(self) -> int:
        """The size of the large weights that are stored with more bits than the mode promises."""
        return sum(one.size_bytes for one in self.kept)

    def to_json(self) -> str:
        """The report as indented JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    def __str__(self):
        return (
            f"{self.file}: {kilobytes(self.size_bytes)}, {self.quantize}, largest error {self.largest_error:.1e} "
            f"(at most {self.tolerance:g} allowed), 99.9th percentile {self.percentile_error:.1e} (at most "
            f"{self.percentile_tolerance:g}), mean {self.mean_error:.1e}, {self.latency_ms:.2f} ms a sample; "
            f"signatures {', '.join(self.signatures)}"
            + (f"; not computed by XNNPACK: {', '.join(self.slow_operations)}" if self.slow_operations else "")
            + ("; the errors are above what is allowed, and it was written by --force" if self.forced else "")
            + "".join(f"\n{line}" for line in self._kept_lines())
        )

    def _kept_lines(self):
        """What is stored with more bits than the mode promises, the largest first, with the remedy."""
        if not self.kept:
            return
        share = self.kept_bytes / self.size_bytes
        yield f"  stored with more bits than {self.quantize}: {kilobytes(self.kept_bytes)}, {share:.0%} of the file"
        for one in self.kept[:SHOWN_KEPT]:
            yield f"    {one.layer} ({one.operation}), {one.dtype}, {kilobytes(one.size_bytes)}: {one.reason}"
        if len(self.kept) > SHOWN_KEPT:
            rest = sum(one.size_bytes for one in self.kept[SHOWN_KEPT:])
            yield f"    {len(self.kept) - SHOWN_KEPT} more, {kilobytes(rest)}"


def table(reports: list[Report]) -> Text:
    """Several exports of one generator in a table, with what its columns mean."""
    judged = any(report.quality and report.quality.frechet_distance is not None for report in reports)
    head = ("", "size", "mean error", "99.9 %", "largest", "ms a sample", "at 16", "samples moved", "Fréchet")
    rows = [_row(report) for report in reports]
    head, rows = (head, rows) if judged else (head[:-1], [row[:-1] for row in rows])
    return Text(
        [Table(rows, head, numbers=range(1, len(head))), "", Table(list(_legend(reports, judged)), width=WIDTH)]
    )


def _row(report):
    cost = report.quality
    frechet = cost and cost.frechet_distance
    return (
        report.quantize,
        kilobytes(report.size_bytes),
        f"{report.mean_error:.1e}",
        f"{report.percentile_error:.1e}",
        f"{report.largest_error:.1e}",
        f"{report.latency_ms:.3f}",
        f"{report.latency_16_ms:.3f}",
        f"{cost.sliced_wasserstein:.2%}" if cost else "",
        "" if frechet is None else f"{frechet:.3f} ({cost.lost:+.1%})",
    )


def _legend(reports, judged):
    """What the columns of the table mean."""
    yield "errors", f"of values in [-1, 1], against Keras, in {SEEDS} samples"
    yield "99.9 %", "the error that all but one of 1,000 values stay below"
    yield "ms a sample", "on this machine, with one thread, in batches of 1 and of 16"
    cost = next((report.quality for report in reports if report.quality), None)
    if cost:
        yield (
            "samples moved",
            f"sliced Wasserstein distance to {cost.samples:,} samples of Keras, as a share of their spread",
        )
    if judged:
        yield "Fréchet", f"distance of {cost.frechet_samples:,} samples to real images, and the change against Keras"


def verify(gan, runs: Mapping[str, Callable], generate: Callable, mode: Mode, options: Options, blame=None) -> dict:
    """Takes an export through the whole check: `compare`, and then its quality, with `generate` as `quality.measure`
    takes it, and `blame` as `compare` takes it.

    Returns:
        The measured fields of `Report`.

    Raises:
        InputError: where it does not pass.
    """
    measured = compare(gan, runs, mode, options.uint8, blame, options.force)
    try:
        cost = quality.measure(gan, generate, options.reference)
    except InputError as error:
        if (seed := _first_not_finite(generate)) is not None:
            raise _not_finite(gan, seed, blame) from error
        raise
    quality.check(cost, options.force)
    return measured | {"quality": cost}


def compare(
    gan, runs: Mapping[str, Callable], mode: Mode, uint8: bool = False, blame=None, force: bool = False
) -> dict[str, float]:
    """Runs every signature of an export and the Keras generator on the same seeds.

    Args:
        gan: the `keras_gan.GAN` that was exported.
        runs: signature -> function from what it takes, float32 latents (batch, dim) or int32 seeds (batch,), and
            perhaps int32 labels (batch,), to float32 data, or uint8 images.
        mode: the errors to let through.
        uint8: whether the signatures give uint8 images.
        blame: function from the inputs of one sample, [z (1, dim)] and perhaps a label (1,), to the words for what
            makes it NaN or infinite, with the remedy; None where nothing is known.
        force: whether errors that the mode does not allow are let through. NaN and infinity never are.

    Returns:
        The measured fields of `Report`.

    Raises:
        InputError: where an output is not finite or differs by more than the mode allows.
    """
    seeds = latents.seeds(SEEDS, 0)
    inputs = gan.inputs(SEEDS, seed=0)
    expected = gan.compute(inputs, batch_size=16)
    if not np.isfinite(expected).all():
        raise _untrained()
    columns = inputs if isinstance(inputs, list) else [inputs]
    errors = []
    for name, run in runs.items():
        taken = [seeds, *columns[1:]] if first_input(name) == SEED else columns
        outputs = _in_batches(run, taken, SIGNATURES[name])
        sound = np.isfinite(outputs).reshape(SEEDS, -1).all(axis=1)
        if not sound.all():
            raise _not_finite(gan, int(np.argmin(sound)), blame)
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
        _check_errors(measured, mode.mean_error + grey / 10)
    except InputError as error:
        # In uint8 images, and behind a ReLU, NaN is another number.
        worst = int(np.argmax(np.max([error.reshape(SEEDS, -1).max(axis=1) for error in errors], axis=0)))
        if blamed := blame and blame([column[worst : worst + 1] for column in columns]):
            raise _lost(blamed) from error
        if not force:
            raise
    return measured | {
        "latency_ms": _latency_ms(runs["generate"], [column[:1] for column in columns]),
        "latency_16_ms": _latency_ms(runs["generate_16"], [column[:16] for column in columns]) / 16,
    }


def _untrained():
    return InputError(
        "Keras's generator itself gives NaN or infinity; expected finite data. Train anew with lower learning rates "
        "(--generator-lr, --discriminator-lr), or export an earlier checkpoint."
    )


def _first_not_finite(generate) -> int | None:
    """The first seed for which `generate` refuses its own sample; None where it takes all that `quality` draws."""
    for seed in range(quality.SAMPLES):
        try:
            generate(1, seed)
        except InputError:
            return seed
    return None


def _not_finite(gan, seed: int, blame) -> InputError:
    """The error for an export that gives NaN or infinity for a seed."""
    inputs = gan.inputs(1, seed=seed)
    columns = inputs if isinstance(inputs, list) else [inputs]
    if not np.isfinite(gan.compute(inputs)).all():
        return _untrained()
    return _lost((blame and blame(columns)) or "in an operation that was not found. Export another format.")


def _lost(where):
    return InputError(f"the export computes NaN or infinity where Keras's generator does not, {where}")


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
    bounds = (
        ("largest", "largest", measured["tolerance"]),
        ("percentile", f"{PERCENTILE}th percentile", measured["percentile_tolerance"]),
        ("mean", "mean", mean_tolerance),
    )
    for field, what, most in bounds:
        if measured[f"{field}_error"] > most:
            raise InputError(
                f"the exported generator differs from Keras by {measured[f'{field}_error']:.2g} ({what}); expected at "
                f"most {most:g}; export with quantize=float16 or float32 (--quantize float32), change the layers that "
                "differ if it is float32 already, or write it all the same with --force"
            )


def _latency_ms(function, inputs):
    seconds = []
    for _ in range(UNTIMED_CALLS + TIMED_CALLS):
        start = time.perf_counter()
        function(*inputs)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds[UNTIMED_CALLS:]) * 1000)
