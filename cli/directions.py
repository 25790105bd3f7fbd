"""kgan directions: sliders for a run's generator."""

import click

from keras_gan._utils.run_folders import check_run
from keras_gan.cli import output
from keras_gan.cli.options import Number, Renaming, RunPath, Whole, load_training
from keras_gan.cli.verb import Verb


@click.command(
    cls=Verb,
    examples={
        "kgan directions runs/mnist-resnet": "find sliders and show how well they work",
        "kgan directions runs/mnist-resnet --factors 3": "add three directions without names",
        "kgan directions runs/mnist-resnet --name 'factor 1=smile'": "rename a slider that was found before",
    },
    files="Writes RUN/directions.json, directions.png and report.html, and replaces earlier ones. Checkpoints and "
    "exports stay as they are; later exports have the sliders.",
)
@click.argument("run", metavar="RUN", type=RunPath())
@click.option(
    "--lock",
    "locks",
    multiple=True,
    metavar="NAME",
    help="Attribute, or class, that stays as it is while others change; none locks nothing. Give several if needed.  "
    "[default: each attribute's own choice]",
)
@click.option(
    "--factors",
    type=Whole(min=0),
    default=0,
    show_default=True,
    help="The number of directions of the first layer to add, without names.",
)
@click.option(
    "--name", "names", multiple=True, type=Renaming(), help="Rename a slider that was found before; find nothing."
)
@click.option(
    "--samples",
    type=Whole(min=100),
    default=10_000,
    show_default=True,
    help="The number of samples to fit; a fifth more are held out for the figures.",
)
@click.option(
    "--least-r2",
    type=Number(max=1),
    default=0.4,
    show_default=True,
    help="An attribute whose R² is a lower share of the largest possible one gets no slider.",
)
def directions(run, names, locks, **settings):
    """Find directions of z that change one attribute: sliders for RUN's images.

    Strokes and colours are measured from pixels. Classes and yes/no attributes of the data are read by classifiers. RUN
    is a run folder; for a generator in a file use keras_gan.directions.fit in Python.
    """
    check_run(run)  # raises before TensorFlow is imported for nothing
    load_training()
    from keras_gan.directions import table
    from keras_gan.training import run_directions

    if names:
        found = run_directions.rename(run, dict(names))
    else:
        found = run_directions.find(run, _locks(locks), **settings)
    output.show(table(found))
    click.echo(f"\n{run}/directions.json and .png; the next export has the sliders")


def _locks(given):
    """None where nothing was given, for each attribute's own choice."""
    if not given:
        return None
    return () if given == ("none",) else given
