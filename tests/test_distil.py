"""A student that learns another generator's pictures: in code, with `kgan distil`, and as a run like any."""

import dataclasses
import functools
import json
import shutil

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers

from keras_gan import GAN, InputError, directions, networks, training
from keras_gan.augment import POLICY
from keras_gan.cli.main import kgan
from keras_gan.directions import record
from keras_gan.directions.fitting import Fitted, Measurements
from keras_gan.gan import imitation
from keras_gan.presets import PRESETS
from keras_gan.reporting import settings
from keras_gan.runs import Run
from keras_gan.sampling.sliders import Slider
from keras_gan.training import distilling


def run(*words):
    return CliRunner().invoke(kgan, [*map(str, words)])


def shifted(value, num_classes=None):
    """A GAN whose generator draws z plus a constant."""
    keras.utils.set_random_seed(0)
    z, label = keras.Input((4,)), keras.Input((), dtype="int32")
    x = layers.Dense(4, kernel_initializer="identity", bias_initializer=keras.initializers.Constant(value))(z)
    if num_classes:
        x = layers.Add()([x, layers.Embedding(num_classes, 4)(label)])
    image = keras.Input((4,))
    discriminator = [layers.Embedding(num_classes, 4)(label), image] if num_classes else [image, image]
    logit = layers.Dense(1)(layers.Add()(discriminator))
    inputs = ([z, label], [image, label]) if num_classes else (z, image)
    return GAN(keras.Model(inputs[0], x), keras.Model(inputs[1], logit), num_classes=num_classes, seed=0)


@pytest.mark.parametrize("updates", ["alternating", "simultaneous"])
def test_the_difference_to_the_teacher_is_part_of_the_objective(updates):
    """Without an adversary, SGD moves each bias by rate · 0.3 weight / 4: a mean over four numbers has slope 1/4."""
    teacher, student = shifted(0.5), shifted(0.0)
    student.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), "non_saturating", updates=updates)
    student.imitate(teacher, weight=2.0, adversarial=0.0)
    student.fit(np.zeros((3, 4), "float32"), batch_size=3, verbose=0)
    np.testing.assert_allclose(student.generator.get_weights()[1], np.full(4, 0.1 * 0.3 * 2 / 4), rtol=1e-5)
    untrained = shifted(0.0).discriminator.get_weights()
    for mine, before in zip(student.discriminator.get_weights(), untrained, strict=True):
        np.testing.assert_array_equal(mine, before)
    alone = shifted(0.0)
    alone.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), "non_saturating", updates=updates)
    alone.fit(np.zeros((3, 4), "float32"), batch_size=3, verbose=0)
    moved = alone.generator.get_weights()[1]
    both = shifted(0.0)
    both.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), "non_saturating", updates=updates)
    both.imitate(teacher, weight=2.0, adversarial=3.0)
    both.fit(np.zeros((3, 4), "float32"), batch_size=3, verbose=0)
    np.testing.assert_allclose(both.generator.get_weights()[1], 3 * moved + 0.05, rtol=1e-4, atol=1e-6)


def test_feature_maps_of_a_discriminator_that_is_not_trained_are_compared():
    """By hand: pictures differ by 0.5. The only map is relu(2 x): 2 · 1.5 and 2 · 1, whose difference is 1/3 of 3."""
    teacher, student = shifted(1.5), shifted(1.0)
    image = keras.Input((4,))
    doubled = layers.Dense(4, "relu", kernel_initializer=keras.initializers.Identity(2.0))(image)
    maps = imitation.with_feature_maps(keras.Model(image, layers.Dense(1)(doubled)))
    learning = dataclasses.replace(imitation.Imitation.of(student, teacher, 3.0, 0.0), feature_maps=maps)
    z = np.zeros((2, 4), "float32")
    loss, logits = learning.without_adversary(z, student.generator(z), lambda images: images)
    assert float(loss) == pytest.approx(3 * (0.3 * 0.5 + 1 / 3)) and logits.shape == (2, 1)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, image, training=False):
        return self.dense(image)


def test_a_subclassed_discriminator_needs_an_adversary():
    teacher, student = shifted(0.5), shifted(0.0)
    student.discriminator = Subclassed()
    with pytest.raises(InputError, match="class Subclassed.* adversarial above 0"):
        student.imitate(teacher)
    student.imitate(teacher, adversarial=1.0)


def in_another_model(layer):
    image = keras.Input((3,))
    keras.Model(image, layer(image))
    return layer


def functional(*functions):
    image = keras.Input((3,))
    return keras.Model(image, functools.reduce(lambda x, function: function(x), functions, image))


