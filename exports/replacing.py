"""Files and folders that an export replaces."""

from collections.abc import Iterable
from pathlib import Path

from keras_gan._utils.errors import InputError
from keras_gan.exports.metadata import NAME


def check_file(path: Path) -> None:
    """Raises InputError for a folder, and for a file that is no export, which would be lost."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; expected the name of a file. Give another name.")
    if path.is_file() and NAME.encode() not in path.read_bytes():  # the description in an export has this name
        raise InputError(f"{path} exists and is no export; expected a new file, or an export. Give another name.")


def check_alone(folder: Path, found: Iterable[str], own: Iterable[str], foreign: str, what: str) -> None:
    """Checks that a folder holds nothing that would be lost when it is replaced.

    Args:
        folder: the folder.
        found: names of what is in it.
        own: names of what an export writes.
        foreign: a clause about the other names, such as "which do not belong to a SavedModel".
        what: what the folder should hold alone.

    Raises:
        InputError: where another name is found.
    """
    if names := sorted(set(found) - set(own)):
        raise InputError(
            f"{folder} holds {', '.join(names[:3])}, {foreign}; expected {what} alone, since the folder is replaced. "
            "Move the other files, or give another folder."
        )
