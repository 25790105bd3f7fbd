import math

import numpy as np
import pytest
import tensorflow as tf

from keras_gan.losses import LOSSES

REAL, FAKE = [2.0, -1.0], [0.5, -3.0]


def softplus(x):
    return math.log(1 + math.exp(x))


def tensor(values):
    return tf.constant(values, "float32", shape=(len(values), 1))


def discriminator_loss(name, real, fake):
    return float(LOSSES[name].discriminator(tensor(real), tensor(fake)))


def generator_loss(name, real, fake):
    logits = [tensor(real), tensor(fake)] if LOSSES[name].paired else [tensor(fake)]
    return float(LOSSES[name].generator(*logits))


# -log σ(x) = softplus(-x) and -log(1 - σ(x)) = softplus(x); the means are over REAL and over FAKE.
MINIMAX_D = (softplus(-2) + softplus(1)) / 2 + (softplus(0.5) + softplus(-3)) / 2
BY_HAND = {
    "minimax": (MINIMAX_D, -(softplus(0.5) + softplus(-3)) / 2),
    "non_saturating": (MINIMAX_D, (softplus(-0.5) + softplus(3)) / 2),
    # D: ½ ((2-1)² + (-1-1)²) / 2 + ½ (0.5² + 3²) / 2; G: ½ ((0.5-1)² + (-3-1)²) / 2
    "least_squares": (5 / 4 + 9.25 / 4, 16.25 / 4),
    # D: (max(0, 1-2) + max(0, 1+1)) / 2 + (max(0, 1+0.5) + max(0, 1-3)) / 2
    "hinge": (2 / 2 + 1.5 / 2, 2.5 / 2),
    # mean of FAKE is -1.25, mean of REAL 0.5
    "wasserstein": (-1.25 - 0.5, 1.25),
    # pairs: fake - real = (-1.5, -2)
    "relativistic": ((softplus(-1.5) + softplus(-2)) / 2, (softplus(1.5) + softplus(2)) / 2),
}


def test_every_loss_is_derived_by_hand():
    assert set(BY_HAND) == set(LOSSES)


@pytest.mark.parametrize("name", LOSSES)
def test_discriminator_loss_by_hand(name):
    assert discriminator_loss(name, REAL, FAKE) == pytest.approx(BY_HAND[name][0], abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_generator_loss_by_hand(name):
    assert generator_loss(name, REAL, FAKE) == pytest.approx(BY_HAND[name][1], abs=1e-6)


@pytest.mark.parametrize("name", ["minimax", "non_saturating"])
def test_an_undecided_discriminator_loses_two_log_two(name):
    assert discriminator_loss(name, [0.0, 0.0], [0.0, 0.0]) == pytest.approx(2 * math.log(2), abs=1e-6)


def test_generators_against_an_undecided_discriminator():
    assert generator_loss("minimax", [0.0], [0.0]) == pytest.approx(-math.log(2), abs=1e-6)
    assert generator_loss("non_saturating", [0.0], [0.0]) == pytest.approx(math.log(2), abs=1e-6)


def test_relativistic_at_equality_is_log_two_whatever_the_level():
    logits = [7.0, -4.0]
    assert discriminator_loss("relativistic", logits, logits) == pytest.approx(math.log(2), abs=1e-6)
    assert generator_loss("relativistic", logits, logits) == pytest.approx(math.log(2), abs=1e-6)


def test_relativistic_compares_pairs_and_not_means():
    # Pairs (1, 3) and (3, 1): the mean difference is 0, the loss is not log 2.
    expected = (softplus(2) + softplus(-2)) / 2
    assert discriminator_loss("relativistic", [1.0, 3.0], [3.0, 1.0]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("real, fake", [(100.0, -100.0), (-100.0, 100.0)])
def test_extreme_logits_give_finite_losses_and_gradients(name, real, fake):
    real, fake = tensor([real]), tensor([fake])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([real, fake])
        d_loss = LOSSES[name].discriminator(real, fake)
        g_loss = LOSSES[name].generator(*([real, fake] if LOSSES[name].paired else [fake]))
    gradients = [*tape.gradient(d_loss, [real, fake]), tape.gradient(g_loss, fake)]
    assert np.isfinite([d_loss, g_loss, *(float(g[0, 0]) for g in gradients)]).all()


@pytest.mark.parametrize("name", ["minimax", "non_saturating"])
def test_a_wrong_and_certain_discriminator_pays_linearly(name):
    # softplus(100) = 100 to within e^-100, for both halves.
    assert discriminator_loss(name, [-100.0], [100.0]) == pytest.approx(200, abs=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_raising_a_fake_logit_lowers_the_generator_loss(name):
    # Below 1, the target of least squares.
    levels = [generator_loss(name, REAL, [level, -3.0]) for level in (-2.0, -1.0, 0.0, 0.9)]
    assert levels == sorted(levels, reverse=True)
    assert min(np.diff(levels[::-1])) > 1e-3


@pytest.mark.parametrize("name", LOSSES)
def test_better_separation_lowers_the_discriminator_loss(name):
    assert discriminator_loss(name, [0.5], [-0.2]) < discriminator_loss(name, [0.1], [0.2]) - 1e-3


def test_minimax_saturates_at_a_confident_discriminator_and_non_saturating_does_not():
    fake = tensor([-10.0])
    input_gradients = {}
    for name in ("minimax", "non_saturating"):
        with tf.GradientTape() as tape:
            tape.watch(fake)
            loss = LOSSES[name].generator(fake)
        input_gradients[name] = float(tape.gradient(loss, fake)[0, 0])
    # d/dx -softplus(x) = -σ(x), d/dx softplus(-x) = -σ(-x)
    assert input_gradients["minimax"] == pytest.approx(-1 / (1 + math.exp(10)), abs=1e-8)
    assert input_gradients["non_saturating"] == pytest.approx(-1 / (1 + math.exp(-10)), abs=1e-6)


def test_only_the_relativistic_generator_needs_real_logits():
    assert [name for name, pair in LOSSES.items() if pair.paired] == ["relativistic"]
