"""A training run: combines the data, the GAN, the callbacks and the run folder."""

import contextlib
import dataclasses
import datetime
import functools
import itertools
import math
import os
import re
import signal
from dataclasses import dataclass, field
from pathlib import Path

import tensorflow as tf

from keras_gan import data, distribute, losses, metrics, reporting
from keras_gan._utils import progress
from keras_gan._utils.choices import lookup
from keras_gan._utils.errors import Diverged, InputError, WorkerLost, first_line
from keras_gan._utils.run_folders import is_run
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
    Timer,
)
from keras_gan.callbacks.recording import SNAPSHOT_VECTORS, training_task
from keras_gan.config import ALL_ATTRIBUTES, CHECKPOINT_EVERY_S, TrainConfig
from keras_gan.data import opening
from keras_gan.gan import GAN
from keras_gan.runs import Run, checkpoints
from keras_gan.runs.folder import Origin
from keras_gan.sampling import latents
from keras_gan.theory.mixtures import MIXTURES
from keras_gan.training import distilling, origins
from keras_gan.training.building import SMALL_PIXELS, augments, build, computation, images_per_step, start_from_data
from keras_gan.training.opening import open_data, open_held_out

ROWS, SNAPSHOTS, CHECKS = 200, 20, 40  # number of rows, samples and checks in a whole run
CLOSEST_CHECKS_STEPS = 10
NEW_RUN = "auto"  # a run folder with the next free number
FEWEST_TIMED_STEPS = 100  # timing fewer steps takes as long as training
TIMED_S, TIMED_CALLS = 1.0, 20  # when timing ends
SLICED = "sliced_wasserstein"  # column of evaluations.csv where the data have no extractor
EVALUATION_SAMPLES = 2_000
SMALL_ROW_STEPS = 10
MOST_STEPS_PER_EXECUTION = 32  # more are not faster: benchmarks/RESULTS.md


