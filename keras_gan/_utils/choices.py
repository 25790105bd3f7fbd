"""Choices by name: look one up in a table, and suggest similar names. Standard library only."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from keras_gan._utils.errors import InputError

AUTO = "auto"  # γ chosen from the data (`penalties.automatic_weight`), a learning rate from the network (`schedules`)

LARGEST_SEED = 2**31 - 1  # of a sample: int32, which every runtime supports
LARGE = 64  # pixels on the shorter side of images from which there are other default networks and settings


def is_large(data_shape: tuple[int, ...] | None) -> bool:
    """Returns whether data are images of at least `LARGE` pixels on each side; False where the shape is not known."""
    return data_shape is not None and len(data_shape) == 3 and min(data_shape[:2]) >= LARGE


def automatic_share(weight: object) -> float | None:
    """Returns the share of the automatic γ of a weight: 1 for "auto", 1/8 for "auto/8", None for other weights."""
    found = re.fullmatch(rf"{AUTO}(?:/([1-9]\d{{0,3}}))?", weight) if isinstance(weight, str) else None
    return None if found is None else 1 / int(found[1] or 1)


def lookup(table: Mapping[str, Any], name: str, noun: str, listing: str) -> Any:
    """The entry `name` of a table of choices.

    Args:
        table: the choices by name.
        name: the key.
        noun: what an entry is, for the message, such as "preset".
        listing: where all names are found, for the message: a command, or the names themselves.

    Raises:
        InputError: with similar names, where there is no such entry.
    """
    if name in table:
        return table[name]
    raise InputError(f"unknown {noun} {name!r}; {nearest(name, table)} (all: {listing})")


def nearest(name: str, choices: Iterable[str]) -> str:
    """A question that suggests the choices most similar to `name`, or the first ones where none is similar."""
    choices = list(choices)
    alike = difflib.get_close_matches(name, choices, n=3, cutoff=0.5) or choices[:8]
    return "did you mean " + " or ".join(alike) + "?"
