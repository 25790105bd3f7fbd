"""`kgan demo RUN|FILE` and its page of pictures: a real process and browser, next to the same pictures made here."""

import base64
import contextlib
import io
import json
import os
import re
import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from playwright.sync_api import TimeoutError

from keras_gan import GAN, data, directions, networks, training
from keras_gan._utils import pixels, pretrained
from keras_gan.cli.main import kgan
from keras_gan.demo import frames, preparing, shell
from keras_gan.demo.gallery import Opinion
from keras_gan.exports import edge
from keras_gan.projection import encoder
from keras_gan.runs import Run
from keras_gan.sampling import latents

PHONE, DESK = 360, 1280  # px
WIDTHS = "[document.documentElement, ...document.querySelectorAll('[data-testid=stMain]')].map(e => e.scrollWidth)"
NAMELESS = r"- (button|slider|radio|radiogroup|spinbutton|combobox|switch|textbox|img|link)\b(?! \")"
LONGEST_WAIT_S = 180
LARGE = ".large > img"
DEFAULT_SLIDERS = "thickness:0,slant:0,width:0,height:0"


class Made:
    """The expected pictures, from a prepared run or a .tflite."""

    def __init__(self, files, found=None):
        self.generators = {name: edge.Generator(file) for name, file in files.items()}
        self.found = found

    def __call__(self, seed=0, truncation=1.0, locks=None, weights="averaged", label=None, **amounts):
        generator = self.generators[weights]
        z = np.float32(truncation) * latents.of_seeds(np.int32([seed]), generator.latent_dim, generator.latent)
        if self.found:
            z = (self.found if locks is None else self.found.locking(locks)).move(z, **amounts)
        return generator.generate(z=z, labels=label)[0]


@pytest.fixture(scope="module")
def shown(trained, demo_server, tmp_path_factory):
    """A server of a trained run with directions, the run, its files before the server started, and its pictures."""
    path = Path(shutil.copytree(trained.run_dir, tmp_path_factory.mktemp("shown") / "digits"))
    directions.find(trained.gan, Run(path), data.open_source("digits"), samples=200, least_r2=0.0, factors=2)
    before = {file: file.stat().st_mtime_ns for file in path.parent.rglob("*") if file.is_file()}
    preparing.make(Run(path))  # here, where the generator is converted already; the command needs a process for it
    server = demo_server(path)
    files = {name: path / "demo" / file for name, file in preparing.GENERATORS.items()}
    made = Made(files, directions.load(Run(path)))
    return SimpleNamespace(address=server.address, process=server.process, path=path, before=before, made=made)


@pytest.fixture
def opened(shown, visit):
    """A factory of pages that show a picture."""

    def open_page(query="", **settings):
        page = visit(shown.address + query, **settings)
        page.locator(LARGE).wait_for()
        wait_for_rest(page)
        return page

    return open_page


def decoded(source):
    picture = Image.open(io.BytesIO(base64.b64decode(source.split(",")[1])))
    picture.load()
    return picture


def pixels_of(page, place=LARGE):
    """The pixels of the picture at a place of the page."""
    return np.asarray(decoded(page.locator(place).get_attribute("src")))


def wait_for_picture(page, expected, place=LARGE):
    """Waits until the page is drawn, and the picture at a place is the expected one, uint8 (height, width, 1)."""
    until = time.monotonic() + LONGEST_WAIT_S
    while not np.array_equal(found := pixels_of(page, place), expected[..., 0]) and time.monotonic() < until:
        page.wait_for_timeout(50)
    np.testing.assert_array_equal(found, expected[..., 0])
    wait_for_rest(page)


