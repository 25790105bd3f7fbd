"""Your own images: from a folder to a trained generator, its metrics, and a file for a phone.

    python examples/own_data.py ./photos --image-size 32     # any folder; subfolders are classes
    python examples/own_data.py                              # writes 1,797 digits as PNG files, and trains on those

The script prints what is trained, the metric card (each metric with its baseline) and the check of the export. The run
folder, runs/own_data by default, then holds report.html with all of it, card.png, samples/ and
export/generator.tflite. If the folder has classes, a small network for the metrics is trained once, too. The same
command resumes the run; --steps 20000 continues it.
"""

import argparse
from pathlib import Path

from keras_gan import data, evaluation, sampling, training
from keras_gan.exports import About, Options
from keras_gan.runs import Run


def write_digits(folder):
    """Plays the photographer: a subfolder for each class, a PNG file for each image."""
    digits = data.open_source("digits")
    for number, (image, label) in enumerate(zip(digits.array, digits.labels, strict=True)):
        file = folder / str(label) / f"{number:04d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        sampling.to_picture(image).save(file)


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", nargs="?", type=Path, help="of images.  [default: digits, written to runs/digits]")
parser.add_argument("--image-size", type=int, help="Crop to squares of this side in pixels.  [default: own size]")
parser.add_argument("--steps", type=int, default=1_000)
parser.add_argument("--run", type=Path, default=Path("runs/own_data"))
given = parser.parse_args()

folder = given.folder or Path("runs/digits")
if given.folder is None:
    write_digits(folder)

crop = given.image_size is not None
config = training.configure(f"{folder}/", steps=given.steps, image_size=given.image_size, crop=crop)
job = training.prepare(config, given.run)
print(training.describe(job))
gan = job.train()
print(training.outcome(job))

print(evaluation.evaluate(given.run))

about = About.of(Run(given.run), gan.step)
print(gan.export(given.run / "export" / "generator.tflite", "tflite", options=Options(about=about)))
