"""kgan datasets: what can be trained on by name."""

import click


@click.command()
def datasets():
    """List data that can be trained on by name."""
    from keras_gan.data.catalog import POPULAR

    rows = {
        "digits": "8x8 grey, handwritten digits; comes with scikit-learn, no download",
        "gaussian": "the 1-D example of the theory: N(5, 1)",
        "ring": "8 Gaussians on a circle, for mode coverage",
        "grid": "25 Gaussians on a grid, for mode coverage",
        "stacked_mnist": "28x28x3, three MNIST digits in one image: 1,000 modes",
        **POPULAR,
    }
    for name, summary in rows.items():
        click.echo(f"{name:20} {summary}")
    click.echo("\nEvery other image dataset of tensorflow-datasets works by its name,")
    click.echo("and so does the path of a folder of images, a .npy, .npz or .mat file.")
