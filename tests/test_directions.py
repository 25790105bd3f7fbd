"""Directions: attributes of drawn strokes, regression on a generator with a known answer, locks, factors, the file."""

import dataclasses
import json
import math

import keras
import numpy as np
import pytest
from click.testing import CliRunner

from keras_gan import GAN, data, directions
from keras_gan._utils.errors import InputError
from keras_gan.cli.main import kgan
from keras_gan.directions import Directions, Slider, factors, fitting, morphology, reading, record
from keras_gan.exports import About, Options, edge
from keras_gan.runs import Run
from keras_gan.sampling import latents, sliders


def bar(height, width, rows, columns, value=255):
    """A grey picture (1, height, width, 1) with one bright rectangle."""
    picture = np.zeros((1, height, width, 1), "uint8")
    picture[:, rows, columns] = value
    return picture


def leaning(shear, size=28, half=1.5):
    """A stroke whose x is `shear` times its height above the middle, drawn from distances to it."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    ink = np.clip(half + 0.5 - np.abs(x + shear * y), 0, 1) * (np.abs(y) < 9)
    return np.uint8(np.rint(255 * ink))[None, :, :, None]


def measured(picture):
    return {name: values[0] for name, values in morphology.measure(picture).items()}


# measures


def test_a_bar_has_its_own_width_height_and_area():
    found = measured(bar(28, 28, slice(4, 24), slice(10, 16)))
    assert found["width"] == pytest.approx(6, abs=1e-6)
    assert found["height"] == pytest.approx(20, abs=1e-6)
    assert found["area"] == pytest.approx(120, abs=1e-4)
    assert found["slant"] == pytest.approx(0, abs=1e-9)
    assert found["brightness"] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("width", [2, 3, 4, 6])
def test_the_thickness_of_a_long_stroke_is_its_width(width):
    found = measured(bar(28, 60, slice(10, 10 + width), slice(0, 60)))
    # The strip of the formula is sampled at whole pixels here, and ends at the border.
    assert math.exp(found["thickness"]) == pytest.approx(width, rel=0.15)


def test_doubling_a_picture_about_doubles_its_thickness():
    small = bar(28, 28, slice(4, 24), slice(12, 16))
    large = small.repeat(2, axis=1).repeat(2, axis=2)
    assert measured(large)["thickness"] - measured(small)["thickness"] == pytest.approx(math.log(2), abs=0.08)


@pytest.mark.parametrize("shear", [-0.5, 0.25, 1.0])
def test_the_slant_is_the_angle_of_the_stroke_and_is_taken_out_of_its_width(shear):
    found, upright = measured(leaning(shear)), measured(leaning(0.0))
    assert found["slant"] == pytest.approx(math.degrees(math.atan(shear)), abs=0.5)
    assert found["width"] == pytest.approx(upright["width"], abs=0.35)  # as the edges fall between pixels


def test_moving_or_inverting_a_picture_changes_no_attribute_of_its_strokes():
    picture = leaning(0.4)
    for other in (np.roll(picture, (2, -3), (1, 2)), 255 - picture):
        found = measured(other)
        for name, value in measured(picture).items():
            assert found[name] == pytest.approx(value, rel=1e-5, abs=1e-5), name


def test_an_empty_picture_has_finite_attributes():
    assert all(math.isfinite(value) for value in measured(np.zeros((1, 8, 8, 1), "uint8")).values())


def test_colours_by_hand():
    picture = np.zeros((1, 8, 8, 3), "uint8")
    picture[:, :4] = [255, 0, 0]  # the upper half is red, the lower black
    found = measured(picture)
    assert found["brightness"] == pytest.approx(0.299 / 2, abs=1e-6)
    assert found["contrast"] == pytest.approx(0.299 / 2, abs=1e-6)
    assert found["warmth"] == pytest.approx(0.5, abs=1e-6)


# a generator whose answer is known


class Drawn:
    """A generator of bars: z₀ decides the height, z₁ and a tenth of z₀ the width; z₂ nothing."""

    latent, latent_dim, num_classes, data_shape, step = "normal", 3, None, (32, 32, 1), 5

    def generate(self, z):
        height, width = 12 + 2 * z[:, 0], 10 + 1.5 * (z[:, 1] + 0.75 * z[:, 0])
        y, x = np.abs(np.arange(32) - 15.5)[:, None], np.abs(np.arange(32) - 15.5)[None]
        ink = [
            np.clip(h / 2 + 0.5 - y, 0, 1) * np.clip(w / 2 + 0.5 - x, 0, 1) for h, w in zip(height, width, strict=True)
        ]
        return np.uint8(np.rint(255 * np.stack(ink)))[..., None]


def reader(*names):
    """A reading of some attributes of grey pictures, each of which locks the others."""

    def read(images):
        return np.stack(list(morphology.measure(images, names).values()), axis=1)

    locks = {name: tuple(other for other in names if other != name) for name in names}
    return reading.Reading("measured", names, ("pixels",) * len(names), locks, read)


@pytest.fixture(scope="module")
def bars():
    seen = reading.Readers((reader("height", "width", "slant"),), None)
    return fitting.fit(Drawn(), seen, None, 400, 0, 0.4)


def test_the_direction_of_an_attribute_is_found(bars):
    height = bars.weights["height"] / np.linalg.norm(bars.weights["height"])
    np.testing.assert_allclose(height, [1, 0, 0], atol=0.05)
    width = bars.weights["width"] / np.linalg.norm(bars.weights["width"])
    np.testing.assert_allclose(width, [0.6, 0.8, 0], atol=0.05)  # (0.75, 1) of length 1.25
    assert bars.measurements["height"].r2 > 0.98 and bars.measurements["width"].r2 > 0.98


def test_a_step_changes_an_attribute_by_its_size(bars):
    for name in ("height", "width"):
        assert bars.measurements[name].own_step == pytest.approx(fitting.STEP, abs=0.03)
        assert bars.measurements[name].own_range == pytest.approx(2 * bars[name].limit, rel=0.1)


def test_locking_removes_the_cross_talk(bars):
    one = bars.measurements["height"]
    # Unlocked, z₀ alone moves; height by 2 of its 2, width by 1.125 of its 1.875, both in standard deviations.
    assert one.unlocked["width"] == pytest.approx(0.6, abs=0.05)
    assert abs(one.cross_talk["width"]) < 0.03 and "width" in one.locks


def test_the_table_has_the_accuracy_of_a_classifier_where_there_is_one(bars):
    classified = dataclasses.replace(reader("height"), kind="attribute", accuracies=(0.9712,))
    seen = reading.Readers((classified, reader("width")), None)
    found = fitting.fit(Drawn(), seen, None, 200, 0, 0.4)
    assert (found.measurements["height"].accuracy, found.measurements["width"].accuracy) == (0.9712, None)
    assert "97%" in str(record.table(found)) and "classifier" not in str(record.table(bars))


def test_the_largest_r2_of_a_yes_no_attribute_by_hand():
    scores = np.random.default_rng(0).standard_normal(200_000)
    for share, largest in ((0.5, 2 / np.pi), (0.15, 0.4261)):  # φ(1.0364)² / (0.15 · 0.85), and φ(0)² / 0.25
        values = np.arange(200_000) < share * 200_000
        assert fitting.largest_r2(values, scores) == pytest.approx(largest, abs=5e-3)
    assert fitting.largest_r2(3 * scores + 1, np.random.default_rng(1).permutation(scores)) == pytest.approx(1)


def test_the_share_of_the_largest_r2_decides(bars):
    """Height > 14 is decided by a straight border in z. A fifth of the samples has it, so that R² is 0.5 at most."""
    rare = dataclasses.replace(reader("height"), read=lambda images: 1.0 * (reader("height").read(images) > 14))
    one = fitting.fit(Drawn(), reading.Readers((rare,), None), None, 2000, 0, 0.9).measurements["height"]
    assert one.largest_r2 == pytest.approx(0.5, abs=0.06) and 0.9 * one.largest_r2 < one.r2 < one.largest_r2


def test_an_attribute_that_cannot_be_moved_is_rejected(bars):
    assert bars.rejected == {"slant": "R² 0.00"} and bars.names == ("height", "width")
    with pytest.raises(InputError, match="no slider 'slant'"):
        bars.move(np.zeros((1, 3)), slant=1.0)


def test_locks_can_be_chosen(bars):
    free = bars.locking(())
    assert np.abs(free["height"].vector[1]) < 0.1 < np.abs(bars["height"].vector[1])
    locked = bars.locking(("width",))
    assert abs(locked["height"].vector @ bars.weights["width"]) < 1e-5
    assert locked["height"].vector @ bars.weights["height"] == pytest.approx(1, abs=1e-5)
    with pytest.raises(InputError, match="no slider 'colour'"):
        bars.locking(("colour",))
    with pytest.raises(InputError, match="no attribute 'colour' to lock"):
        directions.fit(Drawn(), samples=100, locks=("colour",))


def test_the_lock_class_preserves_the_class():
    """Two classes by z₂ alone; the attribute grows with z₀ + z₂, and can grow without it."""

    class Classed(Drawn):
        def generate(self, z):
            images = super().generate(np.stack([z[:, 0] + z[:, 2], z[:, 1], z[:, 2]], axis=1))
            images[:, 0, 0, 0] = np.uint8(np.clip(128 + 60 * z[:, 2], 0, 255))
            return images

    def classify(images):
        second = 1 / (1 + np.exp(-(images[:, 0, 0, 0].astype("float64") - 128) / 10))
        return np.stack([1 - second, second], axis=1).astype("float32")

    seen = reading.Readers((reader("height", "width"),), classify)
    found = fitting.fit(Classed(), seen, None, 300, 0, 0.4)
    height = found["height"].vector
    assert abs(height[2]) < 0.1 * abs(height[0])  # of the two ways, the one that the class does not see
    assert found.measurements["height"].class_kept > 0.97
    unlocked = found.locking(("width",))["height"].vector
    assert unlocked[2] == pytest.approx(unlocked[0], rel=0.1)


def test_too_few_samples_and_vectors_are_rejected(tiny_gan):
    with pytest.raises(InputError, match="99 samples; expected at least 100"):
        directions.fit(tiny_gan, samples=99)
    with pytest.raises(InputError, match="expected images"):
        reading.readers((2,))


def test_names_are_made_distinct():
    """Classes with the name of an attribute, of the lock, of another class, or with no possible name."""
    measured = reader("height", "width")
    classes = ("width", "class", "=", "x" * 70, "x" * 70, "a\nb")
    odds = reading.Reading("class", classes, ("",) * 6, {"width": ("class",)}, None)
    first, second = reading._distinct([measured, odds])
    assert first == measured
    assert second.names[:3] == ("width (class 1)", "class (class 1)", "class (class 2)")
    assert len(set(second.names)) == 6 and all(map(sliders.check_name, second.names))
    assert second.locks == {"width (class 1)": ("class (class 1)",)}


# factors


def test_factors_are_the_directions_that_the_first_layer_amplifies_most(tiny_discriminator):
    z = keras.Input((3,))
    dense = keras.layers.Dense(64, use_bias=False)
    generator = keras.Model(z, keras.layers.Reshape((8, 8, 1))(dense(z)))
    columns = np.linalg.qr(np.random.default_rng(0).normal(size=(64, 3)))[0]
    dense.set_weights([np.array([[2.0], [5.0], [1.0]]) * columns.T])  # z₁ counts most, then z₀
    gan = GAN(generator, tiny_discriminator())
    gan.compile()
    found = directions.fit(gan, samples=100, factors=2, least_r2=1.1)
    np.testing.assert_allclose(found["factor 1"].vector, [0, 1, 0], atol=1e-5)
    np.testing.assert_allclose(found["factor 2"].vector, [1, 0, 0], atol=1e-5)
    assert found.names == ("factor 1", "factor 2") and found.measurements["factor 1"].r2 is None
    with pytest.raises(InputError, match="expected 1 to 3"):
        directions.fit(gan, samples=100, factors=4)


@pytest.mark.parametrize("first", ["z", "class", "apart"])
def test_factors_are_those_of_z_wherever_the_class_enters(first):
    """z before or after the embedding in one layer, or a layer of the class before that of z."""
    z, label = keras.Input((3,)), keras.Input((), dtype="int32")
    code = keras.layers.Embedding(2, 4)(label)
    rows = {"z": slice(3), "class": slice(4, 7), "apart": slice(3)}[first]
    of_z = keras.layers.Dense(64, use_bias=False)
    if first == "apart":
        x = keras.layers.Add()([keras.layers.Dense(64)(code), of_z(z)])
    else:
        x = of_z(keras.layers.Concatenate()([z, code] if first == "z" else [code, z]))
    kernel = np.random.default_rng(0).normal(size=of_z.kernel.shape).astype("float32")
    kernel[rows] = np.array([[2.0], [9.0], [1.0]]) * np.linalg.qr(np.random.default_rng(0).normal(size=(64, 3)))[0].T
    of_z.set_weights([kernel])
    image, label_of_image = keras.Input((8, 8, 1)), keras.Input((), dtype="int32")
    logit = keras.layers.Dense(1)(keras.layers.Flatten()(image))
    logit = keras.layers.Add()([logit, keras.layers.Embedding(2, 1)(label_of_image)])
    networks = keras.Model([z, label], keras.layers.Reshape((8, 8, 1))(x)), keras.Model([image, label_of_image], logit)
    found = factors.factorize(GAN(*networks, num_classes=2), 2)
    np.testing.assert_allclose(found["factor 1"], [0, 1, 0], atol=1e-4)
    np.testing.assert_allclose(found["factor 2"], [1, 0, 0], atol=1e-4)


def test_a_generator_without_a_first_layer_has_no_factors():
    with pytest.raises(InputError, match="does not begin with a dense layer"):
        directions.fit(Drawn(), samples=100, factors=1)


# sliders


def test_moves_add_up_and_uniform_latents_stay_in_their_range():
    up, side = Slider("up", "factor", np.float32([1, 0]), 2.0), Slider("side", "factor", np.float32([0, 2]), 2.0)
    z = np.float32([[0.5, -0.5]])
    np.testing.assert_array_equal(Directions("normal", (up, side)).move(z, up=-1, side=0.25), [[-0.5, 0]])
    np.testing.assert_array_equal(Directions("uniform", (up, side)).move(z, up=2, side=-1), [[1, -1]])


@pytest.mark.parametrize("amount", [math.nan, math.inf, 1e9, "much", 0.851, -0.86, 5])
def test_the_error_for_an_amount_outside_the_range_has_the_range(amount):
    found = Directions("normal", (Slider("up", "factor", np.float32([1.0]), 0.85),))
    for move in (lambda: found.move(np.zeros((1, 1)), up=amount), lambda: found.mover({"up": amount})):
        with pytest.raises(InputError, match="up by .*; expected a number of standard deviations from -0.85 to 0.85"):
            move()
    assert found.move(np.zeros((1, 1)), up=-0.85)[0, 0] == np.float32(-0.85)  # the ends are within


GOOD = {"name": "up", "kind": "factor", "vector": [1.0, 2], "limit": 2}


@pytest.mark.parametrize(
    "content",
    [
        {},
        "up",
        [1],
        [GOOD | {"name": ""}],
        [GOOD | {"name": "a\nb"}],
        [GOOD | {"name": "x" * 61}],
        [GOOD | {"kind": "other"}],
        [GOOD | {"vector": [1.0]}],
        [GOOD | {"vector": [1.0, math.nan]}],
        [GOOD | {"vector": [1.0, True]}],
        [GOOD | {"limit": 0}],
        [GOOD | {"limit": math.inf}],
        [GOOD, GOOD],
        [GOOD] * 1001,
    ],
)
def test_wrong_sliders_in_a_file_are_rejected(content):
    with pytest.raises(InputError, match="an export has"):
        sliders.from_json(content, "normal", 2)


# files


@pytest.fixture(scope="module")
def found_run(trained, tmp_path_factory):
    """A run of digits with directions, found by the command: the folder and the output."""
    import shutil

    folder = shutil.copytree(trained.run_dir, tmp_path_factory.mktemp("directions") / "run")
    options = ["--samples", "300", "--least-r2", "0.2", "--factors", "1", "--lock", "none"]
    done = CliRunner().invoke(kgan, ["directions", str(folder), *options])
    assert done.exit_code == 0, done.output
    return folder, done.output


def test_the_command_prints_saves_and_draws_directions(found_run):
    folder, content = found_run
    found = directions.load(Run(folder))
    assert "factor 1" in found.names and found.step == 30
    for name in found.names:
        assert f"{name} ±{found[name].limit:g}" in content
    for name in (*found.rejected, "R²", "cross-talk"):
        assert name in content
    assert (folder / "directions.png").read_bytes()[:4] == b"\x89PNG"
    assert 'id="directions"' in (folder / "report.html").read_text()


def test_directions_are_loaded_as_they_were_saved(found_run, bars):
    run = Run(found_run[0])
    found = directions.load(run)
    before = (run.path / record.NAME).read_bytes()
    record.save(found, run)
    assert (run.path / record.NAME).read_bytes() == before


def test_a_run_samples_with_its_sliders_moved(found_run, tmp_path):
    from keras_gan import training

    folder, _ = found_run
    out = tmp_path / "moved.npz"
    done = CliRunner().invoke(kgan, ["sample", str(folder), "-n", "3", "--set", "factor 1=2.5", "--out", str(out)])
    assert done.exit_code == 0, done.output
    gan, found = training.load(folder), directions.load(Run(folder))
    z = latents.draw(3, gan.latent_dim, gan.latent, 0)
    moved = np.load(out)["images"]
    np.testing.assert_array_equal(moved, gan.generate(z=z + 2.5 * found["factor 1"].vector))
    assert (moved != gan.generate(z=z)).any()


@pytest.mark.parametrize(
    "setting", ["slant", "slant=", "=1", "nothing=1", "factor 1=3.1", "factor 1=1e9", "factor 1=nan"]
)
def test_errors_of_settings_are_one_line(found_run, tmp_path, setting):
    done = CliRunner().invoke(kgan, ["sample", str(found_run[0]), "--set", setting, "--out", str(tmp_path / "x.png")])
    assert done.exit_code == 2 and not (tmp_path / "x.png").exists()
    assert "expected" in done.output


def test_a_sweep_needs_no_out_and_rejects_contradictions(found_run, tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    sweep = ["sample", str(found_run[0]), "--sweep", "factor 1", "-n", "2"]
    done = CliRunner().invoke(kgan, sweep)
    assert done.exit_code == 0, done.output
    with Image.open("factor-1.gif") as gif:
        assert gif.n_frames == 22  # 12 from end to end, and 10 back
    for words, message in (
        (["--set", "factor 1=1"], "--set factor 1 with --sweep factor 1"),
        (["--set", "a=1", "--set", "a=0"], "--set a was given twice"),
        (["--out", "x.png"], "expected a .gif, a .webp or an .mp4. Use --out factor-1.gif"),
    ):
        done = CliRunner().invoke(kgan, [*sweep, *words])
        assert done.exit_code == 2 and message in done.output, done.output
    assert [file.name for file in tmp_path.iterdir()] == ["factor-1.gif"]


def test_directions_of_a_file_need_its_run(tmp_path):
    (tmp_path / "g.tflite").write_bytes(b"")
    done = CliRunner().invoke(kgan, ["directions", str(tmp_path / "g.tflite")])
    assert done.exit_code == 2 and "is not a run folder" in done.output


def test_directions_of_an_earlier_step_are_used_with_a_notice(found_run, tmp_path):
    import shutil

    folder = shutil.copytree(found_run[0], tmp_path / "run")
    content = json.loads((folder / record.NAME).read_text())
    (folder / record.NAME).write_text(json.dumps(content | {"step": 20}))
    done = CliRunner().invoke(kgan, ["sample", str(folder), "--set", "factor 1=1", "--out", str(tmp_path / "x.png")])
    assert done.exit_code == 0 and "Notice: the directions of " in done.output and "step 20" in done.output


def test_sliders_are_renamed(found_run, tmp_path):
    import shutil

    folder = shutil.copytree(found_run[0], tmp_path / "run")
    done = CliRunner().invoke(kgan, ["directions", str(folder), "--name", "factor 1=smile"])
    assert done.exit_code == 0 and "smile ±3" in done.output
    found = directions.load(Run(folder))
    assert "smile" in found.names and "factor 1" not in found.names and "smile" in found.measurements
    for bad in ("smile", "smile=", "grin=x", f"smile={found.names[0] if len(found.names) > 1 else 'smile'}"):
        done = CliRunner().invoke(kgan, ["directions", str(folder), "--name", bad])
        assert done.exit_code == 2 and len(done.output.splitlines()) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content.pop("weights"),
        lambda content: content["directions"][0].update(vector=[1.0]),
        lambda content: content["weights"].update({content["directions"][0]["name"]: [math.inf] * 8}),
        lambda content: content.update(directions="none"),
        lambda content: content.update(measurements={}),
        lambda content: content["measurements"][content["directions"][0]["name"]].update(r2="high"),
        lambda content: content.update(step=True),
        lambda content: content.update(rejected=None),
    ],
)
def test_a_damaged_file_gives_an_error(found_run, tmp_path, damage):
    import shutil

    folder = shutil.copytree(found_run[0], tmp_path / "run")
    content = json.loads((folder / record.NAME).read_text())
    damage(content)
    (folder / record.NAME).write_text(json.dumps(content))
    with pytest.raises(InputError, match="directions.json is damaged"):
        directions.load(Run(folder))


def test_an_export_carries_the_sliders_of_its_own_step(found_run, tmp_path):
    import shutil

    from keras_gan import training
    from keras_gan._utils.errors import Notice

    folder = shutil.copytree(found_run[0], tmp_path / "run")
    gan, run = training.load(folder), Run(folder)
    found = directions.load(run)
    gan.export(tmp_path / "g.tflite", "tflite", "float32", Options(about=About.of(run, gan.step)))
    generator = edge.Generator(tmp_path / "g.tflite")
    assert generator.directions.names == found.names
    z = latents.draw(4, gan.latent_dim, gan.latent, 9)
    moved = generator.directions.move(z, **{"factor 1": -1.5})
    np.testing.assert_allclose(moved, found.move(z, **{"factor 1": -1.5}), atol=1e-4)
    far = np.abs(generator.generate(z=moved).astype(int) - gan.generate(z=moved))
    assert far.max() <= 1
    with pytest.warns(Notice, match="directions of .* step 30, and the generator is at step 31"):
        assert About.of(run, 31).directions is None


def test_classes_are_read_if_the_data_have_them(found_run):
    digits = data.open_source("digits")
    seen = reading.readers((8, 8, 1), digits)
    odds = seen.read(digits.array[:200])[:, -10:]
    assert (odds.argmax(1) == digits.labels[:200]).mean() > 0.95
    assert np.abs(odds).max() <= math.log(1e4)
    assert reading.readers((8, 8, 1), digits, conditional=True).names == tuple(morphology.STROKES)
