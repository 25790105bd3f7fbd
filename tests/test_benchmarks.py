"""The scripts in benchmarks/ run as their docstrings say, on data small enough for a test."""

import dataclasses
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from scipy.io import savemat

from keras_gan import GAN, InputError, data, networks, training

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """A file like the Toronto Face Database's: images (n, 48, 48) uint8 beside other arrays."""
    file = tmp_path_factory.mktemp("faces") / "TFD_48x48.mat"
    images = np.random.default_rng(0).integers(0, 256, (120, 48, 48), dtype="uint8")
    savemat(file, {"images": images, "folds": np.ones((120, 5), "int8")})
    return file, images


def test_a_matlab_file_gives_its_images(faces):
    file, images = faces
    source = data.open_source(file)
    assert source.shape == (48, 48, 1) and source.count == 120
    np.testing.assert_array_equal(source.array[..., 0], images)
    assert data.open_source(file, split="test") is None


@pytest.fixture
def said(forked):
    """A function that runs a script of the folder to its status, its output and its error."""

    def of(script, *words):
        process = forked(BENCHMARKS / script, *words)
        out, err = process.communicate(timeout=900)
        return process.returncode, out, err

    return of


@pytest.mark.long
def test_table_1_on_a_file_of_faces(faces, said, tmp_path):
    command = "table1.py", faces[0], "--steps", 2, "--checks", 2, "--half-life", 100, "--run", tmp_path / "run"
    status, out, err = said(*command)
    assert status == 0, err
    real, *ours = map(json.loads, out.splitlines())
    assert real["kind"] == "real training images" and real["published"] == ""
    assert [row["step"] for row in ours] == [1, 2]
    assert all(np.isfinite([row["nats"], row["error"]]).all() and 0.1 <= row["sigma"] <= 1 for row in (real, *ours))
    again = [json.loads(line) for line in said(*command)[1].splitlines()]
    assert [row["nats"] for row in again] == [real["nats"], ours[-1]["nats"]]  # the first check is not repeated


