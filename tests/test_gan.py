import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from keras_gan import GAN, schedules
from keras_gan._utils import pixels
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


def test_another_loss_comes_without_the_presets_penalties(tiny_gan):
    tiny_gan.compile(loss="hinge")
    assert tiny_gan.penalties == {}
    tiny_gan.compile(penalties={"r1": 1.0})
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
