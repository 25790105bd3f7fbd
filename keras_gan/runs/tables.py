"""The tables of a run: .csv files whose first column is the step."""

import csv
import os
from collections.abc import Mapping
from pathlib import Path

from keras_gan._utils.errors import InputError
from keras_gan._utils.files import replace

TABLES = ("history", "evaluations", "checks", "theory")
CLOCKS = {"step": 2**31 - 1, "seconds": 1e12}  # largest values of columns that start at 0 and never fall


class Columns(dict):
    """Columns of a table by name, arrays (rows,). A missing column raises InputError."""

    def __init__(self, file: Path, columns: Mapping):
        super().__init__(columns)
        self.file = file

    def __missing__(self, name):
        raise InputError(f"{self.file} has no column {name}; expected one. Restore the table, or delete it.")

    def last(self) -> "Columns":
        """The last row: numbers by column name."""
        return Columns(self.file, {name: float(column[-1]) for name, column in self.items()})


def read(file: Path) -> tuple[list[str], list[list[float]]]:
    """Column names and rows of a table, without an incomplete last line. A missing file gives no rows."""
    header, *lines = _lines(file) or ["step"]
    names, rows = header.split(","), []
    if names[0] != "step":
        raise InputError(f"{file} does not begin with a column step; expected one. Restore the table, or delete it.")
    for number, line in enumerate(lines, start=2):
        rows.append(_numbers(line))
        if len(rows[-1]) != len(names) or not _is_row(names, rows[-1], rows[-2:][0]):
            raise InputError(f"{file} is damaged in line {number}; expected numbers. Delete that line.")
    return names, rows


def _numbers(line):
    try:
        return [float(value) for value in line.split(",")]
    except ValueError:
        return []


def _is_row(names, row, before):
    """Whether the step is an integer, and step and seconds neither fall nor exceed their largest values."""
    clocks = [(row[i], before[i], CLOCKS[name]) for i, name in enumerate(names) if name in CLOCKS]
    return row[0].is_integer() and all(0 <= earlier <= now <= largest for now, earlier, largest in clocks)


def _lines(file):
    """The complete lines of a file."""
    try:
        text = file.read_bytes().decode() if file.exists() else ""
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is damaged ({error.reason}); expected a table of numbers. Delete it.") from error
    return text[: text.rfind("\n") + 1].split("\n")[:-1]


def append(file: Path, row: dict[str, float]) -> None:
    """Appends a row and flushes it to the disk. A table of an earlier version retains its columns."""
    with open(file, "a+", newline="", encoding="utf-8") as stream:
        stream.seek(0)
        header = stream.readline().strip()
        names = header.split(",") if header else list(row)
        stream.seek(0, os.SEEK_END)
        writer = csv.DictWriter(stream, names, restval="nan", extrasaction="ignore", lineterminator="\n")
        if not header:
            writer.writeheader()
        writer.writerow({name: value if isinstance(value, int) else f"{value:.7g}" for name, value in row.items()})
        stream.flush()
        os.fsync(stream.fileno())


def rewind(file: Path, step: int) -> None:
    """Removes the rows after a step, and an incomplete last line."""
    if not file.exists():
        return
    _, rows = read(file)
    remaining = "".join(f"{line}\n" for line in _lines(file)[: 1 + sum(row[0] <= step for row in rows)])
    if remaining.encode() != file.read_bytes():
        replace(file, lambda draft: draft.write_text(remaining, "utf-8"))
