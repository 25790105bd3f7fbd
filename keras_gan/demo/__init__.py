"""Pages in a browser, by Streamlit: a generator's pictures, and the 1-D game trained live. `serve` shows them."""

from keras_gan.demo.server import serve

__all__ = ["serve"]
