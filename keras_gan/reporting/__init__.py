"""The report page of a run, and the pictures in its folder."""

from keras_gan.reporting.drawing import draw, draw_curves, is_drawn
from keras_gan.reporting.page import write

__all__ = ["draw", "draw_curves", "is_drawn", "write"]
