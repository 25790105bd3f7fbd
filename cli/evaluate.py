"""kgan evaluate: the metric card of a run, or of samples from elsewhere."""

import click

from keras_gan._utils.run_folders import check_exists
from keras_gan.cli import output
from keras_gan.cli.names import EXTRACTORS, listed
from keras_gan.cli.options import ImageSize, Name, RunPath, Whole, load_training, trust_option
from keras_gan.cli.verb import Verb


@click.command(
    cls=Verb,
    examples={
        "kgan evaluate runs/mnist-resnet": "compare a run with the data that it learned",
        "kgan evaluate generator.tflite --data mnist": "compare an exported generator",
        "kgan evaluate samples/ --data photos/ --image-size 64 --out card.json": "compare a folder of images",
    },
    files="Writes metrics.json, card.png and neighbours.png into RUN, or into this folder, and replaces earlier ones; "
    "also RUN/report.html. With --out card.json the names are card.json, card-card.png and card-neighbours.png. Large "
    "images need a temporary file in $TMPDIR. A network that is trained to compare images stays in $KERAS_GAN_CACHE, "
    "or ~/.cache/keras_gan. --reconstruction writes RUN/encoder.npz.",
)
@click.argument("source", metavar="RUN|SAMPLES", type=RunPath())
@click.option("--data", help="Name or path of the data to compare with.  [default: the run's]")
@click.option(
    "--samples",
    type=Whole(min=1),
    help="Compare up to this number.  [default: 10000; ring, grid 2500; stacked_mnist 26000]",
)
@click.option(
    "--extractor",
    type=Name(EXTRACTORS),
    default="auto",
    show_default=True,
    help=f"Network that gives the features: {listed(EXTRACTORS)}.",
)
@click.option("--image-size", type=ImageSize(), help="Resize the data to N or HxW pixels.  [default: the run's]")
@click.option("--crop", is_flag=True, help="Cut the centre to these proportions; do not stretch.  [default: the run's]")
@click.option("--flip", is_flag=True, help="Count copies of mirror images as copies, too.  [default: the run's]")
@click.option("--skip-damaged", is_flag=True, help="Leave unreadable images out.  [default: the run's]")
@click.option(
    "--background", help="Colour behind transparent pixels: a name or #rrggbb.  [default: the run's, or white]"
)
@click.option("--seed", type=Whole(min=0), default=0, show_default=True, help="Seed of samples and real images.")
@click.option(
    "--reconstruction",
    is_flag=True,
    help="Also measure how near a run's generator comes to held-out images; see kgan project. The first time it trains "
    "an encoder, for minutes.",
)
@click.option(
    "--out", type=click.Path(), help="The .json to write, with pictures next to it.  [default: metrics.json, see Files]"
)
@trust_option
def evaluate(source, out, **settings):
    """Compare RUN, or SAMPLES with --data, with real images.

    SAMPLES are a folder of images, an .npz, or a generator: a .tflite, an .onnx, a SavedModel or a .keras file. Each
    number is shown with its baseline: what as many real images reach. A conditional generator gets classes in the
    shares that they have in the training data.
    """
    check_exists(source)
    load_training()
    from keras_gan import evaluation

    output.show(evaluation.evaluate(source, evaluation.Settings(**settings), out).text())
