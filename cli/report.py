"""kgan report: a run as one page for any browser."""

import click

from keras_gan.cli.options import RunPath
from keras_gan.cli.verb import Verb


@click.command(
    cls=Verb,
    examples={
        "kgan report runs/mnist-resnet": "write the page into the run",
        "kgan report runs/mnist-resnet --out page.html": "write it elsewhere",
    },
    files="Writes RUN/report.html, or --out, and replaces an earlier page there.",
)
@click.argument("run", metavar="RUN", type=RunPath())
@click.option("--out", type=click.Path(), help="The .html to write.  [default: RUN/report.html]")
def report(run, out):
    """Write RUN as one page: samples over the steps, curves, scores, exports and settings.

    The page is one file and fetches nothing from the network.
    """
    from keras_gan import reporting
    from keras_gan.runs import Run

    path = reporting.write(Run(run), out)
    click.echo(f"report in {path} ({path.stat().st_size / 1000:,.0f} kB)")
