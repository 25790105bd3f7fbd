"""kgan export: a run's generator as files for use elsewhere."""

import click

from keras_gan._utils.errors import InputError
from keras_gan._utils.run_folders import check_run
from keras_gan.cli import output
from keras_gan.cli.names import MODES, SIGNATURES, listed
from keras_gan.cli.options import Name, RunPath, load_training
from keras_gan.cli.verb import Verb


@click.command(
    cls=Verb,
    examples={
        "kgan export runs/mnist-resnet --tflite": "RUN/export/generator.tflite, in float16",
        "kgan export runs/mnist-resnet --tflite --quantize int8 --quantize float32": "two files, compared in a table",
        "kgan export runs/mnist-resnet --tflite --onnx --web": "three formats, converted once",
        "kgan export runs/mnist-resnet --web --serve": "a page that draws in the browser, shown on this machine",
    },
    files="Writes into RUN/export, or to --out, with a report FILE.json next to each file. A file is compared with the "
    "Keras generator first; one that fails is not written, and what is there already stays. An earlier export of the "
    "same name is replaced; folders and files that are no exports are never overwritten. RUN/export also gets "
    "README.md and sample.py, and RUN a new report.html.",
)
@click.argument("run", metavar="RUN", type=RunPath())
@click.option("--tflite", is_flag=True, help="Write a .tflite, for phones, boards and browsers.")
@click.option("--saved-model", is_flag=True, help="Write a TensorFlow SavedModel.")
@click.option("--onnx", is_flag=True, help="Write an .onnx, for ONNX Runtime.")
@click.option("--web", is_flag=True, help="Write a page of static files that draws in any browser; this needs npm.")
@click.option("--micro", is_flag=True, help="Write C++ files for microcontrollers; this needs tflite-micro.")
@click.option("--serve", is_flag=True, help="Show the page on this machine, until Ctrl-C.")
@click.option(
    "--quantize",
    multiple=True,
    type=Name(MODES),
    metavar="MODE",
    help=f"How the .tflite or the page stores its weights: {listed(MODES)}. Give several to compare them.  "
    "[default: float16]",
)
@click.option(
    "--tune",
    "tune_steps",
    type=click.IntRange(min=0),
    metavar="STEPS",
    default=0,
    help="Fine-tune the generator for its 8 bits first, for int8, int8-static and --micro: the errors fall. 6000 steps "
    "take minutes.",
)
@click.option(
    "--uint8",
    is_flag=True,
    help="Give images as uint8 in [0, 255], not as float32 in [-1, 1]; the name ends in -uint8.",
)
@click.option(
    "--signature",
    "signatures",
    multiple=True,
    type=Name(SIGNATURES),
    metavar="NAME",
    help="Keep this signature of the .tflite, and leave the others out: generate, alone, for delegates that take one "
    "graph. Give several to keep several.",
)
@click.option("--license", metavar="TEXT", help="License of the generator, written into the file.")
@click.option("--force", is_flag=True, help="Write it even where the errors or the loss of quality are too large.")
@click.option(
    "--out",
    type=click.Path(),
    help="File to write, or a folder (FOLDER/) for files of standard names.  [default: RUN/export/]",
)
def export(run, tflite, saved_model, onnx, web, micro, serve, quantize, signatures, out, **options):
    """Export the averaged generator of RUN in one or several formats, and compare each file with Keras."""
    flags = {"tflite": tflite, "saved_model": saved_model, "onnx": onnx, "micro": micro, "web": web}
    formats = _given([name for name, given in flags.items() if given])
    check_run(run)
    if serve and not web:
        raise InputError("--serve shows a page; expected --web. Use --web --serve, or leave --serve out.")
    load_training()
    from keras_gan.exports import of_run, report
    from keras_gan.exports import web as page

    of_run.check_modes(formats, quantize, out)
    of_run.check_signatures(formats, signatures)
    modes = quantize or ["float16"]
    of_run.check_tuning(formats, modes, options["tune_steps"])
    reports = []
    for each in of_run.export_run(run, formats, modes, out, signatures=signatures, **options):
        click.echo(each)
        reports.append(each)
    if len(reports) > 1:
        click.echo()
        output.show(report.table(reports))
    if serve:
        page.serve(reports[-1].file)  # the page is the last of the formats


def _given(formats):
    if not formats:
        raise InputError(
            "kgan export received no format; expected --tflite, --saved-model, --onnx, --web or --micro. Use one or "
            "several of them."
        )
    return formats
