import math

import numpy as np
import pytest
from PIL import Image

from keras_gan import theory
from keras_gan._utils import log_names
from keras_gan.plots.theory import Densities, gradients, snapshot

DATA = theory.gaussians([5.0], 1.0)


def bell(mean, std=1.0):
    return theory.gaussians([mean], std)


# densities


def test_a_bell_has_the_height_of_the_formula():
    np.testing.assert_allclose(DATA.of(np.array([5.0, 7.0])), [0.39894228, 0.05399097], atol=1e-8)


def test_a_mixture_is_the_mean_of_its_bells():
    mixture = theory.gaussians([0.0, 10.0], 2.0)
    np.testing.assert_allclose(mixture.of(np.array([0.0, 10.0])), [0.5 * 0.19947114] * 2, atol=1e-6)


@pytest.mark.parametrize("slope", [2.0, -2.0])
def test_a_line_on_uniform_z_fills_an_interval(slope):
    q = theory.linear_generator(slope, 5.0, "uniform")
    np.testing.assert_array_equal(q.of(np.array([2.9, 3.1, 6.9, 7.1])), [0, 0.25, 0.25, 0])


def test_a_line_on_normal_z_is_a_bell():
    q = theory.linear_generator(-2.0, 1.0, "normal")
    np.testing.assert_allclose(q.of(np.array([1.0, 3.0])), [0.19947114, 0.12098536], atol=1e-8)


@pytest.mark.parametrize("latent, std", [("uniform", 1 / math.sqrt(3)), ("normal", 1.0)])
def test_quantiles_of_z_have_its_moments_and_order(latent, std):
    z = theory.latent_quantiles(10_000, latent)
    assert (np.diff(z) > 0).all() and abs(z.mean()) < 1e-12
    assert z.std() == pytest.approx(std, abs=1e-3) and std == pytest.approx(theory.LATENT_STD[latent])


def test_a_line_is_told_from_a_bend():
    z = theory.latent_quantiles(1_000, "uniform")
    assert theory.line_through(z, (1.9 * z + 5).astype("float32")) == pytest.approx((1.9, 5.0), abs=1e-5)
    assert theory.line_through(z, 1.9 * z + 5 + 0.01 * np.abs(z)) is None


def test_a_histogram_of_a_bent_generator_has_the_density_of_the_change_of_variables():
    # G(z) = z² on U[-1, 1): q(x) = 1 / (2 √x) on [0, 1].
    q = theory.histogram(theory.latent_quantiles(2**16, "uniform") ** 2)
    x = np.array([0.2525, 0.5025, 0.9025])  # middles of bins
    np.testing.assert_allclose(q.of(x), 0.5 / np.sqrt(x), rtol=5e-3)
    np.testing.assert_array_equal(q.of(np.array([-0.1, 1.1])), 0)


def test_a_histogram_of_a_line_is_nearly_its_density():
    z = theory.latent_quantiles(2**14, "uniform")
    assert theory.jensen_shannon(DATA, theory.histogram(2 * z + 5)) == pytest.approx(0.04896701, abs=1e-4)


@pytest.mark.parametrize("latent", ["uniform", "normal"])
def test_a_generator_that_gives_one_point_is_as_far_as_can_be(latent):
    assert theory.jensen_shannon(DATA, theory.linear_generator(0.0, 5.0, latent)) == pytest.approx(
        math.log(2), abs=1e-3
    )
    assert theory.jensen_shannon(DATA, theory.histogram(np.full(9, 5.0))) == pytest.approx(math.log(2), abs=1e-3)


# divergences


@pytest.mark.parametrize("half_width, jsd", [(1, 0.12715), (1.5, 0.06006), (2, 0.04897), (3, 0.10848), (8, 0.34937)])
def test_jensen_shannon_of_the_data_and_an_interval(half_width, jsd):
    assert theory.jensen_shannon(DATA, theory.uniform(5 - half_width, 5 + half_width)) == pytest.approx(jsd, abs=6e-6)


@pytest.mark.parametrize("distance, jsd", [(0, 0.0), (1, 0.111421), (2, 0.336831), (60, 0.693147)])
def test_jensen_shannon_of_two_bells(distance, jsd):
    assert theory.jensen_shannon(bell(0), bell(distance)) == pytest.approx(jsd, abs=1e-6)


def test_jensen_shannon_is_symmetric_and_does_not_mind_the_scale():
    p, q = bell(0, 1.0), theory.uniform(-1, 4)
    assert theory.jensen_shannon(p, q) == pytest.approx(theory.jensen_shannon(q, p), abs=1e-12)
    wide = theory.jensen_shannon(bell(0, 100.0), theory.uniform(-100, 400))
    assert theory.jensen_shannon(p, q) == pytest.approx(wide, abs=1e-12)


def test_the_best_discriminator_is_the_share_of_the_data():
    q = theory.uniform(4, 6)
    x = np.array([5.0, 5.9, 6.1, 1e3])
    p = np.exp(-0.5 * (x[:2] - 5) ** 2) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(theory.best_discriminator(DATA, q, x), [*p / (p + 0.5), 1.0, 0.5], atol=1e-12)


