"""Data that are arrays already: scikit-learn's digits, and .npy, .npz and .mat files."""

import contextlib
import functools
import math
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_gan._utils import archives
from keras_gan._utils.errors import InputError, first_line, printable
from keras_gan.data import labels, matlab, source
from keras_gan.data.fingerprint import of_array
from keras_gan.data.source import Source, fit_pixels, from_array

# Names under which an .npz may hold its images, and their classes.
KEYS = {
    "train": ("images", "x_train", "train_images", "x", "data"),
    "test": ("x_test", "images_test", "test_images"),
}
LABEL_KEYS = {
    "train": ("labels", "y_train", "train_labels", "y", "label", "targets", "target"),
    "test": ("y_test", "labels_test", "test_labels"),
}
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
OF_OBJECTS = "are Python objects, which are not read. Save integers or text, such as labels.astype(str)."
OF_MATLAB = "are not a numeric array of Matlab. Save them as numbers."


def digits(size=None, crop=False) -> Source:
    """The 1,797 handwritten digits that come with scikit-learn: 8×8, one channel, 17 grey levels."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = np.rint(digits.images * (255 / 16)).astype("uint8")[..., None]  # (1797, 8, 8, 1)
    return from_array("digits", _fitted(grey, size, crop), digits.target.astype("int64"), tuple("0123456789"))


def from_file(path: Path, size=None, crop=False, split="train") -> Source | None:
    """Images or vectors from a .npy file (read from disk where large), or an .npz or .mat, which may hold a test split.

    None where there is no such split. Labels of any form become classes as `labels.encode` says, those of the test
    split with the numbers of the training labels. What cannot be classes is named in `Source.unlabelled`.
    """
    held = _read(path, split)
    if held.images is None:
        return None
    array = check_array(held.images, str(path))
    if size is not None and not (array.dtype == np.uint8 and array.ndim == 4):
        raise InputError(f"{path} holds no uint8 images; expected those to resize; leave image_size (--image-size) out")
    fitted, known = _fitted(array, size, crop), {"read_fingerprint": functools.cache(lambda: of_array(array))}
    if fitted is not array:
        found = of_array(array)  # now, so that the array as it was is not kept
        known = {"read_fingerprint": lambda: found}
    classes, names, reason = _classes(held, len(array))
    return from_array(str(path), fitted, classes, names, unlabelled=reason, **known)


def _fitted(images, size, crop):
    # As it is, where nothing is to be resized: a file that is mapped from disk stays there.
    if size is None or images.shape[1:3] == size:
        return images
    return np.stack([fit_pixels(image, size, crop) for image in images])


@dataclass
class _Held:
    """What a file holds of a split."""

    images: np.ndarray | None
    labels: np.ndarray | str | None  # text: why they cannot be read
    training_labels: np.ndarray | str | None = None  # of the file that a test split is of
    training_count: int = 0  # its images


@dataclass
class _Content:
    """An open file."""

    arrays: Mapping[str, np.ndarray]  # by name; that of a .npy is called images
    shapes: Mapping[str, tuple[int, ...]]
    unread: Mapping[str, str]  # why others cannot be read, by name

    def key(self, keys) -> str | None:
        """The first of the keys that the file has."""
        return next((key for key in keys if key in self.arrays or key in self.unread), None)

    def labels(self, split) -> np.ndarray | str | None:
        """The labels of a split, or why they cannot be read."""
        key = self.key(LABEL_KEYS[split])
        return None if key is None else self.unread[key] if key in self.unread else self.arrays[key]


def _read(path: Path, split) -> _Held:
    """The images and the labels of a split."""
    if not path.is_file():
        raise InputError(f"{path} is not a file; expected a .npy, .npz or .mat file of images; check the path")
    try:
        with _opened(path) as content:
            names = list(content.arrays)
            key = content.key(KEYS[split]) or (names[0] if split == "train" and len(names) == 1 else None)
            held = _Held(None if key is None else content.arrays[key], content.labels(split))
            if split == "test" and key is not None and (first := content.key(KEYS["train"])):
                held.training_labels, held.training_count = content.labels("train"), content.shapes[first][0]
    except Exception as error:  # a damaged file fails anywhere, with any error
        raise InputError(
            f"{path} cannot be read ({first_line(error)}); expected arrays written by numpy.save or savez"
        ) from error
    if held.images is None and split == "train":
        raise InputError(
            f"{path} holds {printable(', '.join(names)) or 'nothing'}; expected one array or one called images"
        )
    return held


def _classes(held: _Held, count) -> tuple[np.ndarray | None, tuple[str, ...] | None, str | None]:
    """Class numbers, int64 (count,), and names; None and the reason where there are labels that cannot be used."""
    of_training = held.labels if held.training_labels is None else held.training_labels
    unreadable = next((found for found in (held.labels, of_training) if isinstance(found, str)), None)
    try:
        if unreadable:
            raise labels.Unusable(unreadable)
        if held.labels is None:
            return None, None, None
        return *labels.encode(held.labels, count, held.training_labels, held.training_count), None
    except labels.Unusable as reason:
        return None, None, f"its labels {reason}"


@contextlib.contextmanager
def _opened(path) -> Iterator[_Content]:
    """The arrays of a file."""
    if path.suffix.lower() == ".mat":
        found = matlab.read(path)  # as of the Toronto Face Database
        arrays = {name: array for name, array in found.items() if array is not None}
        unread = {name: OF_MATLAB for name, array in found.items() if array is None}
        yield _Content(arrays, {name: array.shape for name, array in arrays.items()}, unread)
        return
    with open(path, "rb") as file:  # np.load itself would leave a damaged archive open
        headers = check_sizes(path, file)
        if path.suffix.lower() == ".npy" and path.stat().st_size > source.MEMORY_LIMIT_BYTES:
            yield _Content({"images": np.load(path, mmap_mode="r", allow_pickle=False)}, {}, {})
            return
        content = np.load(file, allow_pickle=False)
        if isinstance(content, np.ndarray):
            yield _Content({"images": content}, {}, {})
            return
        label_keys = [key for keys in LABEL_KEYS.values() for key in keys]
        unread = {name: OF_OBJECTS for name, (_, dtype) in headers.items() if dtype.hasobject and name in label_keys}
        yield _Content(content, {name: shape for name, (shape, _) in headers.items()}, unread)


def check_sizes(path: Path, file) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Shape and dtype of the arrays of an .npz by name.

    Raises ValueError where an array declares more than the open file holds: numpy would reserve that much.
    """
    headers = {}
    zipped = file.read(2) == b"PK"
    file.seek(0)
    if not zipped:
        _check_header(file, path.stat().st_size)
    else:
        members = archives.check(path)
        with zipfile.ZipFile(path) as archive:
            for member in members:
                with archive.open(member) as stream:
                    headers[member.filename.removesuffix(".npy")] = _check_header(stream, member.file_size)
    file.seek(0)
    return headers


def _check_header(stream, held_bytes):
    version = np.lib.format.read_magic(stream)
    if version not in HEADERS:
        raise ValueError(f"an array of format {version}")
    shape, _, dtype = HEADERS[version](stream)
    declared = 0 if dtype.hasobject else math.prod(shape) * dtype.itemsize  # objects are pickled, and never loaded
    if min(shape, default=0) < 0 or declared > held_bytes:
        raise ValueError(f"an array of shape {shape} takes {declared:,} bytes, and it holds {held_bytes:,}")
    return shape, dtype


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
