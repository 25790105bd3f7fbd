"""Progress as lines and as bars, on a clock that the tests set."""

import io
import re

import pytest

from keras_gan._utils import progress
from keras_gan._utils.progress import Bars, Lines


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """The time, as a list of one number, in seconds."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


def train(display, clock, steps=4, stays=True, s=20.0):
    with display.task("step", steps, "compiling", stays) as task:
        for step in range(1, steps + 1):
            clock[0] += s
            task.update(step, f"note {step}")


def test_a_log_file_gets_whole_lines_no_more_often_than_every_ten_seconds(clock):
    log = io.StringIO()
    train(Lines(log), clock)
    # 20 s a step from the first step on: three steps are left after it.
    expected = ["1/4   note 1", "2/4   note 2   0:40 left", "3/4   note 3   0:20 left", "4/4   note 4   0:00 left"]
    assert log.getvalue().splitlines() == [f"step {line}" for line in expected]
    log = io.StringIO()
    train(Lines(log), clock, 40, s=1.0)
    assert [line.split()[1] for line in log.getvalue().splitlines()] == ["10/40", "20/40", "30/40", "40/40"]


def test_short_work_leaves_no_line_in_a_log_file(clock):
    log = io.StringIO()
    train(Lines(log), clock, stays=False, s=0.1)
    assert log.getvalue() == ""


@pytest.mark.parametrize("stays, end", [(True, "\n"), (False, "\r\033[K")])
def test_a_terminal_shows_the_newest_line_only(clock, stays, end):
    terminal = Terminal()
    train(Lines(terminal), clock, stays=stays)
    first, *lines = terminal.getvalue().removesuffix(end).split("\r\033[K")
    assert first == "" and [line.split()[1] for line in lines] == ["1/4", "2/4", "3/4", "4/4"]
    assert terminal.getvalue().endswith(end) and "\n" not in terminal.getvalue().removesuffix(end)


def test_lines_that_stay_replace_the_line_of_the_progress():
    terminal, log = Terminal(), io.StringIO()
    for stream in (terminal, log):
        Lines(stream).print("a notice")
    assert (terminal.getvalue(), log.getvalue()) == ("\r\033[Ka notice\n", "a notice\n")


@pytest.fixture
def bars(monkeypatch):
    """Bars on a terminal of 100 columns, and the function that gives what was written on it, without colours."""
    from rich.console import Console

    written, made = io.StringIO(), Bars()
    made.console = Console(file=written, force_terminal=True, width=100, color_system=None)
    return made, lambda: re.sub(r"\033\[[\d;?]*[a-zA-Z]", "", written.getvalue())


def test_bars_show_count_note_and_time_left_and_print_above_themselves(bars, clock):
    display, written = bars
    with display.task("training", 4, "compiling", stays=True) as task:
        for step in range(1, 5):
            clock[0] += 20.0
            task.update(step, f"note {step}")
            display.progress.refresh()
        display.print("a verdict")
    assert "compiling" in written() and re.search(r"training [━╸╺]+ +3/4 note 3 0:20 left", written())
    assert "a verdict" in written()


def test_a_task_inside_another_one_is_a_bar_below_it(bars):
    display, written = bars
    with display.task("outer", 2) as outer:
        with display.task("inner", 3) as inner:
            inner.update(1)
            display.progress.refresh()
        outer.update(2)
        assert [task.description for task in display.progress.tasks] == ["outer"]
    assert display.progress is None and "inner" in written()


def test_an_error_ends_the_bar(bars):
    display, _ = bars
    with pytest.raises(ValueError, match="inside"), display.task("outer"):
        raise ValueError("inside")
    assert display.progress is None


def test_nothing_is_shown_where_no_display_was_chosen(capsys):
    assert list(progress.track("abc", "reading", 3)) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_track_counts_the_sizes_of_the_parts(clock):
    log = io.StringIO()
    with progress.shown_on(Lines(log)):
        for _ in progress.track([2, 3, 5], "reading images", 10, size=int):
            clock[0] += 20.0
    assert [line.split("   ")[0] for line in log.getvalue().splitlines()] == [
        f"reading images {done}/10" for done in (2, 5, 10)
    ]


@pytest.mark.parametrize(
    "seconds, exact, rough",
    [
        (0.4, "0:00", "about 1 second"),
        (7, "0:07", "about 7 seconds"),
        (125, "2:05", "about 2 minutes"),
        (5_400, "1:30:00", "about 1.5 hours"),
    ],
)
def test_durations(seconds, exact, rough):
    assert (progress.duration(seconds), progress.rough_duration(seconds)) == (exact, rough)