def test_the_networks_of_2014_for_faces(faces, monkeypatch):
    """With 40 units in place of 8,000, and 6 in place of 1,200: sizes, column norms, rates and momenta."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    import table1

    source, validation, test = table1.split(str(faces[0]), 48)
    assert (source.count, len(validation), len(test)) == (96, 12, 12)
    config = training.configure(str(faces[0]), "goodfellow2014", steps=3, batch_size=48)
    gan = table1.faces_gan(config, source.shape, source.count, half_life=0, width=40)
    shapes = [
        [tuple(w.shape) for w in net.trainable_weights if w.ndim > 1] for net in (gan.generator, gan.discriminator)
    ]
    assert shapes == [[(100, 40), (40, 40), (40, 2304)], [(2304, 30), (6, 30), (6, 1)]]
    gan.generator.trainable_weights[0].assign(np.full((100, 40), 0.5, "float32"))  # each column has a norm of 5
    gan.fit(source.fetch(np.arange(96)) / 127.5 - 1, batch_size=48, epochs=1, verbose=0)
    for weight in gan.trainable_weights:
        assert weight.ndim < 2 or np.linalg.norm(weight, axis=0).max() <= 1.9366
    for optimizer, rate in ((gan.generator_optimizer, 0.05), (gan.discriminator_optimizer, 0.025)):
        assert float(optimizer.learning_rate) == pytest.approx(rate / 1.000004**2)
        assert (optimizer.first_step, optimizer.last_step) == (2, 500)  # an epoch has two steps


@pytest.mark.long
def test_time_to_quality_judges_at_the_end_of_its_time_and_draws(said, tmp_path):
    script, file = "time_to_quality.py", tmp_path / "curve.json"
    options = ["--data", "digits", "--minutes", "0.03", "--samples", "100", "--out", file]
    status, _, err = said(script, "lean", *options)
    assert status == 0, err
    (run,) = json.loads(file.read_text())
    (row,) = run["rows"]
    assert run["recipe"] == "lean" and 0 < run["baseline"] < row["frechet_distance"]
    assert row["seconds"] >= 1.8 and row["images"] % 64 == 0 and row["images"] > 0
    assert said(script, "--draw", file, "--out", tmp_path / "curve.png")[0] == 0
    with Image.open(tmp_path / "curve.png") as picture:
        assert picture.size == (960, 600)
    status, _, err = said(script, "nonsense")
    assert status == 2 and "neither a preset nor tutorial" in err


@pytest.mark.long
def test_pytorch_is_judged_in_a_process_of_its_own(said, tmp_path):
    options = ["--data", "avatars:20", "--image-size", "64", "--minutes", "0.01", "--samples", "20"]
    status, _, err = said("time_to_quality.py", "pytorch", *options, "--out", tmp_path / "curve.json")
    if importlib.util.find_spec("torch") is None:
        assert status == 2 and "pip install torch" in err
        return
    assert status == 0, err
    (run,) = json.loads((tmp_path / "curve.json").read_text())
    (row,) = run["rows"]
    assert row["images"] % 20 == 0 and row["frechet_distance"] > run["baseline"] > 0 and run["samples"] == 20


@pytest.fixture
def leaderboard(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import leaderboard

    return leaderboard


def curve(*points):
    return [{"seconds": seconds, "frechet_distance": distance} for seconds, distance in points]


def test_seconds_to_a_distance_by_hand(leaderboard):
    # From 100 to 400 s the distance falls from 16 to 4; halfway in both logarithms are 200 s and a distance of 8.
    rows = curve((100.0, 16.0), (400.0, 4.0), (800.0, 5.0))
    assert leaderboard.seconds_to(8.0, rows) == pytest.approx(200.0)
    assert leaderboard.seconds_to(4.0, rows) == pytest.approx(400.0)
    assert leaderboard.seconds_to(20.0, rows) == 100.0  # reached before the first judgement
    assert leaderboard.seconds_to(3.0, rows) == np.inf
    assert leaderboard.spread([100.0, 1200.0, np.inf], 0) == "1,200 (100 to never)"
    assert leaderboard.spread([100.0, np.inf, np.inf], 0) == "reached by 1 of 3"


@pytest.mark.long
def test_the_leaderboard_gets_a_line(said, tmp_path):
    board = tmp_path / "board.md"
    options = ["--seed", 0, "--minutes", 0.03, "--samples", 100, "--set", "preset=lean", "--set", "batch_size=16"]
    for goals in (["--goal", 1e9, "--goal", 1e-9], []):
        status, out, err = said("leaderboard.py", "digits", *options, *goals, "--board", board)
        assert status == 0, err
        assert board.read_text().splitlines()[-1] == out.splitlines()[-1]
    *_, first, second = (row.split(" | ") for row in board.read_text().splitlines())
    assert first[5].startswith("1e+09: ") and first[6] == "1e-09: reached by 0 of 1"
    assert len(second) == len(first) and second[3].startswith("digits, baseline ")


@pytest.mark.long
def test_growth_measures_each_point_in_a_process_of_its_own_and_draws(tmp_path):
    script, file = [sys.executable, BENCHMARKS / "growth.py"], tmp_path / "growth.json"
    options = ["--only", "images", "--most", "1000", "--seconds", "0.1", "--out", file]
    subprocess.run([*script, *options], capture_output=True, check=True)
    (point,) = json.loads(file.read_text())
    assert (point["axis"], point["value"], point["batch"]) == ("images", 1000, 32)
    assert point["steps"] >= 8 and point["ms_per_image"] > 0 and 100 < point["peak_mb"] < 5e3
    with Image.open(tmp_path / "growth.png") as picture:
        assert picture.size == (360, 660)


def soaked(**series):
    """An hour's looks and rows, one a minute: what is given, as functions of the minute, and 1,000 of all else."""
    names = ("memory_mb", "handles", "threads", "disk_mb", "images_per_s")
    of = dict.fromkeys(names, lambda minute: 1000.0) | series
    every = [{"seconds": 60.0 * m, "checkpoints": 2, **{name: of[name](m) for name in names}} for m in range(61)]
    return {"steps": 1, "status": 130, "kept": 2, "looks": every, "rows": every}


