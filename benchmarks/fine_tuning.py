"""Training on few images, from scratch and from a trained run: Fréchet distance against steps.

    python benchmarks/fine_tuning.py avatars:open-peeps --from runs/avatars-resnet-light --seed 0 --out peeps.json
    python benchmarks/fine_tuning.py FACES --image-size 64 --from runs/avatars-resnet-light --flip --seed 0

Takes the first images of the data, trains on these alone, and compares 2,000 samples with 2,000 held-out images, in
ImageNet features. Both trainings see the same images in the same order, augmented alike.
"""

import json
import os
import time
from pathlib import Path

import click

from keras_gan._utils import machine

machine.use_onednn()  # as the command does, before TensorFlow is imported

import keras  # noqa: E402
import numpy as np  # noqa: E402

from keras_gan import data, metrics, training  # noqa: E402
from keras_gan.data.source import from_array  # noqa: E402
from keras_gan.distribute import precision  # noqa: E402
from keras_gan.metrics import Reference  # noqa: E402
from keras_gan.training import origins  # noqa: E402

FIRST_STEP, GROWTH = 50, 2
SCRATCH, RUN = STARTS = "scratch", "run"


class Curve(keras.callbacks.Callback):
    """The Fréchet distance after 50, 100, 200, … steps, and after the last one."""

    def __init__(self, reference: Reference, steps: int):
        super().__init__()
        self.reference, self.steps, self.next, self.rows = reference, steps, FIRST_STEP, {}

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 < min(self.next, self.steps):
            return
        samples = self.model.generate(self.reference.count, seed=0)
        self.rows[batch + 1] = metrics.evaluate(samples, self.reference, ["frechet"])["frechet_distance"].value
        self.next *= GROWTH


def trained(config, few, reference, origin) -> dict[int, float]:
    """The curve of one training; from scratch where `origin` is None."""
    gan = training.build(config, few.shape, few.count)
    if origin:
        print(origins.start(gan, origin, None, with_optimizers=False))
    curve = Curve(reference, config.steps)
    batches = data.batches(few, config.batch_size, config.seed)
    gan.fit(batches, steps_per_epoch=config.steps, shuffle=False, verbose=0, callbacks=[curve])
    return curve.rows


@click.command()
@click.argument("name")
@click.option("--from", "origin", required=True, help="The trained run.")
@click.option("--images", default=300, help="The number of images to train on.")
@click.option("--image-size", type=int, default=64)
@click.option("--flip", is_flag=True)
@click.option("--steps", default=2_000)
@click.option("--freeze-levels", default=0)
@click.option("--start", "starts", type=click.Choice(STARTS), multiple=True, default=STARTS, show_default=True)
@click.option("--seed", "seeds", type=int, multiple=True, default=(0,))
@click.option("--out", type=click.Path(path_type=Path))
def main(name, origin, images, image_size, flip, steps, freeze_levels, starts, seeds, out):
    """Train on a few images of NAME, from scratch and from a run."""
    if len(os.sched_getaffinity(0)) > 1:
        precision.use_threads()
    source, held_out = (data.open_source(name, image_size, split=split, flip=flip) for split in ("train", "test"))
    few = from_array(f"{images} of {name}", source.fetch(np.arange(images)), flip=flip)
    reference = Reference.of(source, held_out, metrics.extractor(source, held_out), 2_000)
    real = metrics.evaluate(reference.baseline.images, reference, ["frechet"])["frechet_distance"].value
    print(f"real images: {real:.1f}")
    found = []
    for seed in seeds:
        for start in [{SCRATCH: None, RUN: origin}[name] for name in starts]:
            began = time.process_time()
            config = training.configure(
                name,
                steps=steps,
                seed=seed,
                start_from=origin,
                freeze_levels=freeze_levels if start else 0,
                augment=True,
            )
            curve = trained(config, few, reference, start)
            words = ", ".join(f"{step}: {distance:.0f}" for step, distance in curve.items())
            print(f"seed {seed}, {'from the run' if start else 'from scratch'}: {words}", flush=True)
            found.append({"seed": seed, "from": start, "rows": curve, "seconds": round(time.process_time() - began)})
            if out:
                out.write_text(json.dumps({"data": name, "images": images, "baseline": real, "runs": found}, indent=1))


if __name__ == "__main__":
    main()
