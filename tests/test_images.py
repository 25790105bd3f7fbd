"""Sets of images that are read block by block, in memory or in a temporary file."""

import os

import numpy as np
import pytest

from keras_gan._utils.errors import InputError
from keras_gan.data.source import from_array
from keras_gan.metrics import streams
from keras_gan.metrics.samples import batch_rows, generated
from keras_gan.metrics.streams import ImageFile, Stream, averaged, blocks, collect, thumbnails


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype="uint8")


def stream_of(array, block=7):
    return Stream(lambda start, stop: array[start:stop], len(array), array.shape[1:], block)


@pytest.fixture
def in_files(monkeypatch):
    """Puts every set into a temporary file."""
    monkeypatch.setattr(streams, "IN_MEMORY_BYTES", 0)


@pytest.mark.parametrize("array", [noise(20, 5, 4, 3), np.random.default_rng(0).normal(size=(20, 3)).astype("float32")])
def test_a_set_in_a_file_is_the_same_as_in_memory(array, in_files):
    found = collect(stream_of(array))
    assert isinstance(found, ImageFile) and (found.shape, found.dtype, found.ndim) == (
        array.shape,
        array.dtype,
        array.ndim,
    )
    rows = np.array([3, 0, 19, 3])
    for key in (slice(None), slice(2, 9), slice(15, 99), slice(5, 2), rows, np.array([], "int64")):
        np.testing.assert_array_equal(found[key], array[key])
    first = found.first(6)
    assert len(first) == 6 and len(found) == 20
    np.testing.assert_array_equal(first[:], array[:6])
    np.testing.assert_array_equal(np.concatenate([block for _, block in blocks(found)]), array)


def test_small_sets_are_arrays_and_large_ones_files(monkeypatch):
    array = noise(20, 4, 4, 1)
    assert isinstance(collect(stream_of(array)), np.ndarray)
    monkeypatch.setattr(streams, "IN_MEMORY_BYTES", 20 * 16)
    assert isinstance(collect(stream_of(array)), np.ndarray)
    monkeypatch.setattr(streams, "IN_MEMORY_BYTES", 20 * 16 - 1)
    assert isinstance(collect(stream_of(array)), ImageFile)


def test_the_temporary_folder_is_empty_afterwards(tmp_path, monkeypatch, in_files):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found = collect(stream_of(noise(20, 4, 4, 1)))
    assert len(found[:]) == 20
    del found
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_writable_raises_an_error_with_the_remedy(tmp_path, monkeypatch, in_files):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(InputError, match="cannot write .* of images to .*missing .*TMPDIR.*--samples"):
        collect(stream_of(noise(20, 4, 4, 1)))


def test_floats_come_as_grey_levels_and_vectors_as_they_are():
    signed = np.array([-1.0, 0.0, 1.0], "float32").reshape(3, 1, 1, 1)
    np.testing.assert_array_equal(collect(stream_of(signed)).ravel(), [0, 128, 255])
    np.testing.assert_array_equal(collect(stream_of(signed[:, 0, 0])), signed[:, 0, 0])


def test_a_stream_of_a_source_gives_the_data_by_their_indices():
    source = from_array("noise", noise(20, 4, 4, 1))
    chosen = np.array([7, 3, 19])
    np.testing.assert_array_equal(collect(Stream.of(source, chosen)), source.array[chosen])


def test_blocks_have_limited_bytes(monkeypatch):
    monkeypatch.setattr(streams, "BLOCK_BYTES", 100)
    assert [len(block) for _, block in blocks(noise(20, 4, 4, 1))] == [6, 6, 6, 2]
    assert [len(block) for _, block in blocks(noise(3, 40, 40, 1))] == [1, 1, 1]


def test_thumbnails_are_means_of_blocks_and_small_images_themselves(in_files):
    small = noise(3, 32, 8, 1)
    assert thumbnails(small) is small
    large = np.repeat(np.repeat(noise(5, 20, 32, 3), 2, axis=1), 4, axis=2)  # 40×128: blocks of 2×4
    for given in (large, stream_of(large, 2)):
        np.testing.assert_array_equal(thumbnails(given)[:], large[:, ::2, ::4])
    ramp = np.arange(64, dtype="uint8").reshape(1, 1, 64, 1)
    np.testing.assert_array_equal(averaged(ramp).ravel(), np.arange(32) * 2 + 0.5)


def test_generated_samples_have_their_own_seeds_and_labels_in_any_blocks():
    def generate(n, seed, labels=None):
        rows = np.arange(seed, seed + n)[:, None].astype("float32")
        return rows if labels is None else np.concatenate([rows, labels[:, None]], axis=1).astype("float32")

    stream = generated(generate, 10, (2,), 5, np.arange(10) % 3)
    whole = collect(stream)
    np.testing.assert_array_equal(whole, np.stack([np.arange(5, 15), np.arange(10) % 3], axis=1))
    np.testing.assert_array_equal(collect(Stream(stream.read, 10, (2,), block=3)), whole)
    assert collect(generated(generate, 4, (1,), 2)).ravel().tolist() == [2, 3, 4, 5]


def test_samples_generated_at_once_are_whole_batches_of_small_images_and_few_large_ones():
    assert batch_rows((28, 28, 1)) % 64 == 0 and batch_rows((28, 28, 1)) >= 64
    assert batch_rows((256, 256, 3)) == 10  # 10.7 times 786 kB are 8 MiB
    assert batch_rows((4096, 4096, 3)) == 1


def test_reading_a_mapped_file_gives_its_pages_back(tmp_path):
    np.save(tmp_path / "large.npy", noise(400, 64, 64, 3))
    mapped = np.load(tmp_path / "large.npy", mmap_mode="r")
    source = from_array("large", mapped)
    held_kb = resident_kb()
    for start in range(0, 400, 50):
        np.testing.assert_array_equal(source.fetch(np.arange(start, start + 50)), mapped[start : start + 50])
        source.fetch(np.arange(1))
    assert resident_kb() - held_kb < 3_000  # of 4,915 kB in the file


def resident_kb():
    """Memory of this process that is backed by files."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssFile"))
