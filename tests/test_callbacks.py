import io
import re
import signal
import threading

import numpy as np
import pytest

from keras_gan.callbacks import Every, Progress, Stop, recording

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


# progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(gan, stream, steps=4):
    images = np.zeros((4 * steps, 8, 8, 1), "float32")
    gan.fit(images, batch_size=4, verbose=0, callbacks=[Progress(steps, 4, stream)])
    return stream.getvalue()


LINE = r"step {}/4   [\d,]+ images/s   \d+:\d\d left   D -?\d+\.\d{{3}}   G -?\d+\.\d{{3}}"


def test_progress_in_a_log_file_is_whole_lines(tiny_gan):
    text = shown(tiny_gan, io.StringIO())
    assert text.endswith("\n") and len(text.splitlines()) == 1
    assert re.fullmatch(LINE.format(4), text.strip())


def test_progress_on_a_terminal_rewrites_its_line_and_ends_it(tiny_gan, monkeypatch):
    monkeypatch.setattr(recording, "TERMINAL_EVERY_S", 0.0)
    text = shown(tiny_gan, Terminal())
    start, *lines = text.split("\r\033[K")
    # The first step includes compilation, so it is not shown.
    assert start == "" and len(lines) == 3
    assert [line.split("/")[0] for line in lines] == ["step 2", "step 3", "step 4"]
    assert [line.endswith("\n") for line in lines] == [False, False, True]
    assert "0:00 left" in lines[-1]


def test_progress_is_shown_no_more_often_than_requested(tiny_gan, monkeypatch):
    monkeypatch.setattr(recording, "TERMINAL_EVERY_S", 1e9)
    assert shown(tiny_gan, Terminal()).count("\r\033[K") == 1


# intervals


class Noted(Every):
    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.steps_seen = []

    def act(self, step, logs=None):
        self.steps_seen.append(step)


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