def test_the_best_discriminator_guesses_where_both_are_one_and_knows_where_they_never_meet():
    assert theory.best_accuracy(bell(0), bell(0)) == pytest.approx(0.5, abs=1e-9)
    assert theory.best_accuracy(bell(0), theory.uniform(20, 21)) == pytest.approx(1.0, abs=1e-9)
    # Between N(0, 1) and N(2, 1) it decides at 1: right with the probability Φ(1).
    assert theory.best_accuracy(bell(0), bell(2)) == pytest.approx(0.8413447, abs=1e-5)


# the game's value


def test_value_by_hand():
    # D = 3/4 at the data, and 1/5 at what G drew.
    assert theory.value(np.full(3, math.log(3)), np.full(2, -math.log(4))) == pytest.approx(
        math.log(3 / 4) + math.log(4 / 5)
    )
    assert theory.value(np.zeros(4), np.zeros(5)) == pytest.approx(-2 * math.log(2))
    assert np.isfinite(theory.value(np.array([-900.0]), np.array([900.0])))


def test_the_best_discriminator_shows_the_whole_divergence_and_any_other_less():
    rng = np.random.default_rng(0)
    q = theory.linear_generator(2.0, 5.0, "uniform")
    real, fake = rng.normal(5, 1, 200_000), rng.uniform(3, 7, 200_000)

    def shown(distort):
        logits = []
        for x in (real, fake):
            d = np.clip(theory.best_discriminator(DATA, q, x), 1e-9, 1 - 1e-9)
            logits.append(distort(np.log(d / (1 - d))))
        return theory.jensen_shannon_estimate(theory.value(*logits))

    assert shown(lambda logit: logit) == pytest.approx(0.04896701, abs=2e-3)
    assert shown(lambda logit: logit + 1.0) < 0.02 and shown(lambda logit: 0 * logit) == pytest.approx(0, abs=1e-12)


def test_the_best_value_and_the_estimate_undo_each_other():
    assert theory.best_value(0.0) == pytest.approx(-1.386294, abs=1e-6)
    assert theory.jensen_shannon_estimate(theory.best_value(0.3)) == pytest.approx(0.3)


# the best line


def test_the_best_line_on_uniform_z():
    line = theory.best_line(DATA, "uniform")
    assert line.jensen_shannon_nats == pytest.approx(0.047807, abs=1e-6)
    assert line.slope / 8 == pytest.approx(0.234257, abs=1e-6) and line.intercept == pytest.approx(5, abs=1e-5)
    assert theory.best_value(line.jensen_shannon_nats) == pytest.approx(-1.290681, abs=1e-6)
    q = theory.linear_generator(line.slope, line.intercept, "uniform")
    np.testing.assert_allclose(q.knots, [3.1259, 6.8741], atol=1e-4)
    assert theory.best_accuracy(DATA, q) == pytest.approx(0.6063, abs=1e-4)


def test_the_best_line_on_normal_z_is_the_data():
    line = theory.best_line(theory.gaussians([-3.0], 0.5), "normal")
    assert (line.slope, line.intercept) == pytest.approx((0.5, -3.0), abs=1e-4)
    assert line.jensen_shannon_nats == pytest.approx(0, abs=1e-9)


# pictures


def table(rows):
    steps = np.arange(rows) * 10.0
    gradients_of = (log_names.MINIMAX_GRADIENT, log_names.NON_SATURATING_GRADIENT)
    names = (log_names.JSD, log_names.JSD_ESTIMATE, *gradients_of, log_names.REJECTED)
    return {"step": steps, **{name: 0.6 / (1 + i + steps) for i, name in enumerate(names)}}


def test_all_frames_have_the_same_axes(tmp_path):
    x = np.linspace(-8, 12, 300)
    for rows, slope in ((1, 0.001), (5, 2.0)):
        q = theory.linear_generator(slope, 5.0, "uniform")
        best = theory.best_discriminator(DATA, q, x)
        shown = Densities(x, DATA.of(x), q.of(x), np.full(len(x), 0.4), best)
        snapshot(shown, table(rows), 0.0478, 40, tmp_path / f"{rows}.png")
    first, last = (np.asarray(Image.open(tmp_path / f"{rows}.png").convert("RGB")) for rows in (1, 5))
    assert first.shape == last.shape and 800 <= first.shape[1] <= 1000
    # Below and beside the axes, where the numbers stand, nothing moves.
    np.testing.assert_array_equal(first[-50:], last[-50:])
    np.testing.assert_array_equal(first[40:, :70], last[40:, :70])
    assert (first != last).any()


def test_the_gradients_are_drawn_from_the_table(tmp_path):
    gradients(table(4), tmp_path / "4.png")
    gradients(table(9), tmp_path / "9.png")
    with Image.open(tmp_path / "4.png") as four, Image.open(tmp_path / "9.png") as nine:
        assert four.size == nine.size and four.tobytes() != nine.tobytes()
