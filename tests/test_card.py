"""The metric card: its reference, negative controls on real digits, and its texts."""

import dataclasses
import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from keras_gan import data, metrics
from keras_gan._utils import pixels
from keras_gan._utils.errors import InputError
from keras_gan.data.source import from_array
from keras_gan.metrics import Reference, card, distances, evaluate, evaluation, neighbours, streams
from keras_gan.metrics.extractors import Extractor
from keras_gan.metrics.reference import with_features

FRESH = 397  # digits that are neither training nor test images


@pytest.fixture(scope="module")
def digits():
    """Training and test digits as sources, and fresh ones with their labels: 1,000, 400 and 397 different images."""
    source = data.open_source("digits")
    order = np.random.default_rng(0).permutation(source.count)
    train, test = (
        from_array("digits", source.array[part], source.labels[part]) for part in (order[:1000], order[1000:1400])
    )
    return train, test, source.array[order[1400:]], source.labels[order[1400:]]


@pytest.fixture(scope="module")
def reference(digits):
    train, test, *_ = digits
    return Reference.of(train, test, metrics.extractor(train, test), FRESH)


@pytest.fixture(scope="module")
def real(digits, reference):
    """The card of fresh real images."""
    return evaluate(digits[2], reference)


def numbers(count, start=0, name="numbers"):
    """Vectors of one value, all different."""
    return from_array(name, np.arange(start, start + count, dtype="float32")[:, None])


def see_parity(vectors):
    """Features are the vectors; the first class is even, the second odd."""
    return vectors, np.eye(2, dtype="float32")[vectors[:, 0].astype(int) % 2]


PARITY = Extractor("parity", "0" * 64, None, see_parity)


# negative controls


def test_fresh_real_images_reach_the_baseline(real):
    assert real["frechet_distance"].value < 1.5 * real["frechet_distance"].baseline
    assert real["kernel_distance"].value < real["kernel_distance"].error
    for name in ("precision", "recall", "density", "coverage", "confidence", "train_distance"):
        assert real[name].value == pytest.approx(real[name].baseline, abs=0.06), name
    assert real["coverage"].value > neighbours.perfect_coverage(FRESH, FRESH) - 0.03
    assert real["sliced_wasserstein"].value < 1.3 * real["sliced_wasserstein"].baseline
    assert real["class_divergence"].value < 0.04  # 9 / 2n is 0.011
    assert real["memorised"].value < 0.04 and real["duplicates"].value < 0.04
    assert real["modes"].value == 10
    assert real["parzen"].value == pytest.approx(real["parzen"].baseline, abs=3 * real["parzen"].error)


def test_dropped_classes_cost_coverage_recall_and_log_2(digits, reference, real):
    *_, images, labels = digits
    first_five = np.flatnonzero(labels < 5)
    half = evaluate(images[np.random.default_rng(0).choice(first_five, FRESH)], reference)
    assert half["modes"].value <= 6 and half["sure_modes"].value <= 6  # one misread digit is another mode
    assert half["class_divergence"].value == pytest.approx(np.log(2), abs=0.1)
    assert half["coverage"].value < 0.6 and half["recall"].value < 0.6
    assert half["precision"].value > 0.9  # the remaining classes are as good as real
    assert half["frechet_distance"].value > 10 * real["frechet_distance"].value
    assert half["kernel_distance"].value > 3 * half["kernel_distance"].error


def test_blur_costs_recall_confidence_and_distance(digits, reference, real):
    blurred = np.rint(gaussian_filter(digits[2].astype("float32"), (0, 0.8, 0.8, 0))).astype("uint8")
    found = evaluate(blurred, reference)
    assert found["frechet_distance"].value > 10 * real["frechet_distance"].value
    assert found["kernel_distance"].value > 4 * found["kernel_distance"].error
    assert found["sliced_wasserstein"].value > 3 * real["sliced_wasserstein"].value
    assert found["coverage"].value < 0.6 and found["recall"].value < 0.5
    assert found["confidence"].value < real["confidence"].value - 0.02
    assert found["train_distance"].value > 1.2


