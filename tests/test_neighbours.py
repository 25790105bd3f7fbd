"""Nearest neighbours: against slow direct loops, by hand, and against simulation."""

import numpy as np
import pytest

from keras_gan.metrics import duplicates, fidelity_and_diversity, neighbours


def draws(n, d, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d)).astype("float32")


def directly(real, fake, k):
    """Precision, recall, density and coverage, with loops that follow the definitions."""

    def distance(x, y):
        return float(np.sqrt(((x.astype("float64") - y) ** 2).sum()))

    def reach(points):
        return [sorted(distance(p, q) for j, q in enumerate(points) if j != i)[k - 1] for i, p in enumerate(points)]

    real_reach, fake_reach = reach(real), reach(fake)
    inside = [[distance(r, f) <= real_reach[i] for f in fake] for i, r in enumerate(real)]
    recalled = [any(distance(r, f) <= fake_reach[j] for j, f in enumerate(fake)) for r in real]
    return {
        "precision": np.mean([any(row[j] for row in inside) for j in range(len(fake))]),
        "recall": np.mean(recalled),
        "density": sum(map(sum, inside)) / (k * len(fake)),
        "coverage": np.mean([any(row) for row in inside]),
    }


# precision, recall, density, coverage


@pytest.mark.parametrize("n, m, k", [(30, 20, 5), (20, 31, 3), (25, 25, 1)])
def test_fidelity_and_diversity_against_direct_loops(n, m, k):
    real, fake = draws(n, 2), draws(m, 2, 1) * [1.0, 0.3] + 0.5
    found = fidelity_and_diversity(real, fake, k)
    assert found == pytest.approx(directly(real, fake, k), abs=1e-12)
    assert all(0 < found[name] < 1 for name in ("recall", "coverage"))  # neither is at its end


def test_equal_points_are_at_distance_zero():
    """Icons, discrete vectors: real and generated points are draws of the same twenty."""
    kinds = 3 * draws(20, 64)
    real, fake = (kinds[np.random.default_rng(seed).integers(20, size=600)] for seed in (1, 2))
    found = fidelity_and_diversity(real, fake)
    assert (found["precision"], found["recall"], found["coverage"]) == (1.0, 1.0, 1.0)
    shares = [np.mean([(side == kind).all(axis=1) for kind in kinds], axis=1) for side in (real, fake)]
    assert found["density"] == pytest.approx(600 * (shares[0] @ shares[1]) / 5)  # all equal ones are in a ball
    assert not neighbours.nearest_other(real).any()
    images = np.random.default_rng(0).integers(0, 256, (100, 8, 8, 1), dtype="uint8")
    assert duplicates(np.repeat(images[:1], 300, axis=0), np.repeat(images, 3, axis=0)) == 1.0
    assert duplicates(images, np.repeat(images, 3, axis=0)) == 0.0


def test_by_hand_on_a_line():
    # Real balls for k = 1: 0 ± 1, 1 ± 1, 3 ± 2, 10 ± 7. Fake balls: 2 ± 1, 3 ± 1, 30 ± 27.
    real, fake = np.array([[0], [1], [3], [10]], "float32"), np.array([[2], [3], [30]], "float32")
    # 2 is in the balls of 1 and 3, the fake 3 is in those of 3 and 10, and 30 is in none; no sample is in that of 0.
    assert fidelity_and_diversity(real, fake, k=1) == pytest.approx(
        {"precision": 2 / 3, "recall": 3 / 4, "density": 4 / 3, "coverage": 3 / 4}
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_on_itself_every_ball_holds_its_centre_and_k_others(dtype):
    real = np.random.default_rng(0).standard_normal((200, 16)).astype(dtype) * 10 + 50
    expected = {"precision": 1, "recall": 1, "density": 6 / 5, "coverage": 1}
    assert fidelity_and_diversity(real, real[::-1]) == pytest.approx(expected)


def test_precision_and_recall_change_places_with_the_sets():
    real, fake = draws(60, 3), draws(50, 3, 1) * 0.4
    there, back = fidelity_and_diversity(real, fake), fidelity_and_diversity(fake, real)
    assert there["precision"] == back["recall"] > 0.9
    assert there["recall"] == back["precision"] < 0.6


def test_far_away_nothing_is_near_and_few_points_are_no_error():
    assert set(fidelity_and_diversity(draws(20, 3), draws(20, 3, 1) + 1000).values()) == {0}
    assert fidelity_and_diversity(draws(3, 2), draws(2, 2) + 1000, k=5)["coverage"] == 0


def test_chunks_change_no_number(monkeypatch):
    real, fake = draws(90, 4), draws(70, 4, 1)
    whole = fidelity_and_diversity(real, fake)
    monkeypatch.setattr(neighbours, "BLOCK_MB", 0.002)  # three rows of 70 float64
    assert fidelity_and_diversity(real, fake) == whole


def test_perfect_coverage_is_the_published_number_and_that_of_a_simulation():
    assert neighbours.perfect_coverage(10_000, 10_000) == pytest.approx(0.969, abs=5e-4)
    # The nearest two of the 3 + 1 other points must both be real: 3/4 · 2/3, else the ball holds the sample.
    assert neighbours.perfect_coverage(4, 1, k=2) == pytest.approx(1 - 3 / 4 * 2 / 3)
    found = [fidelity_and_diversity(draws(150, 2, 2 * i), draws(60, 2, 2 * i + 1))["coverage"] for i in range(50)]
    error = np.std(found) / np.sqrt(len(found))
    assert np.mean(found) == pytest.approx(neighbours.perfect_coverage(150, 60), abs=4 * error)
    assert 4 * error < 0.03


# the nearest training image


@pytest.mark.parametrize("rows, k", [(7, 1), (7, 3), (2, 3), (10_000, 2)])
def test_nearest_over_blocks_is_that_of_a_whole_distance_matrix(rows, k, monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK_BYTES", rows * 4 * 4 * 4)
    images = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 1), dtype="uint8")
    queries = np.random.default_rng(1).integers(0, 256, (9, 4, 4, 1), dtype="uint8")
    distances, where = neighbours.nearest(queries, images, k)
    pixels = [x.reshape(len(x), -1) / 255 for x in (queries, images)]
    matrix = np.linalg.norm(pixels[0][:, None] - pixels[1], axis=2)
    np.testing.assert_array_equal(where, np.argsort(matrix, axis=1)[:, :k])
    np.testing.assert_allclose(distances, np.sort(matrix, axis=1)[:, :k], atol=1e-6)


