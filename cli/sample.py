"""kgan sample: images from a run or a .tflite; the latter without TensorFlow."""

from pathlib import Path

import click

from keras_gan.cli.options import load_training


@click.command()
@click.argument("source", metavar="RUN|FILE", type=click.Path())
@click.option("-n", "--n", default=64, show_default=True, help="How many.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the latents.")
@click.option("--out", default="samples.png", show_default=True, help="A grid.png, a folder/ of PNGs, or an .npz.")
def sample(source, n, seed, out):
    """Sample images from a run folder, or from a .tflite without TensorFlow."""
    from keras_gan import sampling

    sampling.check_out(out)
    samples = _open(source).generate(n, seed=seed)
    click.echo(f"{n} samples in {sampling.save(samples, out)}")


def _open(source):
    """The generator of a run folder or of a .tflite; only the former brings TensorFlow."""
    if Path(source).is_dir():
        return load_training().load(source)
    from keras_gan.exports.edge import Generator

    return Generator(source)
