"""Folders that an export replaces as a whole."""

from collections.abc import Iterable
from pathlib import Path

from keras_gan._utils.errors import InputError


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
