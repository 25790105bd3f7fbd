import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from keras_gan import GAN, InputError
from keras_gan.augment import DiffAugment
from keras_gan.layers import LeakyReLU, Maxout, MinibatchStd, Pack, SpectralEmbedding, spectrally_normalized
from keras_gan.losses import LOSSES, Loss
from keras_gan.networks.r3gan import Basis, GroupedConv2D
from keras_gan.penalties import PENALTIES, Penalty


def test_maxout_by_hand():
    layer = Maxout(2, 3)
    layer.build((None, 1))
    # Pieces of unit 0: x, -2x + 1 and -9; of unit 1: 3x, 5 and 4x - 4.
    layer.set_weights([np.array([[1.0, -2.0, 0.0, 3.0, 0.0, 4.0]]), np.array([0.0, 1.0, -9.0, 0.0, 5.0, -4.0])])
    outputs = layer(tf.constant([[2.0], [-1.0], [5.0]]))
    np.testing.assert_allclose(outputs, [[2.0, 6.0], [3.0, 5.0], [5.0, 16.0]], atol=1e-6)


def test_maxout_options_reach_the_kernel():
    layer = Maxout(3, 2, kernel_initializer="ones", kernel_constraint=keras.constraints.MaxNorm(0.5))
    layer.build((None, 4))
    kernel = layer.trainable_variables[0]
    np.testing.assert_array_equal(kernel, np.ones((4, 6)))
    np.testing.assert_allclose(np.linalg.norm(kernel.constraint(kernel), axis=0), 0.5, atol=1e-5)
    assert layer.compute_output_shape((None, 4)) == (None, 3)


def test_maxout_computes_in_its_policy():
    assert Maxout(3, 2, dtype="mixed_bfloat16")(np.zeros((1, 4), "float32")).dtype == "bfloat16"


def singular_values(model):
    kernels = [weight for weight in model.trainable_variables if len(weight.shape) > 1]
    return [np.linalg.svd(np.reshape(kernel, (-1, kernel.shape[-1])), compute_uv=False)[0] for kernel in kernels]


def test_spectral_normalization_brings_the_largest_singular_value_to_one(tiny_discriminator):
    network = spectrally_normalized(tiny_discriminator())
    network.set_weights([3.0 * weight for weight in network.get_weights()])
    assert min(singular_values(network)) > 1.5
    for _ in range(30):
        network(np.ones((1, 8, 8, 1), "float32"), training=True)
    np.testing.assert_allclose(singular_values(network), 1.0, atol=0.01)


def test_more_power_iterations_are_as_good_as_more_calls(tiny_discriminator):
    network = spectrally_normalized(tiny_discriminator(), power_iterations=30)
    network(np.ones((1, 8, 8, 1), "float32"), training=True)
    np.testing.assert_allclose(singular_values(network), 1.0, atol=0.01)


def judge_of_classes(dtype="float32"):
    """A discriminator with an embedding in a network of its own, and a maxout."""
    label = keras.Input((), dtype="int32")
    embedding = layers.Embedding(300, 6, embeddings_initializer="normal", dtype=dtype, name="class")
    nested = keras.Sequential([keras.Input((), dtype="int32"), embedding], name="nested")
    image = keras.Input((8,))
    features = Maxout(6, 2, name="pieces")(image)
    return keras.Model([image, label], layers.Dot(axes=1)([features, nested(label)]))


def test_spectral_normalization_reaches_embeddings_in_any_network():
    network = spectrally_normalized(judge_of_classes())
    embedding = network.get_layer("nested").layers[-1]
    assert isinstance(embedding, SpectralEmbedding)
    images, labels = np.ones((3, 8), "float32"), np.int32([0, 7, 299])
    table = embedding.layer.embeddings
    before = table.numpy()
    rows = embedding(labels)
    assert rows.dtype == "float32"  # Keras's own wrapper gives whole numbers
    np.testing.assert_array_equal(rows, before[[0, 7, 299]])
    for _ in range(30):
        network([images, labels], training=True)
    np.testing.assert_allclose(singular_values(network), 1.0, atol=0.01)
    # As numpy's singular value decomposition has it, and nothing else has changed.
    largest = np.linalg.svd(before, compute_uv=False)[0]
    np.testing.assert_allclose(table.numpy(), before / largest, rtol=0.01)


