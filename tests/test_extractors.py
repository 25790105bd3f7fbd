"""Feature extractors: the shipped networks, those trained once, and the choice between them."""

import hashlib
import random
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from keras_gan import data
from keras_gan._utils import pixels
from keras_gan._utils.errors import InputError
from keras_gan.data.source import Source, from_array
from keras_gan.metrics import classifiers, extractors
from keras_gan.metrics.distances import frechet_distance

ROOT = Path(__file__).parents[1]
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def digits():
    return data.open_source("digits")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache folder."""
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "extractors"


def noise(*shape):
    return RNG.integers(0, 256, shape, dtype="uint8")


def dark_and_bright(count=40, shape=(8, 8, 1), name="shades"):
    """A source of two classes that are easy to distinguish."""
    labels = np.arange(count) % 2
    return from_array(name, (noise(count, *shape) // 4 + 180 * labels[:, None, None, None]).astype("uint8"), labels)


# network and training


def test_the_network_for_digits_has_the_described_weights():
    by_hand = [
        9 * 1 * 32 + 32,
        9 * 32 * 32 + 32,
        9 * 32 * 64 + 64,
        9 * 64 * 64 + 64,
        2 * 2 * 64 * 64 + 64,
        64 * 10 + 10,
    ]
    assert classifiers.network((8, 8, 1), 10).count_params() == sum(by_hand)


@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 31, 3), (28, 28, 1), (64, 64, 3), (256, 100, 1)])
def test_every_size_gives_64_features_and_probabilities_in_float32_whatever_the_policy(shape):
    size, images = (*(min(side, 64) for side in shape[:2]), shape[2]), noise(5, *shape)
    expected, _ = classifiers.Classifier(classifiers.network(size, 3), 0.0)(images)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        features, probabilities = classifiers.Classifier(classifiers.network(size, 3), 0.0)(images)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_allclose(features, expected, rtol=1e-5, atol=1e-6)
    assert features.shape == (5, 64) and features.dtype == np.float32 and features.std() > 0
    assert probabilities.shape == (5, 3) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


def test_features_do_not_depend_on_the_batches(digits, monkeypatch):
    classifier = classifiers.Classifier(classifiers.network((8, 8, 1), 3), 0.0)
    whole = classifier(digits.array[:10])
    monkeypatch.setattr(classifiers, "CHUNK_BYTES", 3 * 4 * 32 * 64)  # three images of 8×8
    for expected, found in zip(whole, classifier(digits.array[:10]), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_float_images_get_the_features_of_their_pixels(digits):
    classifier = classifiers.Classifier(classifiers.network((8, 8, 1), 3), 0.0)
    images = digits.array[:5]
    signed = pixels.to_signed(images.astype("float32"))
    np.testing.assert_array_equal(classifier(signed)[0], classifier(images)[0])


def test_shifting_repeats_the_edge():
    image = np.arange(9, dtype="uint8").reshape(1, 3, 3, 1)
    up_left = classifiers.shifted(image, np.array([2]), np.array([2]), 1)
    np.testing.assert_array_equal(up_left[0, :, :, 0], [[4, 5, 5], [7, 8, 8], [7, 8, 8]])
    down = classifiers.shifted(image, np.array([0]), np.array([1]), 1)
    np.testing.assert_array_equal(down[0, :, :, 0], [[0, 1, 2], [0, 1, 2], [3, 4, 5]])


def test_a_split_holds_out_its_part_of_every_class(digits):
    rows, held = classifiers.split(digits.labels, 5)
    assert sorted([*rows, *held]) == list(range(1797))
    share = np.bincount(digits.labels[held]) / np.bincount(digits.labels)
    np.testing.assert_allclose(share, 1 / 5, atol=1 / 174)  # the smallest class has 174 images
    np.testing.assert_array_equal(held, classifiers.split(digits.labels, 5)[1])


@pytest.mark.long
def test_training_is_the_same_for_a_seed():
    source = dark_and_bright()
    first, again = (classifiers.train(source.array, source.labels, images_seen=300) for _ in range(2))
    for a, b in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=5e-3)  # a few places of float16
    other = classifiers.train(source.array, source.labels, images_seen=300, seed=1)
    assert np.abs(other.get_weights()[0] - first.get_weights()[0]).max() > 0.1


def test_an_interrupted_training_continues_to_the_same_network(tmp_path, monkeypatch):
    source, backup = dark_and_bright(), tmp_path / "network.part.npz"
    expected = classifiers.train(source.array, source.labels, images_seen=1000)  # 5 steps
    save = classifiers._Backup.on_train_batch_end

    def interrupted(callback, batch, logs=None):
        save(callback, batch, logs)
        if batch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(classifiers, "BACKUP_EVERY_S", 0.0)
    monkeypatch.setattr(classifiers._Backup, "on_train_batch_end", interrupted)
    with pytest.raises(KeyboardInterrupt):
        classifiers.train(source.array, source.labels, images_seen=1000, backup=backup)
    batches = []
    monkeypatch.setattr(classifiers._Backup, "on_train_batch_end", lambda callback, batch, logs: batches.append(batch))
    continued = classifiers.train(source.array, source.labels, images_seen=1000, backup=backup)
    assert len(batches) == 2
    for a, b in zip(continued.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=5e-3)  # a few places of float16


def test_training_neither_reads_nor_moves_the_random_state():
    source = dark_and_bright()

    def drawn(images_seen):
        keras.utils.clear_session()  # since Keras 3.10's `set_random_seed` keeps the state of `keras.random`
        keras.utils.set_random_seed(1)
        if images_seen:
            classifiers.train(source.array, source.labels, images_seen=images_seen)
        return np.random.random(), random.random(), float(keras.random.uniform(()))

    assert drawn(100) == drawn(0)


def test_training_never_lasts_longer_than_planned():
    assert classifiers.planned_images((1000, 8, 8, 1)) == 80_000  # 80 epochs
    assert classifiers.planned_images((50_000, 32, 32, 3)) == 200_000
    assert classifiers.planned_images((50_000, 64, 64, 3)) == 50_000  # as many pixels


# files


def test_a_file_gives_back_the_classifier_and_the_same_bytes_for_the_same_weights(tmp_path):
    source = dark_and_bright()
    model = classifiers.network((8, 8, 1), 2)
    model.set_weights([weights.astype("float16") for weights in model.get_weights()])  # as training leaves them
    sums = {classifiers.save(classifiers.Classifier(model, 0.625), tmp_path / name) for name in ("a.npz", "b.npz")}
    assert sums == {hashlib.sha256((tmp_path / "a.npz").read_bytes()).hexdigest()}
    loaded, found = classifiers.load(tmp_path / "a.npz")
    assert {found} == sums and loaded.accuracy == 0.625
    for a, b in zip(loaded(source.array), classifiers.Classifier(model, 0.0)(source.array), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_shipped_weights_are_small_and_have_the_listed_digests():
    files = sorted(extractors.WEIGHTS.glob("*.npz"))
    assert [file.stem for file in files] == ["digits", "mnist"]
    assert sum(file.stat().st_size for file in files) <= 1_000_000
    lines = (extractors.WEIGHTS / extractors.SUMS).read_text().splitlines()
    assert lines == [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}" for file in files]


def test_damaged_weights_raise_an_error_of_one_line(tmp_path, monkeypatch, digits):
    monkeypatch.setattr(extractors, "WEIGHTS", Path(shutil.copytree(extractors.WEIGHTS, tmp_path / "weights")))
    file = extractors.WEIGHTS / "digits.npz"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"digits.npz is damaged \(SHA-256 .*[Ii]nstall keras-gan again") as caught:
        extractors.choose(digits)
    assert "\n" not in str(caught.value)


# the shipped networks


def test_the_shipped_digits_network_reads_the_held_out_digits(digits):
    extractor = extractors.choose(digits)
    _, held = classifiers.split(digits.labels, 5)
    _, probabilities = extractor.extract(digits.array[held])
    accuracy = np.mean(probabilities.argmax(axis=1) == digits.labels[held])
    assert accuracy >= 0.975
    assert extractor.accuracy == pytest.approx(accuracy, abs=0.006)  # two of 359 images


@pytest.mark.long
def test_the_script_trains_the_shipped_digits_network_again(digits, forked, tmp_path):
    process = forked(ROOT / "benchmarks" / "extractors.py", "digits", "--out", tmp_path / "digits.npz")
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    again, sha256 = classifiers.load(tmp_path / "digits.npz")
    assert sha256 in out and f"{again.accuracy:.2%} right on held-out images" in out
    shipped = extractors.choose(digits)
    assert again.accuracy == pytest.approx(shipped.accuracy, abs=0.014)  # five of 359 images
    odd = digits.labels % 2 == 1
    distances = []
    for extract in (again, shipped.extract):
        features, _ = extract(digits.array)
        half = len(features) // 2
        distances.append([features.mean(), frechet_distance(features[odd], features[~odd])])
        # The features differ more between odd and even digits than between the halves of the data.
        assert distances[-1][1] > 3 * frechet_distance(features[:half], features[half:])
    np.testing.assert_allclose(*distances, rtol=0.15)


@pytest.mark.parametrize(
    "count, least, tolerance", [(500, 0.98, 0.02), pytest.param(10_000, 0.992, 3e-4, marks=pytest.mark.long)]
)
def test_the_shipped_mnist_network_reads_the_test_images(prepared_mnist, count, least, tolerance):
    test = data.open_source("mnist", split="test")
    assert test.count == 10_000
    extractor = extractors.choose(test)
    features, probabilities = extractor.extract(test.array[:count])
    assert features.shape == (count, 64) and probabilities.shape == (count, 10)
    accuracy = np.mean(probabilities.argmax(axis=1) == test.labels[:count])
    assert accuracy >= least
    assert extractor.accuracy == pytest.approx(accuracy, abs=tolerance)


# the choice


def test_each_kind_of_data_gets_its_own_extractor(digits):
    ring = data.open_source("ring")
    identity = extractors.choose(ring)
    assert (identity.name, identity.sha256, identity.accuracy) == ("identity", "", None)
    features, probabilities = identity.extract(ring.array[:7])
    assert features.dtype == np.float32 and probabilities is None
    np.testing.assert_array_equal(features, ring.array[:7])

    shipped = extractors.choose(digits)
    assert shipped.name == "digits" and len(shipped.sha256) == 64
    assert extractors.choose(from_array("mnist", noise(5, 28, 28, 1))).name == "mnist"
    assert extractors.choose(from_array("faces", noise(30, 8, 8, 1))) is None  # without classes
    assert extractors.choose(digits, choice="none") is None


def test_a_shipped_network_can_be_chosen_by_name_for_images_of_its_shape():
    own = from_array("own.npz", noise(12, 28, 28, 1))
    extractor = extractors.choose(own, choice="mnist")
    assert extractor.name == "mnist" and extractor.extract(own.array)[1].shape == (12, 10)
    with pytest.raises(InputError, match=r"digits for own.npz .*\(28, 28, 1\); expected \(8, 8, 1\).*auto"):
        extractors.choose(own, choice="digits")


def test_an_unknown_choice_raises_an_error_that_lists_all_choices(digits):
    with pytest.raises(
        InputError, match="unknown extractor 'inceptoin'; did you mean inception.*digits, imagenet, inception, mn"
    ):
        extractors.choose(digits, choice="inceptoin")


def test_stacked_digits_are_read_channel_by_channel():
    images = noise(4, 28, 28, 3)
    single = extractors.choose(from_array("mnist", images[..., :1]))
    stacked = extractors.choose(from_array("stacked_mnist", images))
    assert stacked.name == "stacked_mnist" and stacked.sha256 == single.sha256
    assert stacked.accuracy == pytest.approx(single.accuracy**3)
    features, probabilities = stacked.extract(images)
    assert features.shape == (4, 192) and probabilities.shape == (4, 1000) and probabilities.dtype == np.float32
    parts = [single.extract(images[..., channel : channel + 1]) for channel in range(3)]
    np.testing.assert_allclose(features[:, 64:128], parts[1][0], rtol=1e-5)
    for a, b, c in ((0, 0, 0), (9, 2, 5), (1, 7, 3)):
        expected = parts[0][1][:, a] * parts[1][1][:, b] * parts[2][1][:, c]
        np.testing.assert_allclose(probabilities[:, 100 * a + 10 * b + c], expected, rtol=1e-4, atol=1e-9)


# trained once


@pytest.fixture
def folder(tmp_path):
    """train/ and test/ with the classes bright and dark, as colour images of 16×20."""
    for split, count in (("train", 60), ("test", 20)):
        source = dark_and_bright(count, (16, 20, 3))
        for index, (image, label) in enumerate(zip(source.array, source.labels, strict=True)):
            file = tmp_path / split / ("dark", "bright")[label] / f"{index}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(file)
    return tmp_path / "train"


def test_a_folder_with_classes_gets_a_network_of_its_own_once(folder, cache, capsys, monkeypatch):
    monkeypatch.setattr(classifiers, "MOST_EPOCHS", 40)  # enough for images that anyone can tell apart
    train, test = (data.open_source(folder, split=split) for split in ("train", "test"))
    extractor = extractors.choose(train, test)
    (file,) = cache.iterdir()
    printed, name = capsys.readouterr().err, f"{folder.parent.name}/train"
    assert printed.startswith("training a network") and name in printed
    assert "about 1 min" in printed and printed.endswith(f" {file}\n")
    assert extractor.name == f"trained on {name}" and extractor.accuracy == 1.0
    assert extractor.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    features, probabilities = extractor.extract(test.array)
    assert features.shape == (20, 64)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), test.labels)

    made_ns = file.stat().st_mtime_ns
    again = extractors.choose(train, test)
    assert again.sha256 == extractor.sha256 and file.stat().st_mtime_ns == made_ns and not capsys.readouterr().err
    np.testing.assert_array_equal(again.extract(test.array)[0], features)

    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"npz is damaged \(.*\); expected saved weights.*[Dd]elete it"):
        extractors.choose(train, test)


def test_other_images_or_labels_or_held_out_images_get_another_network():
    source, other = dark_and_bright(), dark_and_bright()
    swapped = from_array(source.name, source.array, 1 - source.labels)
    pairs = [(source, None), (other, None), (swapped, None), (source, other), (source, swapped)]
    assert len({extractors.content(1, *pair) for pair in pairs} | {extractors.content(2, source)}) == 6
    renamed = from_array("moved", source.array.copy(), source.labels)
    assert extractors.content(1, renamed, None) == extractors.content(1, source, None)


def test_data_on_disk_are_identified_by_a_sample_and_their_name():
    held = dark_and_bright(2000)
    large = Source("large", held.shape, held.count, held.fetch, None, held.labels)
    renamed = Source("moved", held.shape, held.count, held.fetch, None, held.labels)
    assert extractors.content(1, large) != extractors.content(1, renamed)
    chosen = large.sample(500, 0)
    images = extractors.read(large, chosen)
    assert images.shape == (500, 8, 8, 1)
    np.testing.assert_array_equal(images.mean(axis=(1, 2, 3)) > 128, large.labels[chosen])


def test_large_images_are_read_in_blocks_and_have_the_same_digest(monkeypatch):
    held = dark_and_bright(40, (80, 72, 1))
    most = []

    def fetch(indices):
        most.append(len(indices))
        return held.array[indices]

    large = Source("large", held.shape, held.count, fetch, None, held.labels)
    whole, sum_of_whole = extractors.read(large, np.arange(40)), extractors.content(1, large)
    monkeypatch.setattr("keras_gan.metrics.streams.BLOCK_BYTES", 7 * 80 * 72)
    most.clear()
    np.testing.assert_array_equal(extractors.read(large, np.arange(40)), whole)
    assert extractors.content(1, large) == sum_of_whole
    assert max(most) == 7 and whole.shape == (40, 64, 64, 1)


def test_without_held_out_images_a_tenth_measures_the_accuracy_and_no_image_is_in_both(monkeypatch, tmp_path):
    source = dark_and_bright(40)
    seen = []
    monkeypatch.setattr(classifiers, "MOST_EPOCHS", 5)
    train, accuracy = classifiers.train, classifiers.accuracy
    monkeypatch.setattr(classifiers, "train", lambda images, *rest, **more: seen.append(images) or train(images, *rest))
    monkeypatch.setattr(classifiers, "accuracy", lambda m, images, y: seen.append(images) or accuracy(m, images, y))
    extractors.choose(source)
    assert [len(images) for images in seen] == [36, 4]
    np.testing.assert_array_equal(np.sort(np.concatenate(seen), axis=0), np.sort(source.array, axis=0))


@pytest.mark.parametrize(
    "labels, reason",
    [
        (None, "have no labels"),
        (np.zeros(40, "int64"), "have class numbers up to 0 for 40 images"),
        (np.arange(40), "have class numbers up to 39 for 40 images"),
    ],
)
def test_labels_that_no_classifier_can_learn_give_no_extractor(labels, reason):
    source = from_array("own", noise(40, 8, 8, 1), labels)
    assert extractors.choose(source) is None
    with pytest.raises(InputError, match=f"cannot train an extractor: .*own {reason}; expected images in 2 to 1000 cl"):
        extractors.choose(source, choice="trained")
