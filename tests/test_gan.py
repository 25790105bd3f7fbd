import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from keras_gan import GAN, callbacks, sampling, schedules
from keras_gan._utils import pixels
from keras_gan._utils.errors import InputError
from keras_gan._utils.log_names import LOGS
from keras_gan.losses import LOSSES
from keras_gan.penalties import PENALTIES
from keras_gan.presets import PRESETS
from keras_gan.sampling import latents


def images(count=6, shape=(8, 8, 1), seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, *shape)).astype("float32")


@pytest.fixture(scope="module")
def fitted(tiny_generator, tiny_discriminator):
    gan = GAN(tiny_generator(), tiny_discriminator(), seed=3)
    gan.compile(keras.optimizers.SGD(0.5), "sgd", loss="non_saturating", discriminator_steps=2)
    data = tf.data.Dataset.from_tensor_slices((images(24), np.arange(24))).batch(8)
    gan.history_of_fit = gan.fit(data, epochs=2, shuffle=False, verbose=0).history
    return gan


# fit, evaluate, predict, generate -------------------------------------------------------------------------------------


def test_fit_reports_everything_that_is_logged(fitted):
    assert set(fitted.history_of_fit) == set(LOGS)
    assert np.isfinite([*fitted.history_of_fit.values()]).all()
    assert [len(epochs) for epochs in fitted.history_of_fit.values()] == [2] * 7


def test_steps_count_generator_updates(fitted):
    assert fitted.step == 6  # 2 epochs of 24 / 8 batches
    assert int(fitted.discriminator_optimizer.iterations) == 12


