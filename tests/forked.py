"""What a process that `Forked` of conftest.py starts does: it runs a Python program as the interpreter would."""

import os
import runpy
import signal
import sys
from pathlib import Path


def begin(words, output, environment, largest_file_bytes, started_in):
    """Takes on the words, the folder for what is said, the environment, the limit and the working directory; gives
    the program. Signals act as in a process that a terminal started, whatever the tests ignore."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, name in enumerate(("out", "err"), start=1):
        descriptor = os.open(Path(output, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.update(environment)
    if started_in is not None:
        os.chdir(started_in)
    if largest_file_bytes is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file_bytes, largest_file_bytes))
    sys.argv[:] = words
    sys.path.insert(0, str(Path(words[0]).parent))
    return words[0]


if __name__ == "__main__":
    runpy.run_path(begin(**globals()["REQUEST"]), run_name="__main__")
