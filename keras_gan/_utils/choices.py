"""Choices by name: looking one up in a table, and naming those that were probably meant. Standard library only."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from keras_gan._utils.errors import InputError

AUTO = "auto"  # a weight γ that follows from the data (`penalties.automatic_weight`), a rate from a network (`rates`)


def lookup(table: Mapping[str, Any], name: str, noun: str, listing: str) -> Any:
    """The entry `name` of a table of choices. Raises InputError naming the nearest choices."""
    if name in table:
        return table[name]
    raise InputError(f"unknown {noun} {name!r}; {nearest(name, table)} (all: {listing})")


def nearest(name: str, choices: Iterable[str]) -> str:
    """A phrase that offers the choices most like `name`, or all of them where nothing is alike."""
    choices = list(choices)
    alike = difflib.get_close_matches(name, choices, n=3, cutoff=0.5) or choices[:8]
    return "did you mean " + " or ".join(alike) + "?"
