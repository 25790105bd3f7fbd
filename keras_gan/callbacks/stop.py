"""A clean stop on Ctrl-C, and when a scheduler asks for the machine."""

import contextlib
import signal
import sys
import threading

import keras

from keras_gan import distribute

SIGNALS = {
    signal.SIGINT: "\nstopping after this step, then saving; Ctrl-C again stops at once",
    signal.SIGTERM: "told to end (SIGTERM): stopping after this step, then saving",
}


class Stop(keras.callbacks.Callback):
    """Ends training after the present step once Ctrl-C was pressed or SIGTERM came; a second one ends it at once.

    With several workers all of them stop at the same step, whichever of them was asked.

    Attributes:
        signal: the number of the signal that this process received; None where there was none.
    """

    def __init__(self):
        super().__init__()
        self.signal = None

    @contextlib.contextmanager
    def listening(self):
        """Listens inside the block."""

        def ask(number, frame):
            self.signal = number
            print(SIGNALS[number], file=sys.stderr, flush=True)
            signal.signal(number, before[number])

        if threading.current_thread() is not threading.main_thread():
            yield self  # only the main thread receives signals
            return
        before = {number: signal.signal(number, ask) for number in SIGNALS}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def on_train_batch_end(self, batch, logs=None):
        if distribute.agree(self.model.distribute_strategy, self.signal is not None, self.model.step):
            self.model.stop_training = True
