"""Steps that are not finite, in real training, and how `DivergenceGuard` recovers."""

import io
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_gan import GAN, doctor, schedules
from keras_gan.callbacks import DivergenceGuard
from keras_gan.runs import Run, checkpoints

IMAGES = np.random.default_rng(0).uniform(-1, 1, (40, 8, 8, 1)).astype("float32")
SCHEDULE = keras.optimizers.schedules.InverseTimeDecay(0.01, 10, 1.0)  # half after 10 steps


class Poison(keras.callbacks.Callback):
    """Makes the last bias of the generator NaN before the given batches."""

    def __init__(self, *batches):
        super().__init__()
        self.batches = batches
        self.seen = []

    def on_train_batch_begin(self, batch, logs=None):
        self.seen.append(self.model.generator.layers[-1].bias.numpy().copy())
        if batch in self.batches:
            self.model.generator.layers[-1].bias.assign([np.nan])


@pytest.fixture
def gan(tiny_generator, tiny_discriminator):
    gan = GAN(tiny_generator(), tiny_discriminator(), ema_half_life_images=100, seed=3)
    gan.compile(keras.optimizers.Adam(SCHEDULE), keras.optimizers.Adam(0.02), loss="non_saturating")
    return gan


def fitted(gan, *poisoned, **options):
    guard, poison = DivergenceGuard(stream=io.StringIO(), **options), Poison(*poisoned)
    gan.fit(IMAGES, batch_size=4, shuffle=False, verbose=0, callbacks=[guard, poison])
    return guard, poison


def test_training_restores_earlier_weights_and_continues_with_half_the_rates(gan):
    guard, poison = fitted(gan, 6, steps=4)
    assert guard.made == 1 and guard.verdict is None
    # Batch 6 was skipped, and the weights after step 4, with which batch 4 began, were restored.
    np.testing.assert_array_equal(poison.seen[7], poison.seen[4])
    assert not np.array_equal(poison.seen[8], poison.seen[7])
    assert all(np.isfinite(weights).all() for weights in gan.get_weights())
    assert float(gan.discriminator_optimizer.learning_rate) == pytest.approx(0.01)
    assert float(gan.generator_optimizer.learning_rate) == pytest.approx(0.01 / 2 / 2)  # after 10 steps
    assert gan.step == 10
    (line,) = guard.stream.getvalue().splitlines()
    assert line.startswith("step 7: a loss or a gradient was NaN or infinite") and line.endswith("(retreat 1 of 3)")
    assert "step 4" in line and "0.5" in line


def test_the_lower_rate_is_the_one_that_is_applied(gan):
    fitted(gan, 0)
    slow = gan.generator.get_weights()[0]
    step = [float(gan.generator_optimizer.learning_rate)]
    fitted(gan)
    # Adam moves a weight by at most a few times its rate: with the old schedule it would have been twice as far.
    moved = np.abs(gan.generator.get_weights()[0] - slow).max()
    assert 0 < moved <= 10 * step[0] * 1.01


def test_too_many_retreats_end_fit_with_a_verdict_and_the_last_good_weights(gan):
    start = gan.generator.get_weights()
    guard, poison = fitted(gan, 0, 1, 2, 3, retreats=2)
    assert guard.made == 2 and len(poison.seen) == 3
    assert (
        guard.verdict.startswith("step 3: a loss or a gradient was NaN or infinite")
        and "learning rates" in guard.verdict
    )
    for weights, wanted in zip(gan.generator.get_weights(), start, strict=True):
        np.testing.assert_array_equal(weights, wanted)
    assert float(gan.discriminator_optimizer.learning_rate) == pytest.approx(0.02 / 4)


@pytest.mark.long
def test_a_continued_run_keeps_its_retreats(gan, tiny_generator, tiny_discriminator):
    guard, _ = fitted(gan, 2)
    other = GAN(tiny_generator(), tiny_discriminator(), seed=3)
    other.compile(keras.optimizers.Adam(SCHEDULE), keras.optimizers.Adam(0.02), loss="non_saturating")
    again = DivergenceGuard()
    again.restore(other, guard.state())
    assert again.made == 1
    assert float(other.generator_optimizer.learning_rate) == pytest.approx(0.01 / 2)
    # A rate that is a number comes with the optimizer's variables.
    assert float(other.discriminator_optimizer.learning_rate) == pytest.approx(0.02)


def test_a_step_traced_before_the_retreats_are_restored_uses_the_lower_rate(gan, tiny_generator, tiny_discriminator):
    """As where a continued run is timed before it is trained."""
    other = GAN(tiny_generator(), tiny_discriminator(), ema_half_life_images=100, seed=3)
    other.compile(keras.optimizers.Adam(SCHEDULE), keras.optimizers.Adam(0.02), loss="non_saturating")
    start = checkpoints.values(gan)
    gan.fit(IMAGES, batch_size=4, verbose=0)
    for each in (gan, other):
        checkpoints.assign(each, start)
        DivergenceGuard().restore(each, {"retreats": np.array(3)})
        each.fit(IMAGES, batch_size=4, shuffle=False, verbose=0)
    for mine, its in zip(gan.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(mine, its, rtol=0, atol=1e-6)


def test_a_lowered_schedule_is_saved_with_its_optimizer():
    optimizer = keras.optimizers.Adam(SCHEDULE)
    schedules.lower(optimizer, 0.5)
    schedules.lower(optimizer, 0.5)
    loaded = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    loaded.iterations.assign(10)
    assert float(loaded.learning_rate) == pytest.approx(0.01 / 2 / 4)


def test_a_healthy_training_is_not_changed(gan, tiny_generator, tiny_discriminator):
    guard, _ = fitted(gan)
    other = GAN(tiny_generator(), tiny_discriminator(), ema_half_life_images=100, seed=3)
    other.compile(keras.optimizers.Adam(SCHEDULE), keras.optimizers.Adam(0.02), loss="non_saturating")
    other.fit(IMAGES, batch_size=4, shuffle=False, verbose=0)
    assert guard.made == 0 and guard.stream.getvalue() == ""
    for weights, wanted in zip(gan.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, wanted)


def test_a_run_that_diverges_ends_with_a_verdict_and_status_1(forked, tmp_path):
    run_dir = tmp_path / "run"
    words = ["train", "digits", "--preset", "lean", "--discriminator-lr", "1e30", "--steps", "50", "--run", run_dir]
    words += ["--evaluate-every", "7"]  # so that every step is a call of its own
    done = forked(Path(sys.executable).with_name("kgan"), *words)
    _, printed = done.communicate(timeout=300)
    assert done.returncode == 1 and "Traceback" not in printed
    lines = printed.splitlines()
    steps = [int(line.split()[1].rstrip(":")) for line in lines if "(retreat " in line]
    assert len(steps) == 3 and steps == sorted(set(steps))
    assert lines[-1].startswith("Error: step ") and "a loss or a gradient was NaN or infinite" in lines[-1]
    assert doctor.examine(Run(run_dir))[0].name == "divergence"
