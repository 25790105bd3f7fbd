"""The update of D from one backward pass, compared with two passes that differentiate the whole objective."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_gan import GAN, InputError, networks
from keras_gan import layers as own
from keras_gan.losses import LOSSES
from keras_gan.penalties import Penalty, one_centred

SHAPE = (8, 8, 1)
BOTH = {"r1": 0.5, "r2": 2.0}


def critic(shape=SHAPE, classes=None, pack=1, dtype="float32"):
    """A discriminator of the default family; its weights are normal, since zeros would hide parts of the gradient."""
    network = networks.discriminator(shape, dtype=dtype, num_classes=classes, pack=pack)
    rng = np.random.default_rng(0)
    for weight in network.trainable_variables:
        fan_in = np.prod(weight.shape[:-1]) if len(weight.shape) > 1 else 1
        weight.assign(rng.standard_normal(weight.shape) / np.sqrt(fan_in))
    return network


def trained(one_pass, discriminator, shape=SHAPE, classes=None, weighted=False, **options):
    """The discriminator's weights after one step, the logs, and whether it can share a pass."""
    keras.utils.set_random_seed(0)
    gan = GAN(networks.generator(shape, 3, num_classes=classes), discriminator(), seed=1, num_classes=classes)
    gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), **options)
    can, gan.one_pass = gan.one_pass, one_pass
    rng = np.random.default_rng(2)
    columns = [rng.uniform(-1, 1, (8, *shape)).astype("float32")]
    if classes or weighted:
        columns.append(rng.integers(classes or 1, size=8))
    if weighted:
        columns.append(rng.uniform(0, 2, 8).astype("float32"))
    logs = gan.train_step(tuple(map(tf.constant, columns)) if len(columns) > 1 else tf.constant(columns[0]))
    return gan.discriminator.get_weights(), {name: float(value) for name, value in logs.items()}, can


