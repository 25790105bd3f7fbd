"""Which devices and machines train together, and what several processes have to tell one another."""

import functools
import json
import math
import os
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from keras_gan._utils import compat
from keras_gan._utils.errors import InputError
from keras_gan.distribute.replicas import several_processes

STRATEGIES = ("auto", "mirrored", "multiworker")
AGREE_STEPS = 10  # steps between the moments at which workers ask one another
TF_CONFIG = "TF_CONFIG"
SLURM = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE")
PORT, DEFAULT_PORT = "KERAS_GAN_PORT", 8888  # of Slurm's workers, on each node, and the next ones for more tasks there


def strategy(name: str = "auto", count: int | None = None) -> tf.distribute.Strategy:
    """The `tf.distribute` strategy of a name; it must come before anything else that TensorFlow does.

    Args:
        name: "auto" for all GPUs of this machine where it has several, and nothing else otherwise; "mirrored" for the
            GPUs of this machine, or, where it has none, for as many replicas on its processor, as a rehearsal;
            "multiworker" for several processes, each of which is told of the others by TF_CONFIG, or by Slurm.
        count: replicas of "mirrored"; None for all GPUs, or two on a processor.

    Raises:
        InputError: for an unknown name, more replicas than GPUs, or a cluster that is not described.
    """
    if name not in STRATEGIES:
        raise InputError(f"unknown strategy {name!r}; expected one of {', '.join(STRATEGIES)}; leave --strategy out")
    if count is not None and name != "mirrored":
        raise InputError(f"{count} replicas of {name}; expected a number for mirrored only; give --strategy mirrored")
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
        raise InputError(f"{count} replicas on {len(gpus)} GPUs; expected 1 to {len(gpus)}; give --replicas so")
    return [f"GPU:{i}" for i in range(count)]


def _processors(count):
    if not 1 <= count <= 64:
        raise InputError(f"{count} replicas on a processor; expected 1 to 64; give --replicas 2")
    (processor, *_) = tf.config.list_physical_devices("CPU")
    if len(tf.config.get_logical_device_configuration(processor) or [None]) != count:
        try:
            devices = [tf.config.LogicalDeviceConfiguration()] * count
            tf.config.set_logical_device_configuration(processor, devices)
        except RuntimeError as error:
            raise InputError(f"TensorFlow has started; expected the strategy before ({error})") from error
    return [f"CPU:{i}" for i in range(count)]


def _cluster():
    if TF_CONFIG in os.environ:
        try:
            described = json.loads(os.environ[TF_CONFIG])
            workers = [w for kind in ("chief", "worker") for w in described["cluster"].get(kind, [])]
            if not workers or described["task"]["type"] not in described["cluster"]:
                raise ValueError("it names no workers")
            described["cluster"][described["task"]["type"]][int(described["task"]["index"])]
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise InputError(
                f"{TF_CONFIG} cannot be read ({type(error).__name__}: {error}); expected "
                '{"cluster": {"worker": ["host:port", …]}, "task": {"type": "worker", "index": 0}}; mend it'
            ) from error
        return tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if all(name in os.environ for name in SLURM):
        return _slurm()
    raise InputError(
        f"no cluster is described: neither {TF_CONFIG} nor a step of Slurm's (srun); expected one; set {TF_CONFIG} for "
        "each process, or leave --strategy multiworker out"
    )


def _slurm():
    """A worker for each task of a step of Slurm's, with all GPUs that it sees.

    Not by TensorFlow's own resolver: it finds no tasks where there are no GPUs, and takes n10 before n9, against ranks.
    """
    rank, count, nodes, tasks = (os.environ[name] for name in SLURM)
    try:
        port, rank = int(os.environ.get(PORT, DEFAULT_PORT)), int(rank)
        places = zip(compat.slurm_nodes(nodes), compat.slurm_tasks(tasks), strict=True)
        workers = [f"{node}:{port + i}" for node, number in places for i in range(number)]
        if not 0 <= rank < len(workers) == int(count):
            raise ValueError(f"{len(workers)} tasks on these nodes")
    except ValueError as error:
        given = ", ".join(f"{name}={os.environ[name]}" for name in (*SLURM, PORT) if name in os.environ)
        raise InputError(f"{given} ({error}); expected what srun sets, and a port; start kgan by srun") from error
    gpus = len(tf.config.list_physical_devices("GPU"))
    return tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": workers}),
        task_type="worker",
        task_id=rank,
        num_accelerators={"GPU": gpus},
        rpc_layer="grpc",
    )


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that writes: the chief, or worker 0 where there is none; the only one, alone."""
    resolver = strategy.cluster_resolver
    if resolver is None or not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return True
    kind, index = resolver.task_type, resolver.task_id
    return kind == "chief" or (kind == "worker" and index == 0 and "chief" not in resolver.cluster_spec().jobs)


def agree(strategy: tf.distribute.Strategy, wish: bool, step: int) -> bool:
    """Whether any worker wishes it; all get the same answer at the same step, which is why they may have to wait.

    Alone, what is wished. With others, they ask one another every ten steps, and False in between.
    """
    if not several_processes(strategy):
        return wish
    return step % AGREE_STEPS == 0 and bool(_sum(strategy, np.array([float(wish)]))[0])


def from_chief(
    strategy: tf.distribute.Strategy, arrays: Mapping[str, np.ndarray] | None, like: Mapping[str, np.ndarray]
) -> Mapping[str, np.ndarray] | None:
    """The chief's arrays, or its None, on every worker; each gives what it has, and names, dtypes, shapes in `like`."""
    if not several_processes(strategy):
        return arrays
    mine = is_chief(strategy)
    if not _sum(strategy, np.array([float(mine and arrays is not None)]))[0]:
        return None
    sent = arrays if mine else {name: np.zeros_like(array) for name, array in like.items()}
    pieces = [np.frombuffer(np.ascontiguousarray(sent[name]).tobytes(), "uint8") for name in sorted(like)]
    # As floats, which every kind of exchange adds exactly: the others' are all 0.
    told = _sum(strategy, np.concatenate(pieces)).astype("uint8").tobytes()
    received, start = {}, 0
    for name in sorted(like):
        count = math.prod(like[name].shape)
        received[name] = np.frombuffer(told, like[name].dtype, count, start).reshape(like[name].shape)
        start += received[name].nbytes
    return received


def is_loss_of_worker(strategy: tf.distribute.Strategy, error: tf.errors.OpError) -> bool:
    """Whether an error is what an exchange ends with where another process has gone."""
    gone = (
        tf.errors.UnavailableError,
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.DeadlineExceededError,
    )
    return several_processes(strategy) and (isinstance(error, gone) or "ollective ops is aborted" in error.message)


def _sum(strategy, numbers):
    """The sum over all workers of vectors, float32."""
    result = _exchange(strategy)(tf.constant(numbers, "float32"))
    return strategy.experimental_local_results(result)[0].numpy()


@functools.cache
def _exchange(strategy):
    """A compiled function from a worker's vector to the sum over all."""

    def total(numbers):
        context = tf.distribute.get_replica_context()
        # One voice for each process, whatever devices it has.
        first = context.replica_id_in_sync_group % compat.devices_per_process(strategy) == 0
        return context.all_reduce("SUM", tf.where(first, numbers, tf.zeros_like(numbers)))

    return tf.function(lambda numbers: strategy.run(total, args=(numbers,)))
