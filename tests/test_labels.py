"""Labels and held-out data: their sources, and that labels belong to their images."""

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from sklearn.datasets import load_digits

from keras_gan import data
from keras_gan._utils.errors import InputError, Notice
from keras_gan.data import arrays, source
from keras_gan.data.source import Source
from keras_gan.theory.mixtures import MIXTURES

RNG = np.random.default_rng(0)


def noise(n):
    return RNG.integers(0, 256, (n, 8, 8), dtype="uint8")


def savez(path, **content):
    np.savez(path, **content)
    return path


# a sample of the indices


@pytest.mark.parametrize("n, expected", [(4, 4), (10, 10), (25, 10), (0, 0)])
def test_a_sample_has_different_indices_and_at_most_all_of_them(n, expected):
    chosen = Source("x", (1,), 10, fetch=np.zeros).sample(n, seed=0)
    assert len(chosen) == len(set(chosen)) == expected
    assert set(chosen) <= set(range(10))


def test_a_sample_is_the_same_for_a_seed_and_reaches_everything():
    numbers = Source("x", (1,), 1000, fetch=np.zeros)
    np.testing.assert_array_equal(numbers.sample(10, 3), numbers.sample(10, 3))
    assert (numbers.sample(10, 3) != numbers.sample(10, 4)).any()
    # The mean of 100 of 0 … 999 has the deviation 27.
    assert numbers.sample(100, 0).mean() == pytest.approx(499.5, abs=110)


# data that come with the package


def test_digits_have_their_classes_and_hold_nothing_out():
    digits, original = data.open_source("digits"), load_digits()
    np.testing.assert_array_equal(digits.labels, original.target)
    np.testing.assert_array_equal(digits.array[100, :, :, 0], np.rint(original.images[100] * 255 / 16))
    assert digits.labels.dtype == np.int64
    assert data.open_source("digits", split="test") is None


@pytest.mark.parametrize("name", MIXTURES)
def test_mixtures_have_modes_as_labels_and_test_draws_of_their_own(name):
    train, test = (data.open_source(name, split=split) for split in ("train", "test"))
    assert (train.count, test.count) == (100_000, 10_000) and train.shape == test.shape
    assert (test.array != train.array[:10_000]).mean() > 0.99
    centres, std = MIXTURES[name].centres, MIXTURES[name].std
    # Six deviations in every feature: fewer than one of a hundred million draws is farther away.
    assert np.abs(test.array - centres[test.labels]).max() < 6 * std
    np.testing.assert_array_equal(data.open_source(name, split="test").array, test.array)


def test_mixtures_have_no_size_to_change():
    with pytest.raises(InputError, match="ring, which has a fixed size; expected no image size.*--image-size"):
        data.open_source("ring", image_size=16)


@pytest.mark.long
def test_stacked_mnist_holds_three_digits_and_their_number(prepared_mnist):
    digits, stacked = (data.open_source(name, split="test") for name in ("mnist", "stacked_mnist"))
    # Test images of each digit; LeCun et al. 1998.
    assert list(np.bincount(digits.labels)) == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert (stacked.shape, stacked.count) == ((28, 28, 3), 26_000)
    label_of = {image.tobytes(): label for image, label in zip(digits.array, digits.labels, strict=True)}
    for index in (0, 1, 25_999):
        read = [label_of[stacked.array[index, :, :, channel].tobytes()] for channel in range(3)]
        assert stacked.labels[index] == 100 * read[0] + 10 * read[1] + read[2]
    assert len(np.unique(stacked.labels)) == 1000


# files of arrays


@pytest.mark.parametrize("images, labels", [("images", "labels"), ("x_train", "y_train"), ("x", "y"), ("data", "y")])
def test_an_npz_may_hold_labels_under_the_usual_names(tmp_path, images, labels):
    classes = np.array([[2], [0], [1]], "uint8")  # as CIFAR's come
    opened = data.open_source(savez(tmp_path / "a.npz", **{images: noise(3), labels: classes}))
    assert opened.labels.dtype == np.int64
    np.testing.assert_array_equal(opened.labels, [2, 0, 1])


def taken(tmp_path, labels, **more):
    """Class numbers and names of an .npz whose images are as many as its labels."""
    opened = data.open_source(savez(tmp_path / "a.npz", images=noise(more.pop("count", len(labels))), labels=labels))
    assert opened.unlabelled is None and opened.labels.dtype == np.int64
    return opened.labels.tolist(), opened.class_names


