"""What `keras.Model.train_step` honours, `GAN.train_step` honours: optimizers, loss scaling, losses of layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_gan import GAN, InputError, networks, schedules
from keras_gan.gan import optimizers
from keras_gan.schedules import PerTrainingStep

SGD, Adam, LossScale = keras.optimizers.SGD, keras.optimizers.Adam, keras.optimizers.LossScaleOptimizer
GRAPH, LONG = {"run_eagerly": False}, pytest.mark.long
IMAGES = np.random.default_rng(0).uniform(-1, 1, (12, 8, 8, 1)).astype("float32")


def dense_networks(num_classes=None, width=6, **options):
    keras.utils.set_random_seed(1)
    z, image, label = keras.Input((4,)), keras.Input((8, 8, 1)), keras.Input((), dtype="int32")
    classes = [label] if num_classes else []
    code, pixels = z, layers.Flatten()(image)
    if classes:
        code = layers.Concatenate()([z, layers.Embedding(num_classes, 3, name="g_class")(label)])
        pixels = layers.Concatenate()([pixels, layers.Embedding(num_classes, 3, name="d_class")(label)])
    x = layers.Dense(64, "tanh", **options)(layers.Dense(width, "relu")(code))
    y = layers.Dense(1)(layers.Dense(width, "relu", **options)(pixels))
    g_inputs, d_inputs = ([z, label], [image, label]) if classes else (z, image)
    return keras.Model(g_inputs, layers.Reshape((8, 8, 1))(x)), keras.Model(d_inputs, y)


def compiled(generator_optimizer=None, discriminator_optimizer=None, networks=None, num_classes=None, **options):
    gan = GAN(*(networks or dense_networks(num_classes)), seed=3, num_classes=num_classes)
    # A traced step takes seconds, so most of these tests do without; GRAPH is what users have.
    options = {"loss": "non_saturating", "jit_compile": False, "run_eagerly": True} | options
    gan.compile(generator_optimizer or SGD(0.1), discriminator_optimizer or SGD(0.1), **options)
    return gan


def fit(gan, *data, epochs=1, **options):
    return gan.fit(
        *(data or (IMAGES,)), **{"batch_size": 4, "epochs": epochs, "shuffle": False, "verbose": 0} | options
    )


def weights(gan):
    return [*gan.generator.get_weights(), *gan.discriminator.get_weights()]


def assert_same(mine, others, atol=0.0):
    for one, other in zip(mine, others, strict=True):
        np.testing.assert_allclose(one, other, atol=atol, rtol=0)


def differ(mine, others):
    return max(float(np.abs(one - other).max()) for one, other in zip(mine, others, strict=True))


# loss scaling ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scaled",
    [
        pytest.param(lambda rate: SGD(rate, loss_scale_factor=1024.0), marks=LONG),
        pytest.param(lambda rate: LossScale(SGD(rate), initial_scale=256.0), marks=LONG),
        lambda rate: LossScale(SGD(rate), initial_scale=256.0, dynamic_growth_steps=2),
    ],
)
@pytest.mark.parametrize(
    "k, options", [(2, {}), pytest.param(1, GRAPH, marks=LONG), pytest.param(2, GRAPH, marks=LONG)]
)
def test_loss_scaling_changes_neither_the_updates_nor_the_logs(scaled, k, options):
    runs = []
    for optimizer in (SGD, scaled):
        gan = compiled(optimizer(0.1), optimizer(0.2), penalties={"r1": 0.5}, discriminator_steps=k, **options)
        logs = fit(gan).history
        runs.append((weights(gan), logs))
    (plain, logs), (others, other_logs) = runs
    assert_same(others, plain, atol=1e-6)
    assert {name: values[0] for name, values in other_logs.items()} == pytest.approx(
        {name: values[0] for name, values in logs.items()}, rel=1e-5
    )


def test_a_scale_that_overflows_is_lowered_and_is_no_fault_of_the_data():
    gan = compiled(LossScale(SGD(0.1), initial_scale=1e38), LossScale(SGD(0.1), initial_scale=1e38), **GRAPH)
    before = weights(gan)
    logs = fit(gan, 1e3 * 0 + IMAGES, epochs=1).history
    assert int(gan.skipped_steps.numpy()) == 0 and gan.step == 3
    assert float(gan.discriminator_optimizer.dynamic_scale.numpy()) <= 1e38
    assert np.isfinite([values[0] for values in logs.values()]).all()
    assert all(np.isfinite(array).all() for array in weights(gan))
    assert before is not None


def test_overflow_is_not_applied_and_halves_the_scale():
    gan = compiled(SGD(0.1), LossScale(SGD(0.1), initial_scale=3e38))
    gan.discriminator.layers[-1].kernel.assign(100 * gan.discriminator.layers[-1].kernel)
    before = gan.discriminator.get_weights()
    fit(gan, IMAGES[:4])
    assert_same(gan.discriminator.get_weights(), before)
    assert float(gan.discriminator_optimizer.dynamic_scale.numpy()) == pytest.approx(1.5e38)
    assert int(gan.skipped_steps.numpy()) == 0


def test_a_fixed_scale_does_not_hide_gradients_that_are_not_finite():
    generator, discriminator = dense_networks()
    root = keras.Model(discriminator.input, keras.ops.sqrt(keras.ops.relu(discriminator.output)))
    root.layers[-1]  # d√x / dx is infinite at 0, where the loss is finite
    discriminator.layers[-1].bias.assign([-100.0])
    gan = compiled(*(SGD(0.1, loss_scale_factor=1024.0) for _ in range(2)), networks=(generator, root), penalties={})
    before = weights(gan)
    logs = fit(gan).history
    assert int(gan.skipped_steps.numpy()) == 6 and np.isfinite(logs["d_loss"][0])  # three steps of both networks
    assert np.isnan([logs["d_gradient"][0], logs["g_gradient"][0]]).all()
    assert_same(weights(gan), before)


def test_data_that_are_not_finite_are_refused_with_loss_scaling_too():
    gan = compiled(SGD(0.1), LossScale(SGD(0.1), initial_scale=8.0))
    before = gan.discriminator.get_weights()
    fit(gan, np.full((4, 8, 8, 1), np.nan, "float32"))
    assert_same(gan.discriminator.get_weights(), before)
    assert int(gan.skipped_steps.numpy()) == 1  # the generator's update does not see the images


def float16(policy):
    keras.utils.set_random_seed(1)
    return (
        networks.generator((8, 8, 1), 8, dtype=policy),
        networks.discriminator((8, 8, 1), dtype=policy),
    )


@pytest.mark.long
def test_float16_updates_are_those_of_float32_within_its_precision():
    moved = {}
    for policy in ("float32", "mixed_float16"):
        gan = GAN(*float16(policy), seed=3)
        gan.generator.set_weights(GAN(*float16("float32"), seed=3).generator.get_weights())
        gan.compile(SGD(0.05), SGD(0.05), penalties={"r1": 1.0, "r2": 1.0}, jit_compile=False)
        before = weights(gan)
        fit(gan, IMAGES[:4])
        moved[policy] = np.concatenate([(a - b).ravel() for a, b in zip(weights(gan), before, strict=True)])
        scaling = isinstance(gan.discriminator_optimizer, LossScale), isinstance(gan.generator_optimizer, LossScale)
        assert scaling == ((policy == "mixed_float16",) * 2)
        assert int(gan.skipped_steps.numpy()) == 0
    error = np.linalg.norm(moved["mixed_float16"] - moved["float32"]) / np.linalg.norm(moved["float32"])
    assert error < 0.02  # 0.008; with bfloat16 it is 0.032


def test_float16_gradients_too_small_for_it_survive():
    # The logits' gradient of 1e-6 is below float16's smallest normal number, 6e-5.
    moved = {}
    for policy in ("float32", "mixed_float16"):
        keras.utils.set_random_seed(1)
        discriminator = keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                layers.Flatten(),
                layers.Dense(8, dtype=policy),
                layers.Rescaling(1e-6, dtype="float32"),
                layers.Dense(1, dtype="float32"),
            ]
        )
        gan = compiled(SGD(1.0), SGD(1e4), (dense_networks()[0], discriminator))
        before = discriminator.get_weights()
        fit(gan, IMAGES[:4])
        moved[policy] = discriminator.get_weights()[0] - before[0]
    np.testing.assert_allclose(moved["mixed_float16"], moved["float32"], atol=0.02 * np.abs(moved["float32"]).max())


# embeddings -----------------------------------------------------------------------------------------------------------


def test_adam_moves_an_embedding_by_the_rate_however_many_images_have_the_class():
    gan = compiled(Adam(0.001), Adam(0.001), num_classes=3)
    tables = [gan.generator.get_layer("g_class"), gan.discriminator.get_layer("d_class")]
    before = [table.get_weights()[0] for table in tables]
    images = np.repeat(IMAGES, 2, axis=0)[:16]
    fit(gan, images, np.full(16, 1), batch_size=16)
    for table, old in zip(tables, before, strict=True):
        change = np.abs(table.get_weights()[0] - old)
        np.testing.assert_allclose(change[1], 0.001, rtol=0.02)  # Adam's first step is the rate, whatever the gradient
        assert not change[[0, 2]].any()


def test_the_norm_of_the_gradient_sums_rows_of_one_class_first():
    values = tf.IndexedSlices(tf.constant([[3.0], [1.0], [-4.0]]), tf.constant([1, 1, 0]), tf.constant([3, 1]))
    (dense,) = optimizers.dense([values])
    np.testing.assert_array_equal(dense, [[-4.0], [4.0], [0.0]])
    assert float(tf.linalg.global_norm([dense])) == pytest.approx(32**0.5)  # apart it would be √26


def test_clipping_and_logs_see_the_dense_gradient_of_an_embedding():
    logged = {}
    for clip in ({}, {"global_clipnorm": 1e-3}):
        gan = compiled(SGD(1.0), SGD(1.0, **clip), num_classes=3)
        before = gan.discriminator.get_weights()
        logs = fit(gan, IMAGES[:8], np.full(8, 2), batch_size=8).history
        moved = np.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(gan.discriminator.get_weights(), before, strict=True)))
        logged[bool(clip)] = (moved, logs["d_gradient"][0])
    assert logged[False][0] == pytest.approx(logged[False][1], rel=1e-4)  # the rate is 1
    assert logged[True][0] == pytest.approx(1e-3, rel=1e-3) and logged[True][1] == pytest.approx(logged[False][1])


# options --------------------------------------------------------------------------------------------------------------


def test_accumulated_gradients_are_one_update_of_the_mean():
    gan = compiled(SGD(0.0), SGD(0.1, gradient_accumulation_steps=2))
    before = gan.discriminator.get_weights()
    fit(gan, IMAGES[:4])
    assert_same(gan.discriminator.get_weights(), before)  # nothing before the second step
    fit(gan, IMAGES[:4])
    assert differ(gan.discriminator.get_weights(), before) > 1e-5
    assert gan.step == 2


def test_steps_count_training_steps_though_the_generator_accumulates():
    gan = compiled(SGD(0.1, gradient_accumulation_steps=2), SGD(0.1))
    fit(gan)
    assert gan.step == 3 and int(gan.skipped_steps.numpy()) == 0
    fit(gan, np.full((4, 8, 8, 1), np.nan, "float32"))  # a step that is not applied
    assert gan.step == 4


def test_accumulation_leaves_out_a_step_that_is_not_applied():
    clean, poisoned = (compiled(SGD(0.0), SGD(0.1, gradient_accumulation_steps=2), penalties={}) for _ in range(2))
    fit(clean, IMAGES[:8], batch_size=4)
    before = weights(poisoned)
    fit(poisoned, IMAGES[:4])
    fit(poisoned, np.full((4, 8, 8, 1), np.nan, "float32"))
    assert_same(weights(poisoned), before)  # one gradient of two so far
    fit(poisoned, IMAGES[4:8])
    assert differ(weights(poisoned), before) == pytest.approx(differ(weights(clean), before), rel=0.2)  # other noise


def test_averages_begin_with_the_first_update_that_is_applied():
    gan = compiled(SGD(1e-3, use_ema=True), SGD(1e-3, use_ema=True))
    before = weights(gan)
    gan.fit(IMAGES, epochs=0, verbose=0)
    assert_same(weights(gan), before)
    images = IMAGES.copy()
    images[:4] = np.nan
    fit(gan, images)
    assert int(gan.skipped_steps.numpy()) == 1  # of D
    assert 0 < differ(weights(gan), before) < 0.01  # three steps at most, not an average with zeros


def test_averages_of_an_optimizer_are_the_weights_after_fit():
    gan = compiled(SGD(0.1, use_ema=True, ema_momentum=0.5), SGD(0.1))
    seen = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append([v.numpy().copy() for v in self.model.generator.trainable_variables])

    fit(gan, callbacks=[Look()])
    # w1; ½ w1 + ½ w2; and half of that and of w3.
    expected = [0.25 * a + 0.25 * b + 0.5 * c for a, b, c in zip(*seen, strict=True)]
    assert_same([v.numpy() for v in gan.generator.trainable_variables], expected, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [{"clipnorm": 1e-3}, *(pytest.param(it, marks=LONG) for it in ({"clipvalue": 1e-4}, {"weight_decay": 0.1}))],
)
def test_clipping_and_decay_act_on_both_networks(options):
    plain, with_option = compiled(SGD(0.1), SGD(0.1)), compiled(SGD(0.1, **options), SGD(0.1, **options))
    before = weights(plain)
    fit(plain)
    fit(with_option)
    half = len(plain.generator.get_weights())
    changed = weights(with_option)
    for part in (slice(None, half), slice(half, None)):
        assert differ(changed[part], weights(plain)[part]) > 1e-5
    if "clipvalue" in options:
        assert differ(changed, before) <= 3 * 0.1 * 1e-4 * 1.01


SCHEDULES = {
    "decay": lambda: keras.optimizers.schedules.InverseTimeDecay(0.1, 2, 1.0),
    "piecewise": lambda: keras.optimizers.schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.01, 0.001]),
    "warm-up": lambda: keras.optimizers.schedules.CosineDecay(0.0, 10, warmup_target=0.1, warmup_steps=3),
    "restarts": lambda: keras.optimizers.schedules.CosineDecayRestarts(0.1, 2),
}


class Unregistered(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.1 / (1.0 + tf.cast(step, "float32"))


@pytest.mark.parametrize(
    "schedule, wrapped",
    [
        pytest.param(schedule, wrapped, marks=() if wrapped == (name == "decay") and name != "warm-up" else LONG)
        for name, schedule in {**SCHEDULES, "unregistered": Unregistered}.items()
        for wrapped in (False, True)
    ],
)
def test_a_schedule_counts_training_steps_whatever_its_class(schedule, wrapped):
    optimizer = SGD(schedule())
    options = GRAPH if schedule is Unregistered else {}
    scaled = LossScale(optimizer, 4.0) if wrapped else optimizer
    gan = compiled(SGD(schedule()), scaled, discriminator_steps=3, **options)
    fit(gan)
    assert int(schedules.innermost(gan.discriminator_optimizer).iterations) == 9
    assert schedules.current_rate(gan.discriminator_optimizer) == pytest.approx(
        schedules.current_rate(gan.generator_optimizer)
    )
    assert schedules.current_rate(gan.generator_optimizer) == pytest.approx(float(schedule()(3)), abs=1e-7)


def test_compiling_again_does_not_slow_a_schedule_twice(tmp_path):
    optimizer = SGD(SCHEDULES["decay"]())
    gan = compiled(SGD(0.1), optimizer, discriminator_steps=3)
    gan.compile(SGD(0.1), optimizer, loss="hinge", discriminator_steps=3)
    schedule = schedules.schedule_of(optimizer)
    assert isinstance(schedule, PerTrainingStep) and schedule.updates == 3
    assert not isinstance(schedule.schedule, PerTrainingStep)
    gan.save(tmp_path / "gan.keras")
    loaded = schedules.schedule_of(keras.models.load_model(tmp_path / "gan.keras").discriminator_optimizer)
    assert loaded.updates == 3 and not isinstance(loaded.schedule, PerTrainingStep)
    schedules.lower(optimizer, 0.5)
    assert schedules.current_rate(optimizer) == pytest.approx(0.05)
    gan.compile(SGD(0.1), optimizer, loss="hinge", discriminator_steps=1)
    assert schedules.current_rate(optimizer) == pytest.approx(0.05) and not isinstance(
        schedules.schedule_of(optimizer), PerTrainingStep
    )


@pytest.mark.parametrize("make", [lambda: Adam(0.01), lambda: LossScale(Adam(SCHEDULES["decay"]()), 16.0)])
def test_one_optimizer_object_for_both_networks(make):
    optimizer = make()
    gan = compiled(optimizer, optimizer)
    assert gan.generator_optimizer is optimizer and gan.discriminator_optimizer is not optimizer
    inner = [schedules.innermost(o) for o in (gan.generator_optimizer, gan.discriminator_optimizer)]
    assert inner[0].name != inner[1].name and schedules.current_rate(inner[0]) == schedules.current_rate(inner[1])
    before = weights(gan)
    fit(gan)
    assert all(not np.array_equal(new, old) for new, old in zip(weights(gan), before, strict=True))


def test_optimizers_that_cannot_be_used_are_refused_by_name(two_replicas):
    used = compiled().generator_optimizer
    with pytest.raises(InputError, match="generator_optimizer was built for other weights"):
        compiled(used)
    with pytest.raises(InputError, match="generator_optimizer is 'sdg'"):
        compiled("sdg")
    for option in ({"gradient_accumulation_steps": 2}, {"use_ema": True, "ema_overwrite_frequency": 2}):
        with two_replicas.scope(), pytest.raises(InputError, match="which Keras does not support"):
            compiled(SGD(0.1, **option))


@pytest.mark.skipif(not hasattr(keras.optimizers, "MultiOptimizer"), reason="this Keras has no MultiOptimizer")
def test_several_optimizers_of_one_network_are_refused():
    multi = keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(SGD()))
    with pytest.raises(InputError, match="discriminator_optimizer is a MultiOptimizer"):
        compiled(SGD(), multi)


# layers' own losses ---------------------------------------------------------------------------------------------------


def test_a_regularizer_is_added_to_the_loss_of_its_network():
    # With a huge weight the update is that of weight decay: w - rate · 2 λ w, less what the game moves.
    plain = compiled(SGD(0.1), SGD(0.1), dense_networks())
    strong = compiled(SGD(0.1), SGD(0.1), dense_networks(kernel_regularizer=keras.regularizers.L2(0.5)))
    kernels = [[kernel for kernel in weights(gan) if kernel.shape in ((6, 64), (64, 6))] for gan in (plain, strong)]
    start = [kernel.copy() for kernel in kernels[0]]
    for gan in (plain, strong):
        fit(gan, IMAGES[:4])
    for (old, free), held in zip(
        zip(start, [k for k in weights(plain) if k.shape in ((6, 64), (64, 6))], strict=True),
        [k for k in weights(strong) if k.shape in ((6, 64), (64, 6))],
        strict=True,
    ):
        # The generator's step comes after D's, which differs: its own term is exact, the game's changes a little.
        np.testing.assert_allclose(free - held, 0.1 * old, atol=0.02)


@pytest.mark.parametrize("penalties", [{}, {"r1": 0.1}, {"r1": 0.1, "r2": 0.1}, {"wgan_gp": 0.1}])
def test_a_regularizer_counts_once_whatever_is_penalized(penalties):
    pair = dense_networks(kernel_regularizer=keras.regularizers.L2(0.5))
    gan = compiled(SGD(0.1), SGD(0.1), pair, penalties=penalties)
    real, fake = tf.constant(IMAGES[:4]), tf.constant(IMAGES[4:8])
    kernel = next(kernel for kernel in gan.discriminator.get_weights() if kernel.shape == (64, 6))
    assert float(gan._differentiated(real, fake, None)[2]) == pytest.approx(0.5 * (kernel**2).sum(), rel=1e-5)


class Adding(layers.Layer):
    def call(self, x):
        self.add_loss(keras.ops.mean(keras.ops.square(x)))
        return x


def test_activity_regularizers_and_add_loss_are_taken():
    for network in (
        dense_networks(activity_regularizer=keras.regularizers.L2(10.0)),
        [keras.Sequential([model, Adding()]) for model in dense_networks()],
    ):
        plain, other = compiled(networks=dense_networks()), compiled(networks=tuple(network))
        for gan in (plain, other):
            fit(gan, IMAGES[:4])
        half = len(plain.generator.get_weights())
        for part in (slice(None, half), slice(half, None)):
            assert differ(weights(plain)[part], weights(other)[part]) > 1e-5


# sample weights -------------------------------------------------------------------------------------------------------


def logit_line(w, c):
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    model.set_weights([np.array([[w]]), np.array([c])])
    return model


def test_sample_weights_multiply_the_terms_of_real_images():
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    gan = GAN(logit_line(0.0, 0.5), logit_line(1.0, 0.0))  # every fake is 0.5
    gan.compile(SGD(0.0), SGD(1.0), loss="non_saturating")
    real, sample_weight = np.array([[1.0], [-2.0]]), np.array([3.0, 0.5])
    gan.train_step((tf.constant(real, "float32"), tf.zeros(2), tf.constant(sample_weight, "float32")))
    by_w = np.mean(sample_weight[:, None] * -sigmoid(-real) * real) + sigmoid(0.5) * 0.5
    by_c = np.mean(sample_weight[:, None] * -sigmoid(-real)) + sigmoid(0.5)
    kernel, bias = gan.discriminator.get_weights()
    assert (kernel.item(), bias.item()) == pytest.approx((1 - by_w, -by_c), abs=1e-6)


@pytest.mark.parametrize(
    "loss",
    [
        "relativistic",
        *(pytest.param(loss, marks=LONG) for loss in ("minimax", "least_squares", "hinge", "wasserstein")),
    ],
)
def test_weights_of_one_change_nothing_and_those_of_zero_take_images_away(loss):
    ones, none, zero = (compiled(loss=loss, penalties={}, discriminator_steps=2) for _ in range(3))
    sample_weight = np.ones(12)
    fit(none)
    fit(ones, sample_weight=sample_weight)
    assert_same(weights(ones), weights(none), atol=1e-7)
    sample_weight[3] = 0
    changed = IMAGES.copy()
    changed[3] = 0.9
    fit(zero, IMAGES, sample_weight=sample_weight)
    other = compiled(loss=loss, penalties={}, discriminator_steps=2)
    fit(other, changed, sample_weight=sample_weight)
    assert_same(weights(other), weights(zero), atol=1e-6)  # whatever is there
    assert differ(weights(zero), weights(none)) > 1e-5


def test_class_weights_and_third_elements_are_sample_weights():
    labels = np.arange(12) % 2
    by_class, by_image, by_dataset = compiled(), compiled(), compiled()
    fit(by_class, IMAGES, labels, class_weight={0: 0.5, 1: 2.0})
    fit(by_image, IMAGES, labels, sample_weight=np.where(labels, 2.0, 0.5))
    triples = tf.data.Dataset.from_tensor_slices((IMAGES, labels, np.where(labels, 2.0, 0.5))).batch(4)
    by_dataset.fit(triples, verbose=0)
    assert_same(weights(by_image), weights(by_class), atol=1e-7)
    assert_same(weights(by_dataset), weights(by_class), atol=1e-7)


def moved_classes(*data, **options):
    """Which rows of D's embedding a training step moves: the classes that D was given."""
    gan = compiled(num_classes=3, penalties={})
    embedding = gan.discriminator.get_layer("d_class").embeddings
    before = embedding.numpy()
    fit(gan, *data, batch_size=12, **options)
    return np.abs(embedding.numpy() - before).max(axis=1) > 1e-7


