"""A folder of images, with or without subfolders: held in memory where small, read from disk where large."""

import os
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from keras_gan.data import attributes, source
from keras_gan.data.source import Source, fit_image, from_array
from keras_gan.errors import InputError, printable

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")  # of all that Pillow knows: EPS would start Ghostscript
DEEP_MODES = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})  # 16 bits of grey
GREY_MODES = DEEP_MODES | {"1", "L", "LA"}
BLOCK = 2**12  # files handled at once
LARGEST_PIXELS = 2**26  # refuse decompression bombs: 64 megapixels


def open_folder(path: Path, size=None, crop=False, skip_damaged=False, classes=None, described=True) -> Source:
    """Opens every image below `path`, in the order of their names.

    Grey images give one channel, any colour among them gives three. Without `size` all images must have one size.
    Labels are places of the subfolders' names among `classes`, or, where that is None, among themselves. Attributes are
    those of a table in the folder or beside it, as `attributes.attach` reads it, unless `described` is False. Images
    that are read from disk have neither with `skip_damaged`, for one may stand in for another.

    A link to an image is followed where the image lies below `path` too. Pillow's warnings about what it repairs are
    silenced from here on, in the whole process: they come while other threads read.

    Raises:
        InputError: for a folder without images, mixed sizes without `size`, links that lead out of the folder, or
            damaged images without `skip_damaged`, or a table of attributes that does not fit.
    """
    warnings.filterwarnings("ignore", module="PIL")
    files = _files(path)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        sizes, modes, damaged = _survey(pool, path, files)
        readable = [file for file in files if file not in damaged]
        if not readable:
            _check_damaged(damaged, files, path, skip_damaged)
        size = size or _common_size(sizes, path)
        mode = "L" if modes <= GREY_MODES else "RGB"
        shape = (*size, 1 if mode == "L" else 3)

        def decode(file):
            return _decode(path / file, mode, size, crop)

        if len(readable) * np.prod(shape) > source.MEMORY_LIMIT_BYTES:
            _check_damaged(damaged, files, path, skip_damaged)
            # A damaged image is replaced by another one, whose class may be another.
            classes = (None, None) if skip_damaged else _labels(readable, path, classes)
            streamed = _streamed(path, readable, shape, decode, skip_damaged, *classes)
            return attributes.attach(streamed, path, readable) if described and not skip_damaged else streamed
        images = np.empty((len(readable), *shape), "uint8")
        for row, (file, image) in enumerate(_each(pool, decode, readable)):
            if image is None:
                damaged.add(file)
            else:
                images[row] = image
    _check_damaged(damaged, files, path, skip_damaged)
    if damaged:
        images = images[[file not in damaged for file in readable]]
    good = [file for file in readable if file not in damaged]
    names, labels = _labels(good, path, classes)
    held = from_array(str(path), images, labels, names)
    return attributes.attach(held, path, good) if described else held


def held_out(path: Path) -> Path | None:
    """The folder beside `path` that holds images to judge by: test or val beside train."""
    siblings = [path.with_name(name) for name in ("test", "val", "validation")] if path.name == "train" else []
    return next((sibling for sibling in siblings if sibling.is_dir()), None)


