"""Speed of one training step, images/s: this package, Keras with its defaults, and PyTorch at its best, side by side.

    python benchmarks/step.py                                          # all of it
    python benchmarks/step.py --networks default --cores 1 --rounds 3
    python benchmarks/step.py --check                                  # only: do the engines compute the same?

Two workloads: "tutorial" is the TensorFlow tutorial's DCGAN (see tutorial.py), "default" what `kgan train` trains on
28×28 grey images. Each engine runs in a process of its own, bound to its cores before it starts a thread; they take
turns, round by round. PyTorch (`pip install torch`) is needed by this script alone; its networks are twins of Keras's
(see described.py and twins.py). First of all the engines train in float32 from equal weights, images and noise, and
must agree. "To PyTorch" compares with the faster of its two engines.

Two cores want a machine with nothing else to do: PyTorch's threads wait for one another, and beside other work it
ran at half the speed of one core.
"""

import contextlib
import datetime
import functools
import importlib.metadata
import importlib.util
import itertools
import json
import math
import multiprocessing
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import click

from keras_gan._utils import files, silence
from keras_gan._utils.errors import InputError
from keras_gan._utils.machine import processor_name, use_onednn
from keras_gan.presets import DEFAULT_PRESET, PRESETS

IMAGE_SHAPE = (28, 28, 1)
WARM_UP_STEPS = 3  # of each round, not timed
ENDLESS_STEPS = 10**9  # the stopwatch ends a fit
CHECK_STEPS, CHECK_BATCH_SIZE, CHECK_SEEDS, TOLERANCE = 3, 8, 3, 1e-4


# workloads ----------------------------------------------------------------------------------------------------


def tutorial_gan(dtype, **options):
    """The tutorial's networks as this package trains them."""
    import tutorial

    return tutorial.package_gan(dtype, **options)


def textbook_gan(**options):
    """The tutorial's networks as a textbook trains them."""
    import tutorial

    return tutorial.textbook_gan(**options)


def default_gan(dtype, jit_compile="auto"):
    """What `kgan train` trains on 28×28 grey images."""
    from keras_gan import GAN, networks

    gan = GAN(networks.generator(IMAGE_SHAPE, dtype=dtype), networks.discriminator(IMAGE_SHAPE, dtype=dtype))
    gan.compile(jit_compile=jit_compile)
    return gan


@dataclass(frozen=True)
class Workload:
    """Networks and the recipe that trains them."""

    batch_size: int
    gan: Callable  # dtype policy to a compiled keras_gan.GAN
    with_defaults: Callable  # to the same game as a compiled model with Keras's defaults
    labels: dict[str, str]  # engine -> what the table calls it
    average: bool  # whether the model with Keras's defaults, and so PyTorch, keeps a moving average of G
    penalized: bool  # whether D has gradient penalties, so that one backward pass can serve both
    repeatable: dict = field(default_factory=dict)  # options of the builders that take chance out of a step


LABELS = {
    "keras_gan": "`keras_gan` ({dtype})",
    "torch": "PyTorch ({dtype}, channels_last)",
    "torch_one_pass": "PyTorch with one backward pass of D",
}
WORKLOADS = {
    "tutorial": Workload(
        128,
        tutorial_gan,
        textbook_gan,
        {**LABELS, "keras": "textbook `train_step`, Keras's defaults (float32, XLA)"},
        average=False,
        penalized=False,
        repeatable={"dropout": 0.0},
    ),
    "default": Workload(
        PRESETS[DEFAULT_PRESET].batch_size,
        default_gan,
        functools.partial(default_gan, "float32", jit_compile=True),  # which Keras's own "auto" comes to
        {**LABELS, "keras": "`keras_gan` with Keras's defaults (float32, XLA)"},
        average=True,
        penalized=True,
    ),
}


# engines: from a workload to a function of seconds that returns images/s ---------------------------------------


