"""The fastest settings for training on this machine: precision policy, XLA and threads, each with a reason."""

import contextlib

import tensorflow as tf

from keras_gan._utils import compat
from keras_gan._utils.machine import cores, processor_flags

BF16_FLAGS = ("amx_bf16", "avx512_bf16")


def policy() -> tuple[str, str]:
    """The Keras dtype policy for training on this machine, and the reason: bfloat16 where the hardware has it."""
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
    """Whether XLA compiles the training step on this machine, and the reason.

    On a CPU, XLA halves the speed of convolutional training. With several replicas it fails in TensorFlow 2.21.
    """
    if not tf.config.list_physical_devices("GPU"):
        return False, "XLA is slower than oneDNN on a CPU"
    if compat.is_op_determinism_enabled():
        return False, "XLA lacks deterministic versions of some operations"
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        return False, "XLA fails with several replicas"
    return True, "one GPU"


def threads() -> tuple[int, str]:
    """The number of threads for one operation, 0 for TensorFlow's default, and the reason.

    On two cores a training step is faster when independent operations run in parallel, one on each core, than when each
    operation uses both cores (benchmarks/RESULTS.md). Other numbers of cores were not measured.
    """
    if tf.config.list_physical_devices("GPU") or cores() != 2:
        return 0, "TensorFlow's default"
    return 1, "two operations run in parallel on two cores"


def described() -> dict[str, str]:
    """XLA and threads with their reasons, as texts."""
    (xla, why_xla), (count, why_threads) = jit_compile(), threads()
    return {
        "XLA": f"{'on' if xla else 'off'} ({why_xla})",
        "threads": f"{count or 'automatic'} for one operation ({why_threads})",
    }


def use_threads() -> None:
    """Applies `threads` to this process. It has no effect after TensorFlow has started."""
    count, _ = threads()
    if count:
        with contextlib.suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(count)
            tf.config.threading.set_inter_op_parallelism_threads(cores())
