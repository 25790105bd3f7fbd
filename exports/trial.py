"""A trial run of a file in a separate process, since a hostile file can crash or hang the runtime that reads it.

`run_in_process` raises one error where the file is at fault, and another where this machine is.
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
LARGEST_STATUS = 255  # larger exit statuses are Windows's, for a process that crashed
NO_MEMORY = ("bad_alloc", "MemoryError", "Cannot allocate memory", "failed to allocate")
NO_MODULE = ("ModuleNotFoundError", "ImportError", "No module named")


class TrialUnavailable(InputError):
    """The trial could not be made on this machine. The file may be good or bad."""


class UnusableFile(ValueError):
    """The file does not run, or it crashes the runtime."""


def run_in_process(content: bytes, module: str = "keras_gan.exports.edge") -> None:
    """Runs a file in a separate process.

    Args:
        content: content of the file.
        module: the module that the process runs; it calls `run`.

    Raises:
        TrialUnavailable: where a package is missing, memory runs out, or the process exceeds the time limit.
        UnusableFile: where the file does not run, or crashes the process.
    """
    allowed_s = _number(SECONDS, LONGEST_TRIAL_S)
    _number(GIGABYTES, LARGEST_TRIAL_GB)  # checked here; the process uses it
    # -P: Python must not import modules from the current folder.
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
        raise TrialUnavailable(
            f"the trial run of the file took longer than {allowed_s:g} s; expected less on most machines. On a slow "
            f"board, set the environment variable {SECONDS} to a larger number. Otherwise the file is damaged or "
            "hostile."
        ) from error
    except OSError as error:
        raise TrialUnavailable(
            f"the process for the trial run cannot be started ({error.strerror or first_line(error)}); expected to "
            f"run {sys.executable or 'Python'}. Free memory or processes, then try again."
        ) from error
    if done.returncode:
        out, err = (text.decode(errors="replace").strip() for text in (done.stdout, done.stderr))
        raise _diagnosis(done.returncode, out, err)


def run(check: Callable[[bytes], None]) -> None:
    """Checks the file from standard input, in the process that `run_in_process` starts.

    A failure ends the process with one of the exit statuses of this module.

    Args:
        check: function of the file's content; it raises an error where the file does not run.
    """
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
    """Limits the memory of this process to that of a trial run."""
    with contextlib.suppress(ImportError):  # Windows has no such limit
        import resource

        largest = int(_number(GIGABYTES, LARGEST_TRIAL_GB) * 2**30)
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        soft = largest if hard == resource.RLIM_INFINITY else min(largest, hard)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def missing(error: ImportError | str) -> TrialUnavailable:
    """The error for a package that cannot be imported."""
    detail = first_line(error) if isinstance(error, ImportError) else error
    return TrialUnavailable(
        f"LiteRT cannot be imported ({detail}); expected the packages ai-edge-litert and numpy. Run pip install "
        "ai-edge-litert in this environment."
    )


def _diagnosis(status: int, out: str, err: str) -> Exception:
    """The error for a process that failed, from its exit status and its output."""
    detail = printable((out.splitlines() or err.splitlines() or [""])[-1][:200])
    if status < 0 or status > LARGEST_STATUS:
        return _ended(status, err)
    if status == MISSING or (status not in (MEMORY, UNSOUND) and any(words in err for words in NO_MODULE)):
        return missing(detail)
    if status == MEMORY or (status != UNSOUND and any(words in err for words in NO_MEMORY)):
        return _out_of_memory(detail)
    return UnusableFile(detail or f"the trial run ended with status {status}")


def _ended(status, err):
    """The error for a process that a signal ended."""
    if status == -getattr(signal, "SIGKILL", 0):
        return _out_of_memory("the system ended the process with SIGKILL, as it does when memory runs out")
    if any(words in err for words in NO_MEMORY):
        return _out_of_memory("LiteRT could not allocate memory")
    with contextlib.suppress(ValueError):
        name = signal.Signals(-status).name
        return UnusableFile(f"it crashes LiteRT (signal {-status}, {name}): the file is damaged or hostile")
    return UnusableFile(f"it crashes LiteRT (status {status}): the file is damaged or hostile")


def _out_of_memory(detail):
    """The error for a trial run that needed more memory than there is, or than its limit."""
    return TrialUnavailable(
        f"memory ran out ({detail}); expected {_number(GIGABYTES, LARGEST_TRIAL_GB):g} GB to be enough. Free memory, "
        f"or set the environment variable {GIGABYTES} to a larger number if the generator needs more. A damaged file "
        "can ask for too much memory, too."
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
    raise TrialUnavailable(f"{variable} is {text!r:.60}; expected a number above 0. Set it to one, or unset it.")
