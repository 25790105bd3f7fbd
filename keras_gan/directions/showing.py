"""The picture of what was found: a strip for each slider, and what moves along with what."""

import numpy as np

from keras_gan.directions.fitting import Fitted
from keras_gan.plots import directions as plots
from keras_gan.sampling import latents

SEEDS, FRAMES = (3, 7, 11), 7  # pictures that are moved, and how many times each is shown
MOST_STRIPS = 16


def draw(found: Fitted, gan, run) -> None:
    """Draws directions.png in a run: what every slider does to two pictures, and the cross-talk, locked and not."""
    strips = {f"{s.name} ±{s.limit:g}": _strip(found, s, gan) for s in found.sliders[:MOST_STRIPS]}
    names = [name for name in found.names if found.figures[name].own_step is not None]
    tables = {title: _matrix(found, names, which) for title, which in TABLES.items()}
    if strips:
        plots.sliders(strips, names, tables, run.path / "directions.png")


TABLES = {"nothing locked": "alone", "locked": "cross_talk"}


def _strip(found, slider, gan):
    """Pictures (seeds, frames, h, w, c) from one end of a slider to the other."""
    z = latents.of_seeds(np.int32(SEEDS), gan.latent_dim, gan.latent)
    labels = latents.choose_labels(len(SEEDS), gan.num_classes, seeds=SEEDS)
    rows = [found.move(z, **{slider.name: amount}) for amount in np.linspace(-slider.limit, slider.limit, FRAMES)]
    return np.stack([gan.generate(z=row, labels=labels) for row in rows], axis=1)


def _matrix(found, names, which):
    """What an attribute's slider (row) does to others (columns), as shares of what it does to its own."""
    shares = (getattr(found.figures[name], which) | {name: 1.0} for name in names)
    return np.array([[row.get(name, np.nan) for name in names] for row in shares])
