"""A run is resumed only with the data that it was started with."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from keras_gan import data
from keras_gan._utils.errors import InputError, Notice
from keras_gan.config import TrainConfig
from keras_gan.data import fingerprint, source
from keras_gan.data.source import from_array
from keras_gan.runs import Run

RNG = np.random.default_rng(0)


def write(path, value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), value).save(path)


@pytest.fixture
def photos(tmp_path):
    """A folder of two classes of three images."""
    for name in ("apple", "cherry"):
        for index in range(3):
            write(tmp_path / "photos" / name / f"{index}.png", index)
    return tmp_path / "photos"


def config(path, **settings):
    return TrainConfig(str(path), "lean", steps=30, batch_size=2, latent_dim=4, **settings)


def start(path, **settings):
    """Starts the run of some data, or resumes it."""
    opened = data.open_source(path, skip_damaged=settings.get("skip_damaged", False))
    return Run.create(path.parent / "run", config(path, **settings), opened)


def refusal(path, **settings):
    with pytest.raises(InputError, match="have changed since it was started .*start a new") as caught:
        start(path, **settings)
    assert str(caught.value).isprintable()
    return str(caught.value)


def swap(folder):
    first, second = folder / "apple" / "0.png", folder / "cherry" / "2.png"
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)


CHANGES = {
    "a renamed class": (
        lambda folder: (folder / "apple").rename(folder / "zapple"),
        "class names: apple, cherry -> cherry, zapple",
    ),
    "an image in another class": (
        lambda folder: (folder / "apple" / "0.png").rename(folder / "cherry" / "9.png"),
        "apple: 3 -> 2, cherry: 3 -> 4; new files: 1 (cherry/9.png); missing files: 1 (apple/0.png)",
    ),
    "other pixels in a file of the same size": (
        lambda folder: write(folder / "cherry" / "1.png", 3),
        "changed files: 1 (cherry/1.png)",
    ),
    "two files exchanged": (swap, "changed files: 2 (apple/0.png, cherry/2.png)"),
    "another name": (
        lambda folder: (folder / "apple" / "0.png").rename(folder / "apple" / "9.png"),
        "new files: 1 (apple/9.png); missing files: 1 (apple/0.png)",
    ),
}


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_changed_files_raise_an_error_with_the_difference(photos, change, conditional):
    start(photos, conditional=conditional)
    start(photos, conditional=conditional)
    alter, difference = CHANGES[change]
    alter(photos)
    assert difference in refusal(photos, conditional=conditional)


@pytest.mark.parametrize("limit", ["MOST_LISTED", "MEMORY_LIMIT_BYTES"])
def test_changes_of_many_or_large_files_are_noticed(photos, limit, monkeypatch):
    monkeypatch.setattr(fingerprint, limit, 2)
    start(photos)
    start(photos)
    Image.new("L", (8, 8)).save(photos / "apple" / "0.png", compress_level=0)  # which takes more bytes
    assert ("contents of files have changed" if limit == "MOST_LISTED" else "apple/0.png") in refusal(photos)
    assert (photos.parent / "run" / "data.json").stat().st_size < 2_000


def test_touching_or_copying_files_changes_nothing(photos):
    start(photos)
    for file in photos.rglob("*.png"):
        os.utime(file, (1, 1))
    (photos / ".DS_Store").write_bytes(b"x")
    start(photos)


@pytest.mark.parametrize("where", ["in memory", "from disk"])
def test_a_run_may_leave_out_what_turned_out_to_be_damaged(photos, where, monkeypatch):
    if where == "from disk":
        monkeypatch.setattr(source, "MEMORY_LIMIT_BYTES", 100)
    cut = photos / "cherry" / "2.png"
    cut.write_bytes(cut.read_bytes()[:45])  # the header is intact, so images on disk fail only when they are decoded
    if where == "from disk":
        run = start(photos)
        assert run.data_count == 6
    with pytest.warns(Notice, match="left out 1 of 6 images"):
        assert start(photos, skip_damaged=True).data_count == (6 if where == "from disk" else 5)
    with pytest.warns(Notice, match="left out 1 of 6 images"):
        start(photos, skip_damaged=True)


def arrays(path, images, labels=None):
    np.savez(path, images=images, **({} if labels is None else {"labels": labels}))
    return path


@pytest.mark.parametrize(
    "change, difference",
    [
        (lambda x, y: (x, y[::-1]), "the labels have changed"),
        (lambda x, y: (x, [3, 3, 3, 3, 7, 7]), "images in the classes: 3: 3 -> 4, 7: 3 -> 2"),
        (lambda x, y: (x, [3, 3, 3, 8, 8, 8]), "class names: 3, 7 -> 3, 8"),
        (lambda x, y: (x, None), "class names: 3, 7 -> none"),
        (lambda x, y: (x[::-1], y), "the values of the images have changed"),
        (lambda x, y: (x ^ (np.arange(6) == 5)[:, None, None].astype("uint8"), y), "the values of the images have"),
    ],
)
def test_changed_arrays_raise_an_error_with_the_difference(tmp_path, change, difference):
    images, labels = RNG.integers(0, 256, (6, 8, 8), dtype="uint8"), [3, 3, 3, 7, 7, 7]
    file = arrays(tmp_path / "a.npz", images, labels)
    start(file)
    start(file)
    arrays(file, *change(images, labels))
    assert difference in refusal(file)


def test_the_size_that_images_are_resized_to_is_a_setting_and_no_change_of_the_data(tmp_path):
    file = arrays(tmp_path / "a.npz", RNG.integers(0, 256, (6, 8, 8), dtype="uint8"))
    small, large = (data.open_source(file, size) for size in (None, 16))
    assert fingerprint.of_source(small) == fingerprint.of_source(large)


@pytest.mark.parametrize("conditional", [False, True])
def test_a_run_of_a_version_without_a_fingerprint_goes_on_and_knows_its_classes(photos, conditional):
    run = start(photos, conditional=conditional)
    (run.path / "data.json").unlink()
    config_now = json.loads(run.config_file.read_text())
    del config_now["config"]["background"]
    run.config_file.write_text(json.dumps(config_now))
    assert start(photos, conditional=conditional).config.background == "white"
    (run.path / "data.json").unlink()
    (photos / "apple").rename(photos / "zapple")
    assert "class names: apple, cherry -> cherry, zapple" in refusal(photos, conditional=conditional)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "folder"}', '{"kind": "folder", "classes": 3}', "\x1b[2J"])
def test_a_damaged_fingerprint_is_named_with_the_remedy(photos, text):
    run = start(photos)
    (run.path / "data.json").write_text(text)
    with pytest.raises(InputError, match="data.json is damaged .*delete|have changed since it was started") as caught:
        start(photos)
    assert str(caught.value).isprintable()
    (run.path / "data.json").unlink()
    start(photos)


def test_other_settings_come_before_other_data(tmp_path):
    images = RNG.integers(0, 256, (6, 8, 8, 1), dtype="uint8")
    Run.create(tmp_path / "run", config("x"), from_array("x", images))
    with pytest.raises(InputError, match=r"other settings \(data_count: 6 -> 5\)"):
        Run.create(tmp_path / "run", config("x"), from_array("x", images[:5]))


def test_the_background_is_a_setting(tmp_path):
    opened = from_array("x", RNG.integers(0, 256, (6, 8, 8, 1), dtype="uint8"))
    Run.create(tmp_path / "run", config("x"), opened)
    with pytest.raises(InputError, match="background: white -> black"):
        Run.create(tmp_path / "run", config("x", background="black"), opened)