def test_noise_costs_density_coverage_and_distance(digits, reference, real):
    noise = np.random.default_rng(0).normal(0, 40, digits[2].shape)
    found = evaluate(np.clip(digits[2] + noise, 0, 255).astype("uint8"), reference)
    assert found["frechet_distance"].value > 2.5 * real["frechet_distance"].value
    assert found["sliced_wasserstein"].value > 1.3 * real["sliced_wasserstein"].value
    assert found["density"].value < real["density"].value - 0.05
    assert found["coverage"].value < real["coverage"].value - 0.04
    assert found["train_distance"].value > 1.15
    assert found["parzen"].value < real["parzen"].value - 8


def test_duplicates_are_counted_and_cost_coverage(digits, reference, real):
    twice = evaluate(np.repeat(digits[2], 2, axis=0)[:FRESH], reference)
    assert twice["duplicates"].value > 0.99  # of an odd number one has no partner
    assert twice["memorised"].value < 0.05  # they repeat each other, not the training images
    four_times = evaluate(np.tile(digits[2][:100], (4, 1, 1, 1))[:FRESH], reference)
    assert four_times["duplicates"].value > 0.99
    assert four_times["coverage"].value < twice["coverage"].value - 0.1 < real["coverage"].value - 0.1
    assert four_times["frechet_distance"].value > twice["frechet_distance"].value > real["frechet_distance"].value


def test_training_images_as_samples_are_memorised(digits, reference):
    found = evaluate(digits[0].array[:FRESH], reference)
    assert found["memorised"].value == 1 and found["memorised"].baseline == 0
    assert found["train_distance"].value < 1e-3 and found["train_distance"].baseline == 1
    # By all other metrics they are as good as real images.
    assert found["frechet_distance"].value < 1.5 * found["frechet_distance"].baseline
    assert found["coverage"].value > 0.93 and found["duplicates"].value < 0.04


def shades(*greys):
    """One-pixel images."""
    return np.array(greys, "uint8").reshape(-1, 1, 1, 1)


def test_memorisation_by_hand():
    # Training images at 0, 10, 30 and 70, whose nearest neighbours are 10, 10, 20 and 40 away, and some far off.
    train = from_array("shades", shades(0, 10, 30, 70, *range(160, 256, 10)))
    held_out = from_array("shades", shades(*[18] * 10))  # 8 from 10, which is no copy
    reference = Reference.of(train, held_out, None, 10)
    found = evaluate(shades(0, 4, 6, 14, 17, 21, 41, 49, 51, 88), reference, ["memorisation"])
    # Their distances are 0, 4, 4, 4, 7, 9, 11, 19, 19 and 18. 17 is 7 from 10 (at most 5 is a copy), 41 and 49 are 11
    # and 19 from 30 (at most 10); the others are copies, 51 and 88 of 70 (at most 20).
    assert found["memorised"].value == pytest.approx(0.7) and found["memorised"].baseline == 0
    assert found["train_distance"].value == pytest.approx(8 / 8)


def test_mirror_images_are_memorised_where_training_saw_them():
    plain, flipped = (data.open_source("digits", flip=flip) for flip in (False, True))
    samples = plain.array[:100, :, ::-1]
    of_plain, of_flipped = (
        evaluate(samples, Reference.of(train, None, None, 100), ["memorisation"])["memorised"].value
        for train in (plain, flipped)
    )
    assert of_flipped == 1 and of_plain < 0.2


