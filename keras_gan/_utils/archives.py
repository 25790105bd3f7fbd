"""Compressed files from outside: what they declare is checked before anything is unpacked. Standard library only."""

import zipfile
from pathlib import Path

PLAIN_BYTES = 2**28  # up to this size an archive may unpack to whatever it likes
LARGEST_RATIO = 100  # beyond it, to so many times its own size; weights and photos reach 10, drawings 50


def largest(packed_bytes: int) -> int:
    """How many bytes so many compressed ones may unpack to, before they are taken for a bomb."""
    return max(PLAIN_BYTES, LARGEST_RATIO * packed_bytes)


def check(path: Path) -> list[zipfile.ZipInfo]:
    """The members of a zip archive (.npz, .keras), none of which is read.

    Python's reader unpacks no more of a member than it declares, so that the declared sizes bound what can come.

    Raises:
        ValueError: where they unpack to more than `largest` allows, or a name leads out of the archive.
        zipfile.BadZipFile: where the file is no archive.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    unpacked, allowed = sum(member.file_size for member in members), largest(path.stat().st_size)
    if unpacked > allowed:
        raise ValueError(f"it unpacks to {unpacked:,} bytes, and so small a file may to {allowed:,}")
    for member in members:
        name = Path(member.filename)
        if name.is_absolute() or ".." in name.parts or "\\" in member.filename:
            raise ValueError(f"its member {member.filename!r} leads out of it")
    return members
