"""kgan sample: images from a run or an exported generator; from a .tflite or an .onnx without TensorFlow."""

import re

import click

from keras_gan._utils.errors import InputError
from keras_gan.cli.options import Setting, open_directions, open_generator, trust_option


@click.command()
@click.argument("source", metavar="RUN|FILE", type=click.Path())
@click.option("-n", "--n", type=int, help="How many.  [default: 64; 5 for a .gif, 16 with --sweep]")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the first; the next one's is SEED + 1, …")
@click.option(
    "--label",
    metavar="CLASS",
    help="Class, of a conditional GAN: its name, or its number where no class has that name.  [default: each sample's "
    "seed modulo the number of classes]",
)
@click.option(
    "--set",
    "amounts",
    multiple=True,
    type=Setting(),
    help="Move a slider within its range, such as slant=0.5; see kgan directions.",
)
@click.option("--sweep", metavar="NAME", help="Draw a .gif of a slider from one end of its range to the other.")
@click.option(
    "--out",
    help="A grid.png, a folder/ of PNGs, an .npz, or a .gif that goes from seed to seed.  [default: samples.png; "
    "NAME.gif with --sweep]",
)
@trust_option
def sample(source, n, seed, label, amounts, sweep, out, trust):
    """Sample images from a run, a .keras file or a SavedModel; from a .tflite or an .onnx without TensorFlow.

    A seed is a picture: the same wherever the generator runs.
    """
    from keras_gan import sampling
    from keras_gan.sampling import generators

    _check_amounts(amounts, sweep)
    out = out or (f"{_file_name(sweep)}.gif" if sweep else "samples.png")
    gif = out.lower().endswith(".gif")
    if sweep and not gif:
        raise InputError(f"--sweep {sweep} with --out {out}; expected a .gif; give --out {_file_name(sweep)}.gif")
    n = n if n is not None else 16 if sweep else 5 if gif else 64
    sampling.check_out(out, n)
    generator = open_generator(source, trust)
    label = generators.class_number(generator, label)
    amounts = dict(amounts)
    found = open_directions(source, generator) if amounts or sweep else None
    move = found.mover(amounts) if amounts else None
    if sweep:
        path = sampling.save_sweep(generator, n, seed, label, out, found.sweep(sweep, sampling.FRAMES, amounts))
        click.echo(f"{n} seeds from {-found[sweep].limit:g} to {found[sweep].limit:g} of {sweep} in {path}")
    elif gif:
        click.echo(f"{n} seeds in {sampling.save_walk(generator, n, seed, label, out, move)}")
    else:
        click.echo(f"{n} samples in {sampling.save(sampling.parts(generator, n, seed, label, move), out)}")


def _check_amounts(amounts, sweep):
    """Raises InputError where a slider is set twice, or set and swept."""
    names = [name for name, _ in amounts]
    if sweep in names:
        raise InputError(f"--set {sweep} with --sweep {sweep}; expected one of them; leave --set {sweep} out")
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"--set {twice[0]} was given twice; expected one amount for each slider; give one")


def _file_name(slider):
    """A slider's name as that of a file."""
    return re.sub(r"[^\w.+-]+", "-", slider).strip("-.") or "sweep"