def test_images_like_their_mirror_image_are_memorised_with_flip_too():
    """Training images that are symmetric but for one pixel: a mirror image must not count as another training image."""
    half = np.random.default_rng(0).integers(0, 256, (60, 8, 4, 1), dtype="uint8")
    images = np.concatenate([half, half[:, :, ::-1]], axis=2)
    images[:, 0, 0] ^= 1
    train = dataclasses.replace(from_array("faces", images), flip=True)
    found = evaluate(images[:30, :, ::-1], Reference.of(train, None, None, 30), ["memorisation"])
    assert found["memorised"].value == 1 and found["memorised"].baseline == 0


def test_memorised_is_what_chance_does_not_explain():
    near, far = np.full(5, 0.5), np.full(5, 0.6)  # of training images with a neighbour at distance 1
    assert neighbours.memorised(near, np.ones(5), 0.0) == 1 and neighbours.memorised(far, np.ones(5), 0.0) == 0
    # 1/5 of real data are copies by chance, with a standard error of √(1/5 · 4/5 / 20): 1/5 + 2 · 0.0894 = 0.3789.
    to_train = np.repeat([0.4, 0.9], [15, 5])
    assert neighbours.memorised(to_train, np.ones(20), 0.2) == pytest.approx((0.75 - 0.3789) / 0.6211, abs=1e-4)
    assert neighbours.memorised(to_train, np.ones(20), 1.0) == 0


# the reference


def test_reference_and_baseline_are_disjoint_and_the_same_for_a_seed():
    train = numbers(200)
    first, again, other = (Reference.of(train, None, None, 80, seed) for seed in (0, 0, 1))
    sets = [set(images[:, 0]) for images in (first.real.images, first.baseline.images)]
    assert [len(images) for images in sets] == [80, 80] and len(set.union(*sets)) == 160
    np.testing.assert_array_equal(first.real.images, again.real.images)
    assert (first.baseline.images != other.baseline.images).any()
    assert (first.split, first.count) == ("half", 80)


def test_held_out_data_are_the_reference_and_the_smallest_set_decides_the_count():
    reference = Reference.of(numbers(200), numbers(50, start=1000), None)
    assert (reference.split, reference.count) == ("test", 50)
    assert set(reference.real.images[:, 0]) == set(range(1000, 1050))
    assert len(reference.baseline.images) == 50 and reference.baseline.images.max() < 200
    # Two halves if nothing is held out.
    assert Reference.of(numbers(200), None, None).count == 100


def test_float_images_get_the_scores_of_the_same_uint8_images():
    pictures = data.open_source("digits").array
    signed = pixels.to_signed(pictures.astype("float32"))
    expected = metrics.compare(pictures[:300], pictures[300:], "digits")
    for samples, real in ((signed[:300], pictures[300:]), (pictures[:300], signed[300:])):
        found = metrics.compare(samples, real, "digits")
        assert [score.value for score in found.scores] == [score.value for score in expected.scores]


def test_copies_are_memorised_even_where_training_images_have_doubles():
    doubled = from_array("doubled", np.repeat(shades(*range(0, 200, 10)), 2, axis=0))
    reference = Reference.of(doubled, from_array("doubled", shades(*range(5, 205, 10))), None, 10)
    assert evaluate(doubled.array[:10], reference, ["memorisation"])["memorised"].value == 1
    assert evaluate(shades(*range(4, 104, 10)), reference, ["memorisation"])["memorised"].value == 0


def test_usual_distances_to_training_images_come_from_held_out_data_or_from_other_training_images():
    assert set(Reference.of(numbers(50), numbers(20, start=60), None).real_nearest.distances) == set(range(11, 31))
    found = Reference.of(numbers(50), None, None).real_nearest
    assert set(found.distances) == {1}
    # 25's nearest may be 24, whose nearest without 25 is 23. 1's may be 0, whose nearest without 1 is 2.
    assert {1} <= set(found.spacings) <= {1, 2} and (found.spacings == 2).sum() <= 2


def test_the_published_protocols_decide_the_count():
    assert [metrics.default_count(name) for name in ("ring", "grid", "stacked_mnist", "mnist")] == [
        2_500,
        2_500,
        26_000,
        10_000,
    ]
    assert Reference.of(data.open_source("ring"), data.open_source("ring", split="test"), None).count == 2_500