def assert_equal(weights, expected):
    for a, b in zip(weights, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


CASES = {
    "classes": {"discriminator": lambda: critic(classes=3), "classes": 3, "penalties": BOTH},
    "packs": {"discriminator": lambda: critic(pack=2), "penalties": BOTH},
    "three updates": {"discriminator": critic, "penalties": BOTH, "discriminator_steps": 3},
    "r1 alone": {"discriminator": critic, "penalties": {"r1": 1.0}},
    "r2 alone": {"discriminator": critic, "penalties": {"r2": 1.0}},
    "weights of samples": {"discriminator": critic, "penalties": BOTH, "weighted": True},
    "automatic weight": {"discriminator": critic, "penalties": {"r1": "auto", "r2": "auto"}},
    "own penalty": {"discriminator": critic, "penalties": {Penalty("fake", one_centred): 1.0}},
    "simultaneous": {"discriminator": critic, "penalties": BOTH, "updates": "simultaneous"},
    "a share of the images": {"discriminator": critic, "penalties": BOTH, "penalty_share": 0.3},
    "a share of real images": {"discriminator": critic, "penalties": {"r1": 1.0}, "penalty_share": 0.5},
    "a share with classes": {
        "discriminator": lambda: critic(classes=3),
        "classes": 3,
        "penalties": BOTH,
        "penalty_share": 0.25,
        "updates": "simultaneous",
    },
    "a share of packs": {"discriminator": lambda: critic(pack=2), "penalties": BOTH, "penalty_share": 0.5},
    "a share, weighted": {"discriminator": critic, "penalties": BOTH, "weighted": True, "penalty_share": 0.5},
}


@pytest.mark.parametrize("case", CASES)
def test_one_pass_gives_the_gradients_of_two(case):
    (one, logs, can), (two, expected, _) = (
        trained(one_pass, loss="relativistic", **CASES[case]) for one_pass in (1, 0)
    )
    assert can
    assert_equal(one, two)
    assert logs == pytest.approx(expected, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("one_pass", [True, False])
@pytest.mark.parametrize(
    "share, pack, images",
    [
        (1.0, 1, range(8)),
        (0.25, 1, (0, 4)),
        (0.3, 1, (0, 4, 7)),  # where 0.3 · i passes a whole number: 0, 1.2, 2.1
        (0.6, 1, (0, 2, 4, 5, 7)),  # 0, 1.2, 2.4, 3, 4.2
        (1e-9, 1, (0,)),
        (0.25, 2, (0, 1)),
        (0.5, 2, (0, 1, 4, 5)),
    ],
)
def test_penalties_are_computed_at_a_share_of_the_batch_spread_evenly(share, pack, images, one_pass):
    network = critic(pack=pack)
    gan = GAN(networks.generator(SHAPE, 3), network, seed=1)
    gan.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0), "hinge", {"r1": 3.0}, penalty_share=share)
    gan.one_pass = one_pass
    x = tf.constant(np.random.default_rng(2).uniform(-1, 1, (8, *SHAPE)), "float32")
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(network(x))
    norms = np.square(tape.gradient(total, x)).sum((1, 2, 3))
    logs = gan.train_step(x)
    assert float(logs["penalty"]) == pytest.approx(3.0 * 0.5 * norms[list(images)].mean(), rel=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
def test_one_pass_gives_the_gradients_of_two_for_every_loss(loss):
    (one, *_), (two, *_) = (trained(one_pass, critic, loss=loss, penalties=BOTH) for one_pass in (True, False))
    assert_equal(one, two)


@pytest.mark.parametrize("share", [0.25, 0.7])
def test_a_share_changes_nothing_but_the_penalty(share):
    whole, logs, _ = trained(True, critic, loss="relativistic", penalties={Penalty("real", zero): 1.0})
    part, others, _ = trained(True, critic, penalties={Penalty("real", zero): 1.0}, penalty_share=share)
    assert_equal(part, whole)
    assert others == pytest.approx(logs, rel=1e-4, abs=1e-5)


def zero(gradients):
    return 0.0 * keras.ops.sum(gradients)


def test_a_share_of_penalties_between_the_images():
    weights, logs, _ = trained(False, critic, loss="wasserstein", penalties={"wgan_gp": 10.0}, penalty_share=0.25)
    assert np.isfinite(logs["penalty"]) and all(np.isfinite(weight).all() for weight in weights)


@pytest.mark.parametrize("layer", [own.LeakyReLU(0.2), layers.MaxPooling2D(), layers.Dropout(0.5)])
def test_a_share_of_a_batch_of_one_is_that_image(layer):
    keras.utils.set_random_seed(0)
    gan = GAN(networks.generator(SHAPE, 3), with_layer(layer)(), seed=1)
    gan.compile(penalty_share=0.25)
    x = np.random.default_rng(0).uniform(-1, 1, (5, *SHAPE)).astype("float32")
    log = gan.fit(x, batch_size=4, verbose=0).history
    assert np.isfinite(log["penalty"]).all() and int(gan.skipped_steps) == 0 and gan.step == 2
    assert all(np.isfinite(weight).all() for weight in gan.get_weights())


@pytest.mark.parametrize("share", [0.0, -0.5, 1.5, float("nan")])
def test_a_share_is_above_zero_and_at_most_one(share):
    gan = GAN(networks.generator(SHAPE, 3), critic())
    with pytest.raises(InputError, match="penalty_share is .*expected more than 0 and at most 1"):
        gan.compile(penalty_share=share)


@pytest.mark.parametrize("layer", [layers.BatchNormalization(), own.MinibatchStd(4)])
def test_a_share_is_refused_where_images_are_compared(layer):
    gan = GAN(networks.generator(SHAPE, 3), with_layer(layer)())
    gan.compile()  # without it, all images are penalised
    assert gan.penalty_share == 1
    with pytest.raises(InputError, match="has batch normalisation"):
        gan.compile(penalty_share=0.5)


def test_losses_of_layers_are_part_of_it():
    def regularized():
        x = keras.Input(SHAPE)
        features = layers.Conv2D(4, 3, kernel_regularizer=keras.regularizers.L2(0.3))(x)
        return keras.Model(x, layers.Dense(1)(layers.Flatten()(own.LeakyReLU(0.2)(features))))

    for share in (1.0, 0.5):
        (one, logs, can), (two, expected, _) = (
            trained(one_pass, regularized, penalties=BOTH, penalty_share=share) for one_pass in (1, 0)
        )
        assert can
        assert_equal(one, two)
        assert logs == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_in_bfloat16_it_is_as_near_to_float32_as_two_passes():
    expected, *_ = trained(False, critic, penalties=BOTH)
    errors = []
    for one_pass in (True, False):
        weights, _, can = trained(one_pass, lambda: critic(dtype="mixed_bfloat16"), penalties=BOTH)
        assert can
        errors.append(np.sqrt(sum(np.square(a - b).sum() for a, b in zip(weights, expected, strict=True))))
    assert errors[0] < 1.5 * errors[1]


def test_float16_takes_two_passes():
    *_, can = trained(False, lambda: critic(dtype="mixed_float16"), penalties=BOTH)
    assert not can


@pytest.mark.long
def test_xla_compiles_it():
    losses = []  # with XLA in both, since it draws other noise
    for one_pass in (True, False):
        keras.utils.set_random_seed(0)
        gan = GAN(networks.generator(SHAPE, 3), critic(), seed=1)
        gan.compile(keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.01), jit_compile=True)
        gan.one_pass = one_pass
        x = np.random.default_rng(0).uniform(-1, 1, (16, *SHAPE)).astype("float32")
        losses.append(gan.fit(x, batch_size=8, shuffle=False, verbose=0).history["d_loss"][-1])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def with_layer(layer):
    """A discriminator with that layer in the middle."""

    def build():
        x = keras.Input(SHAPE)
        h = own.LeakyReLU(0.2)(layers.Conv2D(4, 3)(x))
        return keras.Model(x, layers.Dense(1)(layers.Flatten()(layer(h))))

    return build


