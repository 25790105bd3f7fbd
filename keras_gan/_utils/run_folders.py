"""Whether a path is a run folder, and which run folders are near it. Standard library only: errors come soon."""

import os
from pathlib import Path

from keras_gan._utils import pretrained
from keras_gan._utils.errors import InputError

CONFIG = "config.json"
RUNS = "runs"  # the folder in which `kgan train` makes runs
MOST_SHOWN = 8


def is_run(path: str | os.PathLike) -> bool:
    """Whether a path is a run folder."""
    return Path(path, CONFIG).is_file()


def check_run(path: str | os.PathLike) -> None:
    """Raises InputError, with the runs that exist, where a path is not a run folder."""
    if not is_run(path):
        raise InputError(f"{path} is not a run folder (no {CONFIG}); {expected(path)}")


def expected(path: str | os.PathLike) -> str:
    """What a user can give in place of a path that is no run: the end of a message."""
    found, pretrained_names = nearby(path), pretrained.names()
    also = f", or the name of a pretrained generator ({', '.join(pretrained_names)})" if pretrained_names else ""
    if not found:
        return (
            f"expected a run or a file{also}. Check the path, or train a run first, for example with kgan train digits."
        )
    listed = ", ".join(map(str, found[:MOST_SHOWN]))
    more = f" and {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else ""
    return f"expected a run, such as {listed}{more}{also}. Use its path."


def nearby(path: str | os.PathLike) -> list[Path]:
    """The run folders next to a path, or else in ./runs, by name."""
    for folder in (Path(path).parent, Path(RUNS)):
        try:
            found = sorted(child for child in folder.iterdir() if is_run(child))
        except OSError:  # it does not exist, or may not be read
            continue
        if found:
            return found
    return []


def check_exists(path: str | os.PathLike) -> None:
    """Raises InputError, with the runs that exist, where nothing is at a path."""
    if not os.path.lexists(path):
        raise InputError(f"{path} does not exist; {expected(path)}")
