"""A folder of images, with or without subfolders: held in memory where small, read from disk where large."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from keras_gan.data import source
from keras_gan.data.source import Source, fit_image, from_array
from keras_gan.errors import InputError

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
DEEP_MODES = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})  # 16 bits of grey
GREY_MODES = DEEP_MODES | {"1", "L", "LA"}
LARGEST_PIXELS = 2**26  # refuse decompression bombs: 64 megapixels


def open_folder(path: Path, size=None, crop=False, skip_damaged=False, classes=None) -> Source:
    """Opens every image below `path`, in the order of their names.

    Grey images give one channel, any colour among them gives three. Without `size` all images must have one size.
    Labels are places of the subfolders' names among `classes`, or, where that is None, among themselves.

    Raises:
        InputError: for a folder without images, mixed sizes without `size`, or damaged images without `skip_damaged`.
    """
    files = _files(path)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        headers = dict(zip(files, pool.map(_header, files), strict=True))
    readable = [file for file in files if headers[file]]
    if not readable:
        _check_damaged(files, files, path, skip_damaged)
    size = size or _common_size([headers[file][0] for file in readable], path)
    mode = "L" if all(headers[file][1] in GREY_MODES for file in readable) else "RGB"
    shape = (*size, 1 if mode == "L" else 3)

    def decode(file):
        return _decode(file, mode, size, crop)

    if len(readable) * np.prod(shape) > source.MEMORY_LIMIT_BYTES:
        _check_damaged([file for file in files if not headers[file]], files, path, skip_damaged)
        # A damaged image is replaced by another one, whose class may be another.
        labels = None if skip_damaged else _labels(readable, path, classes)
        return _streamed(path, readable, shape, decode, skip_damaged, labels)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        images = dict(zip(readable, pool.map(decode, readable), strict=True))
    _check_damaged([file for file in files if images.get(file) is None], files, path, skip_damaged)
    images = {file: image for file, image in images.items() if image is not None}
    return from_array(str(path), np.stack(list(images.values())), _labels(images, path, classes))


def held_out(path: Path) -> Path | None:
    """The folder beside `path` that holds images to judge by: test or val beside train."""
    siblings = [path.with_name(name) for name in ("test", "val", "validation")] if path.name == "train" else []
    return next((sibling for sibling in siblings if sibling.is_dir()), None)


def subfolders(path: Path) -> list[str]:
    """Names of the folders in a folder, sorted: its classes."""
    return sorted(entry.name for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _labels(files, path, names=None) -> np.ndarray | None:
    """Places of the classes among `names`, or the subfolders, where every file lies in one of two or more."""
    classes = [file.relative_to(path).parts[0] if file.parent != path else None for file in files]
    names = names or subfolders(path)
    if len(names) < 2 or not set(classes) <= set(names):
        return None
    return np.array([names.index(name) for name in classes], "int64")


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        raise InputError(f"{path} is not a folder; expected a folder of images; check the path")
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise InputError(f"{path} holds no images; expected files ending in {', '.join(sorted(SUFFIXES))}")
    return files


def _header(file: Path):
    """(height, width) and mode of an image, read without decoding it; None where that fails."""
    try:
        with Image.open(file) as image:
            return (image.height, image.width), image.mode
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _decode(file: Path, mode, size, crop):
    """One image as uint8 (height, width, channels); None where it is damaged."""
    try:
        with Image.open(file) as image:
            if image.width * image.height > LARGEST_PIXELS:
                return None
            array = np.asarray(fit_image(_eight_bit(image).convert(mode), size, crop))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return array.reshape(*array.shape[:2], -1)


def _eight_bit(image):
    """The image with 8 bits a channel, and a palette's transparency resolved, where `convert` would clip or warn."""
    if image.mode in DEEP_MODES:
        return Image.fromarray(np.rint(np.asarray(image) / 257).astype("uint8"))  # 65535 / 257 = 255
    return image.convert("RGBA") if image.mode == "P" and "transparency" in image.info else image


def _check_damaged(damaged, files, path, skip_damaged):
    """Raises InputError, naming the damaged files, unless they may be skipped and others remain."""
    if len(damaged) == len(files):
        raise InputError(f"none of the {len(files)} images in {path} can be read; expected at least one")
    if damaged and not skip_damaged:
        names = [str(file.relative_to(path)) for file in damaged[:3]]
        named = ", ".join(names) + (f" and {len(damaged) - 3} more" if len(damaged) > 3 else "")
        raise InputError(
            f"{len(damaged)} of {len(files)} images in {path} cannot be read: {named}; repair or remove them, or give "
            "skip_damaged=True (--skip-damaged)"
        )


def _common_size(sizes, path) -> tuple[int, int]:
    counts = Counter(sizes)
    if len(counts) > 1:
        common = ", ".join(f"{h}x{w} ({n})" for (h, w), n in counts.most_common(4)) + (", …" if len(counts) > 4 else "")
        raise InputError(
            f"the images in {path} have {len(counts)} sizes: {common}; expected one; give image_size (--image-size), "
            "and crop (--crop) to keep proportions"
        )
    return sizes[0]


def _streamed(path, files, shape, decode, skip_damaged, labels) -> Source:
    """A source that decodes at every access; a damaged image is replaced by the next good one where asked."""
    pool = ThreadPoolExecutor(os.cpu_count())

    def read(index):
        for offset in range(len(files) if skip_damaged else 1):
            image = decode(files[(index + offset) % len(files)])
            if image is not None:
                return image
        raise InputError(
            f"{files[index]} cannot be read; repair or remove it, or give skip_damaged=True (--skip-damaged)"
        )

    return Source(str(path), shape, len(files), lambda indices: np.stack(list(pool.map(read, indices))), None, labels)
