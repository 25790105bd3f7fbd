"""The page of a run: in a real browser as a reader has it, and as a command."""

import html
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from keras_gan import reporting, training
from keras_gan._utils.errors import InputError
from keras_gan.cli.main import kgan
from keras_gan.config import TrainConfig
from keras_gan.plots import inline
from keras_gan.reporting import embedding, page, records, settings
from keras_gan.runs import Run, checkpoints, step_of

KGAN = Path(sys.executable).with_name("kgan")
PHONE, DESK = 360, 1280  # px
HOSTILE = "<script>alert(1)</script>"
OVERFLOWING = """() => [...document.querySelectorAll("body *")]
    .filter(e => e.getBoundingClientRect().right > innerWidth && !e.closest(".scroll")).map(e => e.outerHTML)"""
WIDTHS = "() => [...document.images].map(image => image.naturalWidth)"
SHOWN = "() => [...document.images].filter(image => image.checkVisibility()).map(image => image.alt)"


def metrics():
    """A metrics.json as kgan evaluate writes it; the numbers are those of no run."""
    row = {"error": None, "note": ""}
    return {
        "keras_gan": "0.1.0",
        "data": "digits",
        "samples": 1234,
        "reference": {"split": "test", "count": 1234},
        "seed": 0,
        "step": 20,
        "extractor": {"name": "digits", "sha256": "0123456789abcdef" * 4, "accuracy": 0.975},
        "scores": [
            {
                **row,
                "name": "frechet",
                "label": "Fréchet distance",
                "value": 81.957,
                "baseline": 2.4258,
                "better": "lower",
            },
            {
                **row,
                "name": "kid",
                "label": "kernel distance",
                "value": 0.5,
                "baseline": None,
                "better": "lower",
                "error": 0.25,
            },
            {**row, "name": "recall", "label": "recall", "value": 0.7886, "baseline": 0.9604, "better": "higher"},
            {
                **row,
                "name": "density",
                "label": HOSTILE,
                "value": 12345.6,
                "baseline": 1,
                "better": "baseline",
                "note": HOSTILE,
            },
        ],
    }


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """A folder with an export of the trained run, and its report."""
    folder = tmp_path_factory.mktemp("export")
    trained.gan.export(folder / "generator.tflite", "tflite")
    return folder


@pytest.fixture
def full_run(run_dir, exported):
    """A run with everything that a page can show."""
    shutil.copytree(exported, run_dir / "export")
    (run_dir / "metrics.json").write_text(json.dumps(metrics()))
    Image.fromarray(np.arange(96 * 800).reshape(96, 800).astype("uint8")).save(run_dir / "neighbours.png")
    return Run(run_dir)


def words(run):
    """The page of a run without its tags."""
    return html.unescape(re.sub(r"<[^>]+>", "", page.page(run)))


class Reader:
    """A page in a browser, with its console messages, dialogs and requests."""

    def __init__(self, browser, file, width=DESK, **settings):
        self.context = browser.new_context(viewport={"width": width, "height": 800}, **settings)
        self.page = self.context.new_page()
        self.complaints, self.requests, self.dialogs = [], [], []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.resolve().as_uri())

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.context.close()


@pytest.mark.parametrize(
    "width, scheme",
    [
        (PHONE, "dark"),
        *(pytest.param(*case, marks=pytest.mark.long) for case in ((PHONE, "light"), (DESK, "light"), (DESK, "dark"))),
    ],
)
def test_the_page_is_whole_and_fits_the_screen(full_run, browser, width, scheme):
    file = reporting.write(full_run)
    with Reader(browser, file, width, color_scheme=scheme) as reader:
        assert reader.complaints == []
        assert [url for url in reader.requests if not url.startswith("data:")] == [file.resolve().as_uri()]
        assert len(reader.page.evaluate(WIDTHS)) == len(full_run.samples()) + 1
        assert min(reader.page.evaluate(WIDTHS)) > 0
        assert reader.page.evaluate("document.documentElement.scrollWidth") <= width
        assert reader.page.evaluate(OVERFLOWING) == []
        paper, ink = (
            sum(map(int, re.findall(r"\d+", reader.page.evaluate(f"getComputedStyle(document.body).{name}"))[:3]))
            for name in ("backgroundColor", "color")
        )
        assert paper - ink > 400 if scheme == "light" else ink - paper > 400


