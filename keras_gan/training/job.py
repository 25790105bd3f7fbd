"""A training run: the data, the GAN, the callbacks and the run folder together."""

import contextlib
import dataclasses
import functools
import math
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import tensorflow as tf

from keras_gan import data, distribute, losses, metrics, reporting
from keras_gan._utils.choices import lookup
from keras_gan._utils.errors import Diverged, InputError, WorkerLost, first_line
from keras_gan.callbacks import (
    Checkpoints,
    Checks,
    DivergenceGuard,
    Doctor,
    Evaluation,
    Game,
    History,
    Means,
    Progress,
    Snapshots,
    Stop,
)
from keras_gan.callbacks.recording import SNAPSHOT_VECTORS
from keras_gan.config import CHECKPOINT_EVERY_S, TrainConfig
from keras_gan.data import opening
from keras_gan.gan import GAN
from keras_gan.runs import CONFIG, Run, checkpoints
from keras_gan.sampling import latents
from keras_gan.theory.mixtures import MIXTURES
from keras_gan.training.building import SMALL_PIXELS, augments, build, images_per_step
from keras_gan.training.opening import open_data, open_held_out

ROWS, SNAPSHOTS, CHECKS = 200, 20, 40  # of history.csv, samples/ and checks.csv, over a whole run
CLOSEST_CHECKS_STEPS = 10
EVALUATION_SAMPLES = 2_000
SMALL_ROW_STEPS = 10
MOST_STEPS_PER_EXECUTION = 32  # more gain nothing: see benchmarks/RESULTS.md


