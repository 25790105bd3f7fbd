import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from keras_gan import GAN, data, networks
from keras_gan._utils import pixels
from keras_gan._utils.errors import InputError
from keras_gan.layers import spectrally_normalized
from keras_gan.networks import r3gan
from keras_gan.penalties import PENALTIES, Penalty, automatic_weight, interpolate, one_centred, resolve, zero_centred


class Quadratic(layers.Layer):
    """D(x) = x₁² + 3 x₂, whose gradient is (2 x₁, 3)."""

    def call(self, x):
        return ops.square(x[:, :1]) + 3.0 * x[:, 1:]


def linear(w):
    model = keras.Sequential([keras.Input((len(w),)), layers.Dense(1)])
    model.set_weights([np.reshape(w, (-1, 1)), np.array([0.7])])
    return model


@pytest.fixture
def game(tiny_generator):
    def build(discriminator, penalties):
        gan = GAN(tiny_generator(discriminator.input_shape[1:]), discriminator, seed=5)
        gan.compile(
            loss="non_saturating", penalties=penalties, generator_optimizer="sgd", discriminator_optimizer="sgd"
        )
        return gan

    return build


def value_and_gradients(gan, real, fake):
    with tf.GradientTape() as tape:
        penalty = gan._penalty(gan._differentiated(real, fake, None)[1], real)
    weights = [weight.value for weight in gan.discriminator.trainable_variables]
    return float(penalty), tape.gradient(penalty, weights, unconnected_gradients="zero")


def random_images(shape, seed):
    return tf.constant(np.random.default_rng(seed).uniform(-1, 1, shape), "float32")


def test_penalties_of_gradients_by_hand():
    gradients = tf.constant([[[3.0], [4.0]], [[0.0], [2.0]]])  # norms 5 and 2
    assert float(zero_centred(gradients)) == pytest.approx((25 + 4) / 2 / 2, abs=1e-6)
    assert float(one_centred(gradients)) == pytest.approx((4**2 + 1**2) / 2, abs=1e-6)


@pytest.mark.parametrize("weight", [None, [1.0, 2.0], "half", "auto"])
def test_weights_that_are_no_number_raise(weight):
    with pytest.raises(InputError, match="expected a number"):
        resolve({"wgan_gp": weight})


def test_unknown_places_of_a_penalty_raise():
    with pytest.raises(InputError, match="Penalty received at='generated'; expected one of real, fake, between"):
        Penalty("generated", zero_centred)


def test_automatic_weight_by_hand():
    real = tf.constant([[0.0, 0.0], [3.0, 4.0], [3.0, 4.0]])  # each and the one before it: 25, 25 and 0
    assert float(automatic_weight(real)) == pytest.approx(0.0024 * 50 / 3, rel=1e-5)
    assert float(automatic_weight(real * 0.5)) == pytest.approx(0.0024 * 50 / 3 / 4, rel=1e-5)


def test_automatic_weight_is_that_of_all_pairs_on_average():
    digits = data.open_source("digits").array
    images = pixels.floats(np.random.default_rng(0).permutation(digits).reshape(len(digits), -1))
    # E ‖x - x'‖² over independent pairs is twice the sum of the pixels' variances.
    assert float(automatic_weight(images)) == pytest.approx(0.0024 * 2 * images.var(0).sum(), rel=0.03)
    batches = [float(automatic_weight(images[start : start + 32])) for start in range(0, 1600, 32)]
    assert np.std(batches) < 0.1 * np.mean(batches)  # so that γ hardly moves from step to step


def test_automatic_weights_follow_the_batch(game):
    real, fake = random_images((4, 2), 1), random_images((4, 2), 2)
    gan = game(linear([3.0, -4.0]), {"r1": "auto", "r2": 2.0})
    penalty, _ = value_and_gradients(gan, real, fake)
    assert penalty == pytest.approx(12.5 * (float(automatic_weight(real)) + 2.0), rel=1e-5)
    penalty, _ = value_and_gradients(game(linear([3.0, -4.0]), {"r1": "auto/8", "r2": "auto"}), real, fake)
    assert penalty == pytest.approx(12.5 * float(automatic_weight(real)) * 9 / 8, rel=1e-5)


def test_automatic_penalties_need_two_images_and_a_zero_centred_penalty(game):
    one = np.zeros((1, 2), "float32")
    with pytest.raises(InputError, match="holds 1 image for each discriminator step; expected at least 2"):
        game(linear([3.0, -4.0]), {"r1": "auto"}).fit(one, verbose=0)
    for weights in ({"wgan_gp": "auto/2"}, {"r1": "heavy"}, {"r1": "auto/0"}, {"r1": "auto/"}, {"r1": "auto/8 "}):
        with pytest.raises(InputError, match="expected a number, or for r1 and r2 'auto' or a part of it"):
            game(linear([3.0, -4.0]), weights)