def wait_for_rest(page):
    """Waits until Streamlit reports the end of the script, since each element that it draws again closes open lists."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def address(page):
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query, keep_blank_values=True).items()}


def wait_for_address(page, expected):
    """Waits for the expected address, which changes after the rest of the page is drawn."""
    until = time.monotonic() + LONGEST_WAIT_S
    while address(page) != expected and time.monotonic() < until:
        page.wait_for_timeout(50)
    assert address(page) == expected


def press(page, name, key):
    """Moves a slider by a key."""
    slider = page.get_by_role("slider", name=name)
    slider.focus()
    slider.press(key)


def choose(page, picker, option):
    """Chooses one more option. It tries several times, since the list closes when the page moves under it."""
    chosen = page.get_by_role("button", name=f"Remove {option}")
    for _ in range(5):
        with contextlib.suppress(TimeoutError):
            page.get_by_role("combobox", name=picker).fill(option)  # a long list holds only visible options
            page.get_by_role("option", name=option, exact=True).click(timeout=2_000)
            page.keyboard.press("Escape")
            return chosen.wait_for(timeout=3_000)
    raise AssertionError(f"{option} cannot be chosen")


def fill(page, name, value):
    page.get_by_role("spinbutton", name=name, exact=True).fill(str(value))
    page.keyboard.press("Enter")


def advanced(page):
    page.get_by_text("Show advanced options").click()
    page.get_by_role("slider", name="Truncation").wait_for()


def switch(page, name):
    """Turns a switch by a key, since a click misses while the opening options move it."""
    page.get_by_role("switch", name=name).press("Space")


def download(page, name):
    with page.expect_download() as waited:
        page.get_by_role("button", name=name).click()
    return waited.value.suggested_filename, Path(waited.value.path()).read_bytes()


# the page of a run ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width, scheme", [pytest.param(PHONE, "dark", marks=pytest.mark.long), (DESK, "light")])
def test_the_page_fits_its_controls_have_names_and_the_picture_stays_visible(shown, opened, width, scheme):
    page = opened("?to=5&locks=", width=width, color_scheme=scheme)
    page.locator(".around img").nth(15).wait_for()
    wait_for_picture(page, shown.made(0))
    advanced(page)
    assert max(page.evaluate(WIDTHS)) <= width
    tree = page.locator("body").aria_snapshot()
    for control in ("slider", "combobox", "switch", "radio", "spinbutton", "button", "img"):
        assert f'- {control} "' in tree
    assert not re.findall(NAMELESS, tree)
    page.locator("[data-testid=stMain]").evaluate("it => it.scrollTo(0, it.scrollHeight)")
    page.wait_for_timeout(300)
    left, top, wide, high, corners = page.evaluate(
        """() => {
            const image = document.querySelector(".large > img"), {x, y, width, height} = image.getBoundingClientRect()
            const corners = [[1, 1], [width - 1, 1], [1, height - 1], [width - 1, height - 1]]
            return [x, y, width, height, corners.every(([i, j]) => document.elementFromPoint(x + i, y + j) == image)]
        }"""
    )
    assert wide == pytest.approx(high) and wide >= 0.39 * width and corners  # 8×8 pixels that are squares, none hidden
    assert left >= 0 and top >= 0 and left + wide <= width and top + high <= 900


def test_a_key_moves_a_slider_and_a_slider_the_picture(shown, opened):
    page = opened()
    assert page.locator(".beside").count() == 0
    press(page, "slant", "ArrowLeft")
    wait_for_picture(page, shown.made(slant=-0.05))
    wait_for_picture(page, shown.made(), ".beside img")
    wait_for_address(page, {"sliders": "thickness:0,slant:-0.05,width:0,height:0"})


@pytest.mark.long
def test_keys_move_sliders_and_sliders_change_the_picture(shown, opened):
    page, found = opened(), shown.made.found
    thickness, four = found["thickness"].limit, found["4"].limit
    press(page, "thickness", "End")
    wait_for_picture(page, shown.made(thickness=thickness))
    press(page, "slant", "ArrowLeft")
    wait_for_picture(page, shown.made(thickness=thickness, slant=-0.05))
    choose(page, "Control which features?", "4")
    press(page, "4", "Home")
    wait_for_picture(page, shown.made(thickness=thickness, slant=-0.05, **{"4": -four}))
    wait_for_address(page, {"sliders": f"thickness:{thickness:g},slant:-0.05,width:0,height:0,4:-{four:g}"})
    page.get_by_role("button", name="Remove thickness").click()
    wait_for_picture(page, shown.made(slant=-0.05, **{"4": -four}))
    page.get_by_role("slider", name="thickness").wait_for(state="detached")
    page.get_by_role("button", name="Reset sliders").click()
    wait_for_picture(page, shown.made())
    choose(page, "Control which features?", "thickness")  # it starts at 0 again
    wait_for_address(page, {"sliders": "thickness:0,slant:0,width:0,height:0,4:0"})
    wait_for_picture(page, shown.made())


@pytest.mark.long
def test_new_picture_takes_another_seed_and_the_grid_shows_neighbouring_seeds(shown, opened):
    page = opened("?sliders=slant:0.3")
    page.get_by_role("button", name="New picture").click()
    page.wait_for_url("**seed=*")
    seed = int(address(page)["seed"])
    wait_for_picture(page, shown.made(seed, slant=0.3))
    fill(page, "Seed", 20)
    wait_for_picture(page, shown.made(20, slant=0.3))
    page.get_by_role("img", name="Picture of seed 28", exact=True).wait_for()
    grid = {figure.inner_text(): figure.locator("img") for figure in page.locator(".around figure").all()}
    assert list(grid) == [str(number) for number in range(13, 29)]
    for number in ("13", "20", "28"):
        image = decoded(grid[number].get_attribute("src"))
        # Sixteen pictures are computed in another order than one.
        np.testing.assert_allclose(np.int16(image), shown.made(int(number), slant=0.3)[..., 0], atol=1)
    assert page.locator(".around .this").inner_text() == "20"


@pytest.mark.long
def test_truncation_locks_and_weights_change_the_picture(shown, opened):
    page, made = opened("?sliders=thickness:0.45&locks=height,class"), shown.made
    wait_for_picture(page, made(locks=("height", "class"), thickness=0.45))
    advanced(page)
    page.get_by_role("button", name="Remove class").click()
    wait_for_picture(page, made(locks=("height",), thickness=0.45))
    press(page, "Truncation", "Home")
    wait_for_picture(page, made(truncation=0.1, locks=("height",), thickness=0.45))
    page.get_by_text("last", exact=True).click()
    expected = made(truncation=0.1, locks=("height",), weights="last", thickness=0.45)
    wait_for_picture(page, expected)
    settings = {"sliders": "thickness:0.45", "truncation": "0.1", "locks": "height", "weights": "last"}
    wait_for_address(page, settings)
    vectors = [made.found["thickness"].vector, *(made.found.vector("thickness", it) for it in ((), ("height",)))]
    assert min(np.abs(a - b).max() for a, b in zip(vectors, vectors[1:], strict=False)) > 0.01
    assert (expected != made(truncation=0.1, locks=("height",), thickness=0.45)).any()


def test_the_address_restores_all_settings_and_the_download_has_them(shown, opened):
    asked = "seed=11&sliders=height:0.2,factor 1:-1.5&truncation=0.7&locks=class&weights=last&to=4"
    page = opened(f"?{asked}")
    expected = shown.made(11, 0.7, ("class",), "last", **{"factor 1": -1.5, "height": 0.2})
    wait_for_picture(page, expected)
    wait_for_address(page, {name: values[0] for name, values in parse_qs(asked).items()})
    advanced(page)
    assert float(page.get_by_role("slider", name="factor 1").input_value()) == -1.5
    assert float(page.get_by_role("slider", name="Truncation").input_value()) == 0.7
    assert page.get_by_role("spinbutton", name="Seed", exact=True).input_value() == "11"
    assert page.get_by_role("button", name="Remove class").count() == 1
    assert page.get_by_role("radio", name="last").is_checked()
    assert page.get_by_role("alert").count() == 0

    name, content = download(page, "Download picture")
    assert name == "seed-11.png"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), expected[..., 0])
    name, content = download(page, "Download settings")
    settings, description = json.loads(content), shown.made.generators["last"].description
    assert name == "seed-11.json" and settings["sliders"] == {"factor 1": -1.5, "height": 0.2}
    assert {key: settings[key] for key in ("seed", "truncation", "locks", "weights", "label", "step")} == {
        **{"seed": 11, "truncation": 0.7, "locks": ["class"], "weights": "last", "label": None, "step": 30}
    }
    assert settings["weights_sha256"] == description["weights_sha256"]


@pytest.mark.long
def test_the_animation_goes_to_the_other_picture_and_back(shown, opened):
    page = opened("?seed=3&sliders=slant:0.2")
    advanced(page)
    switch(page, "Animate to another picture")
    fill(page, "Seed of the other picture", 9)
    wait_for_address(page, {"seed": "3", "sliders": "slant:0.2", "to": "9"})
    page.get_by_role("img", name="The way from the picture of seed 3 to that of seed 9 and back").wait_for()
    name, content = download(page, "Download GIF")
    way = Image.open(io.BytesIO(content))
    assert name == "seed-3-9.gif" and way.n_frames == 24 and way.info["loop"] == 0
    np.testing.assert_array_equal(
        np.asarray(decoded(page.locator(".way img").get_attribute("src"))), np.asarray(Image.open(io.BytesIO(content)))
    )
    for frame, seed in ((0, 3), (12, 9)):
        way.seek(frame)
        zoom = way.width // 8
        grey = np.int16(way.convert("L"))[::zoom, ::zoom]
        np.testing.assert_allclose(grey, shown.made(seed, slant=0.2)[..., 0], atol=1)


@pytest.mark.parametrize(
    "real, samples, no_real, percent, text",
    [
        (0.118, 0.5, None, 12, "looks more real than 12 of 100 real images."),
        (
            None,
            0.5,
            "x is not here",
            50,
            "generated images. It is not compared with real images: x is not here.",
        ),
    ],
)
def test_the_opinion_is_a_bar_and_a_sentence(real, samples, no_real, percent, text):
    shown = frames.opinion(Opinion(0.3, real, samples, 500, 500), None, no_real)
    assert f'aria-valuenow="{percent}"' in shown and f"width:{percent}%" in shown
    assert shown.endswith(f"{text}</p>") and shown.count("<p>") == 1
    assert "because" in frames.opinion(None, "because of <b>", None) and "<b>" not in frames.opinion(None, "<b>", None)
    assert frames.opinion(None, None, None) == ""


@pytest.mark.long
def test_the_opinion_comes_from_the_discriminator(shown, opened, trained):
    real = data.open_source("digits")
    real = pixels.floats(real.fetch(real.sample(500, seed=0)))
    of_real, logits = np.asarray(trained.gan.discriminator(real, training=False))[:, 0], []
    page = opened("?seed=5&sliders=factor 1:0")
    for key, moved in (("Home", -3.0), ("End", 3.0)):
        image = shown.made(5, **{"factor 1": moved})
        press(page, "factor 1", key)
        wait_for_picture(page, image)
        text, bar = page.locator(".large").inner_text(), page.get_by_role("meter")
        logits.append(float(trained.gan.discriminator(pixels.floats(image[None]), training=False)[0, 0]))
        share = 100 * np.mean(of_real < logits[-1])
        assert int(re.search(r"looks more real than (\d+) of 100 real images", text)[1]) == pytest.approx(share, abs=1)
        assert int(bar.get_attribute("aria-valuenow")) == pytest.approx(share, abs=1)
    assert abs(logits[0] - logits[1]) > 0.01


def test_an_address_that_cannot_be_used_gives_warnings_and_the_defaults(shown, opened):
    page = opened("?seed=-1&sliders=thickness:9&truncation=nan&locks=nothing&weights=%3Cb%3E&class=2&to=x", width=PHONE)
    defaults = {"seed": 0, "sliders": DEFAULT_SLIDERS, "truncation": 1, "locks": "nothing", "weights": "averaged"}
    defaults |= {"class": "nothing", "to": "nothing"}
    asked = {"seed": "-1", "sliders": "thickness:9", "truncation": "nan", "locks": "nothing", "weights": "<b>"}
    asked |= {"class": "2", "to": "x"}
    warnings = [alert.inner_text() for alert in page.get_by_role("alert").all()]
    names = ("seed", "sliders", "truncation", "locks", "weights", "class", "to")
    for warning, name in zip(warnings, names, strict=True):
        assert f"{name}={asked[name]}," in warning and f"{defaults[name]} is used" in warning
    wait_for_picture(page, shown.made())
    page.wait_for_url(shown.address)


def test_the_page_needs_no_tensorflow_and_writes_only_demo(shown):
    maps = Path(f"/proc/{shown.process.pid}/maps")
    if maps.exists():
        assert "tensorflow" not in maps.read_text() and "litert" in maps.read_text()
    now = {file: file.stat().st_mtime_ns for file in shown.path.parent.rglob("*") if file.is_file()}
    new = now.keys() - shown.before.keys()
    assert {file.parent for file in new} == {shown.path / "demo"} and {file.name for file in new} == preparing.OWN
    assert {file: now[file] for file in shown.before} == shown.before


# the page of a file ---------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_the_page_of_a_conditional_file_has_a_choice_of_classes(demo_server, visit, tmp_path):
    keras.utils.set_random_seed(0)
    build = {"dtype": "float32", "num_classes": 3}
    gan = GAN(networks.generator((8, 8, 1), 4, **build), networks.discriminator((8, 8, 1), **build), num_classes=3)
    file = tmp_path / "three.tflite"
    gan.export(file, "tflite")
    before, made = sorted(tmp_path.iterdir()), Made({"averaged": file})
    server = demo_server(file)
    page = visit(server.address + "?seed=5")
    page.locator(LARGE).wait_for()
    wait_for_picture(page, made(5, label=2))  # 5 modulo 3
    np.testing.assert_array_equal(made(5, label=2), edge.Generator(file).generate(1, seed=5)[0])

    def choose(name):
        page.get_by_role("combobox", name="Class").click()
        page.get_by_role("option", name=name, exact=True).click()

    choose("1")
    wait_for_picture(page, made(5, label=1))
    wait_for_address(page, {"seed": "5", "class": "1"})
    choose("by seed")
    wait_for_picture(page, made(5, label=2))
    wait_for_address(page, {"seed": "5"})
    page.goto(server.address + "?seed=2&class=1")
    wait_for_picture(page, made(2, label=1))
    choose("2")
    wait_for_picture(page, made(2, label=2))
    wait_for_address(page, {"seed": "2", "class": "2"})
    assert (made(2, label=1) != made(2, label=2)).any()
    text = page.inner_text("body")
    assert "kgan directions RUN finds some" in text and "discriminator" not in text
    assert page.get_by_role("radio").count() == 0 and page.get_by_role("switch", name="locked").count() == 0
    settings = json.loads(download(page, "Download settings")[1])
    assert (settings["label"], settings["class"], settings["seed"]) == (2, "2", 2)
    assert sorted(tmp_path.iterdir()) == before


def test_without_a_run_a_generator_of_the_package_is_shown(demo_server, visit):
    """Its file needs no preparation; the game is the second page."""
    page = visit(demo_server().address)
    page.locator(LARGE).wait_for()
    wait_for_rest(page)
    expected = edge.Generator(pretrained.RUNS / "avatars" / pretrained.GENERATOR).generate(1, seed=0)[0]
    np.testing.assert_array_equal(np.asarray(decoded(page.locator(LARGE).get_attribute("src"))), expected)
    assert page.get_by_role("link", name="The game").count() == 1


# a picture of the visitor's own ---------------------------------------------------------------------------------------


def test_the_own_picture_is_shown_and_its_sliders_move_it(shown, demo_server, visit, tmp_path, monkeypatch):
    """With `--picture`: the address opens on it, a seed replaces it, and the settings hold its latent."""
    run = Path(shutil.copytree(shown.path, tmp_path / "digits"))
    monkeypatch.setattr(encoder, "STEPS", 3)
    encoder.of_run(training.load(run), run / "encoder.npz", lambda known: {"training images": np.ones(1)})
    mine = np.uint8(np.add.outer(np.arange(8), np.arange(8)) * 17)
    Image.fromarray(mine).save(tmp_path / "mine.png")
    server = demo_server(run, "--picture", tmp_path / "mine.png")
    page = visit(server.address)
    page.locator(LARGE).wait_for()
    wait_for_rest(page)
    np.testing.assert_array_equal(pixels_of(page, ".beside img"), mine)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download settings").click()
    settings = json.loads(Path(download.value.path()).read_text())
    assert settings["seed"] is None and download.value.suggested_filename == "your-picture.json"
    z = np.float32([settings["z"]])
    wait_for_picture(page, shown.made.generators["averaged"].generate(z=z)[0])
    press(page, "slant", "ArrowLeft")
    wait_for_picture(page, shown.made.generators["averaged"].generate(z=shown.made.found.move(z, slant=-0.05))[0])
    assert [figure.inner_text() for figure in page.locator(".beside").all()] == ["yours", "before"]
    page.get_by_text("Your picture", exact=True).click()
    wait_for_picture(page, shown.made(slant=-0.05))
    wait_for_address(page, {"seed": "0", "sliders": "thickness:0,slant:-0.05,width:0,height:0"})


def test_an_own_picture_that_cannot_be_used_gives_one_line(shown, tmp_path, monkeypatch):
    for name in ("KERAS_GAN_DEMO_SOURCE", "KERAS_GAN_DEMO_PROJECTED"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    for name in ("MPLCONFIGDIR", "KERAS_HOME"):  # a process that has Keras writes its settings there
        monkeypatch.setenv(name, str(tmp_path))
    (tmp_path / "text.png").write_text("no picture")
    for words, message in (
        (["--picture", "mine.png"], "without a run; expected a run of images"),
        ([str(shown.path / "demo" / "averaged.tflite"), "--picture", "mine.png"], "which is no run; expected a run"),
        ([str(shown.path), "--picture", str(tmp_path / "text.png")], "text.png cannot be used"),
        ([str(shown.path), "--picture", "mine.png"], "mine.png is no file; expected a picture"),
    ):
        ended = CliRunner().invoke(kgan, ["demo", *words, "--port", "0"])
        assert ended.exit_code == 2 and message in ended.stderr.splitlines()[-1]


# before the server starts ---------------------------------------------------------------------------------------------


def _vectors(run, folder):
    job = training.prepare(training.configure("gaussian", steps=1), folder / "line")
    job.train()
    return job.run_dir


def _folder(run, folder):
    (folder / "saved").mkdir()
    (folder / "saved" / "saved_model.pb").write_bytes(b"\x08\x01")
    return folder / "saved"


def _of(name, content):
    def write(run, folder):
        (folder / name).write_bytes(content)
        return folder / name

    return write


def _foreign(run, folder):
    copy = Path(shutil.copytree(run, folder / "run"))
    (copy / "demo" / "mine.txt").write_text("mine")
    return copy


def _linked(run, folder):
    copy = Path(shutil.copytree(run, folder / "run", ignore=shutil.ignore_patterns("demo")))
    (folder / "elsewhere").mkdir()
    (copy / "demo").symlink_to(folder / "elsewhere")
    return copy


def _hostile(run, folder):
    copy = Path(shutil.copytree(run, folder / "run"))
    (copy / "demo" / "averaged.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(range(256)) * 20)
    return copy


@pytest.mark.parametrize(
    "write, message",
    [
        pytest.param(_vectors, "makes vectors of 1 numbers; expected a run of images", marks=pytest.mark.long),
        (_folder, "is a folder that is no run; expected a run or a .tflite"),
        (_of("g.keras", b"PK\x03\x04"), "is a .keras file; expected a run or a .tflite"),
        (_of("g.onnx", b"\x08\x07"), "is a .onnx file; expected a run or a .tflite"),
        (_of("g.tflite", b"<html>no such page"), "is not a .tflite"),
        (_of("g.tflite", b"\x1c\0\0\0TFL3" + bytes(range(256)) * 20), "is damaged, or is no generator"),
        (_foreign, "demo holds mine.txt; expected only files of kgan demo"),
        (_linked, "demo is no folder; expected one that kgan demo wrote, or none"),
        (_hostile, "is damaged, or is no generator"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_source_that_cannot_be_shown_gives_one_line(shown, tmp_path, listing, monkeypatch, write, message):
    for name in ("KERAS_GAN_DEMO_SOURCE", "MPLCONFIGDIR", "KERAS_HOME"):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # the command sets them, and monkeypatch restores them
    source = write(shown.path, tmp_path)
    before = listing(tmp_path)
    ended = CliRunner().invoke(kgan, ["demo", str(source), "--port", "0"])
    assert (ended.exit_code, ended.stderr.count("\n")) == (2, 1) and message in ended.stderr
    assert listing(tmp_path) == before


@pytest.mark.long
def test_the_command_prepares_a_run_in_a_process_of_its_own(shown, demo_server, tmp_path, visit):
    run = Path(shutil.copytree(shown.path, tmp_path / "digits", ignore=shutil.ignore_patterns("demo")))
    page = visit(demo_server(run).address + "?seed=3")
    page.locator(LARGE).wait_for()
    wait_for_picture(page, shown.made(3))
    assert {file.name for file in (run / "demo").iterdir()} == preparing.OWN


def test_a_run_is_prepared_again_for_another_checkpoint_or_other_directions(shown, tmp_path):
    run = Run(shutil.copytree(shown.path, tmp_path / "run"))
    prepared, found, checkpoint = (
        run.path / "demo" / "prepared.json",
        run.path / "directions.json",
        run.checkpoints()[-1],
    )
    assert preparing.is_prepared(run)
    for file in (checkpoint, found, prepared):
        content, times = file.read_bytes(), (file.stat().st_atime_ns, file.stat().st_mtime_ns)
        file.write_bytes(
            content[:-2] + b" }"
        )  # still JSON, except for the checkpoint and the last line of prepared.json
        assert preparing.is_prepared(run) is (file == prepared)
        file.write_bytes(content)
        os.utime(file, ns=times)
    assert preparing.is_prepared(run)
    for damage in (b"", b"[]", prepared.read_bytes().replace(b'"step": 30', b'"step": null'), b"[" * 100_000):
        prepared.write_bytes(damage)
        assert not preparing.is_prepared(run)


@pytest.mark.long
def test_a_killed_preparation_leaves_no_files(shown, forked, tmp_path, listing):
    run = Path(shutil.copytree(shown.path, tmp_path / "run"))
    before = listing(tmp_path)
    process = forked(preparing.__file__, run)
    until = time.monotonic() + LONGEST_WAIT_S
    while not list(run.glob(".demo-*/*")) and time.monotonic() < until and process.poll() is None:
        time.sleep(0.005)
    assert list(run.glob(".demo-*")) and process.poll() is None
    process.send_signal(15)
    process.communicate(timeout=300)
    assert process.returncode != 0 and listing(tmp_path) == before


def test_names_are_escaped_for_markdown_except_inside_words():
    assert shell.plain("Long_Hair") == "Long_Hair" and shell.plain("rosy-cheeks") == "rosy-cheeks"
    assert shell.plain("_a_ - x__y") == r"\_a\_ \- x\_\_y"
    assert shell.plain("*5* [o](clock) <b> 1. $x$") == r"\*5\* \[o\]\(clock\) \<b\> 1\. \$x\$"