@pytest.mark.parametrize("weighted", [{"sample_weight": np.ones(12)}, {"class_weight": {0: 1.0, 1: 0.0, 2: 1.0}}])
def test_weights_keep_the_labels_of_a_dictionary(weighted):
    data = {"image": IMAGES, "label": np.arange(12) % 3}
    assert moved_classes(data).tolist() == moved_classes(data, **weighted).tolist() == [True] * 3
    half = np.repeat([0, 2], 6)
    assert moved_classes({"image": IMAGES, "label": half}, **weighted).tolist() == [True, False, True]


def test_weights_do_not_stand_in_for_labels_that_are_missing():
    for call in (
        lambda: moved_classes(IMAGES, sample_weight=np.ones(12)),
        lambda: compiled(num_classes=3).evaluate(IMAGES, sample_weight=np.ones(12), verbose=0),
        lambda: compiled(num_classes=3).train_on_batch(IMAGES, sample_weight=np.ones(12)),
        lambda: fit(compiled(num_classes=3), IMAGES, np.zeros(12, int), validation_data=(IMAGES, None, np.ones(12))),
    ):
        with pytest.raises(InputError, match="images without labels for num_classes=3"):
            call()


def test_class_weights_need_labels():
    dictionary = {"image": IMAGES}
    for data in (
        IMAGES,
        dictionary,
        tf.data.Dataset.from_tensor_slices(IMAGES).batch(4),
        tf.data.Dataset.from_tensor_slices({"image": IMAGES, "label": np.arange(12)}).batch(4),
    ):
        with pytest.raises(InputError, match="class_weight without labels"):
            compiled().fit(data, class_weight={0: 1.0}, verbose=0)
    named = GAN(*attribute_networks(), attributes={"round": 0.5})
    named.compile(SGD(0.0), SGD(0.0), loss="hinge", run_eagerly=True)
    with pytest.raises(InputError, match="class_weight for attributes"):
        named.fit(IMAGES, np.ones((12, 1)), class_weight={0: 1.0}, verbose=0)


