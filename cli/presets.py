"""kgan presets: the recipes."""

import textwrap

import click

INDENT = " " * 17
NOTE = (
    "All of them draw samples from an average of the generator's weights, which of the references only R3GAN does. "
    "With --conditional, presets other than sngan and r3gan have an embedding next to z and a projection in the "
    "discriminator that their references do not have."
)


@click.command()
def presets():
    """List recipes, with what differs from their references."""
    from keras_gan.presets import PRESETS

    for name, preset in PRESETS.items():
        click.echo(f"{name:16} {preset.summary}\n{INDENT}{preset.reference}")
        click.echo(_wrap(f"Differences: {preset.differences}", INDENT))
    click.echo(f"\n{_wrap(NOTE)}")


def _wrap(text, indent=""):
    options = {"initial_indent": indent, "subsequent_indent": indent, "break_on_hyphens": False}
    return textwrap.fill(text, 100, break_long_words=False, **options)