@dataclass
class Job:
    """A training run that is ready to start: the data are open and the networks built. `prepare` makes it."""

    config: TrainConfig
    run_dir: Path
    source: data.Source
    gan: GAN
    evaluate_every: int | None = None  # steps between metrics on samples, the best of which keeps best.keras
    checkpoint_every_s: float = CHECKPOINT_EVERY_S
    strategy: tf.distribute.Strategy = field(default_factory=tf.distribute.get_strategy)
    stopped_by: int | None = None  # the signal that ended training early

    def train(self) -> GAN:
        """Trains, or goes on training, until `config.steps`; Ctrl-C and SIGTERM save and return early.

        With several workers each of them calls it; only the chief touches the run folder.

        Returns:
            The trained GAN; `gan.step` says how far it came, and `stopped_by` why it came no further.

        Raises:
            InputError: where the run folder or its checkpoints cannot be used.
            Diverged: where losses or gradients were not finite again and again; what was saved before is whole.
            WorkerLost: where another worker has gone.
        """
        guard = DivergenceGuard()
        with self._telling_of_lost_workers(), self._run() as run:
            beside = self._restore(run, guard)
            behind = self.gan.step < self.config.steps
            if behind:
                if run:
                    run.extend(self.config)
                    run.rewind(self.gan.step)
                self._fit(run, beside, guard)
            # A kill may have come between the last checkpoint and these.
            if run and (behind or not reporting.is_drawn(run)):
                reporting.draw(run)
                reporting.write(run)
        if guard.verdict is not None:
            raise Diverged(guard.verdict)
        return self.gan

    @contextlib.contextmanager
    def _run(self):
        """The run folder, held for this process; None for a worker that is not the chief."""
        if not distribute.is_chief(self.strategy):
            yield None
            return
        with Run.create(self.run_dir, self.config, self.source).lock():
            # Again, now that nobody else can make it: two processes may have begun at once.
            yield Run.create(self.run_dir, self.config, self.source)

    def _restore(self, run, guard):
        """Puts the newest checkpoint, which only the chief can read, into every worker; what was saved beside it."""
        arrays, beside = run.newest(self.gan) if run and run.checkpoints() else (None, {})
        fresh = guard.state()
        found = arrays and {**arrays, **{name: beside.get(name, array) for name, array in fresh.items()}}
        found = distribute.from_chief(self.strategy, found, {**checkpoints.values(self.gan), **fresh})
        if found:
            checkpoints.assign(self.gan, found)
            guard.restore(self.gan, found)
        return beside

    def _row_steps(self):
        """Steps between two rows of history.csv."""
        steps = max(SMALL_ROW_STEPS if self._is_small() else 1, self.config.steps // ROWS)
        return max(steps - steps % MOST_STEPS_PER_EXECUTION, min(steps, MOST_STEPS_PER_EXECUTION))

    def _interval(self, times):
        """Steps between two of what happens so many times in a run: whole rows, so that nothing is late."""
        rows = self._row_steps()
        return max(rows, self.config.steps // times // rows * rows)

    def _is_small(self):
        """Whether Python's cost of a step outweighs its arithmetic."""
        return math.prod(self.source.shape[:2]) <= SMALL_PIXELS

    def _steps_per_execution(self):
        """As many steps as fit between two things to log, where Python's cost of a call outweighs the step's own."""
        if not self._is_small() or self.strategy.num_replicas_in_sync > 1:
            return 1
        return math.gcd(min(self._row_steps(), MOST_STEPS_PER_EXECUTION), self.evaluate_every or 0)

    def _fit(self, run, beside, guard):
        config, gan = self.config, self.gan
        gan.steps_per_execution = self._steps_per_execution()
        recording, keepers = self._recording(run, beside) if run else ([], [])
        saving = Checkpoints(run, [guard, *keepers], self.checkpoint_every_s)
        with Stop().listening() as stop, self._saving_on_bad_input(saving):
            gan.fit(
                self._batches(),
                steps_per_epoch=config.steps - gan.step,
                shuffle=False,  # they come shuffled
                verbose=0,
                callbacks=[guard, *recording, Means(self._row_steps()), stop, saving],
            )
        self.stopped_by = stop.signal
        if guard.verdict is None:
            saving.save()
        elif run:
            history, _ = keepers
            history.finish(gan.step, guard.logs)  # so that the doctor sees how it ended

    def _batches(self):
        """The batches from the present step on."""
        config, first_step = self.config, self.gan.step
        size, labels = images_per_step(config), config.conditional
        if self.strategy.num_replicas_in_sync > 1:
            return data.distributed_batches(self.strategy, self.source, size, config.seed, first_step, labels)
        # As many as are left, since a call of several steps would go on past the last.
        return data.batches(self.source, size, config.seed, first_step, labels=labels).take(config.steps - first_step)

    def _recording(self, run, beside):
        """What the chief records and says, in the order in which it acts; and those of it with a state to keep."""
        history = History(run, self._row_steps(), self.config.batch_size)
        checks, doctor = self._doctor(run)
        for keeper in (history, checks):
            keeper.restore(beside)
        progress = Progress(self.config.steps, self.config.batch_size)
        return [self._snapshots(run), history, checks, doctor, *self._evaluation(run), progress], [history, checks]

    def _snapshots(self, run):
        """What draws the run: the game where theory knows it in numbers, samples elsewhere."""
        steps, seed = self._interval(SNAPSHOTS), self.config.seed
        if self.is_the_example():
            return Game(run, steps, seed, MIXTURES[self.config.data])
        shown = self.source.sample(SNAPSHOT_VECTORS, seed) if len(self.source.shape) == 1 else None
        return Snapshots(run, steps, seed, None if shown is None else self.source.fetch(shown))

    def _doctor(self, run):
        """What watches the samples and the game, and says where something is wrong."""
        steps = max(CLOSEST_CHECKS_STEPS, self._interval(CHECKS))
        checks = Checks(self.source, steps, self.config.seed, run)
        return checks, Doctor(steps, checks, run)

    def _evaluation(self, run):
        """What judges the samples on the way, where it was asked for, and keeps the best generator."""
        if self.evaluate_every is None:
            return []
        held_out = open_held_out(self.config)
        extractor = metrics.extractor(self.source, held_out)
        count = min(EVALUATION_SAMPLES, metrics.default_count(self.source.name))
        reference = metrics.Reference.of(self.source, held_out, extractor, count, self.config.seed)
        record = functools.partial(run.append, "evaluations")
        judging = Evaluation(reference, self.evaluate_every, best=run.path / "best.keras", record=record)
        before = run.columns("evaluations")
        if judging.name in before:
            judging.history = list(zip(before["step"].astype(int), before[judging.name], strict=True))
        return [judging]

    def is_the_example(self) -> bool:
        """Whether this is the 1-D example of the theory."""
        return self.config.data in MIXTURES and self.source.shape == (1,)

    @contextlib.contextmanager
    def _saving_on_bad_input(self, saving):
        """Saves, then brings back, an InputError that arose while tf.data read an image, where TensorFlow wraps it."""
        try:
            yield
        except tf.errors.OpError as error:
            found = re.search(r"InputError: (.*)", error.message)
            if not found:
                raise
            if not distribute.several_processes(self.strategy):  # the others know nothing of it
                saving.save()
            raise InputError(found[1]) from error

    @contextlib.contextmanager
    def _telling_of_lost_workers(self):
        """A WorkerLost for the error that an exchange ends with where another worker has gone."""
        try:
            yield
        except tf.errors.OpError as error:
            if not distribute.is_loss_of_worker(self.strategy, error):
                raise
            reason = first_line(ValueError(error.message.rsplit("aborted by: ", 1)[-1]))
            raise WorkerLost(
                f"another worker has gone ({reason}); what was saved before is whole, and the same command goes on "
                "from there"
            ) from error


def configure(name_or_path: str, preset_name: str | None = None, **given) -> TrainConfig:
    """A config from what was given; None means the preset's value, and paths become absolute."""
    if opening.is_path(name_or_path):
        name_or_path = str(Path(os.path.expanduser(name_or_path)).resolve())
    return TrainConfig(name_or_path, preset_name, **{name: v for name, v in given.items() if v is not None})


def prepare(
    config: TrainConfig,
    run_dir: str | os.PathLike | None = None,
    evaluate_every: int | None = None,
    checkpoint_every_s: float = CHECKPOINT_EVERY_S,
    strategy: tf.distribute.Strategy | None = None,
) -> Job:
    """Opens the data and builds the networks of a config.

    Args:
        config: the settings; a run that exists must have been started with the same, steps aside. With
            `deterministic`, all of this process computes so from now on.
        run_dir: the run folder; None for runs/<data>-<preset>, so that the same command finds it again.
        evaluate_every: steps between evaluations of 2,000 samples, whose best keeps best.keras; None for none.
        checkpoint_every_s: seconds between checkpoints.
        strategy: of `distribution.strategy`; None for the one in whose scope this is called, or none.

    Raises:
        InputError: where the data cannot be used, no network can be built for them, or the replicas do not divide the
            batch.
    """
    folder = Path(run_dir or Path("runs") / f"{Path(config.data).stem}-{config.preset}")
    if Path(config.data).is_dir() and folder.resolve().is_relative_to(Path(config.data).resolve()):
        raise InputError(f"the run folder {folder} lies inside the data, which would become data; give --run elsewhere")
    lookup(losses.LOSSES, config.loss, "loss", ", ".join(losses.LOSSES))  # before the data are read for nothing
    latents.check_distribution(config.latent)
    strategy = strategy or tf.distribute.get_strategy()
    _check_replicas(config, strategy.num_replicas_in_sync)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    source = open_data(config)
    if config.conditional:
        data.check_labels(source)
    if distribute.is_chief(strategy):
        (opening.tell_of_unequal_classes if config.conditional else opening.tell_of_unusable_labels)(source)
    if config.augment is None:  # decided once, at the start: more steps do not make D another network
        chosen = Run(folder).config.augment if (folder / CONFIG).is_file() else None
        config = dataclasses.replace(config, augment=chosen)
        config = dataclasses.replace(config, augment=augments(config, source.shape, source.count))
    with strategy.scope():
        gan = build(config, source.shape, source.count, source.num_classes)
    return Job(config, folder, source, gan, evaluate_every, checkpoint_every_s, strategy)


def _check_replicas(config, count):
    """Refuses a batch that the replicas cannot share evenly, packs whole."""
    if config.batch_size % (count * config.pack):
        unit = f"{count} replicas" if config.pack == 1 else f"{count} replicas with packs of {config.pack}"
        raise InputError(
            f"batch size {config.batch_size} for {unit}; expected a multiple of {count * config.pack}; give "
            f"--batch-size {-(-config.batch_size // (count * config.pack)) * count * config.pack}"
        )


def train(config: TrainConfig, run_dir: str | os.PathLike | None = None) -> GAN:
    """Prepares a job and trains it; see `prepare` and `Job.train`."""
    return prepare(config, run_dir).train()
