import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from keras_gan import GAN, losses, penalties
from keras_gan.losses import Loss
from keras_gan.penalties import PENALTIES, Penalty


@keras.saving.register_keras_serializable("tests.saving")
def squared_discriminator_loss(real_logits, fake_logits):
    return ops.mean(ops.square(real_logits - 2.0)) + ops.mean(ops.square(fake_logits))


@keras.saving.register_keras_serializable("tests.saving")
def squared_generator_loss(real_logits, fake_logits):
    return ops.mean(ops.square(real_logits - fake_logits))


@keras.saving.register_keras_serializable("tests.saving")
def sum_of_slopes(gradients):
    return ops.mean(ops.abs(gradients))


OWN_LOSS = Loss(squared_discriminator_loss, squared_generator_loss, paired=True)
OWN_PENALTY = Penalty("fake", sum_of_slopes)


def images(batch=4):
    return tf.constant(np.random.default_rng(0).uniform(-1, 1, (batch, 8, 8, 1)), "float32")


def state(gan):
    variables = [*gan.weights, *gan.generator_optimizer.variables, *gan.discriminator_optimizer.variables]
    return [variable.numpy() for variable in variables]


def assert_equal(mine, others, atol=0.0):
    assert len(mine) == len(others)
    for value, other in zip(mine, others, strict=True):
        np.testing.assert_allclose(value, other, atol=atol, rtol=0)


@pytest.fixture
def saved_and_loaded(tiny_generator, tiny_discriminator, tmp_path):
    def build(**options):
        gan = GAN(tiny_generator(), tiny_discriminator(), "uniform", ema_half_life_images=50, seed=4, name="mine")
        gan.compile(**options)
        for _ in range(2):
            gan.train_step(images())
        # After two steps the average is all but the generator itself; here it is saved apart.
        gan.ema_generator.set_weights([weight + 0.25 for weight in gan.ema_generator.get_weights()])
        gan.save(tmp_path / "gan.keras")
        return gan, keras.models.load_model(tmp_path / "gan.keras")

    return build


CHOICES = {
    "defaults": {},
    "names": {
        "loss": "hinge",
        "penalties": {"wgan_gp": 3.0, "r1": "auto"},
        "discriminator_steps": 2,
        "steps_per_execution": 3,
    },
    "own": {
        "loss": OWN_LOSS,
        "penalties": {OWN_PENALTY: 2.0, PENALTIES["r2"]: 1.0},
        "generator_optimizer": keras.optimizers.RMSprop,
        "discriminator_optimizer": lambda: keras.optimizers.SGD(0.05, momentum=0.5),
    },
}


@pytest.mark.parametrize("name", CHOICES)
def test_a_loaded_gan_is_the_saved_one_and_trains_on_as_it(saved_and_loaded, name):
    options = {key: value() if callable(value) else value for key, value in CHOICES[name].items()}
    gan, loaded = saved_and_loaded(**options)
    assert loaded.get_config() | {"generator": 0, "discriminator": 0} == {
        "generator": 0,
        "discriminator": 0,
        "latent": "uniform",
        "latent_dim": 4,
        "ema_half_life_images": 50,
        "num_classes": None,
        "attributes": None,
        "seed": 4,
        "name": "mine",
    }
    assert loaded.loss_pair == gan.loss_pair
    assert loaded.penalties == gan.penalties
    assert loaded.discriminator_steps == gan.discriminator_steps
    assert loaded.steps_per_execution == gan.steps_per_execution
    for mine, original in (
        (loaded.generator_optimizer, gan.generator_optimizer),
        (loaded.discriminator_optimizer, gan.discriminator_optimizer),
    ):
        assert type(mine) is type(original)
        assert mine.get_config() == original.get_config()
    assert loaded.step == 2
    assert_equal(state(loaded), state(gan))
    np.testing.assert_array_equal(loaded.generate(3, seed=5), gan.generate(3, seed=5))

    # .keras does not hold the state of the noise.
    loaded.seed_generator.state.assign(gan.seed_generator.state)
    before = state(gan)
    for model in (gan, loaded):
        model.train_step(images())
    assert max(np.max(np.abs(new - old)) for new, old in zip(state(gan), before, strict=True)) > 1e-4
    assert_equal(state(loaded), state(gan), atol=1e-6)


def test_own_loss_made_of_the_packages_halves(saved_and_loaded):
    mixed = Loss(losses.hinge_discriminator_loss, losses.non_saturating_generator_loss)
    _, loaded = saved_and_loaded(loss=mixed)
    assert loaded.loss_pair == mixed


def test_own_penalty_made_of_the_packages_function(saved_and_loaded):
    between = Penalty("between", penalties.zero_centred)
    _, loaded = saved_and_loaded(loss="hinge", penalties={between: 1.5})
    assert loaded.penalties == {between: 1.5}


def test_weights_file_round_trip(tiny_generator, tiny_discriminator, tmp_path):
    gans = [GAN(tiny_generator(), tiny_discriminator(), seed=seed) for seed in (1, 2)]
    for gan in gans:
        gan.compile()
    gans[0].train_step(images())
    gans[0].save_weights(tmp_path / "gan.weights.h5")
    gans[1].load_weights(tmp_path / "gan.weights.h5")
    assert_equal(state(gans[1]), state(gans[0]))


def test_an_uncompiled_gan_round_trips(tiny_generator, tiny_discriminator, tmp_path):
    gan = GAN(tiny_generator(), tiny_discriminator())
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    assert_equal([weight.numpy() for weight in loaded.weights], [weight.numpy() for weight in gan.weights])


@keras.saving.register_keras_serializable("tests.saving")
class RegisteredGenerator(keras.Model):
    def __init__(self, width, **options):
        super().__init__(**options)
        self.width = width
        self.stack = [layers.Dense(width, activation="relu"), layers.Dense(64, activation="tanh")]

    def call(self, z):
        for layer in self.stack:
            z = layer(z)
        return ops.reshape(z, (-1, 8, 8, 1))

    def get_config(self):
        return super().get_config() | {"width": self.width}


def test_a_registered_subclassed_generator_round_trips(tiny_discriminator, tmp_path):
    gan = GAN(RegisteredGenerator(3), tiny_discriminator(), latent_dim=4)
    gan.compile(loss="hinge")
    gan.train_step(images())
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    assert loaded.generator.width == 3
    assert_equal(state(loaded), state(gan))
    np.testing.assert_array_equal(loaded.generate(2, seed=1), gan.generate(2, seed=1))


def test_the_share_of_the_penalties_is_saved(saved_and_loaded):
    gan, loaded = saved_and_loaded(loss="hinge", penalties={"r1": 1.0}, penalty_share=0.5)
    assert gan.penalty_share == loaded.penalty_share == 0.5


def test_a_gan_from_before_the_share_penalises_all_images(tiny_generator, tiny_discriminator):
    gan = GAN(tiny_generator(), tiny_discriminator())
    gan.compile()
    config = gan.get_compile_config()
    assert config.pop("penalty_share") == 0.25
    gan.compile_from_config(config)
    assert gan.penalty_share == 1
