"""How fast this machine multiplies, and how many multiplications a training step takes."""

import math
import statistics
import time

import tensorflow as tf

from keras_gan.distribute import precision

MATMUL_SIDES, MATMUL_REPEATS = (1024, 2048, 4096), 5


def matmul_rate() -> tuple[str, float]:
    """The dtype this package computes in here, and FLOP/s of the fastest of some square matrix products in it."""
    dtype = "bfloat16" if precision.policy()[0] == "mixed_bfloat16" else "float32"
    return dtype, max(_square_rate(tf.cast(tf.random.normal((side, side)), dtype)) for side in MATMUL_SIDES)


def _square_rate(matrix):
    times = []
    for _ in range(MATMUL_REPEATS):
        start = time.perf_counter()
        (matrix @ matrix).numpy()  # waits for the result
        times.append(time.perf_counter() - start)
    return 2 * matrix.shape[0] ** 3 / statistics.median(times)


def _macs(operation):
    """Multiplications, each with an addition, of one operation of a TensorFlow graph; 0 of all others."""
    shapes = [tensor.shape.as_list() if tensor.shape.rank else [] for tensor in operation.inputs]
    if operation.type == "Conv2D":
        return math.prod(operation.outputs[0].shape) * math.prod(shapes[1][:3])
    if operation.type == "Conv2DBackpropInput":
        return math.prod(shapes[2]) * math.prod(shapes[1][:3])
    if operation.type == "Conv2DBackpropFilter":
        return math.prod(shapes[2]) * math.prod(operation.outputs[0].shape[:3])
    if operation.type == "MatMul":
        return math.prod(operation.outputs[0].shape) * shapes[0][0 if operation.get_attr("transpose_a") else 1]
    if operation.type in ("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"):
        return math.prod(operation.outputs[0].shape) * shapes[0][-2 if operation.get_attr("adj_x") else -1]
    return 0


def flops(gan, batch) -> int:
    """Floating-point operations of the convolutions and matrix products in one step on a `tf.TensorSpec`."""
    graph = tf.function(gan.train_step).get_concrete_function(batch).graph
    return 2 * sum(map(_macs, _executed(graph)))


def _executed(graph):
    """Operations that results or assignments depend on: tapes also leave gradients that nobody asks for."""
    found, waiting = set(), [*(tensor.op for tensor in graph.outputs), *graph.control_outputs]
    while waiting:
        operation = waiting.pop()
        if operation not in found:
            found.add(operation)
            waiting += [*(tensor.op for tensor in operation.inputs), *operation.control_inputs]
    return found