def attribute_networks():
    image, attributes = keras.Input((8, 8, 1)), keras.Input((1,))
    logit = layers.Dense(1)(layers.Concatenate()([layers.Flatten()(image), attributes]))
    return dense_networks()[0], keras.Model([image, attributes], logit)


def test_weights_of_validation_data_count_without_labels():
    gan = compiled(SGD(0.0), SGD(0.0), loss="hinge", penalties={})
    logs = [fit(gan, validation_data=(IMAGES, None, weight)).history for weight in (np.ones(12), np.full(12, 5.0))]
    real = np.maximum(0, 1 - gan.discriminator.predict(IMAGES, verbose=0)).mean()
    assert logs[1]["val_d_loss"][0] - logs[0]["val_d_loss"][0] == pytest.approx(4 * real, rel=1e-4)


def test_losses_that_take_no_weights_refuse_them():
    from keras_gan.losses import Loss

    own = Loss(lambda real, fake: keras.ops.mean(fake - real), lambda fake: -keras.ops.mean(fake))
    with pytest.raises(InputError, match="losses take no parameter sample_weight"):
        fit(compiled(loss=own, run_eagerly=True), sample_weight=np.ones(12))
    with pytest.raises(InputError, match=r"sample weights of shape .*; expected \(batch,\)"):
        compiled().train_step((tf.constant(IMAGES), tf.zeros(12), tf.ones((12, 3))))
