"""Arrays, and the order of images. Folders and the catalogue are tested in other files."""

import gc
import hashlib

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from keras_gan import data
from keras_gan._utils import pixels
from keras_gan._utils.errors import InputError
from keras_gan.data import arrays, opening, source


def counted(n):
    """A source with the vector (i) at index i."""
    return source.from_array("counted", np.arange(n, dtype="float32")[:, None])


def order(n, batch_size, steps, seed=0, first_step=0):
    batches = data.batches(counted(n), batch_size, seed, first_step).take(steps)
    return np.concatenate([batch.numpy()[:, 0] for batch in batches]).astype(int)


def as_file(tmp_path, array, name="x.npy"):
    np.save(tmp_path / name, array)
    return tmp_path / name


def lower_memory_limit(monkeypatch, limit_bytes):
    for module in (source, arrays):
        monkeypatch.setattr(module, "MEMORY_LIMIT_BYTES", limit_bytes, raising=False)


PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 10, 3), dtype="uint8")


# names and paths


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("digits", False),
        ("mnist", False),
        ("emnist/letters", False),
        ("pets", True),
        ("pets/cats", True),
        ("./digits", True),
        ("/digits", True),
        ("~/digits", True),
        ("x.npy", True),
        ("x.NPZ", True),
        ("nothing", False),
    ],
)
def test_a_name_is_a_dataset_unless_it_is_written_like_a_path_or_only_a_folder_has_it(
    tmp_path, monkeypatch, name, expected
):
    for folder in ("digits", "mnist", "pets"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path)
    assert opening.is_path(name) is expected


# the order


