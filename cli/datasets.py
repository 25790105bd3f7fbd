"""kgan datasets: what can be trained on by name."""

import click

from keras_gan.cli import output
from keras_gan.cli.verb import Verb


@click.command(
    cls=Verb,
    examples={
        "kgan datasets": "print the names",
        "kgan train fashion_mnist": "train on one of them",
    },
    files="Writes nothing. kgan train downloads a dataset on first use, into $TFDS_DATA_DIR or ~/tensorflow_datasets.",
)
def datasets():
    """List data that can be trained on by name."""
    from keras_gan.data import catalog

    output.show(catalog.table())
