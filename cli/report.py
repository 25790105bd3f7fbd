"""kgan report: a run as one page for any browser."""

import click


@click.command()
@click.argument("run", metavar="RUN", type=click.Path())
@click.option("--out", type=click.Path(), help="The .html to write.  [default: RUN/report.html]")
def report(run, out):
    """Write RUN as one page: samples over the steps, curves, scores, exports, settings; nothing is fetched."""
    from keras_gan import reporting as pages
    from keras_gan.runs import Run

    path = pages.write(Run(run), out)
    click.echo(f"report in {path} ({path.stat().st_size / 1000:,.0f} kB)")
