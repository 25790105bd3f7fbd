"""Data from arrays: the digits of scikit-learn, and .npy, .npz and .mat files."""

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

# Names of the arrays of images and of labels in an .npz file.
KEYS = {
    "train": ("images", "x_train", "train_images", "x", "data"),
    "test": ("x_test", "images_test", "test_images"),
}
LABEL_KEYS = {
    "train": ("labels", "y_train", "train_labels", "y", "label", "targets", "target"),
    "test": ("y_test", "labels_test", "test_labels"),
}
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
OBJECTS_REASON = "are Python objects, which are not read. Save integers or text, such as labels.astype(str)."
MATLAB_REASON = "are not a numeric array of Matlab. Save them as numbers."


def digits(size=None, crop=False) -> Source:
    """Opens the 1,797 handwritten digits of scikit-learn: 8×8 pixels, one channel, 17 grey levels."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = np.rint(digits.images * (255 / 16)).astype("uint8")[..., None]  # (1797, 8, 8, 1)
    return from_array("digits", _fitted(grey, size, crop), digits.target.astype("int64"), tuple("0123456789"))


def from_file(path: Path, size=None, crop=False, split="train") -> Source | None:
    """Opens images or vectors of a .npy, .npz or .mat file. A large .npy file is read from disk.

    Labels of any form become classes, as in `labels.encode`. The labels of a test split get the class numbers of the
    training labels. If labels cannot be used as classes, the reason is in `Source.unlabelled`.

    Args:
        path: the file.
        size: (height, width) to resize uint8 images to; None for their own size.
        crop: crop the centre to the proportions of `size` before resizing.
        split: "train", or "test" for the test split of an .npz or .mat file.

    Returns:
        A `Source`; None if the file has no such split.

    Raises:
        InputError: if the file cannot be read, or has no arrays that can be used.
    """
    content = _read(path, split)
    if content.images is None:
        return None
    array = check_array(content.images, str(path))
    if size is not None and not (array.dtype == np.uint8 and array.ndim == 4):
        raise InputError(
            f"{path} has no uint8 images; expected uint8 images for resizing. Leave image_size (--image-size) out."
        )
    fitted, options = _fitted(array, size, crop), {"read_fingerprint": functools.cache(lambda: of_array(array))}
    if fitted is not array:
        fingerprint = of_array(array)  # computed now, so that the original array can be freed
        options = {"read_fingerprint": lambda: fingerprint}
    classes, names, reason = _classes(content, len(array))
    return from_array(str(path), fitted, classes, names, unlabelled=reason, **options)


def _fitted(images, size, crop):
    # Without resizing, an array that is mapped from disk stays on disk.
    if size is None or images.shape[1:3] == size:
        return images
    return np.stack([fit_pixels(image, size, crop) for image in images])


@dataclass
class _Split:
    """Images and labels of a split in a file."""

    images: np.ndarray | None
    labels: np.ndarray | str | None  # text: the reason why they cannot be read
    training_labels: np.ndarray | str | None = None  # for a test split: the training labels in the same file
    training_count: int = 0  # for a test split: the number of training images in the same file


@dataclass
class _OpenFile:
    """An open file of arrays."""

    arrays: Mapping[str, np.ndarray]  # by name; the array of a .npy file is called images
    shapes: Mapping[str, tuple[int, ...]]
    unread: Mapping[str, str]  # reasons why other arrays cannot be read, by name

    def key(self, keys) -> str | None:
        """Returns the first of the keys that the file has."""
        return next((key for key in keys if key in self.arrays or key in self.unread), None)

    def labels(self, split) -> np.ndarray | str | None:
        """Returns the labels of a split, or the reason why they cannot be read."""
        key = self.key(LABEL_KEYS[split])
        return None if key is None else self.unread[key] if key in self.unread else self.arrays[key]


def _read(path: Path, split) -> _Split:
    """Reads the images and the labels of a split."""
    if not path.is_file():
        raise InputError(f"{path} is not a file; expected a .npy, .npz or .mat file of images. Check the path.")
    try:
        with _opened(path) as content:
            names = list(content.arrays)
            key = content.key(KEYS[split]) or (names[0] if split == "train" and len(names) == 1 else None)
            found = _Split(None if key is None else content.arrays[key], content.labels(split))
            if split == "test" and key is not None and (first := content.key(KEYS["train"])):
                found.training_labels, found.training_count = content.labels("train"), content.shapes[first][0]
    except Exception as error:  # a decoder: a damaged file raises many kinds of errors
        raise InputError(
            f"{path} cannot be read ({first_line(error)}); expected arrays written by numpy.save or numpy.savez. "
            "Save the file again."
        ) from error
    if found.images is None and split == "train":
        raise InputError(
            f"{path} has the arrays {printable(', '.join(names)) or 'none'}; expected one array, or one called images. "
            "Save the images under the name images."
        )
    return found


def _classes(content: _Split, count) -> tuple[np.ndarray | None, tuple[str, ...] | None, str | None]:
    """Returns class numbers, int64 (count,), and names; None and the reason if labels cannot be used."""
    of_training = content.labels if content.training_labels is None else content.training_labels
    unreadable = next((found for found in (content.labels, of_training) if isinstance(found, str)), None)
    try:
        if unreadable:
            raise labels.Unusable(unreadable)
        if content.labels is None:
            return None, None, None
        return *labels.encode(content.labels, count, content.training_labels, content.training_count), None
    except labels.Unusable as reason:
        return None, None, f"its labels {reason}"


@contextlib.contextmanager
def _opened(path) -> Iterator[_OpenFile]:
    """Opens the arrays of a file."""
    if path.suffix.lower() == ".mat":
        found = matlab.read(path)  # such as the Toronto Face Database
        arrays = {name: array for name, array in found.items() if array is not None}
        unread = {name: MATLAB_REASON for name, array in found.items() if array is None}
        yield _OpenFile(arrays, {name: array.shape for name, array in arrays.items()}, unread)
        return
    with open(path, "rb") as file:  # np.load would leave a damaged archive open
        headers = check_sizes(path, file)
        if path.suffix.lower() == ".npy" and path.stat().st_size > source.MEMORY_LIMIT_BYTES:
            yield _OpenFile({"images": np.load(path, mmap_mode="r", allow_pickle=False)}, {}, {})
            return
        content = np.load(file, allow_pickle=False)
        if isinstance(content, np.ndarray):
            yield _OpenFile({"images": content}, {}, {})
            return
        label_keys = [key for keys in LABEL_KEYS.values() for key in keys]
        unread = {
            name: OBJECTS_REASON for name, (_, dtype) in headers.items() if dtype.hasobject and name in label_keys
        }
        yield _OpenFile(content, {name: shape for name, (shape, _) in headers.items()}, unread)


def check_sizes(path: Path, file) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Returns shape and dtype of the arrays of an .npz file by name.

    Raises ValueError if an array declares more bytes than the file has, since numpy would allocate them.
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
        raise ValueError(f"an array has the unknown format {version}")
    shape, _, dtype = HEADERS[version](stream)
    declared = 0 if dtype.hasobject else math.prod(shape) * dtype.itemsize  # objects are pickled, and never loaded
    if min(shape, default=0) < 0 or declared > held_bytes:
        raise ValueError(f"an array of shape {shape} needs {declared:,} bytes, and the file has {held_bytes:,}")
    return shape, dtype


def check_array(array: np.ndarray, name: str) -> np.ndarray:
    """Returns the array as uint8 or float32, and adds a missing channel axis to images.

    Args:
        array: uint8 images (n, height, width[, 1 or 3]), or floats in [-1, 1]; or float vectors (n, features).
        name: name of the data in messages.

    Returns:
        (n, height, width, channels), or (n, features).

    Raises:
        InputError: if the array has another shape, type or range, or values that are not finite.
    """
    if array.ndim == 3:
        array = array[..., None]  # (n, height, width, 1)
    if array.ndim not in (2, 4) or not array.size or (array.ndim == 4 and array.shape[-1] not in (1, 3)):
        raise InputError(
            f"{name} has shape {array.shape}; expected images (n, height, width[, 1 or 3 channels]), or vectors "
            "(n, features). Move the axes with numpy.moveaxis or numpy.reshape."
        )
    if array.dtype == np.uint8:
        if array.ndim == 2:
            raise InputError(
                f"{name} has uint8 vectors; expected float vectors. Reshape them to images (n, height, width), or "
                "convert them to floats."
            )
        return array
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError(
            f"{name} has dtype {array.dtype}; expected uint8 pixels in [0, 255] or floats in [-1, 1]. Convert the "
            "array to one of them."
        )
    with np.errstate(over="ignore"):  # values too large for float32 count as infinite
        array = array.astype("float32", copy=False)
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        raise InputError(
            f"{name} has {bad} values that are NaN or infinite; expected finite values. Replace or remove them."
        )
    if array.ndim == 4:
        low, high = float(array.min()), float(array.max())
        if not (-1.0 <= low < 0.0 and high <= 1.0):
            raise InputError(
                f"{name} has floats from {low:g} to {high:g}; expected [-1, 1]. Scale them, for example from [0, 1] by "
                "x * 2 - 1."
            )
    return array
