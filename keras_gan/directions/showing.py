"""The picture of a run's directions: a strip of images for each slider, and the cross-talk."""

import numpy as np

from keras_gan.directions.fitting import Fitted
from keras_gan.plots import directions as plots
from keras_gan.sampling import latents

SEEDS, FRAMES = (3, 7), 5  # pictures that are moved, and the number of images of each in a strip, with a middle
MOST_STRIPS = 16


def draw(found: Fitted, gan, run) -> None:
    """Draws directions.png in a run: the effect of each slider on two pictures, and the cross-talk.

    Args:
        found: the directions.
        gan: the run's GAN.
        run: the `keras_gan.runs.Run`.
    """
    strips = {f"{s.name} ±{s.limit:g}": _strip(found, s, gan) for s in found.sliders[:MOST_STRIPS]}
    names = [name for name in found.names if found.measurements[name].own_step is not None]
    tables = {title: _matrix(found, names, which) for title, which in TABLES.items()}
    picture = run.path / "directions.png"
    if strips:
        plots.sliders(strips, names, tables, picture)
    else:
        picture.unlink(missing_ok=True)  # of sliders that were found before


TABLES = {"nothing locked": "unlocked", "locked": "cross_talk"}


def _strip(found, slider, gan):
    """Pictures uint8 (seeds, frames, height, width, channels) from one end of a slider to the other."""
    z = latents.of_seeds(np.int32(SEEDS), gan.latent_dim, gan.latent)
    labels = latents.choose_labels(len(SEEDS), gan.num_classes, seeds=SEEDS)
    moves = found.sweep(slider.name, FRAMES, {})
    return np.stack([gan.generate(z=move(z), labels=labels) for move in moves], axis=1)


def _matrix(found, names, which):
    """The effect of each attribute's slider (row) on all attributes (column), as a share of that on its own."""
    shares = (getattr(found.measurements[name], which) | {name: 1.0} for name in names)
    return np.array([[row.get(name, np.nan) for name in names] for row in shares])