def test_shares_of_classes_come_from_labels_or_the_extractor_or_the_protocol():
    vectors = np.repeat([0, 1], [150, 50]).astype("float32")[:, None]
    labelled = from_array("labelled", vectors, np.repeat([0, 1], [150, 50]))
    assert list(Reference.of(labelled, None, PARITY).proportions) == [0.75, 0.25]
    seen = Reference.of(from_array("unlabelled", vectors), None, PARITY)
    assert seen.proportions[1] == pytest.approx(0.25, abs=0.15) and seen.proportions.sum() == 1
    stacked = Reference.of(from_array("stacked_mnist", vectors, np.repeat([0, 1], [150, 50])), None, PARITY)
    assert list(stacked.proportions) == [0.5, 0.5]  # as published, whatever the data's own are
    assert Reference.of(labelled, None, None).proportions is None


def test_data_that_cannot_be_compared_raise_an_error():
    with pytest.raises(InputError, match=r"held-out data of shape \(2,\) for training data of shape \(1,\).*--image-"):
        Reference.of(numbers(50), from_array("pairs", np.zeros((50, 2), "float32")), None)
    with pytest.raises(InputError, match="9 samples of numbers to compare; expected at least 10. .*--samples"):
        Reference.of(numbers(50), None, None, count=9)


