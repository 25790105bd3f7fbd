"""Data that are arrays already: scikit-learn's digits, and .npy, .npz and .mat files."""

import contextlib
import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from keras_gan import archives
from keras_gan.data import matlab, source
from keras_gan.data.source import Source, fit_pixels, from_array
from keras_gan.errors import InputError, first_line, printable

# Names under which an .npz may hold its images, and their classes.
KEYS = {"train": ("images", "x_train", "x", "data"), "test": ("x_test", "images_test")}
LABEL_KEYS = {"train": ("labels", "y_train", "y"), "test": ("y_test", "labels_test")}
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
LARGEST_LABEL = 2**16 - 1  # beyond it they are no classes, but numbers of something else


def digits(size=None, crop=False) -> Source:
    """The 1,797 handwritten digits that come with scikit-learn: 8×8, one channel, 17 grey levels."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = np.rint(digits.images * (255 / 16)).astype("uint8")[..., None]  # (1797, 8, 8, 1)
    return from_array("digits", _fitted(grey, size, crop), digits.target.astype("int64"), tuple("0123456789"))


def from_file(path: Path, size=None, crop=False, split="train") -> Source | None:
    """Images or vectors from a .npy file (read from disk where large), or an .npz or .mat, which may hold a test split.

    None where there is no such split.
    """
    content, labels = _read(path, split)
    if content is None:
        return None
    array = check_array(content, str(path))
    if size is not None and not (array.dtype == np.uint8 and array.ndim == 4):
        raise InputError(f"{path} holds no uint8 images; expected those to resize; leave image_size (--image-size) out")
    return from_array(str(path), _fitted(array, size, crop), _classes(labels, len(array)))


def _fitted(images, size, crop):
    # As it is, where nothing is to be resized: a file that is mapped from disk stays there.
    if size is None or images.shape[1:3] == size:
        return images
    return np.stack([fit_pixels(image, size, crop) for image in images])


def _read(path: Path, split) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The images and the labels of a split; None for what the file does not hold."""
    if not path.is_file():
        raise InputError(f"{path} is not a file; expected a .npy, .npz or .mat file of images; check the path")
    try:
        with _opened(path) as content:
            names = list(content)
            images, labels = _first(content, KEYS[split]), _first(content, LABEL_KEYS[split])
            if images is None and split == "train" and len(names) == 1:
                images = content[names[0]]
    except Exception as error:  # a damaged file fails anywhere, with any error
        raise InputError(
            f"{path} cannot be read ({first_line(error)}); expected arrays written by numpy.save or savez"
        ) from error
    if images is None and split == "train":
        raise InputError(
            f"{path} holds {printable(', '.join(names)) or 'nothing'}; expected one array or one called images"
        )
    return images, labels


@contextlib.contextmanager
def _opened(path) -> Iterator[Mapping[str, np.ndarray]]:
    """The arrays of a file by name; that of a .npy is called images."""
    if path.suffix.lower() == ".mat":
        yield matlab.read(path)  # as of the Toronto Face Database
        return
    with open(path, "rb") as file:  # np.load itself would leave a damaged archive open
        check_sizes(path, file)
        if path.suffix.lower() == ".npy" and path.stat().st_size > source.MEMORY_LIMIT_BYTES:
            yield {"images": np.load(path, mmap_mode="r", allow_pickle=False)}
        else:
            content = np.load(file, allow_pickle=False)
            yield {"images": content} if isinstance(content, np.ndarray) else content


def check_sizes(path: Path, file) -> None:
    """Raises ValueError where an array declares more than the open file holds: numpy would reserve that much."""
    zipped = file.read(2) == b"PK"
    file.seek(0)
    if not zipped:
        _check_header(file, path.stat().st_size)
    else:
        members = archives.check(path)
        with zipfile.ZipFile(path) as archive:
            for member in members:
                with archive.open(member) as stream:
                    _check_header(stream, member.file_size)
    file.seek(0)


def _check_header(stream, held_bytes):
    version = np.lib.format.read_magic(stream)
    if version not in HEADERS:
        raise ValueError(f"an array of format {version}")
    shape, _, dtype = HEADERS[version](stream)
    declared = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or declared > held_bytes:
        raise ValueError(f"an array of shape {shape} takes {declared:,} bytes, and it holds {held_bytes:,}")


def _first(content, keys):
    return next((content[key] for key in keys if key in content), None)


def _classes(labels, count) -> np.ndarray | None:
    """Labels as int64 (count,); None where there are none, or they are no class numbers, one for each image."""
    if labels is None or labels.size != count or not np.issubdtype(labels.dtype, np.integer):
        return None
    if labels.min() < 0 or labels.max() > LARGEST_LABEL:
        return None
    return labels.reshape(count).astype("int64")


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
    with np.errstate(over="ignore"):  # what is too large for float32 is counted as infinite
        array = array.astype("float32", copy=False)
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        raise InputError(f"{name} holds {bad} values that are NaN or infinite; expected finite ones; clean the data")
    if array.ndim == 4:
        low, high = float(array.min()), float(array.max())
        if not -1.0 <= low < 0.0 <= high <= 1.0:
            raise InputError(
                f"{name} holds floats from {low:g} to {high:g}; expected [-1, 1]; scale them (from [0, 1]: x * 2 - 1)"
            )
    return array