@pytest.mark.parametrize(("n", "batch_size"), [(10, 5), (10, 4), (7, 3)])
def test_every_epoch_is_a_different_permutation(n, batch_size):
    epochs = order(n, batch_size, steps=3 * n).reshape(-1, n)
    assert all(sorted(epoch) == list(range(n)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_small_data_are_shuffled_well_with_every_seed():
    """100 images stay at their place once in an epoch on average, and places are not correlated."""
    epochs = np.concatenate([order(100, 100, 4, seed) for seed in range(6)]).reshape(24, 100)
    assert np.mean(epochs == np.arange(100)) < 0.02
    correlations = [np.corrcoef(epoch, np.arange(100))[0, 1] for epoch in epochs]
    assert abs(np.mean(correlations)) < 0.1 and max(map(abs, correlations)) < 0.4  # their standard deviation is 0.1


def test_a_start_at_step_s_is_the_tail_of_a_start_at_0():
    whole = order(10, 4, steps=12)
    # Step 7 is in the third epoch, and its batches cross into the fourth.
    np.testing.assert_array_equal(order(10, 4, steps=5, first_step=7), whole[7 * 4 :])


def test_the_order_is_that_of_the_seed():
    np.testing.assert_array_equal(order(50, 10, 5, seed=3), order(50, 10, 5, seed=3))
    assert not np.array_equal(order(50, 10, 5, seed=3), order(50, 10, 5, seed=4))


ORDER_OF_LOAD = """
import hashlib, numpy as np
from keras_gan import data
dataset = data.load("digits", batch_size=599, seed=5)
print(" ".join(hashlib.sha256(np.concatenate(list(dataset)).tobytes()).hexdigest() for _ in range(2)))
"""


def epochs_of_load():
    dataset = data.load("digits", batch_size=599, seed=5)
    return [np.concatenate([batch.numpy() for batch in dataset]) for _ in range(2)]


def test_load_shuffles_every_epoch_anew_and_alike_in_a_second_process(forked, tmp_path):
    epochs = epochs_of_load()
    assert not np.array_equal(*epochs)
    assert sorted(image.tobytes() for image in epochs[0]) == sorted(image.tobytes() for image in epochs[1])
    (tmp_path / "other.py").write_text(ORDER_OF_LOAD)
    out, err = forked(tmp_path / "other.py").communicate(timeout=300)
    assert err == "" and out.split() == [hashlib.sha256(epoch.tobytes()).hexdigest() for epoch in epochs]


def test_load_has_the_same_order_whatever_the_global_seed_is():
    before = epochs_of_load()
    keras.utils.set_random_seed(99)
    np.testing.assert_array_equal(epochs_of_load(), before)


def test_load_gives_whole_batches_in_the_range_of_the_networks():
    dataset = data.load("digits", batch_size=64)
    assert dataset.cardinality() == 28  # 1797 // 64
    shapes = {tuple(batch.shape) for batch in dataset}
    first = next(iter(dataset)).numpy()
    assert shapes == {(64, 8, 8, 1)} and first.dtype == np.float32
    assert (first.min(), first.max()) == (-1.0, 1.0)


@pytest.mark.parametrize("batch_size", [0, 1798])
def test_a_batch_that_the_data_cannot_fill_raises_an_error(batch_size):
    with pytest.raises(InputError, match=rf"batch size {batch_size} .* of digits; expected 1 to 1797.*--batch-size"):
        data.load("digits", batch_size)


# mirror images


def test_flip_mirrors_about_half_of_the_images_of_an_epoch_and_others_in_the_next(tmp_path):
    images = np.arange(40 * 8 * 10 * 3, dtype="int64").reshape(40, 8, 10, 3) % 251
    file = as_file(tmp_path, images.astype("uint8"))
    opened = data.open_source(file, flip=True)
    assert opened.count == 40 and (opened.fetch(np.array([2]))[0] == opened.array[2]).all()
    plain = {image.tobytes(): number for number, image in enumerate(opened.array)}
    mirrored = {image.tobytes(): number for number, image in enumerate(opened.array[:, :, ::-1])}
    assert len({**plain, **mirrored}) == 80
    epochs = data.load(file, batch_size=8, flip=True)
    found = []
    for _ in range(2):
        seen = [image.tobytes() for image in pixels.to_uint8(np.concatenate(list(epochs)))]
        assert sorted(plain.get(image, mirrored.get(image)) for image in seen) == list(range(40))
        found.append({mirrored[image] for image in seen if image in mirrored})
    assert found[0] != found[1] and all(8 <= len(mirrored) <= 32 for mirrored in found)  # 1 in 10,000 outside


def test_replicas_mirror_the_same_images_as_one(tmp_path):
    file = as_file(tmp_path, PIXELS)
    opened = data.open_source(file, flip=True)
    whole = np.concatenate(list(data.batches(opened, 6, seed=3).take(4)))
    parts = np.concatenate(list(data.batches(opened, 6, seed=3, shares=2).take(8)))
    np.testing.assert_array_equal(whole, parts)


def test_flip_for_points_raises_an_error():
    with pytest.raises(InputError, match="flip for ring, which has no images; .*--flip"):
        data.open_source("ring", flip=True)


# digits


def test_digits_are_scikit_learns_in_the_full_range():
    digits = data.open_source("digits")
    assert digits.shape == (8, 8, 1) and digits.count == 1797
    assert (digits.array.min(), digits.array.max(), digits.array.dtype) == (0, 255, np.uint8)
    np.testing.assert_allclose(digits.array[..., 0] / 255 * 16, load_digits().images, atol=16 / 255 / 2 + 1e-6)


def test_digits_are_resized():
    assert data.open_source("digits", image_size=(12, 9)).shape == (12, 9, 1)
    assert data.open_source("digits", image_size=np.int64(16)).shape == (16, 16, 1)


@pytest.mark.parametrize("size", [0, (8, 0), (1, 2, 3), (), "64", (8.0, 8.0)])
def test_an_invalid_size_raises_an_error(size):
    with pytest.raises(InputError, match="expected one positive side, or .height, width.*--image-size"):
        data.open_source("digits", image_size=size)


# .npy and .npz


def test_uint8_pixels_come_as_they_are(tmp_path):
    opened = data.open_source(as_file(tmp_path, PIXELS))
    assert opened.shape == (8, 10, 3) and opened.count == 6
    np.testing.assert_array_equal(opened.fetch(np.array([4, 1])), PIXELS[[4, 1]])
    batch = next(iter(data.batches(opened, 6, seed=0))).numpy()
    np.testing.assert_allclose(sorted(batch.sum((1, 2, 3))), sorted((PIXELS / 127.5 - 1).sum((1, 2, 3))), atol=1e-3)


def test_images_without_channels_get_one_and_float64_becomes_float32(tmp_path):
    opened = data.open_source(as_file(tmp_path, PIXELS[..., 0] / 127.5 - 1))
    assert opened.shape == (8, 10, 1) and opened.array.dtype == np.float32


def test_vectors_are_data_too(tmp_path):
    vectors = np.random.default_rng(0).normal(0, 30, (20, 3))
    opened = data.open_source(as_file(tmp_path, vectors))
    assert opened.shape == (3,)
    batch = next(iter(data.batches(opened, 20, seed=0))).numpy()
    np.testing.assert_allclose(np.sort(batch, 0), np.sort(vectors.astype("float32"), 0), atol=0)


@pytest.mark.parametrize("keys", [["images", "labels"], ["x_train", "x_test"], ["x", "y"], ["anything"]])
@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_an_npz_gives_its_images(tmp_path, keys, write):
    write(tmp_path / "x.npz", **{key: PIXELS + 0 if i == 0 else np.arange(3) for i, key in enumerate(keys)})
    np.testing.assert_array_equal(data.open_source(tmp_path / "x.npz").array, PIXELS)


def test_an_npz_is_closed_again(tmp_path):
    np.savez(tmp_path / "x.npz", images=PIXELS)
    data.open_source(tmp_path / "x.npz")
    gc.collect()  # collecting an open file gives a warning, and warnings are errors in tests


def test_an_npz_with_several_unknown_keys_raises_an_error_with_their_names(tmp_path):
    np.savez(tmp_path / "x.npz", left=PIXELS, right=PIXELS)
    with pytest.raises(InputError, match="left, right; expected one array, or one called images"):
        data.open_source(tmp_path / "x.npz")


def test_a_large_npy_is_mapped_and_gives_the_same_batches(tmp_path, monkeypatch):
    path = as_file(tmp_path, PIXELS)
    held = data.open_source(path)
    lower_memory_limit(monkeypatch, 100)
    mapped = data.open_source(path)
    assert held.array is not None and mapped.array is None
    for a, b in zip(*(data.batches(s, 4, seed=2).take(5) for s in (held, mapped)), strict=True):
        np.testing.assert_array_equal(a, b)


UNIT = np.linspace(0, 1, 6 * 64).reshape(6, 8, 8)
WITH_NAN = np.where(UNIT == 1, np.nan, UNIT * 2 - 1)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (WITH_NAN, "has 1 values that are NaN or infinite"),
        (np.where(UNIT > 0.99, np.inf, UNIT), r"has \d+ values that are NaN or infinite"),
        (UNIT, r"floats from 0 to 1; expected \[-1, 1\]. Scale .*x \* 2 - 1"),
        (UNIT * 255 - 1, r"floats from -1 to 254; expected \[-1, 1\]"),
        (PIXELS.astype("int64"), r"dtype int64; expected uint8 pixels in \[0, 255\] or floats"),
        (PIXELS > 9, "dtype bool; expected uint8"),
        (PIXELS[0, 0, 0], r"shape \(3,\); expected images"),
        (PIXELS[None], r"shape \(1, 6, 8, 10, 3\); expected images"),
        (PIXELS[:0], r"shape \(0, 8, 10, 3\); expected images"),
        (PIXELS[:, :, 0, 0], "uint8 vectors; expected float"),
        (np.array([{"a": 1}]), "cannot be read .*Object arrays cannot be loaded"),
    ],
)
@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_arrays_that_cannot_be_trained_on_raise_an_error(tmp_path, kind, array, message):
    path = tmp_path / f"x.{kind}"
    np.save(path, array) if kind == "npy" else np.savez(path, images=array)
    with pytest.raises(InputError, match=message) as caught:
        data.open_source(path)
    assert str(path) in str(caught.value)