def test_a_spectrally_normalized_embedding_learns_and_keeps_its_precision():
    layer = SpectralEmbedding(layers.Embedding(300, 4, dtype="mixed_bfloat16"))
    labels = tf.constant([257, 258])  # in bfloat16 both would be 256 or 258
    with tf.GradientTape() as tape:
        rows = layer(labels, training=True)
        loss = tf.reduce_sum(tf.cast(rows, "float32") * [[1.0], [2.0]])
    assert rows.dtype == "bfloat16" and np.any(rows[0] != rows[1])
    gradient = tf.convert_to_tensor(tape.gradient(loss, layer.layer.embeddings.value))
    np.testing.assert_array_equal(np.nonzero(np.any(gradient != 0, axis=1))[0], [257, 258])


def test_one_power_iteration_estimates_as_numpy_would():
    """σ = v W u with v = normalised(u Wᵀ) and u = normalised(v W), eq. 18 and 19 of the paper."""
    layer = keras.layers.SpectralNormalization(layers.Dense(3, use_bias=False))
    layer.build((None, 5))
    kernel, u = layer.layer.kernel.numpy(), layer.vector_u.numpy()
    v = u @ kernel.T
    v /= np.linalg.norm(v)
    u = v @ kernel
    u /= np.linalg.norm(u)
    layer(np.ones((1, 5), "float32"), training=True)
    np.testing.assert_allclose(layer.layer.kernel, kernel / (v @ kernel @ u.T), rtol=1e-4)
    np.testing.assert_allclose(layer.vector_u, u, rtol=1e-4)