def test_the_last_samples_are_shown_first_and_without_scripts(full_run, browser):
    file = reporting.write(full_run)
    with Reader(browser, file, java_script_enabled=False) as reader:
        frames = reader.page.locator("#frames img")
        assert [frames.nth(i).is_visible() for i in range(frames.count())] == [False] * (frames.count() - 1) + [True]
        assert not reader.page.locator("#controls").is_visible()


def test_the_slider_shows_the_picture_of_its_step(full_run, browser):
    names = [f"step {int(file.stem[5:]):,}" for file in full_run.samples()]
    assert len(names) > 3
    with Reader(browser, reporting.write(full_run), PHONE) as reader:
        slider = reader.page.get_by_role("slider", name="Step of the snapshot")

        def shown():
            pictures = [alt for alt in reader.page.evaluate(SHOWN) if alt.startswith("Samples")]
            assert pictures == [f"Samples at {reader.page.locator('output').inner_text()}"]
            assert slider.get_attribute("aria-valuetext") == reader.page.locator("output").inner_text()
            return reader.page.locator("output").inner_text()

        assert shown() == names[-1]
        slider.press("Home")
        assert shown() == names[0]
        slider.press("ArrowRight")
        assert shown() == names[1]
        slider.fill("3")
        assert shown() == names[3]
        slider.press("End")
        assert shown() == names[-1]


def test_play_runs_from_the_first_step_to_the_last(full_run, browser):
    names = [f"step {int(file.stem[5:]):,}" for file in full_run.samples()]
    with Reader(browser, reporting.write(full_run)) as reader:
        reader.page.clock.install(time=0)  # so that the test need not wait for the pictures,
        reader.page.clock.pause_at(1_000)  # and a busy machine's own time does not add to what the test lets pass
        button, output = reader.page.locator("#play"), reader.page.locator("output")
        button.click()
        seen = [output.inner_text()]
        assert button.inner_text() == "Pause"
        for _ in names[1:]:
            reader.page.clock.run_for(350)
            seen.append(output.inner_text())
        assert seen == names and button.inner_text() == "Play"
        button.click()
        reader.page.clock.run_for(400)
        button.click()
        assert (output.inner_text(), button.inner_text()) == (names[1], "Play")
        reader.page.clock.run_for(2_000)
        assert output.inner_text() == names[1]
        button.click()
        reader.page.get_by_role("slider").press("Home")  # a reader's hand stops it
        reader.page.clock.run_for(2_000)
        assert (output.inner_text(), button.inner_text()) == (names[0], "Play")


def test_the_metric_card_shows_the_numbers(full_run, browser):
    with Reader(browser, reporting.write(full_run)) as reader:
        table = reader.page.get_by_role("region", name="Metric card").locator("tbody tr")
        rows = [[cell.split() for cell in row.locator("th, td").all_inner_texts()] for row in table.all()]
        assert [[" ".join(words) for words in row] for row in rows] == [
            ["Fréchet distance lower is better", "81.96", "2.426"],
            ["kernel distance lower is better", "0.5 ± 0.25", "–"],
            ["recall higher is better", "0.7886", "0.9604"],
            [f"{HOSTILE} best at the baseline; {HOSTILE}", "12,346", "1"],
        ]
        text = reader.page.locator("main").inner_text()
    assert "1,234 samples at step 20, compared with 1,234 real images of the test split" in text
    assert "trained to step 30" in text
    assert "digits, accuracy 97.5% on held-out images, weights 0123456789ab" in text


