"""Reads numeric arrays of Matlab files, versions 5 to 7.2, in pure Python.

SciPy reads them too, but its compiled reader crashes the process for about one damaged file in a hundred.

Reference: MathWorks, MAT-File Format (R2019b), chapter 1, "Level 5 MAT-File Format".
"""

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from keras_gan._utils import archives

# Table 1-1, data types: number -> name in numpy, without the byte order.
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
MATRIX, COMPRESSED = 14, 15
NUMERIC_CLASSES = range(6, 16)  # table 1-3: from mxDOUBLE_CLASS to mxUINT64_CLASS
NAMED_CLASSES = range(1, 16)  # also cells, structures, objects, text and sparse arrays, with the same header
COMPLEX, LOGICAL = 0x800, 0x200  # bits of the array flags
HEADER_BYTES = 128


def read(path: Path) -> dict[str, np.ndarray | None]:
    """Reads the arrays of a file by name. The value is None for text, cells, structures and complex arrays.

    The dtype is that of the storage, which may be narrower than the type in Matlab.

    Raises:
        ValueError, struct.error, zlib.error, KeyError: if the file is damaged, or has another version.
    """
    content = path.read_bytes()
    order = {b"IM": "<", b"MI": ">"}.get(content[126:HEADER_BYTES])
    if order is None or 1 not in content[124:126]:  # version 7.3 has a 2 here, and is HDF5
        raise ValueError("not a Matlab file of version 5 to 7.2; save it with -v7")
    arrays, allowed = {}, archives.largest(len(content))
    for kind, packed in _elements(content[HEADER_BYTES:], order):
        body, size = _unpacked(kind, packed, order, allowed)
        allowed -= size  # the limit holds for the whole file
        arrays.update([named] if (named := _array(body, order)) else [])
    return arrays


def _elements(content: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yields data type and content of each element."""
    position = 0
    while position < len(content):
        kind, size = struct.unpack_from(f"{order}II", content, position)
        start = position + 8
        if kind >> 16:  # the small format: four bytes for type and size, and four for the content
            kind, size, start = kind & 0xFFFF, kind >> 16, position + 4
        body = content[start : start + size]
        if len(body) < size:
            raise ValueError(f"an element declares {size:,} bytes, and the file has {len(body):,}")
        yield kind, body
        position = start + size + (0 if kind == COMPRESSED else -(start + size) % 8)


def _unpacked(kind, body, order, allowed) -> tuple[bytes, int]:
    """Returns the uncompressed content of a matrix, and its number of bytes."""
    if kind == COMPRESSED:
        unpacking = zlib.decompressobj()
        body = unpacking.decompress(body, allowed) if allowed > 0 else b""
        if allowed <= 0 or unpacking.unconsumed_tail:
            raise ValueError("it unpacks to more bytes than a file of its size may")
        kind, body = next(_elements(body, order))
    if kind != MATRIX:
        raise ValueError(f"it has data of type {kind} instead of an array")
    return body, len(body)


def _array(body, order) -> tuple[str, np.ndarray | None] | None:
    """Returns name and array of a matrix; no array if it is not real and numeric, and None if it has no name."""
    elements = _elements(body, order)
    flags = struct.unpack_from(f"{order}I", next(elements)[1])[0]
    if flags & 0xFF not in NAMED_CLASSES:
        return None
    shape = np.frombuffer(next(elements)[1], f"{order}i4").tolist()
    name = next(elements)[1].decode("latin-1")
    if flags & 0xFF not in NUMERIC_CLASSES or flags & COMPLEX:
        return name, None
    kind, numbers = next(elements, (2, b""))
    array = np.frombuffer(numbers, order + NUMBERS[kind])
    if min(shape, default=0) < 0 or array.size != math.prod(shape):
        raise ValueError(f"its array {name} of shape {tuple(shape)} has {array.size:,} numbers")
    return name, (array.astype(bool) if flags & LOGICAL else array).reshape(shape, order="F")
