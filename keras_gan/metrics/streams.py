"""Sets of images that are read in blocks: small sets from memory, large sets from a temporary file.

Only one block of a large set is in memory, so that the memory of an evaluation does not grow with the size of the
images. The file is not memory-mapped, since mapped pages would count as memory of the process.
"""

import math
import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from keras_gan._utils import pixels, progress
from keras_gan._utils.errors import InputError
from keras_gan.data.source import Source

IN_MEMORY_BYTES = 2**26  # a larger set is written to a temporary file
BLOCK_BYTES = 2**24  # of one block of pixels; as floats it takes four times as much
SIDE_PIXELS = 32  # largest side of a thumbnail


@dataclass(frozen=True)
class Stream:
    """Images that are generated or read when they are needed. Every pass returns the same images.

    Example:
        >>> import numpy as np
        >>> stream = Stream(lambda start, stop: np.zeros((stop - start, 8, 8, 1), "uint8"), 10, (8, 8, 1))
        >>> collect(stream).shape
        (10, 8, 8, 1)
    """

    read: Callable[[int, int], np.ndarray]  # (start, stop) -> images (n, *shape), or vectors (n, features)
    count: int
    shape: tuple[int, ...]  # of one image
    block: int | None = None  # images in one call of `read`; None for the number that `BLOCK_BYTES` allow
    labels: np.ndarray | None = None  # int32 (count,): the classes requested from a generator
    purpose: str = "reading images"  # what the progress says

    @classmethod
    def of(cls, source: Source, indices: np.ndarray) -> "Stream":
        """Returns a stream of the images of a source with the given indices."""
        return cls(lambda start, stop: source.fetch(indices[start:stop]), len(indices), source.shape)

    def blocks(self) -> Iterator[np.ndarray]:
        """Yields the images in blocks, with the dtype of `read`."""
        step = self.block or block_rows(self.shape)
        parts = (self.read(start, min(start + step, self.count)) for start in range(0, self.count, step))
        return progress.track(parts, self.purpose, self.count, len)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yields the images in blocks, as uint8. Vectors keep their dtype."""
        for block in self.blocks():
            yield pixels.to_uint8(block) if block.ndim == 4 and block.dtype != np.uint8 else block


class ImageFile:
    """Images or vectors in a temporary file, which is deleted with the object.

    It can be indexed like an array, with a slice or with an array of indices. A slice is faster.
    """

    def __init__(self, count: int, shape: tuple[int, ...], dtype: np.dtype):
        self.shape = (count, *shape)
        self.dtype = np.dtype(dtype)
        self.ndim = len(self.shape)
        self._file = _temporary(count * math.prod(shape) * self.dtype.itemsize)
        self._owner = _Owner()  # shared with the results of `first`, so that the last of them closes the file
        weakref.finalize(self._owner, self._file.close)

    def __len__(self):
        return self.shape[0]

    def append(self, block: np.ndarray) -> None:
        """Writes the next images. Raises InputError if the disk is full."""
        try:
            self._file.write(np.ascontiguousarray(block, self.dtype))
            self._file.flush()
        except OSError as error:
            raise InputError(_cannot_write(math.prod(self.shape) * self.dtype.itemsize, error.strerror)) from error

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            return self._read(start, max(start, stop))[::step]
        wanted = np.arange(len(self))[rows]
        return np.concatenate([self._read(row, row + 1) for row in wanted] or [self._read(0, 0)])

    def first(self, n: int) -> "ImageFile":
        """Returns the first n images, in the same file."""
        view = object.__new__(ImageFile)
        view.__dict__.update(self.__dict__, shape=(min(n, len(self)), *self.shape[1:]))
        return view

    def _read(self, start, stop):
        each = math.prod(self.shape[1:]) * self.dtype.itemsize
        content = bytearray((stop - start) * each)
        self._file.seek(start * each)
        self._file.readinto(content)
        return np.frombuffer(content, self.dtype).reshape(stop - start, *self.shape[1:])


class _Owner:
    pass


Images = np.ndarray | ImageFile


def _temporary(size_bytes):
    try:
        return tempfile.TemporaryFile(prefix="keras_gan-")  # noqa: SIM115 (open as long as the object exists)
    except OSError as error:
        raise InputError(_cannot_write(size_bytes, error.strerror)) from error


def _cannot_write(size_bytes, reason):
    return (
        f"cannot write {size_bytes / 1e9:.1f} GB of images to {tempfile.gettempdir()} ({reason}); expected a folder "
        "with enough free space. Set the environment variable TMPDIR to such a folder, or use fewer samples "
        "(--samples)."
    )


def block_rows(shape: tuple[int, ...], itemsize: int = 1) -> int:
    """Returns the number of images of a shape in one block, limited by `BLOCK_BYTES`, and at least 1."""
    return max(1, BLOCK_BYTES // (itemsize * math.prod(shape)))


def blocks(images: Images) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the index of the first image of each block, and the block."""
    step = block_rows(images.shape[1:], images.dtype.itemsize)
    for start in range(0, len(images), step):
        yield start, images[start : start + step]


def equal_parts(images: np.ndarray, most: int) -> Iterator[np.ndarray]:
    """Yields parts of up to `most` images, of equal size if possible, since a network is traced for each size."""
    size = math.ceil(len(images) / math.ceil(len(images) / most)) if len(images) else 1
    return (images[start : start + size] for start in range(0, len(images), size))


def in_colour(images: np.ndarray) -> np.ndarray:
    """Returns images with three channels, (n, h, w, 3). The one channel of grey images is repeated."""
    return np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images


def collect(stream: Stream) -> Images:
    """Reads all images of a stream: into an array if the set is small, into a temporary file if it is large.

    Raises:
        InputError: if the disk is full.
    """
    return _collected(iter(stream), stream.count)


def _collected(parts, count) -> Images:
    first = next(parts)
    shape, dtype = first.shape[1:], first.dtype
    if count * math.prod(shape) * dtype.itemsize > IN_MEMORY_BYTES:
        images = ImageFile(count, shape, dtype)
        images.append(first)
        for part in parts:
            images.append(part)
        return images
    images = np.empty((count, *shape), dtype)
    images[: len(first)] = first
    start = len(first)
    for part in parts:
        images[start : start + len(part)] = part
        start += len(part)
    return images


def thumbnails(images: Images | Stream) -> Images:
    """Returns images reduced for nearest-neighbour search: uint8, averaged to at most 32 pixels on a side.

    Copies stay copies, and large images do not take longer to compare than small ones.
    """
    if isinstance(images, Stream):
        return _collected((_thumbnail(block) for block in images), images.count)
    if max(images.shape[1:3]) <= SIDE_PIXELS:
        return images
    return _collected((_thumbnail(block) for _, block in blocks(images)), len(images))


def _thumbnail(block):
    return block if max(block.shape[1:3]) <= SIDE_PIXELS else np.rint(averaged(block)).astype("uint8")


def averaged(images: np.ndarray) -> np.ndarray:
    """Averages images (n, h, w, c) over blocks of pixels, so that at most 32 pixels remain on a side; float32.

    Smaller images keep their pixels.
    """
    return _averaged(_averaged(np.asarray(images, "float32"), 1), 2)


def _averaged(images, axis):
    size = images.shape[axis]
    if size <= SIDE_PIXELS:
        return images
    starts = np.arange(0, size, -(-size // SIDE_PIXELS))
    lengths = np.diff(np.append(starts, size)).astype("float32")
    sums = np.add.reduceat(images, starts, axis)
    return sums / np.expand_dims(lengths, [other for other in range(4) if other != axis])