Y = [2, 0, 1, 2]


@pytest.mark.parametrize("dtype", ["uint8", "int64", "uint64", "int8", "float16", "float32", "float64", ">i4", ">f8"])
def test_numbers_from_0_to_k_minus_1_are_their_own_classes(tmp_path, dtype):
    assert taken(tmp_path, np.array(Y, dtype)) == (Y, None)
    assert taken(tmp_path, np.array(Y, dtype)[:, None]) == (Y, None)
    assert taken(tmp_path, np.array(Y, dtype)[None], count=4) == (Y, None)  # as Matlab's rows come


@pytest.mark.parametrize(
    "labels, numbers, names",
    [
        (np.arange(1, 11).repeat(2), np.arange(10).repeat(2), [str(n) for n in range(1, 11)]),
        ([3, 7, 7, 3], [0, 1, 1, 0], ["3", "7"]),
        ([3.0, 7.0, 7.0, 3.0], [0, 1, 1, 0], ["3", "7"]),
        ([-5, 100, -3], [0, 2, 1], ["-5", "-3", "100"]),
        ([-1, 1, 1], [0, 1, 1], ["-1", "1"]),  # of machines with two answers
        ([70_000, 2**62], [0, 1], ["70000", str(2**62)]),
        ([True, False, True], [1, 0, 1], ["False", "True"]),
        (["dog", "ant", "dog"], [1, 0, 1], ["ant", "dog"]),
        ([b"dog", b"ant", "é".encode()], [1, 0, 2], ["ant", "dog", "é"]),
        (["10", "9", "10"], [1, 0, 1], ["9", "10"]),  # by their value
        (np.eye(3)[Y], Y, None),
        (np.eye(3, dtype=bool)[Y], Y, None),
        (np.eye(3, dtype="uint8")[Y], Y, None),
        (np.eye(5)[[4, 1, 4]], [1, 0, 1], ["1", "4"]),  # columns without an image are not classes
        ([4, 4], [0, 0], ["4"]),
    ],
)
def test_labels_of_any_form_become_classes_without_gaps(tmp_path, labels, numbers, names):
    assert taken(tmp_path, np.array(labels)) == (list(numbers), None if names is None else tuple(names))