# Of the 61 looks those of minutes 6 to 60 are judged: their median lies at minute 33, that of the first tenth (five
# looks) at minute 8, that of the last at 58.
@pytest.mark.parametrize(
    "series, changed, words",
    [
        # 120 an hour: 1,066 in the middle, of which 120 are 11.3 %; from 1,016 to 1,116.
        ({"memory_mb": lambda m: 1000 + 2 * m}, {}, "1,066.0 +11.3 % +9.8 % NOT FLAT"),
        # Every other look 10 % higher: as many pairs of looks rise as fall, and both tenths begin and end high.
        ({"memory_mb": lambda m: 1000 + 100 * (m % 2 == 0)}, {}, None),
        # 10 % more in the last six minutes, which is not in most pairs of looks.
        ({"threads": lambda m: 1000 + 100 * (m > 54)}, {}, "1,000.0 +0.0 % +10.0 % NOT FLAT"),
        # More speed is no fault; less is: 901 in the middle, of which 180 are 20.0 %; from 976 to 826.
        ({"images_per_s": lambda m: 1000 + 3 * m}, {}, None),
        ({"images_per_s": lambda m: 1000 - 3 * m}, {}, "901.0 -20.0 % -15.4 % NOT FLAT"),
        ({}, {"kept": 4}, "at most 2 at once, 4 at the end: old ones are NOT DROPPED"),
    ],
    ids=["growing", "noisy", "late", "faster", "slower", "checkpoints"],
)
def test_soak_tells_a_run_that_grows_from_a_noisy_one(tmp_path, monkeypatch, series, changed, words):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import soak

    (tmp_path / "soak.json").write_text(json.dumps(soaked(**series) | changed))
    done = CliRunner().invoke(soak.main, ["--judge", str(tmp_path / "soak.json")])
    table = " ".join(done.output.split())
    assert done.exit_code == (words is not None), done.output
    assert table.count("NOT") == (words is not None) and (words or "") in table
    with Image.open(tmp_path / "soak.png") as picture:
        assert picture.size == (960, 1020)


# 422 MB pass NVLink's 450 GB/s, of which 120 of 128 bytes are data, in 1 ms; 375 MB a machine's ports in 1 ms.
@pytest.mark.parametrize(
    "sent, gpus, hops_us, bytes_us",
    [
        (421_875_000, 1, 0, 0),
        # A ring of 14 hops inside a machine, 14 + 14 × 1.9, which passes 2 × 7/8 of the bytes; a tree: 31.5 + 2,000.
        (421_875_000, 8, 40.6, 1750),
        (0, 8, 31.5, 0),  # a tree: 14 + 2 × 7 × 1.25; the ring takes 40.6
        # Eight machines. A tree: 14 + 2 × (7 × 1.25 + 3 × 8.5); a ring: 14 + 112 × 1.9 + 14 × 4 = 282.8.
        (0, 64, 82.5, 0),
        # 64 machines. A tree: 14 + 2 × (7 × 1.25 + 6 × 8.5), and all bytes up and down; the ring's hops alone: 2,220.
        (375_000_000, 512, 133.5, 2000),
    ],
)
def test_an_exchange_on_paper(monkeypatch, sent, gpus, hops_us, bytes_us):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import scaling

    assert [1e6 * seconds for seconds in scaling.exchange(sent, gpus)] == pytest.approx([hops_us, bytes_us], abs=1e-6)


