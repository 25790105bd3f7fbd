"""Fréchet distance against training time: recipes of this package beside the DCGANs of two tutorials.

    python benchmarks/time_to_quality.py resnet --minutes 30 --seed 0 --seed 1 --seed 2 --out resnet.json
    python benchmarks/time_to_quality.py tutorial --minutes 30 --seed 0 --out tutorial.json
    python benchmarks/time_to_quality.py resnet pytorch --data FACES --image-size 64 --samples 2000 --out faces.json
    python benchmarks/time_to_quality.py --draw resnet.json tutorial.json       # writes time_to_quality.png

The clock starts with `fit`, so it holds the building of the graph, and stands still while samples are judged: 10,000 of
them, as `kgan evaluate` does it, the last ones by all its measures. "tutorial" is float32, with batches of 256 and
Adam(1e-4), and without an average of the weights, as tensorflow.org/tutorials/generative/dcgan has it. "pytorch" is the
DCGAN of pytorch.org's tutorial on faces, channels_last, in bfloat16 where this package computes in it; it runs in a
process of its own, and needs PyTorch. Run nothing beside it.
"""

import functools
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

from keras_gan._utils import machine

machine.use_onednn()  # as the command does, before TensorFlow is imported

import keras  # noqa: E402

from keras_gan import data, metrics, training  # noqa: E402
from keras_gan._utils import pixels  # noqa: E402
from keras_gan._utils.files import replace  # noqa: E402
from keras_gan.config import TrainConfig  # noqa: E402
from keras_gan.distribute import precision  # noqa: E402
from keras_gan.metrics import Reference  # noqa: E402
from keras_gan.presets import PRESETS  # noqa: E402

TUTORIAL, PYTORCH = "tutorial", "pytorch"
FIRST_S, GROWTH = 15.0, 2**0.5  # of the times at which samples are judged
SAMPLES = 10_000
FOREVER = 10**9


class Curve(keras.callbacks.Callback):
    """Judges the generator at growing intervals, until the time is over or the goal, a Fréchet distance, is reached."""

    def __init__(self, reference: Reference, sample, most_s: float, batch_size: int, goal: float):
        super().__init__()
        self.reference, self.sample, self.most_s, self.batch_size = reference, sample, most_s, batch_size
        self.goal = goal
        self.rows = []

    def on_train_begin(self, logs=None):
        self.start, self.next_s, self.images = time.perf_counter(), FIRST_S, 0

    def on_train_batch_end(self, batch, logs=None):
        self.images += self.batch_size
        seconds = time.perf_counter() - self.start
        if seconds < min(self.next_s, self.most_s):
            return
        self.model.stop_training = seconds >= self.most_s
        is_last = self.model.stop_training
        self.rows.append(row(seconds, self.images, self.sample(self.reference.count), self.reference, is_last))
        self.model.stop_training |= self.rows[-1]["frechet_distance"] <= self.goal
        self.next_s *= GROWTH
        self.start = time.perf_counter() - seconds


def row(seconds: float, images: int, samples: np.ndarray, reference: Reference, is_last: bool) -> dict:
    """A judgement: by the Fréchet distance alone, or by all measures if it is the last one."""
    card = metrics.evaluate(samples, reference, None if is_last else ["frechet"])
    found = {"seconds": round(seconds, 1), "images": images} | {score.name: score.value for score in card.scores}
    print(json.dumps(found), flush=True)
    return found


def play(recipe: str, source: data.Source, seed: int, **settings):
    """The compiled model, the function that samples it, and its batch size; settings are those of `TrainConfig`."""
    if recipe != TUTORIAL:
        config = TrainConfig(source.name, recipe, seed=seed, **settings)
        gan = training.build(config, source.shape, source.count)
        return gan, lambda n: gan.generate(n, seed=0, batch_size=250), config.batch_size
    import tutorial

    keras.utils.set_random_seed(seed)
    gan = tutorial.package_gan()

    def sample(n):
        return pixels.to_uint8(gan.generator.predict(gan.inputs(n, seed=0), batch_size=250, verbose=0))

    return gan, sample, tutorial.BATCH_SIZE


def pytorch_rows(source: data.Source, reference: Reference, most_s: float, seed: int, goal: float) -> list[dict]:
    """The judgements of PyTorch's tutorial."""
    if source.shape != (64, 64, 3):
        raise click.UsageError(f"images of shape {source.shape}; expected 64x64 in colour for {PYTORCH}")
    rows, next_s = [], FIRST_S
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "images.npy"), source.fetch(np.arange(source.count)))
        dtype = "bfloat16" if "bfloat16" in precision.policy()[0] else "float32"
        command = [sys.executable, Path(__file__).with_name("torch_dcgan.py"), folder, str(seed), dtype]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            while not rows or (rows[-1]["seconds"] < most_s and rows[-1]["frechet_distance"] > goal):
                print(min(next_s, most_s), reference.count, file=process.stdin, flush=True)
                answer = process.stdout.readline()
                if not answer:
                    raise click.ClickException("the process with PyTorch has ended; its error is above")
                seconds, images = answer.split()
                samples = np.load(Path(folder, "samples.npy"))
                rows.append(row(float(seconds), int(images), samples, reference, next_s >= most_s))
                next_s *= GROWTH
            process.stdin.close()
    return rows


