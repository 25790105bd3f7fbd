"""What training together costs: two replicas or workers against one, and on paper 8, 64 and 512 GPUs.

    python benchmarks/scaling.py                    # writes scaling.json; ten minutes on two idle cores
    python benchmarks/scaling.py --paper            # only what can be counted without a clock

The default recipe on 28×28 grey images, at the same global batch in four ways that take turns, round by round: alone on
two cores; two replicas in one process; two workers, one core each, which talk over loopback; and two processes of half
the batch each, which share nothing. The last pays for smaller batches as the workers do, and for nothing else: what
the workers cost beyond it is what distribution costs. A worker's exchanges are also timed by themselves.

The model on paper takes what is counted here (arithmetic, operations, exchanges and bytes of a step) and facts about
GPUs and networks that others state, below as constants. No GPU was measured for it: it says what would limit, not how
fast it would be. Reading data, waiting for the slowest GPU and what callbacks ask are not in it. Its one GPU works
without XLA, as several do; by XLA (`distribute.precision`) one GPU starts fewer operations, and small networks would
gain less from a second GPU than it says.
"""

import contextlib
import functools
import json
import math
import os
import socket
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import step

from keras_gan._utils import files
from keras_gan.presets import DEFAULT_PRESET

WARM_UP_STEPS, LEAST_STEPS = 3, 5
CHAIN, REPEATS = 10, 20  # exchanges in one call, and calls
SEED = 0

# The GPU on paper: an H100 SXM of NVIDIA's (data sheet), eight in a machine as in a DGX H100, which gives each GPU an
# InfiniBand port of its own (data sheet).
RATE = 989e12  # FLOP/s of matrix products in bfloat16, without sparsity
SHARE = 0.3  # of it that training reaches: assumed; on a CPU this package reaches a third (RESULTS.md)
LAUNCH_S = 5e-6  # between the starts of two operations that are not compiled together: assumed
MACHINE_GPUS = 8
NVLINK = 450e9  # bytes/s of a GPU, each way
INFINIBAND = MACHINE_GPUS * 50e9  # bytes/s of a machine, each way: ports of 400 Gb/s
# How NCCL estimates its own exchanges (src/graph/tuning.cc of 2.2x), in LL128, where 120 of 128 bytes are data.
PAYLOAD = 120 / 128
BASE_S = 14e-6
RING_S, RING_NETWORK_S = 1.9e-6, 4.0e-6  # of one hop inside a machine, and between two
TREE_S, TREE_NETWORK_S = 1.25e-6, 8.5e-6
GPUS = (8, 64, 512)
DEFAULT, R3GAN = "default, 28×28", "r3gan, 32×32"
BATCHES = {DEFAULT: (32, 32, 512), R3GAN: (64, 512)}  # images of a GPU, then of all together


# ways of training -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """How the two cores train."""

    label: str
    strategy: str = "auto"
    processes: int = 1

    @property
    def together(self) -> bool:
        """Whether its processes train one GAN."""
        return self.processes == 1 or self.strategy == "multiworker"


WAYS = {
    "alone": Way("alone, on both cores"),
    "mirrored": Way("two replicas in one process", "mirrored"),
    "workers": Way("two workers, one core each", "multiworker", 2),
    "halves": Way("two processes of half the batch, nothing shared", processes=2),
}


# what runs in a process of its own -----------------------------------------------------------------------------


class Trainer:
    """One process of a way: a GAN, its strategy and its batches."""

    def __init__(self, strategy, batch_size, cluster):
        from keras_gan import data, distribute
        from keras_gan.distribute import precision

        if cluster:
            os.environ["TF_CONFIG"] = json.dumps(cluster)
        precision.use_threads()
        self.strategy = distribute.strategy(strategy)
        with self.strategy.scope():
            self.gan = step.default_gan(precision.policy()[0])
        source = data.open_source("digits", step.IMAGE_SHAPE[:2])
        alone = self.strategy.num_replicas_in_sync == 1
        read = data.batches if alone else functools.partial(data.distributed_batches, self.strategy)
        self.batches = read(source, batch_size, SEED)

    def step_s(self, steps):
        """Seconds of a training step, mean of `steps` after some that are not timed."""
        import keras

        ends = []
        lap = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter()))
        count = WARM_UP_STEPS + steps
        self.gan.fit(self.batches, steps_per_epoch=count, shuffle=False, verbose=0, callbacks=[lap])
        return (ends[-1] - ends[WARM_UP_STEPS - 1]) / steps

    def exchange_s(self, numbers):
        """Seconds of one exchange of so many float32 numbers, median of calls in each of which one follows another."""
        import tensorflow as tf

        def chain(x):
            x = tf.identity(x)  # on this replica's device
            for _ in range(CHAIN):
                x = 0.5 * tf.distribute.get_replica_context().all_reduce("SUM", x)
            return x[:1]

        call, start = tf.function(lambda x: self.strategy.run(chain, args=(x,))), tf.ones(numbers)
        times = []
        for _ in range(1 + REPEATS):
            before = time.perf_counter()
            self.strategy.experimental_local_results(call(start))[0].numpy()
            times.append((time.perf_counter() - before) / CHAIN)
        return statistics.median(times[1:])  # the first built it

    def exchanges(self):
        """Bytes of each exchange between workers in one training step, as its graph has them."""
        import tensorflow as tf

        @tf.function
        def one_step(iterator):
            self.strategy.run(self.gan.train_step, args=(next(iterator),))

        graph = one_step.get_concrete_function(iter(self.batches)).graph
        sent = [op.inputs[0] for op in graph.get_operations() if op.type.startswith("CollectiveReduce")]
        return [tensor.shape.num_elements() * tensor.dtype.size for tensor in sent]


