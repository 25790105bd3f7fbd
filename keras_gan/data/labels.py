"""Classes from labels of any form, and from the folders of images.

The different values of the labels, sorted, become the class numbers 0 to k - 1, so that every class has images. The
values become the names of the classes, unless they are 0 to k - 1 themselves. Ambiguous labels raise `Unusable`.

- Integers, whole floats and booleans, (n,), (n, 1) or (1, n): their values. -1 together with values from 0 on is
  ambiguous, since it often means "unknown". -1 and 1 alone are two classes.
- Text and bytes: in alphabetical order. Text with numbers only is sorted by value.
- One-hot rows (n, k) of any type: the position of the 1.
- Unusable: NaN, floats that are not whole, rows with several ones or none, Python objects, a number of labels that
  differs from that of the images, and as many different values as regression targets have.
"""

import os
from collections import Counter

import numpy as np

from keras_gan._utils.errors import printable

MOST_CLASSES = 2**16
FEW_CLASSES = 10  # any data may have up to this number; with more classes, each needs two images on average
UNKNOWN = -1


class Unusable(Exception):
    """Labels that cannot be classes. The message, which follows "the labels of NAME", has the reason and a remedy."""


def encode(found: np.ndarray, count: int, like: np.ndarray | None = None, like_count: int | None = None):
    """Converts labels of any form to class numbers and names.

    Args:
        found: the labels of the images.
        count: the number of images.
        like: the labels of the training data, which define the class numbers; None if `found` are those labels.
        like_count: the number of training images.

    Returns:
        int64 (count,), and a tuple of names; None instead of names if the values are 0 to k - 1.

    Raises:
        Unusable: with the reason.
    """
    values = _values(found, count)
    known = values if like is None else _values(like, like_count)
    if values.dtype.kind != known.dtype.kind and (values.dtype.kind in "US" or known.dtype.kind in "US"):
        raise Unusable("have a different type from those of the training images. Save both with the same type.")
    classes = _sorted(np.unique(known))
    _check_number(classes, len(known))
    order = np.argsort(classes)
    places = np.searchsorted(classes, values, sorter=order).clip(max=len(classes) - 1)
    numbers = order[places]
    strange = np.unique(values[classes[numbers] != values])
    if len(strange):
        raise Unusable(
            f"have classes without training images: {_listed(strange)}. Add training images of these classes, or "
            "remove the images of these classes."
        )
    return numbers.astype("int64"), _names(classes)


def _values(found, count) -> np.ndarray:
    """Returns one value for each image, as integers or text."""
    found = np.asarray(found)
    if found.dtype.kind not in "biufUS":
        raise Unusable(f"have dtype {found.dtype}. Save integers or text, such as labels.astype(str).")
    if found.ndim == 2 and len(found) == count and found.shape[1] > 1 and found.dtype.kind in "biuf":
        return _from_one_hot(found)
    if found.ndim < 1 or found.size != count or (count not in (len(found), found.shape[-1])):
        raise Unusable(f"have shape {found.shape} for {count:,} images. Save one label for each image.")
    values = found.reshape(count)
    if values.dtype.kind == "f":
        values = _from_floats(values)
    elif values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    elif values.dtype.kind == "b":
        values = values.astype(str)
    if values.dtype.kind == "U" and (np.char.strip(values) == "").any():
        raise Unusable(f"are empty for {(np.char.strip(values) == '').sum():,} images. Add the missing labels.")
    if values.dtype.kind in "iu":
        _check_unknown(values)
    return values


def _from_floats(values) -> np.ndarray:
    values = values.astype("float64")
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise Unusable(f"are NaN or infinite for {len(bad):,} images. Add the missing labels.")
    fractions = values[values != np.rint(values)]
    if len(fractions):
        raise Unusable(f"have values that are not whole numbers, such as {fractions[0]:g}. Save integers or text.")
    if np.abs(values).max(initial=0) >= 2**53:
        raise Unusable(
            f"have values up to {np.abs(values).max():g}, too large for exact floats. Save them as integers."
        )
    return values.astype("int64")