def test_the_page_shows_exports_settings_and_verdicts(full_run):
    text = words(full_run)
    (exported,) = (full_run.path / "export").glob("*.json")
    measured = json.loads(exported.read_text())
    assert "generator.tflite" in text and f"{measured['size_bytes'] / 1000:,.0f} kB" in text
    assert f"{measured['mean_error']:.1e}" in text and f"{measured['latency_ms']:.3f}" in text
    assert f"{measured['quality']['sliced_wasserstein']:.2%}" in text
    assert "kgan train digits --preset lean --steps 30 --batch-size 16 --latent-dim 8" in text
    assert "Radford et al. 2015" in text and "30 of 30 steps" in text
    assert "480 images from a data set of 1,797" in text
    assert "Too early to tell" in text
    assert "Missing parts" not in text


def test_missing_parts_are_listed_with_the_command_that_creates_them(run_dir):
    config = json.loads((run_dir / "config.json").read_text())
    config["config"]["steps"] = 1000
    (run_dir / "config.json").write_text(json.dumps(config))
    text = words(Run(run_dir))
    on = f"--latent-dim 8 --no-augment --run {run_dir}"  # augmentation is decided once, so the command repeats it
    for command in (f"kgan evaluate {run_dir}", f"kgan export {run_dir} --tflite", on):
        assert command in text
    assert "The remaining 970 steps" in text
    assert not {"Metric card", "Closest pairs", "Exports"} & {line.strip() for line in text.splitlines()}


@pytest.mark.parametrize(
    "wrong", [[], {"samples": "many"}, {"scores": [{}]}, {"reference": None}, {"samples": 10**400}]
)
def test_other_json_than_a_metric_card_is_left_out(tmp_path, wrong):
    file = tmp_path / "metrics.json"
    file.write_text(json.dumps(metrics()))
    assert records.read(file, records.Card).scores[1].error == 0.25
    file.write_text(json.dumps(metrics() | wrong if isinstance(wrong, dict) else wrong))
    assert records.read(file, records.Card) is None


def test_names_from_outside_are_inert(full_run, browser, tmp_path):
    folder = tmp_path / "<script>alert(1)<" / "script>"  # what a path can hold of it
    folder.parent.mkdir()
    full_run.path.rename(folder)
    settings = json.loads((folder / "config.json").read_text())
    settings["config"]["data"] = f"/{HOSTILE}/<img src=x onerror=alert(2)>.npz"
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "metrics.json").unlink()  # so that the commands with the folder's name are shown
    with Reader(browser, reporting.write(Run(folder))) as reader:
        assert reader.dialogs == [] and reader.complaints == []
        assert reader.page.locator("h1").inner_text() == "<img src=x onerror=alert(2)>.npz"
        assert reader.page.locator("footer code").inner_text() == str(folder)
        assert reader.page.locator("script").count() == 1 and reader.page.locator("[onerror]").count() == 0


def test_the_policy_stops_scripts_and_hosts_even_if_something_slipped_in(full_run, browser):
    file = reporting.write(full_run)
    intruders = '<script>document.title = "in"</script><img src="http://127.0.0.1:9/x.png"></main>'
    file.write_text(file.read_text("utf-8").replace("</main>", intruders), "utf-8")
    with Reader(browser, file) as reader:
        assert reader.page.title() != "in"
        assert len([text for text in reader.complaints if "Content Security Policy" in text]) >= 2


def test_a_long_run_has_25_snapshots_on_a_small_page(run_dir):
    run = Run(run_dir)
    noise = np.random.default_rng(0).integers(0, 256, (40, 240, 240, 3), dtype="uint8") // 8 + 60
    for step, pixels in enumerate(noise, start=100):
        Image.fromarray(pixels).save(run.sample_file(step))
    text = page.page(run)
    steps = [int(step) for step in re.findall(r'alt="Samples at step (\d+)"', text)]
    assert len(steps) == 25 and steps[0] == 0 and steps[-1] == 139
    assert max(np.diff(np.searchsorted(_steps(run), steps))) <= 3
    assert len(text) < 0.5 * sum(file.stat().st_size for file in run.samples())


