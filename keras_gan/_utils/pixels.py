"""The pixel ranges: floats in [-1, 1] for networks, uint8 in [0, 255] for files and pictures."""

import numpy as np

HALF_RANGE = 127.5


def to_signed(pixels):
    """Converts pixels from [0, 255] to [-1, 1]: x / 127.5 - 1, for a float array or tensor of any shape."""
    return pixels / HALF_RANGE - 1.0


def floats(data: np.ndarray) -> np.ndarray:
    """Data as networks take them: uint8 pixels become float32 in [-1, 1], floats are not changed."""
    return to_signed(data.astype("float32")) if data.dtype == np.uint8 else data


def to_uint8(signed: np.ndarray) -> np.ndarray:
    """Converts values in [-1, 1] to uint8 pixels in [0, 255], rounded and clipped: the inverse of `to_signed`."""
    return np.clip(np.rint((np.asarray(signed, "float32") + 1.0) * HALF_RANGE), 0, 255).astype("uint8")
