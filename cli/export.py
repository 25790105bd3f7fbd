"""kgan export: a run's generator as a file for elsewhere."""

import click

from keras_gan.cli.options import export_run, load_training
from keras_gan.errors import InputError


@click.command()
@click.argument("run", metavar="RUN", type=click.Path())
@click.option("--tflite", is_flag=True, help="A .tflite, for phones, boards and browsers.")
@click.option("--saved-model", is_flag=True, help="A TensorFlow SavedModel.")
@click.option("--quantize", help="Weights of the .tflite: float32 or float16.  [default: float16]")
@click.option("--out", type=click.Path(), help="File or folder to write.  [default: RUN/export/…]")
def export(run, tflite, saved_model, quantize, out):
    """Export the averaged generator of RUN, compared with Keras before it is handed over."""
    if tflite == saved_model:
        raise InputError("which export? expected one of --tflite and --saved-model; give one")
    if saved_model and quantize:
        raise InputError("--quantize is for --tflite; a SavedModel keeps float32; leave --quantize out")
    gan = load_training().load(run)
    click.echo(export_run(gan, run, "tflite" if tflite else "saved_model", quantize or "float16", out))