def test_what_limits_many_gpus_on_paper(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import scaling

    # An image takes 1 ms at .3 of 989 TFLOP/s, and 300 operations start in 1.5 ms.
    game = scaling.Game("by hand", flops_per_image=296.7e9, operations=300, exchanges=(421_875_000, 0))
    four = scaling.estimate(game, gpus=8, images=4)
    parts = {"arithmetic": 4, "launches": 1.5, "hops": 0.0406 + 0.0315, "bytes": 1.75}
    assert {name: 1e3 * seconds for name, seconds in four["seconds"].items()} == pytest.approx(parts)
    # 4 ms + 1.8221 ms; one GPU takes 4 ms for its four images, and 32 ms for all.
    assert four["efficiency"] == pytest.approx(4 / 5.8221) and four["speedup"] == pytest.approx(32 / 5.8221)
    assert four["limit"] == "arithmetic"
    # One image leaves its arithmetic, 1 ms, behind the starts of its operations.
    one = scaling.estimate(game, gpus=8, images=1)
    assert one["speedup"] == pytest.approx(8 / (1.5 + 1.8221)) and one["limit"] == "bytes"


@pytest.mark.long
def test_edge_measures_every_way_to_run_a_run(said, run_dir, tmp_path):
    options = ["--rounds", "2", "--seconds", "0.001", "--samples", "100", "--tune", "2", "--micro"]
    status, out, err = said("edge.py", run_dir, *options, "--out", tmp_path / "edge.json")
    assert status == 0, err
    measured = json.loads((tmp_path / "edge.json").read_text())
    rows = {row["name"]: row for row in measured["rows"]}
    files = [f"`.tflite`, {mode}" for mode in ("float32", "float16", "int8", "int8-static", "int8, tuned")]
    others = ["SavedModel", "ONNX Runtime", "`tf.function`", "Keras, eager call", "Keras `predict`"]
    assert list(rows) == [*files, *others, "for microcontrollers, run by LiteRT"]
    assert [name for name, row in rows.items() if not row["ms"]] == ["for microcontrollers, run by LiteRT"]
    assert all(len(ms) == 2 and min(ms) > 0 for row in rows.values() for ms in row["ms"].values())
    for name in [*files, "for microcontrollers, run by LiteRT"]:
        row = rows[name]
        assert 0 < row["alone_bytes"] <= row["size_bytes"] and row["frechet_distance"] > 0
        assert row["mean_error"] <= row["percentile_error"] <= row["largest_error"]
    assert measured["samples"] == 100 and measured["multiply_adds"] > 0
    assert rows["ONNX Runtime"]["largest_error"] < 1e-4 < rows["`.tflite`, int8"]["largest_error"]
    assert out.startswith(f"    python benchmarks/edge.py {run_dir} --rounds 2 --seconds 0.001 --tune 2")
    assert out.count("reached") == len(measured["goals"]) == 6


@pytest.fixture
def edge(monkeypatch):
    """The module of benchmarks/edge.py."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    import edge

    return edge


@pytest.mark.long
def test_edge_refuses_to_time_what_gives_other_pictures(edge):
    options = {"family": "lean", "num_classes": 3}
    gan = GAN(networks.generator(SHAPE, **options), networks.discriminator(SHAPE, **options), num_classes=3)
    ways = list(edge.in_keras(gan))
    assert all(largest < 1e-5 for _, _, largest in edge.check(gan, ways).values())
    off = edge.of_any_batch(lambda z, label: ways[0].calls["generate"](z, label) + 2e-4)
    with pytest.raises(InputError, match="other differs from Keras by 2.0e-04 .mean. and 2.0e-04 .largest."):
        edge.check(gan, [edge.Engine("other", off)])
    other_labels = edge.of_any_batch(lambda z, label: ways[0].calls["generate"](z, (label + 1) % 3))
    with pytest.raises(InputError, match="other differs from Keras"):
        edge.check(gan, [edge.Engine("other", other_labels)])


def test_edges_goals_by_hand(edge):
    def row(name, size_bytes, error, ms, distance):
        return edge.Row(name, name.split(", ")[-1], error, 0.05, 0.1, size_bytes, None, {"generate": ms}, distance)

    rows = [
        row("`.tflite`, float32", 1_200_000, 0.0, [0.5, 0.5, 0.5], 2.0),
        row("`.tflite`, float16", 600_001, 1e-4, [0.5, 0.5, 0.5], 2.0),
        row("`.tflite`, int8", 299_000, 0.004, [0.1, 0.1, 0.2], 2.03),
        row("`.tflite`, int8-static", 310_000, 0.006, [0.1, 0.1, 0.1], 1.95),
        row("ONNX Runtime", 1_100_000, 0.0, [0.5, 0.32, 0.4], None),
    ]
    # The rounds' ratios are 5, 3.2 and 2; that of the medians is .4 / .1. Distances: 1.5 % above, 2.5 % below.
    assert edge.goals(rows) == [
        ("int8 in at most 300 kB", "299.0 kB", True),
        ("int8 in at most .15 ms a sample at batch 1", "0.1000 ms", True),
        ("float16 in at most 600 kB", "600.0 kB", False),
        ("int8 at least 3 times as fast as ONNX Runtime, batch 1", "3.20×", True),
        ("mean error of int8 at most .004", "0.004", True),
        (
            "Fréchet distance within 2 % of float32's",
            "float32 +0.00%, float16 +0.00%, int8 +1.50%, int8-static -2.50%",
            False,
        ),
    ]
    unjudged = [dataclasses.replace(row, frechet_distance=None) for row in rows]
    assert edge.goals(unjudged)[-1][1:] == ("", None)
