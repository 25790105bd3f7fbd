"""Faces with sliders: from a folder of faces with attributes to a file for a phone whose faces smile on demand.

    python examples/faces.py                               # draws 20,000 faces, and trains on those
    python examples/faces.py ./faces --image-size 64       # a folder of faces with a table attributes.csv

Coordinates of z decide the attributes, so that each has a slider: see docs/sliders.md. The script prints what is
trained, the sliders with their measurements, and the check of the export. faces.png then has a row of faces for each
slider, from its lower to its upper end. The .tflite computed them, not Keras or TensorFlow. Everything else is in the
run folder, runs/faces by default. The same command resumes the run; with more --steps it continues it.
"""

import argparse
from pathlib import Path

import numpy as np

from keras_gan import directions, sampling, training
from keras_gan.config import ALL_ATTRIBUTES
from keras_gan.exports import About, Options, edge
from keras_gan.runs import Run
from keras_gan.training import run_directions

SEED, PLACES = 7, (-1.0, -0.5, 0.0, 0.5, 1.0)  # shares of a slider's limit

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("data", nargs="?", default="avatars", help="A folder, or avatars:STYLE:COUNT.  [default: avatars]")
parser.add_argument("--image-size", type=int, default=64)
parser.add_argument("--steps", type=int, default=20_000)
parser.add_argument("--samples", type=int, default=10_000, help="To find the sliders.")
parser.add_argument("--run", type=Path, default=Path("runs/faces"))
given = parser.parse_args()

settings = {"steps": given.steps, "image_size": given.image_size, "attributes": ALL_ATTRIBUTES}
job = training.prepare(training.configure(given.data, **settings), given.run)
print(training.describe(job))
gan = job.train()
print(training.outcome(job))

print(directions.table(run_directions.find(given.run, samples=given.samples)))

file = given.run / "export" / "generator.tflite"
print(gan.export(file, "tflite", options=Options(about=About.of(Run(given.run), gan.step))))

generator = edge.Generator(file)
sliders = generator.directions
rows = []
for slider in sliders.sliders:
    print(f"{slider.name}: {-slider.limit:g} to {slider.limit:g}")
    z = generator.inputs(1, seed=SEED)
    moved = [sliders.move(z, **{slider.name: place * slider.limit}) for place in PLACES]
    rows.append(generator.generate(z=np.concatenate(moved)))  # uint8 (5, height, width, 3)
if rows:
    sampling.grid(np.concatenate(rows), columns=len(PLACES)).save("faces.png")
