"""Tables of yes/no attributes (Young, Smiling, …) for a folder of images."""

import csv
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from keras_gan._utils.errors import InputError, first_line, printable
from keras_gan.data.source import Source

# The first existing file is read. The last two are the files of CelebA.
TABLES = ("attributes.csv", "list_attr_celeba.csv", "list_attr_celeba.txt")
WORDS = {"1": True, "true": True, "yes": True, "0": False, "-1": False, "false": False, "no": False}
EXPECTED = "1 or 0, 1 or -1, true or false, yes or no"
LARGEST_BYTES = 2**27  # of a table; CelebA's, of 202,599 images, takes 26 MB
LONGEST_LINE = 2**16  # characters
MOST_ATTRIBUTES = 1000
SEVERAL = -1  # instead of a row: several images have this name
QUOTED = 40  # characters of a table that a message quotes
NAMED = 3  # images or columns that a message lists


def attach(source: Source, folder: Path, files: list[str]) -> Source:
    """Adds the attributes of a table in the folder, or next to the folder, to a source.

    The table is `attributes.csv`. Its first line has the names of the columns. Each other line has the file name of an
    image, and for each attribute 1 or 0, 1 or -1, true or false, or yes or no. The tables of CelebA,
    `list_attr_celeba.csv` and `list_attr_celeba.txt`, are read too. A file name is a path relative to the folder, or to
    the table if it is next to the folder. The last part of the path is enough if no other image has it. The table may
    list more images than the folder has.

    Args:
        source: the images.
        folder: their folder.
        files: their paths relative to the folder, in the order of the source.

    Returns:
        The source with `attributes` and `attribute_names`; the source itself if there is no table.

    Raises:
        InputError: if the table cannot be read, if it has no line or two lines for an image, or if a column has other
            values than yes and no, or one value for all images.
    """
    table = _find(folder)
    if table is None:
        return source
    try:
        names, attributes = _read(table, _places(table, folder, files), files, folder)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{table} cannot be read ({first_line(error)}); expected comma-separated values in UTF-8. Save the table "
            "in that format."
        ) from error
    _check_columns(table, names, attributes)
    return replace(source, attributes=attributes, attribute_names=names)


def _find(folder) -> Path | None:
    here = folder.absolute()
    tables = (place / name for place in (here, here.parent) for name in TABLES)
    return next((table for table in tables if table.is_file()), None)


def _places(table, folder, files) -> dict[str, int]:
    """Returns the row of each image by all its names in a table; `SEVERAL` for a name of several images."""
    paths = [file.replace(os.sep, "/") for file in files]
    places = {}
    for row, path in enumerate(paths):
        bare = path.rpartition("/")[2]
        places[bare] = SEVERAL if bare in places else row
    if table.parent != folder.absolute():
        places |= {f"{folder.absolute().name}/{path}": row for row, path in enumerate(paths)}
    return places | {path: row for row, path in enumerate(paths)}


def _read(table, places, files, folder) -> tuple[tuple[str, ...], np.ndarray]:
    """Reads the names of the attributes (k), and the attributes of all files, bool (count, k)."""
    rows = _rows(table)
    names = _names(table, rows)
    attributes, lines = np.empty((len(files), len(names)), bool), np.zeros(len(files), "int64")
    line = None
    for line, (name, *cells) in rows:
        if len(cells) != len(names):
            raise InputError(
                f"line {line} of {table} has {len(cells)} values; expected {len(names)}, one for each attribute. "
                "Correct the line."
            )
        place = places.get(name.strip())
        if place is None:
            continue
        if place == SEVERAL:
            raise InputError(
                f"line {line} of {table} has the file name {_quoted(name)}, which several images in {folder} have; "
                "expected one image. Use its path relative to the folder."
            )
        if lines[place]:
            raise InputError(
                f"{table} has {_quoted(name)} twice, in lines {lines[place]} and {line}; expected one line for each "
                "image. Remove one of the two lines."
            )
        lines[place], attributes[place] = line, _values(table, line, names, cells)
    if line is None:
        raise InputError(
            f"{table} lists no image; expected a line for each image. Add the lines, or move the table away."
        )
    _check_complete(table, folder, files, np.flatnonzero(lines == 0))
    return names, attributes


def _rows(table) -> Iterator[tuple[int, list[str]]]:
    """Yields number and cells of each line of a table that is not empty."""
    size = table.stat().st_size
    if size > LARGEST_BYTES:
        raise InputError(
            f"{table} has {size:,} bytes; expected at most {LARGEST_BYTES:,}. Remove the lines of images outside the "
            "folder."
        )
    with open(table, encoding="utf-8-sig", newline="") as file:
        if table.suffix == ".txt":
            yield from _celeba(table, file)
        else:
            reader = csv.reader(_lines(table, file), strict=True)
            yield from ((reader.line_num, cells) for cells in reader if "".join(cells).strip())


def _celeba(table, file):
    """Reads CelebA's text file: the number of images, the names of the attributes, then a line for each image."""
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
                "and its attributes. Break the line into one line for each image."
            )
        yield line


def _names(table, rows) -> tuple[str, ...]:
    """Returns the names of the attributes from the first line."""
    header = next(rows, None)
    if header is None:
        raise InputError(
            f"{table} is empty; expected names of attributes, then a line for each image. Add the lines, or move the "
            "table away."
        )
    names = tuple(name.strip() for name in header[1][1:])
    if not 1 <= len(names) <= MOST_ATTRIBUTES:
        raise InputError(
            f"{table} has {len(names)} attributes; expected 1 to {MOST_ATTRIBUTES} columns after the file name. "
            "Separate columns with commas."
        )
    if all(name.lower() in WORDS for name in names):
        raise InputError(
            f"{table} begins with {_quoted(','.join(header[1]))}; expected the names of its columns. Add a first line "
            "with the names."
        )
    wrong = [name for name in names if not name or not name.isprintable() or names.count(name) > 1]
    if wrong:
        raise InputError(
            f"{table} has a column called {_quoted(wrong[0])}, which is empty, not printable or not unique; expected "
            "a different name for each column. Rename the column."
        )
    return names


def _values(table, line, names, cells) -> list[bool]:
    values = [WORDS.get(cell.strip().lower()) for cell in cells]
    if None in values:
        column = values.index(None)
        raise InputError(
            f"column {_quoted(names[column])} of {table} has the value {_quoted(cells[column])} (line {line}); "
            f"expected {EXPECTED}. Correct the value, or remove the column."
        )
    return values


def _check_complete(table, folder, files, missing):
    if len(missing):
        raise InputError(
            f"{table} has no line for {len(missing)} of the {len(files)} images in {folder}: "
            f"{_listed(files, missing)}; expected a line for each image. Add the lines, or move the table away."
        )


def _check_columns(table, names, attributes):
    constant = np.flatnonzero(attributes.all(axis=0) | ~attributes.any(axis=0))
    if len(constant):
        raise InputError(
            f"{table} has columns with one value for all {len(attributes)} images: {_listed(names, constant)}; "
            "expected both values in each column. Remove these columns."
        )


def _listed(names, places) -> str:
    """Returns the first of the names at these places, and the number of the others."""
    more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
    return ", ".join(_quoted(names[place]) for place in places[:NAMED]) + more


def _quoted(text) -> str:
    return repr(printable(text if len(text) <= QUOTED else f"{text[:QUOTED]}…"))
