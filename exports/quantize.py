"""Weights, and perhaps arithmetic, of a .tflite in 16 or 8 bits, by ai-edge-quantizer.

Convolutions and fully connected layers only: their weights are nearly all of the file and of the time, and nothing else
loses precision, above all not the arithmetic that makes noise of seeds.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from keras_gan import quiet

OPERATIONS = ("CONV_2D", "FULLY_CONNECTED")


@dataclass(frozen=True)
class Mode:
    """How a .tflite stores its weights, and how far its outputs, in [-1, 1], may then be from Keras's."""

    # (the float32 file, what `_static` takes its ranges from) to the file in this mode
    apply: Callable[[bytes, Iterable[dict]], bytes]
    largest_error: float
    mean_error: float


def _half(content: bytes) -> bytes:
    """A float32 .tflite with float16 weights; the converter's own way would round the constants of the noise, too."""
    worker = _worker(content)
    for operation in OPERATIONS:
        worker.add_weight_only_config(".*", operation, 16, algorithm_key="float_casting")
    with _silence():
        return bytes(worker.quantize(enable_progress_report=False).quantized_model)


def _dynamic(content: bytes) -> bytes:
    """A float32 .tflite with int8 weights, whose activations are quantized as it runs."""
    worker = _worker(content)
    for operation in OPERATIONS:
        worker.add_dynamic_config(".*", operation, 8, _granularity(operation))
    with _silence():
        return bytes(worker.quantize(enable_progress_report=False).quantized_model)


def _static(content: bytes, batches: Iterable[dict[str, dict[str, np.ndarray]]]) -> bytes:
    """A float32 .tflite with int8 weights and activations.

    Args:
        content: the file.
        batches: signature -> its inputs, several times: what the ranges of activations are taken from. All signatures
            of one of them compute the same pictures, and get the same ranges, which are those of the largest batches: a
            single picture's say nothing of the next one's.
    """
    worker = _worker(content)
    for operation in OPERATIONS:
        worker.add_static_config(".*", operation, 8, 8, _granularity(operation))
    names, ranges = {}, None
    with _silence():
        for batch in batches:
            for signature, inputs in batch.items():
                found = worker.calibrate({signature: [inputs]}, num_threads=1)
                names[signature] = list(found)
                ranges = _merged(ranges, found.values())
        ranges = {name: at for group in names.values() for name, at in zip(group, ranges, strict=True)}
        return bytes(worker.quantize(ranges, enable_progress_report=False).quantized_model)


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
        with contextlib.redirect_stderr(io.StringIO()), quiet.native_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        logging.disable(before)


MODES = {
    "float32": Mode(lambda content, batches: content, 1e-4, 1e-5),
    "float16": Mode(lambda content, batches: _half(content), 2e-2, 2e-3),
    "int8": Mode(lambda content, batches: _dynamic(content), 0.5, 0.02),
    "int8-static": Mode(_static, 0.8, 0.03),  # for integer hardware
}
