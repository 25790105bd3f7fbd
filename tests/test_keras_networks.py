"""Networks of the user's own, whatever they are made of; and Keras's own callbacks on a model with two optimizers."""

import inspect
import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from keras_gan import GAN, InputError, callbacks, ema
from keras_gan._utils import compat
from keras_gan.gan.network_checks import stays_in_unit_interval

IMAGES = np.random.default_rng(0).uniform(-1, 1, (24, 8, 8, 1)).astype("float32")


def head(*last):
    return keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), *last])


def small_discriminator():
    return head(layers.Dense(6, "relu"), layers.Dense(1))


def maker(*last):
    return keras.Sequential([keras.Input((4,)), *last])


class Plain(keras.Model):
    """As people write it: no get_config, arguments that Keras cannot serialize."""

    def __init__(self, activation):
        super().__init__()
        self.hidden, self.norm = layers.Dense(5, "relu"), layers.BatchNormalization()
        self.out, self.activation = layers.Dense(64), activation

    def call(self, z):
        return ops.reshape(self.activation(self.out(self.norm(self.hidden(z)))), (-1, 8, 8, 1))


class PlainJudge(keras.Model):
    def __init__(self, activation=None):
        super().__init__()
        self.flat, self.out = layers.Flatten(), layers.Dense(1)
        self.activation = activation or (lambda x: x)

    def call(self, x):
        return self.activation(self.out(self.flat(x)))


def with_lambda():
    return maker(layers.Dense(64), layers.Lambda(lambda x: tf.tanh(x)), layers.Reshape((8, 8, 1)))


def lambda_in_nested_model():
    inner = keras.Sequential([keras.Input((64,)), layers.Lambda(lambda x: ops.tanh(x))])
    return maker(layers.Dense(64), inner, layers.Reshape((8, 8, 1)))


@pytest.mark.parametrize(
    "build",
    [
        lambda: Plain(lambda x: ops.tanh(x)),
        pytest.param(with_lambda, marks=pytest.mark.long),
        pytest.param(lambda_in_nested_model, marks=pytest.mark.long),
    ],
    ids=["plain", "lambda", "nested"],
)
def test_networks_that_keras_cannot_clone_train_generate_and_are_averaged(build, tmp_path):
    gan = GAN(build(), PlainJudge(), latent_dim=4, ema_half_life_images=8, seed=1)
    gan.compile("sgd", "sgd", loss="non_saturating", jit_compile=False)
    start = gan.ema_generator.get_weights()
    before = gan.generator.get_weights()
    gan.fit(IMAGES, batch_size=8, verbose=0)
    after = gan.generator.get_weights()
    assert any(not np.array_equal(new, old) for new, old in zip(after, before, strict=True))
    averages = gan.ema_generator.get_weights()
    assert [a.shape for a in averages] == [a.shape for a in after]
    # Each average lies between the start and the newest weights; batch statistics are copied.
    for average, old, new, weight in zip(averages, start, after, gan.generator.weights, strict=True):
        if weight.trainable:
            assert np.all(average >= np.minimum(old, new) - 0.1) and np.all(average <= np.maximum(old, new) + 0.1)
        else:
            np.testing.assert_array_equal(average, new)
    samples = gan.generate(3, seed=7)
    assert samples.shape == (3, 8, 8, 1) and samples.dtype == np.uint8
    for weight, average in zip(gan.generator.weights, averages, strict=True):
        weight.assign(average)
    z = gan.inputs(3, seed=7)
    np.testing.assert_allclose(gan.compute(z), gan.generator(z, training=False), atol=1e-5)
    gan.save_weights(tmp_path / "gan.weights.h5")
    again = GAN(build(), PlainJudge(), latent_dim=4, seed=2)
    again.compile("sgd", "sgd", loss="non_saturating", jit_compile=False)
    again.load_weights(tmp_path / "gan.weights.h5")
    np.testing.assert_array_equal(again.generate(3, seed=7), samples)


@pytest.mark.parametrize(
    "format, name", [("tflite", "g.tflite"), pytest.param("saved_model", "g", marks=pytest.mark.long)]
)
def test_a_generator_that_keras_cannot_clone_is_exported(tmp_path, format, name):
    gan = GAN(Plain(lambda x: ops.tanh(x)), small_discriminator(), latent_dim=4, seed=1)
    assert gan.export(tmp_path / name, format).largest_error < 2e-2


