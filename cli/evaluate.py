"""kgan evaluate: the metric card of a run, or of samples from elsewhere."""

import click

from keras_gan.cli.options import ImageSize, load_training, trust_option


@click.command()
@click.argument("source", metavar="RUN|SAMPLES", type=click.Path())
@click.option("--data", help="Name or path of the data to compare with.  [default: the run's]")
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    help="At most so many.  [default: 10000; ring, grid 2500; stacked_mnist 26000]",
)
@click.option(
    "--extractor",
    default="auto",
    show_default=True,
    help="auto, mnist, digits, stacked_mnist, trained, inception or none.",
)
@click.option("--image-size", type=ImageSize(), help="Resize the data to N or HxW pixels.  [default: the run's]")
@click.option(
    "--crop", is_flag=True, help="Cut the centre to the target's proportions, not stretch.  [default: the run's]"
)
@click.option("--skip-damaged", is_flag=True, help="Leave unreadable images out.  [default: the run's]")
@click.option(
    "--background", help="Colour behind transparent pixels: a name or #rrggbb.  [default: the run's, or white]"
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of samples and real images.")
@click.option(
    "--out", type=click.Path(), help="The .json to write, pictures beside it.  [default: metrics.json in RUN, or here]"
)
@trust_option
def evaluate(source, out, **settings):
    """Judge RUN, or SAMPLES: a folder of images, a .npz, a .tflite, an .onnx, a SavedModel, with --data.

    Every number stands beside what real images reach at the same count. The classes of a conditional generator's
    samples are drawn by their shares in the training data. Large images lie in a temporary file, in $TMPDIR, meanwhile.
    """
    load_training()
    from keras_gan import evaluation

    click.echo(evaluation.evaluate(source, evaluation.Settings(**settings), out))
