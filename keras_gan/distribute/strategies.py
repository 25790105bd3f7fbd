"""Strategies of `tf.distribute` for one or several machines, and exchange between worker processes."""

import functools
import json
import math
import os
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow.python.distribute.cluster_resolver import slurm_cluster_resolver as slurm

from keras_gan._utils.errors import InputError
from keras_gan.distribute.replicas import several_processes

STRATEGIES = ("auto", "mirrored", "multiworker")
AGREE_STEPS = 10  # steps between two exchanges of `agree`
TF_CONFIG = "TF_CONFIG"
SLURM = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE")
PORT, DEFAULT_PORT = "KERAS_GAN_PORT", 8888  # of the first Slurm task on each node; further tasks use the next ports


def strategy(name: str = "auto", count: int | None = None) -> tf.distribute.Strategy:
    """The `tf.distribute` strategy with a name. Call it before TensorFlow is used for anything else.

    Args:
        name: "auto" for all GPUs where this machine has several, else the default strategy; "mirrored" for the GPUs of
            this machine, or, without GPUs, for several replicas on the CPU, to try a distributed training;
            "multiworker" for several processes, which TF_CONFIG or Slurm describes.
        count: number of replicas of "mirrored"; None for all GPUs, or two on a CPU.

    Raises:
        InputError: for an unknown name, more replicas than GPUs, or a cluster without a description.
    """
    if name not in STRATEGIES:
        raise InputError(
            f"unknown strategy {name!r}; expected one of {', '.join(STRATEGIES)}. Leave --strategy out for auto."
        )
    if count is not None and name != "mirrored":
        raise InputError(
            f"{count} replicas with strategy {name}; expected a number for mirrored only. Use --strategy mirrored."
        )
    if name == "multiworker":
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=_cluster())
    gpus = tf.config.list_physical_devices("GPU")
    if name == "auto" and len(gpus) < 2:
        return tf.distribute.get_strategy()
    return _mirrored(gpus, count)


def _mirrored(gpus, count):
    devices = _gpus(gpus, count) if gpus else _processors(2 if count is None else count)
    return tf.distribute.MirroredStrategy(devices)


def _gpus(gpus, count):
    count = count or len(gpus)
    if not 1 <= count <= len(gpus):
        raise InputError(f"{count} replicas on {len(gpus)} GPUs; expected 1 to {len(gpus)}. Use such a --replicas.")
    return [f"GPU:{i}" for i in range(count)]


def _processors(count):
    if not 1 <= count <= 64:
        raise InputError(f"{count} replicas on a CPU; expected 1 to 64. Use --replicas 2.")
    (processor, *_) = tf.config.list_physical_devices("CPU")
    if len(tf.config.get_logical_device_configuration(processor) or [None]) != count:
        try:
            devices = [tf.config.LogicalDeviceConfiguration()] * count
            tf.config.set_logical_device_configuration(processor, devices)
        except RuntimeError as error:
            raise InputError(
                f"TensorFlow has started already ({error}); expected a strategy before that. Create the strategy first."
            ) from error
    return [f"CPU:{i}" for i in range(count)]


def _cluster():
    if TF_CONFIG in os.environ:
        try:
            described = json.loads(os.environ[TF_CONFIG])
            workers = [w for kind in ("chief", "worker") for w in described["cluster"].get(kind, [])]
            if not workers or described["task"]["type"] not in described["cluster"]:
                raise ValueError("it has no workers")
            described["cluster"][described["task"]["type"]][int(described["task"]["index"])]
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise InputError(
                f"{TF_CONFIG} cannot be read ({type(error).__name__}: {error}); expected "
                '{"cluster": {"worker": ["host:port", …]}, "task": {"type": "worker", "index": 0}}. Use this form.'
            ) from error
        return tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if all(name in os.environ for name in SLURM):
        return _slurm()
    raise InputError(
        f"there is no description of a cluster; expected {TF_CONFIG}, or the variables that Slurm's srun sets. Set "
        f"{TF_CONFIG} in each process, or leave --strategy multiworker out."
    )


