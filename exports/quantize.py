"""Quantization of a .tflite: weights of 16 or 8 bits, and activations of 8 bits.

ai-edge-quantizer stores the weights of a few operations as int8; these take nearly all of the file and of the time.
Other large constants become float16 (`storage`). The arithmetic that makes latents from seeds stays float32, since
rounding it would change every image.
"""

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from keras_gan._utils import compat, silence
from keras_gan.exports import edge, operations, storage

# Operations that have int8 kernels in XNNPACK. A depthwise convolution has a static one only, and few weights.
DYNAMIC = ("CONV_2D", "FULLY_CONNECTED", "CONV_2D_TRANSPOSE", "BATCH_MATMUL")
SMALL_SHARE = 0.02  # of all weights, below which the last layer keeps more bits
STATIC = ("CONV_2D", "FULLY_CONNECTED", "CONV_2D_TRANSPOSE", "DEPTHWISE_CONV_2D")
SEEDED = tuple(name for name in edge.SIGNATURES if edge.first_input(name) == edge.SEED)


@dataclass(frozen=True)
class Mode:
    """How a .tflite stores its weights, and the allowed differences of its outputs, in [-1, 1], from Keras's."""

    # From the float32 file and the batches for the ranges (see `_static`) to the file in this mode.
    apply: Callable[[bytes, Iterable[dict]], bytes]
    largest_error: float
    mean_error: float
    percentile_error: float  # the 99.9th percentile
    apply_tuned: Callable[[bytes, Iterable[dict]], bytes] | None = None  # after fine-tuning; None for `apply`
    remedy: str = "Use quantize=float32 (--quantize float32)"  # where the errors are too large


def _half(content: bytes) -> bytes:
    """A .tflite with float16 weights. The converter's own float16 mode would round the constants of the noise, too."""
    return storage.halve(content, SEEDED)


def _dynamic(content: bytes, precise_ends: bool = False) -> bytes:
    """A .tflite with int8 weights, from a float32 one. Activations are quantized while it runs.

    Args:
        content: the float32 .tflite.
        precise_ends: whether the first dense layer computes in float32 from its int8 weights, and the last layer has
            float16 weights where these are a small part of all weights. These two layers cause half of the error; so
            computed, they take a quarter more time.
    """
    worker = _worker(content)
    for operation in DYNAMIC:
        worker.add_dynamic_config(".*", operation, 8, _granularity(operation))
    for (operation, first), last in _ends(content) if precise_ends else ():
        if operation == "FULLY_CONNECTED":
            worker.add_weight_only_config(_exactly(first), operation, 8, _granularity(operation))
        if last:
            worker.update_quantization_recipe(_exactly(last), "*", algorithm_key="no_quantize")
    with _silence():
        return _half(bytes(worker.quantize(enable_progress_report=False).quantized_model))


def _static(content: bytes, batches: Iterable[dict[str, dict[str, np.ndarray]]]) -> bytes:
    """A .tflite with int8 weights and activations, from a float32 one.

    Args:
        content: the float32 .tflite.
        batches: signature -> inputs, several times. They give the ranges of the activations. All signatures get the
            same ranges, taken over all batches, since the ranges of one picture do not fit the next.
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


def _ends(content):
    """For each graph, its first operation with weights, as (name, name of its result), and the last one's result.

    The result is None where the last operation's weights are more than `SMALL_SHARE` of all weights.
    """
    model = compat.read_tflite(content)
    for graph in model.subgraphs:
        weighted = [(operations.name_of(model, one), one) for one in graph.operators]
        weighted = [(name, one) for name, one in weighted if name in storage.WEIGHTED]
        if not weighted:
            continue
        sizes = [int(np.prod(graph.tensors[one.inputs[1]].shape)) for _, one in weighted]
        results = [storage.name_of(graph.tensors[one.outputs[0]]) for _, one in weighted]
        yield (weighted[0][0], results[0]), results[-1] if sizes[-1] <= SMALL_SHARE * sum(sizes) else None


def _exactly(name):
    """A regular expression for the operation with a result of this name; the quantizer puts a semicolon behind it."""
    return f"^{re.escape(name)};?$"


def _worker(content):
    from ai_edge_quantizer.quantizer import Quantizer

    return Quantizer(bytearray(content))


def _merged(before, found):
    """The smallest ranges that hold both. The graphs of all signatures list their tensors in the same order."""
    if before is None:
        return list(found)
    return [
        {"min": np.minimum(a["min"], b["min"]), "max": np.maximum(a["max"], b["max"])}
        for a, b in zip(before, found, strict=True)
    ]


def _granularity(operation):
    """One scale per channel, but one per tensor in a dense layer: it has thousands of units, a scale takes 12 bytes,
    and more scales make it no more precise (benchmarks/RESULTS.md)."""
    from ai_edge_quantizer.qtyping import QuantGranularity

    return QuantGranularity.TENSORWISE if operation == "FULLY_CONNECTED" else QuantGranularity.CHANNELWISE


@contextlib.contextmanager
def _silence():
    """Silences the quantizer's progress bars and warnings.

    It warns that it preserves all tensors, as it is asked to, and that it writes a weight again for every signature,
    which gives the same numbers, since all signatures have the same ranges.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stderr(io.StringIO()), silence.silence_native_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        logging.disable(before)


INT8_STATIC = "int8-static"
EIGHT_BITS = "int8", INT8_STATIC
TUNE = "Use tune_steps=6000 (--tune 6000), which lowers the errors"
TUNE_OR_FLOAT = f"{TUNE}, or quantize=float32 (--quantize float32)"
# The bounds of the 99.9th percentile follow from measurements of trained and random generators, of this package and of
# Keras's tutorial: up to 3e-6 in float32, 4e-3 in float16, 0.10 in int8, 0.12 in int8-static (benchmarks/RESULTS.md).
MODES = {
    "float32": Mode(lambda content, batches: content, 1e-4, 1e-5, 5e-5, remedy="Change the layers that differ"),
    "float16": Mode(lambda content, batches: _half(content), 2e-2, 2e-3, 1e-2),
    # The largest errors are of single pixels, at the edges of drawn faces; the percentiles limit how many there are.
    "int8": Mode(
        lambda content, batches: _dynamic(content),
        0.8,
        0.02,
        0.2,
        lambda content, batches: _dynamic(content, True),
        TUNE_OR_FLOAT,
    ),
    INT8_STATIC: Mode(_static, 0.8, 0.03, 0.3, remedy=TUNE_OR_FLOAT),  # for integer hardware
}
