"""kgan doctor: what is happening in a run, without TensorFlow."""

import json
import sys
import textwrap

import click


@click.command()
@click.argument("run", metavar="RUN", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print the verdicts as JSON.")
def doctor(run, as_json):
    """Say what is happening in RUN, with the evidence and what to change. Draws RUN/doctor.png.

    The exit status is 0 where the run is healthy, or too young to tell, and 1 where it is ill.
    """
    from keras_gan import doctor as room
    from keras_gan.runs import Run

    folder = Run(run)
    verdicts = room.examine(folder)
    picture = room.draw(folder, verdicts)
    if as_json:
        click.echo(json.dumps([verdict.to_dict() for verdict in verdicts], indent=2))
    else:
        click.echo("\n\n".join(_text(verdict, room.MEANINGS) for verdict in verdicts))
        _echo_rest(verdicts, picture)
    sys.exit(any(verdict.severity == room.ILL for verdict in verdicts))


def _text(verdict, meanings):
    """A verdict in lines of at most 79 characters."""
    lines = [f"{verdict.name.upper()}{_span(verdict.steps)}", *_wrap(verdict.sentence)]
    for name, value in verdict.evidence.items():
        lines += _wrap(f"{name:12} {_number(value)}   {meanings[name]}", "  ", " " * 27)
    for number, advice in enumerate(verdict.advice):
        lines += _wrap(f"{'next' if number == 0 else 'or':12} {advice}", "  ", " " * 15)
    return "\n".join(lines)


def _span(steps):
    return "" if steps is None else f"   steps {steps[0]:,} to {steps[1]:,}"


def _number(value):
    return f"{value:9.3f}" if abs(value) < 10_000 else f"{value:9.3g}"


def _wrap(text, first="  ", rest="  "):
    return textwrap.wrap(
        text, 79, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def _echo_rest(verdicts, picture):
    if any(verdict.severity == "ill" for verdict in verdicts):
        click.echo("\nA run keeps its settings: give new ones together with another --run.")
    if picture:
        click.echo(f"\npicture in {picture}")
