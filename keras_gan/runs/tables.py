"""The run's tables: .csv files with a row an interval, the step first."""

import csv
import os
from collections.abc import Mapping
from pathlib import Path

from keras_gan._utils.errors import InputError
from keras_gan._utils.files import replace

TABLES = ("history", "evaluations", "checks", "theory")
CLOCKS = {"step": 2**31 - 1, "seconds": 1e12}  # columns of numbers from 0 to this; in others anything may stand


class Columns(dict):
    """Arrays (rows,) by the names of their columns. One that is not there is an InputError."""

    def __init__(self, file: Path, columns: Mapping):
        super().__init__(columns)
        self.file = file

    def __missing__(self, name):
        raise InputError(f"{self.file} has no column {name}; expected one; restore the table, or delete it")

    def last(self) -> "Columns":
        """The newest row: numbers by the names of their columns."""
        return Columns(self.file, {name: float(column[-1]) for name, column in self.items()})


def read(file: Path) -> tuple[list[str], list[list[float]]]:
    """Column names and rows of a table, without a last line that a kill cut short; neither where there is no file."""
    header, *lines = _lines(file) or ["step"]
    names, rows = header.split(","), []
    if names[0] != "step":
        raise InputError(f"{file} does not begin with a column step; expected one; restore the table, or delete it")
    for number, line in enumerate(lines, start=2):
        rows.append(_numbers(line))
        if len(rows[-1]) != len(names) or not _is_row(names, rows[-1], rows[-2:][0]):
            raise InputError(f"{file} is damaged in line {number}; expected numbers; delete that line")
    return names, rows


def _numbers(line):
    try:
        return [float(value) for value in line.split(",")]
    except ValueError:
        return []


def _is_row(names, row, before):
    """Whether steps are whole, and neither they nor the seconds run backwards or beyond all measure."""
    clocks = [(row[i], before[i], CLOCKS[name]) for i, name in enumerate(names) if name in CLOCKS]
    return row[0].is_integer() and all(0 <= earlier <= now <= largest for now, earlier, largest in clocks)


def _lines(file):
    """The lines that were written to their end."""
    try:
        text = file.read_bytes().decode() if file.exists() else ""
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is damaged ({error.reason}); expected a table of numbers; delete it") from error
    return text[: text.rfind("\n") + 1].split("\n")[:-1]


def append(file: Path, row: dict[str, float]) -> None:
    """Adds one row; it is on the disk when this returns."""
    new = not file.exists() or not file.stat().st_size
    with open(file, "a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, row, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow({name: value if isinstance(value, int) else f"{value:.7g}" for name, value in row.items()})
        stream.flush()
        os.fsync(stream.fileno())


def rewind(file: Path, step: int) -> None:
    """Drops the rows after a step, and a line that was cut short."""
    if not file.exists():
        return
    _, rows = read(file)
    kept = "".join(f"{line}\n" for line in _lines(file)[: 1 + sum(row[0] <= step for row in rows)])
    if kept.encode() != file.read_bytes():
        replace(file, lambda draft: draft.write_text(kept, "utf-8"))
