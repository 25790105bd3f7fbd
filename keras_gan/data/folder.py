"""A folder of images, with or without subfolders. Few images are held in memory, and many are read from disk."""

import functools
import os
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from keras_gan._utils import progress
from keras_gan._utils.errors import InputError, Notice
from keras_gan.data import attributes, decoding, fingerprint, labels, listing, source
from keras_gan.data.decoding import Header, Unreadable
from keras_gan.data.listing import named
from keras_gan.data.source import Source, from_array
from keras_gan.data.spec import BACKGROUND, DataSpec

BLOCK = 2**12  # files that are submitted to the threads at once


def open_folder(path: Path, spec: DataSpec, like: Path | None = None) -> Source:
    """Opens all images in a folder and its subfolders, in the order of their names.

    Grey images have one channel. If any image has colour, all have three. Without an image size, all images must have
    the same size. Subfolders with images are the classes, numbered in the order of their names. Attributes come from a
    table in the folder or next to it; see `attributes.attach`. A `Notice` shows the number of files that are ignored or
    left out, and the number of transparent images.

    Args:
        path: the folder.
        spec: how its images are read.
        like: the folder of the training images; None if `path` is that folder. If given, its class numbers, its number
            of channels and its scale of values without a defined range are used, and no table of attributes is read.

    Returns:
        A `Source`.

    Raises:
        InputError: if the folder has no images, if images have different sizes without an image size, if links lead out
            of the folder, if images are damaged without `skip_damaged`, or if a table of attributes does not match.
    """
    decoding.prepare()
    found = listing.images(path)
    _warn(listing.notice(found, path))
    training = labels.group(listing.images(like).files) if like else None
    names = _class_names(like, training, spec.skip_damaged) if like else None
    files, stray, unlabelled = labels.group(found.files, names or None)
    if like and not names:
        files, stray, unlabelled = found.files, [], "the training images have no classes"
    stray_images = _number(len(stray), "image that is", "images that are")
    _warn(stray and f"{path}: left out {stray_images} in no class folder: {named(stray)}")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        survey = _survey(pool, path, files)
        spans = _spans(pool, path, survey, like, training and training[0])
        grey = _has_grey(pool, like, training[0], spec) if like else _is_grey(survey.headers.values(), spec)
        opened = _Opened(path, spec, files, survey, spans, grey)
        opened.read(pool)
    _check_damaged(survey.damaged, files, path, spec.skip_damaged)
    opened.warn(found.folders, unlabelled)
    return opened.source(unlabelled, names, described=like is None, listed=found.files)


@dataclass
class Survey:
    """The headers of the images in a folder."""

    headers: dict[str, Header] = field(default_factory=dict)  # of the images that are not known to be damaged
    damaged: dict[str, str] = field(default_factory=dict)  # reasons why other images cannot be read

    def sizes(self) -> Counter:
        """Returns the number of images of each size (height, width)."""
        return Counter(header.size for header in self.headers.values())

    def those(self, holds: Callable[[Header], object]) -> list[str]:
        """Returns the files whose headers satisfy a condition."""
        return [file for file, header in self.headers.items() if holds(header)]


