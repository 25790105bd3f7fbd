"""Trains the networks that the metrics look through, from the data as everyone gets them.

    python benchmarks/extractors.py digits
    python benchmarks/extractors.py mnist --out mnist.npz

On one machine the file comes out the same, byte for byte; on another its numbers differ in the last places, and
with them its SHA-256. So no result is compared across files.
"""

import argparse
import hashlib
import time
from pathlib import Path

from keras_gan import data
from keras_gan.metrics import classifiers, extractors

MNIST_IMAGES_SEEN = 360_000  # six epochs


def digits() -> classifiers.Classifier:
    """Trained on four fifths of scikit-learn's digits, judged on the fifth that `split` holds out."""
    source = data.open_source("digits")
    rows, held = classifiers.split(source.labels, 5)
    model = classifiers.train(source.array[rows], source.labels[rows])
    return classifiers.Classifier(model, classifiers.accuracy(model, source.array[held], source.labels[held]))


def mnist() -> classifiers.Classifier:
    """Trained on MNIST's 60,000 training images, judged on its 10,000 test images."""
    train, test = (data.open_source("mnist", split=split) for split in ("train", "test"))
    model = classifiers.train(train.array, train.labels, images_seen=MNIST_IMAGES_SEEN)
    return classifiers.Classifier(model, classifiers.accuracy(model, test.array, test.labels))


RECIPES = {"digits": digits, "mnist": mnist}


def write_sums(folder: Path) -> None:
    """Writes the sums of all weights in a folder, as sha256sum does; the package checks its files by them."""
    files = sorted(folder.glob("*.npz"))
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (folder / extractors.SUMS).write_text("".join(lines))


def main():
    parser = argparse.ArgumentParser(description="Train a network that the metrics look through.")
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("--out", type=Path, help="the .npz to write; by default the one that the package ships")
    given = parser.parse_args()
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    start = time.perf_counter()
    classifier = RECIPES[given.name]()
    file = given.out or extractors.WEIGHTS / f"{given.name}.npz"
    file.parent.mkdir(parents=True, exist_ok=True)
    sha256 = classifiers.save(classifier, file)
    if given.out is None:
        write_sums(file.parent)
    print(
        f"{file}: {file.stat().st_size:,} bytes, SHA-256 {sha256}\n"
        f"{classifier.accuracy:.2%} right on held-out images, trained in {time.perf_counter() - start:.0f} s"
    )


if __name__ == "__main__":
    main()
