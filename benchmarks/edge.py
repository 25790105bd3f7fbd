"""Speed, size and quality of a run's exports beside Keras, TensorFlow and ONNX Runtime, on one thread.

    python benchmarks/edge.py runs/mnist-resnet --tune 6000 --micro --out edge.json
    python benchmarks/edge.py runs/mnist-resnet --rounds 3 --seconds 0.1 --samples 2000     # a first look

All engines are made of the run's averaged generator, in one process that is bound to one core, and take turns,
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
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click

from keras_gan import training
from keras_gan._utils import files
from keras_gan._utils.errors import InputError

PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "ai-edge-quantizer", "onnxruntime", "keras-gan")
ERROR_SEEDS, CHECK_SEEDS = 1_024, 64  # pictures compared with Keras: of a file, of a way that has none
WARM_UP_CALLS, LEAST_CALLS = 3, 3  # of each round
TIMED = {"generate": 1, "generate_16": 16, "sample": 1}  # signature -> batch size
ONNX, SMALL, MICRO = "ONNX Runtime", "int8", "micro"
OURS = "`.tflite`, {}"


@dataclass(frozen=True)
class Engine:
    """One way to run the generator."""

    name: str
    calls: dict[str, Callable]  # signature, of those in TIMED that it has -> function from numpy columns to numpy data
    mode: str = "float32"  # whose errors it may have
    size_bytes: int | None = None
    generate: Callable | None = None  # (how many, first seed) to samples; only of this package's files
    alone_bytes: int | None = None  # size of a .tflite with the signature `generate` alone
    is_timed: bool = True


@dataclass(frozen=True)
class Row:
    """What was measured of an engine."""

    name: str
    mode: str
    mean_error: float
    percentile_error: float
    largest_error: float
    size_bytes: int | None
    alone_bytes: int | None
    ms: dict[str, list[float]]  # signature -> a sample's time in each round
    frechet_distance: float | None


# engines ------------------------------------------------------------------------------------------------------


def exported(gan, folder: Path, tune_steps: int):
    """This package's .tflite in each mode, and fine-tuned for int8."""
    from keras_gan.exports import Options, packing
    from keras_gan.exports.quantize import MODES

    for mode, steps in [*((mode, 0) for mode in MODES), *([(SMALL, tune_steps)] if tune_steps else [])]:
        name = f"{OURS.format(mode)}, tuned" if steps else OURS.format(mode)
        options = Options(force=True, tune_steps=steps)
        file = Path(gan.export(folder / f"{mode}{steps}.tflite", "tflite", mode, options).file)
        alone = len(packing.only(file.read_bytes(), ["generate"]))
        yield of_file(name, file, list(TIMED), mode, alone_bytes=alone)


def for_microcontrollers(gan, folder: Path):
    """The file for microcontrollers, whose times there are others: it is not timed."""
    from keras_gan.exports import Options

    report = gan.export(folder / "micro", "micro", options=Options(force=True))
    one = of_file("for microcontrollers, run by LiteRT", folder / "micro" / "generator.tflite", ["generate"], MICRO)
    yield replace(one, is_timed=False, size_bytes=report.size_bytes, alone_bytes=report.size_bytes)


def of_file(name: str, file: Path, signatures: list[str], mode: str, **fields) -> Engine:
    """A .tflite in LiteRT."""
    from keras_gan.exports import edge

    generator = edge.Generator(file)
    calls = {signature: generator.runner(signature) for signature in signatures}
    return Engine(name, calls, mode, file.stat().st_size, generator.generate, **fields)


def served(gan, folder: Path):
    """The SavedModel, and the .onnx."""
    from keras_gan.exports import onnx_runtime, saved_model

    report = gan.export(folder / "saved_model")
    generator = saved_model.Generator(report.file, trust=True)
    calls = {name: generator.runner(name) for name in TIMED}
    yield Engine("SavedModel", calls, size_bytes=report.size_bytes)
    report = gan.export(folder / "generator.onnx", "onnx")
    yield Engine(ONNX, of_any_batch(onnx_runtime.Generator(report.file).run), size_bytes=report.size_bytes)


