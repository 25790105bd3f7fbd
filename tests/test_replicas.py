"""The same step on one replica and on two, and steps that are not applied."""

import contextlib
import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_gan import GAN
from keras_gan.augment import DiffAugment
from keras_gan.distribute import replicas
from keras_gan.losses import LOSSES

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(0).uniform(-1, 1, (24, *SHAPE)).astype("float32")
ONE = contextlib.nullcontext


def norm(normalised):
    return layers.BatchNormalization(synchronized=True) if normalised else layers.LeakyReLU(0.2)


def networks(normalised=False, num_classes=None):
    keras.utils.set_random_seed(1)
    z, image, label = keras.Input((4,)), keras.Input(SHAPE), keras.Input((), dtype="int32")
    classes = [label] if num_classes else []
    code = layers.Concatenate()([z, layers.Embedding(num_classes, 4)(label)]) if classes else z
    x = norm(normalised)(layers.Reshape((8, 8, 2))(layers.Dense(128)(code)))
    x = layers.Conv2D(1, 3, padding="same", activation="tanh")(layers.LeakyReLU(0.2)(x))
    y = norm(normalised)(layers.Conv2D(2, 3, strides=2, padding="same")(image))
    y = layers.Flatten()(layers.LeakyReLU(0.2)(y))
    y = layers.Concatenate()([y, layers.Embedding(num_classes, 4)(label)]) if classes else y
    return keras.Model([z, *classes] if classes else z, x), keras.Model(
        [image, *classes] if classes else image, layers.Dense(1)(y)
    )


def trained(
    scope, loss="non_saturating", penalties=None, k=1, normalised=False, num_classes=None, share=1.0, **optimizer
):
    """A GAN after two steps of 12 images, by SGD, which hides no scale as Adam does; and what `fit` logged."""
    with scope():
        gan = GAN(*networks(normalised, num_classes), ema_half_life_images=100, seed=3, num_classes=num_classes)
        rates = (keras.optimizers.SGD(rate, momentum=0.5, **optimizer) for rate in (0.1, 0.2))
        gan.compile(*rates, loss, penalties or {}, k, penalty_share=share, jit_compile=False)
    labels = None if num_classes is None else np.arange(24) % num_classes
    logs = gan.fit(IMAGES, labels, batch_size=12, shuffle=False, verbose=0).history
    return gan, {name: values[0] for name, values in logs.items()}


@pytest.fixture(scope="module")
def plain(remembered):
    """A function that gives what `trained` gives, traced once for all tests and put back to where it was."""

    @functools.cache
    def started(scope):
        gan, logs = trained(scope, penalties={"r1": "auto"})
        return gan, logs, remembered(gan)

    def of(scope):
        gan, logs, put_back = started(scope)
        put_back()
        return gan, logs

    return of


def assert_alike(one, two):
    (gan, logs), (other, others) = one, two
    for mine, its in zip(gan.variables, other.variables, strict=True):
        np.testing.assert_allclose(its.numpy(), mine.numpy(), rtol=0, atol=1e-6, err_msg=mine.path)
    assert logs == pytest.approx(others, rel=1e-5, abs=1e-6)


CASES = {
    **{loss: {"loss": loss} for loss in LOSSES},
    "r1 and r2 of automatic weight": {"loss": "relativistic", "penalties": {"r1": "auto", "r2": "auto"}},
    "r1 and r2 of a third": {"loss": "relativistic", "penalties": {"r1": 1.0, "r2": 1.0}, "share": 1 / 3},
    "r1, k=2": {"loss": "hinge", "penalties": {"r1": 1.0}, "k": 2},
    "wgan_gp, k=3": {"loss": "wasserstein", "penalties": {"wgan_gp": 0.1}, "k": 3},
    "batch normalisation": {"normalised": True, "penalties": {"r2": 0.5}},
    "classes, k=2": {"loss": "relativistic", "num_classes": 3, "k": 2},
    "clipped gradients": {"clipnorm": 0.01},
}


@pytest.mark.parametrize("case", [pytest.param(case, marks=pytest.mark.long) for case in CASES])
def test_two_replicas_make_the_step_of_one_on_the_same_batch(two_replicas, case):
    assert_alike(trained(ONE, **CASES[case]), trained(two_replicas.scope, **CASES[case]))


@pytest.mark.long
def test_two_replicas_make_the_step_of_one_with_several_options_at_once(two_replicas):
    options = {"loss": "relativistic", "penalties": {"r1": "auto"}, "clipnorm": 0.5, "num_classes": 3, "k": 2}
    assert_alike(trained(ONE, **options), trained(two_replicas.scope, **options))


