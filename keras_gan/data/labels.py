"""Classes from labels of any form, and from the folders that images lie in.

The rule: what the labels hold, sorted, becomes the class numbers 0 to k - 1, so that every class has images; the
originals become the names of the classes, unless they are 0 to k - 1 themselves. What could mean two things is refused.

- Integers, whole floats and booleans, (n,), (n, 1) or (1, n): their values. -1 together with values from 0 on is
  refused, since it usually stands for "unknown"; -1 and 1 alone are two classes.
- Text and bytes: in alphabetical order, numbers in text by their value.
- One-hot rows (n, k), of any type: the place of the 1.
- Not taken: NaN, floats that are not whole, rows with several ones or none, Python objects, a number of labels that is
  not that of the images, and as many different values as regression targets have.
"""

import os
from collections import Counter

import numpy as np

from keras_gan._utils.errors import printable

MOST_CLASSES = 2**16
FEW_CLASSES = 10  # up to here any data may have so many; with more, each must have two images on average
UNKNOWN = -1


class Unusable(Exception):
    """Labels cannot be classes; the message is the reason and the remedy, after "the labels of NAME"."""


def encode(found: np.ndarray, count: int, like: np.ndarray | None = None, like_count: int | None = None):
    """Class numbers and names for labels of any form.

    Args:
        found: the labels of the images.
        count: the number of the images.
        like: the labels of the training data, whose numbers the classes have; None where `found` are those.
        like_count: the number of training images.

    Returns:
        int64 (count,), and the names as a tuple; None where they are 0 to k - 1 themselves.

    Raises:
        Unusable: with the reason.
    """
    values = _values(found, count)
    known = values if like is None else _values(like, like_count)
    if values.dtype.kind != known.dtype.kind and (values.dtype.kind in "US" or known.dtype.kind in "US"):
        raise Unusable("are of another type than those of the training images. Give both in one form.")
    classes = _sorted(np.unique(known))
    _check_number(classes, len(known))
    order = np.argsort(classes)
    places = np.searchsorted(classes, values, sorter=order).clip(max=len(classes) - 1)
    numbers = order[places]
    strange = np.unique(values[classes[numbers] != values])
    if len(strange):
        raise Unusable(
            f"hold classes that no training image has: {_listed(strange)}. Add images of them, or remove these."
        )
    return numbers.astype("int64"), _names(classes)


def _values(found, count) -> np.ndarray:
    """One value for each image, integers or text."""
    found = np.asarray(found)
    if found.dtype.kind not in "biufUS":
        raise Unusable(f"are of dtype {found.dtype}. Save integers or text, such as labels.astype(str).")
    if found.ndim == 2 and len(found) == count and found.shape[1] > 1 and found.dtype.kind in "biuf":
        return _from_one_hot(found)
    if found.ndim < 1 or found.size != count or (count not in (len(found), found.shape[-1])):
        raise Unusable(f"have shape {found.shape} for {count:,} images. Give one label for each image.")
    values = found.reshape(count)
    if values.dtype.kind == "f":
        values = _from_floats(values)
    elif values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    elif values.dtype.kind == "b":
        values = values.astype(str)
    if values.dtype.kind == "U" and (np.char.strip(values) == "").any():
        raise Unusable(f"are empty for {(np.char.strip(values) == '').sum():,} images. Give every image a label.")
    if values.dtype.kind in "iu":
        _check_unknown(values)
    return values


def _from_floats(values) -> np.ndarray:
    values = values.astype("float64")
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise Unusable(f"are NaN or infinite for {len(bad):,} images. Give every image a label.")
    fractions = values[values != np.rint(values)]
    if len(fractions):
        raise Unusable(f"are not whole numbers, such as {fractions[0]:g}. Classes need integers or text.")
    if np.abs(values).max(initial=0) >= 2**53:
        raise Unusable(f"reach {np.abs(values).max():g}, beyond which floats skip integers. Save them as integers.")
    return values.astype("int64")


def _from_one_hot(rows) -> np.ndarray:
    if rows.dtype.kind == "f" and not np.isfinite(rows).all():
        raise Unusable("hold NaN or infinite values. Give every image a row with one 1.")
    if not ((rows == 0) | (rows == 1)).all():
        raise Unusable(f"have shape {rows.shape}, and are not rows of one 1 and zeros. Give one label for each image.")
    wrong = np.flatnonzero((rows == 1).sum(axis=1) != 1)
    if len(wrong):
        raise Unusable(
            f"have {int((rows[wrong[0]] == 1).sum())} ones in row {wrong[0]:,}, and {len(wrong):,} such rows of "
            f"{len(rows):,}. Give every image one class."
        )
    return (rows == 1).argmax(axis=1)


def _check_unknown(values):
    if values.min() == UNKNOWN and (values != UNKNOWN).any() and (values == UNKNOWN).any():
        others = np.unique(values[values != UNKNOWN])
        if others.tolist() != [1]:
            raise Unusable(
                f"are -1 for {(values == UNKNOWN).sum():,} images, which may stand for unknown or be a class. Remove "
                "these images, or number the classes from 0."
            )


def _check_number(classes, count):
    if len(classes) > MOST_CLASSES or (len(classes) > FEW_CLASSES and 2 * len(classes) > count):
        raise Unusable(
            f"have {len(classes):,} different values for {count:,} images, as a measured quantity has and classes do "
            "not. Group them into classes of two images or more."
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
    """The files that are kept, those that are left out, and why there are no classes: "" for a folder without any.

    Images directly in a folder that has class folders are left out where they are fewer than the images of an average
    class; where they are more, the subfolders are not classes, and all images are kept.

    Args:
        files: of images, relative to the folder.
        names: of the classes of the training images, where `files` are others; None where their folders decide.

    Returns:
        The files that are kept, the files that are left out, and None where the first have classes.
    """
    folders = Counter(file.split(os.sep)[0] for file in files if os.sep in file)
    stray = [file for file in files if os.sep not in file]
    if names is not None and (strange := sorted(folders.keys() - set(names))):
        return files, [], f"the folders {_listed(strange)} are no classes of the training images"
    if names is None and len(folders) < 2:
        alone = f"all images lie in one class folder, {printable(next(iter(folders)))}" if folders else ""
        return files, [], f"{len(stray):,} images lie in no subfolder" if stray and folders else alone
    if stray and len(stray) * len(folders) >= len(files) - len(stray):
        return files, [], f"{len(stray):,} of {len(files):,} images lie in no subfolder, such as {printable(stray[0])}"
    return [file for file in files if os.sep in file], stray, None


def of_files(files: list[str], names=None) -> tuple[np.ndarray, tuple[str, ...]]:
    """The class number of each file, int64, and the names of the classes: `names`, or the folders' own."""
    folders = [file.split(os.sep)[0] for file in files]
    names = tuple(names) if names is not None else tuple(sorted(set(folders)))
    places = {name: place for place, name in enumerate(names)}
    return np.array([places[folder] for folder in folders], "int64"), names


def counts(labels: np.ndarray, names: tuple[str, ...] | None) -> dict[str, int]:
    """The number of images of each class, by its name, or its number where it has none."""
    found = np.bincount(labels, minlength=0).tolist()
    named = names if names and len(names) >= len(found) else [str(number) for number in range(len(found))]
    return dict(zip(named, found, strict=False))
