"""A fingerprint of the data of a run in a few kilobytes, so that changed data are noticed when the run is resumed.

For a folder it has the files, their sizes in bytes and their checksums. For arrays it has shape, dtype, and checksums
of values and labels. For a dataset it has name and version. For all data it has the classes and the number of images in
each, and a checksum of the attributes.
"""

import hashlib
import itertools
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from keras_gan.data import labels
from keras_gan.data.listing import named
from keras_gan.data.source import MEMORY_LIMIT_BYTES, Source

MOST_LISTED = 20_000  # files that are listed one by one; for more files there is only a digest of all
MOST_CLASSES = 1_000  # classes whose number of images is saved
CHECKED_FILES = 1_000  # files whose content is read if all files together exceed MEMORY_LIMIT_BYTES
CHECKED_ROWS = 1_000  # rows that are read of an array that exceeds it
NAMED_CLASSES = 10  # classes that a message lists


def of_source(source: Source) -> dict[str, Any]:
    """Returns the fingerprint of data as values for JSON."""
    if source.read_fingerprint is not None:
        found = source.read_fingerprint()
    else:
        found = of_array(source.array) if source.array is not None else {"kind": "data", "count": source.count}
    if source.attributes is not None:
        values = np.packbits(np.asarray(source.attributes, bool))
        found = {**found, "attributes": [list(source.attribute_names), zlib.crc32(values)]}
    classes = None if source.labels is None else labels.counts(source.labels, source.class_names)
    if classes is None:
        return {**found, "classes": None, "labels": None}
    few = dict(itertools.islice(classes.items(), MOST_CLASSES))
    return {**found, "classes": few, "labels": zlib.crc32(np.ascontiguousarray(source.labels, "<i8"))}


def of_files(folder: Path, files: list[str]) -> dict[str, Any]:
    """Returns the fingerprint of files, given by their paths relative to a folder."""
    sizes = [_size(folder / file) for file in files]
    step = 1 if sum(sizes) <= MEMORY_LIMIT_BYTES else max(1, len(files) // CHECKED_FILES)
    checks = [_crc(folder / file) if row % step == 0 else None for row, file in enumerate(files)]
    names = [file.replace(os.sep, "/") for file in files]
    listed = [list(entry) for entry in zip(names, sizes, checks, strict=True)]
    digest = hashlib.sha256()
    for entry in listed:
        digest.update(repr(entry).encode("utf-8", "surrogateescape"))
    few = listed if len(listed) <= MOST_LISTED else None
    return {"kind": "folder", "count": len(files), "bytes": sum(sizes), "sha256": digest.hexdigest(), "files": few}


def of_array(array: np.ndarray) -> dict[str, Any]:
    """Returns the fingerprint of the shape, dtype and values of an array. For a large array it covers some rows."""
    step = 1 if array.nbytes <= MEMORY_LIMIT_BYTES else max(1, len(array) // CHECKED_ROWS)
    values = zlib.crc32(np.ascontiguousarray(array[::step]))
    return {"kind": "arrays", "shape": list(array.shape), "dtype": str(array.dtype), "values": values}


def of_dataset(name: str, count: int) -> dict[str, Any]:
    """Returns the fingerprint of a split of a dataset. The full name contains the version."""
    return {"kind": "dataset", "name": name, "count": count}


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Returns descriptions of the differences between two fingerprints.

    Raises TypeError or ValueError for a damaged fingerprint.
    """
    if "attributes" not in before:  # as in runs of earlier versions
        now = {key: value for key, value in now.items() if key != "attributes"}
    if before == now:
        return []
    if before.get("kind") != now.get("kind"):
        return [f"kind of data: {before.get('kind')} -> {now.get('kind')}"]
    same_files = before.get("kind") == "folder" and before.get("sha256") == now.get("sha256")
    # Classes of the same files may have fewer images, since damaged images can be left out.
    found = renamed(before["classes"], now["classes"]) or ([] if same_files else _recounted(before, now))
    if before.get("attributes") != now.get("attributes"):
        found.append("the attributes have changed")
    if same_files:
        return found
    if before.get("files") and now.get("files"):
        found += _of_files(before["files"], now["files"])
    elif before.get("sha256") != now.get("sha256"):
        found.append("names, sizes or contents of files have changed")
    for key in ("name", "count", "bytes", "shape", "dtype"):
        if before.get(key) != now.get(key):
            found.append(f"{key}: {before.get(key)} -> {now.get(key)}")
    if before.get("values") != now.get("values"):
        found.append("the values of the images have changed")
    return found or ["the fingerprint has changed"]


def renamed(before, now) -> list[str]:
    """Returns a description of changed class names; empty if the names are the same, in the same order."""
    before, now = list(before or ()), list(now or ())
    if before == now:
        return []
    return [f"class names: {named(before, NAMED_CLASSES) or 'none'} -> {named(now, NAMED_CLASSES) or 'none'}"]


def _recounted(before, now) -> list[str]:
    was, has = before["classes"] or {}, now["classes"] or {}
    changed = [f"{name}: {was[name]} -> {count}" for name, count in has.items() if was[name] != count]
    if changed:
        return [f"images in the classes: {named(changed, NAMED_CLASSES)}"]
    return [] if before["labels"] == now["labels"] else ["the labels have changed, with as many images in each class"]


def _of_files(before, now) -> list[str]:
    was, now = ({name: rest for name, *rest in files} for files in (before, now))
    new, gone = [name for name in now if name not in was], [name for name in was if name not in now]
    changed = [name for name in now if name in was and was[name] != now[name]]
    kinds = (("new", new), ("missing", gone), ("changed", changed))
    return [f"{kind} files: {len(names):,} ({named(names)})" for kind, names in kinds if names]


def _size(file) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return -1


def _crc(file) -> int | None:
    found = 0
    try:
        with open(file, "rb") as stream:
            while block := stream.read(2**20):
                found = zlib.crc32(block, found)
    except OSError:
        return None
    return found