@dataclass
class Job:
    """A training run that is ready to start: data are open and networks are built. `prepare` creates it."""

    config: TrainConfig
    run_dir: Path
    source: data.Source
    gan: GAN
    evaluate_every: int | None = None  # steps between evaluations, the best of which writes best.keras
    checkpoint_every_s: float = CHECKPOINT_EVERY_S
    strategy: tf.distribute.Strategy = field(default_factory=tf.distribute.get_strategy)
    stopped_by: int | None = None  # the signal that ended training early
    origin: Origin | None = None  # where the weights of a new run come from; None for fresh ones

    def __post_init__(self):
        is_continued = self.last_saved is not None
        if self.config.teacher:
            recorded = Run(self.run_dir).origin if is_continued else None
            with self.strategy.scope():
                self.origin = distilling.start(self.gan, self.config, recorded)
        if is_continued:  # a checkpoint holds all weights
            return
        with self.strategy.scope():
            start_from_data(self.gan, self.config, self.source)
        if self.config.start_from:
            self.origin = origins.start(
                self.gan, self.config.start_from, self.source.class_names, self.config.with_optimizers
            )

    def train(self) -> GAN:
        """Trains, or continues to train, until `config.steps`. Ctrl-C and SIGTERM save and return early.

        With several workers, each of them calls it. Only the chief uses the run folder.

        Returns:
            The trained GAN. `gan.step` is its last step, and `stopped_by` the signal that ended training early, if any.

        Raises:
            InputError: where the run folder or its checkpoints cannot be used.
            Diverged: where losses or gradients repeatedly were not finite. Earlier checkpoints are intact.
            WorkerLost: where another worker was lost.
        """
        guard = DivergenceGuard()
        with self._reporting_lost_workers(), self._run() as run:
            extra = self._restore(run, guard)
            unfinished = self.gan.step < self.config.steps
            if unfinished:
                if run:
                    run.extend(self.config)
                    run.rewind(self.gan.step)
                    run.note_computation(computation(self.source.shape, self.strategy))
                self._fit(run, extra, guard)
            if run and self.config.teacher and self.gan.step >= self.config.steps:
                distilling.hand_on_sliders(run)
            # The process may have been killed between the last checkpoint and these files.
            if run and (unfinished or not reporting.is_drawn(run)):
                reporting.draw(run)
                reporting.write(run)
        if guard.verdict is not None:
            raise Diverged(guard.verdict)
        return self.gan

    @contextlib.contextmanager
    def _run(self):
        """The run folder, locked for this process; None for a worker that is not the chief."""
        if not distribute.is_chief(self.strategy):
            yield None
            return
        with Run.create(self.run_dir, self.config, self.source, self.origin).lock():
            # Once more with the lock, since two processes may have started at the same time.
            yield Run.create(self.run_dir, self.config, self.source, self.origin)

    def _restore(self, run, guard):
        """Restores the newest checkpoint, which only the chief reads, on every worker. Returns its extra arrays."""
        arrays, extra = run.newest(self.gan) if run and run.checkpoints() else (None, {})
        initial = guard.state()
        found = arrays and {**arrays, **{name: extra.get(name, array) for name, array in initial.items()}}
        found = distribute.from_chief(self.strategy, found, {**checkpoints.values(self.gan), **initial})
        if found:
            checkpoints.assign(self.gan, found)
            guard.restore(self.gan, found)
        return extra

    def _row_steps(self):
        """Steps between two rows of history.csv."""
        steps = max(SMALL_ROW_STEPS if self._is_small() else 1, self.config.steps // ROWS)
        return max(steps - steps % MOST_STEPS_PER_EXECUTION, min(steps, MOST_STEPS_PER_EXECUTION))

    def _interval(self, times):
        """Steps between two events that happen `times` times in a run, rounded to whole history rows."""
        rows = self._row_steps()
        return max(rows, self.config.steps // times // rows * rows)

    def _is_small(self):
        """Whether images are so small that Python's overhead of a step exceeds its computation."""
        return math.prod(self.source.shape[:2]) <= SMALL_PIXELS

    def _steps_per_execution(self):
        """The number of steps in one call: more than 1 for small images, and a divisor of the logging intervals."""
        if not self._is_small() or self.strategy.num_replicas_in_sync > 1:
            return 1
        return math.gcd(min(self._row_steps(), MOST_STEPS_PER_EXECUTION), self.evaluate_every or 0)

    def seconds_per_step(self) -> float | None:
        """Times a few training steps, after which the GAN is as before.

        Returns:
            The seconds of one step, without compilation; None for a short training, and for several processes.
        """
        if self.remaining_steps < FEWEST_TIMED_STEPS or distribute.several_processes(self.strategy):
            return None
        before, timer = checkpoints.values(self.gan), Timer(TIMED_S, TIMED_CALLS)
        with progress.task("timing a few training steps", note="compiling"), self._reporting_bad_input():
            self._train([timer])
        checkpoints.assign(self.gan, before)
        return timer.seconds_per_step

    @property
    def exit_status(self) -> int:
        """The exit status of a command after `train`: 0, or what a shell reports for a program that a signal ended."""
        return 0 if self.gan.step >= self.config.steps else 128 + (self.stopped_by or signal.SIGTERM)

    @property
    def last_saved(self) -> tuple[int, datetime.datetime] | None:
        """The step of the run's newest checkpoint, and when it was written; None for a new run."""
        return Run(self.run_dir).last_saved if is_run(self.run_dir) else None

    @property
    def remaining_steps(self) -> int:
        """The number of steps from the newest checkpoint, or from step 0, to `config.steps`."""
        start, _ = self.last_saved or (0, None)
        return max(0, self.config.steps - start)

    def _train(self, callbacks):
        """Trains the GAN from its present step on."""
        self.gan.steps_per_execution = self._steps_per_execution()
        self.gan.fit(
            self._batches(),
            steps_per_epoch=self.config.steps - self.gan.step,
            shuffle=False,  # the batches are shuffled already
            verbose=0,
            callbacks=callbacks,
        )

    def _fit(self, run, extra, guard):
        config, gan = self.config, self.gan
        display = progress.display() if run else progress.SILENT
        recording, stateful = self._recording(run, extra) if run else ([], [])
        saving = Checkpoints(run, [guard, *stateful], self.checkpoint_every_s)
        with (
            Stop().listening() as stop,
            self._reporting_bad_input(saving),
            training_task(display, config.steps) as task,
        ):
            shown = Progress(config.steps, images_per_step(config), task)
            self._train([guard, *recording, shown, Means(self._row_steps()), stop, saving])
        self.stopped_by = stop.signal
        if guard.verdict is None:
            saving.save()
        elif run:
            history, _ = stateful
            history.finish(gan.step, guard.logs)  # so that the doctor sees the last values

    def _batches(self):
        """The batches from the current step on."""
        config, first_step = self.config, self.gan.step
        size, asked = images_per_step(config), {"labels": config.conditional, "attributes": config.attributes}
        if self.strategy.num_replicas_in_sync > 1:
            return data.distributed_batches(self.strategy, self.source, size, config.seed, first_step, **asked)
        # Only the remaining ones, since a call of several steps could otherwise pass the last step.
        return data.batches(self.source, size, config.seed, first_step, **asked).take(config.steps - first_step)

    def _recording(self, run, extra):
        """The chief's callbacks that record and diagnose, in order, and those of them whose state is saved."""
        history = History(run, self._row_steps(), images_per_step(self.config))
        checks, doctor = self._doctor(run)
        for callback in (history, checks):
            callback.restore(extra)
        return [self._snapshots(run), history, checks, doctor, *self._evaluation(run)], [history, checks]

    def _snapshots(self, run):
        """The callback that draws snapshots: of the game for the 1-D example, of samples for other data."""
        steps, seed = self._interval(SNAPSHOTS), self.config.seed
        if self.is_the_example():
            return Game(run, steps, seed, MIXTURES[self.config.data])
        shown = self.source.sample(SNAPSHOT_VECTORS, seed) if len(self.source.shape) == 1 else None
        return Snapshots(run, steps, seed, None if shown is None else self.source.fetch(shown))

    def _doctor(self, run):
        """The callbacks that check the samples and report symptoms."""
        steps = max(CLOSEST_CHECKS_STEPS, self._interval(CHECKS))
        checks = Checks(self.source, steps, self.config.seed, run)
        return checks, Doctor(steps, checks, run)

    def _evaluation(self, run):
        """The callback that evaluates samples and saves the best generator; none without `evaluate_every`."""
        if self.evaluate_every is None:
            return []
        held_out = open_held_out(self.config)
        extractor = metrics.extractor(self.source, held_out)
        count = min(EVALUATION_SAMPLES, metrics.default_count(self.source.name))
        reference = metrics.Reference.of(self.source, held_out, extractor, count, self.config.seed)
        record = functools.partial(run.append, "evaluations")
        before = run.columns("evaluations")
        # A run that began before there was an extractor for its data goes on with its metric.
        metric = "sliced" if SLICED in before else None
        evaluation = Evaluation(reference, self.evaluate_every, metric, run.path / "best.keras", record=record)
        if evaluation.name in before:
            evaluation.history = list(zip(before["step"].astype(int), before[evaluation.name], strict=True))
        return [evaluation]

    def is_the_example(self) -> bool:
        """Whether this is the 1-D example of the theory."""
        return _is_the_example(self.config, self.source)

    @contextlib.contextmanager
    def _reporting_bad_input(self, saving: Checkpoints | None = None):
        """Raises the InputError of an image that cannot be read, which tf.data wraps in its own error.

        It saves before that where `saving` is given.
        """
        try:
            yield
        except tf.errors.OpError as error:
            found = re.search(r"InputError: (.*)", error.message)
            if not found:
                raise
            if saving and not distribute.several_processes(self.strategy):  # the other workers do not save
                saving.save()
            raise InputError(found[1]) from error

    @contextlib.contextmanager
    def _reporting_lost_workers(self):
        """Raises WorkerLost for the error of an exchange where another worker was lost."""
        try:
            yield
        except tf.errors.OpError as error:
            if not distribute.is_loss_of_worker(self.strategy, error):
                raise
            reason = first_line(ValueError(error.message.rsplit("aborted by: ", 1)[-1]))
            raise WorkerLost(
                f"another worker was lost ({reason}). Earlier checkpoints are intact. Run the same command again to "
                "continue."
            ) from error


def configure(name_or_path: str, preset_name: str | None = None, **given) -> TrainConfig:
    """A config from a data set's name or path and other settings. None means the preset's value.

    A config that starts from another run has that run's preset, latents and image size unless they are given.
    """
    if opening.is_path(name_or_path):
        name_or_path = str(Path(os.path.expanduser(name_or_path)).resolve())
    given = {"preset": preset_name, **given}
    if given.get("start_from"):
        given["start_from"] = str(Path(os.path.expanduser(given["start_from"])).resolve())
        for name, value in origins.inherited(given["start_from"]).items():
            if given.get(name) is None and (name != "image_size" or name_or_path not in opening.OF_ONE_SIZE):
                given[name] = value
    return TrainConfig(name_or_path, **{name: value for name, value in given.items() if value is not None})


def prepare(
    config: TrainConfig,
    run_dir: str | os.PathLike | None = None,
    evaluate_every: int | None = None,
    checkpoint_every_s: float = CHECKPOINT_EVERY_S,
    strategy: tf.distribute.Strategy | None = None,
) -> Job:
    """Opens the data and builds the networks of a config.

    Args:
        config: the settings. A run that exists must have been started with the same settings, except `steps` and
            `skip_damaged`. `deterministic` affects the whole process from now on.
        run_dir: the run folder; None for runs/<data>-<preset>, so that the same command finds it again; "auto" for the
            first of runs/<data>-<preset>, runs/<data>-<preset>-2, … that does not exist.
        evaluate_every: steps between evaluations of 2,000 samples, the best of which writes best.keras; None for no
            evaluations.
        checkpoint_every_s: seconds between checkpoints.
        strategy: from `distribute.strategy`; None for the current strategy.

    Returns:
        A `Job`.

    Raises:
        InputError: where the data cannot be used, no network can be built for them, or the batch cannot be divided
            among the replicas.
    """
    folder = _folder(config, run_dir)
    if Path(config.data).is_dir() and folder.resolve().is_relative_to(Path(config.data).resolve()):
        raise InputError(
            f"the run folder {folder} lies inside the data, so its pictures would become data; expected another place. "
            "Use another --run."
        )
    lookup(losses.LOSSES, config.loss, "loss", ", ".join(losses.LOSSES))  # before the data are read
    latents.check_distribution(config.latent)
    strategy = strategy or tf.distribute.get_strategy()
    _check_replicas(config, strategy.num_replicas_in_sync)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    source = open_data(config)
    config = config.for_shape(source.shape)
    folder = _folder(config, run_dir)  # again, since the standard one has the name of the preset
    if config.conditional:
        data.check_labels(source)
    if config.attributes == ALL_ATTRIBUTES and source.attribute_names:
        config = dataclasses.replace(config, attributes=source.attribute_names)
    if config.attributes:
        data.check_attributes(source, config.attributes)
    if _is_the_example(config, source) and (config.conditional or config.pack > 1):
        raise InputError(
            f"{config.data} with classes or packs; expected neither, since the theory is about single points. Leave "
            "conditional (--conditional) and pack (--pack) out."
        )
    if distribute.is_chief(strategy):
        (opening.warn_of_unequal_classes if config.conditional else opening.warn_of_unusable_labels)(source)
    if config.augment is None:  # decided once, since with more steps D must stay the same network
        chosen = Run(folder).config.augment if is_run(folder) else None
        config = dataclasses.replace(config, augment=chosen)
        config = dataclasses.replace(config, augment=augments(config, source.shape, source.count))
    if distribute.is_chief(strategy):
        Run.check(folder, config, source)
    with strategy.scope():
        gan = build(config, source.shape, source.count, source.num_classes, source.attribute_shares)
    return Job(config, folder, source, gan, evaluate_every, checkpoint_every_s, strategy)


def _folder(config, run_dir):
    """The run folder: the one that is given, or the standard one, or with NEW_RUN the next that does not exist."""
    data_name = Path(config.data.replace(":", "-")).stem
    standard = Path("runs") / f"{data_name}-{config.preset}"
    if run_dir != NEW_RUN:
        return Path(run_dir or standard)
    numbered = (standard.with_name(f"{standard.name}-{number}") for number in itertools.count(2))
    return next(folder for folder in itertools.chain([standard], numbered) if not folder.exists())


def _is_the_example(config, source):
    return config.data in MIXTURES and source.shape == (1,)


def _check_replicas(config, count):
    """Raises InputError where the replicas cannot share a batch evenly, with complete packs."""
    if config.batch_size % (count * config.pack):
        unit = f"{count} replicas" if config.pack == 1 else f"{count} replicas with packs of {config.pack}"
        raise InputError(
            f"batch size {config.batch_size} for {unit}; expected a multiple of {count * config.pack}. Use "
            f"--batch-size {-(-config.batch_size // (count * config.pack)) * count * config.pack}."
        )


def train(config: TrainConfig, run_dir: str | os.PathLike | None = None) -> GAN:
    """Prepares a job and trains it. See `prepare` and `Job.train`."""
    return prepare(config, run_dir).train()