def subfolders(path: Path) -> list[str]:
    """Names of the folders in a folder, sorted: its classes."""
    return sorted(entry.name for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _labels(files, path, names=None) -> tuple[tuple[str, ...] | None, np.ndarray | None]:
    """The names of the classes, `names` or the subfolders', and the place of each file's among them.

    None and None, unless every file lies in one of two or more.
    """
    names = names or subfolders(path)
    places = {name: place for place, name in enumerate(names)}
    labels = [places.get(file.split(os.sep)[0] if os.sep in file else None) for file in files]
    return (None, None) if len(names) < 2 or None in labels else (tuple(names), np.array(labels, "int64"))


def _files(path: Path) -> list[str]:
    """Names of all images below `path`, relative to it, in order. Strings: a million paths would take a gigabyte."""
    if not path.is_dir():
        raise InputError(f"{path} is not a folder; expected a folder of images; check the path")
    try:
        files = list(_walk(path))
    except OSError as error:
        raise InputError(
            f"{error.filename} cannot be read ({error.strerror}); expected a folder; change its rights"
        ) from error
    if not files:
        raise InputError(f"{path} holds no images; expected files ending in {', '.join(sorted(SUFFIXES))}")
    return files


def _walk(root):
    """Names of images in order. Without recursion: folders nest deeper than Python's calls may."""
    within, above = root.resolve(), len(os.path.join(root, ""))
    pending = [_entries(root)]
    while pending:
        entry = next(pending[-1], None)
        if entry is None:
            pending.pop()
        elif entry.is_dir():
            if not entry.is_symlink():  # which may lead back here
                pending.append(_entries(entry.path))
        elif os.path.splitext(entry.name)[1].lower() in SUFFIXES and entry.is_file():
            if entry.is_symlink():
                _check_link(Path(entry.path), within)
            yield entry.path[above:]


def _entries(folder):
    with os.scandir(folder) as found:
        return iter(sorted(found, key=lambda entry: entry.name))


def _check_link(link, within):
    target = link.resolve()
    if not target.is_relative_to(within):
        raise InputError(
            f"{link} is a link to {target}, outside of {within}; expected images that lie inside; copy them there"
        )


def _survey(pool, path, files) -> tuple[Counter, set[str], set[str]]:
    """How many images have which size (height, width), their modes, and the files that are no images."""
    sizes, modes, damaged = Counter(), set(), set()
    for file, header in _each(pool, lambda file: _header(path / file), files):
        if header is None:
            damaged.add(file)
        else:
            sizes[header[0]] += 1
            modes.add(header[1])
    return sizes, modes, damaged


def _each(pool, function, files):
    """Every file with the function of it, in order; a block at a time, for a pool queues all that it is given."""
    for start in range(0, len(files), BLOCK):
        block = files[start : start + BLOCK]
        yield from zip(block, pool.map(function, block), strict=True)


def _header(file: Path):
    """(height, width) and mode of an image, read without decoding it; None where that fails, or it is a bomb."""
    try:
        with Image.open(file, formats=FORMATS) as image:
            bomb = image.width * image.height > LARGEST_PIXELS
            return None if bomb else ((image.height, image.width), image.mode)
    except MemoryError:
        raise
    except Exception:  # a damaged file fails anywhere, with any error
        return None


def _decode(file: Path, mode, size, crop):
    """One image as uint8 (height, width, channels); None where it is damaged."""
    try:
        with Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > LARGEST_PIXELS:
                return None
            decoded = _eight_bit(image).convert(mode)
    except MemoryError:
        raise
    except Exception:  # as above
        return None
    array = np.asarray(fit_image(decoded, size, crop))
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
        names = [printable(name) for name in sorted(damaged)[:3]]
        named = ", ".join(names) + (f" and {len(damaged) - 3} more" if len(damaged) > 3 else "")
        raise InputError(
            f"{len(damaged)} of {len(files)} images in {path} cannot be read: {named}; repair or remove them, or give "
            "skip_damaged=True (--skip-damaged)"
        )


def _common_size(counts, path) -> tuple[int, int]:
    if len(counts) > 1:
        common = ", ".join(f"{h}x{w} ({n})" for (h, w), n in counts.most_common(4)) + (", …" if len(counts) > 4 else "")
        raise InputError(
            f"the images in {path} have {len(counts)} sizes: {common}; expected one; give image_size (--image-size), "
            "and crop (--crop) to keep proportions"
        )
    return next(iter(counts))


def _streamed(path, files, shape, decode, skip_damaged, names, labels) -> Source:
    """A source that decodes at every access; a damaged image is replaced by the next good one where asked."""
    pool = ThreadPoolExecutor(os.cpu_count())

    def read(index):
        for offset in range(len(files) if skip_damaged else 1):
            image = decode(files[(index + offset) % len(files)])
            if image is not None:
                return image
        raise InputError(
            f"{path / files[index]} cannot be read; repair or remove it, or give skip_damaged=True (--skip-damaged)"
        )

    return Source(
        str(path), shape, len(files), lambda indices: np.stack(list(pool.map(read, indices))), None, labels, names
    )
