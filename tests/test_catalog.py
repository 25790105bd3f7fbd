"""The catalogue of tensorflow-datasets: a prepared MNIST where there is one, and a small dataset made here."""

import hashlib
import socket
import time
import urllib.request

import numpy as np
import pytest
import tensorflow_datasets as tfds

from keras_gan import data
from keras_gan._utils.errors import InputError
from keras_gan.data import catalog, fingerprint, source

SIZES = ((8, 8), (8, 16), (16, 8), (12, 10))


class SmallPictures(tfds.core.GeneratorBasedBuilder):
    """Four colour images of mixed sizes."""

    VERSION = tfds.core.Version("1.0.0")
    pkg_dir_path = tfds.core.Path(__file__).parent

    def _info(self):
        features = tfds.features.FeaturesDict({"image": tfds.features.Image(shape=(None, None, 3))})
        return tfds.core.DatasetInfo(builder=self, description="Mixed sizes.", features=features)

    def _split_generators(self, manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        rng = np.random.default_rng(0)
        for index, (height, width) in enumerate(SIZES):
            yield index, {"image": rng.integers(0, 256, (height, width, 3), dtype="uint8")}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    SmallPictures(data_dir=folder).download_and_prepare()
    tfds.core.add_data_dir(folder)
    return "small_pictures"


def test_mixed_sizes_need_one(prepared):
    with pytest.raises(InputError, match=r"small_pictures have different sizes; .*\(--image-size\).*\(--crop\)"):
        catalog.open_dataset(prepared)


def test_images_over_the_memory_limit_are_mapped_from_the_cache_and_are_the_same(prepared, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path / "cache"))
    held = catalog.open_dataset(prepared, (8, 9), crop=True)
    assert not (tmp_path / "cache").exists()
    monkeypatch.setattr(source, "MEMORY_LIMIT_BYTES", 100)
    mapped = catalog.open_dataset(prepared, (8, 9), crop=True)
    assert held.array is not None and mapped.array is None and mapped.count == len(SIZES)
    np.testing.assert_array_equal(mapped.fetch(np.arange(4)), held.array)
    for a, b in zip(*(data.batches(s, 3, seed=2).take(4) for s in (held, mapped)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_cache_is_made_once_for_each_size(prepared, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path))
    monkeypatch.setattr(source, "MEMORY_LIMIT_BYTES", 100)
    catalog.open_dataset(prepared, (8, 8))
    made_ns = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    assert len(made_ns) == 2  # the images and their labels
    catalog.open_dataset(prepared, (8, 8))
    assert {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == made_ns
    catalog.open_dataset(prepared, (8, 8), crop=True)
    assert [file.suffix for file in tmp_path.iterdir()] == [".npy"] * 4


class HalfLabelled(tfds.core.GeneratorBasedBuilder):
    """Four images in the first two of three classes; in one configuration one of them has no label."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="whole"), tfds.core.BuilderConfig(name="half")]
    pkg_dir_path = tfds.core.Path(__file__).parent

    def _info(self):
        label = tfds.features.ClassLabel(names=["ant", "bee", "cat"])
        features = tfds.features.FeaturesDict({"image": tfds.features.Image(shape=(8, 8, 1)), "label": label})
        return tfds.core.DatasetInfo(builder=self, description="Labelled.", features=features)

    def _split_generators(self, manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        last = -1 if self.builder_config.name == "half" else 1
        for index, label in enumerate((0, 1, 0, last)):
            yield index, {"image": np.full((8, 8, 1), index, "uint8"), "label": label}


def test_a_dataset_with_unlabelled_images_has_no_classes_and_a_reason(tmp_path):
    for name in ("whole", "half"):
        HalfLabelled(data_dir=tmp_path, config=name).download_and_prepare()
    tfds.core.add_data_dir(tmp_path)
    whole, half = (data.open_source(f"half_labelled/{name}") for name in ("whole", "half"))
    assert sorted(whole.labels) == [0, 0, 1, 1] and whole.class_names == ("ant", "bee", "cat")
    assert data.class_counts(whole) == {"ant": 2, "bee": 2}
    assert half.labels is None and half.count == 4
    with pytest.raises(InputError, match="cannot be used with classes: 1 of its 4 images have no label.*--conditional"):
        data.check_labels(half)
    found = fingerprint.of_source(whole)
    assert found["name"] == "half_labelled/whole/1.0.0/train" and found["count"] == 4


def test_prepared_mnist_is_complete(prepared_mnist):
    mnist = data.open_source("mnist")
    assert mnist.shape == (28, 28, 1) and mnist.count == 60_000
    digest = hashlib.sha256(mnist.array[0].tobytes()).hexdigest()
    assert digest == "3c1b849efd9cc03f8b8b5bac4bf3b1a71afd19be1fa6a973a38924ae1c6762b9"


@pytest.mark.parametrize(("name", "nearest"), [("mnits", "mnist"), ("cifar-10", "cifar10"), ("digit", "digits")])
def test_an_unknown_name_raises_an_error_with_the_nearest_names(name, nearest):
    with pytest.raises(InputError, match=rf"unknown data '{name}': .* did you mean .*\b{nearest}\b.*kgan datasets"):
        data.open_source(name)


def test_a_dataset_without_images_raises_an_error():
    with pytest.raises(InputError, match="iris has no grey or colour images; expected an image dataset"):
        data.open_source("iris")


@pytest.mark.parametrize("answer", ["refused", "silent"])
def test_without_a_network_one_line_offers_digits_within_10_s(monkeypatch, answer):
    if tfds.builder("cifar10").is_prepared():
        pytest.skip("cifar10 is prepared here, so nothing has to be fetched")
    # As a proxy, a closed port or one that accepts and never answers makes any machine one without a network.
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if answer == "refused":
            server.close()
        monkeypatch.setattr(urllib.request, "_opener", None)  # urlopen keeps the proxies of its first call
        for variable in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{port}")
        monkeypatch.delenv("no_proxy", raising=False)
        start = time.monotonic()
        with pytest.raises(
            InputError, match="cifar10 is not prepared in .* does not answer; .*train on digits"
        ) as caught:
            data.open_source("cifar10")
    assert time.monotonic() - start < 10
    assert "\n" not in str(caught.value)
