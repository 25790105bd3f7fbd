"""Callbacks that record a training run: snapshots, history, progress, checkpoints."""

import contextlib
import time
from collections.abc import Sequence

import keras
import numpy as np

from keras_gan import distribute, plots, reporting, sampling, schedules
from keras_gan._utils import pixels, progress
from keras_gan._utils.files import replace
from keras_gan._utils.log_names import DISCRIMINATOR_LOSS, GENERATOR_LOSS, LOGS
from keras_gan.callbacks.every import Every
from keras_gan.config import CHECKPOINT_EVERY_S
from keras_gan.runs import Run, checkpoints

SNAPSHOT_SAMPLES = 64
MOST_CLASSES, CLASS_COLUMNS = 16, 8  # of the snapshots of a conditional generator: classes, and samples in a row
SNAPSHOT_VECTORS = 1_000  # generated points, drawn over the same number of real points
LONGEST_S = 1e9  # a limit for the time between two rows: 30 years


class Snapshots(Every):
    """Draws samples of fixed latents, from step 0 on, as samples/step_*.png.

    Args:
        run: the run folder.
        steps: the number of steps between two snapshots.
        seed: seed of the latents.
        real: real vectors (n, features), which are drawn next to generated vectors; None for images.
    """

    def __init__(self, run: Run, steps: int, seed: int, real: np.ndarray | None = None):
        super().__init__(steps, run)
        self.run = run
        self.seed = seed
        self.real = real

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        if self.last == 0:
            self.act(0)

    def act(self, step, logs=None):
        path = self.run.sample_file(step)
        if self.real is not None:
            plots.vectors(self._samples(SNAPSHOT_VECTORS), self.real, path)
        elif self.model.num_classes is None:
            replace(path, sampling.grid(pixels.to_uint8(self._samples(SNAPSHOT_SAMPLES))).save)
        else:
            labels = shown_classes(self.model.num_classes)
            images = pixels.to_uint8(self._samples(len(labels), labels))
            replace(path, sampling.class_grid(images, labels, self.run.class_names).save)

    def _samples(self, count, labels=None):
        return keras.ops.convert_to_numpy(self.model(self.model.inputs(count, self.seed, labels)))


def shown_classes(count: int) -> np.ndarray:
    """The classes of the samples in a snapshot: whole rows of each class, about 64 in all where the classes are few.

    Args:
        count: the number of classes. Of more than 16, an even selection is shown.

    Returns:
        int32, in increasing order.
    """
    shown = np.linspace(0, count - 1, min(count, MOST_CLASSES)).round()
    rows = max(1, SNAPSHOT_SAMPLES // (CLASS_COLUMNS * len(shown)))
    return shown.astype("int32").repeat(rows * CLASS_COLUMNS)


class History(Every):
    """Writes the means since the last row to history.csv and to TensorBoard events, and the newest snapshot to these.

    Args:
        run: the run folder.
        steps: the number of steps between two rows.
        images: the number of images in a training step.
    """

    def __init__(self, run: Run, steps: int, images: int):
        super().__init__(steps, run)
        self.run = run
        self.images = images
        self.before_s = 0.0  # time of training since the last row in an earlier process

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        before = self.run.history()
        self.seconds = float(before["seconds"][-1]) if before else 0.0
        self.row_step = int(before["step"][-1]) if before else 0
        self.events = self.run.events()
        self.since = time.perf_counter() - self.before_s

    def state(self) -> dict[str, np.ndarray]:
        """Returns the arrays that a checkpoint saves."""
        return {"seconds": np.array(time.perf_counter() - self.since)}

    def restore(self, saved: dict[str, np.ndarray]) -> None:
        """Continues from the arrays that `state` returned."""
        self.before_s = float(checkpoints.extra_array(saved, "seconds", largest=LONGEST_S) or 0.0)

    def act(self, step, logs=None):
        now = time.perf_counter()
        elapsed_s, self.since = now - self.since, now
        self.seconds += elapsed_s
        rate = (step - self.row_step) * self.images / elapsed_s
        self.row_step = step
        losses = {name: float(logs[name]) for name in LOGS}
        row = {"step": step, "seconds": self.seconds, "images_per_s": rate, **losses}
        self.run.append_history(row)
        self.events.add(row)
        self.events.add_picture(step, self.run.sample_file(step))  # if there is one: `Snapshots` comes first

    def finish(self, step: int, logs) -> None:
        """Writes a last row if training stopped between two rows."""
        if step > self.row_step:
            self.act(step, logs)


class Means(Every):
    """Resets the means that `fit` logs after each row of the history, but not when a run is resumed."""

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.continued = [variable.numpy() for variable in self._variables()]

    def on_epoch_begin(self, epoch, logs=None):
        for variable, value in zip(self._variables(), self.continued, strict=True):
            variable.assign(value)

    def act(self, step, logs=None):
        self.model.reset_metrics()

    def _variables(self):
        return [variable for tracker in self.model.trackers for variable in tracker.variables]


class Progress(keras.callbacks.Callback):
    """Shows the progress of training: step, images/s, both losses, and the time left.

    Args:
        steps: the last step.
        images: the number of images in a training step.
        task: where the progress is shown; None for lines on standard error.
    """

    def __init__(self, steps: int, images: int, task: progress.Task | None = None):
        super().__init__()
        self.steps = steps
        self.images = images
        self.given = task

    def on_train_begin(self, logs=None):
        self.own = contextlib.ExitStack()
        self.task = self.given or self.own.enter_context(training_task(progress.Lines(), self.steps))
        self.first = None

    def on_train_batch_end(self, batch, logs=None):
        now, step = time.perf_counter(), self.model.step
        if self.first is None:  # the first call includes compilation, which would distort the rate
            self.first = (now, step)
            return
        rate = (step - self.first[1]) / max(now - self.first[0], 1e-9)  # steps a second
        losses = f"loss D {logs[DISCRIMINATOR_LOSS]:.3f}   G {logs[GENERATOR_LOSS]:.3f}"
        self.task.update(step, f"{rate * self.images:,.0f} images/s   {losses}")

    def on_train_end(self, logs=None):
        self.own.close()


def training_task(display: progress.Display, steps: int):
    """The task of training up to a last step, as a context manager."""
    return display.task("step", steps, "compiling the training step", stays=True)


class Checkpoints(keras.callbacks.Callback):
    """Saves a checkpoint and redraws the curves of the run at regular times.

    With several workers, the clock of the chief decides. All workers take part, and only the chief writes.

    Args:
        run: the run folder; None for a worker that is not the chief.
        keepers: callbacks whose `state` is part of a checkpoint.
        every_s: seconds between two checkpoints.
    """

    def __init__(self, run: Run | None, keepers: Sequence = (), every_s: float = CHECKPOINT_EVERY_S):
        super().__init__()
        self.every_s = every_s
        self.run = run
        self.keepers = keepers

    def on_train_begin(self, logs=None):
        self.saved_at = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        due = self.run is not None and time.monotonic() - self.saved_at >= self.every_s
        if distribute.agree(self.model.distribute_strategy, due, self.model.step):
            self.save()
            self.saved_at = time.monotonic()

    def save(self) -> None:
        """Saves a checkpoint now."""
        arrays = checkpoints.values(self.model)
        if self.run is not None:
            states = {name: array for keeper in self.keepers for name, array in keeper.state().items()}
            optimizers = (self.model.generator_optimizer, self.model.discriminator_optimizer)
            rates = np.array([schedules.initial_rate(optimizer) for optimizer in optimizers])
            self.run.store(self.model.step, arrays, states | {checkpoints.RATES: rates})
            reporting.draw_curves(self.run)
