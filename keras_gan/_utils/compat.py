"""Private parts of other libraries, and what older versions of them lack.

Each function names the private part, the public one that it stands in for, and the versions in which it was checked.
Libraries are imported inside the functions, so that importing this module stays light.
"""

import contextlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

# Keras


def all_layers(network, include_self: bool = True) -> list:
    """The layers of a network, those inside wrappers and nested models included.

    Private: `Layer._flatten_layers`. `Model.layers` lists one level, and not what wrappers hold.
    Checked with Keras 3.10.0 and 3.15.1.

    Args:
        network: Keras model or layer.
        include_self: whether the network itself comes first.
    """
    return network._flatten_layers(include_self=include_self)


def is_resizing(operation) -> bool:
    """Whether a layer or an operation of a functional model resizes images.

    Private: the name `Resize` of the class behind `keras.ops.image.resize`, which has no public name.
    Checked with Keras 3.10.0 and 3.15.1.
    """
    return type(operation).__name__ in ("UpSampling2D", "Resizing", "Resize")


def iterations_variable(optimizer):
    """The variable in which an optimizer counts its updates.

    Private: `Optimizer._iterations`. `Optimizer.iterations` is no variable where gradients are accumulated.
    Checked with Keras 3.10.0 and 3.15.1.
    """
    return optimizer._iterations


def learning_rate_or_schedule(optimizer):
    """The schedule that an optimizer follows, or the variable of its learning rate.

    Private: `Optimizer._learning_rate`. `Optimizer.learning_rate` is the present value of a schedule.
    Checked with Keras 3.10.0 and 3.15.1.
    """
    return optimizer._learning_rate


def updated_weights(optimizer) -> list:
    """The weights that an optimizer was built for.

    Private: `Optimizer._trainable_variables`. `Optimizer.variables` are its own alone.
    Checked with Keras 3.10.0 and 3.15.1.
    """
    return optimizer._trainable_variables


def slot(optimizer, slots: list, weight):
    """The variable of an optimizer that belongs to a weight, inside `update_step`.

    Private: `Optimizer._get_variable_index`. `update_step`, which is public, receives the weight in a form that depends
    on the strategy.
    Checked with Keras 3.10.0 and 3.15.1.

    Args:
        optimizer: the optimizer.
        slots: what `add_optimizer_variables` returned.
        weight: the variable that `update_step` received.
    """
    return slots[optimizer._get_variable_index(weight)]


@contextlib.contextmanager
def without_gradient_sum(optimizer) -> Iterator[None]:
    """Inside it, an optimizer does not sum gradients over the replicas of a strategy.

    Private: `Optimizer._all_reduce_sum_gradients`. Keras 3 has no public option for it.
    Checked with Keras 3.10.0 and 3.15.1.
    """
    optimizer._all_reduce_sum_gradients = lambda gradients_and_variables: gradients_and_variables
    try:
        yield
    finally:
        del optimizer._all_reduce_sum_gradients


def draw_keras_seeds_by(randint: Callable[[int, int], int]) -> None:
    """Makes Keras draw the seeds of initializers and layers by this function, in place of Python's `random.randint`.

    Private: the name `python_random` in keras.src.random.seed_generator. `keras.utils.set_random_seed`, which is
    public, replaces the states of Python's `random`, numpy and TensorFlow.
    Checked with Keras 3.10.0 and 3.15.1.

    Args:
        randint: returns an integer between two, both included.
    """
    from keras.src.random import seed_generator

    seed_generator.python_random = SimpleNamespace(randint=randint)


def callbacks_update_several_optimizers() -> bool:
    """Whether Keras's own callbacks update each of `model.optimizer.optimizers`, as they do since Keras 3.15.

    ReduceLROnPlateau, LearningRateScheduler and SwapEMAWeights came to do so together with
    `keras.optimizers.MultiOptimizer`. Checked with Keras 3.10.0, 3.14.1 and 3.15.1.
    """
    import keras

    return hasattr(keras.optimizers, "MultiOptimizer")


def depth_to_space(x, block_size: int):
    """Channels to blocks of pixels: (batch, h, w, block_size² · c) to (batch, block_size · h, block_size · w, c).

    `keras.ops.depth_to_space`, which Keras has had since 3.14, or the same by reshaping and transposing.

    Args:
        x: tensor or `KerasTensor`, channels last, of known height and width.
        block_size: side of a block.
    """
    from keras import ops

    return ops.depth_to_space(x, block_size) if hasattr(ops, "depth_to_space") else blocks_of_channels(x, block_size)


def space_to_depth(x, block_size: int):
    """Blocks of pixels to channels, the inverse of `depth_to_space`.

    `keras.ops.space_to_depth`, which Keras has had since 3.14, or the same by reshaping and transposing.

    Args:
        x: tensor or `KerasTensor`, channels last, whose known height and width are multiples of `block_size`.
        block_size: side of a block.
    """
    from keras import ops

    return ops.space_to_depth(x, block_size) if hasattr(ops, "space_to_depth") else channels_of_blocks(x, block_size)


def blocks_of_channels(x, block_size: int):
    """`depth_to_space` where Keras has no operation for it."""
    from keras import ops

    _, height, width, channels = x.shape
    b, depth = block_size, channels // block_size**2
    x = ops.reshape(x, (-1, height, width, b, b, depth))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # (batch, h, row in block, w, column in block, depth)
    return ops.reshape(x, (-1, height * b, width * b, depth))


