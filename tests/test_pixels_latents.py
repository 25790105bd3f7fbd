import numpy as np
import pytest

from keras_gan import latents, pixels
from keras_gan.errors import InputError


def test_all_256_values_survive_the_way_there_and_back():
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


def test_a_seed_means_the_same_latents_for_ever():
    # Exported files and scripts draw from the same generator: numpy's PCG64, whose stream numpy promises to keep.
    expected = np.random.Generator(np.random.PCG64(7)).standard_normal((2, 3), dtype="float32")
    np.testing.assert_array_equal(latents.draw(2, 3, seed=7), expected)


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
        ((0, 4), r"asked for 0 samples; expected 1 to \d+; give n \(--n\)"),
        ((-3, 4), r"asked for -3 samples"),
        ((1, 4, "normal", -1), r"seed is -1; expected 0 or more; give seed \(--seed\)"),
        ((1, 4, "gauss"), r"latent distribution 'gauss' is unknown; expected one of normal, uniform"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        latents.draw(*arguments)