def test_interpolation_takes_its_own_share_for_each_image():
    real, fake = tf.fill((2, 1, 1, 1), 4.0), tf.fill((2, 1, 1, 1), -4.0)
    between = interpolate(real, fake, tf.constant([0.75, 0.0]))
    np.testing.assert_allclose(ops.reshape(between, (-1,)), [2.0, -4.0], atol=1e-6)


@pytest.mark.parametrize(
    "name, value, slope",
    # w = (3, -4): ½‖w‖² with gradient w; (‖w‖ - 1)² with gradient 2 (‖w‖ - 1) w / ‖w‖
    [("r1", 12.5, [3.0, -4.0]), ("r2", 12.5, [3.0, -4.0]), ("wgan_gp", 16.0, [8 * 0.6, -8 * 0.8])],
)
def test_linear_discriminator_by_hand(game, name, value, slope):
    gan = game(linear([3.0, -4.0]), {name: 0.5})
    penalty, (of_kernel, of_bias) = value_and_gradients(gan, random_images((4, 2), 1), random_images((4, 2), 2))
    assert penalty == pytest.approx(0.5 * value, abs=1e-5)
    np.testing.assert_allclose(of_kernel[:, 0], 0.5 * np.array(slope), atol=1e-5)
    np.testing.assert_allclose(of_bias, [0.0], atol=1e-6)


def test_quadratic_discriminator_is_penalized_at_the_points_of_the_penalty(game):
    discriminator = keras.Sequential([keras.Input((2,)), Quadratic()])
    real, fake = tf.constant([[1.0, 5.0], [2.0, 0.0]]), tf.constant([[0.5, 9.0], [0.0, 1.0]])
    r1 = 0.5 * ((4 + 9) + (16 + 9)) / 2
    r2 = 0.5 * ((1 + 9) + (0 + 9)) / 2
    for weights, expected in [({"r1": 1.0}, r1), ({"r2": 1.0}, r2), ({"r1": 10.0, "r2": 0.1}, 10 * r1 + 0.1 * r2)]:
        gan = game(discriminator, weights)
        assert float(gan._penalty(gan._differentiated(real, fake, None)[1], real)) == pytest.approx(expected, abs=1e-4)


def test_between_lies_on_the_line_of_each_pair(game):
    discriminator = keras.Sequential([keras.Input((2,)), Quadratic()])
    gan = game(discriminator, {"wgan_gp": 1.0})
    real, fake = tf.constant([[1.0, 5.0]] * 64), tf.constant([[3.0, 9.0]] * 64)
    input_gradients = gan._differentiated(real, fake, None)[1]["between"].numpy()
    assert np.all((input_gradients[:, 0] >= 2) & (input_gradients[:, 0] <= 6))
    assert np.ptp(input_gradients[:, 0]) > 2  # one share for each image, spread over the line from 2 to 6
    np.testing.assert_allclose(input_gradients[:, 1], 3.0, atol=1e-6)


def norm_of_ones(gradients):
    return ops.sum(ops.abs(gradients)) / ops.cast(ops.shape(gradients)[0], "float32")


def test_own_penalty(game):
    gan = game(linear([3.0, -4.0]), {Penalty("fake", norm_of_ones): 2.0, "r1": 1.0})
    penalty, (of_kernel, _) = value_and_gradients(gan, random_images((4, 2), 1), random_images((4, 2), 2))
    assert penalty == pytest.approx(2 * 7 + 12.5, abs=1e-5)
    np.testing.assert_allclose(of_kernel[:, 0], [2 * 1 + 3, 2 * -1 - 4], atol=1e-5)


@pytest.mark.parametrize(
    "penalties", [{}, {"r1": 1}, {"r2": 1}, {"wgan_gp": 1}, {"r1": 1, "r2": 1}, {"wgan_gp": 1, "r2": 1, "r1": 1}]
)
def test_logits_are_the_discriminators_own_whatever_is_penalized(game, tiny_discriminator, penalties):
    gan = game(tiny_discriminator(), penalties)
    real, fake = random_images((3, 8, 8, 1), 1), random_images((3, 8, 8, 1), 2)
    logits, *_ = gan._differentiated(real, fake, None)
    np.testing.assert_allclose(logits["real"], gan.discriminator(real), atol=1e-6)
    np.testing.assert_allclose(logits["fake"], gan.discriminator(fake), atol=1e-6)


class Probe:
    """The penalty as a function of D's weights alone: all random state is put back before each evaluation."""

    def __init__(self, gan, size=3):
        self.gan = gan
        self.points = [random_images((size, *gan.data_shape), seed) for seed in (1, 2)]
        self.variables = [gan.seed_generator.state, *gan.discriminator.variables]
        self.values = [variable.numpy() for variable in self.variables]

    def gradients(self):
        self.restore()
        return value_and_gradients(self.gan, *self.points)[1]

    def slope(self, weight, direction, step):
        """The central difference along `direction`."""
        ends = []
        for sign in (1, -1):
            self.restore()
            weight.assign_add(sign * step * direction)
            ends.append(float(self.gan._penalty(self.gan._differentiated(*self.points, None)[1], self.points[0])))
        return (ends[0] - ends[1]) / (2 * step)

    def restore(self):
        for variable, value in zip(self.variables, self.values, strict=True):
            variable.assign(value)