def channels_of_blocks(x, block_size: int):
    """`space_to_depth` where Keras has no operation for it."""
    from keras import ops

    _, height, width, channels = x.shape
    b = block_size
    x = ops.reshape(x, (-1, height // b, b, width // b, b, channels))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # (batch, h / b, w / b, row in block, column in block, channels)
    return ops.reshape(x, (-1, height // b, width // b, b * b * channels))


# TensorFlow


def is_op_determinism_enabled() -> bool:
    """Whether `tf.config.experimental.enable_op_determinism` was called, which has no public counterpart that asks.

    Private: `tensorflow.python.framework.config.is_op_determinism_enabled`.
    Checked with TensorFlow 2.19.0 and 2.21.0.
    """
    from tensorflow.python.framework import config

    return config.is_op_determinism_enabled()


def slurm_nodes(nodes: str) -> list[str]:
    """The names in a list of nodes as Slurm writes it: "n[1-2],m5" gives n1, n2, m5.

    Private: `expand_hostlist` of TensorFlow's resolver. `tf.distribute.cluster_resolver.SlurmClusterResolver`, which
    calls it, finds no tasks where there are no GPUs. Raises ValueError where it is no such list.
    Checked with TensorFlow 2.19.0 and 2.21.0.
    """
    from tensorflow.python.distribute.cluster_resolver import slurm_cluster_resolver

    return slurm_cluster_resolver.expand_hostlist(nodes)


def slurm_tasks(tasks: str) -> list[int]:
    """The numbers of tasks on each node as Slurm writes them: "2(x3),1" gives 2, 2, 2, 1.

    Private: `expand_tasks_per_node`, as `slurm_nodes`. Raises ValueError where these are none.
    Checked with TensorFlow 2.19.0 and 2.21.0.
    """
    from tensorflow.python.distribute.cluster_resolver import slurm_cluster_resolver

    return slurm_cluster_resolver.expand_tasks_per_node(tasks)


def spans_processes(strategy) -> bool:
    """Whether the workers of a `tf.distribute.MultiWorkerMirroredStrategy` are several processes.

    Private: `extended._in_multi_worker_mode`. The strategy's public class is the same for a single worker.
    Checked with TensorFlow 2.19.0 and 2.21.0.
    """
    return strategy.extended._in_multi_worker_mode()


def devices_per_process(strategy) -> int:
    """The number of replicas of a `tf.distribute.MultiWorkerMirroredStrategy` in one process.

    Private: `extended._num_devices_per_worker`. `num_replicas_in_sync` counts those of all processes.
    Checked with TensorFlow 2.19.0 and 2.21.0.
    """
    return strategy.extended._num_devices_per_worker


# Streamlit

STREAMLIT_UPLOADS = "/_stcore/upload_file"  # path of uploads, which has no public name; checked with Streamlit 1.67.0
# The element of Streamlit's page that its scripts fill, in place of a public way to show a text until they have loaded;
# checked with Streamlit 1.67.0. Where it is missing, the page stays empty for a moment.
STREAMLIT_ROOT = b'<div id="root"></div>'


def set_streamlit_options(options: dict[str, Any]) -> None:
    """Sets options of Streamlit over those of the user's configuration files.

    Private: `streamlit.web.bootstrap.load_config_options`. `streamlit.set_option` refuses the options of the server.
    Checked with Streamlit 1.67.0.

    Args:
        options: values by name, such as "server.maxUploadSize".
    """
    from streamlit.web import bootstrap

    bootstrap.load_config_options(options)


# LiteRT


def litert_schema():
    """The module with the tables of a .tflite file: `Model` to read it in place, `TensorT` and kin to change it.

    Private: `ai_edge_litert.schema_py_generated`, generated from LiteRT's schema. No public module reads the metadata
    or the operations of a file.
    Checked with ai-edge-litert 2.3.0.
    """
    from ai_edge_litert import schema_py_generated

    return schema_py_generated


def read_tflite(content: bytes):
    """The `ModelT` of a .tflite file, with the weights that newer files store outside the flatbuffer.

    Private: `ai_edge_litert.tools.flatbuffer_utils.read_model_from_bytearray`. No public module changes a file.
    Checked with ai-edge-litert 2.3.0.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    return flatbuffer_utils.read_model_from_bytearray(bytearray(content))


def write_tflite(model) -> bytes:
    """The .tflite file of a `ModelT`, the inverse of `read_tflite`.

    Private: `ai_edge_litert.tools.flatbuffer_utils.convert_object_to_bytearray`.
    Checked with ai-edge-litert 2.3.0.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def interpreter_operations(interpreter) -> list[dict[str, Any]]:
    """The operations of an interpreter's first graph in order, as dicts of "index", "op_name", "inputs" and "outputs".

    A delegate is an operation named "DELEGATE"; the operations that it computes stay in the list.

    Private: `Interpreter._get_ops_details`. `tf.lite.experimental.Analyzer` prints a text, and no delegates.
    Checked with ai-edge-litert 2.3.0.
    """
    return interpreter._get_ops_details()