def test_second_weights_leave_the_network_alone():
    network = Plain(lambda x: x)
    z = np.ones((2, 4), "float32")
    network(z)
    copy = ema.SecondWeights(network)
    expected = np.array(network(z, training=False))
    np.testing.assert_allclose(copy(z), expected, atol=1e-6)
    copy.set_weights([np.zeros_like(weight) for weight in copy.get_weights()])
    assert not np.any(copy(z))
    np.testing.assert_allclose(network(z, training=False), expected, atol=1e-6)
    compiled = tf.function(copy)
    assert not np.any(compiled(z))
    copy.set_weights(network.get_weights())
    np.testing.assert_allclose(compiled(z), expected, atol=1e-6)


SIGMOIDS = {
    "activation": lambda: head(layers.Dense(1, "sigmoid")),
    "tensorflow": lambda: head(layers.Dense(1, tf.nn.sigmoid)),
    "lambda": lambda: head(layers.Dense(1), layers.Lambda(lambda x: 1 / (1 + ops.exp(-x)))),
    "reshaped": lambda: head(layers.Dense(4, "sigmoid"), layers.Reshape((2, 2, 1))),
    "softmax": lambda: head(layers.Dense(2, "softmax")),
    "softmax layer": lambda: head(layers.Dense(2), layers.Softmax()),
    "hard": lambda: head(layers.Dense(1, "hard_sigmoid")),
    "subclassed": lambda: PlainJudge(ops.sigmoid),
}


@pytest.mark.parametrize("build", SIGMOIDS.values(), ids=SIGMOIDS)
def test_a_discriminator_of_probabilities_raises(build):
    with pytest.raises(InputError, match="discriminator ends in a sigmoid or a softmax"):
        GAN(maker(layers.Dense(64, "tanh"), layers.Reshape((8, 8, 1))), build())


def zero_head():
    network = small_discriminator()
    network.layers[-1].kernel.assign(0 * network.layers[-1].kernel)
    return network


LOGITS = {
    "dense": small_discriminator,
    "zero at the start": zero_head,
    "small": lambda: head(
        layers.Dense(1, kernel_initializer="zeros", bias_initializer=lambda *a, **o: ops.full((1,), 0.4))
    ),
    "sigmoid inside": lambda: head(layers.Dense(3, "sigmoid"), layers.Dense(1)),
    "normalised": lambda: head(layers.Dense(4), layers.LayerNormalization(), layers.Dense(1)),
    "two logits": lambda: head(layers.Dense(2)),
    "tanh": lambda: head(layers.Dense(1, "tanh")),
    "spectral": lambda: head(layers.SpectralNormalization(layers.Dense(1))),
}


@pytest.mark.parametrize("build", LOGITS.values(), ids=LOGITS)
def test_logits_are_taken_and_the_networks_weights_stay(build):
    network = build()
    before = network.get_weights()
    assert not stays_in_unit_interval(network, ops.zeros((4, 8, 8, 1)))
    for mine, others in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, others)


def test_a_generator_of_images_in_0_to_1_raises_and_one_of_vectors_does_not():
    sigmoid = maker(layers.Dense(64, tf.nn.sigmoid), layers.Reshape((8, 8, 1)))
    with pytest.raises(InputError, match="generator ends in a sigmoid"):
        GAN(sigmoid, small_discriminator())
    GAN(maker(layers.Dense(2, "sigmoid")), keras.Sequential([keras.Input((2,)), layers.Dense(1)]))