def randomize(model, kernel_scale=1.0):
    """Weights from which every gradient flows: blocks that start at zero would hide errors."""
    rng = np.random.default_rng(0)
    for weight in model.trainable_variables:
        if len(weight.shape) > 1:
            fan_in = np.prod(weight.shape[:-1])
            weight.assign(kernel_scale * rng.standard_normal(weight.shape) / np.sqrt(fan_in))
        else:
            # Biases of one sign for each channel, and of their own size for each piece of a maxout, keep all units
            # away from their kinks, at which the penalty jumps.
            channels = np.arange(weight.shape[0])
            weight.assign((-1.0) ** channels * (1 + channels % 5 / 2))


QUICK_AND_LONG = ["r1", *(pytest.param(name, marks=pytest.mark.long) for name in PENALTIES if name != "r1")]
LARGER = ("resnet", "goodfellow2014", "r3gan")


@pytest.mark.parametrize("name", QUICK_AND_LONG)
def test_every_weight_of_a_convolutional_discriminator_against_finite_differences(game, name):
    options = {"activation": "tanh", "padding": "same", "dtype": "float64"}
    discriminator = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(2, 3, strides=2, **options),
            layers.Conv2D(2, 2, strides=2, **options),
            layers.Flatten(dtype="float64"),
            layers.Dense(1, dtype="float64"),
        ]
    )
    randomize(discriminator)
    probe = Probe(game(discriminator, {name: 1.0}))
    gradients = probe.gradients()
    size = max(float(tf.reduce_max(tf.abs(g))) for g in gradients)
    for weight, gradient in zip(discriminator.trainable_variables, gradients, strict=True):
        units = np.eye(int(np.prod(weight.shape))).reshape(-1, *weight.shape)
        input_gradients = [probe.slope(weight, unit, step=1e-3) for unit in units]
        np.testing.assert_allclose(input_gradients, np.ravel(gradient), atol=2e-3 * size)


def assert_matches_along_directions(probe, gradients, weights, step):
    rng = np.random.default_rng(7)
    gradients = [gradient.numpy() for gradient in gradients]
    norms = [float(np.linalg.norm(gradient)) for gradient in gradients]
    assert max(norms) > 1e-2
    for weight, gradient, norm in zip(weights, gradients, norms, strict=True):
        # Along noise too, for what the gradient lacks.
        for direction in [rng.standard_normal(weight.shape), gradient][: 2 if norm else 1]:
            unit = direction / np.linalg.norm(direction)
            expected = float(np.sum(gradient * unit))
            assert probe.slope(weight, unit, step) == pytest.approx(expected, abs=0.01 * norm + 1e-4 * max(norms))


@pytest.mark.parametrize(
    "preset, penalties",
    [
        ("lean", {"r1": 1.0, "r2": 2.0}),
        *(pytest.param(preset, {"r1": 1.0, "r2": 2.0}, marks=pytest.mark.long) for preset in LARGER),
        *(pytest.param(preset, {"wgan_gp": 1.0}, marks=pytest.mark.long) for preset in ("lean", *LARGER)),
    ],
)
def test_preset_discriminators_against_finite_differences(game, preset, penalties, monkeypatch):
    monkeypatch.setattr(r3gan, "WIDTH", 16)
    keras.utils.set_random_seed(0)  # of dropout
    discriminator = networks.discriminator((8, 8, 1), preset, dtype="float32")
    randomize(discriminator, kernel_scale=0.1)
    logit = discriminator.get_layer("logit").kernel
    # For input gradients of size 1; there is no kink after it. R3GAN ends in one more linear map.
    logit.assign((1000 if preset == "r3gan" else 100) * logit)
    probe = Probe(game(discriminator, penalties))
    gradients = probe.gradients()
    assert_matches_along_directions(probe, gradients, discriminator.trainable_variables, step=3e-3)


@pytest.mark.parametrize("name", QUICK_AND_LONG)
def test_spectrally_normalized_discriminator_against_finite_differences(game, tiny_discriminator, name):
    plain, images = tiny_discriminator(), random_images((3, 8, 8, 1), 3)
    randomize(plain)
    normalized = spectrally_normalized(plain)
    normalized.set_weights(
        [w.numpy() if w.trainable else np.random.default_rng(0).standard_normal(w.shape) for w in normalized.weights]
    )
    for _ in range(50):
        normalized(images, training=True)
    gradients = Probe(game(normalized, {name: 1.0})).gradients()
    # Keras normalizes the kernels in place and descends from there: the derivative is that at the normalized kernels.
    plain.set_weights([weight.numpy() for weight in normalized.trainable_variables])
    probe = Probe(game(plain, {name: 1.0}))
    assert_matches_along_directions(probe, gradients, plain.trainable_variables, step=1e-3)