def test_spectral_normalization_leaves_the_original_and_every_shape(tiny_discriminator):
    original = tiny_discriminator()
    before = original.get_weights()
    network = spectrally_normalized(original)
    network(np.ones((1, 8, 8, 1), "float32"), training=True)
    assert (network.input_shape, network.output_shape) == (original.input_shape, original.output_shape)
    for weight, value in zip(original.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_every_layer_with_a_kernel_is_wrapped():
    stack = [layers.Conv2D(2, 3), layers.LeakyReLU(), layers.Flatten(), layers.Dense(1)]
    network = spectrally_normalized(keras.Sequential([keras.Input((8, 8, 1)), *stack]))
    wrapped = [isinstance(layer, layers.SpectralNormalization) for layer in network.layers]
    assert wrapped == [True, False, False, True]


def random_images(*shape, dtype="float32"):
    return tf.constant(np.random.default_rng(0).uniform(-1, 1, shape), dtype)


# Pack ----------------------------------------------------------------------------------------------------------------


def test_packs_of_vectors_by_hand():
    packed = Pack(2)(tf.constant([[1, 2], [3, 4], [5, 6], [7, 8]], "float32"))
    np.testing.assert_array_equal(packed, [[1, 2, 3, 4], [5, 6, 7, 8]])


def test_packs_of_images_by_hand():
    # Tens count images, ones count pixels, the sign is the channel.
    x = [[[[10 * i + j, -(10 * i + j)] for j in range(2)]] for i in range(6)]
    packed = Pack(3)(tf.constant(x, "float32"))
    assert packed.shape == (2, 1, 2, 6)
    np.testing.assert_array_equal(packed[0, 0], [[0, 0, 10, -10, 20, -20], [1, -1, 11, -11, 21, -21]])
    np.testing.assert_array_equal(packed[1, 0, 1], [31, -31, 41, -41, 51, -51])


def test_packs_do_not_hold_real_and_generated_images():
    real, fake = random_images(4, 8, 8, 1), -random_images(4, 8, 8, 1)
    together = Pack(2)(ops.concatenate([real, fake]))
    np.testing.assert_array_equal(together, ops.concatenate([Pack(2)(real), Pack(2)(fake)]))


def test_shapes_of_packs():
    assert Pack(2)(keras.Input((8, 6, 3))).shape == (None, 8, 6, 6)
    assert Pack(3)(keras.Input((5,), batch_size=6)).shape == (2, 15)
    assert Pack(4).pack == 4


@pytest.mark.parametrize("call", [lambda layer: layer(tf.ones((5, 2))), lambda layer: layer(keras.Input((2,), 5))])
def test_a_batch_that_is_not_a_multiple_of_the_pack_raises(call):
    with pytest.raises(InputError, match="batch of 5; expected one divisible by its size 2.*mult"):
        call(Pack(2))


def test_packs_in_a_graph_of_unknown_batch():
    layer = Pack(2)
    graph = tf.function(layer, input_signature=[tf.TensorSpec((None, 8, 8, 1))])
    for batch in (2, 6):
        np.testing.assert_array_equal(graph(random_images(batch, 8, 8, 1)), layer(random_images(batch, 8, 8, 1)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="multiple of 128"):
        graph(random_images(5, 8, 8, 1))


def test_a_pack_holds_an_image_at_least():
    with pytest.raises(InputError, match="size=0; expected at least 1.*size=2"):
        Pack(0)


# MinibatchStd --------------------------------------------------------------------------------------------------------


def test_deviations_of_vectors_by_hand():
    x = tf.constant([[1, 10], [3, 10], [0, 0], [0, 4]], "float32")
    # Deviations 1 and 0 in the first group, 0 and 2 in the second.
    expected = [[1, 10, 0.5], [3, 10, 0.5], [0, 0, 1], [0, 4, 1]]
    np.testing.assert_allclose(MinibatchStd(2)(x), expected, atol=1e-4)


def test_deviations_of_images_by_hand():
    x = np.zeros((3, 1, 2, 2), "float32")
    x[:, 0, 1, 0] = [0.0, 3.0, 6.0]  # deviation √6 at one of four values
    appended = MinibatchStd(3)(x)
    assert appended.shape == (3, 1, 2, 3)
    np.testing.assert_array_equal(appended[..., :2], x)
    np.testing.assert_allclose(appended[..., 2], np.full((3, 1, 2), np.sqrt(6) / 4), atol=1e-4)


def test_groups_do_not_hold_real_and_generated_images():
    real, fake = random_images(8, 4, 4, 2), 3.0 * random_images(8, 4, 4, 2)
    together = MinibatchStd()(ops.concatenate([real, fake]))
    np.testing.assert_allclose(together, ops.concatenate([MinibatchStd()(real), MinibatchStd()(fake)]), atol=1e-6)
    assert float(together[-1, 0, 0, 2]) > 2 * float(together[0, 0, 0, 2])


@pytest.mark.parametrize("batch, group", [(8, 4), (9, 3), (10, 2), (6, 3), (3, 3), (7, 1), (1, 1)])
def test_groups_are_the_largest_that_divide_the_batch(batch, group):
    x = random_images(batch, 5)
    expected = np.reshape(x, (-1, group, 5)).std(axis=1).mean(axis=-1).repeat(group)
    layer = MinibatchStd(4)
    graph = tf.function(layer, input_signature=[tf.TensorSpec((None, 5))])
    for result in (layer(x), graph(x)):
        np.testing.assert_allclose(result[:, 5], expected, atol=2e-4)
        np.testing.assert_array_equal(result[:, :5], x)


def test_shapes_of_deviations():
    assert MinibatchStd()(keras.Input((4, 6, 3))).shape == (None, 4, 6, 4)
    assert MinibatchStd()(keras.Input((5,), batch_size=6)).shape == (6, 6)


def test_deviations_are_computed_before_rounding():
    x = tf.constant([[1000.0], [1001.0]])  # one number in bfloat16
    appended = MinibatchStd(2, dtype="mixed_bfloat16")(x)
    assert appended.dtype == MinibatchStd(2, dtype="mixed_bfloat16")(keras.Input((1,))).dtype == "bfloat16"
    np.testing.assert_allclose(tf.cast(appended, "float32"), [[1000, 0.5]] * 2, atol=1e-3)


def test_derivatives_are_finite_for_identical_images():
    x = tf.tile(random_images(1, 4, 4, 2), (4, 1, 1, 1))
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            deviation = tf.reduce_sum(MinibatchStd()(x)[..., 2])
        slope = tape.gradient(deviation, x)
        penalty = tf.reduce_sum(tf.square(slope - 1.0))
    np.testing.assert_allclose(deviation, 4 * 16 * 1e-4, atol=1e-5)
    np.testing.assert_allclose(slope, tf.zeros_like(x), atol=1e-2)
    assert np.all(np.isfinite(outer.gradient(penalty, x)))


def test_a_group_holds_two_images_at_least():
    with pytest.raises(InputError, match="group_size=1; expected at least 2.*group_size=4"):
        MinibatchStd(1)


# What stands in front of D, or near its end --------------------------------------------------------------------------

FRONTS = {
    "DiffAugment": lambda dtype: DiffAugment(["colour", "flip", "translation", "cutout"], seed=4, dtype=dtype),
    "Pack": lambda dtype: Pack(2, dtype=dtype),
    "MinibatchStd": lambda dtype: MinibatchStd(2, dtype=dtype),
}


def smooth_discriminator(name, dtype):
    """The layer between two convolutions, so that the penalty passes through it in both directions."""
    keras.utils.set_random_seed(5)
    convolution = {"strides": 2, "activation": "tanh", "padding": "same", "dtype": dtype}
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), dtype=dtype),  # or the points would be rounded
            layers.Conv2D(3, 3, **convolution),
            FRONTS[name](dtype),
            layers.Conv2D(2, 3, **convolution),
            layers.Flatten(dtype=dtype),
            layers.Dense(1, dtype=dtype),
        ]
    )