UNUSABLE = {
    "one short": (np.arange(5), r"have shape \(5,\) for 6 images"),
    "one long": (np.arange(7), r"have shape \(7,\) for 6 images"),
    "one number": (np.array(3), r"have shape \(\) for 6 images"),
    "a table": (np.zeros((2, 3), int), r"have shape \(2, 3\) for 6 images"),
    "NaN": (np.array([0, 1, np.nan, 1, 0, np.nan]), "are NaN or infinite for 2 images"),
    "fractions": (np.arange(6) / 4, "have values that are not whole numbers, such as 0.25"),
    "soft rows": (np.full((6, 2), 0.5), r"have shape \(6, 2\), and are not one-hot"),
    "two ones": (np.eye(3)[[0, 1, 2, 0, 1, 2]] + np.eye(3)[[1] * 6] > 0, "have 2 ones in row 0, and 4 of 6 rows"),
    "no one": (np.vstack([np.eye(3)] + [np.zeros((3, 3))]), "have 0 ones in row 3, and 3 of 6 rows"),
    "several numbers": (np.arange(12).reshape(6, 2), r"have shape \(6, 2\), and are not one-hot"),
    "-1 for unknown": (
        np.array([-1, 0, 1, 2, -1, 0]),
        "are -1 for 2 images, which may mean unknown or be a class",
    ),
    "no text": (np.array(["a", "b", "", " ", "a", "b"]), "are empty for 2 images"),
    "complex": (np.arange(6) * 1j, "have dtype complex128. Save integers or text"),
    "dates": (np.arange(6).astype("datetime64[D]"), "have dtype datetime64"),
    "objects": (np.array(["a", None] * 3, object), "are Python objects, which are not read. Save integers or text"),
    "objects of little text": (np.array(["a"] * 6, object), "are Python objects"),
    "huge floats": (np.full(6, 1e300), "have values up to 1e.300, too large"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_ambiguous_labels_raise_an_error_with_the_reason(tmp_path, case):
    labels, reason = UNUSABLE[case]
    file = savez(tmp_path / "a.npz", images=noise(6), labels=labels)
    opened = data.open_source(file)
    assert opened.labels is None and opened.count == 6
    with pytest.raises(
        InputError, match=f"a.npz cannot be used with classes: its labels {reason}.*--conditional"
    ) as caught:
        data.check_labels(opened)
    assert "no classes" not in str(caught.value) and str(caught.value).isprintable()


@pytest.mark.parametrize("labels", [np.arange(40), np.arange(40) * 1000.0, np.arange(40).astype(str)])
def test_as_many_values_as_a_measured_quantity_has_are_not_classes(tmp_path, labels):
    file = savez(tmp_path / "a.npz", images=noise(40), labels=labels)
    with pytest.raises(InputError, match="its labels have 40 different values for 40 images"):
        data.check_labels(data.open_source(file))
    file = savez(tmp_path / "b.npz", images=noise(40), labels=np.arange(40) // 2)  # two images of each
    assert data.check_labels(data.open_source(file)).max() == 19


def test_unusable_labels_only_give_a_notice_without_classes(tmp_path):
    file = savez(tmp_path / "a.npz", images=noise(6), labels=np.arange(5))
    with pytest.warns(Notice, match=r"a.npz is used without classes: its labels have shape \(5,\) for 6 images"):
        dataset = data.load(file, batch_size=3)
    assert next(iter(dataset)).shape == (3, 8, 8, 1)
    with pytest.raises(InputError, match="cannot be used with classes"):
        data.load(file, batch_size=3, labels=True)


@pytest.mark.parametrize("labels", [np.array([[1.0], [2], [1]]), np.array([[1, 2, 1]], "uint8")])
def test_labels_of_matlab_are_read_and_text_is_named(tmp_path, labels):
    savemat(tmp_path / "a.mat", {"images": noise(3), "labels": labels})
    opened = data.open_source(tmp_path / "a.mat")
    assert opened.labels.tolist() == [0, 1, 0] and opened.class_names == ("1", "2")
    for unread in (np.array(["cat", "dog", "cat"]), np.array(["cat", "dog", "cat"], object)):
        savemat(tmp_path / "b.mat", {"images": noise(3), "labels": unread})
        with pytest.raises(InputError, match="its labels are not a numeric array of Matlab. Save them as numbers"):
            data.check_labels(data.open_source(tmp_path / "b.mat"))


@pytest.mark.parametrize(
    "test, numbers", [([7, 3, 7], [1, 0, 1]), ([7, 7, 7], [1, 1, 1]), ([[3], [3], [7]], [0, 0, 1])]
)
def test_labels_of_a_test_split_have_the_numbers_of_the_training_labels(tmp_path, test, numbers):
    file = savez(tmp_path / "a.npz", x_train=noise(4), y_train=[3, 7, 3, 7], x_test=noise(3), y_test=np.array(test))
    opened = data.open_source(file, split="test")
    assert opened.labels.tolist() == numbers and opened.class_names == ("3", "7")


@pytest.mark.parametrize(
    "train, test, reason",
    [
        ([3, 7], [3, 5], "have classes without training images: 5"),
        (["a", "b"], ["a", "z"], "have classes without training images: z"),
        ([3, 7], ["3", "7"], "have a different type from those of the training images"),
        ([0.5, 1], [0, 1], "not whole numbers"),
    ],
)
def test_labels_of_a_test_split_that_are_not_training_classes_are_not_used(tmp_path, train, test, reason):
    file = savez(tmp_path / "a.npz", x_train=noise(2), y_train=train, x_test=noise(2), y_test=test)
    opened = data.open_source(file, split="test")
    assert opened.labels is None and reason in opened.unlabelled


@pytest.mark.parametrize("images, labels", [("x_test", "y_test"), ("images_test", "labels_test")])
def test_an_npz_may_hold_out_a_test_split(tmp_path, images, labels):
    train, test = noise(4), noise(2)
    file = savez(tmp_path / "a.npz", x_train=train, y_train=np.arange(4), **{images: test, labels: np.array([1, 0])})
    opened = data.open_source(file, split="test")
    np.testing.assert_array_equal(opened.array[..., 0], test)
    np.testing.assert_array_equal(opened.labels, [1, 0])
    np.testing.assert_array_equal(data.open_source(file).labels, np.arange(4))
    assert data.open_source(file, image_size=4, split="test").shape == (4, 4, 1)


def test_a_file_without_a_test_split_holds_nothing_out(tmp_path):
    np.save(tmp_path / "a.npy", noise(4))
    for file in (tmp_path / "a.npy", savez(tmp_path / "a.npz", images=noise(4)), savez(tmp_path / "b.npz", z=noise(4))):
        assert data.open_source(file, split="test") is None


def test_names_of_images_and_of_labels_do_not_overlap():
    keys = [key for table in (arrays.KEYS, arrays.LABEL_KEYS) for names in table.values() for key in names]
    assert len(keys) == len(set(keys))


# folders


def write(path, *files):
    """One-colour images whose brightness is their number in the list."""
    for grey, file in enumerate(files):
        (path / file).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), grey).save(path / file)
    return path


def test_subfolders_are_classes_in_the_order_of_their_names(tmp_path):
    opened = data.open_source(write(tmp_path, "cat/a.png", "ant/b.png", "cat/deep/c.png", "bee/d.png"))
    by_brightness = opened.labels[np.argsort(opened.array[:, 0, 0, 0])]
    np.testing.assert_array_equal(by_brightness, [2, 0, 2, 1])  # cat, ant, cat, bee


@pytest.mark.parametrize("files", [("a.png", "b.png"), ("one/a.png", "one/b.png"), ("a.png", "one/b.png")])
def test_folders_without_two_classes_for_all_images_have_no_labels(tmp_path, files):
    assert data.open_source(write(tmp_path, *files)).labels is None


def test_labels_stay_with_their_images_when_damaged_ones_are_left_out(tmp_path):
    write(tmp_path, "ant/a.png", "bee/b.png", "bee/c.png", "cat/d.png")
    (tmp_path / "bee" / "b.png").write_bytes(b"no picture")
    with pytest.warns(Notice, match="left out 1 of 4 images"):
        opened = data.open_source(tmp_path, skip_damaged=True)
    np.testing.assert_array_equal(opened.array[:, 0, 0, 0], [0, 2, 3])
    np.testing.assert_array_equal(opened.labels, [0, 1, 2])


def test_a_folder_that_is_read_from_disk_has_the_same_labels(tmp_path, monkeypatch):
    write(tmp_path, "ant/a.png", "bee/b.png", "ant/c.png")
    held = data.open_source(tmp_path)
    monkeypatch.setattr(source, "MEMORY_LIMIT_BYTES", 10)
    streamed = data.open_source(tmp_path)
    assert streamed.array is None
    np.testing.assert_array_equal(streamed.labels, held.labels)
    np.testing.assert_array_equal(streamed.fetch(np.arange(3)), held.array)


def test_a_folder_next_to_a_folder_called_train_is_held_out(tmp_path):
    train = write(tmp_path / "train", "ant/a.png", "bee/b.png")
    assert data.open_source(train, split="test") is None
    write(tmp_path / "validation", "ant/a.png", "bee/b.png", "bee/c.png")
    assert data.open_source(train, split="test").count == 3
    write(tmp_path / "test", "bee/c.png", "ant/a.png")
    held_out = data.open_source(train, split="test")
    np.testing.assert_array_equal(held_out.labels, [0, 1])
    np.testing.assert_array_equal(held_out.array[:, 0, 0, 0], [1, 0])
    assert data.open_source(tmp_path / "test", split="test") is None


def test_classes_of_held_out_folders_are_those_of_the_training_folders(tmp_path):
    for split, names in (("train", "abc"), ("test", "bc")):
        for name in names:
            (tmp_path / split / name).mkdir(parents=True)
            Image.fromarray(np.zeros((8, 8), "uint8")).save(tmp_path / split / name / "0.png")
    train, test = (data.open_source(tmp_path / "train", split=split) for split in ("train", "test"))
    assert train.labels.tolist() == [0, 1, 2] and test.labels.tolist() == [1, 2]
    (tmp_path / "test" / "d").mkdir()
    Image.fromarray(np.zeros((8, 8), "uint8")).save(tmp_path / "test" / "d" / "0.png")
    with pytest.warns(Notice, match="the folders d are not classes of the training images"):
        assert data.open_source(tmp_path / "train", split="test").labels is None
