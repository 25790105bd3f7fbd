"""The image files of a folder: which are images of it, and which files and folders are passed over."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from keras_gan._utils.errors import InputError, printable
from keras_gan.data.attributes import TABLES
from keras_gan.data.decoding import NOT_READ, SUFFIXES

# Folders and files that systems and programs leave; names that begin with a dot are hidden too.
OF_SYSTEMS = frozenset(
    {"__macosx", "@eadir", "#recycle", "$recycle.bin", "lost+found", "system volume information"}
    | {"thumbs.db", "ehthumbs.db", "desktop.ini"}
)
TRAIN = ("train", "training")  # names of the folder of training images, in any case
HELD_OUT = ("test", "testing", "val", "valid", "validation")  # and of the folder beside it, the first that is there
NAMED = 3  # names that a message lists


@dataclass
class Listing:
    """What a folder holds."""

    files: list[str] = field(default_factory=list)  # images, relative to the folder. Strings: a Path takes a kilobyte
    folders: list[str] = field(default_factory=list)  # visible ones directly inside, sorted
    passed_over: Counter = field(default_factory=Counter)  # number of files that are no images, by suffix
    links: list[str] = field(default_factory=list)  # to folders, that are not followed


def images(path: Path) -> Listing:
    """Lists all images below a folder in the order of their names.

    Hidden files and folders are left out. A folder directly inside `path` may be a link to a folder elsewhere; deeper
    links to folders, and those that lead back, are not followed. A link to an image is followed where the image lies
    in `path`, or in the folder that a link leads to.

    Raises:
        InputError: where there is no such folder, it holds no images, a folder cannot be read, or a link to an image
            leads out.
    """
    if not path.is_dir():
        raise InputError(f"{path} is not a folder; expected a folder of images; check the path")
    listing = Listing()
    try:
        listing.files.extend(_walk(path, listing))
    except OSError as error:
        raise InputError(
            f"{error.filename} cannot be read ({error.strerror}); expected a folder; change its rights"
        ) from error
    if not listing.files:
        found = f"; it has other files: {_counted(listing.passed_over)}" if listing.passed_over else ""
        raise InputError(
            f"{path} holds no images; expected files ending in {', '.join(sorted(SUFFIXES))}{found}{_remedy(listing)}"
        )
    return listing


def training_folder(path: Path) -> Path:
    """The folder train inside `path`, where `path` lies above train and test; else `path` itself.

    It lies above them where it has a folder train, and next to that a folder test, val or validation, or nothing else.
    """
    names = _folders(path)
    train = next((name for name in names if name.lower() in TRAIN), None)
    split = any(name.lower() in HELD_OUT for name in names)
    return path / train if train and (split or (len(names) == 1 and not _has_images(path))) else path


def held_out_folder(path: Path) -> Path | None:
    """The folder of images that are held out for evaluation: test, val or validation next to a folder train."""
    train = training_folder(path)
    if train == path:
        train = path.absolute()
    if train.name.lower() not in TRAIN:
        return None
    names = {name.lower(): name for name in reversed(_folders(train.parent))}
    return next((train.parent / names[name] for name in HELD_OUT if name in names), None)


def named(names, most=NAMED) -> str:
    """The first of the names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(printable(name) for name in names[:most]) + more


def notice(listing: Listing, path: Path) -> str | None:
    """A sentence that names what was passed over; None where that is nothing."""
    parts = []
    if listing.passed_over:
        count = sum(listing.passed_over.values())
        files = "1 file that is" if count == 1 else f"{count:,} files that are"
        parts.append(f"passed over {files} not read as images: {_counted(listing.passed_over)}{_remedy(listing)}")
    if listing.links:
        parts.append(f"did not follow the links to folders {named(listing.links)}")
    return f"{path}: {'; '.join(parts)}" if parts else None


def is_hidden(name: str) -> bool:
    """Whether a file or folder is hidden, or one that systems leave."""
    return name.startswith(".") or name.lower() in OF_SYSTEMS


def _counted(passed_over) -> str:
    counts = [f"{printable(suffix) or 'no suffix'} ({count:,})" for suffix, count in passed_over.most_common()]
    return named(counts, 8)


def _remedy(listing) -> str:
    found = sorted(NOT_READ & listing.passed_over.keys())
    return f"; convert {' and '.join(found)} to JPEG or PNG" if found else ""


def _folders(path) -> list[str]:
    try:
        return sorted(entry.name for entry in path.iterdir() if entry.is_dir() and not is_hidden(entry.name))
    except OSError:
        return []


def _has_images(path) -> bool:
    return any(_is_image(entry.name) for entry in path.iterdir() if not is_hidden(entry.name))


def _is_image(name) -> bool:
    return os.path.splitext(name)[1].lower() in SUFFIXES


def _walk(root, listing) -> Iterator[str]:
    """Names of images in order. Without recursion: folders nest deeper than Python's calls may."""
    home, above = root.resolve(), len(os.path.join(root, ""))
    pending, within = [_entries(root)], [home]
    while pending:
        entry = next(pending[-1], None)
        if entry is None:
            pending.pop()
            del within[max(1, len(pending)) :]
        elif _is(entry, "dir"):
            top = len(pending) == 1
            if entry.is_symlink() and not (top and _leads_elsewhere(entry, home)):
                listing.links.append(entry.path[above:])
                continue
            if top:
                listing.folders.append(entry.name)
                within.append(Path(entry.path).resolve())
            pending.append(_entries(entry.path))
        elif _is_image(entry.name) and _is(entry, "file"):
            if entry.is_symlink():
                _check_link(Path(entry.path), within)
            yield entry.path[above:]
        elif entry.name not in TABLES:
            listing.passed_over[os.path.splitext(entry.name)[1].lower()] += 1


def _entries(folder):
    with os.scandir(folder) as found:
        return iter(sorted((entry for entry in found if not is_hidden(entry.name)), key=lambda entry: entry.name))


def _is(entry, kind) -> bool:
    """Whether an entry, or what it links to, is a "dir" or a "file"."""
    try:
        return entry.is_dir() if kind == "dir" else entry.is_file()
    except OSError:  # a link to itself
        return False


def _leads_elsewhere(link, home) -> bool:
    """Whether a link to a folder leads out of `home`, and not to a folder that `home` lies in."""
    target = Path(link.path).resolve()
    return not target.is_relative_to(home) and not home.is_relative_to(target)


def _check_link(link, within):
    target = link.resolve()
    if not any(target.is_relative_to(folder) for folder in within):
        raise InputError(
            f"{link} is a link to {target}, outside of {within[0]}; expected images that lie inside; copy them there"
        )
