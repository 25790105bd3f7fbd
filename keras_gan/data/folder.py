"""A folder of images, with or without subfolders: held in memory where small, read from disk where large."""

import functools
import os
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from keras_gan._utils.errors import InputError, Notice
from keras_gan.data import attributes, decoding, fingerprint, labels, listing, source
from keras_gan.data.decoding import Header, Unreadable
from keras_gan.data.listing import named
from keras_gan.data.source import Source, from_array
from keras_gan.data.spec import BACKGROUND, DataSpec

BLOCK = 2**12  # files handled at once


def open_folder(path: Path, spec: DataSpec, like: Path | None = None) -> Source:
    """Opens every image below `path`, in the order of their names.

    Grey images give one channel, any colour among them gives three. Without a size all images must have one size.
    Labels are places of the subfolders' names in their order; subfolders without images are left out. Attributes are
    those of a table in the folder or beside it, as `attributes.attach` reads it. What is passed over, left out or put
    on a background is counted in a `Notice`.

    Args:
        path: the folder.
        spec: how its images are read.
        like: the folder of the training images, where `path` holds others of the same kind: its class numbers and its
            scale of numbers without a range hold, and no table of attributes is read.

    Raises:
        InputError: for a folder without images, mixed sizes without a size, links that lead out of the folder, or
            damaged images without `skip_damaged`, or a table of attributes that does not fit.
    """
    decoding.prepare()
    found = listing.images(path)
    _tell(listing.notice(found, path))
    names = _class_names(like, spec.skip_damaged) if like else None
    kept, stray, unlabelled = labels.group(found.files, names or None)
    if like and not names:
        kept, stray, unlabelled = found.files, [], "the training images have no classes"
    beside = _number(len(stray), "image that lies", "images that lie")
    _tell(stray and f"{path}: left out {beside} in no class folder: {named(stray)}")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        survey = _survey(pool, path, kept)
        opened = _Opened(path, spec, kept, survey, _spans(pool, path, survey, like))
        opened.read(pool)
    _check_damaged(survey.damaged, kept, path, spec.skip_damaged)
    opened.tell(found.folders, unlabelled)
    return opened.source(unlabelled, names, described=like is None, listed=found.files)


@dataclass
class Survey:
    """What the headers of a folder's images say."""

    headers: dict[str, Header] = field(default_factory=dict)  # of the images that can be read so far
    damaged: dict[str, str] = field(default_factory=dict)  # the reasons of the others

    def sizes(self) -> Counter:
        """The number of images of each size (height, width)."""
        return Counter(header.size for header in self.headers.values())

    def those(self, holds: Callable[[Header], object]) -> list[str]:
        """The files whose headers a condition holds for."""
        return [file for file, header in self.headers.items() if holds(header)]


class _Opened:
    """The images of a folder on their way to a `Source`."""

    def __init__(self, path, spec, files, survey, spans):
        self.path, self.spec, self.files, self.survey = path, spec, files, survey
        self.array, self.transparent = None, None
        if not survey.headers:
            _check_damaged(survey.damaged, files, path, spec.skip_damaged)
        size = spec.image_size or _common_size(survey.sizes(), path)
        grey = not survey.those(lambda header: not header.grey)
        if survey.those(lambda header: header.alpha) and not decoding.is_grey(spec.background):
            grey = False
        self.shape = (*size, 1 if grey else 3)
        how = dict(grey=grey, size=size, crop=spec.crop, background=spec.background, spans=spans)
        self.decode = lambda file: decoding.decode(path / file, **how)

    def read(self, pool) -> None:
        """Decodes the images that fit in memory. Of others, finds the damaged ones where they are to be left out."""
        good = list(self.survey.headers)
        held = len(good) * np.prod(self.shape) <= source.MEMORY_LIMIT_BYTES
        if not held:
            _check_damaged(self.survey.damaged, self.files, self.path, self.spec.skip_damaged)
            if not self.spec.skip_damaged:
                return  # an error will name the file when its turn comes
        array, rows, transparent = np.empty((len(good) if held else 0, *self.shape), "uint8"), [], 0
        for row, (file, result) in enumerate(_each(pool, self.decode, good)):
            if isinstance(result, Unreadable):
                self.survey.damaged[file] = str(result)
                del self.survey.headers[file]
                continue
            transparent += result[1]
            if held:
                rows.append(row)
                array[row] = result[0]
        self.transparent = transparent
        if held:
            self.array = array if len(rows) == len(array) else array[rows]

    def tell(self, folders, unlabelled) -> None:
        """Warns of what was left out or changed."""
        survey, path, total = self.survey, self.path, len(self.files)
        if survey.damaged:
            _tell(f"{path}: left out {len(survey.damaged):,} of {total:,} images that cannot be read{_why(survey)}")
        if unlabelled is None or any(os.sep in file for file in self.files):
            holders = {file.split(os.sep)[0] for file in survey.headers}
            empty = [name for name in folders if name not in holders]
            holds = "the folder" if len(empty) == 1 else "the folders"
            _tell(empty and f"{path}: left out {holds} {named(empty)}, without images")
        if unlabelled and any(os.sep in file for file in self.files) and len(folders) > 1:
            _tell(f"{path}: its subfolders are not taken as classes: {unlabelled}")
        several = survey.those(lambda header: header.several)
        has = "has" if len(several) == 1 else "have"
        first = f"several frames or pages, of which the first is used: {named(several)}"
        _tell(several and f"{path}: {len(several):,} of {total:,} images {has} {first}")
        self._tell_of_transparency(total)

    def _tell_of_transparency(self, total):
        ground = f"transparent pixels are put on {self.spec.background}; choose another background (--background)"
        if self.transparent is None:
            alpha = len(self.survey.those(lambda header: header.alpha))
            _tell(alpha and f"{self.path}: {alpha:,} of {total:,} images can be transparent; {ground}")
        elif self.transparent:
            be = "is" if self.transparent == 1 else "are"
            _tell(f"{self.path}: {self.transparent:,} of {total:,} images {be} transparent; {ground}")

    def source(self, unlabelled, names, described, listed) -> Source:
        """The images as a source, with their labels and attributes."""
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


