"""kgan sample: images from a run or an exported generator; from a .tflite or an .onnx without TensorFlow."""

import click

from keras_gan._utils import pretrained
from keras_gan._utils.run_folders import check_exists, is_run
from keras_gan.cli.options import Number, RunPath, Seeds, Setting, Whole, open_generator, trust_option
from keras_gan.cli.verb import Verb

MOST_FRAMES = 1_000


@click.command(
    cls=Verb,
    examples={
        "kgan sample avatars": "64 faces of a generator that comes with the package",
        "kgan sample generator.tflite -n 1000 --seed 7 --out images/": "a thousand PNG files",
        "kgan sample runs/mnist-resnet --seeds 1,5,9 --out walk.gif": "from one to the next, and back to the first",
        "kgan sample runs/mnist-resnet --sweep slant": "slant.gif, from one end of a slider to the other",
    },
    files="Writes --out and replaces a file of that name. In a folder only files with the same numbers are replaced.",
)
@click.argument("source", metavar="RUN|FILE", type=RunPath(pretrained.GENERATOR))
@click.option(
    "-n", "--n", type=Whole(min=1), help="The number of samples.  [default: 64; 5 for an animation, 16 with --sweep]"
)
@click.option(
    "--seed",
    type=Whole(min=0),
    help="Seed of the first sample; the next ones have SEED + 1, SEED + 2, …  [default: 0]",
)
@click.option("--seeds", type=Seeds(), help="These seeds instead, such as 1,5,9.")
@click.option(
    "--z",
    type=click.Path(),
    multiple=True,
    help="A .npy of latents instead, such as kgan project writes; several times for several files.",
)
@click.option(
    "--truncation",
    type=Number(min=0, max=1, min_open=True),
    default=1.0,
    help="Multiply z by this number: below 1, samples are more usual and less varied.  [default: 1]",
)
@click.option(
    "--label",
    metavar="CLASS",
    multiple=True,
    help="Class for a conditional GAN: its name, or its number where no class has that name. Several times for an "
    "animation from class to class.  [default: each sample's seed modulo the number of classes]",
)
@click.option(
    "--set",
    "amounts",
    multiple=True,
    type=Setting(),
    help="Move a slider within its range, such as slant=0.5; see kgan directions.",
)
@click.option("--sweep", metavar="NAME", help="Draw an animation of a slider from one end of its range to the other.")
@click.option(
    "--frames",
    type=Whole(2, MOST_FRAMES),
    help="Pictures of an animation from one sample to the next, or of a sweep from end to end.  [default: 12]",
)
@click.option(
    "--out",
    type=click.Path(),
    help="A grid.png, a folder/ of PNGs, an .npz, or an animation from seed to seed: a .gif, a .webp or an .mp4.  "
    "[default: samples.png; NAME.gif with --sweep]",
)
@trust_option
def sample(source, trust, **wishes):
    """Sample images from a run, a .keras file or a SavedModel; from a .tflite or an .onnx without TensorFlow.

    RUN may be the name of a pretrained generator, here and in all other commands that take a run. The same seed gives
    the same image in every format of a generator.
    """
    from keras_gan.exports.sample_files import Plan

    plan = Plan.of(**wishes)
    if len(plan.label) > 1:  # for which the weights are needed
        source = str(pretrained.run_of(source) or source)
    check_exists(source)
    if is_run(source):
        plan.check(source)
    click.echo(plan.write(source, open_generator(source, trust)))
