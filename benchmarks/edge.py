"""Speed, size and quality of a run's exports beside Keras, TensorFlow and ONNX Runtime, on one thread.

    python benchmarks/edge.py runs/mnist-resnet --out edge.json
    python benchmarks/edge.py runs/mnist-resnet --rounds 3 --seconds 0.1 --samples 2000     # a first look

All contestants are made of the run's averaged generator, in one process that is bound to one core, and take turns,
round by round. First of all each must give Keras's pictures, within what its weights allow. A time is that of one call
from numpy to numpy, the median of those in a round's share of seconds. ONNX Runtime needs `pip install
'.[onnx]'` in a checkout. Run nothing beside it.
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from keras_gan import training
from keras_gan._utils import files
from keras_gan._utils.errors import InputError

PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "ai-edge-quantizer", "onnxruntime", "keras-gan")
ERROR_SEEDS, CHECK_SEEDS = 1_024, 64  # pictures compared with Keras: of a file, of a way that has none
WARM_UP_CALLS, LEAST_CALLS = 3, 3  # of each round
TIMED = {"generate": 1, "generate_16": 16, "sample": 1}  # signature -> batch size
ONNX, SMALL = "ONNX Runtime", "int8"
OURS = "`.tflite`, {}"


@dataclass(frozen=True)
class Contestant:
    """One way to run the generator."""

    name: str
    calls: dict[str, Callable]  # signature, of those in TIMED that it has -> function from numpy columns to numpy data
    mode: str = "float32"  # whose errors it may have
    size_bytes: int | None = None
    generate: Callable | None = None  # (how many, first seed) to samples; only of this package's files


@dataclass(frozen=True)
class Row:
    """What was measured of a contestant."""

    name: str
    mode: str
    mean_error: float
    largest_error: float
    size_bytes: int | None
    ms: dict[str, list[float]]  # signature -> a sample's time in each round
    frechet_distance: float | None


# contestants --------------------------------------------------------------------------------------------------


def exported(gan, folder: Path):
    """This package's .tflite in each mode."""
    from keras_gan.exports import Options, edge
    from keras_gan.exports.quantize import MODES

    for mode in MODES:
        report = gan.export(folder / f"{mode}.tflite", "tflite", mode, Options(force=True))
        generator = edge.Generator(report.file)
        calls = {name: generator.runner(name) for name in TIMED}
        yield Contestant(OURS.format(mode), calls, mode, report.size_bytes, generator.generate)


def served(gan, folder: Path):
    """The SavedModel, and the .onnx."""
    from keras_gan.exports import onnx_runtime, saved_model

    report = gan.export(folder / "saved_model")
    generator = saved_model.Generator(report.file, trust=True)
    calls = {name: generator.runner(name) for name in TIMED}
    yield Contestant("SavedModel", calls, size_bytes=report.size_bytes)
    report = gan.export(folder / "generator.onnx", "onnx")
    yield Contestant(ONNX, of_any_batch(onnx_runtime.Generator(report.file).run), size_bytes=report.size_bytes)


def in_keras(gan):
    """The network itself, without any export."""
    import tensorflow as tf

    network = gan.ema_generator
    compiled = tf.function(lambda *columns: network(one_or_list(columns), training=False))
    yield Contestant("`tf.function`", of_any_batch(lambda *columns: compiled(*map(tf.constant, columns)).numpy()))
    yield Contestant("Keras, eager call", of_any_batch(lambda *c: network(one_or_list(c), training=False).numpy()))
    predict = of_any_batch(lambda *c: network.predict(one_or_list(c), batch_size=len(c[0]), verbose=0))
    yield Contestant("Keras `predict`", predict)


def of_any_batch(call) -> dict[str, Callable]:
    """What takes latents in batches of any size, as both signatures that do."""
    return {"generate": call, "generate_16": call}


def one_or_list(columns):
    """What a Keras network takes: latents, or [latents, labels]."""
    return columns[0] if len(columns) == 1 else list(columns)


# measures -----------------------------------------------------------------------------------------------------


def columns_of(gan, signature: str, count: int) -> list:
    """What a signature takes to make the pictures of the first seeds."""
    from keras_gan.sampling import latents

    z, *labels = latents.columns(count, gan.latent_dim, gan.latent, 0, gan.num_classes)
    return [latents.seeds(count, 0) if signature == "sample" else z, *labels]


def errors(gan, contestant: Contestant, expected) -> tuple[float, float]:
    """Mean and largest difference from Keras, over all seeds of `expected`; the single pictures' count as well."""
    import numpy as np

    from keras_gan.exports.report import differences

    found = {}
    for signature, call in contestant.calls.items():
        size = TIMED[signature]
        count = len(expected) if size > 1 else size * 16
        columns = columns_of(gan, signature, count)
        parts = [call(*(column[i : i + size] for column in columns)) for i in range(0, count, size)]
        found[signature] = differences(np.concatenate(parts), expected[:count])
    return float(found["generate_16"].mean()), max(float(error.max()) for error in found.values())