@pytest.mark.parametrize(
    "resize",
    [
        lambda: layers.UpSampling2D(interpolation="bilinear"),
        lambda: layers.Resizing(4, 4),
        lambda: keras.Sequential([keras.Input((8, 8, 1)), layers.Resizing(4, 4, interpolation="bicubic")]),
        lambda: lambda x: ops.image.resize(x, (4, 4)),
    ],
)
def test_penalties_raise_where_tensorflow_has_no_second_derivative(resize):
    image = keras.Input((8, 8, 1))
    network = keras.Model(image, layers.Dense(1)(layers.Flatten()(resize()(image))))
    gan = GAN(maker(layers.Dense(64, "tanh"), layers.Reshape((8, 8, 1))), network)
    with pytest.raises(InputError, match="no second derivative"):
        gan.compile()
    gan.compile(penalties={})
    pooled = GAN(maker(layers.Dense(64, "tanh"), layers.Reshape((8, 8, 1))), head(layers.Dense(1)))
    pooled.compile()


# callbacks ------------------------------------------------------------------------------------------------------------


def game(*optimizers, **options):
    keras.utils.set_random_seed(1)
    gan = GAN(maker(layers.Dense(64, "tanh"), layers.Reshape((8, 8, 1))), small_discriminator(), seed=1)
    options = {"loss": "hinge", "jit_compile": False} | options
    gan.compile(*(optimizers or (keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.2))), **options)
    return gan


def fit(gan, *used, epochs=4, **options):
    return gan.fit(
        IMAGES, batch_size=8, epochs=epochs, shuffle=False, verbose=0, callbacks=list(used), **options
    ).history


def rates_of(gan):
    return [float(o.learning_rate) for o in (gan.generator_optimizer, gan.discriminator_optimizer)]


needs_several = pytest.mark.skipif(
    not compat.callbacks_update_several_optimizers(), reason="Keras's callbacks update one optimizer before 3.15"
)


@pytest.mark.parametrize(
    "callback",
    [
        keras.callbacks.ReduceLROnPlateau("d_loss", mode="max"),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate),
        keras.callbacks.SwapEMAWeights(),
    ],
)
def test_callbacks_that_update_one_optimizer_raise_before_training(monkeypatch, callback):
    monkeypatch.setattr(compat, "callbacks_update_several_optimizers", lambda: False)
    gan = game()
    with pytest.raises(InputError, match=f"{type(callback).__name__} of Keras .* expected Keras 3.15"):
        fit(gan, callback)
    assert gan.step == 0


def test_a_callback_list_is_supported_as_a_list_is():
    gan = game()
    listed = keras.callbacks.CallbackList([keras.callbacks.TerminateOnNaN()], add_history=True, model=gan)
    for _ in range(2):
        gan.fit(IMAGES, batch_size=8, verbose=0, callbacks=listed)
    with pytest.raises(InputError, match="pixels beyond"):
        gan.fit(IMAGES * 100, batch_size=8, verbose=0, callbacks=listed)
    wrong = keras.callbacks.CallbackList([keras.callbacks.EarlyStopping("loss")], model=gan)
    with pytest.raises(InputError, match="which a GAN does not log"):
        gan.fit(IMAGES, batch_size=8, verbose=0, callbacks=wrong)


@needs_several
def test_reduce_lr_on_plateau_lowers_both_rates():
    gan = game()
    log = fit(gan, keras.callbacks.ReduceLROnPlateau("d_loss", factor=0.5, patience=1, mode="max", min_delta=9.0))
    assert rates_of(gan) == pytest.approx([0.1 / 8, 0.2 / 8])  # after each epoch but the first
    assert len(log["learning_rate_" + gan.optimizer.optimizers[0].name]) == 4


@needs_several
def test_learning_rate_scheduler_sets_both_rates():
    gan = game(loss="hinge")
    fit(gan, keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2))
    assert rates_of(gan) == pytest.approx([0.1 / 16, 0.2 / 16])


@needs_several
@pytest.mark.parametrize(
    "callback",
    [keras.callbacks.ReduceLROnPlateau("d_loss", mode="max"), keras.callbacks.LearningRateScheduler(lambda e, r: r)],
)
def test_callbacks_that_set_rates_raise_for_schedules_before_training(callback):
    gan = game("sgd", keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)))
    with pytest.raises(InputError, match="discriminator_optimizer follows the schedule ExponentialDecay"):
        fit(gan, callback)
    assert gan.step == 0


def test_terminate_on_nan_ends_training():
    fast = [keras.optimizers.SGD(1e30), keras.optimizers.SGD(1e30)]
    log = fit(game(*fast, loss="non_saturating"), keras.callbacks.TerminateOnNaN())
    assert len(log["d_loss"]) == 1
    assert len(fit(game(loss="hinge"), keras.callbacks.TerminateOnNaN())["d_loss"]) == 4


