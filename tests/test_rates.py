import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_gan import GAN, networks, schedules
from keras_gan._utils.errors import InputError


def convolutional(*channels):
    kernels = [layers.Conv2D(count, 3) for count in channels[1:]]
    return keras.Sequential([keras.Input((16, 16, channels[0])), *kernels])


@pytest.mark.parametrize(
    "network, expected",
    [
        (lambda: convolutional(3, 16, 32), 16),  # 3 × 16, 16 × 32
        (lambda: convolutional(3, 128, 128, 1), 128),
        (lambda: keras.Sequential([keras.Input((100,)), layers.Dense(6_272)]), 100),
        (lambda: keras.Sequential([keras.Input((4,)), layers.LayerNormalization()]), 1),
        (lambda: networks.generator((28, 28, 1)), 64),
        (lambda: networks.discriminator((28, 28, 1)), 64),
        (lambda: networks.discriminator((64, 64, 3)), 96),
        (lambda: networks.discriminator((64, 64, 3), "resnet"), 256),
    ],
)
def test_width_is_that_of_features_that_meet_features(network, expected):
    assert schedules.width(network()) == expected


def rate(network, step):
    schedule = keras.saving.deserialize_keras_object(schedules.automatic(network))
    return float(schedule(step))


def test_the_rate_falls_with_the_width_above_64_and_with_the_steps():
    assert rate(convolutional(3, 8, 8), 0) == rate(convolutional(3, 64, 64), 0) == pytest.approx(2e-3)
    assert rate(convolutional(3, 128, 128), 0) == pytest.approx(5e-4)
    assert rate(convolutional(3, 512, 512), 0) == pytest.approx(2e-4)
    assert rate(convolutional(3, 128, 128), 8_000) == pytest.approx(2.5e-4)
    assert rate(convolutional(3, 128, 128), 56_000) == pytest.approx(5e-4 / 8)


def test_each_network_has_the_rate_of_its_own_width(tiny_generator, tmp_path):
    gan = GAN(
        tiny_generator((16, 16, 3)), keras.Sequential([convolutional(3, 128, 128), layers.Flatten(), layers.Dense(1)])
    )
    gan.compile()
    gan.save(tmp_path / "gan.keras")
    for game in (gan, keras.models.load_model(tmp_path / "gan.keras")):
        assert float(game.generator_optimizer.learning_rate) == pytest.approx(2e-3)
        assert float(game.discriminator_optimizer.learning_rate) == pytest.approx(5e-4)
        game.discriminator_optimizer.iterations.assign(8_000)
        assert float(game.discriminator_optimizer.learning_rate) == pytest.approx(2.5e-4)


def test_an_optimizer_of_ones_own_may_ask_for_the_rate(tiny_gan):
    tiny_gan.compile({"class_name": "RMSprop", "config": {"learning_rate": "auto"}})
    assert type(tiny_gan.generator_optimizer) is keras.optimizers.RMSprop
    assert float(tiny_gan.generator_optimizer.learning_rate) == pytest.approx(2e-3)


def test_both_rates_fall_alike_whatever_k_is(tiny_generator, tiny_discriminator, tmp_path):
    def compiled(k):
        gan = GAN(tiny_generator(), tiny_discriminator())
        gan.compile(discriminator_steps=k)
        return gan

    once, thrice = compiled(1), compiled(3)
    for gan, updates in ((once, 800), (thrice, 3 * 800)):
        gan.generator_optimizer.iterations.assign(800)
        gan.discriminator_optimizer.iterations.assign(updates)
    thrice.save(tmp_path / "gan.keras")
    for gan in (once, thrice, keras.models.load_model(tmp_path / "gan.keras")):
        assert schedules.current_rate(gan.discriminator_optimizer) == pytest.approx(2e-3 / 1.1)
        assert schedules.current_rate(gan.generator_optimizer) == pytest.approx(2e-3 / 1.1)


def test_a_momentum_that_rises_by_hand():
    weight = keras.Variable([0.0])
    optimizer = schedules.RisingMomentum(0.1, momentum=0.5, final_momentum=0.7, first_step=1, last_step=3)
    expected, velocity = 0.0, 0.0
    for momentum in (0.5, 0.5, 0.6, 0.7, 0.7):  # at steps 0 to 4
        optimizer.apply([tf.constant([2.0])], [weight])
        velocity = momentum * velocity - 0.1 * 2.0
        expected += velocity
        assert float(weight[0]) == pytest.approx(expected, abs=1e-6)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()


def test_a_momentum_rises_by_training_steps_and_not_by_updates():
    weight, moved = keras.Variable([0.0]), []
    optimizer = schedules.RisingMomentum(0.1, momentum=0.5, final_momentum=0.7, first_step=1, last_step=3)
    schedules.count_training_steps(optimizer, 2)
    for _ in range(8):
        optimizer.apply([tf.constant([2.0])], [weight])
        moved.append(float(weight[0]))
    velocities = np.diff([0.0, *moved])
    momenta = (velocities[1:] + 0.1 * 2.0) / velocities[:-1]
    np.testing.assert_allclose(momenta, [0.5, 0.5, 0.5, 0.6, 0.6, 0.7, 0.7], atol=1e-5)  # of the updates 1 to 7


@pytest.mark.parametrize("options", [{"momentum": 0.0}, {"nesterov": True}, {"first_step": 5, "last_step": 5}])
def test_a_momentum_that_cannot_rise(options):
    with pytest.raises(InputError, match="RisingMomentum received momentum="):
        schedules.RisingMomentum(0.1, **options)
