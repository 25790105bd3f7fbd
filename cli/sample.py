"""kgan sample: images from a run or an exported generator; from a .tflite without TensorFlow."""

import click

from keras_gan.cli.options import Setting, open_directions, open_generator


@click.command()
@click.argument("source", metavar="RUN|FILE", type=click.Path())
@click.option("-n", "--n", type=int, help="How many.  [default: 64; 5 for a .gif]")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the first; the next one's is SEED + 1, …")
@click.option("--label", type=int, help="Class, of a conditional GAN.  [default: all in turn]")
@click.option(
    "--set", "amounts", multiple=True, type=Setting(), help="Move a slider, such as slant=1.5; see kgan directions."
)
@click.option(
    "--out",
    default="samples.png",
    show_default=True,
    help="A grid.png, a folder/ of PNGs, an .npz, or a .gif that goes from seed to seed.",
)
def sample(source, n, seed, label, amounts, out):
    """Sample images from a run, a .keras file or a SavedModel, or from a .tflite without TensorFlow.

    A seed is a picture: the same wherever the generator runs.
    """
    from keras_gan import drawing, sampling

    moving = out.lower().endswith(".gif")
    n = n if n is not None else 5 if moving else 64
    sampling.check_out(out, n)
    generator = open_generator(source)
    move = open_directions(source, generator).mover(dict(amounts)) if amounts else None
    if moving:
        click.echo(f"{n} seeds in {drawing.save_walk(generator, n, seed, label, out, move)}")
    else:
        click.echo(f"{n} samples in {sampling.save(drawing.parts(generator, n, seed, label, move), out)}")
