"""kgan demo: a generator's pictures with sliders, and the 1-D game, in a browser."""

import click


@click.command()
@click.argument("source", metavar="[RUN|FILE]", type=click.Path(), required=False)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen at; others than loopback are public."
)
@click.option("--port", type=int, help="0 for any that is free.  [default: 8501, or any where that is taken]")
def demo(source, host, port):
    """Show the pictures of RUN or of an exported FILE, and the 1-D game; without either, the game alone."""
    from keras_gan.demo import serve

    serve(source, host, port)
