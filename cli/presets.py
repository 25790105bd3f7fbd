"""kgan presets: the recipes."""

import click


@click.command()
def presets():
    """List recipes."""
    from keras_gan.config import PRESETS

    for name, preset in PRESETS.items():
        click.echo(f"{name:16} {preset.summary}\n{'':16} {preset.reference}")
