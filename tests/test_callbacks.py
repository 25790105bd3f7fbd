import re
import signal
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from keras_gan import InputError
from keras_gan.callbacks import Every, Progress, Stop, Timer


@pytest.fixture
def tiny_gan(tiny_gan):
    """One whose steps need no tracing: callbacks see the same."""
    tiny_gan.compile("sgd", "sgd", loss="hinge", run_eagerly=True)
    return tiny_gan


# Ctrl-C; a real process is stopped in test_training


@pytest.fixture
def python_handler():
    # A shell starts background jobs with Ctrl-C ignored, and the tests may be one.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_the_first_ctrl_c_requests_a_stop_and_the_second_interrupts(python_handler):
    with Stop().listening() as stop:
        assert stop.signal is None
        signal.raise_signal(signal.SIGINT)
        assert stop.signal == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is python_handler


def test_the_handler_is_restored_after_an_error():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(RuntimeError, match="inside"), Stop().listening():
        assert signal.getsignal(signal.SIGINT) is not before
        raise RuntimeError("inside")
    assert signal.getsignal(signal.SIGINT) is before


def test_stop_works_outside_the_main_thread_without_signals():
    before, seen = signal.getsignal(signal.SIGINT), []

    def listen():
        with Stop().listening() as stop:
            seen.append((stop.signal, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert seen == [(None, before)]


def test_a_requested_stop_ends_fit_after_the_current_step(tiny_gan):
    stop = Stop()
    stop.signal = signal.SIGTERM
    tiny_gan.fit(np.zeros((12, 8, 8, 1), "float32"), batch_size=4, epochs=5, verbose=0, callbacks=[stop])
    assert tiny_gan.step == 1


# progress; the lines themselves are tested in test_progress


def test_progress_shows_the_step_the_rate_and_both_losses(tiny_gan):
    shown = []
    task = SimpleNamespace(update=lambda done, note: shown.append((done, note)))
    tiny_gan.fit(np.zeros((16, 8, 8, 1), "float32"), batch_size=4, verbose=0, callbacks=[Progress(4, 4, task)])
    assert [step for step, _ in shown] == [2, 3, 4]  # the first step includes compilation
    for _, note in shown:
        assert re.fullmatch(r"[\d,]+ images/s   loss D -?\d+\.\d{3}   G -?\d+\.\d{3}", note)


def test_a_timer_ends_training_when_it_has_timed_enough(tiny_gan):
    timer = Timer(seconds=1e9, calls=3)
    tiny_gan.fit(np.zeros((80, 8, 8, 1), "float32"), batch_size=4, verbose=0, callbacks=[timer])
    assert tiny_gan.step == 4 and 0 < timer.seconds_per_step < 60
    timer.ends = [(10.0, 1), (11.0, 2), (12.0, 5)]
    assert timer.seconds_per_step == 0.5  # two seconds for the four steps after the first call


# intervals


class Noted(Every):
    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.steps_seen = []

    def act(self, step, logs=None):
        self.steps_seen.append(step)


def test_every_needs_a_step():
    with pytest.raises(InputError, match="Every received steps=0; expected at least 1"):
        Every(0)


def test_every_acts_when_a_multiple_was_passed(tiny_gan):
    noted = Noted(3)
    tiny_gan.fit(np.zeros((28, 8, 8, 1), "float32"), batch_size=4, verbose=0, callbacks=[noted])
    assert noted.steps_seen == [3, 6]


def test_every_acts_once_if_several_steps_run_in_one_call(tiny_gan):
    tiny_gan.compile(steps_per_execution=4)
    noted = Noted(3)
    tiny_gan.fit(np.zeros((40, 8, 8, 1), "float32"), batch_size=4, verbose=0, callbacks=[noted])
    # Calls end at steps 4, 8 and 10, and each has passed 3, 6 and 9.
    assert noted.steps_seen == [4, 8, 10]


def test_every_counts_from_the_step_at_which_training_continues(tiny_gan):
    images = np.zeros((16, 8, 8, 1), "float32")
    tiny_gan.fit(images, batch_size=4, verbose=0)
    noted = Noted(3)
    tiny_gan.fit(images, batch_size=4, verbose=0, callbacks=[noted])
    assert noted.steps_seen == [6]