_trainer = []  # of this process, which has one


def start(strategy, batch_size, cluster):
    """Builds the trainer of this process."""
    _trainer[:] = [Trainer(strategy, batch_size, cluster)]


def ask(name, *arguments):
    """What a method of this process's trainer returns."""
    return getattr(_trainer[0], name)(*arguments)


# the measurement ------------------------------------------------------------------------------------------------


def free_ports(count):
    """Ports of this machine at which nobody listens."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("localhost", 0))
        return [one.getsockname()[1] for one in sockets]


class Team:
    """The processes of a way, asked all at once."""

    def __init__(self, way, batch_size, cores, stack):
        sets = [cores] if way.processes == 1 else [[core] for core in cores]
        self.calls = [stack.enter_context(step.process(some)) for some in sets]
        self.threads = stack.enter_context(ThreadPoolExecutor(len(self.calls)))
        self.size = batch_size if way.together else batch_size // way.processes
        self.images = batch_size  # of one step of all processes
        workers = [f"localhost:{port}" for port in free_ports(way.processes)]
        clusters = [{"cluster": {"worker": workers}, "task": {"type": "worker", "index": i}} for i in range(len(sets))]
        clusters = clusters if way.strategy == "multiworker" else [None] * len(sets)
        list(
            self.threads.map(lambda call, cluster: call(start, way.strategy, self.size, cluster), self.calls, clusters)
        )

    def ask(self, name, *arguments):
        """The mean of what all answer, where they answer numbers; else the first's answer."""
        answers = list(self.threads.map(lambda call: call(ask, name, *arguments), self.calls))
        return statistics.mean(answers) if isinstance(answers[0], float) else answers[0]


