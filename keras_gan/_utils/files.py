"""Atomic writes: a file or folder appears under its final name only when it is complete."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_gan._utils.errors import InputError


def drafts(folder: Path) -> list[Path]:
    """Drafts of `replace` in a folder, of writes that are in progress or were killed."""
    return [file for file in folder.glob(".*-*") if file.name[1:].split("-")[0].isdecimal()]


def size_bytes(path: Path) -> int:
    """The size of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())


def kilobytes(size: int) -> str:
    """A size in bytes as text, such as "1,234 kB"."""
    return f"{size / 1000:,.0f} kB"


def replace(path: Path, write: Callable[[Path], Any]) -> Any:
    """Calls `write` with a draft path next to `path`, moves the draft to `path`, and returns the result of `write`."""
    draft = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        result = write(draft)
        os.replace(draft, path)
        return result
    finally:
        draft.unlink(missing_ok=True)


def replace_folder(path: Path, write: Callable[[Path], Any]) -> Any:
    """`replace` for a folder: `write` fills an empty one next to `path`, which then replaces the one at `path`."""
    path = path.resolve()
    before = path.with_name(f".{path.name}-before")
    if before.exists() and not path.exists():
        before.rename(path)  # a process was killed between the two renames in `_exchange`
    draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        result = write(draft)
        draft.chmod(0o755)  # mkdtemp's folders are for their owner only
        _exchange(draft, path, before)
        return result
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _exchange(draft, path, before):
    try:
        if path.exists():
            shutil.rmtree(before, ignore_errors=True)
            path.rename(before)
        draft.rename(path)
    except BaseException:
        if before.exists() and not path.exists():
            before.rename(path)
        raise
    shutil.rmtree(before, ignore_errors=True)


def cache_folder() -> Path:
    """Where things are kept that were made or downloaded once: $KERAS_GAN_CACHE, or ~/.cache/keras_gan.

    Raises InputError where neither is known.
    """
    given = os.environ.get("KERAS_GAN_CACHE")
    try:
        return Path(given) if given else Path.home() / ".cache" / "keras_gan"
    except RuntimeError as error:
        raise InputError(
            "there is no home folder for what is made or downloaded once; expected one. Set KERAS_GAN_CACHE to a "
            "folder that you can write."
        ) from error