def test_floats_are_not_resized(tmp_path):
    with pytest.raises(InputError, match="has no uint8 images; expected .*image_size .--image-size"):
        data.open_source(as_file(tmp_path, UNIT * 2 - 1), image_size=16)


@pytest.mark.parametrize("name", ["missing.npy", "missing.npz", "folder.npy"])
def test_a_path_that_is_not_a_file_raises_an_error(tmp_path, name):
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(InputError, match=f"{name} is not a file; expected a .npy, .npz or .mat file"):
        data.open_source(tmp_path / name)


def damaged_file(tmp_path, kind, damage):
    path = tmp_path / f"x.{kind}"
    {"npy": np.save, "npz": np.savez_compressed}[kind](path, np.tile(PIXELS, (4, 1, 1, 1)))
    path.write_bytes(damage(path.read_bytes()))
    return path


def overwritten(content, start, new):
    return content[:start] + new + content[start + len(new) :]


@pytest.mark.parametrize("kind", ["npy", "npz"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:5],
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: b"just a text\n" * 20,
        # The middle of the compressed pixels, so that inflating fails before the checksum is checked.
        lambda content: overwritten(content, 60, bytes(range(200, 240))),
    ],
    ids=["empty", "five bytes", "half", "one byte short", "text", "overwritten"],
)
def test_a_damaged_file_raises_an_error_of_one_line(tmp_path, kind, damage):
    path = damaged_file(tmp_path, kind, damage)
    with pytest.raises(InputError, match=r"cannot be read \(.*\); expected arrays written by numpy.save") as caught:
        data.open_source(path)
    assert "\n" not in str(caught.value)


def test_an_npz_of_unknown_compression_raises_an_error(tmp_path):
    def as_deflate64(content):
        entry = content.index(b"PK\x01\x02")
        return overwritten(content, entry + 10, b"\x09")  # the method's place in the central directory

    with pytest.raises(InputError, match="cannot be read"):
        data.open_source(damaged_file(tmp_path, "npz", as_deflate64))


def test_a_truncated_npy_raises_an_error_if_it_would_be_mapped(tmp_path, monkeypatch):
    lower_memory_limit(monkeypatch, 100)
    with pytest.raises(InputError, match="cannot be read"):
        data.open_source(damaged_file(tmp_path, "npy", lambda content: content[: len(content) // 2]))


def test_channels_first_raises_an_error_before_anything_is_resized(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 3, 32, 32), "uint8"))
    with pytest.raises(InputError, match=r"\(3, 3, 32, 32\); expected images .*1 or 3 channels.*[Mm]ove the axes"):
        data.open_source(tmp_path / "x.npy", 16)
    np.save(tmp_path / "x.npy", np.zeros((5, 0, 8), "float32"))
    with pytest.raises(InputError, match=r"has shape \(5, 0, 8, 1\)"):
        data.open_source(tmp_path / "x.npy")


def test_a_folder_is_preferred_to_a_configuration_of_a_dataset(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not opening.is_path("emnist/letters")
    (tmp_path / "emnist" / "letters").mkdir(parents=True)
    assert opening.is_path("emnist/letters") and not opening.is_path("emnist")
    with pytest.raises(InputError, match="is not a dataset .*; expected NAME or NAME/CONFIGURATION"):
        data.open_source("mnist/nosuch")
