"""kgan presets: the recipes."""

import click

from keras_gan.cli import output
from keras_gan.cli.verb import Verb


@click.command(
    cls=Verb,
    examples={
        "kgan presets": "print the recipes",
        "kgan train mnist --preset dcgan": "train by one of them",
    },
    files="Writes nothing.",
)
def presets():
    """List recipes, with what differs from their references."""
    from keras_gan.presets import table

    output.show(table())