def in_keras(gan):
    """The network itself, without any export."""
    import tensorflow as tf

    network = gan.ema_generator
    compiled = tf.function(lambda *columns: network(one_or_list(columns), training=False))
    yield Engine("`tf.function`", of_any_batch(lambda *columns: compiled(*map(tf.constant, columns)).numpy()))
    yield Engine("Keras, eager call", of_any_batch(lambda *c: network(one_or_list(c), training=False).numpy()))
    predict = of_any_batch(lambda *c: network.predict(one_or_list(c), batch_size=len(c[0]), verbose=0))
    yield Engine("Keras `predict`", predict)


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


def errors(gan, engine: Engine, expected) -> tuple[float, float, float]:
    """Mean, 99.9th percentile and largest difference from Keras, the largest in all signatures.

    The mean and the percentile are those of all seeds of `expected`, in the largest batches.
    """
    import numpy as np

    from keras_gan.exports.report import PERCENTILE, differences

    found = {}
    most = max(engine.calls, key=TIMED.__getitem__)
    for signature, call in engine.calls.items():
        size = TIMED[signature]
        count = len(expected) if signature == most else 16
        columns = columns_of(gan, signature, count)
        parts = [call(*(column[i : i + size] for column in columns)) for i in range(0, count, size)]
        found[signature] = differences(np.concatenate(parts), expected[:count])
    largest = max(float(error.max()) for error in found.values())
    return float(found[most].mean()), float(np.percentile(found[most], PERCENTILE)), largest


