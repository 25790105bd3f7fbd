"""Streamlit pages: the pictures of a generator, and the 1-D game, which trains live. `serve` starts them."""

from keras_gan.demo.server import serve

__all__ = ["serve"]