def _tell(message) -> None:
    if message:
        warnings.warn(Notice(message), stacklevel=2)


def _number(count, one, several) -> str:
    return f"1 {one}" if count == 1 else f"{count:,} {several}"


def _class_names(path, skip_damaged) -> list[str] | None:
    """Names of the classes of a folder of training images, as `open_folder` finds them; None where it has none."""
    kept, _, unlabelled = labels.group(listing.images(path).files)
    if unlabelled is not None:
        return None
    names = dict.fromkeys(file.split(os.sep)[0] for file in kept)
    if skip_damaged:
        for file in kept:
            names[file.split(os.sep)[0]] = names[file.split(os.sep)[0]] or _is_readable(path / file)
        names = [name for name, readable in names.items() if readable]
    return sorted(names) if len(names) > 1 else None


def _is_readable(file) -> bool:
    try:
        decoding.decode(file, False, None, False, BACKGROUND, {kind: (0, 1) for kind in ("integers", "floats")})
    except Unreadable:
        return False
    return True


def _survey(pool, path, files) -> Survey:
    survey, known = Survey(), {}
    for file, found in _each(pool, lambda file: decoding.header(path / file), files):
        if isinstance(found, Unreadable):
            survey.damaged[file] = str(found)
        else:
            survey.headers[file] = known.setdefault(found, found)  # of a million images most are alike
    return survey


def _spans(pool, path, survey, like=None) -> dict[str, tuple[float, float]]:
    """What becomes 0 and 255 of integers and floats without a range, as in the folder `like` where it has such."""
    spans = {}
    for kind in ("integers", "floats"):
        files = survey.those(lambda header, kind=kind: header.numbers == kind)
        extents = []
        for file, found in _each(pool, lambda file: decoding.extent(path / file), files):
            if isinstance(found, Unreadable):
                survey.damaged[file] = str(found)
                del survey.headers[file]
            else:
                extents.append(found)
        if extents:
            low, high = min(low for low, _ in extents), max(high for _, high in extents)
            spans[kind] = decoding.span(kind, low, high)
            first, last = spans[kind]
            holds = _number(len(extents), "image holds", "images hold")
            _tell(
                not like
                and f"{path}: {holds} {kind} from {low:g} to {high:g}; they are scaled so that {first:g} becomes 0 and "
                f"{last:g} becomes 255"
            )
    if like and spans:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Notice)  # for the training images it was shown already
            spans |= _spans(pool, like, _survey(pool, like, labels.group(listing.images(like).files)[0]))
    return spans


def _each(pool, function, files):
    """Every file with the function of it, or the Unreadable that it raised, in order.

    A block at a time, for a pool queues all that it is given.
    """

    def tried(file):
        try:
            return function(file)
        except Unreadable as reason:
            return reason

    for start in range(0, len(files), BLOCK):
        block = files[start : start + BLOCK]
        yield from zip(block, pool.map(tried, block), strict=True)


def _why(survey) -> str:
    """The first of the damaged files, with the reasons."""
    files = sorted(survey.damaged)
    reasons = dict.fromkeys(survey.damaged[file] for file in files[: listing.NAMED])
    return f": {named(files)}; {'; '.join(reasons)}"


def _check_damaged(damaged, files, path, skip_damaged):
    """Raises InputError, naming the damaged files, unless they may be skipped and others remain."""
    why = _why(Survey(damaged=damaged)) if damaged else ""
    if len(damaged) == len(files):
        raise InputError(f"none of the {len(files)} images in {path} can be read{why}; expected at least one")
    if damaged and not skip_damaged:
        raise InputError(
            f"{len(damaged)} of {len(files)} images in {path} cannot be read{why}; repair or remove them, or use "
            "skip_damaged=True (--skip-damaged) to leave them out"
        )


def _common_size(counts, path) -> tuple[int, int]:
    if len(counts) > 1:
        common = ", ".join(f"{h}x{w} ({n})" for (h, w), n in counts.most_common(4)) + (", …" if len(counts) > 4 else "")
        raise InputError(
            f"the images in {path} have {len(counts)} sizes: {common}; expected one; give image_size (--image-size), "
            "and crop (--crop) to keep proportions"
        )
    return next(iter(counts))


def _streaming(path, files, decode) -> Callable[[np.ndarray], np.ndarray]:
    """A function that decodes the images at some indices."""
    pool = ThreadPoolExecutor(os.cpu_count())

    def read(index):
        try:
            return decode(files[index])[0]
        except Unreadable as reason:
            raise InputError(
                f"{path / files[index]} cannot be read; repair or remove it, or use skip_damaged=True "
                f"(--skip-damaged) to leave it out; {reason}"
            ) from reason

    return lambda indices: np.stack(list(pool.map(read, indices)))