def dense(scale, activation=None):
    return layers.Dense(3, activation, kernel_initializer=keras.initializers.Identity(scale))


@pytest.mark.parametrize(
    ("build", "maps"),
    [
        (lambda: keras.Sequential([layers.Input((3,)), dense(2), layers.ReLU(), dense(-1)]), [[2, 0, 6]]),
        (lambda: functional(keras.Sequential([dense(2), layers.ReLU()]), dense(3, "relu")), [[2, 0, 6], [6, 0, 18]]),
        (lambda: functional(functional(dense(2, "relu")), layers.Dropout(0.5), dense(-1)), [[2, 0, 6]]),
        (lambda: functional(dense(2), in_another_model(layers.ReLU()), dense(-1)), [[2, 0, 6]]),
        (lambda: functional(*[relu := layers.ReLU(), dense(-2), relu]), [[1, 0, 3], [0, 0, 0]]),
        (lambda: functional(dense(2), keras.ops.relu, dense(-1)), [[2, 0, 6]]),
        (lambda: functional(dense(2), keras.activations.leaky_relu, dense(-1)), [[2, -0.8, 6]]),
        (lambda: functional(layers.SpectralNormalization(dense(1, "relu")), dense(-1)), [[1, 0, 3]]),
        (lambda: functional(dense(2), lambda x: keras.ops.maximum(x, 0), dense(-1)), [[2, -4, 6]]),  # of weights
        (lambda: functional(dense(2)), []),
    ],
    ids=["sequential", "nested", "dropout", "shared", "twice", "ops", "function", "wrapper", "none", "linear"],
)
def test_feature_maps_of_own_discriminators(build, maps):
    """For the image (1, -2, 3), by hand; the logits are those of the discriminator itself."""
    network, image = build(), np.array([[1, -2, 3]], "float32")
    *found, logits = imitation.with_feature_maps(network)(image)
    np.testing.assert_allclose(np.reshape(found, (-1, 3)), np.reshape(maps, (-1, 3)), rtol=1e-5)
    np.testing.assert_array_equal(logits, network(image))


@pytest.mark.parametrize("preset", PRESETS)
def test_the_discriminator_of_every_preset_has_feature_maps(preset):
    network = networks.discriminator((4,), preset)
    *maps, logits = imitation.with_feature_maps(network)(np.ones((2, 4), "float32"))
    assert len(maps) > 1
    np.testing.assert_array_equal(logits, network(np.ones((2, 4), "float32")))


@pytest.mark.parametrize("options", [{"num_classes": 3}, {"num_attributes": 2}, {"pack": 2}, {"augment": POLICY}])
def test_every_default_discriminator_has_feature_maps(options):
    network = networks.discriminator((16, 16, 3), **options)
    images = np.zeros((4, 16, 16, 3), "float32")
    given = {"num_classes": np.zeros(4, "int32"), "num_attributes": np.zeros((4, 2), "float32")}
    inputs = [images, *(given[name] for name in options if name in given)]
    *maps, logits = imitation.with_feature_maps(network)(inputs if len(inputs) > 1 else images)
    assert len(maps) > 3 and all(len(each.shape) == 4 for each in maps)
    np.testing.assert_array_equal(logits, network(inputs if len(inputs) > 1 else images))


def test_the_teacher_is_neither_trained_nor_saved(tmp_path):
    teacher, student = shifted(0.5, num_classes=3), shifted(0.0, num_classes=3)
    before = teacher.ema_generator.get_weights()
    student.compile()
    student.imitate(teacher)
    weights = len(student.weights)
    student.fit(np.zeros((6, 4), "float32"), np.arange(6) % 3, batch_size=3, verbose=0)
    for mine, others in zip(before, teacher.ema_generator.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, others)
    assert len(student.weights) == weights == len(shifted(0.0, num_classes=3).weights)
    student.save(tmp_path / "s.keras")
    assert keras.saving.load_model(tmp_path / "s.keras").imitation is None


def test_a_teacher_that_does_not_match_is_named():
    student = shifted(0.0)
    for other, message in (
        (shifted(0.0, num_classes=3), "num_classes=None and a teacher with num_classes=3"),
        (GAN(networks.generator((8, 8, 1), 4), networks.discriminator((8, 8, 1))), "data_shape"),
        (
            GAN(networks.generator((4,), 3), networks.discriminator((4,))),
            "latent_dim=4 and a teacher with latent_dim=3",
        ),
    ):
        with pytest.raises(InputError, match=message):
            student.imitate(other)
    for weights in ((0.0, 0.0), (-1.0, 1.0), (float("nan"), 1.0)):
        with pytest.raises(InputError, match="at least 0 that"):
            student.imitate(shifted(0.5), *weights)


