"""Table 1 of Goodfellow et al. 2014 again: the Parzen log-likelihood of the 2014 recipe, beside real images.

    python benchmarks/table1.py mnist --steps 100000
    python benchmarks/table1.py mnist --steps 100000 --half-life 200000   # samples of an average of the weights
    python benchmarks/table1.py TFD_48x48.mat        # the Toronto Face Database is not public: bring your own

G is trained on the training images without the last 10,000, on which the bandwidth is chosen. Data that hold out no
test images are shuffled and give a tenth for each of both.
"""

import dataclasses
import json
import time
from pathlib import Path

import click
import numpy as np

from keras_gan import data, metrics, presets, training
from keras_gan.data.source import Source, from_array

SAMPLES = 10_000
PUBLISHED = {"mnist": "225 ± 2"}


def split(name: str) -> tuple[Source, np.ndarray, np.ndarray]:
    """Training source, validation images, test images."""
    train, test = data.open_source(name), data.open_source(name, split="test")
    images = train.fetch(np.arange(train.count))
    if test is not None:
        cut = len(images) - SAMPLES
        return from_array(train.name, images[:cut]), images[cut:], test.fetch(np.arange(min(SAMPLES, test.count)))
    images = images[np.random.default_rng(0).permutation(len(images))]
    tenth = len(images) // 10
    return from_array(train.name, images[2 * tenth :]), images[:tenth], images[tenth : 2 * tenth][:SAMPLES]


@click.command()
@click.argument("name")
@click.option("--steps", default=100_000, show_default=True)
@click.option("--checks", default=10, show_default=True, help="How often to measure on the way.")
@click.option("--half-life", default=0, show_default=True, help="Of an average of the weights, in images; 0 for none.")
@click.option("--seed", default=0, show_default=True)
@click.option("--run", "run_dir", default="runs/table1", show_default=True)
def main(name, steps, checks, half_life, seed, run_dir):
    """Train goodfellow2014 on NAME and print one JSON line at every check; the first is that of real images."""
    recipe = dataclasses.replace(presets.PRESETS["goodfellow2014"], ema_half_life_images=half_life)
    presets.PRESETS["goodfellow2014"] = recipe
    source, validation, test = split(name)

    def report(kind, samples, **more):
        mean, error, sigma = metrics.parzen(samples, validation, test)
        row = {"data": name, "kind": kind, "nats": round(mean, 1), "error": round(error, 1), "sigma": round(sigma, 4)}
        click.echo(json.dumps({**row, **more, "published": PUBLISHED.get(name, "")}, ensure_ascii=False))

    report("real training images", source.fetch(source.sample(SAMPLES, seed)))
    start = time.perf_counter()
    for check in range(1, checks + 1):
        config = training.configure(name, "goodfellow2014", steps=steps * check // checks, seed=seed)
        gan = training.Job(config, Path(run_dir), source, training.build(config, source.shape, source.count)).train()
        seconds = round(time.perf_counter() - start)
        report("goodfellow2014", gan.generate(SAMPLES, seed=seed, batch_size=500), step=gan.step, seconds=seconds)


if __name__ == "__main__":
    main()
