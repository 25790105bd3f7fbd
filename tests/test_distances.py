"""Distances between sets: closed forms on Gaussians with exact moments, tiny examples by hand, and properties."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from keras_gan._utils.errors import InputError
from keras_gan.metrics import RunningStatistics, distances, frechet_distance, kernel_distance, sliced_wasserstein


def draws(n, d, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def gaussian(mean, covariance, n=500, seed=0):
    """A sample whose mean and covariance are exactly the given ones."""
    x = draws(n, len(mean), seed)
    x -= x.mean(axis=0)
    white = x @ np.linalg.inv(np.linalg.cholesky(np.atleast_2d(np.cov(x, rowvar=False)))).T
    return white @ np.linalg.cholesky(np.asarray(covariance, "float64")).T + mean


# Fréchet


def test_frechet_of_gaussians_in_one_dimension_is_the_difference_of_means_and_of_deviations():
    a, b = gaussian([1.0], [[4.0]]), gaussian([4.0], [[25.0]], seed=1)
    assert frechet_distance(a, b) == pytest.approx(3**2 + (2 - 5) ** 2, abs=1e-9)


def test_frechet_of_gaussians_whose_covariances_do_not_commute():
    # In two dimensions Tr (Σa Σb)^½ = (Tr Σa Σb + 2 (det Σa det Σb)^½)^½, here (10 + 2 √12)^½.
    a, b = gaussian([0, 0], np.diag([4, 1])), gaussian([3, -4], [[2, 1], [1, 2]], seed=1)
    assert frechet_distance(a, b) == pytest.approx(25 + 5 + 4 - 2 * np.sqrt(10 + 2 * np.sqrt(12)), abs=1e-8)


def test_frechet_agrees_with_scipys_matrix_root():
    a, b = draws(50, 6) @ draws(6, 6, 1) + 2, draws(60, 6, 2) @ draws(6, 6, 3)
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    difference = a.mean(axis=0) - b.mean(axis=0)
    expected = difference @ difference + np.trace(cov_a + cov_b - 2 * sqrtm(cov_a @ cov_b).real)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


def test_frechet_is_biased_by_the_count_as_second_order_predicts():
    # Two sets of n from N(0, I) in d dimensions: 2 d / n from the means. The covariances' entries have the variances
    # 2 / (n - 1) and 1 / (n - 1), and the distance is a quarter of their squared difference.
    d = 4
    for n in (200, 400):
        found = np.mean([frechet_distance(draws(n, d, 2 * i), draws(n, d, 2 * i + 1)) for i in range(300)])
        assert found == pytest.approx(2 * d / n + d * (d + 1) / (2 * (n - 1)), rel=0.08)


def test_frechet_of_samples_on_a_line_or_in_a_point_is_finite():
    line = np.outer(draws(30, 1)[:, 0], [1, 0, 0])
    assert frechet_distance(line, line + [0, 2, 0]) == pytest.approx(4, abs=1e-9)
    point = np.full((5, 3), 7.0)
    assert frechet_distance(point, point) == 0
    # A point's covariance is 0, which leaves the trace of the other's.
    assert frechet_distance(point, gaussian([7, 7, 9], np.diag([1, 2, 3]))) == pytest.approx(4 + 6, abs=1e-9)


def test_frechet_with_fewer_samples_than_dimensions_is_zero_on_itself():
    few = draws(4, 20)
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-6)


# running statistics


def in_blocks(rows, *sizes):
    statistics = RunningStatistics()
    for part in np.split(rows, np.cumsum(sizes)):
        statistics.update(part)
    return statistics


@pytest.mark.parametrize("sizes", [(), (1,), (1, 1, 1), (40,), (0, 17, 30)])
def test_running_statistics_are_those_of_all_rows(sizes):
    rows = draws(60, 5) @ draws(5, 5, 1) + 1e3  # far from the origin, where sums of squares lose their digits
    statistics = in_blocks(rows, *sizes)
    assert statistics.count == 60
    np.testing.assert_allclose(statistics.mean, rows.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(statistics.covariance, np.cov(rows, rowvar=False), rtol=1e-10)


def test_running_statistics_of_float32_are_in_float64():
    rows = (draws(1000, 3) + 4096).astype("float32")
    expected = np.cov(rows.astype("float64"), rowvar=False)
    np.testing.assert_allclose(in_blocks(rows, 300, 300).covariance, expected, rtol=1e-10)


def test_statistics_merge():
    rows = draws(50, 4) * [1, 2, 3, 4] + 7
    first, second, none = in_blocks(rows[:20]), in_blocks(rows[20:], 3), RunningStatistics()
    first.merge(second)
    first.merge(none)
    none.merge(first)
    for statistics in (first, none):
        assert statistics.count == 50
        np.testing.assert_allclose(statistics.mean, rows.mean(axis=0), rtol=1e-13)
        np.testing.assert_allclose(statistics.covariance, np.cov(rows, rowvar=False), rtol=1e-11)
    np.testing.assert_allclose(second.mean, rows[20:].mean(axis=0))  # the merged statistics stay as they were


def test_frechet_of_statistics_is_that_of_their_rows(monkeypatch):
    a, b = draws(80, 3), draws(80, 3, 1) * [1, 2, 3] + 0.5
    expected = frechet_distance(a, b)
    assert frechet_distance(in_blocks(a, 7, 50), in_blocks(b, 30)) == pytest.approx(expected, rel=1e-11)
    monkeypatch.setattr(distances, "BLOCK_BYTES", 8 * 3 * 11)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-11)


def test_rows_of_another_length_raise_an_error():
    statistics = in_blocks(draws(5, 3))
    with pytest.raises(InputError, match="rows of 2 values after rows of 3"):
        statistics.update(draws(5, 2))


# kernel


def test_kernel_distance_by_hand():
    # One dimension: k(0, 1) = 1, k(2, 3) = 343; k of the pairs (0, 2) (0, 3) (1, 2) (1, 3) is 1, 1, 27, 64.
    assert kernel_distance([[0.0], [1.0]], [[2.0], [3.0]]) == pytest.approx((1 + 343 - 2 * 93 / 4, 0))
    # Two dimensions, where the product is halved: 1 and 1 within, 1, 1, 8, 8 between; below zero.
    assert kernel_distance([[0, 0], [1, 1]], [[2, 0], [0, 2]]) == pytest.approx((1 + 1 - 2 * 18 / 4, 0))


def test_kernel_distance_is_unbiased():
    # With the diagonal left in, the mean would be 2 (E k(x, x) - E k(x, y)) / size above zero: some 1.5 here.
    values = np.array([kernel_distance(draws(20, 3, 2 * i), draws(20, 3, 2 * i + 1), i)[0] for i in range(300)])
    error = values.std() / np.sqrt(len(values))
    assert abs(values.mean()) < 4 * error < 0.5
    assert (values < 0).mean() > 0.3


def test_kernel_distance_uses_subsets_of_half_and_returns_their_deviation():
    a, b = draws(60, 2), draws(60, 2, 1) + 1
    found = [kernel_distance(a, b, seed) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    assert all(0 < error < value for value, error in found)
    # A hundred subsets bring the mean within a tenth of the deviation, three times over for both.
    assert abs(found[0][0] - found[2][0]) < 0.45 * found[0][1]


# sliced Wasserstein


def test_sliced_wasserstein_in_one_dimension_by_hand():
    # Sorted, the differences are -2, -1 and 3.
    assert sliced_wasserstein([[5.0], [0.0], [1.0]], [[2.0]] * 3) == pytest.approx(np.sqrt(14 / 3))


@pytest.mark.parametrize("d", [1, 2, 50])
def test_sliced_wasserstein_of_a_shift_is_its_length_over_root_d(d):
    a, shift = draws(40, d), np.linspace(1, 3, d)
    # (u · Δ)² has at most the relative deviation √2 over directions u, so 512 of them give its root to 0.031.
    assert sliced_wasserstein(a, a + shift) == pytest.approx(np.linalg.norm(shift) / np.sqrt(d), rel=0.063)


def test_sliced_wasserstein_ignores_the_order_and_scales_with_the_data():
    a, b = draws(40, 3), 2 * draws(40, 3, 1)
    value = sliced_wasserstein(a, b)
    assert sliced_wasserstein(a[::-1], np.random.default_rng(5).permutation(b)) == pytest.approx(value, rel=1e-5)
    assert sliced_wasserstein(3 * a, 3 * b) == pytest.approx(3 * value, rel=1e-5)


@pytest.mark.parametrize("rows", [1, 7, 50])
def test_projections_do_not_depend_on_the_parts_in_which_directions_are_drawn(rows):
    data = draws(30, 50).astype("float32")
    blocks = [data[:13], data[13:]]
    whole = distances.projected(lambda: [data], 30, 50, 16)
    parts = distances.projected(lambda: blocks, 30, 50, 16, most_bytes=rows * 16 * 4)
    np.testing.assert_allclose(parts, whole, rtol=2e-5, atol=2e-6)


def test_sliced_wasserstein_of_unequal_counts_raises_an_error():
    with pytest.raises(InputError, match="sets of 5 and 4 samples; expected .*4 samples"):
        sliced_wasserstein(draws(5, 2), draws(4, 2))


# all of them


@pytest.mark.parametrize("distance", [frechet_distance, sliced_wasserstein])
def test_zero_on_itself_symmetric_seed_stable_and_larger_farther_away(distance):
    a, b = draws(80, 3), draws(80, 3, 1) * [1, 2, 3] + 0.5
    assert distance(a, a) == pytest.approx(0, abs=1e-9)
    assert distance(a, b) == pytest.approx(distance(b, a), rel=1e-9)
    assert distance(a, b) == distance(a, b)
    assert 0 < distance(a, b) < distance(a, b + 3) < distance(a, b + 6)


def test_kernel_distance_is_near_zero_on_itself_and_symmetric_but_for_its_subsets():
    a, b = draws(80, 3), draws(80, 3, 1) + 2
    own, _ = kernel_distance(a, a)
    there, error = kernel_distance(a, b)
    back, _ = kernel_distance(b, a)
    assert abs(own) < 0.05 * there
    assert there == pytest.approx(back, abs=0.45 * error)


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance, sliced_wasserstein])
def test_arrays_without_a_distance_raise_an_error(distance):
    with pytest.raises(InputError, match=r"shapes \(5, 2\) and \(5, 3\); expected \(n, d\)"):
        distance(draws(5, 2), draws(5, 3))
    with pytest.raises(InputError, match="n of 2 or more"):
        distance(draws(1, 2), draws(1, 2))
    broken = draws(5, 2)
    broken[3, 1] = np.nan
    with pytest.raises(InputError, match="NaN or infinite values; expected finite"):
        distance(draws(5, 2), broken)
