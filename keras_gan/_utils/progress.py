"""Progress of long work. Functions report it here; it is shown only where a program has chosen a display.

For example::

    for block in progress.track(blocks, "reading images", len(blocks)):
        ...
"""

import contextlib
import contextvars
import functools
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")
TERMINAL_EVERY_S, LOG_EVERY_S = 0.5, 10.0  # time between two lines
CLEAR_LINE = "\r\033[K"


class Task(Protocol):
    """Work that is under way."""

    def update(self, done: float, note: str = "") -> None:
        """Shows how much is done, of the total, and a note on it."""


class Display(Protocol):
    """A place where progress is shown."""

    def task(
        self, name: str, total: float | None = None, note: str = "", stays: bool = False
    ) -> contextlib.AbstractContextManager[Task]:
        """Shows a task inside the block.

        Args:
            name: what is done.
            total: the amount of work; None where it is unknown.
            note: what is shown until the first part is done.
            stays: whether the last line stays on a terminal.
        """

    def print(self, text: str) -> None:
        """Prints lines, which stay, next to what is under way."""


class Lines:
    """Progress as plain lines: a terminal shows the newest one only, a log file one every ten seconds.

    Args:
        stream: the stream to write to; None for standard error.
    """

    def __init__(self, stream=None):
        self.stream = stream or sys.stderr
        self.is_terminal = self.stream.isatty()

    @contextlib.contextmanager
    def task(self, name: str, total: float | None = None, note: str = "", stays: bool = False) -> Iterator[Task]:
        line = _Line(self, name, total, stays)
        try:
            yield line
        finally:
            line.end()

    def print(self, text: str) -> None:
        print((CLEAR_LINE if self.is_terminal else "") + text, file=self.stream, flush=True)


class _Line:
    def __init__(self, lines, name, total, stays):
        self.lines, self.name, self.stays = lines, name, stays
        self.pace = _Pace(total)
        self.every_s = TERMINAL_EVERY_S if lines.is_terminal else LOG_EVERY_S
        self.shown_at = time.perf_counter()
        self.is_shown = False

    def update(self, done, note=""):
        now = time.perf_counter()
        left = self.pace.left(done, now)
        is_last = done == self.pace.total and (self.stays or self.is_shown)
        if now - self.shown_at < self.every_s and not is_last:
            return
        self.shown_at = now
        line = "   ".join(filter(None, [f"{self.name} {self.pace.counted(done)}", note, left]))
        if self.lines.is_terminal:
            print(CLEAR_LINE + line, end="", file=self.lines.stream, flush=True)
        else:
            print(line, file=self.lines.stream, flush=True)
        self.is_shown = True

    def end(self):
        if self.is_shown and self.lines.is_terminal:
            print("\n" if self.stays else CLEAR_LINE, end="", file=self.lines.stream, flush=True)


class _Pace:
    """How much is done, and how long the rest takes."""

    def __init__(self, total):
        self.total = total
        self.first = None

    def counted(self, done):
        return f"{done:,}" if self.total is None else f"{done:,}/{self.total:,}"

    def left(self, done, now):
        """The time left as text; empty where it is unknown. The first part, which may compile, does not count."""
        if self.first is None:
            self.first = (now, done)
        first_at, first = self.first
        if self.total is None or done <= first:
            return ""
        return f"{duration((self.total - done) * (now - first_at) / (done - first))} left"


class Bars:
    """Progress as bars of rich, for a terminal with colours, on standard error."""

    def __init__(self):
        self.progress = None  # while a task is under way

    @functools.cached_property
    def console(self):
        from rich.console import Console  # here, since most commands end before they show anything

        return Console(stderr=True, highlight=False, markup=False, emoji=False)

    @contextlib.contextmanager
    def task(self, name: str, total: float | None = None, note: str = "", stays: bool = False) -> Iterator[Task]:
        outermost = self.progress is None
        if outermost:
            self.progress = self._started()
        bar = _Bar(self.progress, name, total, note)
        try:
            yield bar
        finally:
            if not stays:
                self.progress.remove_task(bar.number)
            if outermost:
                self.progress.stop()
                self.progress = None

    def _started(self):
        from rich import progress

        columns = [
            progress.TextColumn("{task.description}"),
            progress.BarColumn(bar_width=max(5, min(30, self.console.width - 66))),
            *(progress.TextColumn(f"{{task.fields[{field}]}}") for field in ("counted", "note", "left")),
        ]
        started = progress.Progress(*columns, console=self.console, refresh_per_second=4)
        started.start()
        return started

    def print(self, text: str) -> None:
        self.console.print(text)


class _Bar:
    def __init__(self, progress, name, total, note):
        self.progress, self.pace = progress, _Pace(total)
        self.number = progress.add_task(name, total=total, counted="", note=note, left="")

    def update(self, done, note=""):
        left, counted = self.pace.left(done, time.perf_counter()), self.pace.counted(done)
        self.progress.update(self.number, completed=done, counted=counted, note=note, left=left)


class _Silent:
    @contextlib.contextmanager
    def task(self, name, total=None, note="", stays=False):
        yield self

    def update(self, done, note=""):
        pass

    def print(self, text):
        print(text, file=sys.stderr, flush=True)


SILENT = _Silent()
_display: contextvars.ContextVar[Display | None] = contextvars.ContextVar("display", default=None)


def display() -> Display:
    """The display that was chosen; one that shows no progress where none was."""
    return _display.get() or SILENT


def print_line(text: str, stream=None) -> None:
    """Prints lines next to the progress that is shown.

    Args:
        text: the lines.
        stream: the stream to write to; None for the chosen display, or standard error.
    """
    (Lines(stream) if stream else display()).print(text)


@contextlib.contextmanager
def shown_on(chosen: Display) -> Iterator[None]:
    """Shows the progress of everything inside the block on a display."""
    token = _display.set(chosen)
    try:
        yield
    finally:
        _display.reset(token)


@contextlib.contextmanager
def task(name: str, total: float | None = None, note: str = "", stays: bool = False) -> Iterator[Task]:
    """A task on the chosen display; see `Display.task`."""
    with display().task(name, total, note, stays) as begun:
        yield begun


def track(parts: Iterable[T], name: str, total: float | None = None, size=lambda part: 1) -> Iterator[T]:
    """Yields the parts of a task, and shows how many of them are done.

    Args:
        parts: the parts.
        name: what is done with them.
        total: the sum of their sizes; None where it is unknown.
        size: the size of a part; 1 by default.
    """
    done = 0
    with task(name, total) as begun:
        for part in parts:
            yield part
            done += size(part)
            begun.update(done)


def duration(seconds: float) -> str:
    """A duration for people: "0:07", "12:30", "3:05:00"."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def rough_duration(seconds: float) -> str:
    """A duration that was estimated, in words: "about 40 seconds", "about 7 minutes", "about 2.5 hours"."""
    if seconds < 90:
        whole = max(1, round(seconds))
        return f"about {whole} second{'s' if whole > 1 else ''}"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} minutes"
    return f"about {seconds / 3600:.1f} hours"