@pytest.mark.parametrize(
    "layer",
    [
        own.MinibatchStd(),  # the logit depends on other images
        layers.BatchNormalization(),
        layers.Activation("tanh"),  # second derivatives
        layers.Conv2D(4, 3, activation="softplus"),
        layers.LeakyReLU(),  # TensorFlow would send zeros through the network
        layers.LayerNormalization(),
    ],
)
def test_other_discriminators_take_two_passes(layer):
    *_, can = trained(False, with_layer(layer), penalties=BOTH)
    assert not can


@pytest.mark.parametrize(
    "options",
    [{"penalties": {}, "loss": "hinge"}, {"penalties": {"wgan_gp": 10.0}}, {"penalties": {**BOTH, "wgan_gp": 1.0}}],
)
def test_other_penalties_take_two_passes(options):
    *_, can = trained(False, critic, **options)
    assert not can


def test_subclasses_take_two_passes():
    class Squared(layers.Conv2D):
        def call(self, x):
            return super().call(x) ** 2

    class Summed(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(keras.ops.reshape(x, (-1, 64))) + keras.ops.sum(x)

    for discriminator in (with_layer(Squared(4, 3)), Summed):
        gan = GAN(networks.generator(SHAPE, 3), discriminator())
        gan.compile()
        assert not gan.one_pass


def test_patches_of_an_image_take_two_passes():
    x = keras.Input(SHAPE)
    gan = GAN(networks.generator(SHAPE, 3), keras.Model(x, layers.Conv2D(1, 3)(x)))
    gan.compile(loss="non_saturating", penalties={"r1": 1.0})
    assert not gan.one_pass


def test_the_default_discriminators_share_a_pass():
    for shape in (SHAPE, (28, 28, 1), (64, 48, 3)):
        gan = GAN(networks.generator(shape, 3), networks.discriminator(shape))
        gan.compile()
        assert gan.one_pass


@pytest.mark.parametrize("slope", [0.2, 0.0])
def test_leaky_relu_and_its_derivatives(slope):
    """f(x) = x or slope · x, f' = 1 or slope, and the derivative of dy f'(x) with respect to dy is f' again."""
    x, dy = tf.constant([-2.0, -0.5, 0.5, 3.0]), tf.constant([1.0, 2.0, 3.0, 4.0])
    expected = np.array([slope, slope, 1.0, 1.0])
    with tf.GradientTape(persistent=True) as outer:
        outer.watch([x, dy])
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = own.LeakyReLU(slope)(x, training=True)
        dx = tape.gradient(y, x, dy)
    np.testing.assert_allclose(y, x * expected, atol=1e-7)
    np.testing.assert_allclose(dx, dy * expected, atol=1e-7)
    np.testing.assert_allclose(outer.gradient(dx, dy), expected, atol=1e-7)
    assert outer.gradient(dx, x) is None  # not zeros
