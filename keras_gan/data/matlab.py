"""Numeric arrays from Matlab's files, versions 5 to 7.2, in Python alone.

SciPy reads them too, but its compiled reader ends the process on about one damaged file in a hundred.

Reference: MathWorks, MAT-File Format (R2019b), chapter 1, "Level 5 MAT-File Format".
"""

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from keras_gan._utils import archives

# Table 1-1, data types: number -> numpy's name, without the byte order.
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
MATRIX, COMPRESSED = 14, 15
NUMERIC_CLASSES = range(6, 16)  # table 1-3: from mxDOUBLE_CLASS to mxUINT64_CLASS
NAMED_CLASSES = range(1, 16)  # with cells, structures, objects, text and sparse arrays, whose headers are alike
COMPLEX = 0x800  # of the array flags
HEADER_BYTES = 128


def read(path: Path) -> dict[str, np.ndarray | None]:
    """The arrays of a file by name; None for one that is not real and numeric: text, cells, structures.

    They have the type of their storage, which may be narrower than Matlab's.

    Raises:
        ValueError, struct.error, zlib.error, KeyError: where the file is damaged, or of another version.
    """
    content = path.read_bytes()
    order = {b"IM": "<", b"MI": ">"}.get(content[126:HEADER_BYTES])
    if order is None or 1 not in content[124:126]:  # 7.3 has a 2 there, and is HDF5
        raise ValueError("no Matlab file of version 5 to 7.2; save it with -v7")
    arrays, allowed = {}, archives.largest(len(content))
    for kind, packed in _elements(content[HEADER_BYTES:], order):
        body, size = _unpacked(kind, packed, order, allowed)
        allowed -= size  # of the whole file
        arrays.update([named] if (named := _array(body, order)) else [])
    return arrays


def _elements(content: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Data type and content of every element in a row."""
    position = 0
    while position < len(content):
        kind, size = struct.unpack_from(f"{order}II", content, position)
        start = position + 8
        if kind >> 16:  # the small format: type and size share four bytes, the content has the other four
            kind, size, start = kind & 0xFFFF, kind >> 16, position + 4
        body = content[start : start + size]
        if len(body) < size:
            raise ValueError(f"it declares {size:,} bytes, and holds {len(body):,}")
        yield kind, body
        position = start + size + (0 if kind == COMPRESSED else -(start + size) % 8)


def _unpacked(kind, body, order, allowed) -> tuple[bytes, int]:
    """The content of a matrix, compressed or not, and how many bytes it took to unpack."""
    if kind == COMPRESSED:
        unpacking = zlib.decompressobj()
        body = unpacking.decompress(body, allowed) if allowed > 0 else b""
        if allowed <= 0 or unpacking.unconsumed_tail:
            raise ValueError("it unpacks to more bytes than so small a file may")
        kind, body = next(_elements(body, order))
    if kind != MATRIX:
        raise ValueError(f"it holds data of type {kind} where an array was expected")
    return body, len(body)


def _array(body, order) -> tuple[str, np.ndarray | None] | None:
    """Name and array of a matrix, no array where it is not real and numeric; None where it has no name to read."""
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
        raise ValueError(f"its array {name} of shape {tuple(shape)} holds {array.size:,} numbers")
    return name, array.reshape(shape, order="F")
