"""A callback that recovers from a loss or a gradient that is not finite."""

import keras
import numpy as np

from keras_gan import schedules
from keras_gan._utils import compat, progress
from keras_gan.runs import checkpoints

RETREATS, FACTOR = 3, 0.5
GOOD_STEPS = 100  # between two copies of a good state; a copy takes 5 ms for the default networks


class DivergenceGuard(keras.callbacks.Callback):
    """Restores an earlier state after a loss or a gradient that is NaN or infinite, and lowers the learning rates.

    `GAN.train_step` skips such a step. This callback then restores the weights, their moving averages and the optimizer
    slots of up to `steps` steps before, and multiplies both learning rates by `factor`. The data, the noise and the
    step counter continue. The saved state is not part of a checkpoint; after a resume it is the resumed state. After
    `retreats` restorations, the next such step stops `fit` with the last good state restored.

    Args:
        retreats: the maximum number of restorations.
        factor: factor of both learning rates at each restoration.
        steps: the number of steps between two copies of the state in memory.
        stream: the stream to print to; None for standard error.

    Attributes:
        verdict: one line with the reason why training was stopped; None if it was not.
        logs: the logs of the last skipped step; None if no step was skipped.

    Example:
        >>> import numpy as np
        >>> from keras_gan import GAN, callbacks, networks
        >>> gan = GAN(networks.generator((8, 8, 1)), networks.discriminator((8, 8, 1)))
        >>> gan.compile()
        >>> guard = callbacks.DivergenceGuard()
        >>> _ = gan.fit(np.zeros((8, 8, 8, 1), "float32"), batch_size=4, verbose=0, callbacks=[guard])
        >>> guard.verdict is None
        True
    """

    def __init__(self, retreats: int = RETREATS, factor: float = FACTOR, steps: int = GOOD_STEPS, stream=None):
        super().__init__()
        self.retreats = retreats
        self.factor = factor
        self.steps = steps
        self.stream = stream
        self.made = 0
        self.verdict = self.logs = None

    def state(self) -> dict[str, np.ndarray]:
        """Returns the arrays that a checkpoint saves."""
        return {"retreats": np.array(self.made)}

    def restore(self, model, saved: dict[str, np.ndarray]) -> None:
        """Continues from the arrays that `state` returned, and lowers the learning rates of schedules again."""
        self.made = int(checkpoints.extra_array(saved, "retreats", largest=self.retreats) or 0)
        for optimizer in _optimizers(model):
            if self.made and schedules.follows_schedule(optimizer):
                schedules.lower(optimizer, self.factor**self.made)
                model.train_function = None  # one that was traced before uses the old schedules

    def on_train_begin(self, logs=None):
        self.verdict = None
        self.skipped_steps = self._skipped_steps()
        self.good, self.good_step = None, self.model.step
        self._remember()

    def on_train_batch_end(self, batch, logs=None):
        skipped_steps = self._skipped_steps()
        if skipped_steps != self.skipped_steps:
            self.skipped_steps, self.logs = skipped_steps, logs
            self._retreat()
        elif self.model.step - self.good_step >= self.steps:
            self._remember()

    def _skipped_steps(self):
        return int(self.model.skipped_steps.numpy())

    def _remember(self):
        values = [variable.numpy() for variable in _state(self.model)]
        # Moving statistics, which have no gradient, may be infinite although all weights are finite.
        if all(np.isfinite(value).all() for value in values):
            self.good, self.good_step = values, self.model.step

    def _retreat(self):
        if self.good:  # None if training started from weights that were not finite
            for variable, value in zip(_state(self.model), self.good, strict=True):
                variable.assign(value)
        step = self.model.step
        cause = f"step {step:,}: a loss or a gradient was NaN or infinite, and the step was skipped"
        if self.made == self.retreats:
            self.verdict = (
                f"{cause}; this happened again after {self.retreats} retreats. Lower the learning rates, raise gamma, "
                "or check the data for values that are not finite or far outside [-1, 1]."
            )
            self.model.stop_training = True
            return
        self.made += 1
        for optimizer in _optimizers(self.model):
            schedules.lower(optimizer, self.factor)
        self.model.make_train_function(force=True)  # the old function uses the old schedules
        self.model.reset_metrics()  # or the next row of the history would be NaN
        text = (
            f"{cause}; restored the weights of step {self.good_step:,}, learning rates multiplied by {self.factor:g} "
            f"(retreat {self.made} of {self.retreats})"
        )
        progress.print_line(text, self.stream)


def _optimizers(model):
    return model.generator_optimizer, model.discriminator_optimizer


def _state(model):
    """Returns the variables to restore: all that a step changes except noise, step counters and learning rates."""
    slots = [
        variable
        for optimizer in map(schedules.innermost, _optimizers(model))
        for variable in optimizer.variables
        if variable is not compat.iterations_variable(optimizer) and variable is not optimizer.learning_rate
    ]
    networks = (model.generator, model.discriminator, model.ema_generator)
    return [*(variable for network in networks for variable in network.variables), *slots]
