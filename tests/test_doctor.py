import dataclasses
import io
import json
import math
import subprocess
import sys

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers, ops
from PIL import Image

from keras_gan import GAN, callbacks, doctor, losses, networks, schedules, training
from keras_gan._utils.errors import InputError
from keras_gan.cli.main import kgan
from keras_gan.config import TrainConfig
from keras_gan.doctor import ILL, NOTE, Settings, diagnose
from keras_gan.doctor.hysteresis import DIAGNOSIS_STEPS, MIN_HOLD_STEPS, MIN_STEPS, shown
from keras_gan.doctor.measurements import Measurements, smoothed
from keras_gan.doctor.symptoms import AT_CHANCE_NOTE, SYMPTOMS
from keras_gan.runs import Run

DCGAN = Settings("non_saturating", 5e-4, 5e-4, 1, 0.0, 1_797)


def names(verdicts):
    return [verdict.name for verdict in verdicts]


# real runs, healthy and broken


def train(tmp_path_factory, name, data="digits", preset="lean", steps=160, **settings):
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("doctor") / name
    settings = {"batch_size": 32, **settings}
    training.train(training.configure(str(data), preset, steps=steps, **settings), folder)
    return folder


@pytest.fixture(scope="module")
def fast_discriminator(tmp_path_factory):
    return train(tmp_path_factory, "fast", discriminator_lr=0.05)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    return train(tmp_path_factory, "healthy")


def found(run_dir):
    return names(doctor.examine(Run(run_dir)))


def test_a_discriminator_a_hundred_times_too_fast_is_diagnosed(fast_discriminator):
    verdicts = doctor.examine(Run(fast_discriminator))
    assert verdicts[0].name.startswith("discriminator too") and verdicts[0].severity == ILL
    assert verdicts[0].evidence["d_accuracy"] > 0.85 and verdicts[0].evidence["logit_gap"] > 2.0
    assert verdicts[0].advice.startswith("lower --discriminator-lr to 0.0005 ")
    assert verdicts[0].steps[1] == 160


@pytest.mark.long
def test_a_frozen_generator_is_diagnosed(tmp_path_factory):
    verdicts = doctor.examine(Run(train(tmp_path_factory, "frozen", generator_lr=0.0)))
    assert names(verdicts)[0] == "generator stands still"
    assert verdicts[0].advice.startswith("raise --generator-lr to 0.0005 (now 0; ")


@pytest.mark.long
def test_eight_training_images_are_memorised(tmp_path_factory, tmp_path):
    from keras_gan.data import open_source

    np.savez(tmp_path / "eight.npz", open_source("digits").fetch(np.arange(8)))
    game = {"gamma": 1.0, "generator_lr": 0.002, "discriminator_lr": 0.002, "latent_dim": 2, "batch_size": 8}
    folder = train(tmp_path_factory, "eight", tmp_path / "eight.npz", "resnet", 160, **game)
    verdicts = doctor.examine(Run(folder))
    assert names(verdicts) == ["memorising"]
    assert "than the 8," in verdicts[0].advice and verdicts[0].evidence["memorised"] > 0.2


def alarms(run_dir):
    """The names of the problems that were shown at any step of a run."""
    run = Run(run_dir)
    found = doctor.episodes(run.history(), run.columns("checks"), doctor.settings_of(run))
    return [each.symptom.name for each in found]


# A small part of benchmarks/doctor_matrix.py.


def test_a_sound_run_raises_no_alarm_at_any_step(healthy):
    assert alarms(healthy) == [] and found(healthy) == ["balanced and unfinished"]


