"""The 1-D example as users run it: the command and the files in the run folder."""

import math

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from keras_gan import theory, training
from keras_gan._utils import log_names
from keras_gan.callbacks.game import Game
from keras_gan.cli.main import kgan as command
from keras_gan.reporting import optimum
from keras_gan.runs import Run
from keras_gan.theory.mixtures import MIXTURES

COLUMNS = [
    *("step", log_names.JSD, log_names.JSD_ESTIMATE, log_names.VALUE, log_names.BEST_VALUE),
    *(log_names.REJECTED, log_names.MINIMAX_GRADIENT, log_names.NON_SATURATING_GRADIENT),
    *(log_names.MEAN, log_names.STD),
]


def words(run, *options):
    return ["train", "gaussian", "--run", str(run), "--batch-size", "64", *map(str, options)]


def kgan(run, *options):
    """What the command says, run in this process."""
    ended = CliRunner().invoke(command, words(run, *options))
    assert ended.exit_code == 0, ended.output
    return ended.stderr


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A run of 40 steps and its output."""
    path = tmp_path_factory.mktemp("game") / "run"
    return path, kgan(path, "--steps", 40)


def game(gan, run):
    """The callback at work on a GAN outside `fit`."""
    callback = Game(run, 1, 0, MIXTURES["gaussian"])
    callback.set_model(gan)
    callback.on_train_begin()
    return callback


def built(tmp_path, **settings):
    """A GAN before its first step, and an empty run for it."""
    job = training.prepare(training.configure("gaussian", steps=10, batch_size=8, **settings), tmp_path / "run")
    return job.gan, Run.create(job.run_dir, job.config, job.source)


# the command


def test_a_run_measures_and_draws_every_snapshot(short):
    path, _ = short
    rows = Run(path).columns("theory")
    assert list(rows) == COLUMNS and rows["step"].tolist() == [0, 10, 20, 30, 40]
    gradients = (log_names.MINIMAX_GRADIENT, log_names.NON_SATURATING_GRADIENT)
    assert all(np.isfinite(column).all() for name, column in rows.items() if name not in gradients)
    for name in gradients:
        np.testing.assert_array_equal(np.isnan(rows[name]), rows[log_names.REJECTED] == 0)
    assert [int(file.stem[5:]) for file in Run(path).samples()] == [0, 10, 20, 30, 40]
    with Image.open(path / "progress.gif") as gif, Image.open(path / "gradients.png") as gradients:
        assert gif.n_frames == 5 and 800 <= gif.size[0] <= 1000 and 800 <= gradients.size[0] <= 1000


def test_rows_obey_the_theory(short):
    rows = Run(short[0]).columns("theory")
    np.testing.assert_allclose(rows[log_names.BEST_VALUE], 2 * rows[log_names.JSD] - math.log(4), atol=1e-5)
    np.testing.assert_allclose(rows[log_names.JSD_ESTIMATE], math.log(2) + rows[log_names.VALUE] / 2, atol=1e-5)
    assert (rows[log_names.VALUE] <= rows[log_names.BEST_VALUE] + 0.01).all()
    data = theory.gaussians([5.0], 1.0)
    for mean, std, jsd in zip(rows[log_names.MEAN], rows[log_names.STD], rows[log_names.JSD], strict=True):
        q = theory.linear_generator(std * math.sqrt(3), mean, "uniform")
        assert theory.jensen_shannon(data, q) == pytest.approx(jsd, abs=1e-5)


def test_the_run_ends_with_its_numbers_next_to_the_optimum(short):
    path, output = short
    text = output.split("with more --steps to continue.\n\n")[1]
    rows = {line[:19].strip(): line[19:].split() for line in text.splitlines()[:7]}
    last = {name: column[-1] for name, column in Run(path).columns("theory").items()}
    assert rows["JSD, exact (nats)"] == [f"{last[log_names.JSD]:.6f}", "0.047807", "0"]
    assert rows["V of the best D"] == [f"{last[log_names.BEST_VALUE]:.6f}", "-1.290681", "-1.386294"]
    assert rows["V(D, G)"] == [f"{last[log_names.VALUE]:.6f}"]
    assert "2 log 2 = 1.386" in text and "a = 0.2343, b = 5.000" in text and "60.6%" in text
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.long
def test_the_same_command_goes_on_and_what_no_checkpoint_kept_is_made_anew(short, tmp_path):
    parts = tmp_path / "parts"
    kgan(parts, "--steps", 20)
    Run(parts).append("theory", dict.fromkeys(COLUMNS, 30.0))  # of a step that a kill lost
    kgan(parts, "--steps", 40)
    whole, again = Run(short[0]).columns("theory"), Run(parts).columns("theory")
    # Snapshots are a twentieth of the steps asked for apart, and ten steps run in one call.
    assert again["step"].tolist() == [0, 10, 20, 30, 40]
    for name in COLUMNS:
        np.testing.assert_allclose(again[name], whole[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "options, text",
    [
        (["-k", 2, "--loss", "minimax", "--latent", "normal"], "A linear G of normal z can equal the data"),
        pytest.param(
            ["--preset", "gaussian_deep", "--latent-dim", 2],
            "This G is not linear, so it could equal the data",
            marks=pytest.mark.long,
        ),
        pytest.param(["--loss", "hinge"], "With the loss hinge, D does not learn log-odds", marks=pytest.mark.long),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_the_options_of_the_notes(tmp_path, options, text):
    output = kgan(tmp_path / "run", "--steps", 10, *options)
    assert text in output and Run(tmp_path / "run").columns("theory")["step"].tolist() == [0, 10]


# the callback


def test_the_gradients_are_those_at_rejected_samples_by_the_chain_rule(tmp_path):
    gan, run = built(tmp_path)
    callback = game(gan, run)
    weight = 0.7
    gan.generator.layers[-1].set_weights([np.array([[0.25]]), np.array([3.0])])
    line = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    line.set_weights([np.array([[weight]]), np.array([-4.0])])
    gan.discriminator = line
    _, row = callback.measure(5)
    z = 8.0 * callback.z[:4096, 0].astype("float64")
    d = 1 / (1 + np.exp(4.0 - weight * (0.25 * z + 3.0)))
    # D(x) < 0.1 where 0.7x - 4 < log(1/9): x < 2.575, which 39 % of U[1, 5] are.
    rejected = d[d < 0.1]
    assert row[log_names.REJECTED] == len(rejected) / 4096 == pytest.approx(1.575 / 4, abs=0.03)
    # The logit's derivative in x is the weight; that of log(1 - D) in the logit is -D, that of -log D is D - 1.
    assert row[log_names.MINIMAX_GRADIENT] == pytest.approx(weight * rejected.mean(), rel=1e-4)
    assert row[log_names.NON_SATURATING_GRADIENT] == pytest.approx(weight * (1 - rejected).mean(), rel=1e-4)
    assert row[log_names.MINIMAX_GRADIENT] < row[log_names.NON_SATURATING_GRADIENT] / 9
    assert (row[log_names.MEAN], row[log_names.STD]) == pytest.approx((3.0, 2.0 / math.sqrt(3)), abs=1e-4)
    data, q = theory.gaussians([5.0], 1.0), theory.uniform(1.0, 5.0)
    assert row[log_names.JSD] == pytest.approx(theory.jensen_shannon(data, q), abs=1e-5)


def test_where_no_sample_is_rejected_there_is_no_gradient(tmp_path):
    gan, run = built(tmp_path)
    line = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    line.set_weights([np.array([[0.0]]), np.array([-2.0])])  # D(x) = 0.12 everywhere
    callback = game(gan, run)
    gan.discriminator = line
    _, row = callback.measure(5)
    assert row[log_names.REJECTED] == 0
    assert math.isnan(row[log_names.MINIMAX_GRADIENT]) and math.isnan(row[log_names.NON_SATURATING_GRADIENT])


def test_it_speaks_of_the_present_generator_not_of_the_average(tmp_path):
    gan, run = built(tmp_path)
    callback = game(gan, run)
    gan.ema_generator.layers[-1].set_weights([np.array([[9.0]]), np.array([99.0])])
    _, row = callback.measure(5)
    assert abs(row[log_names.MEAN]) < 1


def test_a_run_that_was_ended_before_its_first_checkpoint_has_one_row_of_step_0(tmp_path):
    gan, run = built(tmp_path)
    game(gan, run)
    run.sample_file(0).unlink()
    game(gan, run)
    assert run.columns("theory")["step"].tolist() == [0] and run.sample_file(0).exists()


def test_a_run_without_measurements_has_no_account(tmp_path):
    _, run = built(tmp_path)
    assert optimum.result(run) is None


@pytest.mark.long
def test_rings_are_drawn_on_top_of_the_data_at_the_same_axes(tmp_path):
    job = training.prepare(training.configure("ring", steps=20, batch_size=16), tmp_path / "run")
    job.train()
    assert not (tmp_path / "run" / "theory.csv").exists()
    first, last = (np.asarray(Image.open(file)) for file in (Run(job.run_dir).samples()[i] for i in (0, -1)))
    assert first.shape == last.shape and (first != last).any()
    np.testing.assert_array_equal(first[-50:], last[-50:])  # the numbers below the axes


@pytest.mark.long
def test_the_preset_comes_near_the_optimum(tmp_path):
    config = training.configure("gaussian")
    job = training.prepare(config, tmp_path / "run")
    job.train()
    last = {name: column[-1] for name, column in Run(job.run_dir).columns("theory").items()}
    assert abs(last[log_names.MEAN] - 5) < 0.1 and 0.0478 <= last[log_names.JSD] < 0.07
