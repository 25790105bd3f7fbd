"""kgan doctor: what is happening in a run, without TensorFlow."""

import json
import sys
import warnings

import click

from keras_gan._utils.errors import Notice
from keras_gan.cli import output
from keras_gan.cli.options import RunPath
from keras_gan.cli.verb import Verb


@click.command(
    cls=Verb,
    examples={
        "kgan doctor runs/mnist-resnet": "what happens, with numbers and what to change",
        "kgan doctor runs/mnist-resnet --json": "the same for a program",
        "kgan doctor RUN || echo unhealthy": "the exit status in a script",
    },
    files="Writes RUN/doctor.png, or replaces it, and changes nothing else.",
)
@click.argument("run", metavar="RUN", type=RunPath())
@click.option("--json", "as_json", is_flag=True, help="Print the verdicts as JSON.")
def doctor(run, as_json):
    """Explain what is happening in RUN: the evidence, and which setting to change next.

    The exit status is 1 for a run with a problem, and 0 for any other run.
    """
    from keras_gan import doctor as package
    from keras_gan.runs import Run

    run = Run(run)
    verdicts = package.examine(run)
    try:
        picture = package.draw(run)
    except OSError as error:  # in a folder that one may only read
        picture = None
        warnings.warn(Notice(f"doctor.png cannot be written ({error.strerror})"), stacklevel=2)
    if as_json:
        click.echo(json.dumps([verdict.to_dict() for verdict in verdicts], indent=2))
    else:
        output.show(package.describe(verdicts, picture))
    sys.exit(any(verdict.severity == package.ILL for verdict in verdicts))