@pytest.mark.long
@pytest.mark.parametrize(
    "data, preset, settings",
    [
        ("digits", "resnet", {"batch_size": 16}),
        ("digits", "lean", {"conditional": True}),
        ("gaussian", "gaussian", {"steps": 300, "batch_size": 512}),  # D leads by far until the mean has moved
        ("ring", "mixture", {"batch_size": 64}),
        ("grid", "mixture", {"batch_size": 64}),
    ],
)
def test_sound_runs_raise_no_alarm_at_any_step(tmp_path_factory, data, preset, settings):
    assert alarms(train(tmp_path_factory, "sound", data, preset, **settings)) == []


def test_a_planted_problem_is_named_once(fast_discriminator):
    assert alarms(fast_discriminator) == ["discriminator too strong"]


@pytest.mark.long
@pytest.mark.parametrize(
    "settings, expected",
    [
        ({"discriminator_lr": 1.0}, {"discriminator too strong", "divergence"}),
        ({"generator_lr": 0.0}, {"generator stands still"}),
        ({"discriminator_lr": 1e3, "generator_lr": 1e3}, {"divergence"}),
    ],
)
def test_planted_problems_are_named_once(tmp_path_factory, settings, expected):
    folder = train(tmp_path_factory, "planted", "gaussian", "gaussian", steps=200, batch_size=512, **settings)
    named = alarms(folder)
    assert len(named) == 1 and named[0] in expected


