"""Table 1 of Goodfellow et al. 2014 again: the Parzen log-likelihood of the 2014 recipe, beside real images.

    python benchmarks/table1.py mnist --steps 100000
    python benchmarks/table1.py mnist --steps 100000 --half-life 200000   # samples of an average of the weights
    python benchmarks/table1.py ./faces --faces --steps 8200    # the published networks for faces, 48×48 in grey

The Toronto Face Database, on which the paper's number for faces was measured, is not public: bring other faces.

G is trained on the training images without the last 10,000, or without a sixth where that is less; on these the
bandwidth is chosen. Data that hold out no test images are shuffled and give a tenth for each of both.
"""

import dataclasses
import json
import time
from pathlib import Path

import click
import keras
import numpy as np
from keras import layers

from keras_gan import GAN, data, metrics, networks, presets, training
from keras_gan.config import TrainConfig
from keras_gan.data.source import Source, from_array
from keras_gan.layers import Maxout
from keras_gan.networks.perceptrons import OUTPUT

SAMPLES = 10_000
PUBLISHED = {"mnist": "225 ± 2"}
FACES_PUBLISHED = "2057 ± 26 on the Toronto Face Database"
FACES_SIDE = 48  # pixels
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def split(name: str, side: int | None = None) -> tuple[Source, np.ndarray, np.ndarray]:
    """Training source, validation images, test images; in grey where they are resized to a side."""
    train, test = data.open_source(name, side), data.open_source(name, side, split="test")

    def fetched(source, count):
        images = source.fetch(np.arange(count))
        if side is None or images.shape[-1] == 1:
            return images
        return np.rint(images @ np.array(LUMA))[..., None].astype("uint8")

    images = fetched(train, train.count)
    if test is not None:
        cut = len(images) - min(SAMPLES, len(images) // 6)
        return from_array(train.name, images[:cut]), images[cut:], fetched(test, min(SAMPLES, test.count))
    images = images[np.random.default_rng(0).permutation(len(images))]
    tenth = len(images) // 10
    return from_array(train.name, images[2 * tenth :]), images[:tenth], images[tenth : 2 * tenth][:SAMPLES]


def faces_gan(config: TrainConfig, shape: tuple[int, int, int], count: int, half_life: int, width: int = 8_000) -> GAN:
    """The networks of 2014 for 48×48 faces, compiled with their settings.

    All weights of a unit have a norm of at most 1.9365. Dropout, the ranges of initial weights and the biases of the
    output are those of the recipe for MNIST.

    Args:
        config: gives the latents and the seed.
        shape: of an image.
        count: number of training images.
        half_life: of an average of the weights, in images; 0 for none.
        width: units in G's hidden layers; the published 8,000, or less in tests.

    Source: github.com/goodfeli/adversarial, tfd_pretrain/pretrain.yaml.
    """
    keras.utils.set_random_seed(config.seed)
    dtype, norm = networks.arithmetic(shape)[0], keras.constraints.MaxNorm(1.9365, axis=0)
    uniform = keras.initializers.RandomUniform
    wide = {"kernel_initializer": uniform(-0.05, 0.05), "kernel_constraint": norm}
    narrow = {"kernel_initializer": uniform(-0.005, 0.005), "kernel_constraint": norm}
    z = keras.Input((config.latent_dim,))
    x = layers.Dense(width, "relu", dtype=dtype, **wide)(z)
    x = layers.Dense(width, "sigmoid", bias_initializer=keras.initializers.Constant(-2.0), dtype=dtype, **wide)(x)
    x = layers.Dense(int(np.prod(shape)), "sigmoid", dtype="float32", name=OUTPUT, **wide)(x)
    drawn = layers.Reshape(shape, dtype="float32")(layers.Rescaling(2.0, -1.0, dtype="float32")(x))
    image = keras.Input(shape)
    x = layers.Rescaling(0.5, 0.5, dtype="float32")(layers.Flatten(dtype="float32")(image))
    x = layers.Dropout(0.2, dtype=dtype)(x)
    for _ in range(2):
        x = layers.Dropout(0.5, dtype=dtype)(Maxout(width * 3 // 20, 5, dtype=dtype, **narrow)(x))  # 1,200
    logit = layers.Dense(1, dtype="float32", **narrow)(x)
    gan = GAN(
        keras.Model(z, drawn),
        keras.Model(image, logit),
        latent=config.latent,
        ema_half_life_images=half_life,
        seed=config.seed,
    )
    epoch = max(1, count // config.batch_size)

    def optimizer(side):
        """The preset's, with half of its rate, and with the momentum of epochs of this length."""
        serialized = config.optimizer(side)
        serialized["config"] |= {"first_step": epoch, "last_step": 250 * epoch}
        serialized["config"]["learning_rate"]["config"]["initial_learning_rate"] /= 2
        return serialized

    gan.compile(optimizer("generator"), optimizer("discriminator"), config.loss, updates=config.updates)
    return gan


@click.command()
@click.argument("name")
@click.option("--faces", is_flag=True, help="The published networks for faces; images become grey, 48×48.")
@click.option("--steps", default=100_000, show_default=True)
@click.option("--checks", default=10, show_default=True, help="How often to measure on the way.")
@click.option("--half-life", default=0, show_default=True, help="Of an average of the weights, in images; 0 for none.")
@click.option("--seed", default=0, show_default=True)
@click.option("--run", "run_dir", default="runs/table1", show_default=True)
def main(name, faces, steps, checks, half_life, seed, run_dir):
    """Train the recipe of 2014 on NAME and print one JSON line at every check; the first is that of real images."""
    recipe = dataclasses.replace(presets.PRESETS["goodfellow2014"], ema_half_life_images=half_life)
    presets.PRESETS["goodfellow2014"] = recipe
    source, validation, test = split(name, FACES_SIDE if faces else None)

    def report(kind, samples, **more):
        mean, error, sigma = metrics.parzen(samples, validation, test)
        row = {"data": name, "kind": kind, "nats": round(mean, 1), "error": round(error, 1), "sigma": round(sigma, 4)}
        published = FACES_PUBLISHED if faces else PUBLISHED.get(name, "")
        click.echo(json.dumps({**row, **more, "published": published}, ensure_ascii=False))

    def build(config):
        if faces:
            return faces_gan(config, source.shape, source.count, half_life)
        return training.build(config, source.shape, source.count)

    report("real training images", source.fetch(source.sample(SAMPLES, seed)))
    start = time.perf_counter()
    for check in range(1, checks + 1):
        config = training.configure(name, "goodfellow2014", steps=steps * check // checks, seed=seed)
        job = training.Job(config, Path(run_dir), source, build(config))
        if not job.remaining_steps and check < checks:
            continue  # measured before the script was stopped
        gan = job.train()
        seconds = round(time.perf_counter() - start)
        report("goodfellow2014", gan.generate(SAMPLES, seed=seed, batch_size=500), step=gan.step, seconds=seconds)
        if job.exit_status:  # stopped by a signal
            raise SystemExit(job.exit_status)


if __name__ == "__main__":
    main()
