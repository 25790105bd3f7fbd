"""The script that Streamlit runs for each visitor. It lists the pages."""

import os

import streamlit as st

from keras_gan.demo import shell
from keras_gan.demo.server import PROJECTED, SOURCE


def pictures():
    """The page of a generator's pictures."""
    from keras_gan.demo.pictures import page

    page(os.environ[SOURCE], os.environ[PROJECTED])


def game():
    """The page of the 1-D game."""
    from keras_gan.demo.game import page

    page()


def main():
    """Shows the page that the visitor chose."""
    pages = [st.Page(shell.guarded(game), title="The game", url_path="game", default=not os.environ.get(SOURCE))]
    if os.environ.get(SOURCE):
        pages.insert(0, st.Page(shell.guarded(pictures), title="Pictures", url_path="pictures", default=True))
    shell.show(pages)


if __name__ == "__main__":  # the documentation and the tests import this module
    main()
