"""The page of a generator: its pictures in a real browser compared with Python's, its folder, and its server."""

import base64
import http.client
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from keras_gan import GAN, exports, networks, sampling
from keras_gan._utils.errors import InputError
from keras_gan.directions import Directions, Slider
from keras_gan.exports import accelerators, edge, metadata, web
from keras_gan.sampling import latents

NAMES = ("grey", "colour", "few", "many")  # of the files
PHONE, DESK = 360, 1200  # px
LEVELS = 1  # grey levels between the page and Python: a value that lies between two may be rounded either way
LABELS = ("red <b>", "green, a class of a very long name indeed", "blue")
FEW = {"tilt": 0.65, "stroke = width": 1.3}  # limit of each slider
MANY = {
    "<img src=x onerror=document.title='in'>": 0.7,
    "\"><script>document.title = 'in'</script>": 2.0,
    "a=1&set=b#%41+c": 0.5,
    "W" * 60: 1.0,  # no place to break it
    "__proto__": 1.5,
    "constructor": 1.0,
    "größer 🙂 &lt;b&gt;": 0.8,
    "Young": 1.2,
}
PIXELS = """canvas => {
    const { width, height } = canvas;
    const copy = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
    copy.drawImage(canvas, 0, 0);  // a copy, since reading a canvas changes how the browser draws it
    return [height, width, ...copy.getImageData(0, 0, width, height).data];
}"""
WITHOUT_RELAXED_SIMD = """{
    const instantiate = WebAssembly.instantiate;  // LiteRT.js tests the feature with such a small module
    WebAssembly.instantiate = (code, ...rest) =>
        code.byteLength < 100 ? Promise.reject(new Error("no such feature")) : instantiate(code, ...rest);
}
"""


def colour_gan():
    """A GAN of colour images that are not square, with three classes and uniform z of odd dimension."""
    keras.utils.set_random_seed(4)
    z, label = keras.Input((5,)), keras.Input((), dtype="int32")
    loud = keras.initializers.RandomNormal(stddev=1.0, seed=5)
    x = layers.Concatenate()([z, layers.Embedding(3, 4, embeddings_initializer=loud)(label)])
    x = layers.Reshape((8, 12, 3))(layers.Dense(8 * 12 * 3, activation="tanh", kernel_initializer=loud)(x))
    discriminator = networks.discriminator((8, 12, 3), dtype="float32", num_classes=3)
    return GAN(keras.Model([z, label], x), discriminator, latent="uniform", num_classes=3)


def made_up(limits, latent, latent_dim):
    """Sliders of random directions."""
    vectors = np.random.default_rng(3).normal(0, 1, (len(limits), latent_dim)).astype("float32")
    pairs = zip(limits.items(), vectors, strict=True)
    return Directions(latent, tuple(Slider(name, "measured", vector, limit) for (name, limit), vector in pairs))


@pytest.fixture(scope="module")
def files(trained, tmp_path_factory):
    """A folder of .tflite: grey, float32, normal z; colour, uint8, uniform z, labels; many and few, with sliders."""
    folder = tmp_path_factory.mktemp("files")
    about = exports.About(name="grey <i>ones</i>", data="digits", license="CC BY 4.0")
    trained.gan.export(folder / "grey.tflite", "tflite", "float32", exports.Options(about=about))
    about = exports.About(name="colour", labels=LABELS)
    options = exports.Options(uint8=True, about=about)
    colour = colour_gan()
    colour.export(folder / "colour.tflite", "tflite", "float32", options)
    about = exports.About(directions=made_up(FEW, "uniform", 5))
    colour.export(folder / "few.tflite", "tflite", "float32", exports.Options(uint8=True, about=about))
    about = exports.About(directions=made_up(MANY, trained.gan.latent, trained.gan.latent_dim))
    trained.gan.export(folder / "many.tflite", "tflite", "float32", exports.Options(about=about))
    return folder


@pytest.fixture(scope="module")
def pages(files, tmp_path_factory, with_litert):
    """Folder of the page of each file."""
    folder = tmp_path_factory.mktemp("pages")
    with with_litert():
        for file in files.glob("*.tflite"):
            web.assemble(file, folder / file.stem)
    return folder


