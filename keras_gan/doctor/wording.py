"""Verdicts as a text for people."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from keras_gan._utils import text
from keras_gan._utils.text import WIDTH, Heading, Table, Text, paragraph
from keras_gan.doctor.verdicts import ILL, NOTE, WELL, Verdict

TONES = {ILL: text.BAD, NOTE: text.NOTE, WELL: text.GOOD}
INDENT = 2


def describe(verdicts: Sequence[Verdict], meanings: Mapping[str, str], picture: Path | None = None) -> Text:
    """What the doctor found, one verdict below the other.

    Args:
        verdicts: the verdicts.
        meanings: what each column of the evidence means.
        picture: the drawing of the evidence, to be named at the end.
    """
    blocks = [block for verdict in verdicts for block in (*_blocks(verdict, meanings), "")]
    if any(verdict.severity == ILL for verdict in verdicts):
        blocks += [paragraph("A run keeps its settings. Use another --run together with new ones."), ""]
    return Text([*blocks, f"picture in {picture}"] if picture else blocks[:-1])


def _blocks(verdict, meanings):
    """A heading, what happens, the numbers that show it, and what to change."""
    span = "" if verdict.steps is None else "   steps {:,} to {:,}".format(*verdict.steps)
    yield Heading(f"{verdict.name.upper()}{span}", TONES[verdict.severity])
    yield paragraph(f"{verdict.sentence} {verdict.explanation}".strip(), INDENT)
    numbers = [(name, _number(value), meanings[name]) for name, value in verdict.evidence.items()]
    if numbers:
        yield Table(numbers, numbers=(1,), indent=INDENT, width=WIDTH)
    if verdict.advice:
        yield Table([("next", verdict.advice)], indent=INDENT, width=WIDTH)


def _number(value):
    return f"{value:.3f}" if abs(value) < 10_000 else f"{value:.3g}"
