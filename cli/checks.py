"""kgan checks: whether the installation works, in one block for an issue."""

import sys

import click

from keras_gan.cli.verb import Verb


@click.command(
    cls=Verb,
    examples={
        "kgan checks": "print versions, hardware, settings and what is broken",
        "kgan checks > checks.txt": "keep it for an issue",
    },
    files="Writes nothing but temporary files, which it removes.",
)
def checks():
    """Check the installation: print one block that you can paste into an issue.

    The block lists versions, processor, GPUs, precision and threads with the reasons, caches, optional packages and
    free disk. A tiny GAN is trained and exported, which takes about 20 s. The exit status is 1 if something is broken,
    and 0 otherwise.
    """
    from keras_gan import installation

    if sys.stderr.isatty():
        click.echo("training and exporting a tiny GAN …", err=True)
    found = installation.check()
    click.echo(found)  # in plain lines, which survive a copy from a narrow terminal
    sys.exit(bool(found.problems))
