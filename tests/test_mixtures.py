"""Mixtures: their centres and moments, and that a seed fixes the draws."""

import numpy as np
import pytest

from keras_gan.theory.mixtures import MIXTURES


def test_the_centres_are_those_of_the_papers():
    assert {name: (mixture.centres.shape, mixture.std) for name, mixture in MIXTURES.items()} == {
        "gaussian": ((1, 1), 1.0),
        "ring": ((8, 2), 0.01),
        "grid": ((25, 2), 0.05),
    }
    assert MIXTURES["gaussian"].centres == 5
    ring, grid = MIXTURES["ring"].centres, MIXTURES["grid"].centres
    np.testing.assert_allclose(ring[:3], [[1, 0], [0.5**0.5, 0.5**0.5], [0, 1]], atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(ring, axis=1), 1)
    assert {tuple(centre) for centre in grid} == {(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}


@pytest.mark.parametrize("name", MIXTURES)
def test_draws_have_the_modes_mean_and_deviation_in_equal_shares(name):
    mixture, n = MIXTURES[name], 50_000
    points, modes = mixture.draw_with_modes(n, seed=0)
    assert points.shape == (n, mixture.centres.shape[1]) and points.dtype == np.float32
    count = len(mixture.centres)
    np.testing.assert_allclose(np.bincount(modes, minlength=count) / n, 1 / count, atol=5 * np.sqrt(1 / count / n))
    rest = (points - mixture.centres[modes]) / mixture.std
    assert np.abs(rest.mean(axis=0)).max() < 5 / np.sqrt(n)
    np.testing.assert_allclose(rest.std(axis=0), 1, atol=5 / np.sqrt(2 * n))


def test_a_seed_fixes_the_draws_and_another_changes_them():
    grid = MIXTURES["grid"]
    np.testing.assert_array_equal(grid.draw(20, 1), grid.draw_with_modes(20, 1)[0])
    assert (grid.draw(20, 1) != grid.draw(20, 2)).all()