class _Opened:
    """The images of a folder while they are read."""

    def __init__(self, path, spec, files, survey, spans, grey):
        self.path, self.spec, self.files, self.survey = path, spec, files, survey
        self.array, self.transparent = None, None
        if not survey.headers:
            _check_damaged(survey.damaged, files, path, spec.skip_damaged)
        size = spec.image_size or _common_size(survey.sizes(), path)
        self.shape = (*size, 1 if grey else 3)
        options = dict(grey=grey, size=size, crop=spec.crop, background=spec.background, spans=spans)
        self.decode = lambda file: decoding.decode(path / file, **options)

    def read(self, pool) -> None:
        """Decodes the images if they fit in memory. Otherwise searches for damaged images if they may be skipped."""
        good = list(self.survey.headers)
        in_memory = len(good) * np.prod(self.shape) <= source.MEMORY_LIMIT_BYTES
        if not in_memory:
            _check_damaged(self.survey.damaged, self.files, self.path, self.spec.skip_damaged)
            if not self.spec.skip_damaged:
                return  # reading a damaged image later raises an error
        array, rows, transparent = np.empty((len(good) if in_memory else 0, *self.shape), "uint8"), [], 0
        for row, (file, result) in enumerate(_each(pool, self.decode, good, "reading images")):
            if isinstance(result, Unreadable):
                self.survey.damaged[file] = str(result)
                del self.survey.headers[file]
                continue
            transparent += result[1]
            if in_memory:
                rows.append(row)
                array[row] = result[0]
        self.transparent = transparent
        if in_memory:
            self.array = array if len(rows) == len(array) else array[rows]

    def warn(self, folders, unlabelled) -> None:
        """Warns about images that were left out or changed."""
        survey, path, total = self.survey, self.path, len(self.files)
        if survey.damaged:
            _warn(f"{path}: left out {len(survey.damaged):,} of {total:,} images that cannot be read{_reasons(survey)}")
        if unlabelled is None or any(os.sep in file for file in self.files):
            holders = {file.split(os.sep)[0] for file in survey.headers}
            empty = [name for name in folders if name not in holders]
            holds = "the folder" if len(empty) == 1 else "the folders"
            _warn(empty and f"{path}: left out {holds} {named(empty)} without images")
        if unlabelled and any(os.sep in file for file in self.files) and len(folders) > 1:
            _warn(f"{path}: its subfolders are not used as classes: {unlabelled}")
        several = survey.those(lambda header: header.several)
        has = "has" if len(several) == 1 else "have"
        first = f"several frames or pages; the first one is used: {named(several)}"
        _warn(several and f"{path}: {len(several):,} of {total:,} images {has} {first}")
        self._warn_of_transparency(total)

    def _warn_of_transparency(self, total):
        ground = f"transparent pixels become {self.spec.background}. Use background (--background) for another colour."
        if self.transparent is None:
            alpha = len(self.survey.those(lambda header: header.alpha))
            _warn(alpha and f"{self.path}: {alpha:,} of {total:,} images can be transparent; {ground}")
        elif self.transparent:
            be = "is" if self.transparent == 1 else "are"
            _warn(f"{self.path}: {self.transparent:,} of {total:,} images {be} transparent; {ground}")

    def source(self, unlabelled, names, described, listed) -> Source:
        """Returns the images as a source, with their labels and attributes."""
        good = list(self.survey.headers)
        classes, class_names = (None, None) if unlabelled is not None else labels.of_files(good, names)
        if class_names and len(class_names) < 2:
            classes, class_names, unlabelled = None, None, f"only one class has images, {class_names[0]}"
        known = {
            "unlabelled": unlabelled or None,
            "read_fingerprint": functools.cache(lambda: fingerprint.of_files(self.path, listed)),
        }
        if self.array is not None:
            opened = from_array(str(self.path), self.array, classes, class_names, **known)
        else:
            fetch = _streaming(self.path, good, self.decode)
            opened = Source(str(self.path), self.shape, len(good), fetch, None, classes, class_names, **known)
        return attributes.attach(opened, self.path, good) if described else opened


def _warn(message) -> None:
    if message:
        warnings.warn(Notice(message), stacklevel=2)


def _number(count, one, several) -> str:
    return f"1 {one}" if count == 1 else f"{count:,} {several}"


def _class_names(path, grouped, skip_damaged) -> list[str] | None:
    """Returns the class names that `open_folder` finds in a folder of training images; None without classes."""
    files, _, unlabelled = grouped
    if unlabelled is not None:
        return None
    names = dict.fromkeys(file.split(os.sep)[0] for file in files)
    if skip_damaged:
        for file in files:
            names[file.split(os.sep)[0]] = names[file.split(os.sep)[0]] or _is_readable(path / file)
        names = [name for name, readable in names.items() if readable]
    return sorted(names) if len(names) > 1 else None


def _is_grey(headers, spec) -> bool:
    """Whether images are opened with one channel: none has colour, also not that of its background."""
    on_grey = decoding.is_grey(spec.background)
    return all(header.grey and (on_grey or not header.alpha) for header in headers)


def _has_grey(pool, path, files, spec) -> bool:
    """Whether the images of a folder are opened with one channel; read up to the first that has colour."""
    found = (header for _, header in _each(pool, lambda file: decoding.header(path / file), files, "reading headers"))
    return _is_grey((header for header in found if not isinstance(header, Unreadable)), spec)