def _from_one_hot(rows) -> np.ndarray:
    if rows.dtype.kind == "f" and not np.isfinite(rows).all():
        raise Unusable("have NaN or infinite values. Save a row of zeros with one 1 for each image.")
    if not ((rows == 0) | (rows == 1)).all():
        raise Unusable(f"have shape {rows.shape}, and are not one-hot rows. Save one label for each image.")
    wrong = np.flatnonzero((rows == 1).sum(axis=1) != 1)
    if len(wrong):
        raise Unusable(
            f"have {int((rows[wrong[0]] == 1).sum())} ones in row {wrong[0]:,}, and {len(wrong):,} of {len(rows):,} "
            "rows are not one-hot. Save a row of zeros with one 1 for each image."
        )
    return (rows == 1).argmax(axis=1)


def _check_unknown(values):
    if values.min() == UNKNOWN and (values != UNKNOWN).any() and (values == UNKNOWN).any():
        others = np.unique(values[values != UNKNOWN])
        if others.tolist() != [1]:
            raise Unusable(
                f"are -1 for {(values == UNKNOWN).sum():,} images, which may mean unknown or be a class. Remove these "
                "images, or number the classes from 0."
            )


def _check_number(classes, count):
    if len(classes) > MOST_CLASSES or (len(classes) > FEW_CLASSES and 2 * len(classes) > count):
        raise Unusable(
            f"have {len(classes):,} different values for {count:,} images, so they look like a measured quantity. "
            "Group them into classes of two or more images."
        )


def _sorted(values) -> np.ndarray:
    if values.dtype.kind == "U" and all(value.isascii() and value.isdecimal() for value in values):
        return np.array(sorted(values, key=lambda value: (int(value), value)))
    return values


def _names(classes) -> tuple[str, ...] | None:
    if classes.dtype.kind in "iu" and classes[0] == 0 and classes[-1] == len(classes) - 1:
        return None
    return tuple(printable(str(value)) for value in classes)


def _listed(values) -> str:
    shown = ", ".join(printable(str(value)) for value in values[:3])
    return shown + (f" and {len(values) - 3} more" if len(values) > 3 else "")


def group(files: list[str], names=None) -> tuple[list[str], list[str], str | None]:
    """Decides whether the subfolders of a folder of images are classes.

    Images next to class folders are left out if they are fewer than the images of an average class. If they are more,
    the subfolders are not classes, and all images are used.

    Args:
        files: the image files, relative to the folder.
        names: names of the classes of the training images; None if `files` are the training images.

    Returns:
        The files to use, the files to leave out, and the reason for having no classes: None if there are classes, ""
        for a folder without subfolders.
    """
    folders = Counter(file.split(os.sep)[0] for file in files if os.sep in file)
    stray = [file for file in files if os.sep not in file]
    if names is not None and (strange := sorted(folders.keys() - set(names))):
        return files, [], f"the folders {_listed(strange)} are not classes of the training images"
    if names is None and len(folders) < 2:
        alone = f"all images are in one class folder, {printable(next(iter(folders)))}" if folders else ""
        return files, [], f"{len(stray):,} images are in no subfolder" if stray and folders else alone
    if stray and len(stray) * len(folders) >= len(files) - len(stray):
        return files, [], f"{len(stray):,} of {len(files):,} images are in no subfolder, such as {printable(stray[0])}"
    return [file for file in files if os.sep in file], stray, None


def of_files(files: list[str], names=None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns the class number of each file, int64, and the class names: `names`, or those of the folders."""
    folders = [file.split(os.sep)[0] for file in files]
    names = tuple(names) if names is not None else tuple(sorted(set(folders)))
    places = {name: place for place, name in enumerate(names)}
    return np.array([places[folder] for folder in folders], "int64"), names


def counts(labels: np.ndarray, names: tuple[str, ...] | None) -> dict[str, int]:
    """Returns the number of images in each class by its name, or by its number without names."""
    found = np.bincount(labels, minlength=0).tolist()
    named = names if names and len(names) >= len(found) else [str(number) for number in range(len(found))]
    return dict(zip(named, found, strict=False))
