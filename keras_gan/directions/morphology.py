"""Attributes that are measured from pixels: of strokes in grey images, as Morpho-MNIST measures digits; of colours.

Castro et al. 2019, Morpho-MNIST (arXiv:1809.07780), measure thresholded, enlarged images; these read the grey values
themselves, so that a small change of a picture is a small change of its measures.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

GRID = 28  # pixels on the shorter side for which strokes are looked at by a Gaussian of one pixel
SMALLEST_INK = 1e-3  # of an image, in pixels: where there is no ink at all, measures are those of a faint point
LUMA = np.array([0.299, 0.587, 0.114], "float32")  # ITU-R BT.601
STRIPS = np.geomspace(0.05, 50, 400)  # widths of strips, in standard deviations of the Gaussian


@dataclass(frozen=True)
class Metric:
    """One number of a picture."""

    unit: str
    of: Callable[[np.ndarray], np.ndarray]  # float32 in [0, 1] (n, h, w), or (n, h, w, 3) -> float64 (n,)
    locks: tuple[str, ...]  # what stays as it is, unless told otherwise, while this one moves


def measure(images: np.ndarray, names: tuple[str, ...] | None = None) -> dict[str, np.ndarray]:
    """Measures pictures.

    Args:
        images: uint8 (n, height, width, 1 or 3). Ink is what differs from the border: where the borders of the images
            are bright, dark pixels are ink.
        names: of `measures(channels)`; None for all.

    Returns:
        name -> float64 (n,), in the measure's unit.
    """
    table = measures(images.shape[-1])
    values = images.astype("float32") / 255
    seen = _ink(values[..., 0]) if images.shape[-1] == 1 else values
    return {name: table[name].of(seen) for name in names or table}


def measures(channels: int) -> dict[str, Metric]:
    """The measures of pictures of one channel, or of three."""
    return STROKES if channels == 1 else COLOURS


def _ink(values):
    """Grey values (n, h, w) with bright ink on dark paper."""
    border = np.concatenate([values[:, [0, -1]].ravel(), values[:, :, [0, -1]].ravel()])
    return 1 - values if np.median(border) > 0.5 else values


# strokes --------------------------------------------------------------------------------------------------------------


def area(ink):
    """The sum of all ink."""
    return ink.sum((1, 2), dtype="float64")


def thickness(ink):
    """The logarithm of the width, in pixels, of the straight strip that is as dense as the strokes.

    Density is the mean of the ink around the ink, seen through a Gaussian; that of a strip follows from its width. It
    is a logarithm since widths are skewed: doubling a thin stroke is as much as doubling a thick one.
    """
    from scipy.ndimage import gaussian_filter
    from scipy.stats import norm

    scale = max(1.0, min(ink.shape[1:]) / GRID)
    around = gaussian_filter(ink, (0, scale, scale), mode="constant")
    density = (ink * around).sum((1, 2), dtype="float64") / np.maximum(area(ink), SMALLEST_INK)
    # ∫∫ of the Gaussian over the strip, for each of its points, by its width in standard deviations.
    of_strips = 2 * norm.cdf(STRIPS) - 1 - 2 * (norm.pdf(0) - norm.pdf(STRIPS)) / STRIPS
    return np.log(np.interp(density, of_strips, STRIPS * scale))


def slant(ink):
    """The angle between the strokes' main upright axis and the vertical: positive where they lean to the right."""
    return np.degrees(np.arctan(_shear(_moments(ink))))


def width(ink):
    """√12 standard deviations of the ink along x, the slant taken out: what a bar of that width has."""
    moments = _moments(ink)
    upright = moments["xx"] + 2 * _shear(moments) * moments["xy"] + _shear(moments) ** 2 * moments["yy"]
    return np.sqrt(12 * np.maximum(upright, 0))


def height(ink):
    """√12 standard deviations of the ink along y."""
    return np.sqrt(12 * _moments(ink)["yy"])


def brightness(ink):
    """The mean of the ink's grey values, each counted by itself: 1 for strokes that are white throughout."""
    return (ink**2).sum((1, 2), dtype="float64") / np.maximum(area(ink), SMALLEST_INK)


def _moments(ink):
    """The second central moments of the ink, in square pixels; y goes downwards."""
    total = np.maximum(area(ink), SMALLEST_INK)
    columns, rows = ink.sum(1, dtype="float64"), ink.sum(2, dtype="float64")  # (n, w), (n, h)
    x, y = np.arange(ink.shape[2]), np.arange(ink.shape[1])
    mean_x, mean_y = columns @ x / total, rows @ y / total
    xy = np.einsum("nyx,y,x->n", ink.astype("float64"), y, x) / total - mean_x * mean_y
    # A pixel is a square: 1/12 for its own width, without which a line of one pixel would have none.
    square = [np.maximum(s @ k**2 / total - m**2, 0) + 1 / 12 for s, k, m in ((columns, x, mean_x), (rows, y, mean_y))]
    return {"xx": square[0], "yy": square[1], "xy": xy}


def _shear(moments):
    return -moments["xy"] / moments["yy"]


_SHAPE = ("thickness", "slant", "width", "height")
STROKES = {
    "thickness": Metric("log pixels", thickness, ("slant", "width", "height")),
    "slant": Metric("degrees", slant, ("thickness", "width", "height")),
    "width": Metric("pixels", width, ("thickness", "slant", "height")),
    "height": Metric("pixels", height, ("thickness", "slant", "width")),
    "area": Metric("pixels", area, ("slant",)),  # the others make it up
    "brightness": Metric("grey values, 1 is white", brightness, _SHAPE),
}


# colours --------------------------------------------------------------------------------------------------------------


def luminance(colours):
    """The mean luma of the picture."""
    return (colours @ LUMA).mean((1, 2), dtype="float64")


def contrast(colours):
    """The standard deviation of the picture's luma."""
    return (colours @ LUMA).std((1, 2), dtype="float64")


def warmth(colours):
    """The mean of red minus blue."""
    return (colours[..., 0] - colours[..., 2]).mean((1, 2), dtype="float64")


COLOURS = {
    "brightness": Metric("luma, 1 is white", luminance, ("contrast", "warmth")),
    "contrast": Metric("luma, 1 is white", contrast, ("brightness", "warmth")),
    "warmth": Metric("red minus blue, 1 is all of both", warmth, ("brightness", "contrast")),
}
