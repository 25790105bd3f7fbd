"""kgan sample: images from a run or an exported generator; from a .tflite without TensorFlow."""

import click

from keras_gan.cli.options import Setting, open_directions, open_generator
from keras_gan.errors import InputError


@click.command()
@click.argument("source", metavar="RUN|FILE", type=click.Path())
@click.option("-n", "--n", type=int, help="How many.  [default: 64; 5 for a .gif, 16 with --sweep]")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the first; the next one's is SEED + 1, …")
@click.option("--label", type=int, help="Class, of a conditional GAN.  [default: all in turn]")
@click.option(
    "--set", "amounts", multiple=True, type=Setting(), help="Move a slider, such as slant=1.5; see kgan directions."
)
@click.option("--sweep", metavar="NAME", help="Draw a .gif of all of a slider's way.")
@click.option(
    "--out",
    default="samples.png",
    show_default=True,
    help="A grid.png, a folder/ of PNGs, an .npz, or a .gif that goes from seed to seed.",
)
def sample(source, n, seed, label, amounts, sweep, out):
    """Sample images from a run, a .keras file or a SavedModel, or from a .tflite without TensorFlow.

    A seed is a picture: the same wherever the generator runs.
    """
    from keras_gan import drawing, sampling

    gif = out.lower().endswith(".gif")
    if sweep and not gif:
        raise InputError(f"--sweep {sweep} with --out {out}; expected a .gif; give --out {sweep}.gif")
    n = n if n is not None else 16 if sweep else 5 if gif else 64
    sampling.check_out(out, n)
    generator = open_generator(source)
    amounts, found = dict(amounts), open_directions(source, generator)
    move = found.mover(amounts) if amounts else None
    if sweep:
        path = drawing.save_sweep(generator, n, seed, label, out, found.sweep(sweep, drawing.FRAMES, amounts))
        click.echo(f"{n} seeds from {-found[sweep].reach:g} to {found[sweep].reach:g} of {sweep} in {path}")
    elif gif:
        click.echo(f"{n} seeds in {drawing.save_walk(generator, n, seed, label, out, move)}")
    else:
        click.echo(f"{n} samples in {sampling.save(drawing.parts(generator, n, seed, label, move), out)}")