def serving(folder):
    """(server at work, its address)."""
    server = web.server(folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}/"


@pytest.fixture(scope="module")
def addresses(pages):
    """Address of each page, served."""
    servers = {name: serving(pages / name) for name in NAMES}
    yield {name: address for name, (_, address) in servers.items()}
    for server, _ in servers.values():
        server.shutdown()
        server.server_close()


@pytest.fixture
def broken(pages, tmp_path):
    """A copy of the grey page to be damaged, and its address."""
    folder = shutil.copytree(pages / "grey", tmp_path / "broken")
    server, address = serving(folder)
    yield folder, address
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def reader(browser):
    """One browser context for all tests, so that LiteRT.js is compiled once."""
    context = browser.new_context(viewport={"width": DESK, "height": 800})
    yield context
    context.close()


@pytest.fixture(scope="module")
def generators(files):
    return {name: edge.Generator(files / f"{name}.tflite") for name in NAMES}


class Visit:
    """A page in a browser. At the end it has no unexpected errors, and made no requests to other hosts."""

    def __init__(self, reader, address, expect_errors=False, script=None):
        self.page, self.expect_errors = reader.new_page(), expect_errors
        self.errors, self.requests = [], []
        self.page.on("console", lambda line: line.type in ("error", "warning") and self.errors.append(line.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        if script:
            self.page.add_init_script(script)
        self.page.goto(address)
        self.host = address.split("#")[0]

    def __enter__(self):
        return self

    def __exit__(self, error, *rest):
        self.page.close()
        if error is None:
            assert self.expect_errors or self.errors == []
            assert [url for url in self.requests if not url.startswith((self.host, "data:"))] == []

    def ready(self):
        """The page, after its pictures are drawn."""
        self.page.locator("#tool").wait_for(timeout=180_000)
        return self.page

    def until_address(self, pattern):
        self.page.wait_for_url(re.compile(pattern), timeout=60_000)
        return self.page.url


def pixels(locator):
    """The red, green and blue of a canvas: int (height, width, 3)."""
    height, width, *data = locator.evaluate(PIXELS)
    return np.reshape(data, (height, width, 4)).astype(int)[..., :3]


def grid(page):
    return np.stack([pixels(canvas) for canvas in page.locator("#pictures canvas").all()])


def large(page):
    return pixels(page.locator("#large"))


def near(shown, expected):
    """Whether pictures agree with Python's, of one channel or three, within `LEVELS`."""
    expected = np.broadcast_to(expected, shown.shape).astype(int)
    return np.abs(shown - expected).max() <= LEVELS


def far(shown, other):
    return np.abs(shown - np.broadcast_to(other, shown.shape).astype(int)).max() > 10 * LEVELS


# Pictures


@pytest.mark.parametrize("name", [pytest.param("grey", marks=pytest.mark.long), "colour"])
def test_the_grid_agrees_with_python(name, generators, addresses, reader):
    expected = generators[name].generate(16, seed=7)
    with Visit(reader, addresses[name] + "#seed=7") as visit:
        shown = grid(visit.ready())
    assert near(shown, expected)
    assert all(far(shown[i], expected[i - 1]) for i in range(16))


@pytest.mark.parametrize("name", ["grey", pytest.param("colour", marks=pytest.mark.long)])
def test_the_slider_goes_from_one_seed_to_the_other(name, generators, addresses, reader):
    generator = generators[name]
    labels = 0 if name == "colour" else None
    a, b = (latents.draw(1, generator.latent_dim, generator.latent, seed)[0] for seed in (9, 12))
    way = np.stack([latents.between(a, b, share, generator.latent) for share in (0, 0.25, 0.5, 1)])
    expected = generator.generate(z=way, labels=labels)
    with Visit(reader, addresses[name] + "#seed=7&from=9&to=12&at=0.25") as visit:
        page = visit.ready()
        assert near(large(page), expected[1])
        slider = page.get_by_role("slider")
        for key, says, picture in [("Home", "seed 9", expected[0]), ("End", "seed 12", expected[3])]:
            slider.press(key)
            page.get_by_role("img", name=f"Picture of {says}").wait_for()
            assert near(large(page), picture)
        assert near(grid(page)[2], generator.generate(3, seed=7)[2])
        slider.fill("0.5")
        page.get_by_role("img", name="Picture 50 percent of the way from seed 9 to seed 12").wait_for()
        assert near(large(page), expected[2]) and far(large(page), expected[3])


@pytest.mark.long
def test_a_browser_without_relaxed_simd_draws_the_same_pictures(trained, broken, reader):
    folder, address = broken
    worker = folder / "worker.js"
    worker.write_text(WITHOUT_RELAXED_SIMD + worker.read_text("utf-8"), "utf-8")
    with Visit(reader, address + "#seed=7") as visit:
        assert near(grid(visit.ready()), trained.gan.generate(16, seed=7))
        assert [url.split("/")[-1] for url in visit.requests if "_wasm_" in url] == [
            "litert_wasm_compat_internal.js",
            "litert_wasm_compat_internal.wasm",
        ]


@pytest.mark.long
def test_a_chosen_picture_becomes_the_left_end_and_the_previous_one_the_right(trained, addresses, reader):
    with Visit(reader, addresses["grey"] + "#seed=7") as visit:
        page = visit.ready()
        for seed in (10, 20):
            page.get_by_role("button", name=f"seed {seed}").click()
            page.get_by_role("button", name=f"seed {seed}, at the slider's left end").wait_for()
        page.get_by_role("button", name="seed 10, at the slider's right end").wait_for()
        page.get_by_role("img", name="Picture of seed 20").wait_for()
        assert near(large(page), trained.gan.generate(1, seed=20)[0])  # as Keras draws it, too
        ends = [page.get_by_role("spinbutton", name=f"{end} seed") for end in ("Left", "Right")]
        assert [end.input_value() for end in ends] == ["20", "10"]


def test_the_label_picker_gives_one_class_or_that_of_each_seed(generators, addresses, reader):
    generator = generators["colour"]
    with Visit(reader, addresses["colour"] + "#seed=7&from=9") as visit:
        page = visit.ready()
        assert page.locator("#label option").all_inner_texts() == ["by seed", *LABELS]
        assert page.locator("#as").input_value() == "0"  # 9 modulo 3, as the grid's third picture has it
        assert near(large(page), generator.generate(1, seed=9)[0]) and near(grid(page), generator.generate(16, seed=7))
        page.locator("#label").select_option("1")
        page.get_by_role("button", name=f"seed 22, {LABELS[1]}").wait_for()
        page.get_by_role("img", name=f"Picture of seed 9, {LABELS[1]}").wait_for()
        expected = generator.generate(16, seed=7, labels=1)
        assert near(grid(page), expected) and near(large(page), expected[2])
        page.locator("#as").select_option("0")
        page.get_by_role("img", name=f"Picture of seed 9, {LABELS[0]}").wait_for()
        assert near(large(page), generator.generate(1, seed=9, labels=0)[0])
        page.locator("#label").select_option("by seed")
        page.get_by_role("button", name=f"seed 22, {LABELS[22 % 3]}").wait_for()
        assert near(grid(page), generator.generate(16, seed=7))


def test_pictures_are_saved_as_kgan_sample_saves_them(generators, addresses, reader):
    expected = generators["colour"].generate(16, seed=7)
    with Visit(reader, addresses["colour"] + "#seed=7&from=10") as visit:
        page = visit.ready()
        one, many = "colour-seed-10-green-a-class-of-a-very-long-name-indeed", "colour-seeds-7"
        pictures = {one: sampling.to_picture(expected[3]), many: sampling.grid(expected)}
        for button, name in [("Save picture", one), ("Save grid", many)]:
            with page.expect_download() as download:
                page.get_by_role("button", name=button).click()
            assert download.value.suggested_filename == f"{name}.png"
            saved = Image.open(download.value.path()).convert("RGB")
            assert near(np.asarray(saved, int), np.asarray(pictures[name]))


# Sliders of features


def moved(generator, share=0.0, **amounts):
    """Python's picture between the seeds 9 and 12, which have the same class, moved by sliders."""
    a, b = (latents.draw(1, generator.latent_dim, generator.latent, seed)[0] for seed in (9, 12))
    z = latents.between(a, b, share, generator.latent)[None]
    labels = 0 if generator.num_classes else None
    return generator.generate(z=generator.directions.move(z, **amounts), labels=labels)[0]


def feature(page, name):
    return page.get_by_role("slider", name=name, exact=True)


def until_moved(page, words):
    """Waits until the alternative text of the picture ends with these words."""
    page.wait_for_function("words => document.getElementById('large').ariaLabel.endsWith(words)", arg=words)


@pytest.mark.parametrize("name, limits", [("few", FEW), pytest.param("many", MANY, marks=pytest.mark.long)])
def test_a_slider_moves_the_picture_as_python_moves_it(name, limits, generators, addresses, reader):
    """By keyboard, from end to end, and then the second slider in addition."""
    generator, (first, second) = generators[name], list(limits)[:2]
    with Visit(reader, addresses[name] + "#seed=7&from=9&to=12&at=0.25") as visit:
        page = visit.ready()
        still = moved(generator, 0.25)
        assert near(large(page), still)
        for key, sign in [("Home", -1), ("End", 1)]:
            feature(page, first).press(key)
            until_moved(page, f"moved by {first} {'+' if sign > 0 else '−'}{limits[first]}")
            expected = moved(generator, 0.25, **{first: sign * limits[first]})
            assert near(large(page), expected) and far(large(page), still)
        for _ in range(5):
            feature(page, second).press("ArrowLeft")
        amount = -limits[second] / 10
        until_moved(page, f"{first} +{limits[first]}, {second} −{-amount:.2g}")
        expected = moved(generator, 0.25, **{first: limits[first], second: amount})
        assert near(large(page), expected) and far(large(page), moved(generator, 0.25, **{first: limits[first]}))
        assert feature(page, second).get_attribute("aria-valuetext") == f"−{-amount:.2g} standard deviations"
        shown = page.locator(".feature output").all_inner_texts()[:2]
        assert shown == [f"+{limits[first]}", f"−{-amount:.2g}"]
        assert near(grid(page)[2], generator.generate(3, seed=7)[2])  # which has no sliders


@pytest.mark.parametrize("name, limits", [pytest.param("few", FEW, marks=pytest.mark.long), ("many", MANY)])
def test_an_address_restores_moved_sliders_and_reset_clears_them(name, limits, generators, addresses, reader):
    start = addresses[name] + "#seed=7&from=9&to=12"
    one = list(limits)[-1]  # of many one that is not shown at first
    with Visit(reader, start) as visit:
        page = visit.ready()
        plain_address = visit.until_address("&at=0$")
        if name == "many":
            page.locator("summary").click()
            page.get_by_role("checkbox", name=one, exact=True).check()
        feature(page, one).fill("30")
        shared = visit.until_address("&at=0&set=[^&]+$")
        shown = large(page)
    with Visit(reader, shared) as visit:
        page = visit.ready()
        np.testing.assert_array_equal(large(page), shown)
        assert near(shown, moved(generators[name], **{one: limits[one] * 0.6}))
        assert feature(page, one).is_visible() and feature(page, one).input_value() == "30"
        page.get_by_role("button", name="Reset sliders").press("Enter")
        visit.until_address(re.escape(plain_address) + "$")
        assert feature(page, one).input_value() == "0" and near(large(page), moved(generators[name]))


def test_wrong_sliders_in_an_address_are_ignored(generators, addresses, reader):
    nonsense = ["none=1", "tilt=0.66", "tilt=-9", "tilt=x", "tilt=1e", "tilt=", "tilt", "=0.5", "%", "tilt=NaN", ""]
    words = "&".join(f"set={text}" for text in nonsense)
    with Visit(reader, f"{addresses['few']}#from=9&to=12&as=0&{words}&set=stroke+%3D+width=-1e-1") as visit:
        page = visit.ready()
        assert near(large(page), moved(generators["few"], **{"stroke = width": -0.1}))
        visit.until_address(r"&at=0&set=stroke\+%3D\+width%3D-0.1$")


def test_feature_names_are_plain_text_and_many_features_give_a_choice(addresses, generators, reader):
    """By keyboard."""
    with Visit(reader, addresses["many"] + "#from=9&to=12") as visit:
        page = visit.ready()
        labels, choices = (page.locator(f"#features {where} label") for where in (".sliders", ".choices"))
        assert [label.text_content() for label in labels.all()] == list(MANY)
        assert [label.text_content() for label in choices.all()] == list(MANY)
        assert page.locator("#features :is(img, script, b)").count() == 0 and page.title() != "in"
        assert [label.is_visible() for label in labels.all()] == [True] * 4 + [False] * 4
        page.locator("summary", has_text="Control which features? 4 of 8").press("Enter")
        for name, text in [("Young", "5 of 8"), ("__proto__", "6 of 8"), ("W" * 60, "5 of 8")]:
            page.get_by_role("checkbox", name=name, exact=True).press("Space")
            page.locator("summary", has_text=f"Control which features? {text}").wait_for()
        assert [label.is_visible() for label in labels.all()] == [True] * 3 + [False, True, False, False, True]
        feature(page, "Young").press("End")
        until_moved(page, "Young +1.2")
        page.get_by_role("checkbox", name="Young", exact=True).press("Space")
        until_moved(page, "seed 9")  # a hidden slider moves nothing
        assert near(large(page), moved(generators["many"]))


@pytest.mark.long
def test_few_features_give_no_choice_and_none_no_section(addresses, reader):
    with Visit(reader, addresses["few"]) as visit:
        page = visit.ready()
        assert not page.locator("summary").is_visible() and feature(page, "stroke = width").is_visible()
    with Visit(reader, addresses["grey"]) as visit:
        page = visit.ready()
        assert not page.locator("#features").is_visible() and page.get_by_role("slider").count() == 1


# Address


@pytest.mark.long
def test_an_address_shows_the_same_pictures_again(addresses, reader):
    with Visit(reader, addresses["colour"]) as visit:
        page = visit.ready()
        visit.until_address("#seed=0&from=0&to=1&as=0&at=0$")
        first = grid(page)
        page.get_by_role("button", name="New pictures").click()
        visit.until_address(r"#seed=[1-9]\d+&")
        page.locator("#label").select_option("2")
        page.get_by_role("slider").fill("0.3")
        shared = visit.until_address(r"#seed=\d+&label=2&from=0&to=1&as=2&at=0.3$")
        shown = grid(page), large(page)
        assert far(shown[0], first)
        page.reload()
        np.testing.assert_array_equal(grid(visit.ready()), shown[0])
        page.goto(addresses["colour"] + "#seed=0")  # without loading the page again
        page.get_by_role("button", name=f"seed 0, {LABELS[0]}", exact=False).wait_for()
        np.testing.assert_array_equal(grid(page), first)
    with Visit(reader, shared) as visit:
        np.testing.assert_array_equal(grid(visit.ready()), shown[0])
        np.testing.assert_array_equal(large(visit.page), shown[1])


@pytest.mark.parametrize(
    "nonsense",
    [
        "seed=-1&from=1e3&to=0x1&at=2&label=3&as=-1",
        pytest.param("seed=2147483633&at=x&to=2147483648", marks=pytest.mark.long),
    ],
)
def test_a_wrong_address_shows_the_defaults(nonsense, generators, addresses, reader):
    with Visit(reader, f"{addresses['colour']}#{nonsense}") as visit:
        assert near(grid(visit.ready()), generators["colour"].generate(16, seed=0))
        visit.until_address("#seed=0&from=0&to=1&as=0&at=0$")


# Readers


def test_the_page_works_by_keyboard_alone(generators, addresses, reader):
    with Visit(reader, addresses["grey"] + "#seed=7") as visit:
        page = visit.ready()
        seen = []
        for _ in range(22):
            page.keyboard.press("Tab")
            seen.append(page.evaluate("document.activeElement.id || document.activeElement.title"))
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        assert seen == ["at", "from", "to", "save", *(f"seed {7 + i}" for i in range(16)), "seed", "new"]
        page.locator("#seed").focus()
        page.keyboard.press("Control+A")
        page.keyboard.type("30")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="seed 45").wait_for()
        assert near(grid(page), generators["grey"].generate(16, seed=30))
        page.get_by_role("button", name="seed 31").focus()
        page.keyboard.press("Enter")
        page.get_by_role("img", name="Picture of seed 31").wait_for()
        page.locator("#at").focus()
        page.keyboard.press("ArrowRight")
        page.get_by_role("img", name="Picture 1 percent of the way from seed 31 to seed 7").wait_for()


@pytest.mark.long
def test_a_wrong_seed_changes_nothing(addresses, reader):
    with Visit(reader, addresses["grey"] + "#seed=7") as visit:
        page = visit.ready()
        for step, typed in enumerate(["", "-1", "2147483633", "1.5"], start=1):
            page.locator("#seed").fill(typed)
            page.keyboard.press("Enter")
            assert not page.locator("#seed").evaluate("field => field.validity.valid")
            page.get_by_role("slider").press("ArrowRight")
            page.get_by_role("img", name=f"Picture {step} percent").wait_for()
            assert page.locator("#seed").input_value() == "7"
        visit.until_address("#seed=7&.*at=0.04$")


@pytest.mark.parametrize("name", [pytest.param("colour", marks=pytest.mark.long), "many"])
def test_the_page_fits_the_screen_and_the_colour_scheme(name, addresses, reader):
    with Visit(reader, addresses[name]) as visit:
        page = visit.ready()
        page.locator("details").evaluate("choice => { choice.open = true; }")
        for width, scheme in itertools.product((PHONE, DESK), ("light", "dark")):
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.locator(".choices").evaluate("box => box.scrollWidth <= box.clientWidth")
            paper, ink = (
                sum(map(int, re.findall(r"\d+", page.evaluate(f"getComputedStyle(document.body).{name}"))[:3]))
                for name in ("backgroundColor", "color")
            )
            assert paper - ink > 400 if scheme == "light" else ink - paper > 400


def test_the_page_shows_facts_about_the_generator(addresses, pages, reader):
    with Visit(reader, addresses["grey"]) as visit:
        page = visit.ready()
        assert [page.locator(f"#{field}").is_visible() for field in ("label", "as")] == [False, False]
        assert page.title() == page.locator("h1").inner_text() == "grey <i>ones</i>"
        facts = page.locator("#facts span").all_inner_texts()
    size = f"{(pages / 'grey/generator.tflite').stat().st_size / 1000:,.0f} kB"
    assert sorted(facts[:-1]) == sorted(["8 × 8 pixels", f"{size}, float32", "trained on digits", "license: CC BY 4.0"])
    assert re.match(r"[\d.]+ ms a picture", facts[-1])


# Errors

NO_LITERT = "cannot be loaded from the folder litert"
DAMAGE = {  # file, damage, expected sentence
    "a cut model": ("generator.tflite", lambda file: cut(file), "generator.tflite is damaged"),
    "a foreign model": ("generator.tflite", lambda file: file.write_text("<html>"), "generator.tflite is damaged"),
    "no model": ("generator.tflite", Path.unlink, "generator.tflite .*status 404"),
    "no description": ("generator.json", Path.unlink, "generator.json .*status 404"),
    "a cut description": ("generator.json", lambda file: cut(file), "generator.json is damaged"),
    "no wasm": ("litert/litert_wasm_internal.wasm", Path.unlink, NO_LITERT),
    "no LiteRT.js": ("litert/core.js", Path.unlink, NO_LITERT),
    "no worker": ("worker.js", Path.unlink, "worker.js cannot be loaded"),
    "no script of the worker": ("accelerators.js", Path.unlink, "cannot be drawn"),
    "no script": ("app.js", Path.unlink, "If this sentence stays"),
}


def cut(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def sentence(visit, pattern):
    """Waits for a sentence in place of the page."""
    visit.page.locator("#message", has_text=re.compile(pattern)).wait_for(timeout=180_000)
    assert not visit.page.locator("#tool").is_visible()


QUICK = ("a cut model", "no description", "no wasm", "no worker", "no script")


@pytest.mark.parametrize(
    "what", [what if what in QUICK else pytest.param(what, marks=pytest.mark.long) for what in DAMAGE]
)
def test_a_damaged_page_shows_one_sentence(what, broken, reader):
    folder, address = broken
    name, damage, pattern = DAMAGE[what]
    damage(folder / name)
    with Visit(reader, address, expect_errors=True) as visit:
        sentence(visit, pattern)


def test_a_description_of_another_model_gives_an_error(broken, pages, reader):
    folder, address = broken
    shutil.copyfile(pages / "colour/generator.tflite", folder / "generator.tflite")
    with Visit(reader, address, expect_errors=True) as visit:
        sentence(visit, "may not belong together")


def test_a_browser_without_webassembly_gets_an_error(addresses, reader):
    with Visit(reader, addresses["grey"], expect_errors=True, script="delete globalThis.WebAssembly") as visit:
        sentence(visit, "has no WebAssembly")


def test_a_page_opened_as_a_file_says_that_it_needs_a_server(pages, reader):
    with Visit(reader, (pages / "grey" / "index.html").as_uri(), expect_errors=True) as visit:
        visit.host = "file:"
        sentence(visit, "needs a web server")


def test_the_policy_blocks_other_hosts_and_inline_scripts(broken, reader):
    folder, address = broken
    index = folder / "index.html"
    intruders = '<script>document.title = "in"</script><img src="http://127.0.0.1:9/x.png"></main>'
    index.write_text(index.read_text("utf-8").replace("</main>", intruders), "utf-8")
    with Visit(reader, address, expect_errors=True) as visit:
        assert visit.ready().title() != "in"
        assert len([text for text in visit.errors if "Content Security Policy" in text]) == 2
        visit.requests.remove("http://127.0.0.1:9/x.png")  # told though it was stopped


# Folder


def test_the_folder_holds_the_files_of_the_page_only(pages, files):
    folder = pages / "grey"
    assert {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()} == set(web._names())
    content = (folder / "generator.tflite").read_bytes()
    assert metadata.read(content) == metadata.read((files / "grey.tflite").read_bytes())
    assert list(accelerators.refused_by_gpu(content)) == ["generate"]  # its signatures
    description = json.loads((folder / "generator.json").read_text("utf-8"))
    assert description == edge.Generator(files / "grey.tflite").description
    assert sum(file.stat().st_size for file in folder.rglob("*")) < 20e6
    assert folder.stat().st_mode & 0o755 == 0o755


def test_a_page_is_replaced_and_anything_else_is_not(pages, files, tmp_path, listing):
    page = shutil.copytree(pages / "grey", tmp_path / "page")
    web.assemble(files / "colour.tflite", page)
    assert json.loads((page / "generator.json").read_text())["name"] == "colour"
    (page / "CNAME").write_text("example.org")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "index.html").write_text("<html>")
    before = listing(tmp_path)
    foreign = {"page": "holds CNAME, which kgan export --web did not write"}
    for folder, message in {**foreign, "other": "is no page", "other/index.html": "is no page"}.items():
        with pytest.raises(InputError, match=message):
            web.assemble(files / "grey.tflite", tmp_path / folder)
    with pytest.raises(InputError, match="cannot write .*; expected a path that can be written"):
        web.assemble(files / "grey.tflite", page / "CNAME" / "new")
    assert listing(tmp_path) == before


def test_vectors_have_no_page(tiny_generator, tiny_discriminator, tmp_path):
    gan = GAN(tiny_generator((3,)), tiny_discriminator((3,)))
    gan.export(tmp_path / "vectors.tflite", "tflite")
    with pytest.raises(InputError, match=r"makes data of shape \(3,\); expected images"):
        web.assemble(tmp_path / "vectors.tflite", tmp_path / "page")
    assert not (tmp_path / "page").exists()


def test_without_npm_the_error_has_the_remedy(files, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="npm is not on the PATH; .* Install Node.js"):
        web.assemble(files / "grey.tflite", tmp_path / "page")
    assert list(tmp_path.iterdir()) == []


def test_files_with_other_hashes_than_in_the_lock_are_rejected(pages, files, tmp_path, monkeypatch):
    """It needs `pages`, without which npm may be missing."""
    page = shutil.copytree(web.PAGE, tmp_path / "templates")
    lock = json.loads((page / "package-lock.json").read_text())
    other = base64.b64encode(bytes(64)).decode()
    lock["packages"]["node_modules/@litertjs/wasm-utils"]["integrity"] = f"sha512-{other}"
    (page / "package-lock.json").write_text(json.dumps(lock))
    monkeypatch.setattr(web, "PAGE", page)
    with pytest.raises(InputError, match=r"npm cannot fetch LiteRT.js \(code EINTEGRITY; .*Check the connection"):
        web.assemble(files / "grey.tflite", tmp_path / "page")
    assert list(tmp_path.iterdir()) == [page]


def test_the_lock_pins_every_package_and_names_no_index():
    lock = json.loads((web.PAGE / "package-lock.json").read_text())
    asked = json.loads((web.PAGE / "package.json").read_text())["dependencies"]
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert asked == {"@litertjs/core": packages["node_modules/@litertjs/core"]["version"]}
    for package in packages.values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"]) and package["integrity"].startswith("sha512-")
        assert package.get("resolved", "https://registry.npmjs.org/").startswith("https://registry.npmjs.org/")


# Server


def get(address, path):
    """(status, type, content) of a path, which is sent without normalisation."""
    connection = http.client.HTTPConnection(address.removeprefix("http://").strip("/"), timeout=120)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.headers.get("Content-Type"), answer.read()


def test_the_server_serves_the_files_of_the_folder_only(broken):
    folder, address = broken
    (folder.parent / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    types = {
        "/": "text/html; charset=utf-8",
        "/app.js": "text/javascript; charset=utf-8",
        "/generator.json": "application/json",
        "/generator.tflite": "application/octet-stream",
        "/litert/litert_wasm_internal.wasm": "application/wasm",
    }
    assert {path: get(address, path)[:2] for path in types} == {path: (200, kind) for path, kind in types.items()}
    for path in ("/litert/", "/../secret.txt", "/%2e%2e/secret.txt", "/link.txt", "//secret.txt", "/none", "/%00"):
        status, _, content = get(address, path)
        assert status == 404 and b"secret" not in content


def test_errors_of_the_server(pages, tmp_path):
    with pytest.raises(InputError, match="is no page; expected a folder that kgan export --web wrote"):
        web.server(tmp_path)
    with web.server(pages / "grey") as taken:
        for port in (taken.server_port, 70_000):
            with pytest.raises(InputError, match=f"cannot serve on port {port}"):
                web.server(pages / "grey", port)


IN_THE_BACKGROUND = """import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for what ends in &
from keras_gan.exports import web
web.serve(sys.argv[1], open_browser=False)
print("ended")"""


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_serve_ends_on_both_signals_in_the_background(pages, number):
    command = [sys.executable, "-c", IN_THE_BACKGROUND, str(pages / "grey")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    address = re.search(r"http://\S+", process.stdout.readline())[0]
    with urllib.request.urlopen(address, timeout=120) as answer:
        assert answer.status == 200
    process.send_signal(number)
    output, errors = process.communicate(timeout=300)
    assert (process.returncode, output.split(), errors) == (0, ["ended"], "")


@pytest.mark.long
def test_the_command_in_the_background_ends_on_sigterm(pages, run_dir):
    """It needs `pages`, without which npm may be missing."""
    process = subprocess.Popen(
        [Path(sys.executable).with_name("kgan"), "export", run_dir, "--web", "--serve"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "BROWSER": "true"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # as a shell does for what ends in &
    )
    address = next(found[0] for line in process.stdout if (found := re.search(r"http://\S+", line)))
    with urllib.request.urlopen(address, timeout=120) as answer:
        assert web.MARK in answer.read().decode()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=300)
    assert (process.returncode, errors) == (0, "")


def test_serve_prints_its_address_opens_the_browser_and_ends_at_ctrl_c(pages, tmp_path):
    opened = tmp_path / "opened.txt"
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\necho $1 > {opened}.part && mv {opened}.part {opened}\n")
    browser.chmod(0o755)
    program = f"from keras_gan.exports import web; web.serve({str(pages / 'grey')!r}); print('ended')"
    environment = {**os.environ, "BROWSER": f"{browser} %s"}
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which tests in the background ignore
    )
    address = re.fullmatch(r"page on (http://127\.0\.0\.1:\d+/) until Ctrl-C\n", process.stdout.readline())[1]
    with urllib.request.urlopen(address, timeout=120) as answer:
        assert web.MARK in answer.read().decode()
    deadline = time.monotonic() + 120
    while not opened.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=300)
    assert (process.returncode, output.split()) == (0, ["ended"])
    assert opened.read_text().strip() == address