def test_evaluate_changes_nothing_and_needs_no_multiple_of_k(fitted):
    before = [weight.numpy() for weight in fitted.weights]
    logs = fitted.evaluate(images(3), batch_size=1, return_dict=True, verbose=0)
    assert logs["d_loss"] > 0 and 0 <= logs["d_accuracy"] <= 1
    for weight, value in zip(fitted.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_predict_and_call_are_the_average(fitted):
    z = np.random.default_rng(1).standard_normal((5, 4)).astype("float32")
    predicted = fitted.predict(z, verbose=0)
    assert (predicted.shape, predicted.dtype) == ((5, 8, 8, 1), "float32")
    np.testing.assert_allclose(predicted, fitted.ema_generator(z), atol=1e-6)
    np.testing.assert_allclose(fitted(z), predicted, atol=1e-6)
    assert np.max(np.abs(predicted - fitted.generator(z))) > 1e-4


def test_generate_is_uint8_pictures_of_the_average(fitted):
    samples = fitted.generate(3, seed=7)
    assert (samples.shape, samples.dtype) == ((3, 8, 8, 1), "uint8")
    z = latents.of_seeds(np.int32([7, 8, 9]), 4)
    np.testing.assert_array_equal(samples, pixels.to_uint8(fitted.ema_generator(z)))


def test_one_seed_is_one_series_of_pictures(fitted):
    nine = fitted.generate(9, seed=7)
    np.testing.assert_array_equal(fitted.generate(9, seed=7), nine)
    np.testing.assert_array_equal(fitted.generate(5, seed=7), nine[:5])
    np.testing.assert_array_equal(fitted.generate(9, seed=7, batch_size=2), nine)
    np.testing.assert_array_equal(fitted.generate(8, seed=8), nine[1:])  # sample i is that of seed + i
    assert len(np.unique(nine, axis=0)) == 9
    assert not np.array_equal(fitted.generate(9), fitted.generate(9))


def test_labels_are_ignored(tiny_generator, tiny_discriminator):
    weights = []
    for data in (tf.constant(images()), (tf.constant(images()), tf.range(6))):
        gan = GAN(tiny_generator(), tiny_discriminator(), seed=1)
        gan.compile()
        gan.train_step(data)
        weights.append(gan.generator.get_weights())
    for alone, labelled in zip(*weights, strict=True):
        np.testing.assert_array_equal(alone, labelled)


def test_uniform_latents(tiny_generator, tiny_discriminator):
    gan = GAN(tiny_generator(), tiny_discriminator(), latent="uniform")
    z = latents.of_seeds(np.int32([7, 8]), 4, "uniform")
    np.testing.assert_array_equal(gan.generate(2, seed=7), pixels.to_uint8(gan.ema_generator(z)))


def test_vectors_train_and_come_as_floats(tiny_generator, tiny_discriminator):
    gan = GAN(tiny_generator((1,)), tiny_discriminator((1,)), seed=1)
    gan.compile("sgd", "sgd", loss="relativistic", penalties={"r1": 0.1})
    history = gan.fit(np.linspace(-1, 1, 16).reshape(16, 1), batch_size=8, verbose=0).history
    assert np.isfinite([*history.values()]).all() and history["penalty"][0] > 0
    samples = gan.generate(3, seed=1)
    assert (samples.shape, samples.dtype) == ((3, 1), "float32")


def test_defaults_are_the_default_presets_recipe(tiny_gan):
    recipe = PRESETS["resnet"]
    assert tiny_gan.loss_pair is LOSSES[recipe.loss]
    assert tiny_gan.penalties == {PENALTIES[name]: weight for name, weight in recipe.penalties.items()}
    for optimizer in (tiny_gan.generator_optimizer, tiny_gan.discriminator_optimizer):
        settings = recipe.generator_optimizer["config"]
        assert type(optimizer) is keras.optimizers.Adam
        assert settings["learning_rate"] == "auto"
        assert float(optimizer.learning_rate) == pytest.approx(schedules.LARGEST_RATE, rel=1e-6)  # of a narrow network
        assert (optimizer.beta_1, optimizer.beta_2) == (settings["beta_1"], settings["beta_2"])
    assert tiny_gan.generator_optimizer is not tiny_gan.discriminator_optimizer


@pytest.mark.parametrize(("side", "name"), [(63, "resnet"), (64, "resnet-light")])
def test_the_default_recipe_depends_on_the_size_of_the_images(tiny_generator, tiny_discriminator, side, name):
    gan = GAN(tiny_generator((side, side, 1)), tiny_discriminator((side, side, 1)))
    gan.compile()
    assert gan.penalties == {PENALTIES[key]: weight for key, weight in PRESETS[name].penalties.items()}


def test_another_loss_comes_without_the_presets_penalties(tiny_gan):
    tiny_gan.compile()
    assert tiny_gan.penalty_share == 0.25
    tiny_gan.compile(loss="hinge")
    assert tiny_gan.penalties == {} and tiny_gan.penalty_share == 1
    tiny_gan.compile(penalties={"r1": 1.0})
    assert tiny_gan.penalty_share == 1
    assert (tiny_gan.loss_pair, tiny_gan.penalties) == (LOSSES["relativistic"], {PENALTIES["r1"]: 1.0})


def test_optimizers_by_name_object_and_mapping(tiny_gan):
    own = keras.optimizers.RMSprop(0.02)
    tiny_gan.compile("sgd", own)
    assert type(tiny_gan.generator_optimizer) is keras.optimizers.SGD
    assert tiny_gan.discriminator_optimizer is own
    tiny_gan.compile({"class_name": "SGD", "config": {"learning_rate": 0.3}})
    assert float(tiny_gan.generator_optimizer.learning_rate) == pytest.approx(0.3, abs=1e-6)


# networks of one's own ------------------------------------------------------------------------------------------------


class Doubling(layers.Layer):
    def call(self, x):
        return 2.0 * x


class Subclassed(keras.Model):
    def __init__(self, width, **options):
        super().__init__(**options)
        self.width = width
        self.stack = [layers.Dense(width), layers.Dense(64, activation="tanh")]

    def call(self, z):
        return ops.reshape(self.stack[1](self.stack[0](z)), (-1, 8, 8, 1))

    def get_config(self):
        return super().get_config() | {"width": self.width}


class SubclassedDiscriminator(keras.Model):
    def __init__(self):
        super().__init__()
        self.stack = [layers.Flatten(), layers.Dense(1)]

    def call(self, x):
        return self.stack[1](self.stack[0](x))


def unbuilt_sequential():
    return keras.Sequential([layers.Dense(64, activation="tanh"), layers.Reshape((8, 8, 1))])


def unregistered_functional():
    z = keras.Input((4,))
    return keras.Model(z, layers.Reshape((8, 8, 1))(Doubling()(layers.Dense(64)(z))))


def unbuilt_discriminator():
    return keras.Sequential([layers.Flatten(), layers.Dense(1)])


@pytest.mark.parametrize("discriminator", [unbuilt_discriminator, SubclassedDiscriminator])
@pytest.mark.parametrize("build", [unbuilt_sequential, lambda: Subclassed(3), unregistered_functional])
def test_any_networks_train_and_generate(build, discriminator):
    gan = GAN(build(), discriminator(), latent_dim=4, seed=1)
    gan.compile("sgd", "sgd")
    before = gan.generator.get_weights() + gan.discriminator.get_weights()
    gan.train_step(tf.constant(images()))
    after = gan.generator.get_weights() + gan.discriminator.get_weights()
    changed = [not np.array_equal(new, old) for new, old in zip(after, before, strict=True)]
    # The relativistic loss compares logits: D's last bias cancels out of it.
    assert all(changed[:-1])
    z = np.random.default_rng(2).standard_normal((2, 4)).astype("float32")
    np.testing.assert_allclose(gan.ema_generator(z), gan.generator(z), atol=1e-3)
    assert gan.generate(2, seed=1).shape == (2, 8, 8, 1)


def test_latent_dim_is_read_from_the_generator(tiny_generator, tiny_discriminator):
    assert GAN(tiny_generator(latent_dim=6), tiny_discriminator()).latent_dim == 6


# what a person sees


def test_the_summary_has_both_networks_and_what_was_compiled(tiny_generator, tiny_discriminator):
    lines = []
    gan = GAN(tiny_generator(), tiny_discriminator())
    gan.summary(print_fn=lines.append)
    assert "not compiled" in lines[0]
    gan.compile("sgd", keras.optimizers.Adam(0.25), "hinge", {"r1": 2.0}, discriminator_steps=3)
    gan.summary(print_fn=lines.append, expand_nested=True)
    told = lines[1]
    for network in (gan.generator, gan.discriminator):
        assert f"{network.count_params():,}" in told
    for words in ("z (4), normal", "images 8 x 8 x 1", "hinge", "r1 with weight 2.0", "Adam, learning rate 0.25", "3 "):
        assert words in told, told
    assert len(lines) > 3  # the layers of both networks follow


def test_show_gives_a_grid_that_is_large_enough_to_see(tiny_gan, tiny_generator, tiny_discriminator):
    picture = tiny_gan.show(4, seed=7)
    grid = np.asarray(sampling.grid(tiny_gan.generate(4, seed=7)))
    factor = picture.size[0] // grid.shape[1]
    assert min(picture.size) > 300
    np.testing.assert_array_equal(np.asarray(picture), grid.repeat(factor, 0).repeat(factor, 1))
    with pytest.raises(InputError, match="expected a GAN of images"):
        GAN(tiny_generator((3,)), tiny_discriminator((3,))).show()


def test_the_bar_of_fit_shows_both_losses_and_the_history_everything(tiny_gan, capsys):
    tiny_gan.compile("sgd", "sgd", "hinge", run_eagerly=True)
    images = np.zeros((8, 8, 8, 1), "float32")
    history = tiny_gan.fit(images, batch_size=4, validation_data=(images,), verbose=1).history
    shown = set(re.findall(r"(\w+): -?\d", capsys.readouterr().out))
    assert shown == {"d_loss", "g_loss", "val_d_loss", "val_g_loss"}
    assert {"d_accuracy", "logit_gap", "d_gradient", "g_gradient"} <= set(history)
    tiny_gan.fit(images, batch_size=4, verbose=0)
    assert capsys.readouterr().out == ""


def test_samples_are_shown_in_a_notebook_only(tiny_gan):
    with pytest.raises(InputError, match="outside a notebook"):
        tiny_gan.fit(np.zeros((8, 8, 8, 1), "float32"), batch_size=4, verbose=0, callbacks=[callbacks.ShowSamples()])


@pytest.mark.long
def test_samples_are_replaced_while_training_in_ipython():
    code = (
        "import numpy as np; from keras_gan import GAN, callbacks, networks\n"
        "import IPython.display as d; seen = []; real = d.display\n"
        "def display(picture, display_id): seen.append(picture.size); return type('H', (), {'update': display2})()\n"
        "def display2(self, picture): seen.append(picture.size)\n"
        "d.display = display\n"
        "gan = GAN(networks.generator((8, 8, 1)), networks.discriminator((8, 8, 1))); gan.compile(run_eagerly=True)\n"
        "shown = callbacks.ShowSamples(steps=2, n=4)\n"
        "gan.fit(np.zeros((16, 8, 8, 1), 'float32'), batch_size=4, verbose=0, callbacks=[shown])\n"
        "assert len(seen) == 4 and len(set(seen)) == 1, seen  # at steps 0, 2 and 4, and at the end\n"
        "print('seen', len(seen))"
    )
    ended = subprocess.run([sys.executable, "-m", "IPython", "-c", code], capture_output=True, text=True)
    assert "seen 4" in ended.stdout, ended.stdout + ended.stderr