def play(gan, data, steps, batch_size=32, before=()):
    """Runs a plain `fit`, and returns the verdicts and the printed text."""
    stream = io.StringIO()
    checks = callbacks.Checks(data, 10)
    watch = callbacks.Doctor(10, checks, stream=stream)
    epochs = -(-steps * batch_size // len(data))
    gan.fit(data, batch_size=batch_size, epochs=epochs, verbose=0, callbacks=[*before, checks, watch])
    return watch.verdicts(), stream.getvalue()


@pytest.fixture(scope="module")
def digits():
    from keras_gan.data import open_source

    return open_source("digits").fetch(np.arange(1_600)).astype("float32") / 127.5 - 1.0


def dcgan(generator=None, loss="non_saturating"):
    keras.utils.set_random_seed(0)
    generator = generator or networks.generator((8, 8, 1), 16, "lean")
    gan = GAN(generator, networks.discriminator((8, 8, 1), "lean"), seed=0)
    adam = {"class_name": "Adam", "config": {"learning_rate": 5e-4, "beta_1": 0.5}}
    gan.compile(adam, adam, loss, {}, steps_per_execution=10)
    return gan


@pytest.mark.long
def test_a_generator_that_ignores_its_latents_has_collapsed(digits):
    z = keras.Input((16,))
    blind = keras.Model(z, networks.generator((8, 8, 1), 16, "lean")(layers.Rescaling(0.0)(z)))
    verdicts, printed = play(dcgan(blind), digits, 150)
    assert names(verdicts)[0] == "mode collapse"
    assert verdicts[0].evidence["diversity"] < 0.01 and verdicts[0].evidence["duplicates"] == 1.0
    assert printed.count(": mode collapse. ") == 1  # though it held at several diagnoses


def noisy_discriminator_loss(real_logits, fake_logits):
    swapped = losses.minimax_discriminator_loss(fake_logits, real_logits)
    right = losses.minimax_discriminator_loss(real_logits, fake_logits)
    return ops.where(keras.random.uniform(()) < 0.5, swapped, right)


@pytest.mark.long
def test_labels_swapped_at_random_let_the_generator_win(digits):
    noise = losses.Loss(noisy_discriminator_loss, losses.non_saturating_generator_loss)
    verdicts, _ = play(dcgan(loss=noise), digits, 200)
    assert "generator too strong" in names(verdicts)


class Poison(callbacks.Every):
    """Makes one weight of the discriminator NaN, once."""

    def act(self, step, logs=None):
        weights = self.model.discriminator.trainable_variables[0]
        values = weights.numpy()
        values.flat[0] = np.nan
        weights.assign(values)


def test_a_nan_is_reported_at_once_with_the_last_finite_numbers(digits):
    verdicts, printed = play(dcgan(), digits, 50, before=[Poison(20)])
    assert names(verdicts) == ["divergence"]
    assert verdicts[0].steps == (30, 50)
    assert printed.startswith("doctor: step 30: divergence. ")


def test_a_linear_game_oscillates():
    # A linear D against a linear G: Mescheder et al. 2018 (arXiv:1801.04406), sec. 2.
    keras.utils.set_random_seed(0)
    real = np.random.default_rng(0).normal([2.0, 0.0], 0.1, (4_800, 2)).astype("float32")
    z, x = keras.Input((2,)), keras.Input((2,))
    start = keras.initializers.Constant(0.03)
    gan = GAN(keras.Model(z, layers.Dense(2, kernel_initializer=start)(z)), keras.Model(x, layers.Dense(1)(x)), seed=0)
    gan.compile(keras.optimizers.SGD(0.2), keras.optimizers.SGD(0.2), "non_saturating", {}, steps_per_execution=10)
    verdicts, _ = play(gan, real, 300)
    assert "oscillation" in names(verdicts)


# the command


def invoke(*arguments):
    return CliRunner().invoke(kgan, ["doctor", *map(str, arguments)])


def test_the_command_has_a_nonzero_exit_status_for_an_ill_run(fast_discriminator):
    result = invoke(fast_discriminator)
    assert result.exit_code == 1
    assert "DISCRIMINATOR TOO" in result.output and "lower --discriminator-lr" in result.output
    assert "--run" in result.output and max(map(len, result.output.splitlines())) < 80 + len(str(fast_discriminator))
    with Image.open(fast_discriminator / "doctor.png") as picture:
        assert picture.width == 840


def test_the_command_ends_with_0_for_a_run_without_a_problem(healthy):
    result = invoke(healthy)
    assert result.exit_code == 0 and "BALANCED AND UNFINISHED" in result.output


def test_the_command_prints_json(fast_discriminator):
    verdicts = json.loads(invoke(fast_discriminator, "--json").output)
    assert verdicts[0]["severity"] == "ill" and verdicts[0]["evidence"]["d_accuracy"] > 0.85
    assert set(verdicts[0]) == {field.name for field in dataclasses.fields(doctor.Verdict)}


def test_a_picture_that_cannot_be_written_is_left_out(run_dir):
    (run_dir / "doctor.png").mkdir()
    result = invoke(run_dir)
    assert result.exit_code == 0 and "TOO EARLY TO TELL" in result.output and "picture in" not in result.output
    assert "doctor.png cannot be written" in result.stderr


def test_a_short_run_has_no_diagnosis_yet(run_dir):
    result = invoke(run_dir)
    assert result.exit_code == 0 and "TOO EARLY TO TELL" in result.output


@pytest.mark.parametrize(
    "file, text, message",
    [
        ("history.csv", "step,d_loss\n1,x\n", "history.csv is damaged in line 2"),
        ("checks.csv", "step,diversity\n1,2,3\n", "checks.csv is damaged in line 2"),
        ("config.json", "{", "config.json is damaged"),
    ],
)
def test_a_damaged_run_gives_one_line_and_exit_status_2(run_dir, file, text, message):
    (run_dir / file).write_text(text)
    result = invoke(run_dir)
    assert result.exit_code == 2 and message in result.output and len(result.output.splitlines()) == 1


def test_a_folder_that_is_not_a_run_gives_one_line_and_exit_status_2(tmp_path):
    result = invoke(tmp_path)
    assert result.exit_code == 2 and "is not a run folder" in result.output
    assert len(result.output.splitlines()) == 1 and not list(tmp_path.iterdir())


def test_a_run_without_rows_is_too_short_for_a_diagnosis(run_dir):
    for name in ("history.csv", "checks.csv"):
        (run_dir / name).unlink()
    result = invoke(run_dir)
    assert result.exit_code == 0 and "0 steps were logged" in result.output
    assert not (run_dir / "doctor.png").exists()


LOADED_BY_THE_COMMAND = """
import sys
from keras_gan.cli.main import kgan
try:
    kgan(["doctor", sys.argv[1]])
except SystemExit as ended:
    assert not ended.code
print({"tensorflow", "keras", "matplotlib.pyplot"} & sys.modules.keys())
"""


def test_the_command_needs_no_tensorflow(run_dir):
    program = [sys.executable, "-c", LOADED_BY_THE_COMMAND, run_dir]
    done = subprocess.run(program, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "set()"


# the bounds, on histories made by hand


def table(steps, **columns):
    """Rows every ten steps; numbers are spread over all of them."""
    at = np.arange(10, steps + 1, 10, dtype=float)
    return {
        "step": at,
        **{name: np.broadcast_to(np.asarray(value, float), at.shape) for name, value in columns.items()},
    }


def game(steps=400, **columns):
    gap = np.where(np.asarray(columns.get("d_accuracy", 0.7)) < 0.5, -0.5, 0.3)
    sound = {"d_loss": 1.2, "g_loss": 0.8, "d_accuracy": 0.7, "logit_gap": gap, "d_gradient": 1.0, "g_gradient": 1.0}
    return table(steps, **{**sound, **columns})


def samples(steps=400, **columns):
    sound = {"diversity": 0.95, "duplicates": 0.0, "memorised": 0.0, "movement": 0.05}
    return table(steps, **{**sound, **columns})


@pytest.mark.parametrize(
    "expected, history, checks",
    [
        ("healthy", {}, {}),
        ("healthy", {"d_accuracy": 0.98, "logit_gap": 1.0}, {}),  # a small lead in nearly all pairs
        ("discriminator too strong", {"d_accuracy": 0.98, "logit_gap": 4.1, "d_loss": 0.4}, {}),
        ("healthy", {"d_accuracy": 0.84, "logit_gap": 4.1, "d_loss": 0.4}, {}),
        ("discriminator too strong", {"d_accuracy": 1.0, "d_loss": 0.01}, {}),
        ("discriminator too strong", {"d_accuracy": 0.8, "logit_gap": 2.1}, {}),
        ("healthy", {"d_accuracy": 0.8, "logit_gap": 2.1, "d_loss": 1.1}, {}),  # 1.1 is 0.79 of 2 log 2
        ("generator too strong", {"d_accuracy": 0.34}, {}),
        ("healthy", {"d_accuracy": 0.36}, {}),
        ("healthy", {"d_accuracy": 0.0, "logit_gap": -0.19}, {}),
        ("mode collapse", {}, {"diversity": 0.29}),
        ("mode collapse", {}, {"duplicates": 0.91}),
        ("healthy", {}, {"diversity": 0.31, "duplicates": 0.89}),
        ("memorising", {}, {"memorised": 0.25}),
        ("healthy", {}, {"memorised": 0.19}),
        ("generator stands still", {"d_accuracy": 0.99, "logit_gap": 3.6, "d_loss": 0.5}, {"movement": 0.01}),
        ("healthy", {"d_accuracy": 0.99, "logit_gap": 2.7, "d_loss": 0.16}, {"movement": 0.01}),  # faces
        ("healthy", {"d_accuracy": 0.93, "logit_gap": 2.5, "d_loss": 0.5}, {"movement": 0.01}),
        ("divergence", {"g_loss": 1_001.0}, {}),
        ("divergence", {"d_gradient": math.inf}, {}),
        ("healthy", {"d_gradient": 1_001.0}, {}),  # of gradients only what is no number counts
    ],
)
def test_each_symptom_has_a_bound(expected, history, checks):
    assert names(diagnose(game(**history), samples(**checks), DCGAN)) == [expected]


def test_a_single_peak_passes_and_a_step_that_was_not_applied_but_not_where_it_ends_so():
    for value, row, expected in (
        (1_500.0, 5, ["healthy"]),
        (math.nan, 5, ["healthy"]),
        (math.nan, -1, ["divergence"]),
    ):
        d_loss = np.full(40, 1.2)
        d_loss[row] = value
        assert names(diagnose(game(d_loss=d_loss), samples(), DCGAN)) == expected


def test_a_wasserstein_critic_has_a_scale_of_its_own():
    settings = dataclasses.replace(DCGAN, loss="wasserstein")
    assert names(diagnose(game(d_loss=-5_000.0, g_loss=5_000.0), samples(), settings)) == ["healthy"]


def test_samples_with_growing_diversity_have_not_collapsed():
    rising, fixed = np.linspace(0.05, 0.29, 40), np.full(40, 0.2)
    assert names(diagnose(game(), samples(diversity=rising), DCGAN)) == ["healthy"]
    assert names(diagnose(game(), samples(diversity=fixed), DCGAN)) == ["mode collapse"]


def test_a_generator_that_improves_has_no_verdict():
    history = {"d_accuracy": 0.95, "logit_gap": 8.0}
    assert names(diagnose(game(d_loss=np.linspace(0.2, 0.8, 40), **history), samples(), DCGAN)) == ["healthy"]


@pytest.mark.parametrize("swings, expected", [(3, "healthy"), (4, "oscillation")])
def test_oscillation_takes_two_full_swings(swings, expected):
    accuracy = np.full(40, 0.5)
    accuracy[20 : 20 + 4 * (swings + 1) : 4] = [(0.2, 0.8)[number % 2] for number in range(swings + 1)]
    verdicts = diagnose(game(d_accuracy=accuracy), samples(), DCGAN)
    assert names(verdicts) == [expected]


def test_oscillation_that_ended_is_over():
    accuracy = np.full(90, 0.5)
    accuracy[:24] = np.tile([0.2, 0.2, 0.8, 0.8], 6)
    assert names(diagnose(game(900, d_accuracy=accuracy), samples(900), DCGAN)) == ["healthy"]


# when a symptom is shown


PLANNED = dataclasses.replace(DCGAN, steps=4_000, usual_steps=4_000)  # so a symptom has to hold for 200 steps


def rows_shown(holds, steps=4_000, early=False):
    """The steps at which a symptom is shown that holds at the rows `holds`, which are 20 steps apart."""
    at = 20.0 * np.arange(1, len(holds) + 1)
    m = Measurements({"step": at}, {}, dataclasses.replace(DCGAN, steps=steps))
    return at[shown(np.array(holds, bool), m, early)].tolist()


def test_a_symptom_is_shown_after_a_twentieth_of_the_run_and_until_it_was_absent_twice_as_long():
    holds = np.zeros(60, bool)
    holds[20:40] = True  # steps 420 to 800: in 8 of the 10 rows up to step 560, and in 4 of the 20 up to step 1,120
    assert rows_shown(holds) == list(range(560, 1_120, 20))


def test_a_symptom_that_comes_and_goes_is_shown_once_or_not_at_all():
    flickering = np.arange(60) % 2 == 0
    assert rows_shown(flickering) == []
    flickering[:20] = True
    assert rows_shown(flickering) == list(range(300, 1_220, 20))  # 100 + 200 steps


def test_a_short_run_has_a_time_of_its_own():
    assert MIN_STEPS + MIN_HOLD_STEPS == DIAGNOSIS_STEPS == 140
    assert rows_shown(np.ones(10), 200) == [140.0, 160.0, 180.0, 200.0]
    assert rows_shown(np.ones(10), 200, early=True)[0] == MIN_HOLD_STEPS


def test_where_checks_are_rare_a_symptom_holds_at_several():
    history = table(400)
    for interval, first in ((10, 140), (100, 300)):
        checks = {"step": np.arange(0.0, 401.0, interval)}
        m = Measurements(history, checks, DCGAN)
        assert m.steps[shown(np.ones(len(m.steps), bool), m)][0] == first


@pytest.mark.parametrize("seed", range(3))
def test_the_verdict_at_a_step_does_not_depend_on_later_rows(seed):
    """What `kgan doctor` shows of a run was shown live: its verdict on the rows up to any step is the episode there."""
    draws = np.random.default_rng(seed)
    walk = np.cumsum(draws.normal(0, 0.08, 200)) + 0.7
    history = game(4_000, d_accuracy=np.repeat(np.clip(walk, 0, 1), 2), logit_gap=5 * np.repeat(walk, 2))
    checks = samples(4_000, diversity=0.5 + np.cumsum(draws.normal(0, 0.02, 400)))
    found = doctor.episodes(history, checks, PLANNED)
    assert found
    for row in range(10, 400, 7):
        step = history["step"][row]
        up_to = [{name: column[: row + 1] for name, column in each.items()} for each in (history, checks)]
        at_the_time = [each.symptom.name for each in found if each.first <= step <= each.last]
        verdicts = diagnose(*up_to, PLANNED)
        assert [v.name for v in verdicts if v.severity == ILL] == at_the_time


def test_an_ill_run_keeps_its_cause():
    """D recognizes all samples first, then it errs confidently, and then the samples collapse."""
    d_loss = np.where(np.arange(400) < 100, 0.3, 3.0)
    diversity = np.where(np.arange(400) < 150, 0.9, 0.1)
    history = game(4_000, d_accuracy=0.99, logit_gap=9.0, d_loss=d_loss)
    (episode,) = doctor.episodes(history, samples(4_000, diversity=diversity, movement=0.01), PLANNED)
    assert (episode.symptom.name, episode.last) == ("generator stands still", 4_000)


def test_values_that_are_not_finite_replace_another_cause():
    d_loss = np.full(400, 0.3)
    d_loss[300:] = np.nan
    found = doctor.episodes(game(4_000, d_accuracy=0.2, d_loss=d_loss), samples(4_000), PLANNED)
    assert [(each.symptom.name, each.first) for each in found] == [("generator too strong", 300), ("divergence", 3_010)]


def test_a_problem_with_two_signs_is_one():
    d_loss = np.full(400, 2_000.0)
    d_loss[100::3] = np.nan
    (episode,) = doctor.episodes(game(4_000, d_loss=d_loss), samples(4_000), PLANNED)
    assert (episode.symptom.name, episode.since, episode.first, episode.last) == ("divergence", 10, 200, 4_000)


def test_few_different_samples_at_the_start_are_no_collapse_yet():
    grey = samples(4_000, diversity=0.1, duplicates=1.0)
    (episode,) = doctor.episodes(game(4_000), grey, PLANNED)
    assert episode.first == 950  # from a fifth of the run on, in 16 of the 20 rows of a twentieth
    alike = samples(4_000, diversity=0.01, duplicates=1.0)
    assert doctor.episodes(game(4_000), alike, PLANNED)[0].first == 200
    fallen = samples(4_000, diversity=np.where(np.arange(400) < 20, 0.9, 0.2))  # from step 210
    assert doctor.episodes(game(4_000), fallen, PLANNED)[0].first == 360  # the 16th of the 20 rows


def test_a_discriminator_that_is_too_strong_is_seen_before_the_diagnosis_of_the_rest():
    early = diagnose(game(60, d_accuracy=1.0, d_loss=0.01), samples(60), PLANNED)
    assert names(early) == ["too early to tell"]
    short = dataclasses.replace(DCGAN, steps=100)
    assert names(diagnose(game(60, d_accuracy=1.0, d_loss=0.01), samples(60), short)) == ["discriminator too strong"]


# runs without a problem


def progress(step, configured, usual, **columns):
    settings = dataclasses.replace(DCGAN, steps=configured, usual_steps=usual)
    return diagnose(game(step, **columns), samples(step), settings)[-1]


def test_a_balanced_run_is_unfinished_until_the_steps_that_its_kind_takes():
    verdict = progress(200, 4_000, 4_000)
    assert (verdict.name, verdict.severity) == ("balanced and unfinished", NOTE)
    assert "step 200" in verdict.sentence and "4,000 steps" in verdict.sentence
    assert progress(4_000, 4_000, 4_000).name == "healthy"
    assert progress(3_000, 4_000, 3_000).name == "balanced and unfinished"  # it still runs
    short = progress(200, 200, 4_000)
    assert short.name == "balanced and unfinished" and "--steps 4000" in short.advice


def test_healthy_does_not_claim_quality():
    assert "does not measure" in progress(4_000, 4_000, 4_000).explanation


@pytest.mark.parametrize(
    "data, shape, settings, usual",
    [
        ("digits", (8, 8, 1), {}, 3_000),  # 96,000 images in batches of 32
        ("mnist", (28, 28, 1), {}, 4_000),
        ("mnist", (28, 28, 1), {"batch_size": 64}, 2_000),
        ("/photos", (32, 32, 3), {}, 7_000),
        ("/photos", (64, 64, 3), {"preset": "resnet-light"}, 10_000),  # 160,000 images in batches of 16
        ("ring", (2,), {}, 50_000),  # the preset's own
        ("digits", (8, 8, 1), {"preset": "lean"}, 2_000),
    ],
)
def test_the_usual_steps_are_those_of_measured_runs(data, shape, settings, usual):
    of_kind = Settings.of(TrainConfig(data, **settings), shape=shape)
    assert (of_kind.usual_steps, of_kind.usual_is_least) == (usual, False)


def test_larger_images_take_more_steps_than_any_that_were_measured():
    settings = Settings.of(TrainConfig("/photos"), shape=(128, 32, 3))
    assert (settings.usual_steps, settings.usual_is_least) == (7_000, True)
    assert "more than 7,000 steps" in diagnose(game(200), samples(200), settings)[-1].sentence


def test_single_outliers_do_not_end_a_symptom():
    accuracy = np.full(40, 0.1)
    accuracy[25] = 0.9
    (verdict,) = diagnose(game(d_accuracy=accuracy), samples(), DCGAN)
    assert verdict.name == "generator too strong" and verdict.steps == (10, 400)


def test_there_is_no_diagnosis_in_the_first_steps():
    early = diagnose(game(130, d_accuracy=0.0), samples(130), DCGAN)
    assert [(v.name, v.severity) for v in early] == [("too early to tell", NOTE)]
    assert names(diagnose(game(140, d_accuracy=0.0), samples(140), DCGAN)) == ["generator too strong"]


def test_a_nan_is_diagnosed_at_any_step():
    assert names(diagnose(game(10, d_loss=math.nan), {}, DCGAN)) == ["divergence"]


def test_without_rows_it_is_too_early_for_a_diagnosis():
    (verdict,) = diagnose({}, {}, DCGAN)
    assert verdict.name == "too early to tell" and verdict.evidence == {}


@pytest.mark.parametrize("loss, chance", [("non_saturating", 2 * math.log(2)), ("relativistic", math.log(2))])
def test_a_loss_at_chance_is_explained_and_is_not_ill(loss, chance):
    settings = dataclasses.replace(DCGAN, loss=loss)
    note, well = diagnose(game(d_loss=chance, d_accuracy=0.5), samples(), settings)
    assert (note.name, note.severity, well.name) == ("loss at chance", NOTE, "healthy")
    assert note.evidence["d_loss"] == pytest.approx(chance)
    assert names(diagnose(game(d_loss=chance, d_accuracy=0.7), samples(), settings)) == ["healthy"]
    assert names(diagnose(game(d_loss=1.1 * chance, d_accuracy=0.5), samples(), settings)) == ["healthy"]


def test_the_gap_of_logits_with_another_scale_is_ignored():
    far = game(d_accuracy=0.99, logit_gap=50.0, d_loss=0.3)
    for loss in ("wasserstein", "hinge", "least_squares", None):
        assert names(diagnose(far, samples(), dataclasses.replace(DCGAN, loss=loss))) == ["healthy"]


def test_without_checks_the_history_alone_is_diagnosed():
    assert names(diagnose(game(d_accuracy=0.1), {}, DCGAN)) == ["generator too strong"]


def test_advice_names_the_option_and_what_it_is_now():
    strong = game(d_accuracy=0.99, logit_gap=6.0, d_loss=0.2)
    (verdict,) = diagnose(strong, samples(), DCGAN)
    assert verdict.advice.startswith("raise --gamma to 1 (now 0; ")
    (verdict,) = diagnose(strong, samples(), dataclasses.replace(DCGAN, discriminator_lr=0.05))
    assert verdict.advice.startswith("lower --discriminator-lr to 0.0125 (now 0.05; ")


def test_a_rate_far_from_the_recipe_is_the_first_thing_to_change():
    lean = Settings.of(TrainConfig("digits", "lean", discriminator_lr=0.05))
    (verdict,) = diagnose(game(d_accuracy=0.1), samples(), lean)  # whatever the symptom is
    assert verdict.advice.startswith("lower --discriminator-lr to 0.0005 (now 0.05; ")
    frozen = Settings.of(TrainConfig("digits", generator_lr=0.0))
    (verdict,) = diagnose(game(d_accuracy=1.0, logit_gap=9.0, d_loss=0.01), samples(movement=0.0), frozen)
    assert (verdict.name, verdict.advice[:33]) == ("generator stands still", "raise --generator-lr to 0.002 (no")


def test_settings_come_from_a_config():
    config = TrainConfig("digits", "resnet", generator_lr=0.1, discriminator_steps=3)
    settings = Settings.of(config, 7)
    assert (settings.loss, settings.discriminator_lr, settings.generator_lr) == ("relativistic", None, 0.1)  # "auto"
    assert (settings.discriminator_steps, settings.gamma, settings.images, settings.steps) == (3, None, 7, 4_000)
    assert Settings.of(TrainConfig("gaussian")).usual_generator_lr == 0.02  # where its schedule starts
    assert Settings.of(config).usual_generator_lr == schedules.LARGEST_RATE
    assert Settings.of(TrainConfig("digits", gamma=3.0)).gamma == 3.0
    assert Settings.of(TrainConfig("digits", "lean")).gamma == 0.0


def test_the_running_median_uses_earlier_rows_only():
    assert smoothed(np.array([1.0, 9.0, 2.0, 8.0, 3.0, 0.0])).tolist() == [1.0, 5.0, 2.0, 5.0, 3.0, 3.0]
    assert smoothed(np.zeros(0)).tolist() == []


@pytest.mark.parametrize("symptom", [*SYMPTOMS, AT_CHANCE_NOTE], ids=lambda symptom: symptom.holds.__name__)
def test_no_symptom_holds_where_columns_are_missing(symptom):
    for history, checks in (({}, {}), (game(), {}), ({}, samples()), (table(400), table(400))):
        m = Measurements(history, checks, Settings())
        holds = symptom.holds(m)
        assert holds.dtype == bool and holds.shape == m.steps.shape and not holds.any()


def test_the_lines_of_all_verdicts_fit_a_terminal():
    for symptom in SYMPTOMS:
        assert len(f"doctor: step 50,000: {symptom.name}. {symptom.sentence}") <= 80


def test_a_damaged_run_raises_an_error(run_dir):
    (run_dir / "checks.csv").write_text("step,diversity\n1,\n")
    with pytest.raises(InputError, match="checks.csv is damaged in line 2"):
        doctor.examine(Run(run_dir))
