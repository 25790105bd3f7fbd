"""Tables of yes/no attributes (Young, Smiling, …) for a folder of images: found, read, brought into its order."""

import csv
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from keras_gan._utils.errors import InputError, first_line, printable
from keras_gan.data.source import Source

# The first that is there is read; the other two are CelebA's own, as they are handed out.
TABLES = ("attributes.csv", "list_attr_celeba.csv", "list_attr_celeba.txt")
WORDS = {"1": True, "true": True, "yes": True, "0": False, "-1": False, "false": False, "no": False}
EXPECTED = "1 or 0, 1 or -1, true or false, yes or no"
LARGEST_BYTES = 2**27  # of a table; CelebA's, of 202,599 images, takes 26 MB
LONGEST_LINE = 2**16  # characters
MOST_ATTRIBUTES = 1000
SEVERAL = -1  # in place of an image's place: the name is that of several
QUOTED = 40  # characters of a table that a message repeats
NAMED = 3  # images or columns that a message names


def attach(source: Source, folder: Path, files: list[str]) -> Source:
    """The source with the attributes of the table that lies in the folder, or beside it; as it is where none does.

    A table is `attributes.csv`: one line that names the columns, then one for each image: its file, and 1 or 0, 1 or
    -1, true or false, yes or no for each attribute. CelebA's `list_attr_celeba.csv` and `list_attr_celeba.txt` are
    read too. A file is named by its path relative to the folder (or to the table, where that lies beside the folder);
    its bare name does where no other image has it. The table may be of more images than the folder holds.

    Args:
        source: the images.
        folder: where they lie.
        files: their paths relative to it, in the order of the source.

    Raises:
        InputError: where the table is no such table, has no line or two lines for an image, or has a column that is
            no yes or no, or the same for all images; the message names the table and what is wrong.
    """
    table = _find(folder)
    if table is None:
        return source
    try:
        names, attributes = _read(table, _places(table, folder, files), files, folder)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{table} cannot be read ({first_line(error)}); expected a table with commas, in UTF-8; save it so"
        ) from error
    _check_columns(table, names, attributes)
    return replace(source, attributes=attributes, attribute_names=names)


def _find(folder) -> Path | None:
    here = folder.absolute()
    tables = (place / name for place in (here, here.parent) for name in TABLES)
    return next((table for table in tables if table.is_file()), None)


def _places(table, folder, files) -> dict[str, int]:
    """What a table may call the images, and their rows in the array; `SEVERAL` for a bare name of several."""
    paths = [file.replace(os.sep, "/") for file in files]
    places = {}
    for row, path in enumerate(paths):
        bare = path.rpartition("/")[2]
        places[bare] = SEVERAL if bare in places else row
    if table.parent != folder.absolute():
        places |= {f"{folder.absolute().name}/{path}": row for row, path in enumerate(paths)}
    return places | {path: row for row, path in enumerate(paths)}


def _read(table, places, files, folder) -> tuple[tuple[str, ...], np.ndarray]:
    """The names of the attributes (k), and bool (count, k): whether each file has each."""
    rows = _rows(table)
    names = _names(table, rows)
    attributes, lines = np.empty((len(files), len(names)), bool), np.zeros(len(files), "int64")
    line = None
    for line, (name, *cells) in rows:
        if len(cells) != len(names):
            raise InputError(
                f"line {line} of {table} has {len(cells)} values; expected {len(names)}, one for each attribute; "
                "mend the line"
            )
        place = places.get(name.strip())
        if place is None:
            continue
        if place == SEVERAL:
            raise InputError(
                f"line {line} of {table} names {_quoted(name)}, which several images in {folder} are called; expected "
                "one; give the path relative to the folder"
            )
        if lines[place]:
            raise InputError(
                f"{table} has {_quoted(name)} twice, in lines {lines[place]} and {line}; expected one line for an "
                "image; remove one"
            )
        lines[place], attributes[place] = line, _values(table, line, names, cells)
    if line is None:
        raise InputError(f"{table} names no image; expected a line for each; fill it, or move it away")
    _check_complete(table, folder, files, np.flatnonzero(lines == 0))
    return names, attributes


def _rows(table) -> Iterator[tuple[int, list[str]]]:
    """The lines of a table that are not empty, as their numbers and cells."""
    size = table.stat().st_size
    if size > LARGEST_BYTES:
        raise InputError(
            f"{table} takes {size:,} bytes; expected at most {LARGEST_BYTES:,}; keep the lines of the folder's images"
        )
    with open(table, encoding="utf-8-sig", newline="") as file:
        if table.suffix == ".txt":
            yield from _celeba(table, file)
        else:
            reader = csv.reader(_lines(table, file), strict=True)
            yield from ((reader.line_num, cells) for cells in reader if "".join(cells).strip())


def _celeba(table, file):
    """CelebA's text: the number of images, the names of the attributes, then an image a line, all by spaces."""
    rows = ((number, line.split()) for number, line in enumerate(_lines(table, file), 1) if line.strip())
    first = next(rows, None)
    if first and len(first[1]) == 1 and first[1][0].isdecimal():
        first = next(rows, None)
    if first:
        yield first[0], ["file", *first[1]]
    yield from rows


def _lines(table, file) -> Iterator[str]:
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise InputError(
                f"line {number} of {table} is longer than {LONGEST_LINE:,} characters; expected the name of an image "
                "and its attributes; break it into lines"
            )
        yield line


def _names(table, rows) -> tuple[str, ...]:
    """The names of the attributes, from the first line."""
    header = next(rows, None)
    if header is None:
        raise InputError(f"{table} is empty; expected names of attributes, then a line for each image; fill it")
    names = tuple(name.strip() for name in header[1][1:])
    if not 1 <= len(names) <= MOST_ATTRIBUTES:
        raise InputError(
            f"{table} has {len(names)} attributes; expected 1 to {MOST_ATTRIBUTES} columns after the file's; part "
            "columns by commas"
        )
    if all(name.lower() in WORDS for name in names):
        raise InputError(
            f"{table} begins with {_quoted(','.join(header[1]))}; expected the names of its columns; put a line of "
            "them on top"
        )
    wrong = [name for name in names if not name or not name.isprintable() or names.count(name) > 1]
    if wrong:
        raise InputError(
            f"{table} has a column called {_quoted(wrong[0])}, which is empty, not printable or there twice; expected "
            "a name of its own for each; rename it"
        )
    return names


def _values(table, line, names, cells) -> list[bool]:
    values = [WORDS.get(cell.strip().lower()) for cell in cells]
    if None in values:
        column = values.index(None)
        raise InputError(
            f"column {_quoted(names[column])} of {table} holds {_quoted(cells[column])} (line {line}); expected "
            f"{EXPECTED}; remove the column, or mend it"
        )
    return values


def _check_complete(table, folder, files, missing):
    if len(missing):
        raise InputError(
            f"{table} has no line for {len(missing)} of the {len(files)} images in {folder}: "
            f"{_listed(files, missing)}; expected one for each; add them, or move the table away"
        )


def _check_columns(table, names, attributes):
    constant = np.flatnonzero(attributes.all(axis=0) | ~attributes.any(axis=0))
    if len(constant):
        raise InputError(
            f"columns of {table} with one value for all {len(attributes)} images: {_listed(names, constant)}; expected "
            "both values in each; remove them"
        )


def _listed(names, places) -> str:
    """The first of the names at these places, and how many more there are."""
    more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
    return ", ".join(_quoted(names[place]) for place in places[:NAMED]) + more


def _quoted(text) -> str:
    return repr(printable(text if len(text) <= QUOTED else f"{text[:QUOTED]}…"))