def test_a_point_of_the_set_comes_first_and_its_neighbour_second(monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK_BYTES", 8 * 5 * 4)
    points = draws(30, 5)
    distances, where = neighbours.nearest(points, points, k=2)
    np.testing.assert_array_equal(where[:, 0], np.arange(30))
    np.testing.assert_allclose(distances[:, 0], 0, atol=1e-6)
    np.testing.assert_allclose(distances[:, 1], neighbours.nearest_other(points), rtol=1e-5)


def test_nearest_other_by_hand():
    np.testing.assert_allclose(neighbours.nearest_other(np.array([[0.0], [1.0], [4.0]])), [1, 1, 3])
    np.testing.assert_allclose(neighbours.nearest_other(np.array([[0.0], [1.0], [4.0]]), k=2), [4, 3, 4])


def test_flat_scales_pixels_and_leaves_vectors():
    pixels = np.array([[[0, 51], [102, 255]]], "uint8")
    np.testing.assert_allclose(neighbours.flat(pixels), [[0, 0.2, 0.4, 1]], rtol=1e-6)
    np.testing.assert_array_equal(neighbours.flat(np.array([[-3.0, 300.0]], "float32")), [[-3, 300]])


def test_near_neighbours_far_from_the_origin_keep_their_digits():
    points = np.array([[4096.0, 0.0], [4096.0, 0.001], [0.0, 0.0]], "float32")
    distances, where = neighbours.nearest(points[:1], points, k=2)
    assert distances[0] == pytest.approx([0.0, 0.001], rel=1e-3) and where[0].tolist() == [0, 1]


def test_the_nearest_without_some_by_hand():
    line = np.array([[0.0], [1.0], [3.0], [7.0]], "float32")
    own = np.arange(4)
    distances, where = neighbours.nearest_without(line, line, own)
    assert where.tolist() == [1, 0, 1, 2] and distances.tolist() == [1, 1, 2, 4]
    # Without themselves and 1 (of 1: without 0).
    distances, where = neighbours.nearest_without(line, line, own, np.array([1, 0, 1, 1]))
    assert where.tolist() == [2, 2, 0, 2] and distances.tolist() == [3, 2, 3, 4]


# duplicates and memorised samples


def test_duplicates_are_nearer_than_a_quarter_of_the_median_between_real_data():
    real = 8.0 * np.arange(10, dtype="float32")[:, None]  # 8 from one another: a duplicate is at most 2 away
    samples = np.array([[0], [1.9], [100], [102.1], [500], [500.1], [500.2], [1000], [2000], [3000]], "float32")
    assert duplicates(samples, real) == pytest.approx(5 / 10)


def test_duplicates_are_compared_with_as_many_real_images():
    # Ten samples are compared with ten real data, which are 8 apart, though among all twenty they are 4 apart.
    real = np.concatenate([8.0 * np.arange(10), 8.0 * np.arange(10) + 4]).astype("float32")[:, None]
    samples = np.repeat(100.0 * np.arange(5), 2).astype("float32")[:, None] + np.tile([0, 1.9], 5)[:, None]
    assert duplicates(samples.astype("float32"), real) == 1


def test_real_data_have_no_duplicates_and_repeated_samples_all():
    real, fresh = draws(2000, 16), draws(2000, 16, 1)
    assert duplicates(fresh, real) == 0
    assert duplicates(np.repeat(fresh[:1000], 2, axis=0), real) == 1


def test_duplicates_of_large_images_are_found_in_their_averages():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 4, 4, 1), dtype="uint8").repeat(20, axis=1).repeat(20, axis=2)  # 80×80
    copies = np.concatenate([images[:6], images[:6]])
    assert duplicates(copies, images) == 1 and duplicates(images, images[::-1]) == 0


def test_the_card_and_the_checks_during_training_agree_on_duplicates_and_memorised_samples():
    from keras_gan import data, metrics
    from keras_gan.doctor import samples as checks

    source = data.open_source("digits")
    train = data.source.from_array("digits", source.array[:900])
    held_out = data.source.from_array("digits", source.array[900:1100])
    mixed = np.concatenate([train.array[:50], source.array[1100:1150]])  # half of them are copies,
    mixed[90:] = mixed[80:90]  # and a fifth are duplicates
    reference = metrics.Reference.of(train, held_out, None, 100)
    found = metrics.evaluate(mixed, reference, ["duplicates", "memorisation"])
    rows = [checks.features(images.astype("float32") / 127.5 - 1) for images in (mixed, train.array)]
    during = checks.measure(rows[0], checks.RealData.of(rows[1]))
    assert found["duplicates"].value == during["duplicates"] == pytest.approx(0.2)
    assert found["memorised"].value == during["memorised"] == pytest.approx(0.5)