@pytest.mark.parametrize("name", FRONTS)
def test_penalties_through_the_layer_against_finite_differences(name):
    network = smooth_discriminator(name, "float64")
    noise = [(variable, variable.numpy()) for variable in network.non_trainable_variables]
    x = tf.Variable(random_images(4, 8, 8, 1, dtype="float64"))

    def penalty():
        for variable, value in noise:  # the same augmentation each time
            variable.assign(value)
        with tf.GradientTape() as tape:
            logits = network(x, training=True)
        return tf.reduce_sum(tf.square(tape.gradient(logits, x)))

    def slope(variable, change):
        variable.assign_add(change)
        above = float(penalty())
        variable.assign_sub(2 * change)
        below = float(penalty())
        variable.assign_add(change)
        return (above - below) / 2

    with tf.GradientTape() as tape:
        value = penalty()
    kernels = [weight for weight in network.trainable_variables if len(weight.shape) > 1]
    gradients = tape.gradient(value, [x, *(kernel.value for kernel in kernels)])
    rng = np.random.default_rng(7)
    for variable, gradient in zip([x, *kernels], gradients, strict=True):
        assert np.linalg.norm(gradient) > 1e-3
        for direction in (rng.standard_normal(gradient.shape), gradient.numpy()):
            change = 1e-4 * direction / np.linalg.norm(direction)
            expected = float(np.sum(gradient * change))
            assert slope(variable, change) == pytest.approx(expected, abs=1e-4 * 1e-4 * np.linalg.norm(gradient))


