"""Weights, and perhaps arithmetic, of a .tflite in 16 or 8 bits.

int8 is ai-edge-quantizer's, for the operations whose weights are nearly all of the file and of the time. Other large
constants become float16 (`storage`). The arithmetic that makes latents from seeds stays float32: rounding it would
change every image.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from keras_gan._utils import silence
from keras_gan.exports import edge, storage

# Those whose int8 kernels are XNNPACK's. Of depthwise convolutions only the static one is, and their weights are few.
DYNAMIC = ("CONV_2D", "FULLY_CONNECTED", "CONV_2D_TRANSPOSE", "BATCH_MATMUL")
STATIC = ("CONV_2D", "FULLY_CONNECTED", "CONV_2D_TRANSPOSE", "DEPTHWISE_CONV_2D")
SEEDED = tuple(name for name in edge.SIGNATURES if edge.first_input(name) == edge.SEED)


@dataclass(frozen=True)
class Mode:
    """How a .tflite stores its weights, and how far its outputs, in [-1, 1], may then be from Keras's."""

    # (the float32 file, what `_static` takes its ranges from) to the file in this mode
    apply: Callable[[bytes, Iterable[dict]], bytes]
    largest_error: float
    mean_error: float
    percentile_error: float  # the 99.9th percentile


def _half(content: bytes) -> bytes:
    """A .tflite with float16 weights; the converter's own way would round the constants of the noise, too."""
    return storage.halve(content, SEEDED)


def _dynamic(content: bytes) -> bytes:
    """A float32 .tflite with int8 weights, whose activations are quantized as it runs."""
    worker = _worker(content)
    for operation in DYNAMIC:
        worker.add_dynamic_config(".*", operation, 8, _granularity(operation))
    with _silence():
        return _half(bytes(worker.quantize(enable_progress_report=False).quantized_model))


def _static(content: bytes, batches: Iterable[dict[str, dict[str, np.ndarray]]]) -> bytes:
    """A float32 .tflite with int8 weights and activations.

    Args:
        content: the file.
        batches: signature -> its inputs, several times: what the ranges of activations are taken from. All signatures
            of one of them compute the same pictures, and get the same ranges, which are those of the largest batches: a
            single picture's say nothing of the next one's.
    """
    worker = _worker(content)
    for operation in STATIC:
        worker.add_static_config(".*", operation, 8, 8, _granularity(operation))
    names, ranges = {}, None
    with _silence():
        for batch in batches:
            for signature, inputs in batch.items():
                found = worker.calibrate({signature: [inputs]}, num_threads=1)
                names[signature] = list(found)
                ranges = _merged(ranges, found.values())
        ranges = {name: at for group in names.values() for name, at in zip(group, ranges, strict=True)}
        return _half(bytes(worker.quantize(ranges, enable_progress_report=False).quantized_model))


def _worker(content):
    from ai_edge_quantizer.quantizer import Quantizer

    return Quantizer(bytearray(content))


def _merged(before, found):
    """The ranges that hold both: the graphs of all signatures list their tensors in one order."""
    if before is None:
        return list(found)
    return [
        {"min": np.minimum(a["min"], b["min"]), "max": np.maximum(a["max"], b["max"])}
        for a, b in zip(before, found, strict=True)
    ]


def _granularity(operation):
    """One scale a channel, but one for all of a dense layer: it has thousands of units, each scale takes twelve bytes,
    and they bring no precision (benchmarks/RESULTS.md)."""
    from ai_edge_quantizer.qtyping import QuantGranularity

    return QuantGranularity.TENSORWISE if operation == "FULLY_CONNECTED" else QuantGranularity.CHANNELWISE


@contextlib.contextmanager
def _silence():
    """Keeps the quantizer's progress bars and warnings off the terminal.

    It warns that it keeps all tensors, which is what it is for, and that it writes a weight again for every signature,
    which gives the same numbers, since they have the same ranges.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stderr(io.StringIO()), silence.silence_native_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        logging.disable(before)


# Bounds of the 99.9th percentile: trained and random generators, of this package and of Keras's tutorial, showed up to
# 3e-6 in float32, 4e-3 in float16, 0.10 in int8 and 0.12 in int8-static (benchmarks/RESULTS.md).
MODES = {
    "float32": Mode(lambda content, batches: content, 1e-4, 1e-5, 5e-5),
    "float16": Mode(lambda content, batches: _half(content), 2e-2, 2e-3, 1e-2),
    "int8": Mode(lambda content, batches: _dynamic(content), 0.5, 0.02, 0.2),
    "int8-static": Mode(_static, 0.8, 0.03, 0.3),  # for integer hardware
}
