"""Modes and classes: by hand, and for a perfect generator."""

import numpy as np
import pytest

from keras_gan.metrics import class_coverage, class_divergence, mode_coverage
from keras_gan.theory.mixtures import MIXTURES, Mixture

# Training images of each digit in MNIST; LeCun et al. 1998.
MNIST_COUNTS = np.array([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949])


def test_class_divergence_by_hand():
    # Shares 3/4, 1/4, 0 against 1/2, 1/4, 1/4.
    classes = np.array([0, 1, 0, 0])
    assert class_divergence(classes, np.array([0.5, 0.25, 0.25])) == pytest.approx(0.75 * np.log(1.5))
    assert class_divergence(np.array([2, 0, 1, 0]), np.array([0.5, 0.25, 0.25])) == 0


def test_half_of_the_classes_missing_gives_log_2():
    assert class_divergence(np.arange(1000) % 5, np.full(10, 0.1)) == pytest.approx(np.log(2))


def test_one_class_alone_gives_the_logarithm_of_the_number_of_classes():
    assert class_divergence(np.full(7, 3), np.full(10, 0.1)) == pytest.approx(np.log(10))


def test_a_class_that_the_data_do_not_have_gives_infinity():
    assert class_divergence(np.array([0, 1]), np.array([1.0, 0.0])) == np.inf


def test_a_perfect_generator_of_ten_classes_gives_9_over_2n():
    rng = np.random.default_rng(0)
    proportions = MNIST_COUNTS / 60_000
    found = [class_divergence(rng.choice(10, 10_000, p=proportions), proportions) for _ in range(300)]
    # 2 n KL is chi-squared with nine degrees of freedom, of deviation √18; four standard errors.
    assert np.mean(found) == pytest.approx(0.00045, abs=4 * np.sqrt(18) / 20_000 / np.sqrt(300))


def test_a_perfect_sampler_of_stacked_mnist_gives_the_published_divergence():
    # Against equal shares, as it is published: 999 / 2n = 0.0192 by chance, and three times 0.0014 since MNIST's digits
    # are not equally frequent.
    rng = np.random.default_rng(0)
    triples = rng.choice(10, (20, 26_000, 3), p=MNIST_COUNTS / 60_000) @ np.array([100, 10, 1])
    found = [class_divergence(classes, np.full(1000, 0.001)) for classes in triples]
    assert np.mean(found) == pytest.approx(0.0236, abs=0.0011)
    assert all(abs(value - 0.0236) < 4 * 0.0011 for value in found)
    assert {len(np.unique(classes)) for classes in triples} == {1000}


def test_class_coverage_counts_by_the_likeliest_class_and_by_confidence_above_9_tenths():
    probabilities = np.array([[0.95, 0.05, 0], [0.2, 0.7, 0.1], [0.9, 0.05, 0.05], [0.97, 0.01, 0.02]])
    assert class_coverage(probabilities) == {"modes": 2, "sure_modes": 1}


def test_mode_coverage_by_hand():
    mixture = Mixture(np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]), 1.0)
    points = np.array([[0, 0], [2.9, 0], [3.1, 0], [10, -2.9], [5, 5], [0, 13.1]])
    # The first two are near the first mode, the fourth near the second; the others are near none.
    assert mode_coverage(points, mixture) == {"modes": 2, "high_quality": pytest.approx(3 / 6)}


@pytest.mark.parametrize("name, modes", [("ring", 8), ("grid", 25)])
def test_real_draws_reach_every_mode_and_98_89_percent(name, modes):
    found = mode_coverage(MIXTURES[name].draw(100_000, seed=3), MIXTURES[name])
    # P(|x| > 3 std) = exp(-9/2) = 0.0111 in two dimensions; four binomial standard errors.
    assert found["high_quality"] == pytest.approx(1 - np.exp(-4.5), abs=4 * np.sqrt(0.0111 / 100_000))
    assert found["modes"] == modes


def test_points_between_the_modes_and_a_collapse_lower_the_coverage():
    ring = MIXTURES["ring"]
    assert mode_coverage(np.zeros((50, 2)), ring) == {"modes": 0, "high_quality": 0.0}
    assert mode_coverage(ring.centres[[3] * 50] + 0.01, ring) == {"modes": 1, "high_quality": 1.0}
