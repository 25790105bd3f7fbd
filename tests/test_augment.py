import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_gan import InputError
from keras_gan.augment import (
    TRANSFORMS,
    DiffAugment,
    brightened,
    contrasted,
    cut_out,
    flipped,
    saturated,
    translated,
)

ALL = list(TRANSFORMS)


def random_images(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


def image(*rows):
    """One channel from rows of numbers: (height, width, 1)."""
    return np.array(rows, "float32")[..., None]


def ints(*values):
    return tf.constant(values, "int32")


def test_translation_by_hand():
    x = image([1, 2, 3], [4, 5, 6], [7, 8, 9])
    moved = translated(tf.stack([x, x]), down=ints(1, 0), right=ints(-1, 2))
    np.testing.assert_array_equal(moved[0, ..., 0], [[0, 0, 0], [2, 3, 0], [5, 6, 0]])
    np.testing.assert_array_equal(moved[1, ..., 0], [[0, 0, 1], [0, 0, 4], [0, 0, 7]])


def test_translation_keeps_pixels_inside_the_image():
    x = np.zeros((3, 6, 9, 2), "float32")
    x[:, 2:4, 2:7] = random_images(3, 2, 5, 2)
    down, right = [2, -1, 0], [-2, 1, 2]
    moved = translated(tf.constant(x), ints(*down), ints(*right))
    for result, original, *shift in zip(moved, x, down, right, strict=True):
        np.testing.assert_array_equal(result, np.roll(original, shift, axis=(0, 1)))


def test_brightness_by_hand():
    x = tf.constant([image([0.5, -1]), image([0, 1])])
    np.testing.assert_allclose(brightened(x, tf.constant([0.25, -0.5]))[..., 0, :, 0], [[0.75, -0.75], [-0.5, 0.5]])


def test_contrast_by_hand():
    x = tf.constant([image([0, 4], [0, 4]), image([1, 0], [0, 3])])
    scaled = contrasted(x, tf.constant([0.5, 2.0]))[..., 0]
    np.testing.assert_allclose(scaled, [[[1, 3], [1, 3]], [[1, -1], [-1, 5]]], atol=1e-6)


def test_saturation_by_hand():
    pixels = np.array([[[[1, 2, 6], [0, 0, 3]]]] * 3, "float32")  # means 3 and 1
    scaled = saturated(tf.constant(pixels), tf.constant([2.0, 0.0, 1.0]))[:, 0]
    expected = [[[-1, 1, 9], [-1, -1, 5]], [[3, 3, 3], [1, 1, 1]], [[1, 2, 6], [0, 0, 3]]]
    np.testing.assert_allclose(scaled, expected, atol=1e-5)


def test_cutout_by_hand():
    holes = cut_out(tf.ones((3, 4, 6, 2)), row=ints(2, 0, 4), column=ints(3, 6, 0))[..., 1]
    # 2 rows and 3 columns from the centre minus 1 on.
    np.testing.assert_array_equal(holes[0], [[1] * 6, [1, 1, 0, 0, 0, 1], [1, 1, 0, 0, 0, 1], [1] * 6])
    np.testing.assert_array_equal(holes[1], [[1, 1, 1, 1, 1, 0]] + [[1] * 6] * 3)
    np.testing.assert_array_equal(holes[2], [[1] * 6] * 3 + [[0, 0, 1, 1, 1, 1]])


def test_flip_by_hand():
    x = image([1, 2, 3], [4, 5, 6])
    mirrored = flipped(tf.stack([x, x]), tf.constant([True, False]))[..., 0]
    np.testing.assert_array_equal(mirrored, [[[3, 2, 1], [6, 5, 4]], [[1, 2, 3], [4, 5, 6]]])


# What the layer draws --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side, most", [(8, 1), (28, 4), (64, 8)])
def test_translations_reach_an_eighth_of_the_side(side, most):
    x = np.zeros((500, side, side, 1), "float32")
    x[:, side // 2, side // 2] = 1.0
    _, row, column, _ = np.nonzero(DiffAugment(["translation"], seed=1)(x, training=True))
    for place in (row, column):
        assert set(place - side // 2) == set(range(-most, most + 1))
    assert np.any(row != column)


@pytest.mark.parametrize("height, width, most", [(8, 12, (4, 6)), (7, 5, (4, 3))])
def test_holes_are_half_the_sides_and_cover_every_pixel_alike(height, width, most):
    covered = 1.0 - DiffAugment(["cutout"], seed=1)(np.ones((2000, height, width, 1)), training=True)[..., 0].numpy()
    rows, columns = covered.max(axis=2).sum(axis=1), covered.max(axis=1).sum(axis=1)
    assert (rows.max(), columns.max()) == most and rows.min() >= 1 and columns.min() >= 1
    np.testing.assert_array_equal(covered.sum(axis=(1, 2)), rows * columns)  # all are rectangles
    share = covered.mean(axis=0)
    np.testing.assert_allclose(share, share[::-1, ::-1], atol=0.05)  # no corner is preferred


def test_brightness_is_drawn_from_half_up_and_down():
    means = DiffAugment(["colour"], seed=1)(np.full((500, 2, 2, 1), 0.25), training=True).numpy()
    np.testing.assert_allclose(means, np.broadcast_to(means[:, :1, :1], means.shape), atol=1e-6)
    assert -0.25 <= means.min() < -0.23 and 0.73 < means.max() <= 0.75
    assert abs(means.mean() - 0.25) < 0.05


@pytest.mark.parametrize("channels, low, high", [(1, 0.5, 1.5), (2, 0.5, 1.5), (3, 0.0, 3.0)])
def test_contrast_and_saturation_are_drawn_from_the_papers_ranges(channels, low, high):
    x = np.zeros((2000, 2, 2, channels), "float32")
    x[:, 0, :, 0] = 1.0
    augmented = DiffAugment(["colour"], seed=1)(x, training=True).numpy()
    # Across pixels contrast alone acts on the channels' mean, within a pixel saturation too.
    contrast = channels * (augmented[:, 0, 0].mean(axis=-1) - augmented[:, 1, 0].mean(axis=-1))
    assert 0.5 <= contrast.min() < 0.51 and 1.49 < contrast.max() <= 1.5
    if channels > 1:
        within = augmented[:, 0, 0, 0] - augmented[:, 0, 0, 1]
        assert low <= within.min() < low + 0.01 and high - 0.1 < within.max() <= high


def test_half_of_the_images_are_flipped():
    x = np.tile(image([0, 1]), (1000, 1, 1, 1))
    assert 0.45 < DiffAugment(["flip"], seed=1)(x, training=True)[:, 0, 0].numpy().mean() < 0.55


def test_nothing_is_flipped_by_default():
    x = np.zeros((300, 8, 8, 1), "float32")
    x[:, :, :4] = 1.0
    augmented = DiffAugment(["translation", "cutout"], seed=1)(x, training=True).numpy()
    assert not augmented[:, :, 6:].any()


def test_gaps_are_grey_whatever_the_order_of_the_names():
    x = np.ones((200, 8, 8, 1), "float32")
    results = [DiffAugment(policy, seed=1)(x, training=True).numpy() for policy in (ALL, ALL[::-1])]
    np.testing.assert_array_equal(*results)
    assert np.all((results[0] == 0.0) | (results[0] >= 0.5))
    assert set(np.unique(results[0][:, 4, 4] == 0.0)) == {False, True}


def test_identity_unless_training():
    x = random_images(4, 8, 8, 3)
    layer = DiffAugment(ALL, seed=1)
    for result in (layer(x), layer(x, training=False), DiffAugment([])(x, training=True)):
        np.testing.assert_array_equal(result, x)


def test_seeds():
    x = np.tile(random_images(1, 8, 8, 3), (4, 1, 1, 1))
    one, same, other = (DiffAugment(ALL, seed) for seed in (1, 1, 2))
    first = one(x, training=True).numpy()
    np.testing.assert_array_equal(same(x, training=True), first)
    assert len({result.tobytes() for result in first}) == 4  # each image has its own
    for again in (one(x, training=True), other(x, training=True), DiffAugment(ALL)(x, training=True)):
        assert np.abs(again - first).max() > 0.1


def test_the_random_state_is_saved(tmp_path):
    x = random_images(4, 8, 8, 1)
    model = keras.Sequential([keras.Input((8, 8, 1)), DiffAugment(seed=1), layers.Flatten()])
    model(x, training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x, training=True), model(x, training=True))


def test_a_batch_of_unknown_size_in_a_graph():
    eager, traced = DiffAugment(ALL, seed=1), DiffAugment(ALL, seed=1)
    graph = tf.function(lambda x: traced(x, training=True), input_signature=[tf.TensorSpec((None, 8, 8, 3))])
    for batch in (3, 5):
        x = random_images(batch, 8, 8, 3)
        result = graph(tf.constant(x))
        assert result.shape == (batch, 8, 8, 3)
        np.testing.assert_allclose(result, eager(x, training=True), atol=1e-6)


def test_mixed_precision_rounds_the_result_alone():
    x = random_images(4, 8, 8, 3)
    exact, rounded = (DiffAugment(ALL, seed=1, dtype=dtype) for dtype in ("float32", "mixed_bfloat16"))
    result = rounded(x, training=True)
    assert result.dtype == rounded(x).dtype == rounded(keras.Input((8, 8, 3))).dtype == "bfloat16"
    np.testing.assert_array_equal(result, tf.cast(exact(x, training=True), "bfloat16"))


@pytest.mark.parametrize("policy", [["translation", "color"], "cutout"])
def test_unknown_names_raise(policy):
    with pytest.raises(InputError, match="expected a list of names from colour, flip, translation, cutout") as error:
        DiffAugment(policy)
    assert repr(policy) in str(error.value) and "Use policy=" in str(error.value)


@pytest.mark.parametrize("shape", [(64,), (None, 8, 1)])
def test_data_other_than_images_of_known_size_raise(shape):
    with pytest.raises(InputError, match="expected images .*"):
        DiffAugment()(keras.Input(shape))