def test_two_replicas_make_the_step_of_one(two_replicas, plain):
    assert_alike(plain(ONE), plain(two_replicas.scope))


def test_a_strategy_of_one_replica_makes_the_step_of_none(plain):
    options = {"penalties": {"r1": "auto"}}
    assert_alike(plain(ONE), trained(tf.distribute.MirroredStrategy(["CPU:1"]).scope, **options))


def test_the_steps_move_the_weights_further_than_the_tolerance(two_replicas, plain):
    gan, _ = plain(two_replicas.scope)
    start, _ = networks()
    moved = np.abs(gan.generator.get_weights()[0] - start.get_weights()[0]).max()
    average = np.abs(gan.ema_generator.get_weights()[0] - start.get_weights()[0]).max()
    assert moved > 1e-3 and average > 1e-4


def test_replicas_have_different_rows_and_together_those_of_one(two_replicas):
    def rows(number):
        return replicas.share(lambda n: keras.random.normal((n, 2), seed=5), number)

    first, second = two_replicas.experimental_local_results(two_replicas.run(rows, (3,)))
    np.testing.assert_array_equal(np.concatenate([first, second]), rows(6))


def test_replicas_augment_differently(two_replicas):
    with two_replicas.scope():
        augment = DiffAugment(["translation"], seed=1)
    image = tf.reshape(tf.range(64.0), (1, *SHAPE))

    def mirrored():
        return augment(image, training=True)

    pairs = [two_replicas.experimental_local_results(two_replicas.run(mirrored)) for _ in range(8)]
    assert sum(np.array_equal(first, second) for first, second in pairs) < 4


# steps that are not applied


@pytest.fixture(params=["one replica", "two replicas"])
def scope(request, two_replicas):
    return ONE if request.param == "one replica" else two_replicas.scope


def side(gan, name):
    """The weights and the optimizer's slots of the generator, its average among them, or of the discriminator."""
    optimizer = getattr(gan, f"{name}_optimizer")
    slots = [variable for variable in optimizer.variables if variable is not optimizer.iterations]
    average = gan.ema_generator.variables if name == "generator" else []
    return [variable.numpy() for variable in [*getattr(gan, name).variables, *slots, *average]]


def assert_same(arrays, others):
    for array, other in zip(arrays, others, strict=True):
        np.testing.assert_array_equal(array, other)


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_step_on_data_that_are_not_finite_leaves_the_discriminator(scope, plain, poison):
    gan, _ = plain(scope)
    before = side(gan, "discriminator")
    images = IMAGES[:12].copy()
    images[8, 3, 3] = poison  # in the second replica's share
    gan.fit(images, batch_size=12, verbose=0)
    assert_same(side(gan, "discriminator"), before)
    # G's own update, by a D that is whole, is made.
    assert int(gan.skipped_steps.numpy()) == 1 and gan.step == 3
    assert all(np.isfinite(array).all() for array in side(gan, "generator"))


def test_a_generator_that_is_not_finite_changes_nothing(scope, plain):
    gan, _ = plain(scope)
    gan.generator.layers[-1].bias.assign([np.nan])
    before = [side(gan, name) for name in ("generator", "discriminator")]
    gan.fit(IMAGES[:12], batch_size=12, verbose=0)
    assert int(gan.skipped_steps.numpy()) == 2 and gan.step == 3  # which still tells what data come next
    for name, arrays in zip(("generator", "discriminator"), before, strict=True):
        assert_same(side(gan, name), arrays)


def test_a_dropped_batch_does_not_lower_the_loss_scale(two_replicas):
    with two_replicas.scope():
        gan = GAN(*networks(False, None), seed=3)
        scaled = (keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=8.0) for _ in range(2))
        gan.compile(*scaled, "hinge", {}, jit_compile=False)
    gan.fit(IMAGES[:9], batch_size=4, shuffle=False, verbose=0)  # two replicas cannot share the ninth
    assert gan.step == 3 and int(gan.skipped_steps.numpy()) == 0
    for optimizer in (gan.generator_optimizer, gan.discriminator_optimizer):
        assert float(optimizer.dynamic_scale.numpy()) == 8.0 and int(optimizer.iterations.numpy()) == 2


def test_training_goes_on_after_a_step_that_was_not_applied(scope, plain):
    gan, _ = plain(scope)
    gan.fit(np.full((12, *SHAPE), np.nan, "float32"), batch_size=12, verbose=0)
    before = side(gan, "discriminator")
    gan.fit(IMAGES[:12], batch_size=12, verbose=0)
    assert int(gan.skipped_steps.numpy()) == 1
    assert not np.array_equal(side(gan, "discriminator")[0], before[0])
