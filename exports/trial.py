"""Running a .tflite in a process of its own, since LiteRT can crash or hang the process that reads a hostile file.

The caller of `survive` learns what went wrong: the file, or this machine.
"""

import contextlib
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable

from keras_gan._utils import checkout
from keras_gan._utils.errors import InputError, first_line, printable

SECONDS, GIGABYTES = "KERAS_GAN_TRIAL_SECONDS", "KERAS_GAN_TRIAL_GB"  # environment variables
LONGEST_TRIAL_S = 60
LARGEST_TRIAL_GB = 8
MISSING, MEMORY, UNSOUND = 3, 4, 5  # exit statuses of the process
LARGEST_STATUS = 255  # of a process that was not ended by Windows
NO_MEMORY = ("bad_alloc", "MemoryError", "Cannot allocate memory", "failed to allocate")
NO_MODULE = ("ModuleNotFoundError", "ImportError", "No module named")


class Unable(InputError):
    """The trial could not be made on this machine; that says nothing about the file."""


class Unsound(ValueError):
    """The file does not run."""


def survive(content: bytes, module: str = "keras_gan.exports.edge") -> None:
    """Runs a file in a process of its own.

    Args:
        content: of the file.
        module: what that process runs; it calls `run`.

    Raises:
        Unable: where a package is missing, memory runs out, or the process takes longer than is allowed.
        Unsound: where the file does not run, or ends the process.
    """
    allowed_s = _number(SECONDS, LONGEST_TRIAL_S)
    _number(GIGABYTES, LARGEST_TRIAL_GB)  # which the process reads
    # -P: a module in the folder where the command runs is not taken for one of ours.
    command = [sys.executable, "-P", "-m", module]
    try:
        done = subprocess.run(
            command,
            input=content,
            capture_output=True,
            timeout=allowed_s,
            check=False,
            env=checkout.environment(),
        )
    except subprocess.TimeoutExpired as error:
        raise Unable(
            f"the trial of the file took longer than {allowed_s:g} s; expected less on most machines. On a slow board, "
            f"set the environment variable {SECONDS} to a larger number; otherwise the file is damaged or hostile."
        ) from error
    except OSError as error:
        raise Unable(
            f"the process that tries the file cannot be started ({error.strerror or first_line(error)}); expected to "
            f"run {sys.executable or 'Python'}. Free memory or processes, then try again."
        ) from error
    if done.returncode:
        out, err = (text.decode(errors="replace").strip() for text in (done.stdout, done.stderr))
        raise _diagnosis(done.returncode, out, err)


def run(check: Callable[[bytes], None]) -> None:
    """What that process does: `check` of the file from standard input. Ends the process with one of the statuses."""
    try:
        limit_memory()
        check(sys.stdin.buffer.read())
    except ImportError as error:
        _end(MISSING, error)
    except MemoryError as error:
        _end(MEMORY, error)
    except Exception as error:  # a damaged flatbuffer fails anywhere, with any error
        _end(MEMORY if any(words in str(error) for words in NO_MEMORY) else UNSOUND, error)


def _end(status, error):
    print(first_line(error))
    sys.exit(status)


def limit_memory() -> None:
    """Lets this process use as much memory as a trial may."""
    with contextlib.suppress(ImportError):  # elsewhere than on Unix
        import resource

        largest = int(_number(GIGABYTES, LARGEST_TRIAL_GB) * 2**30)
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        soft = largest if hard == resource.RLIM_INFINITY else min(largest, hard)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def missing(error: ImportError | str) -> Unable:
    """The error for a package that cannot be imported."""
    told = first_line(error) if isinstance(error, ImportError) else error
    return Unable(
        f"LiteRT cannot be imported ({told}); expected ai-edge-litert and numpy next to keras_gan. Run pip install "
        "ai-edge-litert in this environment."
    )


def _diagnosis(status: int, out: str, err: str) -> Exception:
    """What a process that failed tells of the file, or of this machine."""
    told = printable((out.splitlines() or err.splitlines() or [""])[-1][:200])
    if status < 0 or status > LARGEST_STATUS:
        return _ended(status, err)
    if status == MISSING or (status not in (MEMORY, UNSOUND) and any(words in err for words in NO_MODULE)):
        return missing(told)
    if status == MEMORY or (status != UNSOUND and any(words in err for words in NO_MEMORY)):
        return _out_of_memory(told)
    return Unsound(told or f"the trial ended with status {status}")


def _ended(status, err):
    """The error for a process that a signal ended."""
    if status == -getattr(signal, "SIGKILL", 0):
        return _out_of_memory("the system ended the process with SIGKILL, as it does where memory runs out")
    if any(words in err for words in NO_MEMORY):
        return _out_of_memory("LiteRT could not allocate memory")
    with contextlib.suppress(ValueError):
        name = signal.Signals(-status).name
        return Unsound(f"it crashes LiteRT (signal {-status}, {name}): the file is damaged or hostile")
    return Unsound(f"it crashes LiteRT (status {status}): the file is damaged or hostile")


def _out_of_memory(told):
    """The error for a trial that needed more memory than there is, or than it may have."""
    return Unable(
        f"memory ran out ({told}); expected at most {_number(GIGABYTES, LARGEST_TRIAL_GB):g} GB to be enough. Free "
        f"memory, or set the environment variable {GIGABYTES} to a larger number if this limit is too low for the "
        "generator. A damaged file can ask for too much memory as well."
    )


def _number(variable: str, default: float) -> float:
    """The number in an environment variable, or the default where there is none."""
    text = os.environ.get(variable, "")
    if not text:
        return default
    with contextlib.suppress(ValueError):
        number = float(text)
        if 0 < number < math.inf:
            return number
    raise Unable(f"{variable} is {text!r:.60}; expected a number above 0. Set it to one, or unset it.")
