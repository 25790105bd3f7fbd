"""How the cost of training grows: time for an image and peak memory against batch, size, width and data set size.

    python benchmarks/growth.py                     # writes growth.json and growth.png; a quarter of an hour
    python benchmarks/growth.py --only batch --only images --most 10000

The default recipe on handwritten digits resized to grey squares. Every point is a process of its own, which opens its
data, trains for some seconds and reports its own peak of resident memory. "images" are PNG files in a folder, linked to
one another, so that a million of them fit on any disk: opened, shuffled and decoded like others. Run nothing beside it.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from keras_gan._utils.files import replace

AXES = {
    "batch": (8, 16, 32, 64, 128),
    "size": (28, 64, 128, 256),
    "width": (16, 32, 64, 128),
    "images": (1_000, 10_000, 100_000, 1_000_000),
}
LABELS = {
    "batch": "images in a batch",
    "size": "pixels on a side",
    "width": "channels at half size",
    "images": "images on disk",
}
USUAL = {"batch": 32, "size": 28, "width": 32}
WARM_UP_STEPS, LEAST_STEPS = 3, 5
LARGE_BATCH = 8  # at sizes of more than 64 pixels, so that 256×256 fits a laptop
FOLDER_FILES = 1_000  # more in one folder slow down the system, not the training


def measure(batch: int, size: int, width: int, seconds: float, folder: str | None = None) -> dict:
    """One point, in this process: seconds to open the data and for each image, and this process's peak of memory."""
    import keras

    from keras_gan import data, training
    from keras_gan.config import TrainConfig
    from keras_gan.distribute import precision
    from keras_gan.networks import resnet

    class Laps(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.ends = []

        def on_train_batch_end(self, step, logs=None):
            self.ends.append(time.perf_counter())
            timed = len(self.ends) - WARM_UP_STEPS
            self.model.stop_training = timed > LEAST_STEPS and self.ends[-1] - self.ends[WARM_UP_STEPS] > seconds

    precision.use_threads()
    resnet.HALF_SIZE_WIDTH = width
    start = time.perf_counter()
    source = data.open_source(folder or "digits", None if folder else size)
    opened = time.perf_counter() - start
    gan = training.build(TrainConfig("digits", batch_size=batch, augment=False), source.shape, source.count)
    laps = Laps()
    gan.fit(data.batches(source, batch, 0), steps_per_epoch=10**9, shuffle=False, verbose=0, callbacks=[laps])
    ends = laps.ends[WARM_UP_STEPS:]
    step_s = statistics.median(after - before for before, after in zip(ends, ends[1:], strict=False))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"open_s": opened, "ms_per_image": 1e3 * step_s / batch, "peak_mb": peak / 1e6, "steps": len(laps.ends)}


def fill(folder: Path, count: int) -> None:
    """Puts so many PNG files of digits, 28×28, below `folder`: the first of each digit written, the others linked."""
    from keras_gan import data
    from keras_gan.sampling.pictures import to_picture

    digits = data.open_source("digits", 28).array

    def path(number):
        return folder / f"{number // FOLDER_FILES:04d}" / f"{number % FOLDER_FILES:03d}.png"

    for number in range(count):
        file = path(number)
        if number % FOLDER_FILES == 0:
            file.parent.mkdir()
        if number < len(digits):
            to_picture(digits[number]).save(file)
        else:
            os.link(path(number % len(digits)), file)


def point(axis: str, value: int, seconds: float) -> dict:
    """One point, in a process of its own."""
    settings = USUAL | {"seconds": seconds} | ({axis: value} if axis in USUAL else {})
    if settings["size"] > 64:
        settings["batch"] = LARGE_BATCH
    with tempfile.TemporaryDirectory() as folder:
        if axis == "images":
            fill(Path(folder), value)
            settings["folder"] = folder
        call = [sys.executable, __file__, "--point", json.dumps(settings)]
        done = subprocess.run(call, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{axis} {value} failed:\n{done.stderr}")
    return {"axis": axis, "value": value, "batch": settings["batch"], **json.loads(done.stdout.splitlines()[-1])}


def draw(points: list[dict], picture: Path) -> None:
    """Time, on a logarithmic scale, and memory against each axis."""
    from matplotlib.figure import Figure

    axes = [axis for axis in AXES if any(row["axis"] == axis for row in points)]
    figure = Figure(figsize=(3 * len(axes), 5.5), layout="constrained")
    plots = figure.subplots(2, len(axes), sharey="row", sharex="col", squeeze=False)
    for column, axis in enumerate(axes):
        rows = [row for row in points if row["axis"] == axis]
        values = [row["value"] for row in rows]
        for plot, key in zip(plots[:, column], ("ms_per_image", "peak_mb"), strict=True):
            plot.plot(values, [row[key] for row in rows], marker="o")
            plot.set_xscale("log")
            plot.set_xticks(values, [f"{value:,}" for value in values])
            plot.minorticks_off()
            plot.grid(alpha=0.3)
        plots[1, column].set(xlabel=LABELS[axis])
        if axis == "size":
            first = rows[0]
            linear = [first["ms_per_image"] * (value / first["value"]) ** 2 for value in values]
            plots[0, column].plot(values, linear, "k:", label="as the pixels")
            plots[0, column].legend()
    plots[0, 0].set(ylabel="ms for an image", yscale="log")
    plots[1, 0].set(ylabel="peak memory, MB", ylim=(0, None))
    replace(picture, lambda draft: figure.savefig(draft, format="png", dpi=120))


@click.command()
@click.option("--only", type=click.Choice(list(AXES)), multiple=True, help="One axis, not all; may be repeated.")
@click.option("--most", type=int, default=10**9, help="Leave larger values out.")
@click.option("--seconds", default=10.0, show_default=True, help="Of training, at each point.")
@click.option("--out", default="growth.json", show_default=True, help="The .json to write; the .png lies beside it.")
@click.option("--point", "settings", hidden=True)
def main(only, most, seconds, out, settings):
    """Measure how time and memory of training grow, and draw it."""
    if settings:
        print(json.dumps(measure(**json.loads(settings))))
        return
    points = []
    for axis in only or AXES:
        for value in (value for value in AXES[axis] if value <= most):
            points.append(point(axis, value, seconds))
            print(json.dumps(points[-1]), flush=True)
            replace(Path(out), lambda draft: draft.write_text(json.dumps(points, indent=1)))
    draw(points, Path(out).with_suffix(".png"))


if __name__ == "__main__":
    main()
