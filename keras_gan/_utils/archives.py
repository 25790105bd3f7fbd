"""Zip archives from untrusted sources: their declared sizes are checked before unpacking. Standard library only."""

import zipfile
from pathlib import Path

PLAIN_BYTES = 2**28  # an archive of any size may unpack to this many bytes
LARGEST_RATIO = 100  # above that, unpacked size over packed size; 10 for weights and photos, 50 for drawings


def largest(packed_bytes: int) -> int:
    """The number of bytes to which an archive of `packed_bytes` may unpack. Larger ones are refused as zip bombs."""
    return max(PLAIN_BYTES, LARGEST_RATIO * packed_bytes)


def check(path: Path) -> list[zipfile.ZipInfo]:
    """Checks a zip archive (.npz, .keras) without unpacking it, and returns its members.

    Python's reader never unpacks more bytes of a member than its header declares, so the declared sizes are a limit.

    Raises:
        ValueError: where the members unpack to more than `largest` allows, or a name leads out of the archive.
        zipfile.BadZipFile: where the file is not a zip archive.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    unpacked, allowed = sum(member.file_size for member in members), largest(path.stat().st_size)
    if unpacked > allowed:
        raise ValueError(f"it unpacks to {unpacked:,} bytes, and the limit for its size is {allowed:,}")
    for member in members:
        name = Path(member.filename)
        if name.is_absolute() or ".." in name.parts or "\\" in member.filename:
            raise ValueError(f"its member {member.filename!r} leads out of the archive")
    return members
