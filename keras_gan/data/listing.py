"""Lists the image files of a folder, and the files and folders that are ignored."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from keras_gan._utils.errors import InputError, printable
from keras_gan.data.attributes import TABLES
from keras_gan.data.decoding import NOT_READ, SUFFIXES

# Folders and files that operating systems create. Names that begin with a dot are hidden too.
OF_SYSTEMS = frozenset(
    {"__macosx", "@eadir", "#recycle", "$recycle.bin", "lost+found", "system volume information"}
    | {"thumbs.db", "ehthumbs.db", "desktop.ini"}
)
TRAIN = ("train", "training")  # names of a folder of training images, in upper or lower case
HELD_OUT = ("test", "testing", "val", "valid", "validation")  # names of a folder next to it; the first one is used
NAMED = 3  # names that a message lists


@dataclass
class Listing:
    """The content of a folder."""

    files: list[str] = field(default_factory=list)  # images, relative to the folder; a Path would take a kilobyte each
    folders: list[str] = field(default_factory=list)  # visible folders directly inside, sorted
    ignored: Counter = field(default_factory=Counter)  # the number of files that are not images, by suffix
    links: list[str] = field(default_factory=list)  # links to folders that are not followed


def images(path: Path) -> Listing:
    """Lists all images in a folder and its subfolders in the order of their names.

    Hidden files and folders are left out. A folder directly inside `path` may be a link to another folder. Deeper links
    to folders, and links to a folder that contains `path`, are not followed. A link to an image is followed if the
    image is in `path`, or in a linked folder.

    Args:
        path: the folder.

    Returns:
        A `Listing`.

    Raises:
        InputError: if the folder does not exist or has no images, if a subfolder cannot be read, or if a link to an
            image points outside.
    """
    if not path.is_dir():
        raise InputError(f"{path} is not a folder; expected a folder of images. Check the path.")
    listing = Listing()
    try:
        listing.files.extend(_walk(path, listing))
    except OSError as error:
        raise InputError(
            f"{error.filename} cannot be read ({error.strerror}); expected a readable folder. Change its permissions."
        ) from error
    if not listing.files:
        found = f" (it has other files: {_counted(listing.ignored)})" if listing.ignored else ""
        raise InputError(
            f"{path} has no images{found}; expected files ending in {', '.join(sorted(SUFFIXES))}. "
            f"{_remedy(listing) or 'Check the path.'}"
        )
    return listing


def training_folder(path: Path) -> Path:
    """Returns the folder train inside `path` if `path` contains the folders train and test; otherwise `path`.

    `path` contains them if it has a folder train, and next to it a folder test, val or validation, or nothing else.
    """
    names = _folders(path)
    train = next((name for name in names if name.lower() in TRAIN), None)
    split = any(name.lower() in HELD_OUT for name in names)
    return path / train if train and (split or (len(names) == 1 and not _has_images(path))) else path


def held_out_folder(path: Path) -> Path | None:
    """Returns the folder of held-out images: test, val or validation next to a folder train; None without one."""
    train = training_folder(path)
    if train == path:
        train = path.absolute()
    if train.name.lower() not in TRAIN:
        return None
    names = {name.lower(): name for name in reversed(_folders(train.parent))}
    return next((train.parent / names[name] for name in HELD_OUT if name in names), None)


def named(names, most=NAMED) -> str:
    """Returns the first of the names, and the number of the others."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(printable(name) for name in names[:most]) + more


def notice(listing: Listing, path: Path) -> str | None:
    """Returns sentences about ignored files and links; None if there are none."""
    parts = []
    if listing.ignored:
        count = sum(listing.ignored.values())
        files = "1 file that is not an image" if count == 1 else f"{count:,} files that are not images"
        parts.append(f"ignored {files}: {_counted(listing.ignored)}.")
        parts.append(_remedy(listing))
    if listing.links:
        parts.append(f"did not follow the links to folders {named(listing.links)}.")
    return f"{path}: {' '.join(filter(None, parts))}" if parts else None


def is_hidden(name: str) -> bool:
    """Returns whether a file or folder is hidden, or was created by an operating system."""
    return name.startswith(".") or name.lower() in OF_SYSTEMS


def _counted(ignored) -> str:
    counts = [f"{printable(suffix) or 'no suffix'} ({count:,})" for suffix, count in ignored.most_common()]
    return named(counts, 8)


def _remedy(listing) -> str:
    found = sorted(NOT_READ & listing.ignored.keys())
    return f"Convert {' and '.join(found)} to JPEG or PNG." if found else ""


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
    """Yields names of images in order. It is not recursive, since folders may be deeper than Python's call stack."""
    resolved, prefix = root.resolve(), len(os.path.join(root, ""))
    pending, within = [_entries(root)], [resolved]
    while pending:
        entry = next(pending[-1], None)
        if entry is None:
            pending.pop()
            del within[max(1, len(pending)) :]
        elif _is(entry, "dir"):
            top = len(pending) == 1
            if entry.is_symlink() and not (top and _is_separate(entry, resolved)):
                listing.links.append(entry.path[prefix:])
                continue
            if top:
                listing.folders.append(entry.name)
                within.append(Path(entry.path).resolve())
            pending.append(_entries(entry.path))
        elif _is_image(entry.name) and _is(entry, "file"):
            if entry.is_symlink():
                _check_link(Path(entry.path), within)
            yield entry.path[prefix:]
        elif entry.name not in TABLES:
            listing.ignored[os.path.splitext(entry.name)[1].lower()] += 1


def _entries(folder):
    with os.scandir(folder) as found:
        return iter(sorted((entry for entry in found if not is_hidden(entry.name)), key=lambda entry: entry.name))


def _is(entry, kind) -> bool:
    """Returns whether an entry, or the target of a link, is a "dir" or a "file"."""
    try:
        return entry.is_dir() if kind == "dir" else entry.is_file()
    except OSError:  # a link to itself
        return False


def _is_separate(link, root) -> bool:
    """Returns whether the target of a link is neither inside `root` nor a folder that contains `root`."""
    target = Path(link.path).resolve()
    return not target.is_relative_to(root) and not root.is_relative_to(target)


def _check_link(link, within):
    target = link.resolve()
    if not any(target.is_relative_to(folder) for folder in within):
        raise InputError(
            f"{link} is a link to {target}, outside of {within[0]}; expected images inside the folder. Copy the image "
            "into it."
        )