def measure(batch_size, cores, rounds, seconds):
    """Images/s of each way, round by round, and what an exchange costs in the two that exchange."""
    with contextlib.ExitStack() as stack:
        teams = {name: Team(way, batch_size, cores, stack) for name, way in WAYS.items()}
        # The first fit builds everything; the second says how many steps fill the time.
        for team in teams.values():
            team.ask("step_s", LEAST_STEPS)
        counts = {n: max(LEAST_STEPS, round(seconds / t.ask("step_s", LEAST_STEPS))) for n, t in teams.items()}
        speeds = {name: [] for name in teams}
        for number in range(rounds):
            for name, team in teams.items():
                speeds[name].append(team.images / team.ask("step_s", counts[name]))
            click.echo(f"batch {batch_size}: round {number + 1} of {rounds}", err=True)
        exchanges = teams["workers"].ask("exchanges")
        d, g = (sent // 4 for sent in sorted(exchanges)[-2:])  # D is the smaller network
        sizes = {"one number": 1, f"D's gradient, {4e-6 * d:.1f} MB": d, f"G's, {4e-6 * g:.1f} MB": g}
        times = {
            name: {label: teams[name].ask("exchange_s", numbers) for label, numbers in sizes.items()}
            for name in ("mirrored", "workers")
        }
    return {"batch_size": batch_size, "images_per_s": speeds, "exchanges": exchanges, "exchange_s": times}


def overhead(row, way, base) -> float:
    """What an image costs more in one way than in another, median of the rounds' ratios."""
    speeds = row["images_per_s"]
    return statistics.median(b / w for w, b in zip(speeds[way], speeds[base], strict=True)) - 1


# the model on paper -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Game:
    """What one training step asks of a machine."""

    name: str
    flops_per_image: float
    operations: int  # whatever the batch
    exchanges: tuple[int, ...]  # bytes


def exchange(sent: int, gpus: int) -> tuple[float, float]:
    """Seconds of one all-reduce of `sent` bytes: of its hops, and of the bytes; by a ring or a tree, as is faster."""
    if gpus == 1:
        return 0.0, 0.0
    machines = math.ceil(gpus / MACHINE_GPUS)
    bandwidth = PAYLOAD * (NVLINK if machines == 1 else min(NVLINK, INFINIBAND))
    between = 2 * (machines - 1)
    ring = BASE_S + (2 * (gpus - 1) - between) * RING_S + between * RING_NETWORK_S
    tree = BASE_S + 2 * ((gpus / machines - 1) * TREE_S + math.log2(machines) * TREE_NETWORK_S)
    return min((ring, 2 * (gpus - 1) / gpus * sent / bandwidth), (tree, 2 * sent / bandwidth), key=sum)


def parts(game: Game, gpus: int, images: float) -> dict[str, float]:
    """Seconds of a step on so many GPUs with so many images each; the first two overlap, the others come on top.

    Each exchange waits for the whole gradient, and the update waits for the exchange: nothing hides it.
    """
    hops, sent = zip(*(exchange(size, gpus) for size in game.exchanges), strict=True)
    return {
        "arithmetic": game.flops_per_image * images / (RATE * SHARE),
        "launches": game.operations * LAUNCH_S,
        "hops": sum(hops),
        "bytes": sum(sent),
    }


def step_s(seconds: dict[str, float]) -> float:
    """Seconds of a step from its parts."""
    return max(seconds["arithmetic"], seconds["launches"]) + seconds["hops"] + seconds["bytes"]


def estimate(game: Game, gpus: int, images: float) -> dict:
    """A line of the model: a step of so many GPUs with so many images each.

    `efficiency` is the speed of a GPU against that of a single one with the same batch; `speedup` is that of all GPUs
    against a single one with all the images.
    """
    seconds = parts(game, gpus, images)
    taken = step_s(seconds)
    return {
        "game": game.name,
        "gpus": gpus,
        "images": images,
        "seconds": seconds,
        "efficiency": step_s(parts(game, 1, images)) / taken,
        "speedup": step_s(parts(game, 1, images * gpus)) / taken,
        "limit": max(seconds, key=seconds.get),
    }


def estimates(game: Game) -> Iterator[dict]:
    """Lines for a fixed batch of each GPU, and for a fixed batch of all, down to one image a GPU."""
    weak, *strong = BATCHES[game.name]
    for gpus in GPUS:
        yield estimate(game, gpus, weak) | {"fixed": "a GPU"}
    for images in strong:
        for gpus in (count for count in GPUS if count <= images):
            yield estimate(game, gpus, images / gpus) | {"fixed": "in all"}


LOGGED = 5  # values that travel with G's gradient: two losses, the penalty, the accuracy and the gap
# Operations of a graph that start no kernel, or hand on a tensor as it is.
FREE = {"Const", "Identity", "IdentityN", "NoOp", "Placeholder", "ReadVariableOp", "Reshape", "Shape", "StridedSlice"}
FREE |= {"Arg", "_Arg", "_Retval", "ExpandDims", "Squeeze", "Pack", "Unpack", "If", "StatelessIf", "VarHandleOp"}


def game(name, preset, shape) -> Game:
    """What a preset's step asks for at a shape, counted in its graph in this process."""
    import machine
    import tensorflow as tf

    from keras_gan import training
    from keras_gan._utils.choices import AUTO
    from keras_gan.config import TrainConfig

    images = 32
    config = TrainConfig("digits", preset=preset, batch_size=images, augment=False)
    gan = training.build(config, shape, 1)
    batch = tf.TensorSpec((images, *shape))
    graph = tf.function(gan.train_step).get_concrete_function(batch).graph
    inside = [node.op for function in graph.as_graph_def().library.function for node in function.node_def]
    operations = [operation.type for operation in machine._executed(graph)] + inside
    # `distribute.replicas`: γ from the mean image and a number; each gradient with its loss, G's with the five values
    # that are logged too. All are float32.
    gamma = [4 * (math.prod(shape) + 1)] if AUTO in config.penalties.values() else []
    weights = (sum(math.prod(w.shape) for w in n.trainable_variables) for n in (gan.discriminator, gan.generator))
    d, g = (4 * (count + 1) for count in weights)
    sent = (*(config.discriminator_steps * [*gamma, d]), g + 4 * LOGGED)
    return Game(name, machine.flops(gan, batch) / images, sum(op not in FREE for op in operations), sent)


def games() -> list[Game]:
    """The workloads of the model, the one that is measured first."""
    return [game(DEFAULT, DEFAULT_PRESET, step.IMAGE_SHAPE), game(R3GAN, "r3gan", (32, 32, 3))]


# tables in Markdown -----------------------------------------------------------------------------------------------


def table(columns, rows) -> str:
    """A table, with the columns after the first right-aligned."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def measured_table(rows) -> str:
    """What two replicas, workers or processes cost beside one process."""
    lines = []
    for row in rows:
        for name, way in WAYS.items():
            speeds = row["images_per_s"][name]
            more = ["" if name == base else f"{100 * overhead(row, name, base):+.0f} %" for base in ("alone", "halves")]
            if name == "alone":
                more[1] = ""
            speed = f"{statistics.median(speeds):.0f} ({min(speeds):.0f} to {max(speeds):.0f})"
            lines.append([way.label, row["batch_size"], speed, *more])
    return table(["way", "global batch", "images/s", "cost of an image, to alone", "to nothing shared"], lines)


def exchange_table(rows) -> str:
    """What one exchange takes here."""
    lines = [
        [WAYS[name].label, row["batch_size"], *(f"{1e3 * seconds:.2f} ms" for seconds in times.values())]
        for row in rows
        for name, times in row["exchange_s"].items()
    ]
    return table(["one exchange", "global batch", *rows[0]["exchange_s"]["workers"]], lines)


def asked_table(found) -> str:
    """What a step asks for on each GPU."""
    lines = [
        [
            one.name,
            f"{one.flops_per_image / 1e9:.2f} GFLOP",
            f"{one.operations:,}",
            len(one.exchanges),
            f"{sum(one.exchanges) / 1e6:.1f} MB",
        ]
        for one in found
    ]
    return table(["networks", "arithmetic of an image", "operations", "exchanges", "exchanged"], lines)


def paper_table(lines) -> str:
    """The model's lines."""
    rows = [
        [
            line["game"],
            f"{line['images'] * (line['gpus'] if line['fixed'] == 'in all' else 1):g} {line['fixed']}",
            line["gpus"],
            *(f"{1e3 * seconds:.2f}" for seconds in line["seconds"].values()),
            f"{100 * line['efficiency']:.0f} %",
            f"{line['speedup']:.1f}×",
            line["limit"],
        ]
        for line in lines
    ]
    columns = ["networks", "images", "GPUs", *(f"{name}, ms" for name in lines[0]["seconds"])]
    return (
        "On paper. Efficiency: speed of a GPU against one alone with the same batch, which exchanges nothing.\n"
        "Speedup: of all GPUs against one alone that computes all their images.\n\n"
        + table([*columns, "efficiency", "speedup", "largest part"], rows)
    )


# the command ------------------------------------------------------------------------------------------------------


@click.command()
@click.option("--batch", "batches", multiple=True, type=click.IntRange(2), default=(32, 128), show_default=True)
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option("--seconds", default=5.0, show_default=True, help="Time of each way in each round.")
@click.option("--paper", "paper_only", is_flag=True, help="Only the model on paper.")
@click.option("--out", default="scaling.json", show_default=True, help="File for all numbers.")
def main(batches, rounds, seconds, paper_only, out):
    """Measure what training together costs on two cores, and estimate what limits many GPUs."""
    if any(size % 2 for size in batches):
        raise click.BadParameter(f"{batches}; expected even numbers, for two workers; give --batch 32")
    # For the processes to come: no notes, and no GPU, which is not what is measured.
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    cores = step.core_counts(None, None, "2")[0]
    with step.process(cores) as call:
        found = call(games)
    rows = [] if paper_only else [measure(size, cores, rounds, seconds) for size in batches]
    for row in rows:
        if sorted(row["exchanges"]) != sorted(found[0].exchanges):
            raise click.ClickException(
                f"a worker exchanges {row['exchanges']} bytes; the model says {found[0].exchanges}"
            )
    lines = [line for one in found for line in estimates(one)]
    tables = [measured_table(rows), exchange_table(rows)] if rows else []
    click.echo("\n\n".join([f"{step.versions()}.", *tables, asked_table(found), paper_table(lines)]))
    text = json.dumps({"rows": rows, "games": [asdict(one) for one in found], "paper": lines}, indent=1)
    files.replace(Path(out), lambda draft: draft.write_text(text))


if __name__ == "__main__":
    main()