def test_the_snapshots_of_noisy_photos_stay_within_the_limit(run_dir):
    run = Run(run_dir)
    for step, seed in enumerate(range(25), start=100):
        noise = np.random.default_rng(seed).integers(0, 256, (400, 400, 3), dtype="uint8")
        Image.fromarray(noise).save(run.sample_file(step))
    for file in run.samples():
        if step_of(file) < 100:
            file.unlink()
    frames = embedding.snapshots(run)
    assert sum(frame.bytes for frame in frames) <= embedding.FRAMES_BYTES
    assert 2 <= len(frames) < 25 and (frames[0].step, frames[-1].step) == (100, 124)


def test_settings_are_shown_as_training_resolved_them(tmp_path, trained):
    run = Run.create(tmp_path / "run", TrainConfig("digits", "resnet", steps=30), trained.source)
    shown = dict(settings.rows(run, run.config))
    assert "automatic" in shown["penalties"] and "learning_rate automatic" in shown["generator optimizer"]
    arrays = {"automatic_weight/0000": np.float32(0.0893), "beside/learning_rates": np.array([0.0008889, 0.002])}
    checkpoints.write(run.path / "checkpoints" / "step_0000010.npz", arrays)
    shown = dict(settings.rows(run, run.config))
    assert "r1 of weight 0.089 (from" in shown["penalties"] and "auto" not in shown["penalties"]
    assert "r1 of weight 0.011 (from" in dict(settings.rows(run, replace(run.config, gamma="auto/8")))["penalties"]
    assert "learning_rate 0.0008889 at" in shown["generator optimizer"]
    assert "learning_rate 0.002 at" in shown["discriminator optimizer"]
    (run.path / "checkpoints" / "step_0000010.npz").write_bytes(b"PK")
    assert "automatic" in dict(settings.rows(run, run.config))["penalties"]


def _steps(run):
    return [int(file.stem[5:]) for file in run.samples()]


def test_a_damaged_snapshot_is_left_out(run_dir):
    run = Run(run_dir)
    whole = page.page(run).count("<img ")
    run.samples()[1].write_bytes(b"\x89PNG, once")
    assert page.page(run).count("<img ") == whole - 1


def test_a_run_without_a_step_has_a_page(trained, tmp_path, browser):
    run = Run.create(tmp_path / "fresh", trained.config, trained.source)
    with Reader(browser, reporting.write(run), PHONE) as reader:
        assert reader.complaints == []
        assert "0 of 30 steps" in reader.page.locator("header").inner_text()
        assert "The remaining 30 steps" in reader.page.locator("main").inner_text()


@pytest.mark.parametrize("preset", [pytest.param(preset, marks=pytest.mark.long) for preset in ("gaussian", "ring")])
def test_points_have_a_page_as_pictures_have(preset, tmp_path, browser):

    job = training.prepare(training.configure(preset, steps=40, batch_size=16), tmp_path / "run")
    job.train()
    file = job.run_dir / "report.html"
    with Reader(browser, file, PHONE) as reader:
        assert reader.complaints == []
        assert min(reader.page.evaluate(WIDTHS)) > 0
        assert reader.page.evaluate("document.documentElement.scrollWidth") <= PHONE
        text = reader.page.locator("main").inner_text()
    assert "640 points from" in text and "Adam (learning_rate ExponentialDecay (initial_learning_rate 0.0" in text
    assert ("Jensen-Shannon divergence" in text) == (preset == "gaussian")
    assert ("Result next to the exact optimum" in text) == (preset == "gaussian")
    assert ("Diversity and duplicates" in text) == (preset == "ring")  # every point on a line nearly equals others


def test_training_ends_with_the_page(trained):
    assert "30 of 30 steps" in (trained.run_dir / "report.html").read_text("utf-8")
    assert str(trained.run_dir / "report.html") in str(training.outcome(trained))


# the command


def command(*words):
    return subprocess.run([KGAN, "report", *map(str, words)], capture_output=True, text=True)


