"""The base class of the callbacks that act at regular steps."""

import keras

from keras_gan._utils.errors import InputError
from keras_gan.runs import Run


class Every(keras.callbacks.Callback):
    """Calls `act(step, logs)` each time training has passed a multiple of `steps`, and at the last step of a run.

    Args:
        steps: the number of steps between two calls.
        run: the run folder, for its last step; None if there is none.

    Raises:
        InputError: for less than one step.
    """

    def __init__(self, steps: int, run: Run | None = None):
        super().__init__()
        if steps < 1:
            raise InputError(f"{type(self).__name__} received steps={steps}; expected at least 1. Use steps=100.")
        self.steps = steps
        self.end = run.config.steps if run else None
        self.last = 0

    def on_train_begin(self, logs=None):
        self.last = self.model.step

    def on_train_batch_end(self, batch, logs=None):
        step = self.model.step
        # Several steps may run between two calls, so the step itself may be no multiple.
        if step // self.steps > self.last // self.steps or step == self.end:
            self.act(step, logs)
        self.last = step
