"""A clean stop on Ctrl-C."""

import contextlib
import signal
import sys
import threading

import keras


class Stop(keras.callbacks.Callback):
    """Ends training after the present step once Ctrl-C was pressed; a second Ctrl-C ends it at once."""

    def __init__(self):
        super().__init__()
        self.asked = False

    @contextlib.contextmanager
    def listening(self):
        """Listens for Ctrl-C inside the block."""

        def ask(number, frame):
            self.asked = True
            print("\nstopping after this step, then saving; Ctrl-C again stops at once", file=sys.stderr, flush=True)
            signal.signal(signal.SIGINT, before)

        if threading.current_thread() is not threading.main_thread():
            yield self  # only the main thread receives signals
            return
        before = signal.signal(signal.SIGINT, ask)
        try:
            yield self
        finally:
            signal.signal(signal.SIGINT, before)

    def on_train_batch_end(self, batch, logs=None):
        if self.asked:
            self.model.stop_training = True
