"""`GAN.fit` and Keras's own callbacks: support for two optimizers, and errors for callbacks that cannot work."""

import keras
import numpy as np

from keras_gan import schedules
from keras_gan._utils import compat
from keras_gan._utils.errors import InputError
from keras_gan._utils.log_names import DISCRIMINATOR_LOSS, GENERATOR_LOSS, LOGS, LOSSES

OF_COMPILE = ("loss", "accuracy")  # logged by models with one loss, not by a GAN
CHECK_EVERY = 50  # batches, since reading the counts waits for the device
SETS_RATES = (keras.callbacks.ReduceLROnPlateau, keras.callbacks.LearningRateScheduler)
UPDATES_OPTIMIZERS = (*SETS_RATES, keras.callbacks.SwapEMAWeights)


class LossBar(keras.callbacks.ProgbarLogger):
    """Keras's progress bar with both losses; the other logs are in `History`, and would need three lines."""

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, _losses(logs))

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, _losses(logs))


def _losses(logs):
    return {name: value for name, value in (logs or {}).items() if name.removeprefix("val_") in LOSSES}


def check(callbacks: list, gan) -> None:
    """Raises InputError, before training, for a Keras callback that cannot work with this GAN.

    Args:
        callbacks: the callbacks passed to `fit`.
        gan: the compiled `GAN`.
    """
    for callback in callbacks:
        _check_monitor(callback)
        if isinstance(callback, UPDATES_OPTIMIZERS):
            _check_keras(callback)
        if isinstance(callback, SETS_RATES):
            _check_rates(callback, gan)
        if isinstance(callback, keras.callbacks.SwapEMAWeights):
            _check_averages(callback, gan)


def _check_monitor(callback):
    monitor = getattr(callback, "monitor", None)
    if isinstance(callback, keras.callbacks.ModelCheckpoint) and not callback.save_best_only:
        return
    if isinstance(monitor, str) and monitor.removeprefix("val_") in OF_COMPILE:
        raise InputError(
            f"{type(callback).__name__} monitors {monitor!r}, which a GAN does not log; expected one of "
            f"{', '.join(LOGS)}, one of {', '.join(f'val_{name}' for name in LOSSES)} with validation_data, or the "
            f"score of a keras_gan.callbacks.Evaluation such as 'frechet_distance'. Use {type(callback).__name__}("
            "monitor='frechet_distance', mode='min') with an Evaluation: neither loss says how good the samples are."
        )


def _check_keras(callback):
    if not compat.callbacks_update_several_optimizers():
        name = type(callback).__name__
        raise InputError(
            f"{name} of Keras {keras.__version__} updates one optimizer, and a GAN has two; expected Keras 3.15 or "
            f"newer. Use pip install --upgrade keras, or leave {name} out."
        )


def _check_rates(callback, gan):
    for role in ("generator", "discriminator"):
        schedule = schedules.schedule_of(getattr(gan, f"{role}_optimizer"))
        if schedule is not None:
            name = type(getattr(schedule, "schedule", schedule)).__name__
            raise InputError(
                f"{type(callback).__name__} sets learning rates, and the {role}_optimizer follows the schedule {name}; "
                "expected optimizers whose learning rate is a number. Use "
                "gan.compile(keras.optimizers.Adam(2e-4, beta_1=0.0), keras.optimizers.Adam(2e-4, beta_1=0.0)), or "
                f"leave {type(callback).__name__} out."
            )


def _check_averages(callback, gan):
    if not any(optimizer.use_ema for optimizer in gan.optimizer.optimizers):
        raise InputError(
            "SwapEMAWeights needs an optimizer with use_ema=True, and neither optimizer of this GAN has it; expected "
            "use_ema=True in one of them. Leave SwapEMAWeights out: gan.generate, predict and export use "
            "ema_generator, the moving average of the GAN itself."
        )


class FitSupport(keras.callbacks.Callback):
    """The callback that `GAN.fit` adds before the user's callbacks.

    It raises InputError for data that `batches.count` found wrong, passes a loss to TerminateOnNaN, and copies the
    averages of optimizers with `use_ema` into their networks, as Keras does for a model with one optimizer.

    Args:
        others: the user's callbacks.
    """

    def __init__(self, others: list):
        super().__init__()
        self.nan_callbacks = [other for other in others if isinstance(other, keras.callbacks.TerminateOnNaN)]

    def on_train_begin(self, logs=None):
        self.model.reset_counts()
        self.first, self.unchecked = True, 0

    def on_train_batch_end(self, batch, logs=None):
        self.unchecked += 1
        if self.first or self.unchecked >= CHECK_EVERY:
            self._check()
        if self.nan_callbacks and logs:
            loss = np.add(
                *(float(keras.ops.convert_to_numpy(logs[name])) for name in (DISCRIMINATOR_LOSS, GENERATOR_LOSS))
            )
            for callback in self.nan_callbacks:
                callback.on_batch_end(batch, {"loss": loss})

    def on_epoch_end(self, epoch, logs=None):
        self._check()

    def on_train_end(self, logs=None):
        self.model.finalize_optimizer_averages()

    def _check(self):
        self.model.check_counts(self.first)
        self.first, self.unchecked = False, 0
