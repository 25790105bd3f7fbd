"""kgan sample: images from a run or an exported generator; from a .tflite without TensorFlow."""

import click

from keras_gan.cli.options import open_generator


@click.command()
@click.argument("source", metavar="RUN|FILE", type=click.Path())
@click.option("-n", "--n", default=64, show_default=True, help="How many.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the latents.")
@click.option("--label", type=int, help="Class, of a conditional GAN.  [default: all in turn]")
@click.option("--out", default="samples.png", show_default=True, help="A grid.png, a folder/ of PNGs, or an .npz.")
def sample(source, n, seed, label, out):
    """Sample images from a run, a .keras file or a SavedModel, or from a .tflite without TensorFlow."""
    from keras_gan import sampling

    sampling.check_out(out)
    samples = open_generator(source).generate(n, seed=seed, labels=label)
    click.echo(f"{n} samples in {sampling.save(samples, out)}")
