"""Attributes that are measured from pixels: strokes in grey images, as in Morpho-MNIST, and colours.

Castro et al. 2019, Morpho-MNIST (arXiv:1809.07780), measure thresholded, enlarged images. Here the grey values
themselves are measured, so that a small change of a picture is a small change of its attributes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

GRID = 28  # pixels of the shorter side at which the Gaussian for the thickness of strokes has one pixel
SMALLEST_INK = 1e-3  # pixels: an image without ink counts as one faint point
LUMA = np.array([0.299, 0.587, 0.114], "float32")  # ITU-R BT.601
STRIPS = np.geomspace(0.05, 50, 400)  # widths of strips, in standard deviations of the Gaussian


@dataclass(frozen=True)
class PixelAttribute:
    """An attribute that is measured from the pixels of a picture."""

    unit: str
    of: Callable[[np.ndarray], np.ndarray]  # float32 in [0, 1] (n, h, w), or (n, h, w, 3) -> float64 (n,)
    locks: tuple[str, ...]  # attributes that by default must not change while this one moves


def measure(images: np.ndarray, names: tuple[str, ...] | None = None) -> dict[str, np.ndarray]:
    """Measures the attributes of pictures.

    Args:
        images: uint8 (n, height, width, 1 or 3). In grey images with dark borders, bright pixels are ink; with bright
            borders, dark pixels are ink.
        names: names in `attributes(channels)`; None for all.

    Returns:
        name -> float64 (n,), in the unit of the attribute.
    """
    table = attributes(images.shape[-1])
    values = images.astype("float32") / 255
    seen = _ink(values[..., 0]) if images.shape[-1] == 1 else values
    return {name: table[name].of(seen) for name in names or table}


def attributes(channels: int) -> dict[str, PixelAttribute]:
    """The attributes of pictures with one or three channels, by name."""
    return STROKES if channels == 1 else COLOURS


def _ink(values):
    """Grey values (n, h, w), inverted where ink is dark."""
    border = np.concatenate([values[:, [0, -1]].ravel(), values[:, :, [0, -1]].ravel()])
    return 1 - values if np.median(border) > 0.5 else values


# strokes --------------------------------------------------------------------------------------------------------------


def area(ink):
    """The sum of the ink, in pixels."""
    return ink.sum((1, 2), dtype="float64")


def thickness(ink):
    """The logarithm of the width, in pixels, of a straight strip that is as dense as the strokes.

    The density is the mean, over the ink, of the ink blurred by a Gaussian. For a strip it follows from the width.
    The logarithm is taken since widths are skewed: doubling a thin stroke counts as much as doubling a thick one.
    """
    from scipy.ndimage import gaussian_filter
    from scipy.stats import norm

    scale = max(1.0, min(ink.shape[1:]) / GRID)
    around = gaussian_filter(ink, (0, scale, scale), mode="constant")
    density = (ink * around).sum((1, 2), dtype="float64") / np.maximum(area(ink), SMALLEST_INK)
    # The density of a strip: the Gaussian integrated over the strip, averaged over the points of the strip.
    of_strips = 2 * norm.cdf(STRIPS) - 1 - 2 * (norm.pdf(0) - norm.pdf(STRIPS)) / STRIPS
    return np.log(np.interp(density, of_strips, STRIPS * scale))


def slant(ink):
    """The angle between the strokes' main upright axis and the vertical: positive where they lean to the right."""
    return np.degrees(np.arctan(_shear(_moments(ink))))


def width(ink):
    """√12 standard deviations of the ink along x, after the slant is removed: the width of a solid bar."""
    moments = _moments(ink)
    upright = moments["xx"] + 2 * _shear(moments) * moments["xy"] + _shear(moments) ** 2 * moments["yy"]
    return np.sqrt(12 * np.maximum(upright, 0))


def height(ink):
    """√12 standard deviations of the ink along y: the height of a solid bar."""
    return np.sqrt(12 * _moments(ink)["yy"])


def brightness(ink):
    """The mean grey value of the ink, weighted by the ink: 1 for strokes that are white throughout."""
    return (ink**2).sum((1, 2), dtype="float64") / np.maximum(area(ink), SMALLEST_INK)


def _moments(ink):
    """The second central moments of the ink, in square pixels; y goes downwards."""
    total = np.maximum(area(ink), SMALLEST_INK)
    columns, rows = ink.sum(1, dtype="float64"), ink.sum(2, dtype="float64")  # (n, w), (n, h)
    x, y = np.arange(ink.shape[2]), np.arange(ink.shape[1])
    mean_x, mean_y = columns @ x / total, rows @ y / total
    xy = np.einsum("nyx,y,x->n", ink.astype("float64"), y, x) / total - mean_x * mean_y
    # 1/12 is the variance within a pixel. Without it, a line of one pixel would have no width.
    square = [np.maximum(s @ k**2 / total - m**2, 0) + 1 / 12 for s, k, m in ((columns, x, mean_x), (rows, y, mean_y))]
    return {"xx": square[0], "yy": square[1], "xy": xy}


def _shear(moments):
    return -moments["xy"] / moments["yy"]


_SHAPE = ("thickness", "slant", "width", "height")
STROKES = {
    "thickness": PixelAttribute("log pixels", thickness, ("slant", "width", "height")),
    "slant": PixelAttribute("degrees", slant, ("thickness", "width", "height")),
    "width": PixelAttribute("pixels", width, ("thickness", "slant", "height")),
    "height": PixelAttribute("pixels", height, ("thickness", "slant", "width")),
    "area": PixelAttribute("pixels", area, ("slant",)),  # it follows from the other attributes
    "brightness": PixelAttribute("grey values, 1 is white", brightness, _SHAPE),
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
    "brightness": PixelAttribute("luma, 1 is white", luminance, ("contrast", "warmth")),
    "contrast": PixelAttribute("luma, 1 is white", contrast, ("brightness", "warmth")),
    "warmth": PixelAttribute("red minus blue, 1 is all of both", warmth, ("brightness", "contrast")),
}
