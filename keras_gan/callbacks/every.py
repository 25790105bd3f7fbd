"""The base of the callbacks that act at regular steps."""

import keras


class Every(keras.callbacks.Callback):
    """Calls `act(step)` whenever training has passed a multiple of `steps`; a base for the callbacks below."""

    def __init__(self, steps: int):
        super().__init__()
        self.steps = steps
        self.last = 0

    def on_train_begin(self, logs=None):
        self.last = self.model.step

    def on_train_batch_end(self, batch, logs=None):
        step = self.model.step
        # Several steps may run between two calls, so "passed" rather than "divides".
        if step // self.steps > self.last // self.steps:
            self.act(step, logs)
        self.last = step
