"""Checks of the samples while a GAN trains, and the doctor who reads them."""

import functools
import sys
import textwrap

import keras
import numpy as np

from keras_gan import doctor, schedules
from keras_gan._utils import pixels
from keras_gan._utils.errors import InputError
from keras_gan.callbacks.every import Every
from keras_gan.data import Source
from keras_gan.data.source import from_array
from keras_gan.doctor import ILL, Settings, Verdict
from keras_gan.doctor.samples import RealData, features, measure
from keras_gan.doctor.verdicts import largest_weight
from keras_gan.losses import LOSSES
from keras_gan.metrics.samples import batch_rows, class_labels
from keras_gan.metrics.streams import block_rows
from keras_gan.runs import Run, checkpoints

SAMPLES = 48  # with MNIST and the default preset 41 checks take about 1 % of the time of 2,000 steps
HELD_DATA, READ_DATA = 10_000, 500  # real data, at most: of an array in memory, and of files that must be read
ROWS_BYTES = 2**26  # and never more memory than this
BLOCK = 32  # data read at once
EARLIER_SIDE_PX = 16  # of compared images in runs of earlier versions, at most


class Checks(Every):
    """Measures samples of the same latents beside real data: rows of checks.csv.

    The classes of a conditional generator's samples are drawn by their shares in the data.

    Args:
        real: a `data.Source`; or an array of floats in [-1, 1], (n, height, width, channels), or vectors (n, features).
        steps: how often.
        seed: of the latents, and of the choice among the real data.
        run: whose checks.csv to write; None keeps the rows in memory only.
        labels: integers (n,), the classes of an array; a source has its own.
    """

    def __init__(self, real: Source | np.ndarray, steps: int = 50, seed: int = 0, run: Run | None = None, labels=None):
        super().__init__(steps, run)
        self.source = real if isinstance(real, Source) else from_array("real data", np.asarray(real), labels)
        self.real = RealData.of(_rows(self.source, seed))
        self.seed = seed
        self.run = run
        self.table = []
        self.before = None  # the samples of the last check

    def state(self) -> dict[str, np.ndarray]:
        """What a checkpoint between two checks has to keep of it."""
        return {} if self.before is None else {"checked_samples": self.before}

    def restore(self, beside: dict[str, np.ndarray]) -> None:
        """Goes on from a `state`."""
        stored, width = beside.get("checked_samples"), self.real.rows.shape[1]
        # Runs of earlier versions compared smaller images: the first check after one has no samples before it.
        earlier = stored is not None and stored.shape == (SAMPLES, self._earlier_width()) and stored.shape[1] < width
        self.before = None if earlier else checkpoints.extra_array(beside, "checked_samples", (SAMPLES, width))

    def _earlier_width(self):
        shape = self.source.shape
        small = [len(range(0, side, -(-side // EARLIER_SIDE_PX))) for side in shape[:2]]
        return small[0] * small[1] * shape[2] if len(shape) == 3 else shape[0]

    def columns(self) -> dict[str, np.ndarray]:
        """What was measured, by the names in `doctor.samples.METRICS`, with the step."""
        return self.run.columns("checks") if self.run else _columns(self.table)

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        # The row of step 0 is there where a run was ended before its first checkpoint.
        if self.last == 0 and not len(self.columns().get("step", ())):
            self.act(0)
        elif self.before is None:
            self.before = self._samples()

    def act(self, step, logs=None):
        samples = self._samples()
        row = {"step": step, **measure(samples, self.real, self.before)}
        self.before = samples
        if self.run:
            self.run.append("checks", row)
        else:
            self.table.append(row)

    def _samples(self):
        gan = self.model
        inputs = gan.inputs(SAMPLES, self.seed, self._labels)
        columns = inputs if isinstance(inputs, list) else [inputs]
        step = batch_rows(gan.data_shape)
        parts = ([column[start : start + step] for column in columns] for start in range(0, SAMPLES, step))
        samples = (gan(part if len(part) > 1 else part[0]) for part in parts)
        return np.concatenate([features(keras.ops.convert_to_numpy(each)) for each in samples])

    @functools.cached_property
    def _labels(self):
        return class_labels(SAMPLES, self.model.num_classes, self.source, self.seed)


class Doctor(Every):
    """Says what is wrong with a training run, once, as soon as it shows, and when it is over.

    It also works without a run folder, in any `fit`.

    Args:
        steps: how often.
        checks: a `Checks` before it in the same list of callbacks; without one samples are not judged.
        run: whose history.csv to read; None reads what `fit` logs.
        stream: to print to; None for standard error.

    Example:
        >>> import numpy as np
        >>> from keras_gan import GAN, callbacks, networks
        >>> gan = GAN(networks.generator((8, 8, 1)), networks.discriminator((8, 8, 1)))
        >>> gan.compile()
        >>> images = np.random.default_rng(0).uniform(-1, 1, (32, 8, 8, 1)).astype("float32")
        >>> watch = callbacks.Checks(images)
        >>> _ = gan.fit(images, batch_size=16, verbose=0, callbacks=[watch, callbacks.Doctor(checks=watch)])
    """

    def __init__(self, steps: int = 10, checks: Checks | None = None, run: Run | None = None, stream=None):
        super().__init__(steps, run)
        self.checks = checks
        self.run = run
        self.stream = stream or sys.stderr

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.table = []
        self.sums = {}
        self.announced = ()
        self.settings = Settings.of(self.run.config, self.run.data_count) if self.run else _settings(self.model)

    def on_epoch_begin(self, epoch, logs=None):
        self.sums = {}  # `fit` begins its means anew

    def act(self, step, logs=None):
        if not self.run:
            self.table.append({"step": step, **self._means()})
        self._announce(step, [verdict for verdict in self.verdicts() if verdict.severity == ILL])

    def verdicts(self) -> list[Verdict]:
        """What can be said now; see `doctor.diagnose`."""
        history = self.run.history() if self.run else _columns(self.table)
        return doctor.diagnose(history, self.checks.columns() if self.checks else {}, self.settings)

    def _means(self):
        """Means of what was logged since the last row, whatever `fit` has summed up since its epoch began."""
        means = {}
        for tracker in self.model.trackers:
            now = np.array([variable.numpy() for variable in (tracker.total, tracker.count)], float)
            total, count = now - self.sums.get(tracker.name, 0.0)
            self.sums[tracker.name] = now
            means[tracker.name] = total / count if count else float("nan")
        return means

    def _announce(self, step, ill):
        names = tuple(verdict.name for verdict in ill)
        for verdict in ill:
            if verdict.name not in self.announced:
                advice = "; or ".join(verdict.advice[:2])
                self._print(f"step {step:,}: {verdict.name}. {verdict.sentence} Next: {advice}")
        for name in self.announced:
            if name not in names:
                self._print(f"step {step:,}: {name} is over")
        self.announced = names

    def _print(self, text):
        lines = textwrap.wrap(f"doctor: {text}", 79, subsequent_indent="        ")
        start = "\r\033[K" if self.stream.isatty() else ""  # in place of the line that shows the progress
        print(start + "\n".join(lines), file=self.stream, flush=True)


def _columns(table):
    return {name: np.array([row[name] for row in table], float) for name in table[0]} if table else {}


def _rows(source, seed):
    """Rows of real data, read in blocks, so that large images are never all held at full size."""
    none = features(np.zeros((1, *source.shape), "float32"))[:0]
    most = HELD_DATA if source.array is not None else READ_DATA
    chosen = source.sample(min(most, ROWS_BYTES // (none.itemsize * none.shape[1])), seed)
    step = min(BLOCK, block_rows(source.shape))
    blocks = (chosen[start : start + step] for start in range(0, len(chosen), step))
    return np.concatenate([none, *(rows for block in blocks if (rows := _block(source, block)) is not None)])


def _block(source, indices):
    try:
        return features(pixels.floats(source.fetch(indices)))
    except InputError:
        return None  # training names the damaged image when it comes to it, and only then is it missed


def _settings(gan):
    """What the doctor has to know, of a compiled GAN."""
    names = [name for name, pair in LOSSES.items() if pair == gan.loss_pair]
    return Settings(
        loss=names[0] if names else None,
        discriminator_lr=schedules.current_rate(gan.discriminator_optimizer),
        generator_lr=schedules.current_rate(gan.generator_optimizer),
        discriminator_steps=gan.discriminator_steps,
        gamma=largest_weight(gan.penalties.values()),
    )
