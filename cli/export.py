"""kgan export: a run's generator as files for elsewhere."""

import click

from keras_gan.cli.options import export_run, load_training
from keras_gan.errors import InputError


@click.command()
@click.argument("run", metavar="RUN", type=click.Path())
@click.option("--tflite", is_flag=True, help="A .tflite, for phones, boards and browsers.")
@click.option("--saved-model", is_flag=True, help="A TensorFlow SavedModel.")
@click.option("--onnx", is_flag=True, help="An .onnx, for ONNX Runtime.")
@click.option(
    "--quantize",
    multiple=True,
    metavar="MODE",
    help="Of the .tflite: float32, float16, int8 or int8-static; several for a table.  [default: float16]",
)
@click.option("--uint8", is_flag=True, help="Images as uint8 in [0, 255], not float32 in [-1, 1].")
@click.option("--licence", metavar="TEXT", help="Of the generator, to be told by the file.")
@click.option("--force", is_flag=True, help="Write it even where it loses quality.")
@click.option("--out", type=click.Path(), help="File or folder to write.  [default: RUN/export/…]")
def export(run, tflite, saved_model, onnx, quantize, out, **options):
    """Export the averaged generator of RUN, compared with Keras before it is handed over."""
    flags = {"tflite": tflite, "saved_model": saved_model, "onnx": onnx}
    kinds = [kind for kind, given in flags.items() if given]
    if len(kinds) != 1:
        raise InputError("which export? expected one of --tflite, --saved-model and --onnx; give one")
    if quantize and not tflite:
        raise InputError("--quantize is for --tflite; other exports keep float32; leave --quantize out")
    if len(quantize) > 1 and out:
        raise InputError(f"--out {out} for {len(quantize)} files; expected one; give one --quantize, or no --out")
    training = load_training()
    gan = training.load(run)
    reports = [export_run(gan, run, kinds[0], mode, out, **options) for mode in quantize or ["float16"]]
    for report in reports:
        click.echo(report)
    if len(reports) > 1:
        from keras_gan.exports.report import table

        click.echo(f"\n{table(reports)}")
