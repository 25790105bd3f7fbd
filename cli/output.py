"""What the command prints: tables and colours on a terminal, plain lines elsewhere, ASCII where need be."""

import codecs
import contextlib
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


def drop_unwritable() -> None:
    """Drops what standard output cannot take, such as on a full disk, so that Python does not complain at its exit."""
    if sys.stdout is None:  # closed
        return
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
COLOURS = {text.GOOD: "bold green", text.NOTE: "bold yellow", text.BAD: "bold red"}


def show(shown: text.Text | text.Table, err: bool = False) -> None:
    """Prints a text to standard output, or to standard error.

    A terminal gets tables that fit its width, and colours. Lines are plain where there is no terminal, where NO_COLOR
    is set, and where the encoding is not a Unicode one.
    """
    if not is_rich(sys.stderr if err else sys.stdout):
        click.echo(shown, err=err)
        return
    from rich.console import Console

    console = Console(stderr=err, highlight=False, markup=False, emoji=False)
    for block in getattr(shown, "blocks", [shown]):
        for drawn in _renderables(block, console):
            console.print(drawn)


def is_rich(stream) -> bool:
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
    elif not block.head:
        yield _list(block)
    elif widths := _widths(block, console.width):
        yield _table(block, widths)
    else:  # the columns are wider than the terminal
        for name, *cells in block.rows:
            yield Text(name, "bold")
            yield _list(text.Table(list(zip(block.head[1:], cells, strict=True)), indent=NARROW_INDENT))


def _widths(block, available):
    """A width for each column, in which no word is broken; None where they do not fit. Columns of numbers come first.

    rich's own widths break words.
    """
    columns = list(zip(block.head, *block.rows, strict=True))
    widths = [max((len(word) for cell in column for word in cell.split()), default=1) for column in columns]
    spare = available - sum(widths) - len(text.GAP) * (len(columns) - 1)
    if spare < 0:
        return None
    for column in sorted(range(len(columns)), key=lambda column: column not in block.numbers):
        more = min(spare, max(map(len, columns[column])) - widths[column])
        widths[column] += more
        spare -= more
    return widths


def _table(block, widths):
    """Columns below a line of headings."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
    for column, (heading, width) in enumerate(zip(block.head, widths, strict=True)):
        drawn.add_column(Text(heading), justify="right" if column in block.numbers else "left", width=width)
    for first, *rest in block.rows:
        drawn.add_row(Text(first, "bold"), *map(Text, rest))
    return drawn


def _list(block):
    """Names and what belongs to them, or a paragraph."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, show_header=False, pad_edge=False)
    for column in range(len(block.rows[0])):
        drawn.add_column(justify="right" if column in block.numbers else "left", overflow="fold")
    for first, *rest in block.rows:
        drawn.add_row(Text(first, "bold" if rest else ""), *map(Text, rest))
    return Padding(drawn, (0, 0, 0, block.indent))
