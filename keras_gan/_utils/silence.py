"""Suppresses start-up messages of native libraries."""

import contextlib
import os
import sys


@contextlib.contextmanager
def silence_native_stderr():
    """Discards what C++ code writes to standard error inside the block. Python's exceptions are raised as usual.

    TensorFlow and LiteRT print messages about processors and delegates that none of their settings suppresses.
    """
    sys.stderr.flush()
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)