def test_streams_in_temporary_files_get_the_scores_of_arrays_in_memory(digits, reference, real, monkeypatch):
    train, test, fresh, _ = digits
    monkeypatch.setattr(streams, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(streams, "BLOCK_BYTES", 100 * 64)  # a hundred digits
    monkeypatch.setattr(distances, "DIRECTIONS_BYTES", 30 * 512 * 4)  # of 64 pixels
    streamed = Reference.of(train, test, reference.extractor, FRESH)
    assert isinstance(streamed.real.images, streams.ImageFile) and isinstance(
        streamed.baseline.images, streams.ImageFile
    )
    read = []

    def block(start, stop):
        read.append(stop - start)
        return fresh[start:stop]

    found = evaluate(streams.Stream(block, FRESH, (8, 8, 1)), streamed)
    assert max(read) == 100
    for expected, score in zip(real.scores, found.scores, strict=True):
        assert dataclasses.astuple(score)[:2] == dataclasses.astuple(expected)[:2]
        assert (score.value, score.baseline) == pytest.approx((expected.value, expected.baseline), rel=1e-4, abs=1e-6)


def test_metrics_of_features_alone_hold_no_images(digits, reference, real):
    whole = evaluate(
        streams.Stream(lambda start, stop: digits[2][start:stop], FRESH, (8, 8, 1), block=50), reference, ["frechet"]
    )
    assert whole["frechet_distance"].value == pytest.approx(real["frechet_distance"].value, rel=1e-4)
    batch = evaluation.batch_of(
        streams.Stream(lambda start, stop: digits[2][start:stop], FRESH, (8, 8, 1)), reference, ["frechet"]
    )
    assert batch.images is None and batch.features.shape == (FRESH, 64)


def test_the_share_of_images_of_the_requested_class(digits, reference):
    *_, fresh, labels = digits
    read = lambda start, stop: fresh[start:stop]  # noqa: E731
    found = evaluate(streams.Stream(read, FRESH, (8, 8, 1), labels=labels), reference, ["classes"])
    assert found["label_accuracy"].value > 0.95 and found["label_accuracy"].baseline > 0.95
    one_off = evaluate(streams.Stream(read, FRESH, (8, 8, 1), labels=(labels + 1) % 10), reference, ["classes"])
    assert one_off["label_accuracy"].value < 0.02
    assert "label_accuracy" not in [score.name for score in evaluate(fresh, reference, ["classes"]).scores]


def test_the_parzen_window_is_left_out_for_large_images_with_a_note():
    large = from_array("large", np.random.default_rng(0).integers(0, 256, (40, 65, 64, 1), dtype="uint8"))
    found = evaluate(large.array[:20], Reference.of(large, None, None, 20))
    assert "parzen" not in [score.name for score in found.scores]
    note = found.header()[-1]
    assert "Parzen" in note and "4,160" in note and "4,096" in note
    with pytest.raises(InputError, match="metric 'parzen' does not apply to large"):
        evaluate(large.array[:20], Reference.of(large, None, None, 20), ["parzen"])


# which metrics, and on how many samples


def names(reference):
    return [score.name for score in evaluate(reference.baseline.images, reference).scores]


def test_each_kind_of_data_gets_the_metrics_that_apply(reference):
    ring = data.open_source("ring")
    of_ring = Reference.of(ring, data.open_source("ring", split="test"), metrics.extractor(ring), 100)
    fidelity = ["precision", "recall", "density", "coverage"]
    assert names(of_ring) == ["frechet_distance", *fidelity, "modes", "high_quality", "sliced_wasserstein"]
    assert names(Reference.of(numbers(50), None, None)) == ["sliced_wasserstein"]
    bare = Reference.of(reference.train, None, None, 20)
    assert names(bare) == ["sliced_wasserstein", "train_distance", "memorised", "duplicates", "parzen"]
    assert (
        len(names(Reference.of(reference.train, None, reference.extractor, 20))) == 15
    )  # everything but mixtures' modes


def test_metrics_can_be_chosen_by_any_iterable(reference):
    found = evaluate(reference.baseline.images, reference, (name for name in ("sliced", "duplicates")))
    assert [score.name for score in found.scores] == ["sliced_wasserstein", "duplicates"]


def test_the_baseline_is_computed_once(monkeypatch):
    calls = []
    sliced = metrics.METRICS["sliced"]

    def counted(batch, reference):
        calls.append(len(batch.images))
        return sliced.compute(batch, reference)

    monkeypatch.setitem(metrics.METRICS, "sliced", dataclasses.replace(sliced, compute=counted))
    reference = Reference.of(numbers(60), None, None, 20)
    first, second = (evaluate(reference.baseline.images + shift, reference) for shift in (1, 2))
    assert calls == [20, 20, 20]  # samples, baseline, samples
    assert first["sliced_wasserstein"].baseline == second["sliced_wasserstein"].baseline


def test_metrics_with_smaller_protocols_use_the_first_samples_only(monkeypatch):
    monkeypatch.setattr("keras_gan.metrics.reference.SAMPLES", 30)
    reference = Reference.of(numbers(300), None, PARITY, 100)
    samples = np.arange(100, dtype="float32")[:, None] * np.where(np.arange(100) < 30, 2, 1)[:, None]
    found = evaluate(samples, reference)
    assert found.samples == 100
    images = reference.real.images
    assert found["sliced_wasserstein"].value == metrics.sliced_wasserstein(samples[:30], images[:30])
    assert found["frechet_distance"].baseline == metrics.frechet_distance(reference.baseline.images[:30], images[:30])
    # Of all 100 samples 30 + 35 are even; of the first 30 all are.
    by_hand = metrics.class_divergence(np.repeat([0, 1], [65, 35]), reference.proportions)
    assert found["class_divergence"].value == pytest.approx(by_hand)


def test_only_the_first_samples_are_evaluated_so_more_change_nothing(reference):
    images = reference.baseline.images
    assert evaluate(np.concatenate([images, images[:5]]), reference, ["sliced"]) == evaluate(
        images, reference, ["sliced"]
    )


def test_samples_that_do_not_match_raise_an_error(reference):
    with pytest.raises(InputError, match=r"shape \(397, 9, 9, 1\) for digits of shape \(8, 8, 1\); .*data's size"):
        evaluate(np.zeros((397, 9, 9, 1), "uint8"), reference)
    with pytest.raises(InputError, match=r"shape \(396, 8, 8, 1\) .* expected at least 397 .*--samples"):
        evaluate(reference.baseline.images[:-1], reference)
    with pytest.raises(InputError, match="unknown metric 'frechett'; did you mean frechet"):
        evaluate(reference.baseline.images, reference, ["frechett"])
    with pytest.raises(InputError, match="metric 'modes' does not apply to digits"):
        evaluate(reference.baseline.images, reference, ["modes"])


# texts


def test_json_gives_back_every_number_and_null_where_there_is_none(real):
    content = json.loads(real.to_json(), parse_constant=pytest.fail)
    assert content["data"] == "digits" and content["samples"] == FRESH
    assert content["reference"] == {"split": "test", "count": FRESH} and len(content["extractor"]["sha256"]) == 64
    scores = {score["name"]: score for score in content["scores"]}
    assert list(scores) == [score.name for score in real.scores]
    assert scores["frechet_distance"] == dataclasses.asdict(real["frechet_distance"])
    assert np.allclose(np.sum(content["shares"], axis=1), 1)

    # A class that the data do not have costs infinitely much.
    evens = from_array("evens", 2 * numbers(50).array, np.zeros(50, "int64"))
    infinite = evaluate(numbers(20).array, Reference.of(evens, None, PARITY, 20))
    assert infinite["class_divergence"].value == np.inf and "inf" in str(infinite)
    content = json.loads(infinite.to_json(), parse_constant=pytest.fail)
    assert {score["name"]: score["value"] for score in content["scores"]}["class_divergence"] is None


def test_rows_show_values_errors_and_how_to_read_them(real):
    rows = {row[0]: row[1:] for row in real.rows()}
    assert rows["modes"] == ("10", "10", "higher is better")
    assert rows["density"][2] == card.READING["baseline"]
    assert rows["sliced Wasserstein distance"][2].startswith("lower is better; ")
    score = real["parzen"]
    value, baseline, reading = rows["Parzen log-likelihood (nats)"]
    assert value == f"{score.value:.2f} ± {score.error:.2f}" and baseline == f"{score.baseline:.2f}"
    assert reading.startswith(card.READING["baseline"] + "; ") and "smoother than real" in reading


@pytest.mark.parametrize(
    "value, text",
    [(1000, "1,000"), (12345.6, "12,346"), (99.123, "99.12"), (0.96904, "0.9690"), (0.000456, "0.00046"), (0.0, "0")],
)
def test_numbers_have_four_digits_and_at_most_five_decimals(value, text):
    assert card._number(value) == text


def test_the_header_names_data_samples_and_features(reference, real):
    compared, features = real.header()
    assert compared.startswith("397 samples ") and compared.endswith("digits, test split")
    assert features.startswith(f"features: network “digits” (SHA-256 {reference.extractor.sha256[:12]}…, accuracy 98.")
    of_run = dataclasses.replace(real, source="runs/digits", step=1500)
    assert of_run.header()[0] == "runs/digits at step 1,500" and str(of_run).startswith(
        "runs/digits at step 1,500\n397"
    )
    bare = evaluate(numbers(20).array, Reference.of(numbers(60), None, None, 20))
    assert bare.header()[0].startswith("20 samples ") and "numbers, one half" in bare.header()[0]
    assert bare.header()[1].startswith("features: none")


def test_a_score_that_is_not_on_the_card_raises_an_error(real):
    with pytest.raises(InputError, match="unknown score 'frechet'"):
        real["frechet"]


def test_a_part_of_a_batch_has_matching_images_features_and_probabilities(reference):
    batch = with_features(reference.real.images[:7], reference.extractor)
    first = batch.first(3)
    assert [len(x) for x in (first.images, first.features, first.probabilities)] == [3, 3, 3]
    assert with_features(reference.real.images, None).first(3).features is None
