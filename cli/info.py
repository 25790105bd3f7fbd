"""kgan info: what a file or a run holds, without TensorFlow."""

import json

import click


@click.command()
@click.argument("file", metavar="FILE|RUN", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def info(file, as_json):
    """Say what a .tflite, an .onnx, a SavedModel, a .keras file or a run holds, and where it comes from."""
    from keras_gan.exports import info as room

    said = room.describe(file)
    click.echo(json.dumps(said, indent=2) if as_json else room.to_text(said))
