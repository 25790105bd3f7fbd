"""Data that are arrays already: scikit-learn's digits, and .npy and .npz files."""

from pathlib import Path

import numpy as np

from keras_gan.data import source
from keras_gan.data.source import Source, fit_pixels, from_array
from keras_gan.errors import InputError, first_line

KEYS = ("images", "x_train", "x", "data")  # names under which an .npz may hold its images


def digits(size=None, crop=False) -> Source:
    """The 1,797 handwritten digits that come with scikit-learn: 8×8, one channel, 17 grey levels."""
    from sklearn.datasets import load_digits

    grey = np.rint(load_digits().images * (255 / 16)).astype("uint8")[..., None]  # (1797, 8, 8, 1)
    return from_array("digits", _fitted(grey, size, crop))


def from_file(path: Path, size=None, crop=False) -> Source:
    """Images or vectors from a .npy file (read from disk where large) or an .npz file."""
    array = check_array(_read(path), str(path))
    if size is not None and not (array.dtype == np.uint8 and array.ndim == 4):
        raise InputError(f"{path} holds no uint8 images; expected those to resize; leave image_size (--image-size) out")
    return from_array(str(path), _fitted(array, size, crop))


def _fitted(images, size, crop):
    # As it is, where nothing is to be resized: a file that is mapped from disk stays there.
    if size is None or images.shape[1:3] == size:
        return images
    return np.stack([fit_pixels(image, size, crop) for image in images])


def _read(path: Path) -> np.ndarray:
    if not path.is_file():
        raise InputError(f"{path} is not a file; expected a .npy or .npz file of images; check the path")
    try:
        if path.suffix.lower() == ".npy" and path.stat().st_size > source.MEMORY_LIMIT_BYTES:
            return np.load(path, mmap_mode="r", allow_pickle=False)
        with open(path, "rb") as file:
            content = np.load(file, allow_pickle=False)
            return content if isinstance(content, np.ndarray) else _member(path, content)
    except InputError:
        raise
    except Exception as error:  # a damaged file fails anywhere, with any error
        raise InputError(
            f"{path} cannot be read ({first_line(error)}); expected arrays written by numpy.save or savez"
        ) from error


def _member(path, archive) -> np.ndarray:
    names = [name for name in KEYS if name in archive] or (archive.files if len(archive.files) == 1 else [])
    if not names:
        raise InputError(
            f"{path} holds {', '.join(archive.files) or 'nothing'}; expected one array or one called images"
        )
    return archive[names[0]]


def check_array(array: np.ndarray, name: str) -> np.ndarray:
    """The array as uint8 or float32, images with a channel axis. Raises InputError where it cannot be trained on."""
    if array.ndim == 3:
        array = array[..., None]  # (n, height, width, 1)
    if array.ndim not in (2, 4) or not array.size or (array.ndim == 4 and array.shape[-1] not in (1, 3)):
        raise InputError(
            f"{name} has shape {array.shape}; expected images (n, height, width[, 1 or 3 channels]), or vectors "
            "(n, features); move the axes"
        )
    if array.dtype == np.uint8:
        if array.ndim == 2:
            raise InputError(f"{name} holds uint8 vectors; expected floats; give images (n, height, width) or floats")
        return array
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError(
            f"{name} has dtype {array.dtype}; expected uint8 pixels in [0, 255] or floats in [-1, 1]; convert it"
        )
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        raise InputError(f"{name} holds {bad} values that are NaN or infinite; expected finite ones; clean the data")
    if array.ndim == 4:
        low, high = float(array.min()), float(array.max())
        if not -1.0 <= low < 0.0 <= high <= 1.0:
            raise InputError(
                f"{name} holds floats from {low:g} to {high:g}; expected [-1, 1]; scale them (from [0, 1]: x * 2 - 1)"
            )
    return array.astype("float32", copy=False)
