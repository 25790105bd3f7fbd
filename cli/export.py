"""kgan export: a run's generator as files for elsewhere."""

import click

from keras_gan._utils.errors import InputError
from keras_gan.cli.options import load_training


@click.command()
@click.argument("run", metavar="RUN", type=click.Path())
@click.option("--tflite", is_flag=True, help="A .tflite, for phones, boards and browsers.")
@click.option("--saved-model", is_flag=True, help="A TensorFlow SavedModel.")
@click.option("--onnx", is_flag=True, help="An .onnx, for ONNX Runtime.")
@click.option("--web", is_flag=True, help="A page of static files that draws in any browser; npm is needed.")
@click.option("--serve", is_flag=True, help="Show the page on this machine, until Ctrl-C.")
@click.option(
    "--quantize",
    multiple=True,
    metavar="MODE",
    help="How the .tflite or the page stores its weights: float32, float16, int8 or int8-static; give several for a "
    "table.  [default: float16]",
)
@click.option("--uint8", is_flag=True, help="Images as uint8 in [0, 255], not float32 in [-1, 1]; named …-uint8.")
@click.option("--license", metavar="TEXT", help="License of the generator, written into the file.")
@click.option("--force", is_flag=True, help="Write it even where the errors or the loss of quality are too large.")
@click.option(
    "--out",
    type=click.Path(),
    help="File to write, or a folder (FOLDER/) for files of standard names.  [default: RUN/export/]",
)
def export(run, tflite, saved_model, onnx, web, serve, quantize, out, **options):
    """Export the averaged generator of RUN, compared with Keras before it is handed over."""
    flags = {"tflite": tflite, "saved_model": saved_model, "onnx": onnx, "web": web}
    kinds = [kind for kind, given in flags.items() if given]
    _check(kinds, quantize, serve, out)
    reports = []
    load_training()
    from keras_gan.exports import of_run

    for report in of_run.export_run(run, kinds[0], quantize or ["float16"], out, **options):
        click.echo(report)
        reports.append(report)
    if len(reports) > 1:
        from keras_gan.exports.report import table

        click.echo(f"\n{table(reports)}")
    if serve:
        from keras_gan.exports.web import serve

        serve(reports[0].file)


def _check(kinds, quantize, serve, out):
    """Raises InputError where the options do not go together."""
    from keras_gan.exports import of_run

    if len(kinds) != 1:
        raise InputError("which export? expected one of --tflite, --saved-model, --onnx and --web; give one")
    if quantize and kinds[0] not in ("tflite", "web"):
        raise InputError("--quantize is for --tflite and --web; others keep float32; leave --quantize out")
    if len(set(quantize)) > 1 and (kinds == ["web"] or (out and not of_run.is_folder(kinds[0], out))):
        what = "one page" if kinds == ["web"] else f"--out {out}"
        remedy = "" if kinds == ["web"] else f", or a folder (--out {out}/)"
        raise InputError(f"{what} for {len(set(quantize))} modes; expected one. Give one --quantize{remedy}.")
    if serve and kinds != ["web"]:
        raise InputError("--serve without --web; expected both; give --web")
