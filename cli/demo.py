"""kgan demo: a generator's images with sliders, and the 1-D game, in a browser."""

import click

from keras_gan._utils import pretrained
from keras_gan._utils.errors import InputError
from keras_gan.cli.options import RunPath, Whole
from keras_gan.cli.verb import Verb


@click.command(
    cls=Verb,
    examples={
        "kgan demo": "a generator that comes with the package, with sliders, and the 1-D game",
        "kgan demo runs/mnist-resnet": "the images of a run, with its sliders",
        "kgan demo avatars --picture me.png": "your picture, as the generator draws it, with sliders",
        "kgan demo generator.tflite --port 0": "an exported generator, on any free port",
    },
    files="Writes RUN/demo, which is prepared once for each checkpoint. --picture writes RUN/encoder.npz, as kgan "
    "project does. Everything else stays as it is.",
)
@click.argument("source", metavar="[RUN|FILE]", type=RunPath(), required=False)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen at; all but loopback addresses are public.",
)
@click.option(
    "--port",
    type=Whole(0, 65535),
    help="Port to listen at; 0 for any free one.  [default: 8501, or any free one where that is taken]",
)
@click.option("--game", is_flag=True, help="Show the 1-D game alone.")
@click.option("--picture", type=click.Path(), help="Your picture: the nearest one that RUN's generator draws is shown.")
def demo(source, host, port, game, picture):
    """Show the images of RUN or of an exported FILE, and the 1-D game.

    Without either, show those of a generator that comes with the package.
    """
    from keras_gan.demo import serve

    if game and (source or picture):
        raise InputError("--game shows the 1-D game alone; expected no run and no --picture. Leave --game out.")
    if source is None and picture is None and not game:
        source = pretrained.RUNS / pretrained.names()[0] / pretrained.GENERATOR  # the file needs no preparation
    serve(source, host, port, picture)
