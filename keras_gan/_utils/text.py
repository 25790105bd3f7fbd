"""Text for people: lines, headings and tables. `print` gives plain lines; `kgan` suits them to a terminal."""

import textwrap
from collections.abc import Collection, Sequence
from dataclasses import dataclass

GAP = "  "  # between two columns
WIDTH = 79  # of wrapped plain lines
GOOD, NOTE, BAD = "good", "note", "bad"  # tones


@dataclass(frozen=True)
class Heading:
    """A line that stands out, in the colour of its tone where there are colours."""

    text: str
    tone: str = NOTE

    def __str__(self):
        return self.text


@dataclass(frozen=True, repr=False)
class Table:
    """Rows of cells; all rows have the same number of them."""

    rows: Sequence[Sequence[str]]
    head: Sequence[str] = ()
    numbers: Collection[int] = ()  # columns that are aligned on the right
    indent: int = 0
    width: int | None = None  # of plain lines, whose last column is wrapped; None: not wrapped

    def __str__(self):
        rows = [*([self.head] if self.head else []), *self.rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(self._line(row, widths) for row in rows)

    __repr__ = __str__

    def _line(self, row, widths):
        aligned = [f"{cell:{'>' if i in self.numbers else '<'}{widths[i]}}" for i, cell in enumerate(row)]
        margin = " " * self.indent + "".join(cell + GAP for cell in aligned[:-1])
        if self.width is None or not row[-1]:
            return (margin + aligned[-1]).rstrip()
        rest = " " * len(margin)
        return textwrap.fill(row[-1], self.width, initial_indent=margin, subsequent_indent=rest, break_on_hyphens=False)


def paragraph(text: str, indent: int = 0, width: int | None = WIDTH) -> Table:
    """A text that is wrapped: a table of one cell."""
    return Table([(text,)], indent=indent, width=width)


Block = str | Heading | Table


@dataclass(frozen=True, repr=False)
class Text:
    """Blocks, each below the one before; an empty string is an empty line."""

    blocks: Sequence[Block]

    def __str__(self):
        return "\n".join(map(str, self.blocks))

    __repr__ = __str__