class Stopwatch:
    """Steps a second, from the end of the warm-up until the time is over."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.ends = []

    def lap(self) -> bool:
        """Notes the end of a step; False when the time is over."""
        self.ends.append(time.perf_counter())
        return len(self.ends) <= WARM_UP_STEPS or self.ends[-1] - self.ends[WARM_UP_STEPS - 1] < self.seconds

    @property
    def steps_per_s(self) -> float:
        laps = self.ends[WARM_UP_STEPS - 1 :]
        return (len(laps) - 1) / (laps[-1] - laps[0])


def pictures():
    """Digits at 28×28, float32 in [-1, 1]: real images, because a game on noise ends soon and computes with zeros."""
    import numpy as np

    from keras_gan import data
    from keras_gan._utils import pixels

    source = data.open_source("digits", IMAGE_SHAPE[:2])
    return pixels.to_signed(source.fetch(np.arange(source.count)).astype("float32"))


def fitting(model, batch_size):
    """`fit` on batches from memory."""
    import keras
    import tensorflow as tf

    batches = tf.data.Dataset.from_tensor_slices(pictures()).batch(batch_size, drop_remainder=True).repeat()
    options = tf.data.Options()
    # The thread that tunes a dataset sleeps up to 10 s between looks, and the end of a fit can wait for it.
    options.autotune.enabled = False
    batches = batches.with_options(options)

    def images_per_s(seconds):
        watch = Stopwatch(seconds)

        def lap(batch, logs):
            model.stop_training = not watch.lap()

        callback = keras.callbacks.LambdaCallback(on_train_batch_end=lap)
        model.fit(batches, steps_per_epoch=ENDLESS_STEPS, shuffle=False, verbose=0, callbacks=[callback])
        return batch_size * watch.steps_per_s

    return images_per_s


def keras_gan_engine(workload):
    from keras_gan.distribute import precision

    precision.use_threads()
    return fitting(workload.gan(precision.policy()[0]), workload.batch_size)


def keras_engine(workload):
    return fitting(workload.with_defaults(), workload.batch_size)


def torch_engine(workload, game, images, bfloat16, one_pass=False):
    """PyTorch in bfloat16 where this package uses it, as fast as we could make it.

    Tried on one core with AMX, beside other work, and kept: autocast to bfloat16 (2.6 times the speed of float32 on
    "default", 2 on "tutorial"); convolutions with a second derivative of our own (1.14 times on "default");
    depth-to-space by views instead of pixel_shuffle (8 times faster by itself); PyTorch's side of uneven padding
    (1.09 times on "tutorial"). No difference: fused, foreach or plain Adam. Slower: the last layer in float32;
    torch.compile of both networks on "tutorial" (.64 of the speed after 107 s of compiling), of G on "default" (.9;
    D it cannot compile, for want of second derivatives).
    """
    import torch
    import torch_game

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    step = torch_game.Step(game, bfloat16, workload.average, one_pass)
    step.generator.mirror(), step.discriminator.mirror()
    size = workload.batch_size
    batches = itertools.cycle([batch for batch in torch.from_numpy(images).split(size) if len(batch) == size])

    def images_per_s(seconds):
        watch = Stopwatch(seconds)
        step(next(batches))
        while watch.lap():
            step(next(batches))
        return size * watch.steps_per_s

    return images_per_s


TORCH = ("torch", "torch_one_pass")
ENGINES = {
    "keras_gan": keras_gan_engine,
    "keras": keras_engine,
    "torch": torch_engine,
    "torch_one_pass": functools.partial(torch_engine, one_pass=True),
}


# what runs in a process of its own -----------------------------------------------------------------------------


_images_per_s: Callable  # of the engine of this process


def start(name, networks, *described):
    """Builds an engine in this process, PyTorch's from what `describe` returned."""
    global _images_per_s
    _images_per_s = ENGINES[name](WORKLOADS[networks], *described)


def images_per_s(seconds):
    """Speed of the engine of this process."""
    return _images_per_s(seconds)


def describe(networks):
    """What PyTorch needs to know: the `described.Game`, the images, and whether this package computes in bfloat16."""
    import described

    from keras_gan.distribute import precision

    return described.of_gan(WORKLOADS[networks].gan("float32")), pictures(), precision.policy()[0] == "mixed_bfloat16"


