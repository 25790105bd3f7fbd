"""This machine: system, processor, cores and memory, read without TensorFlow."""

import functools
import os
import platform
from pathlib import Path


@functools.cache
def processor_flags() -> frozenset[str]:
    """The feature flags of the first processor; empty where the system does not list them."""
    return frozenset((_of_processor("flags") or "").split())


def processor_name() -> str:
    """The processor's model, or its architecture if the system does not report the model."""
    return _of_processor("model name") or platform.processor() or platform.machine()


def _of_processor(entry):
    """An entry of the first processor in Linux's list; None where there is none."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8", "replace").splitlines() if cpuinfo.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(entry)), None)


def use_onednn() -> None:
    """Lets TensorFlow compute with oneDNN on any x86 processor. It has no effect after TensorFlow was imported.

    TensorFlow does so by itself only on processors with instructions for neural networks, such as AVX-512 VNNI. With
    AVX2 alone, oneDNN's convolutions make a training step 1.27 times as fast (benchmarks/RESULTS.md). A value that the
    user has set stays.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int | None:
    """Memory that this process may use, the smaller of the machine's and its container's; None where unknown."""
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    limit = Path("/sys/fs/cgroup/memory.max")  # of a container; "max" for none
    text = limit.read_text("utf-8").strip() if limit.is_file() else ""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(total, int(text)) if text.isdecimal() else total


def system() -> str:
    """The distribution where there is one, and the kernel or version of the system."""
    try:
        distribution = platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:  # no Linux
        distribution = None
    return ", ".join(filter(None, [distribution, platform.platform()]))