def _is_readable(file) -> bool:
    try:
        decoding.decode(file, False, None, False, BACKGROUND, {kind: (0, 1) for kind in ("integers", "floats")})
    except Unreadable:
        return False
    return True


def _survey(pool, path, files) -> Survey:
    survey, known = Survey(), {}
    for file, found in _each(pool, lambda file: decoding.header(path / file), files, "reading headers"):
        if isinstance(found, Unreadable):
            survey.damaged[file] = str(found)
        else:
            survey.headers[file] = known.setdefault(found, found)  # one object for equal headers, to save memory
    return survey


def _spans(pool, path, survey, like=None, training=None) -> dict[str, tuple[float, float]]:
    """Returns the values that become 0 and 255 for integers and floats without a defined range.

    If the files `training` in the folder `like` have such images, they decide.
    """
    spans = {}
    for kind in ("integers", "floats"):
        files = survey.those(lambda header, kind=kind: header.numbers == kind)
        extents = []
        for file, found in _each(pool, lambda file: decoding.extent(path / file), files, "reading ranges"):
            if isinstance(found, Unreadable):
                survey.damaged[file] = str(found)
                del survey.headers[file]
            else:
                extents.append(found)
        if extents:
            low, high = min(low for low, _ in extents), max(high for _, high in extents)
            spans[kind] = decoding.span(kind, low, high)
            first, last = spans[kind]
            images = _number(len(extents), "image has", "images have")
            _warn(
                not like
                and f"{path}: {images} {kind} from {low:g} to {high:g}; they are scaled so that {first:g} "
                f"becomes 0 and {last:g} becomes 255"
            )
    if like and spans:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Notice)  # opening the training images has shown it already
            spans |= _spans(pool, like, _survey(pool, like, training))
    return spans


def _each(pool, function, files, purpose):
    """Yields each file with the result of a function, or with the Unreadable that it raised, in order.

    Files are submitted in blocks, since a pool queues all files at once.
    """

    def tried(file):
        try:
            return function(file)
        except Unreadable as reason:
            return reason

    blocks = (files[start : start + BLOCK] for start in range(0, len(files), BLOCK))
    for block in progress.track(blocks, purpose, len(files), len):
        yield from zip(block, pool.map(tried, block), strict=True)


def _reasons(survey) -> str:
    """Returns the first damaged files with the reasons."""
    files = sorted(survey.damaged)
    reasons = dict.fromkeys(survey.damaged[file] for file in files[: listing.NAMED])
    return f": {named(files)}; {'; '.join(reasons)}"


def _check_damaged(damaged, files, path, skip_damaged):
    """Raises InputError with the damaged files, unless they may be skipped and other images remain."""
    reasons = _reasons(Survey(damaged=damaged)) if damaged else ""
    if len(damaged) == len(files):
        raise InputError(
            f"none of the {len(files)} images in {path} can be read{reasons}; expected at least one. Repair the images."
        )
    if damaged and not skip_damaged:
        raise InputError(
            f"{len(damaged)} of {len(files)} images in {path} cannot be read{reasons}. Repair or remove them, or use "
            "skip_damaged=True (--skip-damaged) to leave them out."
        )


def _common_size(counts, path) -> tuple[int, int]:
    if len(counts) > 1:
        common = ", ".join(f"{h}x{w} ({n})" for (h, w), n in counts.most_common(4)) + (", …" if len(counts) > 4 else "")
        raise InputError(
            f"the images in {path} have {len(counts)} sizes: {common}; expected one size. Use image_size "
            "(--image-size) to resize them, and crop (--crop) to preserve proportions."
        )
    return next(iter(counts))


def _streaming(path, files, decode) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function that decodes the images with given indices."""
    pool = ThreadPoolExecutor(os.cpu_count())

    def read(index):
        try:
            return decode(files[index])[0]
        except Unreadable as reason:
            raise InputError(
                f"{path / files[index]} cannot be read: {reason}. Repair or remove it, or use skip_damaged=True "
                "(--skip-damaged) to leave it out."
            ) from reason

    return lambda indices: np.stack(list(pool.map(read, indices)))