def test_no_feature_map_has_more_channels_than_the_width():
    """At 28×28 the family has 64 channels at 7×7 and 32 at 14×14, at 8×8 64 at 4×4 and 32 at 8×8."""

    def widths(shape, **options):
        layers_ = networks.generator(shape, 8, **options).layers
        return [layer.filters for layer in layers_ if isinstance(layer, layers.Conv2D)]

    assert widths((28, 28, 1), width=16) == [16, 16, 16, 16, 16, 4 * 16, 16, 16, 4]
    assert widths((28, 28, 1), width=40) == [40, 40, 40, 40, 40, 4 * 32, 32, 32, 4]
    assert widths((28, 28, 1), width=64) == widths((28, 28, 1))
    assert widths((8, 8, 1), width=16) == [16, 16, 16, 4 * 16, 16, 16, 1]
    light = widths((64, 64, 3), width=24)  # 96, 96, 64 and 32 at 4×4, 8×8, 16×16 and 32×32
    assert max(light) == 4 * 24 and networks.generator((64, 64, 3), width=1).output_shape == (None, 64, 64, 3)
    for wrong, shape, message in (
        (0, (28, 28, 1), "up to 64 channels; expected 1 to 64"),
        (65, (28, 28, 1), "up to 64 channels; expected 1 to 64"),
        (97, (64, 64, 3), "up to 96 channels; expected 1 to 96"),
    ):
        with pytest.raises(InputError, match=message):
            networks.generator(shape, width=wrong)
    with pytest.raises(InputError, match="expected one of the networks resnet, resnet-light"):
        networks.generator((28, 28, 1), width=8, family="dcgan")


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """A conditional run with a slider."""
    config = training.configure("digits", "resnet", steps=6, batch_size=16, latent_dim=4, conditional=True)
    job = training.prepare(config, tmp_path_factory.mktemp("distil") / "digits")
    job.train()
    vector = np.float32([1, 0, 0, 0])
    measured = Measurements(0.9, None, 0.5, None, 1.0, 1.0, {}, {}, {}, None, None, None, ())
    found = Fitted("normal", (Slider("tilt", "measured", vector, 1.0),), {"tilt": vector}, None, {"tilt": measured}, {})
    record.save(found, Run(job.run_dir))
    return job.run_dir