def _slurm():
    """A worker for each task of a Slurm step, with all GPUs that the task sees.

    TensorFlow's own resolver is not used: it finds no tasks without GPUs, and it sorts n10 before n9, which does not
    match the ranks.
    """
    rank, count, nodes, tasks = (os.environ[name] for name in SLURM)
    try:
        port, rank = int(os.environ.get(PORT, DEFAULT_PORT)), int(rank)
        nodes_and_tasks = zip(slurm.expand_hostlist(nodes), slurm.expand_tasks_per_node(tasks), strict=True)
        workers = [f"{node}:{port + i}" for node, number in nodes_and_tasks for i in range(number)]
        if not 0 <= rank < len(workers) == int(count):
            raise ValueError(f"there are {len(workers)} tasks on these nodes")
    except ValueError as error:
        variables = ", ".join(f"{name}={os.environ[name]}" for name in (*SLURM, PORT) if name in os.environ)
        raise InputError(
            f"{variables} cannot be used ({error}); expected what srun sets, and a port. Start kgan with srun."
        ) from error
    gpus = len(tf.config.list_physical_devices("GPU"))
    return tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": workers}),
        task_type="worker",
        task_id=rank,
        num_accelerators={"GPU": gpus},
        rpc_layer="grpc",
    )


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes files: the chief, worker 0 where there is no chief, or the only process."""
    resolver = strategy.cluster_resolver
    if resolver is None or not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return True
    kind, index = resolver.task_type, resolver.task_id
    return kind == "chief" or (kind == "worker" and index == 0 and "chief" not in resolver.cluster_spec().jobs)


def agree(strategy: tf.distribute.Strategy, wish: bool, step: int) -> bool:
    """Whether `wish` is true on any worker, with the same answer on all workers at the same step.

    With one process it is `wish`. With several, they exchange it every ten steps, and it is False in between.
    """
    if not several_processes(strategy):
        return wish
    return step % AGREE_STEPS == 0 and bool(_sum(strategy, np.array([float(wish)]))[0])


def from_chief(
    strategy: tf.distribute.Strategy, arrays: Mapping[str, np.ndarray] | None, like: Mapping[str, np.ndarray]
) -> Mapping[str, np.ndarray] | None:
    """Sends the chief's arrays to every worker.

    Args:
        strategy: the strategy.
        arrays: arrays by name, or None, on the chief; ignored on other workers.
        like: arrays with the same names, dtypes and shapes, on every worker.

    Returns:
        The chief's arrays, or None where the chief has None.
    """
    if not several_processes(strategy):
        return arrays
    mine = is_chief(strategy)
    if not _sum(strategy, np.array([float(mine and arrays is not None)]))[0]:
        return None
    sent = arrays if mine else {name: np.zeros_like(array) for name, array in like.items()}
    pieces = [np.frombuffer(np.ascontiguousarray(sent[name]).tobytes(), "uint8") for name in sorted(like)]
    # As floats, which every kind of exchange adds exactly. All workers except the chief add zeros.
    content = _sum(strategy, np.concatenate(pieces)).astype("uint8").tobytes()
    received, start = {}, 0
    for name in sorted(like):
        count = math.prod(like[name].shape)
        received[name] = np.frombuffer(content, like[name].dtype, count, start).reshape(like[name].shape)
        start += received[name].nbytes
    return received


def is_loss_of_worker(strategy: tf.distribute.Strategy, error: tf.errors.OpError) -> bool:
    """Whether an error of an exchange means that another process was lost."""
    lost = (
        tf.errors.UnavailableError,
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.DeadlineExceededError,
    )
    return several_processes(strategy) and (isinstance(error, lost) or "ollective ops is aborted" in error.message)


def _sum(strategy, numbers):
    """The sum of vectors over all workers, float32."""
    result = _exchange(strategy)(tf.constant(numbers, "float32"))
    return strategy.experimental_local_results(result)[0].numpy()


@functools.cache
def _exchange(strategy):
    """A compiled function of a worker's vector to the sum over all workers."""

    def total(numbers):
        context = tf.distribute.get_replica_context()
        # Each process adds its vector once, on its first device.
        first = context.replica_id_in_sync_group % strategy.extended._num_devices_per_worker == 0
        return context.all_reduce("SUM", tf.where(first, numbers, tf.zeros_like(numbers)))

    return tf.function(lambda numbers: strategy.run(total, args=(numbers,)))
