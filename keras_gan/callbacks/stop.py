"""A callback that stops training cleanly on Ctrl-C or SIGTERM."""

import contextlib
import signal
import threading

import keras

from keras_gan import distribute
from keras_gan._utils import progress

SIGNALS = {
    signal.SIGINT: "\nstopping after this step, then saving. Press Ctrl-C again to stop at once.",
    signal.SIGTERM: "received SIGTERM: stopping after this step, then saving",
}


class Stop(keras.callbacks.Callback):
    """Stops training after the current step on Ctrl-C or SIGTERM. A second signal ends the process at once.

    With several workers, all of them stop at the same step, whichever of them receives the signal.

    Attributes:
        signal: the number of the signal that this process received; None if there was none.
    """

    def __init__(self):
        super().__init__()
        self.signal = None

    @contextlib.contextmanager
    def listening(self):
        """Handles the signals inside the block."""

        def handle(number, frame):
            self.signal = number
            progress.print_line(SIGNALS[number])
            signal.signal(number, before[number])

        if threading.current_thread() is not threading.main_thread():
            yield self  # only the main thread receives signals
            return
        before = {number: signal.signal(number, handle) for number in SIGNALS}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def on_train_batch_end(self, batch, logs=None):
        if distribute.agree(self.model.distribute_strategy, self.signal is not None, self.model.step):
            self.model.stop_training = True