def test_a_student_is_a_run_with_its_teachers_classes_and_sliders(teacher, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("distil", teacher, "--width", 16, "--steps", 4, "--imitation", 20)
    assert done.exit_code == 0, done.output
    assert "generator its pictures, discriminator all weights" in done.output.replace("\n", " ")
    student = Run("runs/digits-16")
    config = student.config
    assert (config.teacher, config.generator_width, config.imitation) == (str(teacher), 16, 20.0)
    assert (config.steps, config.batch_size, config.latent_dim, config.conditional) == (4, 16, 4, True)
    assert student.origin.step == 6 and directions.load(student).names == ("tilt",)
    gan = training.load(student.path)
    assert gan.step == 4 and gan.generator.count_params() < training.load(teacher).generator.count_params() / 5
    sampled = run("sample", student.path, "--label", 3, "--set", "tilt=0.5", "--out", "x.png")
    assert sampled.exit_code == 0, sampled.output
    exported = run("export", student.path, "--tflite", "--quantize", "float32", "--out", "x.tflite")
    assert exported.exit_code == 0, exported.output
    again = run("distil", teacher, "--width", 16, "--steps", 6, "--imitation", 20)  # continued
    assert again.exit_code == 0 and "resuming     at step 4 of 6" in again.output, again.output
    assert settings.command(config).endswith("--steps 4 --width 16 --imitation 20.0")
    other = run("distil", teacher, "--width", 16, "--steps", 6)
    assert other.exit_code == 2 and "imitation: 20.0 -> 2.0" in other.output


def test_sliders_of_another_step_are_not_handed_on(teacher, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    copied = Run(shutil.copytree(teacher, "digits"))
    record.save(dataclasses.replace(directions.load(copied), step=2), copied)
    done = run("distil", copied.path, "--width", 16, "--steps", 2)
    assert done.exit_code == 0 and "were found at step 2, and the student learned from step 6" in done.output
    assert directions.load(Run("runs/digits-16")) is None


def test_a_student_of_a_student_has_its_own_weights_of_the_objective(teacher, tmp_path):
    first = distilling.configure(teacher, 32, steps=2, imitation=7.0, adversarial=1.0)
    job = training.prepare(first, tmp_path / "student")
    job.train()
    second = distilling.configure(tmp_path / "student", 16, steps=9)
    assert (second.imitation, second.adversarial, second.generator_width) == (2.0, 0.0, 16)
    one, other = (config.optimizer("generator")["config"] for config in (first, second))
    assert (one["beta_1"], other["beta_1"]) == (0.0, 0.9)
    schedule = keras.optimizers.schedules.deserialize(other["learning_rate"])
    assert (float(schedule(0)), float(schedule(9))) == pytest.approx((8e-3, 4e-4))
    wider = dataclasses.replace(second, generator_width=48).optimizer("generator")["config"]["learning_rate"]
    assert wider["config"]["initial_learning_rate"] == pytest.approx(4e-3)


def test_a_student_comes_nearer_to_its_teacher(teacher, tmp_path):
    config = distilling.configure(teacher, 32, steps=150, adversarial=0.0, seed=1)
    job = training.prepare(config, tmp_path / "student")
    wanted = training.load(teacher).compute(job.gan.inputs(32, seed=0))
    before = np.abs(job.gan.compute(job.gan.inputs(32, seed=0)) - wanted).mean()
    job.train()
    assert np.abs(job.gan.compute(job.gan.inputs(32, seed=0)) - wanted).mean() < before / 2


class StopAt(keras.callbacks.Callback):
    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training |= self.model.step == self.step


@pytest.mark.parametrize("adversarial", [0.0, 1.0])
def test_the_discriminator_is_trained_with_an_adversarial_loss_only(adversarial, teacher, tmp_path):
    """A student that is stopped after 3 of 4 steps and continued has the weights of one that is not."""
    config = distilling.configure(teacher, 16, steps=4, adversarial=adversarial)
    for name, stops in (("whole", [4]), ("stopped", [3, 4])):
        for step in stops:
            job = training.prepare(config, tmp_path / name)
            job._steps_per_execution = lambda: 1
            job._train = functools.partial(lambda train, stop, used: train([*used, stop]), job._train, StopAt(step))
            assert job.train().step == step
    whole, stopped = (training.load(tmp_path / name) for name in ("whole", "stopped"))
    for mine, other in zip(whole.get_weights(), stopped.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)
    of_teacher = training.load(teacher).discriminator.get_weights()
    same = all(map(np.array_equal, whole.discriminator.get_weights(), of_teacher))
    history = Run(tmp_path / "whole").history()
    assert same == (adversarial == 0) == (history["d_gradient"][-1] == 0) and np.isfinite(history["d_loss"]).all()


def test_bad_input_is_one_line_and_writes_nothing(teacher, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lean = training.prepare(training.configure("digits", "lean", steps=1, batch_size=16), tmp_path / "lean")
    lean.train()
    for words, message in (
        ([tmp_path / "none", "--width", 16], "is not a run folder"),
        ([teacher], "--width"),
        ([teacher, "--width", 0], "from 1 to 256"),
        ([teacher, "--width", 16, "--imitation", 0, "--adversarial", 0], "imitation is 0.0; expected more than 0"),
        ([teacher, "--width", 16, "--imitation", 0], "imitation is 0.0; expected more than 0 where adversarial is 0"),
        ([teacher, "--width", 65], "up to 64 channels; expected 1 to 64"),
        ([tmp_path / "lean", "--width", 16], "expected one of the networks resnet, resnet-light"),
    ):
        refused = run("distil", *words)
        assert refused.exit_code == 2 and message in refused.output, refused.output
    assert not (tmp_path / "runs").exists()


def test_a_teacher_that_changed_or_is_gone_stops_a_student_that_is_continued(teacher, tmp_path):
    copy, student = tmp_path / "teacher", tmp_path / "student"
    shutil.copytree(teacher, copy)
    words = ["distil", copy, "--width", 16, "--run", student]
    assert run(*words, "--steps", 2).exit_code == 0
    training.train(dataclasses.replace(Run(copy).config, steps=8), copy)
    changed = run(*words, "--steps", 4)
    assert changed.exit_code == 2 and "has other weights than at the start" in changed.output, changed.output
    assert json.loads((student / "config.json").read_text())["config"]["steps"] == 2
    shutil.rmtree(copy)
    assert run("sample", student, "--out", tmp_path / "x.png").exit_code == 0  # needs no teacher
    gone = run(*words, "--steps", 4)
    assert gone.exit_code == 2 and "is not a run folder" in gone.output