def test_the_command_writes_the_page_where_it_is_asked_to(run_dir, tmp_path):
    (run_dir / "report.html").unlink()
    done = command(run_dir)
    kilobytes = f"{(run_dir / 'report.html').stat().st_size / 1000:,.0f}"
    assert (done.returncode, done.stdout) == (0, f"report in {run_dir}/report.html ({kilobytes} kB)\n")
    other = tmp_path / "new" / "page.htm"
    assert command(run_dir, "--out", other).returncode == 0
    assert other.read_bytes() == (run_dir / "report.html").read_bytes()


@pytest.mark.parametrize(
    "words, message",
    [
        (("missing",), "missing is not a run folder .* expected a run"),
        (("run", "--out", "page.pdf"), "cannot write the page as page.pdf; expected the name of an .html file"),
        (("run", "--out", "run/config.json/page.html"), "cannot write run/config.json/page.html .*another"),
        (("damaged",), "metrics.json is damaged .*expected JSON"),
    ],
)
def test_a_bad_request_is_told_in_one_line(words, message, run_dir, tmp_path, monkeypatch):
    shutil.copytree(run_dir, tmp_path / "damaged")
    (tmp_path / "damaged" / "metrics.json").write_text("{")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(kgan, ["report", *words])
    assert done.exit_code == 2 and done.stdout == ""
    assert re.fullmatch(f"Error: .*{message}.*\n", done.stderr)


def test_the_command_is_light(run_dir):
    program = (
        "import sys; from keras_gan import reporting; from keras_gan.runs import Run; "
        "reporting.write(Run(sys.argv[1])); print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program, run_dir], check=True, capture_output=True, text=True)
    assert not set(done.stdout.split()) & {"tensorflow", "keras", "matplotlib", "sklearn"}


# lines


def test_a_line_is_interrupted_where_a_value_is_not_finite():
    xs, ys = np.array([0.0, 10, 20, 30, 40]), np.array([1.0, 2, np.nan, 4, np.inf])
    assert inline.path(xs, ys) == "M0.0 1.0L10.0 2.0M30.0 4.0"


def test_a_chart_places_values_from_step_0_to_the_last_and_low_values_below():
    drawn = inline.chart(np.array([50.0, 100, 200]), {"a": np.array([0.0, 4.0, 1.0])})
    assert drawn.lines == {"a": "M250.0 1000.0L500.0 0.0L1000.0 750.0"}
    assert [(tick.percent, tick.text) for tick in drawn.x_ticks] == [
        (0, "0"), (25, "50"), (50, "100"), (75, "150"), (100, "200"),
    ]  # fmt: skip
    assert [(tick.percent, tick.text) for tick in drawn.y_ticks] == [
        (100, "0"), (75, "1"), (50, "2"), (25, "3"), (0, "4"),
    ]  # fmt: skip
    assert drawn.outside is None


def test_a_rare_peak_does_not_flatten_the_rest_and_is_reported():
    losses = np.tile([1.0, 2.0], 100)
    losses[150] = -70.0
    drawn = inline.chart(np.arange(10, 2001, 10), {"a": losses, "b": losses * np.nan})
    assert [tick.text for tick in drawn.y_ticks] == ["1", "1.5", "2"]
    assert drawn.outside == (-70.0, 1510.0)


@pytest.mark.parametrize("values", [[1.0], [np.nan, np.inf], []])
def test_nothing_is_drawn_of_too_little(values):
    assert inline.chart(np.arange(len(values)), {"a": np.array(values)}) is None


@pytest.mark.parametrize("low, high", [(0, 0), (-3, -3), (1e-9, 2e-9), (-1e30, 1e30), (0.1, 0.7), (0, 99_999)])
def test_ticks_enclose_the_values_and_are_few(low, high):
    ticks = inline.ticks(low, high)
    assert ticks[0] <= low and ticks[-1] >= high and 2 <= len(ticks) <= 7
    assert np.allclose(np.diff(ticks), ticks[1] - ticks[0])


def test_a_page_that_cannot_be_written_is_refused(run_dir):
    with pytest.raises(InputError, match="expected the name of an .html file"):
        reporting.write(Run(run_dir), run_dir / "samples")
