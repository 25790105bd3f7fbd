"""Data for `fit` in the forms that Keras accepts, and errors for wrong data at the first batch."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan import GAN, InputError
from keras_gan.losses import Loss

SHAPE = (8, 8, 1)


def images(count=12, shape=SHAPE):
    return np.random.default_rng(0).uniform(-1, 1, (count, *shape)).astype("float32")


LONG = pytest.mark.long
GRAPH = {"run_eagerly": False}  # what users have; a step is traced for seconds, so most of these tests do without
LIGHT = {"generator_optimizer": "sgd", "discriminator_optimizer": "sgd", "loss": "hinge"}  # few operations a step


@pytest.fixture
def gan(tiny_generator, tiny_discriminator):
    def build(recipe=LIGHT, **options):
        gan = GAN(tiny_generator(), tiny_discriminator(), seed=3)
        gan.compile(**{"jit_compile": False, "run_eagerly": True} | recipe | options)
        return gan

    return build


@pytest.fixture
def conditional():
    layers = keras.layers
    z, image, label = keras.Input((4,)), keras.Input(SHAPE), keras.Input((), dtype="int32")
    x = layers.Dense(64, "tanh")(layers.Concatenate()([z, layers.Embedding(3, 2)(label)]))
    y = layers.Dense(1)(layers.Concatenate()([layers.Flatten()(image), layers.Embedding(3, 2)(label)]))
    gan = GAN(keras.Model([z, label], layers.Reshape(SHAPE)(x)), keras.Model([image, label], y), num_classes=3, seed=3)
    gan.compile("sgd", "sgd", loss="hinge", jit_compile=False, run_eagerly=True)
    return gan


def refusal(call):
    with pytest.raises(InputError) as error:
        call()
    return str(error.value)


def weights(gan):
    return [*gan.generator.get_weights(), *gan.discriminator.get_weights()]


# batches of unusual sizes ---------------------------------------------------------------------------------------------


def test_a_last_batch_of_one_image_is_trained_on(gan):
    game = gan({}, **GRAPH)  # γ of the default recipe follows from the batch
    log = game.fit(images(9), batch_size=4, epochs=2, verbose=0).history
    assert np.isfinite(log["penalty"]).all() and np.min(log["penalty"]) > 0
    assert int(game.skipped_steps.numpy()) == 0 and game.step == 6


def test_a_single_image_has_the_automatic_weight_of_the_batch_before(gan):
    game = gan({})
    batch = tf.constant(images())
    expected = float(game._automatic_weight(batch))
    assert expected > 0
    assert float(game._automatic_weight(batch[:1])) == expected
    assert float(game._automatic_weight(batch + np.nan)) == expected


@pytest.mark.parametrize("dataset", [False, pytest.param(True, marks=LONG)])
def test_batches_that_are_all_single_images_raise(gan, dataset):
    data = tf.data.Dataset.from_tensor_slices(images(4)).batch(1) if dataset else images(4)
    message = refusal(lambda: gan({}).fit(data, batch_size=None if dataset else 1, verbose=0))
    assert "1 image for each discriminator step; expected at least 2" in message
    game = gan({}, penalties={"r1": 1.0})
    game.fit(data, batch_size=None if dataset else 1, verbose=0)
    assert game.step == 4


@pytest.mark.parametrize(
    "k, rows, options",
    [(5, 2, {}), (3, 1, {}), (4, 4, {}), *(pytest.param(*kr, GRAPH, marks=LONG) for kr in ((5, 2), (3, 1)))],
)
def test_a_last_batch_smaller_than_k_is_trained_on(gan, k, rows, options):
    game = gan(discriminator_steps=k, **options)
    log = game.fit(images(10 + rows), batch_size=10, verbose=0).history
    assert game.step == 2 and np.isfinite([value[0] for value in log.values()]).all()


def test_first_batches_smaller_than_k_raise(gan):
    data = tf.data.Dataset.from_tensor_slices(images()).batch(2)
    message = refusal(lambda: gan(discriminator_steps=3).fit(data, verbose=0))
    assert "a batch of 2 for discriminator_steps=3; expected at least one image for each step" in message


@pytest.fixture
def trained_by_two(tiny_generator, tiny_discriminator, two_replicas):
    def trained(count, batch_size):
        with two_replicas.scope():
            game = GAN(tiny_generator(), tiny_discriminator(), seed=3)
            game.compile("sgd", "sgd", loss="hinge", penalties={}, jit_compile=False)
        log = game.fit(images(count), batch_size=batch_size, shuffle=False, verbose=0).history
        return game, log

    return trained


@pytest.mark.long
def test_unequal_shares_of_replicas_are_left_out(trained_by_two):
    (one_less, log), (odd, other_log) = trained_by_two(8, 4), trained_by_two(9, 4)  # the last batch: 1 image and none
    assert log == other_log and int(odd.skipped_steps.numpy()) == 0
    for mine, others in zip(weights(one_less), weights(odd), strict=True):
        np.testing.assert_array_equal(mine, others)


@pytest.mark.parametrize("replicas", [1, pytest.param(2, marks=pytest.mark.long)])
def test_evaluate_weighs_batches_and_replicas_by_their_images(tiny_discriminator, two_replicas, replicas):
    with two_replicas.scope() if replicas == 2 else contextlib.nullcontext():
        black = keras.Sequential([keras.Input((4,)), keras.layers.Dense(64), keras.layers.Reshape(SHAPE)])
        black.set_weights([np.zeros_like(value) for value in black.get_weights()])
        game = GAN(black, tiny_discriminator())
        game.compile("sgd", "sgd", loss="hinge", jit_compile=False)
    data = np.linspace(-1, 1, 9, dtype="float32")[:, None, None, None] * images(9)
    logits = game.discriminator(np.concatenate([data, np.zeros((1, *SHAPE), "float32")])).numpy()[:, 0]
    log = game.evaluate(data, batch_size=4, verbose=0, return_dict=True)  # batches of 4, 4 and 1 images
    assert log["logit_gap"] == pytest.approx(logits[:9].mean() - logits[9], abs=1e-5)


def test_unequal_shares_of_replicas_alone_are_refused(trained_by_two):
    assert "replicas cannot share evenly" in refusal(lambda: trained_by_two(9, 3))


# forms ----------------------------------------------------------------------------------------------------------------


def test_dictionaries_of_tensorflow_datasets(gan, conditional):
    columns = {"image": images(), "label": np.arange(12) % 3, "id": np.arange(12)}
    game, plain = gan(), gan()
    game.fit(tf.data.Dataset.from_tensor_slices(columns).batch(4), verbose=0)
    plain.fit(tf.data.Dataset.from_tensor_slices(images()).batch(4), verbose=0)
    for mine, others in zip(weights(game), weights(plain), strict=True):
        np.testing.assert_array_equal(mine, others)
    conditional.fit(tf.data.Dataset.from_tensor_slices(columns).batch(4), verbose=0)
    assert conditional.step == 3
    other = {"pixels": images(), "more": np.arange(12)}
    message = refusal(lambda: game.fit(tf.data.Dataset.from_tensor_slices(other).batch(4), verbose=0))
    assert "dictionary with" in message and "pixels" in message and "expected the key image" in message


def encoded(shape):
    return [tf.io.encode_png(np.random.default_rng(i).integers(0, 256, shape).astype("uint8")) for i in range(8)]


def decoded(contents, channels):
    def read(content):
        pixels = tf.io.decode_png(content, channels)  # of unknown height and width
        return tf.cast(pixels, "float32") / 127.5 - 1.0

    return tf.data.Dataset.from_tensor_slices(contents).map(read)


def test_images_of_unknown_size_are_taken_where_they_fit(gan):
    data = decoded(encoded(SHAPE), 1)
    assert data.element_spec.shape.as_list() == [None, None, 1]
    game = gan(**GRAPH)
    game.fit(data.batch(4), verbose=0)
    assert game.step == 2
    message = refusal(lambda: gan().fit(decoded(encoded((9, 8, 1)), 1).batch(4), verbose=0))
    assert "fit received data of shape (9, 8, 1); expected (8, 8, 1)" in message


def test_a_dataset_without_any_known_shape_is_taken(gan):
    def draw():
        yield from (images(4), images(4))

    data = tf.data.Dataset.from_generator(draw, output_signature=tf.TensorSpec(None, "float32"))
    data = data.apply(tf.data.experimental.assert_cardinality(2))
    game = gan(**GRAPH)
    game.fit(data, verbose=0)
    assert game.step == 2


@pytest.mark.parametrize("known", [True, False])
def test_unbatched_data_raise(gan, known):
    data = tf.data.Dataset.from_tensor_slices(images()) if known else decoded(encoded(SHAPE), 1)
    message = refusal(lambda: gan().fit(data, verbose=0))
    assert "which is one image; expected batches (batch, 8, 8, 1)" in message and "dataset.batch(32)" in message


class Sequence(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return images()[4 * index : 4 * index + 4]


def test_keras_datasets_generators_and_lists(gan):
    for data in (Sequence(), ((images(4),) for _ in range(4)), [images()]):
        game = gan()
        game.fit(data, batch_size=4 if isinstance(data, list) else None, steps_per_epoch=3, verbose=0)
        assert game.step == 3


def test_datasets_keep_their_order_and_arrays_are_shuffled(gan, recwarn):
    seen = {}
    for name, data in (("dataset", tf.data.Dataset.from_tensor_slices(images()).batch(4)), ("array", images())):
        batches = []
        game = gan(run_eagerly=True)
        inner = game._minibatches

        def watched(batch, steps=None, inner=inner, batches=batches):
            batches.append(batch[0] if isinstance(batch, tuple) else batch)
            return inner(batch, steps)

        game._minibatches = watched
        game.fit(data, batch_size=None if name == "dataset" else 4, verbose=0)
        seen[name] = np.concatenate([batch.numpy() for batch in batches])
    np.testing.assert_array_equal(seen["dataset"], images())
    assert not np.array_equal(seen["array"], images())
    np.testing.assert_array_equal(np.sort(seen["array"], axis=0), np.sort(images(), axis=0))
    assert not [warning for warning in recwarn if "shuffle" in str(warning.message)]


# values ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "as_dataset, options",
    [
        (False, {}),
        (True, {}),
        (False, GRAPH),
        pytest.param(True, GRAPH, marks=LONG),
        pytest.param(False, GRAPH | {"jit_compile": True}, marks=LONG),
        pytest.param(True, GRAPH | {"jit_compile": True}, marks=LONG),
    ],
)
def test_pixels_in_another_range_raise_at_the_first_batch(gan, as_dataset, options):
    for scaled, expected, remedy in (
        ((images(32) + 1) * 127.5, "pixels beyond [-2, 2]", "/ 127.5 - 1"),
        ((images(32) + 1) / 2, "without a pixel below 0", "x * 2 - 1"),
    ):
        game = gan(**options)
        data = tf.data.Dataset.from_tensor_slices(scaled).batch(16) if as_dataset else scaled
        message = refusal(lambda game=game, data=data: game.fit(data, batch_size=None if as_dataset else 16, verbose=0))
        assert expected in message and "expected floats in [-1, 1]" in message and remedy in message
        assert game.step == (0 if game.run_eagerly else 1)  # which a graph has counted by then


def test_pixels_far_outside_change_no_weight(gan):
    game = gan()
    before = weights(game)
    refusal(lambda: game.fit((images() + 1) * 127.5, batch_size=4, verbose=0))
    for mine, others in zip(weights(game), before, strict=True):
        np.testing.assert_array_equal(mine, others)


@pytest.mark.parametrize(
    "fine",
    [
        np.zeros((8, *SHAPE), "float32"),  # grey
        -np.ones((8, *SHAPE), "float32"),  # black
        1.2 * images(8),  # what interpolation overshoots
        images(8).astype("float64"),
        images(8).astype("float16"),
    ],
)
def test_ranges_that_are_fine(gan, fine):
    game = gan()
    game.fit(fine, batch_size=4, verbose=0)
    assert game.step == 2


def test_test_on_batch_is_evaluate_on_one_batch(gan):
    game = gan()
    assert game.test_on_batch(images()) == pytest.approx(game.evaluate(images(), batch_size=99, verbose=0), rel=1e-6)
    assert "pixels beyond [-2, 2]" in refusal(lambda: game.test_on_batch((images() + 1) * 127.5))


def test_vectors_may_have_any_range(tiny_generator, tiny_discriminator):
    game = GAN(tiny_generator((2,)), tiny_discriminator((2,)), seed=1)
    game.compile()
    game.fit(np.random.default_rng(0).normal(50, 10, (16, 2)), batch_size=8, verbose=0)
    assert game.step == 2


@pytest.mark.parametrize(
    "wrong, options",
    [
        *((wrong, {"jit_compile": False, "run_eagerly": True}) for wrong in (3, -1, 255)),
        (3, {"jit_compile": False}),
        *(pytest.param(wrong, {"jit_compile": True}, marks=LONG) for wrong in (3, -1, 255)),
    ],
)
def test_labels_that_are_not_classes_raise(conditional, wrong, options):
    conditional.compile("sgd", "sgd", loss="hinge", **options)
    labels = np.arange(12) % 3
    labels[[5, 7]] = wrong
    before = weights(conditional)
    message = refusal(lambda: conditional.fit(images(), labels, batch_size=12, verbose=0))
    assert "2 labels that are not classes; expected 0 to 2" in message and len(message.splitlines()) == 1
    for mine, others in zip(weights(conditional), before, strict=True):
        np.testing.assert_array_equal(mine, others)
    assert "not classes" in refusal(lambda: conditional.evaluate(images(), labels, verbose=0))
    assert "not classes" in refusal(lambda: conditional.train_on_batch(images(), labels))


def test_labels_that_are_wrong_later_raise_by_the_end_of_the_epoch(conditional):
    labels = np.arange(12) % 3
    labels[-1] = 9
    data = tf.data.Dataset.from_tensor_slices((images(), labels)).batch(4)
    conditional.compile("sgd", "sgd", loss="hinge", jit_compile=False)
    assert "1 labels that are not classes" in refusal(lambda: conditional.fit(data, epochs=2, verbose=0))
    assert conditional.step == 3


@pytest.mark.parametrize("form", [lambda y: y[:, None], lambda y: y.astype("uint8"), lambda y: y.astype("int64")])
def test_class_numbers_of_any_integer_type_and_as_columns(conditional, form):
    conditional.fit(images(), form(np.arange(12) % 3), batch_size=4, verbose=0)
    assert conditional.step == 3


@pytest.mark.parametrize("form", [lambda y: np.eye(3)[y], lambda y: y.astype("float32")])
def test_labels_that_are_not_class_numbers_raise(conditional, form):
    conditional.compile("sgd", "sgd", loss="hinge", jit_compile=False, run_eagerly=True)
    assert "expected integers of shape (batch,) from 0 to 2" in refusal(
        lambda: conditional.fit(images(), form(np.arange(12) % 3), batch_size=4, verbose=0)
    )


# evaluation and saving ------------------------------------------------------------------------------------------------


def test_validation_does_not_change_training(gan):
    alone, validated, evaluated = gan(), gan(), gan()
    options = {"batch_size": 4, "shuffle": False, "verbose": 0}
    alone.fit(images(), epochs=2, **options)
    log = validated.fit(images(), epochs=2, validation_data=(images(6),), **options).history
    for _ in range(2):
        evaluated.fit(images(), **options)
        evaluated.evaluate(images(6), verbose=0)
    assert len(log["val_d_loss"]) == 2
    for other in (validated, evaluated):
        for mine, others in zip(weights(alone), weights(other), strict=True):
            np.testing.assert_array_equal(mine, others)


def test_evaluate_gives_the_same_numbers_for_the_same_weights(gan):
    game = gan()
    first, second = (game.evaluate(images(), verbose=0, return_dict=True) for _ in range(2))
    assert first == second


def stochastic_networks():
    layers = keras.layers
    keras.utils.set_random_seed(1)
    generator = keras.Sequential([keras.Input((4,)), layers.Dense(64, "tanh"), layers.Reshape(SHAPE)])
    discriminator = keras.Sequential(
        [keras.Input(SHAPE), layers.Flatten(), layers.Dropout(0.5, seed=7), layers.Dense(1)]
    )
    return generator, discriminator


OTHER_FILES = (("save_weights", True), ("checkpoint", True), ("save", False))


@pytest.mark.parametrize(
    "kind, eagerly",
    [("save", True), *(pytest.param(*case, marks=LONG) for case in OTHER_FILES)],
)
def test_training_continues_from_a_file_as_if_it_had_not_stopped(tmp_path, kind, eagerly):
    def build():
        game = GAN(*stochastic_networks(), seed=3)
        game.compile("adam", "adam", loss="hinge", jit_compile=False, run_eagerly=eagerly)
        return game

    options = {"batch_size": 4, "shuffle": False, "verbose": 0}
    whole, first = build(), build()
    whole.fit(images(), epochs=2, **options)
    if kind == "checkpoint":
        first.fit(images(), callbacks=[keras.callbacks.ModelCheckpoint(tmp_path / "a.keras")], **options)
    else:
        first.fit(images(), **options)
        getattr(first, kind)(tmp_path / ("a.keras" if kind == "save" else "a.weights.h5"))
    if kind == "save_weights":
        again = build()
        again.load_weights(tmp_path / "a.weights.h5")
    else:
        again = keras.models.load_model(tmp_path / "a.keras")
    assert again.step == 3
    again.fit(images(), **options)
    for mine, others in zip(weights(again), weights(whole), strict=True):
        np.testing.assert_array_equal(mine, others)
    assert again.step == whole.step == 6


def test_steps_run_eagerly(gan):
    compiled, eager = gan({}, **GRAPH), gan({})
    assert eager.run_eagerly and not compiled.run_eagerly
    for game in (compiled, eager):
        game.fit(images(), batch_size=4, shuffle=False, verbose=0)
    for mine, others in zip(weights(compiled), weights(eager), strict=True):
        np.testing.assert_allclose(mine, others, atol=1e-5)


# losses ---------------------------------------------------------------------------------------------------------------


def test_binary_cross_entropy_of_keras_is_the_non_saturating_loss(gan):
    ours, theirs = (
        gan(loss=loss, penalties={}) for loss in ("non_saturating", keras.losses.BinaryCrossentropy(from_logits=True))
    )
    for game in (ours, theirs):
        game.fit(images(), batch_size=4, shuffle=False, verbose=0)
    for mine, others in zip(weights(ours), weights(theirs), strict=True):
        np.testing.assert_allclose(mine, others, atol=1e-6)


def test_a_keras_loss_is_saved_and_takes_sample_weights(gan, tmp_path):
    game = gan(loss=keras.losses.MeanSquaredError())
    game.fit(images(), batch_size=4, verbose=0, sample_weight=np.ones(12))
    game.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    assert isinstance(loaded.loss_pair, Loss)
    loaded.fit(images(), batch_size=4, verbose=0)
    assert loaded.step == 6


@pytest.mark.parametrize(
    "loss, expected",
    [
        (keras.losses.BinaryCrossentropy(), "expected from_logits=True"),
        (keras.losses.CategoricalCrossentropy(), "CategoricalCrossentropy"),
        (["hinge", "hinge"], "expected a name"),
        (lambda real, fake: real, "expected a name"),
        (keras.losses.binary_crossentropy, "binary_crossentropy"),
    ],
)
def test_other_losses_raise_in_one_line(gan, loss, expected):
    message = refusal(lambda: gan(loss=loss))
    assert expected in message and len(message.splitlines()) == 1


def test_a_critic_is_never_unbounded_by_default(gan):
    from keras_gan.config import TrainConfig
    from keras_gan.penalties import PENALTIES

    assert gan(loss="wasserstein").penalties == {PENALTIES["wgan_gp"]: 10.0}
    assert gan(loss="wasserstein", penalties={}).penalties == {}
    assert TrainConfig("digits", loss="wasserstein").penalties == {"wgan_gp": 10.0}
    for loss in ("hinge", "non_saturating", "minimax", "least_squares"):
        assert gan(loss=loss).penalties == {} == TrainConfig("digits", loss=loss).penalties
    assert set(TrainConfig("digits").penalties) == {"r1", "r2"}