def check(gan, contestants) -> dict[str, tuple[float, float]]:
    """The errors of each. Raises InputError where they are larger than its mode allows."""
    from keras_gan.exports.quantize import MODES

    expected = gan.compute(gan.inputs(ERROR_SEEDS, seed=0), batch_size=16)
    counts = {c.name: ERROR_SEEDS if c.size_bytes else CHECK_SEEDS for c in contestants}
    found = {c.name: errors(gan, c, expected[: counts[c.name]]) for c in contestants}
    for contestant in contestants:
        (mean, largest), mode = found[contestant.name], MODES[contestant.mode]
        # Among so many pictures one pixel says little; in those of its own check, the export's were small enough.
        most = mode.largest_error if contestant.mode.startswith("float") else float("inf")
        if not (mean <= mode.mean_error and largest <= most):  # NaN too
            raise InputError(
                f"{contestant.name} differs from Keras by {mean:.1e} (mean) and {largest:.1e} (largest); expected at "
                f"most {mode.mean_error:g} and {mode.largest_error:g}; find out which is wrong"
            )
    return found


def call_ms(call, columns, seconds: float) -> float:
    """The median time of a call."""
    for _ in range(WARM_UP_CALLS):
        call(*columns)
    times, end = [], time.perf_counter() + seconds
    while len(times) < LEAST_CALLS or time.perf_counter() < end:
        start = time.perf_counter()
        call(*columns)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def race(gan, contestants, rounds: int, seconds: float) -> dict[tuple[str, str], list[float]]:
    """(contestant, signature) -> ms a sample in each round. Each round begins with another contestant."""
    heats = [(contestant, signature) for contestant in contestants for signature in contestant.calls]
    columns = {signature: columns_of(gan, signature, size) for signature, size in TIMED.items()}
    ms = {(contestant.name, signature): [] for contestant, signature in heats}
    for number in range(rounds):
        first = number * len(heats) // rounds
        for contestant, signature in heats[first:] + heats[:first]:
            taken = call_ms(contestant.calls[signature], columns[signature], seconds)
            ms[contestant.name, signature].append(taken / TIMED[signature])
        click.echo(f"round {number + 1} of {rounds}", err=True)
    return ms


def distance(generate, reference) -> float:
    """The metric card's Fréchet distance of a generator's samples."""
    from keras_gan import metrics

    return metrics.evaluate(generate(reference.count, 0), reference, ["frechet"])["frechet_distance"].value


def measure(gan, folder: Path, reference, rounds: int, seconds: float) -> list[Row]:
    """A row for each contestant."""
    contestants = [*exported(gan, folder), *served(gan, folder), *in_keras(gan)]
    found = check(gan, contestants)
    click.echo("all contestants give Keras's pictures", err=True)
    ms = race(gan, contestants, rounds, seconds)
    distances = {c.name: distance(c.generate, reference) for c in contestants if c.generate and reference}
    return [
        Row(
            contestant.name,
            contestant.mode,
            *found[contestant.name],
            contestant.size_bytes,
            {signature: ms[contestant.name, signature] for signature in contestant.calls},
            distances.get(contestant.name),
        )
        for contestant in contestants
    ]


# tables -------------------------------------------------------------------------------------------------------


def named(rows: list[Row], name: str) -> Row:
    return next(row for row in rows if row.name == name)


def ratio(rows: list[Row], row: Row, signature: str) -> float:
    """How many times as fast as ONNX Runtime: the median of the rounds' ratios."""
    theirs = named(rows, ONNX).ms[signature]
    return statistics.median(other / own for other, own in zip(theirs, row.ms[signature], strict=True))


def moved(rows: list[Row], row: Row) -> float | None:
    """By how much the Fréchet distance is above the float32 file's, as a share of it."""
    before = named(rows, OURS.format("float32")).frechet_distance
    return None if before is None else row.frechet_distance / before - 1


def speed_lines(rows):
    yield "| | batch 1 | batch 16 | batch 1, from a seed | ONNX Runtime's time over it, batch 1 | batch 16 |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        times = [_time(row.ms.get(signature)) for signature in TIMED]
        ratios = [f"{ratio(rows, row, signature):.3g}×" for signature in ("generate", "generate_16")]
        yield f"| {' | '.join([row.name, *times, *ratios])} |"


def _time(ms):
    return f"{statistics.median(ms):.4f} ({min(ms):.4f} to {max(ms):.4f})" if ms else ""


def quality_lines(rows):
    yield "| | bytes | mean error | largest error | Fréchet distance | to float32's |"
    yield "|---|---|---|---|---|---|"
    for row in filter(lambda row: row.size_bytes, rows):
        judged = ["", ""]
        if row.frechet_distance is not None:
            judged = [f"{row.frechet_distance:.4f}", f"{moved(rows, row):+.2%}"]
        found = [f"{row.size_bytes:,}", f"{row.mean_error:.2g}", f"{row.largest_error:.2g}"]
        yield f"| {' | '.join([row.name, *found, *judged])} |"