def check(gan, engines) -> dict[str, tuple[float, float, float]]:
    """The errors of each. Raises InputError where they are larger than its mode allows."""
    from keras_gan.exports.micro import INTEGERS
    from keras_gan.exports.quantize import MODES

    modes = {**MODES, MICRO: INTEGERS}
    expected = gan.compute(gan.inputs(ERROR_SEEDS, seed=0), batch_size=16)
    counts = {one.name: ERROR_SEEDS if one.size_bytes else CHECK_SEEDS for one in engines}
    found = {one.name: errors(gan, one, expected[: counts[one.name]]) for one in engines}
    for engine in engines:
        (mean, _, largest), mode = found[engine.name], modes[engine.mode]
        # Among so many pictures one pixel says little; in those of its own check, the export's were small enough.
        most = mode.largest_error if engine.mode.startswith("float") else float("inf")
        if not (mean <= mode.mean_error and largest <= most):  # NaN too
            raise InputError(
                f"{engine.name} differs from Keras by {mean:.1e} (mean) and {largest:.1e} (largest); expected at "
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


def timed(gan, engines, rounds: int, seconds: float) -> dict[tuple[str, str], list[float]]:
    """(engine, signature) -> ms a sample in each round. Each round begins with another engine."""
    turns = [(one, signature) for one in engines if one.is_timed for signature in one.calls]
    columns = {signature: columns_of(gan, signature, size) for signature, size in TIMED.items()}
    ms = {(engine.name, signature): [] for engine, signature in turns}
    for number in range(rounds):
        first = number * len(turns) // rounds
        for engine, signature in turns[first:] + turns[:first]:
            taken = call_ms(engine.calls[signature], columns[signature], seconds)
            ms[engine.name, signature].append(taken / TIMED[signature])
        click.echo(f"round {number + 1} of {rounds}", err=True)
    return ms


def distance(generate, gan, reference):
    """The metric card's Fréchet distance of a generator's samples, with classes as the card draws them."""
    from keras_gan import metrics

    labels = reference.labels(gan.num_classes, 0)
    samples = generate(reference.count, 0) if labels is None else generate(reference.count, 0, labels=labels)
    return metrics.evaluate(samples, reference, ["frechet"])["frechet_distance"]


def measure(gan, engines, reference, rounds: int, seconds: float) -> list[Row]:
    """A row for each engine."""
    found = check(gan, engines)
    click.echo("all engines give Keras's pictures", err=True)
    ms = timed(gan, engines, rounds, seconds)
    distances = {
        one.name: distance(one.generate, gan, reference).value for one in engines if one.generate and reference
    }
    return [
        Row(
            one.name,
            one.mode,
            *found[one.name],
            one.size_bytes,
            one.alone_bytes,
            {signature: ms[one.name, signature] for signature in one.calls if one.is_timed},
            distances.get(one.name),
        )
        for one in engines
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
    for row in (row for row in rows if row.ms):
        times = [_time(row.ms.get(signature)) for signature in TIMED]
        ratios = [f"{ratio(rows, row, signature):.3g}×" for signature in ("generate", "generate_16")]
        yield f"| {' | '.join([row.name, *times, *ratios])} |"


def _time(ms):
    return f"{statistics.median(ms):.4f} ({min(ms):.4f} to {max(ms):.4f})" if ms else ""


def quality_lines(rows, baseline):
    yield (
        "| | bytes | `generate` alone | mean error | 99.9 % | largest | Fréchet distance | ÷ baseline "
        "| compared with float32 |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in filter(lambda row: row.size_bytes, rows):
        quality = ["", "", ""]
        if row.frechet_distance is not None:
            ratio_to_baseline = row.frechet_distance / baseline
            quality = [f"{row.frechet_distance:.4f}", f"{ratio_to_baseline:.2f}", f"{moved(rows, row):+.2%}"]
        alone = "" if row.alone_bytes is None else f"{row.alone_bytes:,}"
        differences = [f"{error:.2g}" for error in (row.mean_error, row.percentile_error, row.largest_error)]
        yield f"| {' | '.join([row.name, f'{row.size_bytes:,}', alone, *differences, *quality])} |"


def goals(rows: list[Row]) -> list[tuple[str, str, bool | None]]:
    """(goal, what was measured, whether it is reached; None where it was not measured)."""
    small, half = (named(rows, OURS.format(mode)) for mode in (SMALL, "float16"))
    ms, times = statistics.median(small.ms["generate"]), ratio(rows, small, "generate")
    ours = OURS.format("")
    shares = {row.name.removeprefix(ours): moved(rows, row) for row in rows if row.name.startswith(ours)}
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
            f"    python benchmarks/edge.py {about['run']} --rounds {about['rounds']} --seconds {about['seconds']:g}"
            + (f" --tune {about['tune_steps']}" if about["tune_steps"] else ""),
            "",
            f"{about['versions']}.",
            f"G has {about['parameters']:,} parameters, takes {about['multiply_adds']:,} multiply-adds a sample and "
            f"makes data of shape {tuple(about['data_shape'])}. One "
            f"thread, {'bound to one core' if about['bound'] else 'not bound to a core'}. Milliseconds a sample, "
            f"median (smallest to largest) of {about['rounds']} rounds in which the engines take turns, each "
            f"{about['seconds']:g} s; ratios are medians of the rounds' ratios.",
            "",
            *speed_lines(rows),
            "",
            f"Errors against Keras, of values in [-1, 1], in {ERROR_SEEDS:,} pictures{judged}.",
            "",
            *quality_lines(rows, about["real_frechet_distance"]),
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
@click.option("--seconds", default=0.3, show_default=True, help="Time of each engine and batch size in each round.")
@click.option("--samples", default=10_000, show_default=True, help="For the Fréchet distance.")
@click.option("--tune", "tune_steps", default=0, type=click.IntRange(0), help="Steps of fine-tuning for int8.")
@click.option("--micro", is_flag=True, help="Also the file for microcontrollers.")
@click.option("--out", type=click.Path(dir_okay=False), help="File for all numbers, as JSON.")
def main(run, rounds, seconds, samples, tune_steps, micro, out):
    """Measure the exports of RUN, print tables in Markdown."""
    about = {"run": run, "rounds": rounds, "seconds": seconds, "tune_steps": tune_steps, "bound": bind()}
    try:
        gan = load(run)
        from keras_gan.exports import operations
        from keras_gan.runs import Run

        reference = training.reference_of(Run(run), count=samples)
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            engines = [*exported(gan, folder, tune_steps), *served(gan, folder), *in_keras(gan)]
            engines += for_microcontrollers(gan, folder) if micro else []
            rows = measure(gan, engines, reference, rounds, seconds)
            multiply_adds = operations.multiply_adds((folder / "float320.tflite").read_bytes())["generate"]
        score = reference and distance(gan.generate, gan, reference)
    except InputError as error:
        raise click.UsageError(str(error)) from error
    import step

    about |= {"versions": step.versions(PACKAGES), "parameters": gan.ema_generator.count_params()}
    about |= {"multiply_adds": multiply_adds, "data_shape": list(gan.data_shape)}
    about |= {"samples": reference and reference.count}
    about |= {"keras_frechet_distance": score and score.value, "real_frechet_distance": score and score.baseline}
    click.echo(text(rows, about))
    if out:
        content = {**about, "rows": [asdict(row) for row in rows], "goals": goals(rows)}
        files.replace(Path(out), lambda draft: draft.write_text(json.dumps(content, indent=1, ensure_ascii=False)))


if __name__ == "__main__":
    main()
