"""kgan datasets: what can be trained on by name."""

import click


@click.command()
def datasets():
    """List data that can be trained on by name."""
    from keras_gan.data.catalog import POPULAR

    rows = {"digits": "8x8 grey, handwritten digits; comes with scikit-learn, no download", **POPULAR}
    for name, summary in rows.items():
        click.echo(f"{name:20} {summary}")
    click.echo("\nEvery other image dataset of tensorflow-datasets works by its name,")
    click.echo("and so does the path of a folder of images, a .npy or an .npz file.")