@pytest.mark.parametrize(
    "penalties, eagerly",
    [
        ({"r1": 1.0, "r2": 1.0}, True),
        pytest.param({"r1": 1.0, "r2": 1.0}, False, marks=pytest.mark.long),
        pytest.param({"wgan_gp": 1.0}, False, marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("name", FRONTS)
def test_a_gan_trains_with_the_layer_on_batches_of_any_size(tiny_generator, name, penalties, eagerly):
    discriminator = keras.Sequential(
        [keras.Input((8, 8, 1)), FRONTS[name]("float32"), layers.Flatten(), layers.Dense(2, "tanh"), layers.Dense(1)]
    )
    gan = GAN(tiny_generator(), discriminator, seed=3)
    gan.compile(loss="non_saturating", penalties=penalties, run_eagerly=eagerly)
    before = [weight.numpy() for weight in gan.trainable_weights]
    history = gan.fit(random_images(6, 8, 8, 1).numpy(), batch_size=4, verbose=0).history  # then 2
    assert all(np.all(np.isfinite(values)) for values in history.values())
    assert history["penalty"][0] > 0
    for weight, value in zip(gan.trainable_weights, before, strict=True):
        assert np.abs(weight.numpy() - value).max() > 0


# The one round-trip test of every serialisable class -----------------------------------------------------------------


@keras.saving.register_keras_serializable("tests")
def shifted_discriminator_loss(real_logits, fake_logits):
    return ops.mean(fake_logits) - 2.0 * ops.mean(real_logits)


@keras.saving.register_keras_serializable("tests")
def shifted_generator_loss(fake_logits):
    return 3.0 - ops.mean(fake_logits)


@keras.saving.register_keras_serializable("tests")
def largest_slope(gradients):
    return ops.max(ops.abs(gradients))


BUILDERS = {
    "LeakyReLU": lambda gan: LeakyReLU(0.3, name="leaky"),
    "Maxout": lambda gan: Maxout(2, 3, kernel_initializer="ones", kernel_constraint="non_neg", name="maxout"),
    "Pack": lambda gan: Pack(3, name="pack"),
    "MinibatchStd": lambda gan: MinibatchStd(2, name="deviation"),
    "DiffAugment": lambda gan: DiffAugment(["flip", "colour"], seed=5, name="augment"),
    "SpectralEmbedding": lambda gan: SpectralEmbedding(keras.layers.Embedding(3, 4), name="sn_class"),
    "Basis": lambda gan: Basis((2, 3), name="basis"),
    "GroupedConv2D": lambda gan: GroupedConv2D(3, 3, groups=3, name="grouped"),
    "Loss": lambda gan: LOSSES["relativistic"],
    "Loss of one's own": lambda gan: Loss(shifted_discriminator_loss, shifted_generator_loss),
    "Penalty": lambda gan: PENALTIES["wgan_gp"],
    "Penalty of one's own": lambda gan: Penalty("fake", largest_slope),
    "GAN": lambda gan: gan,
}


INPUTS = {
    "Maxout": tf.constant([[2.0], [-1.0]]),
    "Basis": tf.constant([[2.0, 1.0], [-1.0, 3.0]]),
    "SpectralEmbedding": tf.constant([[0], [2]]),
}


def layer_input(layer):
    return INPUTS.get(type(layer).__name__, random_images(6, 8, 8, 3))


def outputs(thing):
    """What a restored object must reproduce."""
    logits = tf.constant([[2.0], [-1.0]]), tf.constant([[0.5], [-3.0]])
    if isinstance(thing, Loss):
        return [thing.discriminator(*logits), thing.generator(*logits[not thing.paired :])]
    if isinstance(thing, Penalty):
        return [thing.at, thing.of_gradients(logits[0])]
    if isinstance(thing, GAN):
        return [thing.generate(3, seed=1), thing.discriminator(np.ones((1, 8, 8, 1)))]
    return [thing(layer_input(thing), training=True)]


def carrier(thing, gan):
    """A model to save that holds the object, and how to find it in the loaded one."""
    if isinstance(thing, Loss):
        gan.compile(loss=thing)
        return gan, lambda model: model.loss_pair
    if isinstance(thing, Penalty):
        gan.compile(loss="hinge", penalties={thing: 2.0})
        return gan, lambda model: next(iter(model.penalties))
    if isinstance(thing, GAN):
        return thing, lambda model: model
    return keras.Sequential([keras.Input(layer_input(thing).shape[1:]), thing]), lambda model: model.layers[-1]


def assert_same(restored, thing):
    assert type(restored) is type(thing)
    for mine, original in zip(outputs(restored), outputs(thing), strict=True):
        np.testing.assert_array_equal(mine, original)


@pytest.mark.parametrize("name", BUILDERS)
def test_config_round_trip(name, tiny_gan):
    thing = BUILDERS[name](tiny_gan)
    outputs(thing)  # which builds a layer
    config = json.dumps(thing.get_config())
    restored = type(thing).from_config(json.loads(config))
    assert json.dumps(restored.get_config()) == config
    if isinstance(thing, keras.Layer):
        outputs(restored)
        restored.set_weights(thing.get_weights())
    assert_same(restored, thing)


@pytest.mark.parametrize("name", BUILDERS)
def test_keras_file_round_trip(name, tiny_gan, tmp_path):
    thing = BUILDERS[name](tiny_gan)
    model, find = carrier(thing, tiny_gan)
    model.save(tmp_path / "model.keras")
    assert_same(find(keras.models.load_model(tmp_path / "model.keras")), thing)


def test_every_serialisable_class_is_tested():
    known = keras.saving.get_custom_objects().items()
    classes = {name for name, thing in known if name.startswith("keras_gan>") and isinstance(thing, type)}
    classes -= {"keras_gan>Lowered", "keras_gan>PerTrainingStep"}  # schedules, in test_guard and test_keras_optimizers
    classes -= {"keras_gan>RisingMomentum"}  # an optimizer, in test_rates
    classes -= {"keras_gan>DiscriminatorTargets", "keras_gan>GeneratorTargets"}  # in test_keras_data
    assert classes == {f"keras_gan>{name}" for name in BUILDERS if " " not in name}
