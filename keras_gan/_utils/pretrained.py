"""Pretrained generators in this package: complete run folders, whose weights are stored in 16 bits.

A copy in the cache folder is used, since runs are written to: metric cards, sliders and exports are put there.
Standard library only: a missing run is reported before TensorFlow is imported.
"""

import hashlib
import os
import shutil
from pathlib import Path

from keras_gan._utils.errors import InputError
from keras_gan._utils.files import cache_folder, replace_folder

RUNS = Path(__file__).parents[1] / "pretrained_runs"
GENERATOR = Path("export", "generator.tflite")  # in each folder
SUMS = "SHA256SUMS"  # of all other files, in the format of sha256sum


def names() -> list[str]:
    """The names of the pretrained generators, sorted."""
    return sorted(sums.parent.name for sums in RUNS.glob(f"*/{SUMS}"))


def folder(name: str) -> Path:
    """The run folder of a pretrained generator, in $KERAS_GAN_CACHE/pretrained or ~/.cache/keras_gan/pretrained.

    Another version of the generator has another folder. Raises InputError where it cannot be written.
    """
    packed = RUNS / name
    version = hashlib.sha256((packed / SUMS).read_bytes()).hexdigest()[:12]
    copied = copies() / version / name  # the last part is the name of the run, for people
    if not copied.exists():
        try:
            copied.parent.mkdir(parents=True, exist_ok=True)
            replace_folder(copied, lambda draft: shutil.copytree(packed, draft, dirs_exist_ok=True))
        except OSError as error:
            raise InputError(
                f"cannot write {copied} ({error.strerror}); expected a writable folder, into which {name} is copied. "
                "Set KERAS_GAN_CACHE to a folder that you can write."
            ) from error
    return copied


def copies() -> Path:
    """The folder of all copies."""
    return cache_folder() / "pretrained"


def run_of(file: str | os.PathLike) -> Path | None:
    """The run folder of a pretrained generator's file; None for any other file."""
    path = Path(file)
    is_one = path.is_relative_to(copies()) and path.parts[-len(GENERATOR.parts) :] == GENERATOR.parts
    return path.parents[len(GENERATOR.parts) - 1] if is_one else None


def is_name(path: str | os.PathLike) -> bool:
    """Whether a path stands for a pretrained generator: there is one of this name, and nothing at the path."""
    return os.fspath(path) in names() and not os.path.lexists(path)