@pytest.mark.skipif(
    "raise_error" not in inspect.signature(keras.callbacks.TerminateOnNaN).parameters,
    reason="this Keras has no TerminateOnNaN(raise_error=)",
)
def test_terminate_on_nan_can_raise():
    fast = [keras.optimizers.SGD(1e30), keras.optimizers.SGD(1e30)]
    with pytest.raises(RuntimeError, match="NaN or Inf loss"):
        fit(game(*fast, loss="non_saturating"), keras.callbacks.TerminateOnNaN(raise_error=True))


def test_early_stopping_stops_and_restores_weights_but_not_the_count_of_steps():
    gan, seen = game(loss="hinge"), []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(gan.get_weights()))
    stop = keras.callbacks.EarlyStopping("d_loss", mode="max", min_delta=99.0, patience=2, restore_best_weights=True)
    log = fit(gan, stop, watch, epochs=9)
    assert len(log["d_loss"]) == 3 and gan.step == 9
    for mine, best in zip(gan.get_weights(), seen[0], strict=True):
        np.testing.assert_array_equal(mine, best)


@pytest.mark.parametrize(
    "callback",
    [
        keras.callbacks.EarlyStopping(),
        keras.callbacks.EarlyStopping("loss"),
        keras.callbacks.ModelCheckpoint("x.keras", save_best_only=True),
        keras.callbacks.ReduceLROnPlateau(),
    ],
)
def test_monitors_that_a_gan_does_not_log_raise_with_the_logged_ones(callback):
    gan = game()
    with pytest.raises(InputError, match="which a GAN does not log; expected one of d_loss") as error:
        fit(gan, callback)
    assert "frechet_distance" in str(error.value) and gan.step == 0


def test_model_checkpoint_csv_logger_and_tensorboard(tmp_path):
    gan = game()
    fit(
        gan,
        keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras"),
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        keras.callbacks.TensorBoard(tmp_path / "logs", histogram_freq=1, write_steps_per_second=True),
        epochs=2,
        validation_data=(IMAGES[:8],),
    )
    loaded = keras.models.load_model(tmp_path / "2.keras")
    assert loaded.step == gan.step == 6
    header, *rows = (tmp_path / "log.csv").read_text().splitlines()
    assert "d_loss" in header and "val_g_loss" in header and len(rows) == 2
    assert list((tmp_path / "logs").rglob("events*"))


class Crash(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


def test_backup_and_restore_goes_on_as_if_it_had_not_stopped(tmp_path):
    whole, again = game(loss="hinge"), game(loss="hinge")
    fit(whole)
    with pytest.raises(KeyboardInterrupt):
        fit(game(loss="hinge"), keras.callbacks.BackupAndRestore(tmp_path / "backup"), Crash())
    log = fit(again, keras.callbacks.BackupAndRestore(tmp_path / "backup"))
    assert len(log["d_loss"]) == 2 and again.step == 12
    for mine, others in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(mine, others, atol=1e-7)


@needs_several
def test_swap_ema_weights_needs_an_optimizer_that_averages():
    with pytest.raises(InputError, match="ema_generator"):
        fit(game(), keras.callbacks.SwapEMAWeights())
    gan = game(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9), keras.optimizers.SGD(0.1))
    swapped = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: swapped.append(np.array_equal(gan.generator.get_weights()[0], before[-1])),
        on_train_batch_end=lambda batch, logs: before.append(gan.generator.get_weights()[0]),
    )
    before = []
    fit(gan, keras.callbacks.SwapEMAWeights(swap_on_epoch=True), watch, epochs=2)
    assert swapped == [False, False]  # at the end of an epoch the averages are in place


def test_our_guard_and_keras_callbacks_go_together():
    guard = callbacks.DivergenceGuard(stream=io.StringIO())
    log = fit(game(loss="hinge"), guard, keras.callbacks.EarlyStopping("g_loss", mode="min", patience=9))
    assert len(log["d_loss"]) == 4 and guard.verdict is None
