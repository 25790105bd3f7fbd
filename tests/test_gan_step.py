"""`GAN.train_step` against Algorithm 1, run eagerly on networks small enough to differentiate by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_gan import GAN

REAL = np.array([[0.9], [-0.2]], "float32")
A, B, W, C = 0.7, -0.3, 1.1, 0.4  # G(z) = A z + B, D(x) = W x + C
G_RATE, D_RATE = 0.3, 0.2


class Recorder(layers.Layer):
    """Keeps what passes through it."""

    def __init__(self, **options):
        super().__init__(**options)
        self.recorded = []

    def call(self, x):
        if tf.executing_eagerly() and not isinstance(x, keras.KerasTensor):
            self.recorded.append(x.numpy())
        return x


def line(slope, offset):
    model = keras.Sequential([keras.Input((1,)), Recorder(name="recorder"), layers.Dense(1)])
    model.set_weights([np.array([[slope]]), np.array([offset])])
    return model


@pytest.fixture
def lines():
    def build(loss, **options):
        gan = GAN(line(A, B), line(W, C), seed=1)
        rates = keras.optimizers.SGD(G_RATE), keras.optimizers.SGD(D_RATE)
        gan.compile(*rates, loss=loss, **options)
        for network in (gan.generator, gan.discriminator):
            network.get_layer("recorder").recorded.clear()
        return gan

    return build


def recorded(network):
    return network.get_layer("recorder").recorded


def numbers(network):
    return [float(np.squeeze(weight)) for weight in network.get_weights()]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.log1p(np.exp(x))


# d loss / d logit before the mean: of D by real and by fake logit, of G by fake logit.
SLOPES = {
    "minimax": (lambda r, f: (-sigmoid(-r), sigmoid(f)), lambda r, f: -sigmoid(f)),
    "non_saturating": (lambda r, f: (-sigmoid(-r), sigmoid(f)), lambda r, f: -sigmoid(-f)),
    "relativistic": (lambda r, f: (-sigmoid(f - r), sigmoid(f - r)), lambda r, f: -sigmoid(r - f)),
}
LOSSES = {
    "minimax": (lambda r, f: softplus(-r) + softplus(f), lambda r, f: -softplus(f)),
    "non_saturating": (lambda r, f: softplus(-r) + softplus(f), lambda r, f: softplus(-f)),
    "relativistic": (lambda r, f: softplus(f - r), lambda r, f: softplus(r - f)),
}


@pytest.mark.parametrize("gamma", [0.0, 0.5])
@pytest.mark.parametrize("loss", SLOPES)
def test_one_step_of_gradient_descent_by_hand(lines, loss, gamma):
    gan = lines(loss, penalties={"r1": gamma} if gamma else {})
    logs = gan.train_step(tf.constant(REAL))
    first, second = (z.astype("float64") for z in recorded(gan.generator))
    (d_slopes, g_slope), (d_loss, g_loss) = SLOPES[loss], LOSSES[loss]

    fake = A * first + B
    real_logits, fake_logits = W * REAL + C, W * fake + C
    by_real, by_fake = d_slopes(real_logits, fake_logits)
    # R1 of a line is ½ W², with slope W.
    by_w = np.mean(by_real * REAL) + np.mean(by_fake * fake) + gamma * W
    by_c = np.mean(by_real) + np.mean(by_fake)
    w, c = W - D_RATE * by_w, C - D_RATE * by_c
    np.testing.assert_allclose(numbers(gan.discriminator), [w, c], atol=1e-6)
    assert float(logs["d_loss"]) == pytest.approx(np.mean(d_loss(real_logits, fake_logits)), abs=1e-6)
    assert float(logs["penalty"]) == pytest.approx(gamma * 0.5 * W**2, abs=1e-6)
    assert float(logs["d_gradient"]) == pytest.approx(np.hypot(by_w, by_c), abs=1e-6)
    assert float(logs["d_accuracy"]) == np.mean(real_logits > fake_logits)
    assert float(logs["logit_gap"]) == pytest.approx(np.mean(real_logits) - np.mean(fake_logits), abs=1e-6)

    # G answers the new D, on new noise.
    real_logits, fake_logits = w * REAL + c, w * (A * second + B) + c
    by_fake = g_slope(real_logits, fake_logits)
    by_a, by_b = np.mean(by_fake * w * second), np.mean(by_fake * w)
    a, b = A - G_RATE * by_a, B - G_RATE * by_b
    np.testing.assert_allclose(numbers(gan.generator), [a, b], atol=1e-6)
    assert float(logs["g_gradient"]) == pytest.approx(np.hypot(by_a, by_b), abs=1e-6)
    assert float(logs["g_loss"]) == pytest.approx(np.mean(g_loss(real_logits, fake_logits)), abs=1e-6)

    # 2 images seen: a half-life of a tenth of an image, so that ½²⁰ of the start is left.
    np.testing.assert_allclose(numbers(gan.ema_generator), [a, b], atol=2e-6)


@pytest.mark.parametrize("loss", SLOPES)
def test_simultaneous_updates_by_hand(lines, loss):
    gan = lines(loss, penalties={}, updates="simultaneous")
    logs = gan.train_step(tf.constant(REAL))
    (z,) = (noise.astype("float64") for noise in recorded(gan.generator))
    assert len(recorded(gan.discriminator)) == 1

    fake = A * z + B
    (d_slopes, g_slope), (d_loss, g_loss) = SLOPES[loss], LOSSES[loss]
    real_logits, fake_logits = W * REAL + C, W * fake + C
    by_real, by_fake = d_slopes(real_logits, fake_logits)
    by_w, by_c = np.mean(by_real * REAL) + np.mean(by_fake * fake), np.mean(by_real) + np.mean(by_fake)
    np.testing.assert_allclose(numbers(gan.discriminator), [W - D_RATE * by_w, C - D_RATE * by_c], atol=1e-6)
    # G's gradient is that of D before the update, at the same images.
    by_fake = g_slope(real_logits, fake_logits)
    a, b = A - G_RATE * np.mean(by_fake * W * z), B - G_RATE * np.mean(by_fake * W)
    np.testing.assert_allclose(numbers(gan.generator), [a, b], atol=1e-6)
    assert float(logs["d_loss"]) == pytest.approx(np.mean(d_loss(real_logits, fake_logits)), abs=1e-6)
    assert float(logs["g_loss"]) == pytest.approx(np.mean(g_loss(real_logits, fake_logits)), abs=1e-6)


def test_of_k_discriminator_steps_the_last_one_is_shared(lines):
    gan = lines("non_saturating", updates="simultaneous", discriminator_steps=2)
    gan.train_step(tf.constant(np.arange(4, dtype="float32").reshape(4, 1)))
    assert [len(z) for z in recorded(gan.generator)] == [2, 2]
    assert [len(batch) for batch in recorded(gan.discriminator)] == [4, 4]
    assert int(gan.discriminator_optimizer.iterations) == 2 and gan.step == 1


def test_each_discriminator_step_sees_fresh_images_and_fresh_noise(lines):
    gan = lines("non_saturating", discriminator_steps=3)
    images = np.arange(6, dtype="float32").reshape(6, 1) / 10
    gan.train_step(tf.constant(images))
    noise, d_inputs = recorded(gan.generator), recorded(gan.discriminator)

    assert [len(z) for z in noise] == [2, 2, 2, 2]
    assert len(np.unique(np.concatenate(noise))) == 8
    assert [len(batch) for batch in d_inputs] == [4, 4, 4, 2]
    real = np.concatenate([batch[:2] for batch in d_inputs[:3]])
    np.testing.assert_array_equal(np.sort(real, axis=0), images)
    # The fakes are those of the G that the step began with: it is updated once, at the end.
    for z, batch in zip(noise[:3], d_inputs[:3], strict=True):
        np.testing.assert_allclose(batch[2:], A * z + B, atol=1e-6)
    np.testing.assert_allclose(d_inputs[3], A * noise[3] + B, atol=1e-6)
    assert int(gan.discriminator_optimizer.iterations) == 3
    assert int(gan.generator_optimizer.iterations) == gan.step == 1


def test_k_steps_are_k_updates_of_the_discriminator(lines):
    images = np.array([[0.9], [-0.2], [0.1], [0.4]], "float32")
    gan = lines("minimax", discriminator_steps=2)
    gan.train_step(tf.constant(images))
    w, c = W, C
    for x, z in zip((images[::2], images[1::2]), recorded(gan.generator)[:2], strict=True):
        fake = A * z + B
        by_real, by_fake = -sigmoid(-(w * x + c)), sigmoid(w * fake + c)
        w, c = (
            w - D_RATE * (np.mean(by_real * x) + np.mean(by_fake * fake)),
            c - D_RATE * (np.mean(by_real) + np.mean(by_fake)),
        )
    np.testing.assert_allclose(numbers(gan.discriminator), [w, c], atol=1e-6)


def test_what_does_not_divide_by_k_is_left_out(lines):
    gan = lines("minimax", discriminator_steps=2)
    gan.train_step(tf.constant(np.linspace(-1, 1, 5, dtype="float32").reshape(5, 1)))
    assert [len(batch) for batch in recorded(gan.discriminator)] == [4, 4, 2]


@pytest.mark.parametrize("latent, low, high", [("normal", -1.5, 1.5), ("uniform", -0.9, 0.9)])
def test_training_noise_has_the_distribution_of_the_latents(lines, latent, low, high):
    gan = GAN(line(A, B), line(W, C), latent=latent, seed=1)
    noise = gan._noise(np.zeros((2000, 1))).numpy()
    assert noise.min() < low and noise.max() > high
    # Standard deviations: 1, and 1/√3 of U[-1, 1).
    assert np.std(noise) == pytest.approx(1 if latent == "normal" else 3**-0.5, abs=0.05)
    assert latent == "normal" or np.max(np.abs(noise)) <= 1
    assert not np.array_equal(gan._noise(np.zeros((2000, 1))), noise)


def test_the_same_seed_is_the_same_training(lines):
    weights = []
    for _ in range(2):
        gan = lines("relativistic")
        gan.train_step(tf.constant(REAL))
        weights.append(numbers(gan.generator))
    assert weights[0] == weights[1]


def test_evaluation_updates_nothing(lines):
    gan = lines("relativistic", penalties={"r1": 1.0})
    before = [weight.numpy() for weight in gan.weights]
    logs = gan.test_step(tf.constant(REAL))
    (z,) = recorded(gan.generator)
    real_logits, fake_logits = W * REAL + C, W * (A * z + B) + C
    assert float(logs["d_loss"]) == pytest.approx(np.mean(softplus(fake_logits - real_logits)), abs=1e-6)
    assert float(logs["g_loss"]) == pytest.approx(np.mean(softplus(real_logits - fake_logits)), abs=1e-6)
    assert set(logs) == {"d_loss", "g_loss", "d_accuracy", "logit_gap"}
    for weight, value in zip(gan.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_a_discriminator_that_answers_alike_is_right_by_chance(lines):
    gan = lines("non_saturating")
    gan.discriminator.set_weights([np.zeros((1, 1)), np.array([3.0])])
    logs = gan.test_step(tf.constant(REAL))
    assert float(logs["d_accuracy"]) == 0.5 and float(logs["logit_gap"]) == 0.0
