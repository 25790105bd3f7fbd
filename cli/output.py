"""What the command prints: tables and colours on a terminal, plain lines elsewhere, ASCII where need be."""

import codecs
import os
import sys
import unicodedata

import click

from keras_gan._utils import text

ERRORS, ASCII = "keras_gan.in_ascii", "keras_gan_ascii"
# Characters of our messages that Unicode does not decompose into ASCII.
SUBSTITUTES = {
    "×": "x",
    "·": "*",
    "→": "->",
    "←": "<-",
    "±": "+-",
    "−": "-",
    "⁄": "/",
    "‖": "||",
    "–": "-",
    "—": "-",
    "≤": "<=",
    "≥": ">=",
    "≈": "~",
    "∞": "inf",
    "√": "sqrt ",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "ø": "o",
    "ß": "ss",
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "δ": "delta",
    "ε": "epsilon",
    "λ": "lambda",
    "μ": "u",
    "π": "pi",
    "σ": "sigma",
    "Δ": "Delta",
    "Σ": "sum ",
}


def in_ascii(text: str) -> str:
    """The text with every character replaced by ASCII: é by e, × by x, γ by gamma, and by ? where nothing is alike."""
    return "".join(map(_replace, text))


def _replace(character):
    if character.isascii():
        return character
    if character in SUBSTITUTES:
        return SUBSTITUTES[character]
    parts = unicodedata.normalize("NFKD", character)
    kept = "".join(SUBSTITUTES.get(part, part) for part in parts if not unicodedata.combining(part))
    return kept if kept and kept.isascii() else "?"


def allow_any_encoding() -> None:
    """Makes standard output and standard error write, in ASCII, what their encodings lack; no print fails for it.

    Streams in ASCII get a codec of another name, since click takes ASCII for a mistake and writes UTF-8 into it.
    """
    codecs.register_error(ERRORS, _replacement)
    codecs.register(lambda name: _ascii() if name == ASCII else None)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # None where it is closed; others where something captures it
            is_ascii = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding=ASCII if is_ascii else stream.encoding, errors=ERRORS)


def _replacement(error):
    """What to write in place of characters that an encoding lacks, and where to go on."""
    return in_ascii(error.object[error.start : error.end]), error.end


def _ascii():
    codec = codecs.lookup("ascii")
    return codecs.CodecInfo(
        codec.encode,
        codec.decode,
        incrementalencoder=codec.incrementalencoder,
        incrementaldecoder=codec.incrementaldecoder,
        name=ASCII,
    )


# terminals ------------------------------------------------------------------------------------------------------------

NARROW_INDENT = 2
MOST_WRAPPED = 1.1  # of the width: a few numbers may be wrapped; beyond it rich breaks words
COLOURS = {text.GOOD: "bold green", text.NOTE: "bold yellow", text.BAD: "bold red"}


def show(shown: text.Text | text.Table, err: bool = False) -> None:
    """Prints a text to standard output, or to standard error.

    A terminal gets tables that fit its width, and colours. Lines are plain where there is no terminal, where NO_COLOR
    is set, and where the encoding is not a Unicode one.
    """
    if not _is_rich(sys.stderr if err else sys.stdout):
        click.echo(shown, err=err)
        return
    from rich.console import Console

    console = Console(stderr=err, highlight=False, markup=False, emoji=False)
    for block in getattr(shown, "blocks", [shown]):
        for drawn in _renderables(block, console):
            console.print(drawn)


def _is_rich(stream):
    """Whether a stream is a terminal that shows colours and the lines of a table."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream is not None and stream.isatty() and stream.encoding.lower().startswith("utf")


def _renderables(block, console):
    """What rich draws for a block."""
    from rich.text import Text

    if isinstance(block, text.Heading):
        yield Text(block.text, COLOURS[block.tone])
    elif not isinstance(block, text.Table):
        yield Text(block, overflow="fold")
    elif not block.head or _least_width(block) <= MOST_WRAPPED * console.width:
        yield _table(block)
    else:  # a table for each row, since columns narrower than their words are hard to read
        for name, *cells in block.rows:
            yield Text(name, "bold")
            yield _table(text.Table(list(zip(block.head[1:], cells, strict=True)), indent=NARROW_INDENT))


def _least_width(block):
    """The columns that a table needs where its numbers are not wrapped, and its texts and headings are."""
    width = 0
    for column, (head, *cells) in enumerate(zip(block.head, *block.rows, strict=True)):
        unbroken = cells if column in block.numbers else [word for cell in cells for word in cell.split()]
        width += max(map(len, [*unbroken, *head.split()])) + len(text.GAP)
    return width


def _table(block):
    from rich import box
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    last = len(block.rows[0]) - 1
    if block.head:
        drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
    else:
        drawn = Table(box=None, show_header=False, pad_edge=False)
    for column in range(last + 1):
        heading = Text(block.head[column]) if block.head else ""
        drawn.add_column(heading, justify="right" if column in block.numbers else "left", overflow="fold")
    for row in block.rows:
        drawn.add_row(Text(row[0], "bold" if last else ""), *map(Text, row[1:]))
    return Padding(drawn, (0, 0, 0, block.indent))