def goals(rows: list[Row]) -> list[tuple[str, str, bool | None]]:
    """(goal, what was measured, whether it is reached; None where it was not measured)."""
    small, half = (named(rows, OURS.format(mode)) for mode in (SMALL, "float16"))
    ms, times = statistics.median(small.ms["generate"]), ratio(rows, small, "generate")
    shares = {row.mode: moved(rows, row) for row in rows if row.name.startswith(OURS.format(""))}
    told = ", ".join(f"{mode} {share:+.2%}" for mode, share in shares.items() if share is not None)
    close = all(abs(share) <= 0.02 for share in shares.values()) if told else None
    return [
        ("int8 in at most 300 kB", f"{small.size_bytes / 1000:.1f} kB", small.size_bytes <= 300_000),
        ("int8 in at most .15 ms a sample at batch 1", f"{ms:.4f} ms", ms <= 0.15),
        ("float16 in at most 600 kB", f"{half.size_bytes / 1000:.1f} kB", half.size_bytes <= 600_000),
        ("int8 at least 3 times as fast as ONNX Runtime, batch 1", f"{times:.2f}×", times >= 3),
        ("mean error of int8 at most .004", f"{small.mean_error:.2g}", small.mean_error <= 0.004),
        ("Fréchet distance within 2 % of float32's", told, close),
    ]


def goal_lines(rows):
    yield "| goal | measured | |"
    yield "|---|---|---|"
    words = {True: "reached", False: "**not reached**", None: "not measured"}
    for goal, measured, reached in goals(rows):
        yield f"| {goal} | {measured} | {words[reached]} |"


def text(rows: list[Row], about: dict) -> str:
    """Markdown for RESULTS.md."""
    judged = ""
    if about["samples"] is not None:
        keras, real = (about[f"{whose}_frechet_distance"] for whose in ("keras", "real"))
        judged = f"; Fréchet distance of {about['samples']:,} samples (Keras's: {keras:.4f}, real images': {real:.4f})"
    return "\n".join(
        [
            f"    python benchmarks/edge.py {about['run']} --rounds {about['rounds']} --seconds {about['seconds']:g}",
            "",
            f"{about['versions']}.",
            f"G has {about['parameters']:,} parameters and makes data of shape {tuple(about['data_shape'])}. One "
            f"thread, {'bound to one core' if about['bound'] else 'not bound to a core'}. Milliseconds a sample, "
            f"median (smallest to largest) of {about['rounds']} rounds in which the contestants take turns, each "
            f"{about['seconds']:g} s; ratios are medians of the rounds' ratios.",
            "",
            *speed_lines(rows),
            "",
            f"Errors against Keras, of values in [-1, 1], in {ERROR_SEEDS:,} pictures{judged}.",
            "",
            *quality_lines(rows),
            "",
            *goal_lines(rows),
        ]
    )


# the command --------------------------------------------------------------------------------------------------


def bind() -> bool:
    """Binds this process, before it starts a thread, to one core; False where the system cannot."""
    if not hasattr(os, "sched_setaffinity"):
        return False
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    return True


def load(run):
    """The GAN of a run, in a TensorFlow that has one thread."""
    from keras_gan.cli.options import load_training

    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    training = load_training()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return training.load(run)


@click.command()
@click.argument("run", type=click.Path())
@click.option("--rounds", default=7, show_default=True, type=click.IntRange(1))
@click.option("--seconds", default=0.3, show_default=True, help="Time of each contestant and batch size in each round.")
@click.option("--samples", default=10_000, show_default=True, help="For the Fréchet distance.")
@click.option("--out", type=click.Path(dir_okay=False), help="File for all numbers, as JSON.")
def main(run, rounds, seconds, samples, out):
    """Measure the exports of RUN, print tables in Markdown."""
    about = {"run": run, "rounds": rounds, "seconds": seconds, "bound": bind()}
    try:
        gan = load(run)
        from keras_gan import metrics
        from keras_gan.runs import Run

        reference = training.reference_of(Run(run), count=samples)
        with tempfile.TemporaryDirectory() as folder:
            rows = measure(gan, Path(folder), reference, rounds, seconds)
        score = (
            reference and metrics.evaluate(gan.generate(reference.count, 0), reference, ["frechet"])["frechet_distance"]
        )
    except InputError as error:
        raise click.UsageError(str(error)) from error
    import step

    about |= {"versions": step.versions(PACKAGES), "parameters": gan.ema_generator.count_params()}
    about |= {"data_shape": list(gan.data_shape), "samples": reference and reference.count}
    about |= {"keras_frechet_distance": score and score.value, "real_frechet_distance": score and score.baseline}
    click.echo(text(rows, about))
    if out:
        content = {**about, "rows": [asdict(row) for row in rows], "goals": goals(rows)}
        files.replace(Path(out), lambda draft: draft.write_text(json.dumps(content, indent=1, ensure_ascii=False)))


if __name__ == "__main__":
    main()