def matmul_rate() -> tuple[str, float]:
    """As `machine.matmul_rate`, in this process."""
    import machine

    return machine.matmul_rate()


def flops(networks) -> int:
    """Floating-point operations of the convolutions and matrix products in one step of this package."""
    import machine
    import tensorflow as tf

    workload = WORKLOADS[networks]
    return machine.flops(workload.gan("float32"), tf.TensorSpec((workload.batch_size, *IMAGE_SHAPE)))


def keras_side(networks, seed):
    """What `losses_of_both` returns for a workload, on the first of `pictures`."""
    import keras

    workload = WORKLOADS[networks]
    batches = pictures()[: CHECK_STEPS * CHECK_BATCH_SIZE].reshape(CHECK_STEPS, CHECK_BATCH_SIZE, *IMAGE_SHAPE)
    keras.utils.set_random_seed(seed)
    gan, other = workload.gan("float32", **workload.repeatable), workload.with_defaults(**workload.repeatable)
    return losses_of_both(gan, other, batches, seed)


def losses_of_both(gan, other, batches, seed=0):
    """Trains two models from equal weights on equal images and noise.

    Args:
        gan: the compiled `keras_gan.GAN`.
        other: a compiled model with the same `generator` and `discriminator`, which takes the GAN's weights.
        batches: of images, float32, one for each step.
        seed: of weights and noise.

    Returns:
        The arguments of `torch_game.losses`, and arrays of the losses of both models, (steps, 3).
    """
    import described
    import numpy as np

    shake(gan, seed)
    for model in (gan, other):
        # Large, for the sign of a gradient near zero is rounding, and must not decide which way a weight goes.
        model.generator_optimizer.epsilon = model.discriminator_optimizer.epsilon = 1e-3
    other.generator.set_weights(gan.generator.get_weights())
    other.discriminator.set_weights(gan.discriminator.get_weights())
    rng = np.random.default_rng(seed)
    draws = [rng.standard_normal((len(real), gan.latent_dim), "float32") for real in batches for _ in range(2)]
    game = described.of_gan(gan)
    return (game, draws, list(batches)), [keras_losses(model, draws, batches) for model in (gan, other)]


def shake(gan, seed):
    """Moves all trained weights at random, so that branches which start at zero count in a comparison."""
    import numpy as np

    rng = np.random.default_rng(seed)
    for weight in gan.trainable_variables:
        weight.assign_add(0.02 * rng.standard_normal(weight.shape, "float32"))
    gan.ema_generator.set_weights(gan.generator.get_weights())


def keras_losses(model, draws, batches):
    """Rows of d_loss, penalty and g_loss from `train_step` of a GAN that gets the noise `draws`, two in each step."""
    import keras

    draws = iter(draws)
    # `GAN` and the textbook's class call the method that draws noise by different names.
    setattr(model, "_noise" if hasattr(model, "_noise") else "noise", lambda *_: next(draws))
    rows = []
    for real in batches:
        model.reset_metrics()  # the logs are running means
        logs = model.train_step(keras.ops.convert_to_tensor(real))
        rows.append([float(logs.get(name, 0.0)) for name in ("d_loss", "penalty", "g_loss")])
    return rows


def torch_losses(*arguments, **options):
    """As `torch_game.losses`, in this process."""
    import torch_game

    return torch_game.losses(*arguments, **options)


def difference(mine, theirs) -> float:
    """The largest relative difference of two lists of rows of losses."""
    pairs = zip(itertools.chain(*mine), itertools.chain(*theirs), strict=True)
    return max(abs(a - b) / max(abs(b), 1e-12) for a, b in pairs)


