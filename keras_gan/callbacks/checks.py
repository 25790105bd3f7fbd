"""Callbacks that check samples during training, and that diagnose a training run from the checks."""

import functools

import keras
import numpy as np

from keras_gan import doctor, schedules
from keras_gan._utils import pixels, progress
from keras_gan._utils.errors import InputError
from keras_gan.callbacks.every import Every
from keras_gan.data import Source
from keras_gan.data.arrays import check_array
from keras_gan.data.source import from_array
from keras_gan.doctor import ILL, Settings, Verdict
from keras_gan.doctor.samples import RealData, features, measure
from keras_gan.doctor.verdicts import largest_weight
from keras_gan.gan.saving import name_in
from keras_gan.losses import LOSSES
from keras_gan.metrics.samples import batch_rows, class_labels
from keras_gan.metrics.streams import averaged, block_rows
from keras_gan.runs import Run, checkpoints

SAMPLES = 48  # with MNIST and the default preset 41 checks take about 1 % of the time of 2,000 steps
HELD_DATA, READ_DATA = 10_000, 500  # limits of real images: from an array in memory, and from files
ROWS_BYTES = 2**26  # another limit, for their memory
BLOCK = 32  # images in one read
EARLIER_SIDE_PX = 16  # largest side of compared images in runs of earlier versions


