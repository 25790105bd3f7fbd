"""What brings training back from a loss or a gradient that is not finite."""

import sys

import keras
import numpy as np

from keras_gan import schedules
from keras_gan._utils import compat
from keras_gan.runs import checkpoints

RETREATS, FACTOR = 3, 0.5
GOOD_STEPS = 100  # between copies of a state to go back to: 5 ms for the default networks


class DivergenceGuard(keras.callbacks.Callback):
    """Steps back where a loss or a gradient is NaN or infinite, and goes on with lower learning rates.

    `GAN.train_step` does not apply such a step. This callback then takes weights, average and slots back to where they
    were up to `steps` steps before, and multiplies both learning rates by `factor`; data, noise and the count of steps
    go on. That state is not part of a checkpoint: after a resume it is the one that training was resumed with. After
    `retreats` of these the next such step ends `fit`, with the last good state in place.

    Args:
        retreats: how often.
        factor: of the learning rates, each time.
        steps: between the states that it may go back to, which are held in memory.
        stream: to print to; None for standard error.

    Attributes:
        verdict: one line that says why training was ended; None where it was not.
        logs: what `fit` logged at the last step that was not applied; None where there was none.

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
        self.stream = stream or sys.stderr
        self.made = 0
        self.verdict = self.logs = None

    def state(self) -> dict[str, np.ndarray]:
        """What a checkpoint has to keep of it."""
        return {"retreats": np.array(self.made)}

    def restore(self, model, beside: dict[str, np.ndarray]) -> None:
        """Goes on from a `state`: lowers again the rates that no variable of the optimizer holds."""
        self.made = int(checkpoints.kept(beside, "retreats", largest=self.retreats) or 0)
        for optimizer in _optimizers(model):
            if self.made and schedules.follows_schedule(optimizer):
                schedules.lower(optimizer, self.factor**self.made)

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
        # A weight may be finite while a moving statistic, which no gradient reaches, is not.
        if all(np.isfinite(value).all() for value in values):
            self.good, self.good_step = values, self.model.step

    def _retreat(self):
        if self.good:  # None where training began from weights that were not finite
            for variable, value in zip(_state(self.model), self.good, strict=True):
                variable.assign(value)
        step = self.model.step
        cause = f"step {step:,}: a loss or a gradient was NaN or infinite, and the step was not applied"
        if self.made == self.retreats:
            self.verdict = (
                f"{cause}; that was so after {self.retreats} retreats too: lower the learning rates, raise gamma, or "
                "look for values in the data that are not finite or far outside [-1, 1]"
            )
            self.model.stop_training = True
            return
        self.made += 1
        for optimizer in _optimizers(self.model):
            schedules.lower(optimizer, self.factor)
        self.model.make_train_function(force=True)  # which holds the old schedules
        self.model.reset_metrics()  # else the row would be NaN as a whole
        print(
            f"{cause}; back to the weights of step {self.good_step:,}, learning rates times {self.factor:g} "
            f"(retreat {self.made} of {self.retreats})",
            file=self.stream,
            flush=True,
        )


def _optimizers(model):
    return model.generator_optimizer, model.discriminator_optimizer


def _state(model):
    """What goes back: all that a step changes but the noise, the counts of steps and the rates."""
    slots = [
        variable
        for optimizer in map(schedules.innermost, _optimizers(model))
        for variable in optimizer.variables
        if variable is not compat.iterations_variable(optimizer) and variable is not optimizer.learning_rate
    ]
    networks = (model.generator, model.discriminator, model.ema_generator)
    return [*(variable for network in networks for variable in network.variables), *slots]