@functools.cache
def judged(name: str, samples: int, image_size: int | None = None) -> tuple[data.Source, Reference]:
    """The data, and what their samples are judged by."""
    source, held_out = data.open_source(name, image_size), data.open_source(name, image_size, split="test")
    return source, Reference.of(source, held_out, metrics.extractor(source, held_out), samples)


@functools.cache
def baseline(name: str, samples: int, image_size: int | None = None) -> float:
    """The Fréchet distance of real images."""
    _, reference = judged(name, samples, image_size)
    return metrics.evaluate(reference.baseline.images, reference, ["frechet"])["frechet_distance"].value


def measure(
    recipe: str,
    name: str,
    minutes: float,
    seed: int,
    samples: int,
    goal: float = 0.0,
    image_size: int | None = None,
    **settings,
) -> dict:
    """One run's curve, up to a goal."""
    source, reference = judged(name, samples, image_size)
    if recipe == PYTORCH:
        rows = pytorch_rows(source, reference, 60 * minutes, seed, goal)
    else:
        model, sample, batch_size = play(recipe, source, seed, image_size=image_size, **settings)
        curve = Curve(reference, sample, 60 * minutes, batch_size, goal)
        batches = data.batches(source, batch_size, seed)
        model.fit(batches, steps_per_epoch=FOREVER, shuffle=False, verbose=0, callbacks=[curve])
        rows = curve.rows
    real = baseline(name, samples, image_size)
    return {"recipe": recipe, "data": name, "seed": seed, "samples": samples, "baseline": real, "rows": rows}


def draw(files, picture: Path) -> None:
    """The curves of several files in one picture, one colour a recipe."""
    from matplotlib.figure import Figure

    runs = [run for file in files for run in json.loads(Path(file).read_text())]
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    recipes = sorted({run["recipe"] for run in runs})
    for run in runs:
        seconds, distances = ([row[key] for row in run["rows"]] for key in ("seconds", "frechet_distance"))
        axes.loglog(seconds, distances, f"C{recipes.index(run['recipe'])}", label=run["recipe"], marker=".")
    axes.axhline(runs[0]["baseline"], color="grey", linestyle=":", label="real images")
    labels = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.legend(labels.values(), labels.keys())
    samples = runs[0].get("samples", SAMPLES)
    axes.set(xlabel="seconds of training", ylabel=f"Fréchet distance, {samples:,} samples")
    axes.set_title(Path(runs[0]["data"]).name)
    replace(picture, lambda draft: figure.savefig(draft, format="png", dpi=120))


@click.command()
@click.argument("recipes", nargs=-1)
@click.option("--data", "name", default="mnist", show_default=True)
@click.option("--image-size", type=int, help="Resize the data to this side in pixels.")
@click.option("--minutes", default=30.0, show_default=True, help="Of training, for each run.")
@click.option("--seed", "seeds", type=int, multiple=True, default=[0], show_default=True, help="Once for each run.")
@click.option("--samples", default=SAMPLES, show_default=True, help="To judge each time.")
@click.option("--out", default="time_to_quality.json", show_default=True, help="The .json to write or to add to.")
@click.option("--draw", "drawn", is_flag=True, help="Draw the .json files that are given in place of recipes.")
def main(recipes, name, image_size, minutes, seeds, samples, out, drawn):
    """Train each of RECIPES (presets, tutorial or pytorch) once for each seed, and judge it on the way."""
    if drawn:
        draw(recipes, Path(out).with_suffix(".png"))
        return
    for recipe in recipes:
        if recipe not in (TUTORIAL, PYTORCH, *PRESETS):
            raise click.UsageError(f"{recipe!r} is neither a preset nor {TUTORIAL} or {PYTORCH}")
    if PYTORCH in recipes and importlib.util.find_spec("torch") is None:
        raise click.UsageError("PyTorch is missing; pip install torch, or leave the recipe pytorch out")
    precision.use_threads()
    file = Path(out)
    runs = json.loads(file.read_text()) if file.exists() else []
    for recipe in recipes:
        for seed in seeds:
            print(f"{recipe}, seed {seed}, {minutes:g} minutes, {precision.cores()} cores", flush=True)
            runs.append(measure(recipe, name, minutes, seed, samples, image_size=image_size))
            replace(file, lambda draft: draft.write_text(json.dumps(runs, indent=1)))


if __name__ == "__main__":
    main()
