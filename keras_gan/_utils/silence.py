"""Keeps the start-up notes of native libraries off a user's terminal."""

import contextlib
import os
import sys


@contextlib.contextmanager
def silence_native_stderr():
    """Drops what C++ code writes to standard error inside the block; Python's exceptions pass as ever.

    TensorFlow and LiteRT print notes about processors and delegates that no setting of theirs holds back.
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
