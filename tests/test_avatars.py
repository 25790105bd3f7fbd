"""Drawn faces: names, drawing, attributes, cache, license, and what a run on them says."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_gan import data
from keras_gan._utils.errors import InputError
from keras_gan.data import avatars

dicebear = pytest.importorskip("dicebear")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def in_cache(cache, monkeypatch):
    """A cache folder for all tests, so that faces are drawn once."""
    monkeypatch.setenv("KERAS_GAN_CACHE", str(cache))


@pytest.fixture(scope="module")
def style():
    return dicebear.Style(avatars._definition(avatars.DEFAULT_STYLE))


# names


@pytest.mark.parametrize(
    ("name", "style", "count"),
    [
        ("avatars", "voxel-art", 20_000),
        ("avatars:500", "voxel-art", 500),
        ("avatars:open-peeps", "open-peeps", 20_000),
        ("avatars:open-peeps:500", "open-peeps", 500),
    ],
)
def test_a_name_stands_for_a_style_and_a_number(name, style, count):
    assert avatars.parse(name) == avatars.Wanted(style, count)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("avatars:open-pep", "did you mean open-peeps"),
        ("avatars:7", "7 avatars; expected 20 to 1,000,000"),
        ("avatars:500:open-peeps", "expected avatars, avatars:STYLE"),
        ("avatars:micah:lorelei", "expected avatars, avatars:STYLE"),
        ("avatars:../secret", "unknown style"),
        ("avatars:initials", "unknown style"),  # letters need a font
    ],
)
def test_a_wrong_name_raises_an_error_with_the_right_form(name, message):
    with pytest.raises(InputError, match=message):
        data.open_source(name)


@pytest.mark.parametrize("size", [16, 300, (64, 48)])
def test_other_sizes_raise_an_error(size):
    with pytest.raises(InputError, match="expected equal sides of 32 to 256 pixels"):
        data.open_source("avatars:40", size)


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr(avatars, "MODULES", ("dicebear", "no_such_module", "no_such_module"))
    avatars.styles_available.cache_clear()
    with pytest.raises(InputError, match="pip install dicebear-styles resvg-py"):
        data.open_source("avatars:40", 32)
    assert not data.opening.is_here("avatars") and avatars.license_of("avatars") is None


# images


def test_images_have_the_size_and_number_that_were_asked_for():
    train, held_out = (data.open_source("avatars:40", 32, split=split) for split in ("train", "test"))
    assert train.shape == (32, 32, 3) and train.count == 40 and held_out.count == avatars.FEWEST
    assert train.array.dtype == np.uint8 and train.labels is None
    assert data.open_source("avatars:20").shape == (64, 64, 3)


def test_faces_are_all_different_and_none_is_held_out_and_trained_on():
    train, held_out = (data.open_source("avatars:40", 32, split=split) for split in ("train", "test"))
    assert len({image.tobytes() for image in [*train.array, *held_out.array]}) == 60


def test_more_images_begin_with_the_same_faces():
    few, more = (data.open_source(f"avatars:{count}", 32) for count in (20, 40))
    assert (few.array == more.array[:20]).all()


def test_a_small_face_is_the_large_one_reduced(style):
    large, small = (avatars.face(style, "train-1", side, {})[0].astype(float) for side in (256, 32))
    reduced = large.reshape(32, 8, 32, 8, 3).mean(axis=(1, 3))
    assert np.abs(reduced - small).mean() < 3


def test_images_are_drawn_once(monkeypatch):
    first = data.open_source("avatars:40", 32)
    monkeypatch.setattr(avatars, "face", lambda *given: pytest.fail("it was drawn again"))
    again = data.open_source("avatars:40", 32)
    assert (again.array == first.array).all() and (again.attributes == first.attributes).all()


def test_large_data_stay_on_disk(monkeypatch):
    monkeypatch.setattr(data.source, "MEMORY_LIMIT_BYTES", 1000)
    opened = data.open_source("avatars:40", 32)
    assert opened.array is None and opened.fetch(np.array([3])).shape == (1, 32, 32, 3)


def test_the_fingerprint_names_style_and_versions():
    found = data.open_source("avatars:40", 32).read_fingerprint()
    assert found["count"] == 40 and found["name"].startswith("voxel-art/dicebear-core-")


def test_a_folder_called_avatars_needs_its_path(tmp_path, monkeypatch):
    (tmp_path / "avatars").mkdir()
    monkeypatch.chdir(tmp_path)
    assert not data.opening.is_path("avatars") and data.opening.is_path("./avatars")


# attributes


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"mouthVariant": "bigSmile"}, {"Smiling"}),
        ({"mouthVariant": "happy03"}, {"Smiling"}),
        ({"mouthVariant": "frown", "eyesVariant": "happy"}, set()),
        ({"glassesVariant": "variant01"}, {"Eyeglasses"}),
        ({"eyesVariant": "round"}, set()),
        ({"accessoriesVariant": "eyepatch"}, set()),
        ({"accessoriesVariant": "sunglasses2"}, {"Eyeglasses"}),
        ({"beardVariant": "stubble"}, {"Facial_Hair"}),
        ({"topVariant": "longStraight", "hairColor": ["#5a3825"]}, {"Long_Hair", "Brown_Hair"}),
        ({"topVariant": "short", "hairColor": ["#2c222b"]}, {"Black_Hair"}),
        ({"hairVariant": "short04", "hairColor": ["#e8d4a8"]}, {"Blond_Hair"}),
        ({"topVariant": "cap", "hairColor": ["#5a3825"]}, {"Wearing_Hat"}),
        ({"topVariant": "bunnyEars", "hairColor": ["#5a3825"]}, {"Wearing_Hat"}),
        ({"topVariant": "halfShaved", "hairColor": ["#5a3825"]}, {"Brown_Hair"}),
        ({"headVariant": "shaved2", "hairColor": ["#5a3825"]}, set()),
        ({"hairVariant": "balding", "hairColor": ["#5a3825"]}, {"Brown_Hair"}),
        ({"accessoriesVariant": "mustache"}, {"Facial_Hair"}),
        ({"hairVariant": "bald", "hairColor": ["#5a3825"]}, set()),
        ({"hairColor": ["#5a3825"]}, set()),  # of the eyebrows
        ({"headVariant": "flatTopLong"}, set()),
        ({"skinColor": ["#6a3d1f"]}, {"Dark_Skin"}),
        ({"skinColor": ["#f5d0b0"], "backgroundColor": []}, set()),
    ],
)
def test_attributes_follow_from_the_parts(options, expected):
    found = avatars.attributes_of(options)
    assert {name for name, has in zip(avatars.ATTRIBUTES, found, strict=True) if has} == expected


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ("#000000", "Black_Hair"),
        ("#7b4a2d", "Brown_Hair"),
        ("#d9b380", "Blond_Hair"),
        ("#b55239", None),  # red
        ("#e8e1e1", None),  # grey
        ("#3fb27f", None),  # green
        ("#d6455d", None),  # pink
    ],
)
def test_hair_colours_have_the_names_that_people_use(colour, name):
    assert avatars.hair_colour(colour) == name


def test_luma_is_that_of_bt601():
    assert avatars.luma("#ffffff") == pytest.approx(1) and avatars.luma("#00ff00") == pytest.approx(0.587)


def test_the_default_style_has_every_attribute():
    opened = data.open_source("avatars:300", 32)
    assert opened.attribute_names == avatars.ATTRIBUTES
    hair = opened.attributes[:, [avatars.ATTRIBUTES.index(name) for name in avatars.HAIR_COLOURS]]
    assert hair.sum(axis=1).max() == 1  # at most one colour
    hats = opened.attributes[:, avatars.ATTRIBUTES.index("Wearing_Hat")]
    assert hats.any() and not hair[hats].any()


def test_attributes_tell_what_the_pixels_show():
    opened = data.open_source("avatars:300", 32)
    columns = dict(zip(opened.attribute_names, opened.attributes.T, strict=True))
    cheeks = opened.array[:, 18:24, 6:20].mean(axis=(1, 2, 3))  # the middle of the face
    dark, light = cheeks[columns["Dark_Skin"]], cheeks[~columns["Dark_Skin"]]
    assert np.mean(dark[:, None] < light[None]) > 0.95
    crown = opened.array[:, 8:10, 8:20].mean(axis=(1, 2, 3))
    assert np.mean(crown[columns["Black_Hair"]][:, None] < crown[columns["Blond_Hair"]][None]) > 0.99


def test_a_style_has_only_the_attributes_that_vary():
    assert data.open_source("avatars:lorelei:100", 32).attribute_names == ("Smiling", "Eyeglasses", "Facial_Hair")
    assert data.open_source("avatars:identicon:20", 32).attribute_names is None


# license and command


def test_the_license_is_that_of_the_style():
    assert avatars.license_of("avatars").startswith("CC0 1.0 (https://creativecommons.org/publicdomain/zero/1.0/)")
    assert "CC BY 4.0" in avatars.license_of("avatars:personas:100") and avatars.license_of("mnist") is None
    assert avatars.license_of("avatars:a-style-of-another-version") is None


def test_two_processes_draw_the_same_faces_once(tmp_path, forked):
    script = tmp_path / "draw.py"
    script.write_text("from keras_gan import data; print(data.open_source('avatars:100', 32).array.sum())")
    processes = [forked(script, environment={"KERAS_GAN_CACHE": str(tmp_path / "cache")}) for _ in range(2)]
    sums, errors = zip(*(process.communicate(timeout=300) for process in processes), strict=True)
    assert errors == ("", "") and len(set(sums)) == 1
    assert len([path for path in (tmp_path / "cache" / "avatars").iterdir() if path.is_dir()]) == 1


@pytest.mark.long
def test_a_run_learns_them_and_names_their_license(tmp_path, cache):
    def kgan(*words):
        command = [Path(sys.executable).with_name("kgan"), *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    kgan("train", "avatars:40", "--image-size", "32", "--steps", "2", "--batch-size", "4", "--export", "tflite")
    run = tmp_path / "runs" / "avatars-40-resnet"
    assert "data license  CC0 1.0" in kgan("info", run) and "CC0 1.0" in (run / "export" / "README.md").read_text()
    assert json.loads((run / "config.json").read_text())["config"]["data"] == "avatars:40"
    assert "CC0 1.0" in kgan("info", run / "export" / "generator.tflite")
