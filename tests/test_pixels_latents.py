import math

import numpy as np
import pytest

from keras_gan._utils import pixels
from keras_gan._utils.errors import InputError
from keras_gan.sampling import latents


def test_all_256_values_survive_the_round_trip():
    every = np.arange(256, dtype="uint8").reshape(4, 64)
    signed = pixels.to_signed(every.astype("float32"))
    assert signed.dtype == np.float32 and signed.shape == (4, 64)
    np.testing.assert_array_equal(pixels.to_uint8(signed), every)


def test_the_ends_and_the_middle_of_the_range():
    assert pixels.to_signed(np.float32([0, 127.5, 255])).tolist() == [-1.0, 0.0, 1.0]


def test_values_are_rounded_to_the_nearest_grey_level():
    # 0.2 grey levels above and below 100, and 0.8 above it, in units of half the range.
    signed = np.float32([100.2, 99.8, 100.8]) / 127.5 - 1
    assert pixels.to_uint8(signed).tolist() == [100, 100, 101]


def test_values_beyond_the_range_are_clipped_and_do_not_wrap_around():
    result = pixels.to_uint8(np.array([-1.5, -1.004, 1.004, 3.0, np.inf]))
    assert result.dtype == np.uint8
    assert result.tolist() == [0, 0, 255, 255, 255]


@pytest.mark.parametrize("distribution", latents.DISTRIBUTIONS)
def test_the_first_latents_of_a_seed_do_not_depend_on_how_many_are_drawn(distribution):
    few, many = (latents.draw(n, 5, distribution, seed=11) for n in (3, 40))
    np.testing.assert_array_equal(few, many[:3])
    assert few.shape == (3, 5) and few.dtype == np.float32


def test_seeds_differ_and_no_seed_is_fresh_noise():
    assert not np.array_equal(latents.draw(2, 8, seed=0), latents.draw(2, 8, seed=1))
    assert not np.array_equal(latents.draw(2, 8), latents.draw(2, 8))


def test_a_seed_always_gives_the_same_latents():
    # By hand, in Python's own integers and floats: files that were exported before have the formulas inside.
    def mix(x):
        x = (x ^ x >> 16) * 0x7FEB352D % 2**32
        x = (x ^ x >> 15) * 0x846CA68B % 2**32
        return x ^ x >> 16

    assert mix(1) == 1753845952  # as Wellons's C code gives it

    def unit(seed, place):
        return ((mix(mix(seed) ^ mix((place + 1) * 0x9E3779B9 % 2**32)) >> 8) + 0.5) / 2**24

    def normal(seed, dim, half):
        radius = [math.sqrt(-2 * math.log(unit(seed, j))) for j in range(half)]
        angle = [2 * math.pi * unit(seed, half + j) for j in range(half)]
        turned = [r * turn(a) for turn in (math.cos, math.sin) for r, a in zip(radius, angle, strict=True)]
        return turned[:dim]

    np.testing.assert_allclose(latents.draw(2, 3, seed=7), [normal(7, 3, 2), normal(8, 3, 2)], atol=2e-6)
    uniform = [[2 * unit(seed, j) - 1 for j in range(3)] for seed in (2**31 - 2, 2**31 - 1)]
    np.testing.assert_allclose(latents.draw(2, 3, "uniform", 2**31 - 2), uniform, atol=2e-7)


def test_neighbouring_seeds_and_positions_are_independent():
    z = latents.draw(20_000, 64, seed=5)
    places = np.corrcoef(z.T) - np.eye(64)
    # Five standard errors of 2,016 correlations, and of one over all places.
    assert np.abs(places).max() < 5 / math.sqrt(20_000)
    for lag in (1, 2, 16, 256):
        assert abs(np.mean(z[:-lag] * z[lag:])) < 5 / math.sqrt(64 * 20_000)
    counts = np.histogram(latents.draw(20_000, 64, "uniform", seed=5), 1024, (-1, 1))[0]
    # Chi-squared with 1,023 degrees of freedom: mean 1,023, deviation sqrt(2,046).
    assert abs(((counts - 1250) ** 2 / 1250).sum() - 1023) < 5 * math.sqrt(2046)


def test_interpolation_has_the_right_ends_and_keeps_the_length():
    a, b = np.float32([3, 0, 4]), np.float32([0, 5, 0])  # at right angles, both of length 5
    np.testing.assert_allclose(latents.between(a, b, 0), a, atol=1e-6)
    np.testing.assert_allclose(latents.between(a, b, 1), b, atol=1e-6)
    np.testing.assert_allclose(latents.between(a, b, 0.5), (a + b) / math.sqrt(2), atol=1e-6)
    np.testing.assert_allclose(latents.between(a, b, 0.5, "uniform"), (a + b) / 2, atol=1e-6)
    np.testing.assert_allclose(latents.between(a, a, 0.3), a, atol=1e-6)
    way = latents.walk(np.stack([a, b]), 4)
    assert way.shape == (8, 3)
    np.testing.assert_allclose(way[[0, 4]], [a, b], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), 5, atol=1e-5)


def test_normal_latents_have_mean_0_and_deviation_1():
    z = latents.draw(10_000, 4, "normal", seed=0)
    # Five standard errors of 40,000 draws: 5 / 200 for the mean, 5 / sqrt(80,000) for the deviation.
    assert abs(z.mean()) < 0.025
    assert abs(z.std() - 1) < 0.018


def test_uniform_latents_fill_minus_1_to_1():
    z = latents.draw(10_000, 4, "uniform", seed=0)
    assert -1 <= z.min() < -0.999 and 0.999 < z.max() <= 1
    assert abs(z.mean()) < 5 * 0.577 / 200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 4), r"asked for 0 samples; expected 1 to \d+\. Use n \(--n\)"),
        ((-3, 4), r"asked for -3 samples"),
        ((1, 4, "normal", -1), r"seed is -1; expected 0 to 2147483647 for n=1.*\(--seed\)"),
        ((3, 4, "normal", 2**31 - 3 + 1), r"seed is 2147483646; expected 0 to 2147483645 for n=3"),
        ((1, 4, "normal", 2**80), r"seed is \d+; expected 0 to 2147483647"),
        ((1, 4, "gauss"), r"latent distribution 'gauss' is unknown; expected one of normal, uniform"),
    ],
)
def test_arguments_out_of_range_raise(arguments, message):
    with pytest.raises(InputError, match=message):
        latents.draw(*arguments)
