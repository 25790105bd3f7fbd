"""The picture of a projection: a given picture beside the nearest ones that a generator draws."""

from pathlib import Path

import numpy as np

from keras_gan.plots import canvas

SIDE_IN = 2.6


def rows(images: dict[str, np.ndarray], errors: dict[str, np.ndarray], path: Path) -> None:
    """Draws a row for each picture that was projected.

    Args:
        images: title of a column -> uint8 (n, height, width, channels).
        errors: title of a column -> root mean square errors in grey levels (n,), for those that have one.
        path: the .png to write.
    """
    count = len(next(iter(images.values())))
    drawn = canvas.figure(SIDE_IN * len(images), (SIDE_IN + 0.25) * count + 0.3)
    for column, (title, pictures) in enumerate(images.items()):
        for row, picture in enumerate(pictures):
            axes = drawn.add_subplot(count, len(images), row * len(images) + column + 1)
            grey = picture.shape[-1] == 1
            axes.imshow(picture[..., 0] if grey else picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axes.set_axis_off()
            error = f"\nerror {errors[title][row]:.1f} of 255" if title in errors else "\n"
            axes.set_title((title if row == 0 else "") + error, fontsize=10)
    canvas.save(drawn, path)
