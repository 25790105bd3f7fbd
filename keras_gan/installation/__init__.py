"""The facts about an installation that belong into an issue, and whether it works: what `kgan checks` prints.

TensorFlow is imported in a separate process, so that a crash is reported as well.
"""

import datetime
import os
import platform
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import keras_gan
from keras_gan._utils import machine
from keras_gan._utils.errors import how_to_install, one_line
from keras_gan._utils.files import cache_folder, size_bytes
from keras_gan._utils.text import WIDTH, Table, Text
from keras_gan.installation import packages, programs, trials

__all__ = ["Findings", "check"]

INSTRUCTIONS = {"AVX2": "avx2", "AVX-512": "avx512f", "AVX512-BF16": "avx512_bf16", "AMX-BF16": "amx_bf16"}
GIGABYTE = 1e9


@dataclass(frozen=True)
class Findings:
    """The result of `check`."""

    facts: tuple[tuple[str, str], ...]  # name, text
    problems: tuple[str, ...]  # what is broken, with a remedy each; empty if everything works

    def __str__(self):
        verdict = "everything works" if not self.problems else f"{len(self.problems)} broken"
        rows = [*self.facts, ("result", verdict), *(("broken", problem) for problem in self.problems)]
        return str(Text([f"keras_gan {keras_gan.__version__}, {datetime.date.today()}", Table(rows, width=WIDTH)]))


def check() -> Findings:
    """Reads versions, machine and settings, and trains and exports a tiny GAN. Takes some 20 s."""
    required, optional = packages.required(), packages.optional()
    tried = trials.run()
    facts = {
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "system": machine.system(),
        "processor": f"{machine.processor_name()}, {machine.cores()} cores; {_instructions()}",
        "memory": _gigabytes(machine.memory_bytes()),
        "free disk": f"{_free(Path.cwd())} here, {_free(tempfile.gettempdir())} for temporary files",
        **tried.facts,
        "packages": ", ".join(f"{one.name} {one.version or 'missing'}" for one in required),
        **{f"[{extra}]": _extra(extra, found) for extra, found in optional.items()},
        **programs.found(),
        "cache": _folder(cache_folder()),
        "datasets": _folder(Path(os.environ.get("TFDS_DATA_DIR", Path.home() / "tensorflow_datasets"))),
        "tried": ", ".join(f"{name} in {seconds:.1f} s" for name, seconds in tried.seconds.items()) or "nothing",
    }
    broken = [one.problem for one in (*required, *(one for found in optional.values() for one in found if one.version))]
    problems = [*filter(None, broken), *([tried.failure] if tried.failure else [])]
    return Findings(tuple((name, one_line(text)) for name, text in facts.items()), tuple(map(one_line, problems)))


def _instructions():
    """The instructions in INSTRUCTIONS that the processor has and lacks."""
    flags = machine.processor_flags()
    if not flags:
        return "the system does not list its instructions"
    has = [name for name, flag in INSTRUCTIONS.items() if flag in flags]
    lacks = [name for name in INSTRUCTIONS if name not in has]
    return f"has {', '.join(has) or 'none of them'}" + (f", lacks {', '.join(lacks)}" if lacks else "")


def _extra(extra, found):
    """The packages of an extra, and how to install missing ones."""
    listed = ", ".join(f"{one.name} {one.version or 'missing'}" for one in found)
    return listed if all(one.version for one in found) else f"{listed}. {how_to_install(extra)}."


def _folder(path):
    """Path and size of a folder, with ~ for the home folder, since the text is public."""
    shown = str(path).replace(str(Path.home()), "~", 1)
    return f"{shown}, {_gigabytes(size_bytes(path))}" if path.is_dir() else f"{shown}, which does not exist"


def _free(path):
    return _gigabytes(shutil.disk_usage(path).free)


def _gigabytes(count):
    return "unknown" if count is None else f"{count / GIGABYTE:,.2f} GB"
