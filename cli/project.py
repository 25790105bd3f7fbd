"""kgan project: the picture of a run's generator that is nearest to yours."""

import click

from keras_gan._utils.run_folders import check_run
from keras_gan.cli.options import RunPath, load_training
from keras_gan.cli.verb import Verb


@click.command(
    cls=Verb,
    examples={
        "kgan project runs/faces me.jpg": "your face as the generator draws it, in me-projection/",
        "kgan sample runs/faces --z me-projection/z.npy --set Smiling=1.5": "and now it smiles",
    },
    files="Writes projection.png, original.png, picture.png, z.npy and projection.json into --out and replaces files "
    "of these names. The first time it trains an encoder for the run's generator and saves it as RUN/encoder.npz.",
)
@click.argument("run", metavar="RUN", type=RunPath())
@click.argument("picture", type=click.Path())
@click.option("--out", type=click.Path(file_okay=False), help="Folder to write.  [default: PICTURE's name-projection]")
def project(run, picture, out):
    """Find the z whose picture is nearest to PICTURE, an image file.

    The picture is cropped or stretched to the size of the run's images, as they were. Its error is shown beside those
    of training images and held-out images: what this generator can draw at all.
    """
    check_run(run)  # raises before TensorFlow is imported for nothing
    load_training()
    from keras_gan.training import run_projection

    click.echo(run_projection.project(run, picture, out))
