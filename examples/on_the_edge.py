"""A generator without TensorFlow: exported as .tflite in two sizes, opened, compared and timed.

Training and export run in a process of their own. The rest is what a phone or a board does: this process never imports
TensorFlow, and generates with ai-edge-litert and numpy.

    python examples/on_the_edge.py                            # trains on scikit-learn's 8×8 digits first
    python examples/on_the_edge.py --run runs/mnist-resnet    # takes a run of kgan train

For each file the script prints its size, the mean and the largest difference from Keras's images of the same seeds, in
grey levels of 255, and the time for one image (of 160). on_the_edge.png has a row of images from Keras and
one from each file: a seed gives the same image in all of them. The files are in on_the_edge/.
"""

import argparse
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from keras_gan import sampling
from keras_gan.exports.edge import Generator

SEED, SHOWN, TIMED = 7, 12, 160
MODES = ("float16", "int8")


def export(folder, run, epochs):
    """Exports a generator in all modes, in a process that has TensorFlow; returns Keras's pictures."""
    from keras_gan import GAN, data, networks, training

    if run is not None:
        gan = training.load(run)
    else:
        gan = GAN(networks.generator((8, 8, 1)), networks.discriminator((8, 8, 1)), ema_half_life_images=10_000, seed=1)
        gan.compile()
        gan.fit(data.load("digits", batch_size=32), epochs=epochs, shuffle=False, verbose=0)
    for mode in MODES:
        gan.export(folder / f"{mode}.tflite", format="tflite", quantize=mode)
    return gan.generate(SHOWN, seed=SEED)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="A trained run.  [default: train on digits]")
    parser.add_argument("--epochs", type=int, default=20)
    given = parser.parse_args()
    folder = Path("on_the_edge")
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as other:  # spawned: it inherits nothing
        rows = [other.submit(export, folder, given.run, given.epochs).result()]  # first Keras's

    print(f"{'':14} {'size':>10} {'mean':>8} {'largest':>8} {'a picture':>11}")
    for mode in MODES:
        file = folder / f"{mode}.tflite"
        generator = Generator(file)
        rows.append(generator.generate(SHOWN, seed=SEED))  # uint8 (12, height, width, channels)
        difference = np.abs(rows[-1].astype(int) - rows[0])
        start = time.perf_counter()
        generator.generate(TIMED)
        size, ms = file.stat().st_size / 1e3, 1e3 * (time.perf_counter() - start) / TIMED
        print(f"{file.name:14} {size:7,.0f} kB {difference.mean():8.2f} {difference.max():8} {ms:8.3f} ms")
    print(f"TensorFlow in this process: {'yes' if 'tensorflow' in sys.modules else 'no'}")
    sampling.grid(np.concatenate(rows), columns=SHOWN).save("on_the_edge.png")


if __name__ == "__main__":
    main()
