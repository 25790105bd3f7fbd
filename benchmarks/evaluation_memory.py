"""The largest memory that an evaluation takes, by the size of the images.

    python benchmarks/evaluation_memory.py --size 128 --size 256

It writes folders of JPEG images in two classes of unequal size, as many for training as for testing, and a small
class-conditional GAN that has not been trained. Then it evaluates that GAN in processes of their own:

- evaluate: `kgan evaluate generator.keras --data train`, with every number of the card; it trains the network that the
  images are judged by.
- callback: `callbacks.Evaluation` with the Fréchet distance, as it runs during training.
- export: `gan.export` with its quality check, which compares the export with Keras by the Fréchet distance.

The memory is the largest resident set of the whole process (ru_maxrss), with Python, TensorFlow and the generator's
own feature maps: a larger generator takes more. Each process must stay under 2 GB.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import numpy as np
from PIL import Image

LIMIT_GB = 2.0
STAGES = ("evaluate", "callback", "export")
CLASSES = {"rare": 0.1, "common": 0.9}  # and their shares
SEEN_IMAGES = 4_000  # in the training of the network that the images are judged by; more take longer, not more memory
WATCHED = 2_000  # samples of the callback and of the export, at most: those of kgan train and kgan export


@click.command()
@click.option("--size", "sizes", type=int, multiple=True, default=(128, 256), show_default=True)
@click.option("--count", default=10_000, show_default=True, help="Of training images, test images and samples.")
@click.option("--stage", "stages", type=click.Choice(STAGES), multiple=True, default=STAGES)
@click.option("--folder", type=click.Path(path_type=Path), help="Where the data are kept.  [default: a temporary one]")
def main(sizes, count, stages, folder):
    """Measure the memory of evaluations."""
    with tempfile.TemporaryDirectory() as temporary:
        for size in sizes:
            place = (folder or Path(temporary)) / str(size)
            prepare(place, size, count)
            for stage in stages:
                measure(place, stage, size, count)


def measure(place, stage, size, count):
    """Runs a stage in a process of its own and prints a row of the table."""
    start = time.perf_counter()
    command = [sys.executable, __file__, "--run-stage", stage, str(place), str(count)]
    environment = {**os.environ, "KERAS_GAN_CACHE": str(place / "cache"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    print(
        f"| {size}×{size} | {stage} | {figures['samples']:,} | {figures['peak_gb']:.2f} GB | "
        f"{time.perf_counter() - start:.0f} s | Fréchet distance {figures['frechet_distance']:.1f} |",
        flush=True,
    )
    if figures["peak_gb"] > LIMIT_GB:
        raise SystemExit(f"{stage} took {figures['peak_gb']:.2f} GB at {size}×{size}; expected at most {LIMIT_GB} GB")


def prepare(place, size, count):
    """The images, where they do not lie there yet."""
    for split, seed in (("train", 0), ("test", 1)):
        if (place / split).exists():
            continue
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda i, split=split, seed=seed: write(place / split, size, seed, i, count), range(count)))


def write(folder, size, seed, index, count):
    """One smooth picture; of the rare class, a dark one."""
    rng = np.random.default_rng([seed, index])
    rare = index < CLASSES["rare"] * count
    coarse = rng.integers(0, 128, (8, 8, 3), dtype="uint8") + np.uint8(0 if rare else 127)
    file = folder / ("rare" if rare else "common") / f"{index}.jpg"
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC).save(file, quality=85)


def network(size):
    """An untrained class-conditional GAN with eight feature maps at full size."""
    import keras
    from keras import layers

    from keras_gan import GAN

    keras.utils.set_random_seed(0)
    z, label = keras.Input((16,)), keras.Input((), dtype="int32")
    x = layers.Concatenate()([z, layers.Embedding(len(CLASSES), 4)(label)])
    x = layers.Reshape((8, 8, 8))(layers.Dense(8 * 8 * 8, activation="relu")(x))
    while x.shape[1] < size:
        x = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.UpSampling2D()(x))
    generator = keras.Model([z, label], layers.Conv2D(3, 3, padding="same", activation="tanh")(x))
    image, label = keras.Input((size, size, 3)), keras.Input((), dtype="int32")
    x = layers.Flatten()(layers.AveragePooling2D(size // 8)(image))
    x = layers.Concatenate()([x, layers.Embedding(len(CLASSES), 4)(label)])
    gan = GAN(generator, keras.Model([image, label], layers.Dense(1)(x)), num_classes=len(CLASSES))
    gan.compile()
    return gan


def run_stage(stage, place, count):
    """Runs a stage in this process and prints its figures as JSON."""
    from keras_gan.metrics import classifiers

    classifiers.MOST_IMAGES = SEEN_IMAGES
    gan, file = network(int(place.name)), place / "generator.keras"
    if stage == "evaluate":
        from keras_gan.evaluation import Settings, evaluate

        gan.save(file)
        del gan
        card = evaluate(file, Settings(str(place / "train"), samples=count), place / "card" / "metrics.json")
        samples, distance = card.samples, card["frechet_distance"].value
    else:
        from keras_gan import callbacks, data, exports, metrics

        train, test = (data.open_source(str(place / "train"), split=split) for split in ("train", "test"))
        reference = metrics.Reference.of(train, test, metrics.extractor(train, test), min(count, WATCHED))
        samples = reference.count
        if stage == "callback":
            watch = callbacks.Evaluation(reference)
            watch.set_model(gan)
            watch.act(0)
            distance = watch.history[0][1]
        else:
            report = gan.export(place / "export", options=exports.Options(reference=reference))
            distance = report.quality.frechet_distance
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(json.dumps({"samples": samples, "frechet_distance": distance, "peak_gb": peak_gb}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run-stage"]:
        run_stage(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
