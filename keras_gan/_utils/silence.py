"""Suppresses start-up messages of native libraries."""

import contextlib
import os
import sys
import tempfile


@contextlib.contextmanager
def silence_native_stderr():
    """Discards what C++ code writes to standard error inside the block. Python's exceptions are raised as usual.

    TensorFlow and LiteRT print messages about processors and delegates that none of their settings suppresses.
    """
    with open(os.devnull, "wb") as null, _native_stderr_to(null):
        yield


@contextlib.contextmanager
def capture_native_stderr():
    """Gives a function that returns what C++ code has written to standard error inside the block, as text."""
    with tempfile.TemporaryFile() as file:

        def text() -> str:
            file.seek(0)
            return file.read().decode(errors="replace")

        with _native_stderr_to(file):
            yield text


@contextlib.contextmanager
def _native_stderr_to(file):
    """Sends standard error to an open file inside the block."""
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        os.dup2(file.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