class Checks(Every):
    """Compares samples of fixed latents with real data at regular steps, and writes rows of checks.csv.

    The classes of a conditional generator are drawn with their shares in the data.

    Args:
        real: a `data.Source`; or an array of floats in [-1, 1], (n, height, width, channels), or vectors (n, features).
        steps: the number of steps between two checks.
        seed: seed of the latents, and of the choice of real data.
        run: the run folder with checks.csv; None to hold the rows in memory only.
        labels: integers (n,), the classes of an array; a source has its own.

    Raises:
        InputError: for data of another kind or shape.
    """

    def __init__(self, real: Source | np.ndarray, steps: int = 50, seed: int = 0, run: Run | None = None, labels=None):
        super().__init__(steps, run)
        self.source = real if isinstance(real, Source) else _source(real, labels)
        self.real = RealData.of(_rows(self.source, seed))
        self.seed = seed
        self.run = run
        self.table = []
        self.before = None  # samples of the previous check

    def state(self) -> dict[str, np.ndarray]:
        """Returns the arrays that a checkpoint saves."""
        return {} if self.before is None else {"checked_samples": self.before}

    def restore(self, saved: dict[str, np.ndarray]) -> None:
        """Continues from the arrays that `state` returned."""
        stored, width = saved.get("checked_samples"), self.real.rows.shape[1]
        # Earlier versions compared smaller images. The first check after such a checkpoint has no previous samples.
        earlier = stored is not None and stored.shape == (SAMPLES, self._earlier_width()) and stored.shape[1] < width
        self.before = None if earlier else checkpoints.extra_array(saved, "checked_samples", (SAMPLES, width))

    def _earlier_width(self):
        shape = self.source.shape
        small = [len(range(0, side, -(-side // EARLIER_SIDE_PX))) for side in shape[:2]]
        return small[0] * small[1] * shape[2] if len(shape) == 3 else shape[0]

    def columns(self) -> dict[str, np.ndarray]:
        """Returns the results of all checks as columns: "step" and the names in `doctor.samples.METRICS`."""
        return self.run.columns("checks") if self.run else _columns(self.table)

    def on_train_begin(self, logs=None):
        if self.source.shape != self.model.data_shape:
            raise InputError(
                f"Checks received data of shape {self.source.shape} for a GAN of {self.model.data_shape}; expected the "
                "training data. Use data of the networks' shape."
            )
        super().on_train_begin(logs)
        # The row of step 0 exists already if the run was stopped before its first checkpoint.
        if self.last == 0 and not len(self.columns().get("step", ())):
            self.act(0)
        elif self.before is None:
            self.before = self._samples()

    def act(self, step, logs=None):
        samples = self._samples()
        row = {"step": step, **measure(samples, self.real, self.before, self._mirrored(samples))}
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

    def _mirrored(self, rows):
        """The rows of the mirror images; None if training does not mirror images."""
        if not self.source.flip:
            return None
        height, width, channels = averaged(np.zeros((1, *self.source.shape), "float32")).shape[1:]
        return rows.reshape(-1, height, width, channels)[:, :, ::-1].reshape(rows.shape)

    @functools.cached_property
    def _labels(self):
        return class_labels(SAMPLES, self.model.num_classes, self.source, self.seed)


class Doctor(Every):
    """Diagnoses training at regular steps. Prints one line when a problem is shown, and one when it is over.

    A problem is shown once it held for a share of the run: see `doctor.diagnose`. It works in any `fit`, with or
    without a run folder.

    Args:
        steps: the number of steps between two diagnoses.
        checks: a `Checks` earlier in the list of callbacks; None to diagnose without samples.
        run: the run folder with history.csv; None to use the logs of `fit`.
        stream: the stream to print to; None for standard error.

    Example:
        >>> import numpy as np
        >>> from keras_gan import GAN, callbacks, networks
        >>> gan = GAN(networks.generator((8, 8, 1)), networks.discriminator((8, 8, 1)))
        >>> gan.compile()
        >>> images = np.random.default_rng(0).uniform(-1, 1, (32, 8, 8, 1)).astype("float32")
        >>> checks = callbacks.Checks(images)
        >>> _ = gan.fit(images, batch_size=16, verbose=0, callbacks=[checks, callbacks.Doctor(checks=checks)])
    """

    def __init__(self, steps: int = 10, checks: Checks | None = None, run: Run | None = None, stream=None):
        super().__init__(steps, run)
        self.checks = checks
        self.run = run
        self.stream = stream

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.table = []
        self.sums = {}
        self.shown = None  # the name of the problem that is shown
        self.settings = doctor.settings_of(self.run) if self.run else _settings(self.model, self.params)

    def on_epoch_begin(self, epoch, logs=None):
        self.sums = {}  # `fit` resets its means

    def act(self, step, logs=None):
        if not self.run:
            self.table.append({"step": step, **self._means()})
        cause = self.verdicts()[0]
        name = cause.name if cause.severity == ILL else None
        if name != self.shown:
            text = f"{name}. {cause.sentence}" if name else f"{self.shown} is over."
            progress.print_line(f"doctor: step {step:,}: {text}", self.stream)
        self.shown = name

    def verdicts(self) -> list[Verdict]:
        """Returns the present verdicts; see `doctor.diagnose`."""
        history = self.run.history() if self.run else _columns(self.table)
        return doctor.diagnose(history, self.checks.columns() if self.checks else {}, self.settings)

    def _means(self):
        """Returns the means since the last row. `fit` only has the means since the start of the epoch."""
        means = {}
        for tracker in self.model.trackers:
            now = np.array([variable.numpy() for variable in (tracker.total, tracker.count)], float)
            total, count = now - self.sums.get(tracker.name, 0.0)
            self.sums[tracker.name] = now
            means[tracker.name] = total / count if count else float("nan")
        if not np.isfinite([totals for totals, _ in self.sums.values()]).all():
            self.model.reset_metrics()  # or all means would be NaN up to the end of the epoch
            self.sums = {}
        return means


def _columns(table):
    return {name: np.array([row[name] for row in table], float) for name in table[0]} if table else {}


def _source(real, labels):
    """A source of an array. Raises InputError for anything else."""
    if not hasattr(real, "__array__") or not hasattr(real, "shape"):
        raise InputError(
            f"Checks received {type(real).__name__} as real data; expected an array or a data.Source. Use "
            "keras_gan.data.open_source."
        )
    labels = None if labels is None else np.asarray(labels)
    return from_array("real data", check_array(np.asarray(real), "real data"), labels)


def _rows(source, seed):
    """Returns features of real data, read in blocks, so that large images are never all in memory at full size."""
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
        return None  # training raises the error, with the name of the damaged image, when it reads the image


def _settings(gan, params):
    """Returns the settings of a compiled GAN that the doctor needs.

    Args:
        gan: the GAN.
        params: what Keras gives to callbacks: the number of epochs, and the steps of each, which may be unknown.
    """
    epochs, steps = params.get("epochs"), params.get("steps")
    return Settings(
        loss=name_in(gan.loss_pair, LOSSES),
        discriminator_lr=schedules.current_rate(gan.discriminator_optimizer),
        generator_lr=schedules.current_rate(gan.generator_optimizer),
        discriminator_steps=gan.discriminator_steps,
        gamma=largest_weight(gan.penalties.values()),
        steps=gan.step + epochs * steps if epochs and steps else None,
    )
