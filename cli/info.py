"""kgan info: what a file or a run holds, without TensorFlow."""

import json

import click

from keras_gan.cli import output
from keras_gan.cli.options import RunPath
from keras_gan.cli.verb import Verb


@click.command(
    cls=Verb,
    examples={
        "kgan info generator.tflite": "what an exported generator takes and gives, and where it comes from",
        "kgan info runs/mnist-resnet --json": "a run's settings, steps and files, for a program",
    },
    files="Writes nothing.",
)
@click.argument("file", metavar="FILE|RUN", type=RunPath())
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def info(file, as_json):
    """Show what a .tflite, an .onnx, a SavedModel, a .keras file or a run holds, and where it comes from."""
    from keras_gan.exports import info as package

    described = package.describe(file)
    if as_json:
        click.echo(json.dumps(described, indent=2))
    else:
        output.show(package.to_text(described))
