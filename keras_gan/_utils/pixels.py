"""The pixel range's one home: networks see floats in [-1, 1], files and people see uint8 in [0, 255]."""

import numpy as np

HALF_RANGE = 127.5


def to_signed(pixels):
    """Pixels in [0, 255] to [-1, 1]: x / 127.5 - 1. Any float array or tensor; the shape stays."""
    return pixels / HALF_RANGE - 1.0


def floats(data: np.ndarray) -> np.ndarray:
    """What networks see of data that are read: uint8 pixels as float32 in [-1, 1], floats as they are."""
    return to_signed(data.astype("float32")) if data.dtype == np.uint8 else data


def to_uint8(signed: np.ndarray) -> np.ndarray:
    """Values in [-1, 1] to uint8 pixels in [0, 255], rounded and clipped: the inverse of `to_signed`."""
    return np.clip(np.rint((np.asarray(signed, "float32") + 1.0) * HALF_RANGE), 0, 255).astype("uint8")
