"""A callback that times training steps."""

import time

import keras


class Timer(keras.callbacks.Callback):
    """Times training steps, and stops training when it has timed enough.

    Args:
        seconds: the time after which training stops.
        calls: the number of calls after which training stops; at least two are timed.
    """

    def __init__(self, seconds: float, calls: int):
        super().__init__()
        self.seconds = seconds
        self.calls = calls

    def on_train_begin(self, logs=None):
        self.ends = []  # (time, step) after each call; the first one includes compilation

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append((time.perf_counter(), self.model.step))
        timed = len(self.ends) - 1
        if timed >= 2 and (timed >= self.calls or self.ends[-1][0] - self.ends[0][0] >= self.seconds):
            self.model.stop_training = True

    @property
    def seconds_per_step(self) -> float | None:
        """The mean duration of a step; None where only one call was made."""
        (first_at, first), (last_at, last) = self.ends[0], self.ends[-1]
        return (last_at - first_at) / (last - first) if last > first else None
