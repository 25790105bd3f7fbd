"""Which arithmetic trains fastest on this machine: the precision policy and XLA, each with its reason."""

import contextlib
import functools
import os
from pathlib import Path

import tensorflow as tf

from keras_gan._utils import compat

BF16_FLAGS = ("amx_bf16", "avx512_bf16")


@functools.cache
def processor_flags() -> frozenset[str]:
    """The feature flags of the first processor; empty where the system does not list them."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return frozenset()
    lines = (line for line in cpuinfo.read_text("utf-8", "replace").splitlines() if line.startswith("flags"))
    return frozenset(next(lines, "").split())


def policy() -> tuple[str, str]:
    """The Keras dtype policy for training here, and why: bfloat16 where the hardware multiplies in it."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
        if capability >= (8, 0):
            return "mixed_bfloat16", "the GPU multiplies in bfloat16"
        if capability >= (7, 0):
            return "mixed_float16", "the GPU multiplies in float16, with loss scaling"
        return "float32", "the GPU has no arithmetic in 16 bits"
    found = [flag for flag in BF16_FLAGS if flag in processor_flags()]
    if found:
        return "mixed_bfloat16", f"the processor has {found[0].upper()}"
    return "float32", "the processor has no bfloat16 arithmetic"


def jit_compile() -> tuple[bool, str]:
    """Whether XLA compiles the training step here, and why.

    On a CPU XLA halves the speed of convolutional training; with several replicas it fails in TensorFlow 2.21.
    """
    if not tf.config.list_physical_devices("GPU"):
        return False, "XLA is slower than oneDNN on a CPU"
    if compat.is_op_determinism_enabled():
        return False, "XLA has not all operations with the same bits each time"
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        return False, "XLA fails with several replicas"
    return True, "one GPU"


def threads() -> tuple[int, str]:
    """How many threads one operation gets here, 0 for TensorFlow's own choice, and why.

    On two cores a training step is faster when independent operations run side by side, one core each, than when they
    run one after another on both (benchmarks/RESULTS.md). Other numbers of cores were not measured.
    """
    if tf.config.list_physical_devices("GPU") or cores() != 2:
        return 0, "TensorFlow's own choice"
    return 1, "two operations run side by side on two cores"


def use_threads() -> None:
    """Applies `threads` to this process; without effect once TensorFlow has started."""
    count, _ = threads()
    if count:
        with contextlib.suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(count)
            tf.config.threading.set_inter_op_parallelism_threads(cores())


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
