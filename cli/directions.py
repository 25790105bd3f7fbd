"""kgan directions: sliders for a run's generator."""

from pathlib import Path

import click

from keras_gan._utils.errors import InputError
from keras_gan.cli.options import load_training


@click.command()
@click.argument("run", metavar="RUN", type=click.Path())
@click.option("--lock", multiple=True, metavar="NAME", help="Keep it while others move: an attribute, class or none.")
@click.option("--factors", type=click.IntRange(min=0), default=0, help="Add so many of the first layer, to be named.")
@click.option("--name", "names", multiple=True, metavar="OLD=NEW", help="Rename a slider that was found before.")
@click.option("--samples", type=int, default=10_000, show_default=True, help="Regressed on; a fifth more are held out.")
@click.option("--least-r2", type=float, default=0.4, show_default=True, help="Below it an attribute gets no slider.")
def directions(run, lock, factors, names, samples, least_r2):
    """Find directions of z that move one attribute: sliders for RUN's pictures.

    Strokes and colours are measured from pixels; classes and yes/no attributes of the data are read by classifiers.
    """
    _check_run(run)
    training = load_training()
    gan = training.load(run)
    from keras_gan import directions as room
    from keras_gan import reporting
    from keras_gan.runs import Run

    run = Run(run)
    if names:
        found = room.rename(gan, run, dict(map(_renaming, names)))
    else:
        click.echo("drawing pictures and moving them: a minute or two for small ones", err=True)
        settings = dict(locks=_locks(lock), samples=samples, factors=factors, least_r2=least_r2)
        found = room.find(gan, run, *training.open_both(run.config), **settings)
    reporting.write(run)
    click.echo(f"{room.table(found)}\n\n{run.path}/directions.json and .png; the next export has the sliders")


def _check_run(path):
    """Raises InputError for a generator in a file, before TensorFlow is imported for nothing."""
    if Path(path).is_file() or (Path(path) / "saved_model.pb").is_file():
        raise InputError(
            f"{path} is a generator without its run; expected a run folder, which keeps the directions and writes them "
            "into its exports. In Python, keras_gan.directions.fit finds those of any generator"
        )


def _renaming(text):
    old, equals, new = text.partition("=")
    if not equals:
        raise InputError(f"--name {text!r:.70}; expected OLD=NEW, such as --name 'factor 1=smile'")
    return old, new


def _locks(given):
    """None where nothing was given, for each attribute's own choice."""
    if not given:
        return None
    return () if given == ("none",) else given