def disagreement(networks) -> float:
    """The largest relative difference of any loss between the engines, in float32.

    Where a value lies at the bend of a LeakyReLU, rounding decides the slope that the penalties see, and networks that
    agree to 1e-6 part by 1e-4; one start in eight did. A mistake shows at every start, so the best of a few counts.
    """
    found, cores = [], os.sched_getaffinity(0)
    with process(cores, "tensorflow") as keras_call, process(cores, "torch") as torch_call:
        while len(found) < CHECK_SEEDS and min(found, default=math.inf) > TOLERANCE:
            arguments, theirs = keras_call(keras_side, networks, len(found))
            mine = [torch_call(torch_losses, *arguments)]
            if WORKLOADS[networks].penalized:
                mine.append(torch_call(functools.partial(torch_losses, one_pass=True), *arguments))
            found.append(max(difference(a, b) for a in mine for b in theirs))
    return min(found)


# the command --------------------------------------------------------------------------------------------------


def bind(cores, module):
    """Binds this process to `cores`, then imports the engine, whose thread pools follow, without its notes."""
    os.sched_setaffinity(0, cores)
    with silence.silence_native_stderr():
        importlib.import_module(module)


@contextlib.contextmanager
def process(cores, module):
    """A function that runs another in one process, which is bound to `cores` before it imports `module`, the engine."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, bind, (cores, module)) as pool:
        yield lambda function, *arguments: pool.submit(function, *arguments).result()


def check(networks):
    """Stops where the engines do not compute the same."""
    found = disagreement(networks)
    verdict = f"{networks}: losses of {CHECK_STEPS} steps in float32 differ by at most {found:.1e} (relative)"
    if not found <= TOLERANCE:
        raise InputError(f"{verdict}; expected at most {TOLERANCE:.0e}; find out which engine is wrong (twins.py)")
    click.echo(verdict, err=True)


def measure(networks, engines, cores, rounds, seconds):
    """The rows of one workload on some cores: each engine's images/s and the machine's FLOP/s, round by round."""
    with contextlib.ExitStack() as stack:
        meter = stack.enter_context(process(cores, "tensorflow"))
        step_flops = meter(flops, networks)
        description = meter(describe, networks) if set(TORCH) & set(engines) else ()
        calls = {}
        for engine in engines:
            if engine == "torch_one_pass" and not WORKLOADS[networks].penalized:
                continue
            module, arguments = ("torch", description) if engine in TORCH else ("tensorflow", ())
            calls[engine] = stack.enter_context(process(cores, module))
            calls[engine](start, engine, networks, *arguments)
        speeds, rates = {engine: [] for engine in calls}, []
        for number in range(rounds + 1):
            for engine, call in calls.items():
                speeds[engine].append(call(images_per_s, seconds if number else 0.0))
            dtype, rate = meter(matmul_rate)
            rates.append(rate)
            click.echo(f"{networks}, cores {cores}: round {number} of {rounds}", err=True)
    shared = {"networks": networks, "cores": len(cores), "step_flops": step_flops, "matmul_dtype": dtype}
    shared["batch_size"] = WORKLOADS[networks].batch_size
    # The first round built and compiled everything.
    return [{**shared, "engine": e, "images_per_s": speeds[e][1:], "matmul_flops_per_s": rates[1:]} for e in calls]


def best(rows, row, engines):
    """Largest median speed of these engines in the same workload on the same cores; None where none of them ran."""
    same = [other for other in rows if all(other[key] == row[key] for key in ("networks", "cores"))]
    medians = [statistics.median(other["images_per_s"]) for other in same if other["engine"] in engines]
    return max(medians, default=None)


def share(row) -> float:
    """Arithmetic of the training steps over what matrix products reach."""
    steps_per_s = statistics.median(row["images_per_s"]) / row["batch_size"]
    return steps_per_s * row["step_flops"] / statistics.median(row["matmul_flops_per_s"])


def line(rows, row) -> str:
    """One line of the table."""
    speeds = row["images_per_s"]
    median = statistics.median(speeds)
    ratios = [best(rows, row, engines) for engines in (TORCH, ("keras",))]
    cells = [
        row["networks"],
        row["cores"],
        WORKLOADS[row["networks"]].labels[row["engine"]].format(dtype=row["matmul_dtype"]),
        f"{median:.0f} ({min(speeds):.0f} to {max(speeds):.0f})",
        *("" if other is None else f"{median / other:.2f}×" for other in ratios),
        f"{100 * share(row):.0f} %",
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def arithmetic(rows) -> str:
    """What one step computes, and what the machine can, in a sentence each."""
    sentences = []
    for networks in dict.fromkeys(row["networks"] for row in rows):
        first = next(row for row in rows if row["networks"] == networks)
        sentences.append(
            f"A step of `{networks}`, {first['batch_size']} images, is {first['step_flops'] / 1e9:.1f} GFLOP of "
            "convolutions and matrix products."
        )
    for cores in dict.fromkeys(row["cores"] for row in rows):
        rates = [rate for row in rows if row["cores"] == cores for rate in row["matmul_flops_per_s"]]
        dtype = rows[0]["matmul_dtype"]
        sentences.append(
            f"A {dtype} matmul on {cores} core{'s'[: cores - 1]}: {statistics.median(rates) / 1e9:.0f} GFLOP/s."
        )
    return "\n".join(sentences)


def versions(packages=("tensorflow", "keras", "torch", "keras-gan")) -> str:
    """Date, processor, and the versions that decide the speed."""
    found = {"Python": platform.python_version()}
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return f"{datetime.date.today()}, {processor_name()}; " + ", ".join(map(" ".join, found.items()))


def table(rows) -> str:
    """Markdown for RESULTS.md."""
    rounds = len(rows[0]["images_per_s"])
    return "\n".join(
        [
            f"    python benchmarks/{' '.join([Path(sys.argv[0]).name, *sys.argv[1:]])}",
            "",
            f"{versions()}.",
            arithmetic(rows),
            f"Images/s of training, median (smallest to largest) of {rounds} rounds in which the engines take turns.",
            "",
            "| networks | cores | engine | images/s | to PyTorch | to Keras's defaults | share of the matmul rate |",
            "|---|---|---|---|---|---|---|",
            *(line(rows, row) for row in rows),
        ]
    )


def core_counts(context, parameter, value):
    """Sets of cores from "1,2", for click."""
    if not hasattr(os, "sched_setaffinity"):
        raise click.UsageError(f"{platform.system()} cannot bind a process to cores; expected Linux; run it there")
    mine = sorted(os.sched_getaffinity(0))
    counts = [int(count) if count.strip().isdigit() else 0 for count in value.split(",")]
    if not all(1 <= count <= len(mine) for count in counts):
        raise click.BadParameter(f"{value!r}; expected counts of 1 to {len(mine)}, such as 1 or 1,{len(mine)}")
    return [mine[:count] for count in counts]


@click.command()
@click.option("--networks", type=click.Choice(list(WORKLOADS)), multiple=True, default=list(WORKLOADS))
@click.option("--engines", type=click.Choice(list(ENGINES)), multiple=True, default=list(ENGINES))
@click.option("--cores", default="1,2", show_default=True, callback=core_counts, help="How many, in turn.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option("--seconds", default=5.0, show_default=True, help="Time of each engine in each round.")
@click.option("--check", "check_only", is_flag=True, help="Only compare the engines' losses.")
@click.option("--json", "file", type=click.Path(dir_okay=False), help="File for all numbers.")
def main(networks, engines, cores, rounds, seconds, check_only, file):
    """Measure images/s of training, print a table in Markdown."""
    if (set(TORCH) & set(engines) or check_only) and importlib.util.find_spec("torch") is None:
        raise click.UsageError("PyTorch is missing; pip install torch, or give the --engines without it")
    # For the processes to come: oneDNN as in the command, no notes, and no GPU, which is not what is measured.
    use_onednn()
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    try:
        if set(TORCH) & set(engines) or check_only:
            for name in networks:
                check(name)
        rows = []
        for name in [] if check_only else networks:
            for some in cores:
                rows += measure(name, engines, some, rounds, seconds)
    except InputError as error:
        raise click.UsageError(str(error)) from error
    if rows:
        click.echo(table(rows))
    if file:
        text = json.dumps({"versions": versions(), "rows": rows}, indent=1)
        files.replace(Path(file), lambda draft: draft.write_text(text))


if __name__ == "__main__":
    main()
