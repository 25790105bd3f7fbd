import io

import numpy as np
import pytest

from keras_gan import callbacks, data
from keras_gan._utils.errors import InputError
from keras_gan.callbacks import Checks, Doctor
from keras_gan.config import TrainConfig
from keras_gan.doctor import samples
from keras_gan.doctor.samples import RealData, features, measure, neighbours, spread
from keras_gan.runs import Run

# statistics, on numbers that can be checked by hand

CORNERS = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])  # distances 3, 4 and 5


def test_spread_is_the_mean_distance():
    assert spread(CORNERS) == pytest.approx(4.0)
    assert np.isnan(spread(CORNERS[:1]))


def test_neighbours_come_nearest_first_and_ignore_the_given_rows():
    distances, chosen = neighbours(np.array([[0.0, 1.0]]), CORNERS, 2)
    assert chosen.tolist() == [[0, 2]] and distances.tolist() == [[1.0, 3.0]]
    distances, chosen = neighbours(CORNERS, CORNERS, without=np.arange(3))
    assert chosen[:, 0].tolist() == [1, 0, 0] and distances[:, 0].tolist() == [3.0, 3.0, 4.0]


def test_near_neighbours_far_from_the_origin_keep_their_digits():
    rows = np.array([[100.0, 0.0], [100.0, 0.001], [0.0, 0.0]], "float32")
    distances, _ = neighbours(rows[:1], rows, without=np.array([0]))
    assert distances[0, 0] == pytest.approx(0.001, rel=1e-3)


def test_images_are_averaged_to_thirty_two_pixels_a_side_and_clipped():
    images = np.zeros((2, 64, 40, 3), "float32")
    images[0, :2, :2] = 1.0  # a block of two pixels a side
    images[1] = 7.0
    rows = features(images).reshape(2, 32, 20, 3)
    assert rows.dtype == "float32"
    assert rows[0, 0, 0].tolist() == [1.0, 1.0, 1.0] and rows[0].sum() == 3.0
    assert (rows[1] == 1.0).all()


def test_a_side_that_blocks_do_not_divide_keeps_the_mean_of_its_last_block():
    images = np.arange(33, dtype="float32").reshape(1, 33, 1, 1) / 33
    rows = features(images)[0]
    assert len(rows) == 17 and rows[0] == pytest.approx(0.5 / 33) and rows[-1] == pytest.approx(32 / 33)


@pytest.fixture(scope="module")
def digits():
    source = data.open_source("digits")
    images = source.fetch(np.random.default_rng(0).permutation(source.count)).astype("float32") / 127.5 - 1.0
    return features(images)


def test_unseen_real_images_are_diverse_and_neither_duplicates_nor_copies(digits):
    row = measure(digits[:64], RealData.of(digits[64:]))
    assert row["diversity"] == pytest.approx(1.0, abs=0.05)
    assert row["duplicates"] == 0.0 and row["memorised"] == 0.0 and np.isnan(row["movement"])


def test_training_images_as_samples_are_memorised(digits):
    real = RealData.of(digits)
    noise = np.random.default_rng(1).normal(0, 0.05, (64, digits.shape[1]))
    assert measure((digits[:64] + noise).astype("float32"), real)["memorised"] == 1.0


def test_half_of_the_samples_copied_is_half_memorised(digits):
    mixed = np.concatenate([digits[:32], digits[-32:]])
    assert measure(mixed, RealData.of(digits[:-32]))["memorised"] == 0.5


def test_one_sample_many_times_has_no_diversity_and_only_duplicates(digits):
    row = measure(np.repeat(digits[:1], 64, axis=0), RealData.of(digits[64:]))
    assert row["diversity"] == pytest.approx(0.0, abs=1e-3) and row["duplicates"] == 1.0


def test_movement_is_measured_in_spreads_of_the_real_data():
    real = RealData.of(CORNERS)
    before = np.zeros((2, 2))
    assert measure(before + [8.0, 0.0], real, before)["movement"] == pytest.approx(2.0)
    assert measure(before, real, before)["movement"] == 0.0


@pytest.mark.parametrize("name", ["gaussian", "ring"])
def test_what_is_near_by_chance_on_vectors_is_not_memorised(name):
    points = features(data.open_source(name).fetch(np.arange(3_000)))
    real = RealData.of(points[64:])
    assert real.expected > 0.15  # few dimensions: near copies are common
    assert measure(points[:64], real)["memorised"] < 0.1


@pytest.mark.parametrize("real", [CORNERS[:2], np.ones((5, 2))])
def test_real_data_that_are_too_few_or_equal_give_nan(real):
    row = measure(CORNERS, RealData.of(real), CORNERS)
    assert list(row) == list(samples.METRICS) and np.isnan(list(row.values())).all()


def test_samples_that_are_not_finite_give_nan():
    assert np.isnan(measure(np.full((3, 2), np.nan), RealData.of(CORNERS))["diversity"])


# the callbacks


@pytest.fixture
def tiny_gan(tiny_gan):
    """One whose steps need no tracing: callbacks see the same."""
    tiny_gan.compile("sgd", "sgd", loss="non_saturating", run_eagerly=True)
    return tiny_gan


@pytest.fixture
def images():
    return np.random.default_rng(0).uniform(-1, 1, (40, 8, 8, 1)).astype("float32")


@pytest.fixture
def run(tmp_path, images):
    config = TrainConfig("digits", "lean", steps=30, batch_size=4, latent_dim=4)
    return Run.create(tmp_path / "run", config, data.source.from_array("noise", images))


def test_checks_are_rows_of_the_run_and_continue_after_a_resume(tiny_gan, images, run):
    def fit():
        tiny_gan.fit(images, batch_size=4, verbose=0, callbacks=[Checks(images, 4, run=run)])

    fit()
    assert run.columns("checks")["step"].tolist() == [0, 4, 8]
    assert set(run.columns("checks")) == {"step", *samples.METRICS}
    run.rewind(4)
    assert run.columns("checks")["step"].tolist() == [0, 4]
    fit()
    columns = run.columns("checks")
    assert columns["step"].tolist() == [0, 4, 12, 16, 20]
    assert np.isnan(columns["movement"][0]) and (columns["movement"][1:] > 0).all()


def test_checks_do_not_change_what_is_trained(tiny_generator, tiny_discriminator, images):
    def trained(watching):
        from keras_gan import GAN

        gan = GAN(tiny_generator(), tiny_discriminator(), seed=3)
        gan.compile("sgd", "sgd", loss="non_saturating", run_eagerly=True)
        gan.fit(images, batch_size=4, shuffle=False, verbose=0, callbacks=watching)
        return gan.generate(2, seed=0)

    checks = Checks(images, 2)
    np.testing.assert_array_equal(trained([]), trained([checks, Doctor(2, checks)]))


def test_checks_of_an_array_and_of_a_source_agree(tiny_gan, images):
    grey = np.rint((images + 1.0) * 127.5).astype("uint8")
    sources = [grey / np.float32(127.5) - 1.0, data.source.from_array("noise", grey)]
    for real in sources:
        checks = Checks(real, 4)
        checks.set_model(tiny_gan)
        checks.on_train_begin()
        assert checks.columns()["step"].tolist() == [0]
        sources[sources.index(real) if isinstance(real, data.Source) else 0] = checks.columns()["diversity"][0]
    assert sources[0] == pytest.approx(sources[1], rel=1e-5)


@pytest.fixture(scope="module")
def shades():
    """A conditional GAN whose samples have the shade of their class, -0.9, -0.1 or 0.9, and a little of the latent."""
    import keras
    from keras import layers

    from keras_gan import GAN

    z, label = keras.Input((2,)), keras.Input((), dtype="int32")
    shade = layers.Embedding(3, 64)(label)
    noise = layers.Rescaling(0.01)(layers.Dense(64)(z))
    generator = keras.Model([z, label], layers.Reshape((8, 8, 1))(layers.Add()([shade, noise])))
    image, class_input = keras.Input((8, 8, 1)), keras.Input((), dtype="int32")
    merged = layers.Concatenate()([layers.Flatten()(image), layers.Embedding(3, 2)(class_input)])
    gan = GAN(generator, keras.Model([image, class_input], layers.Dense(1)(merged)), num_classes=3, seed=0)
    gan.compile()
    (table,) = (layer for layer in gan.ema_generator.layers if isinstance(layer, layers.Embedding))
    table.embeddings.assign(np.repeat([[-0.9], [-0.1], [0.9]], 64, axis=1))
    return gan


def checked(gan, real, labels=None):
    checks = Checks(real, labels=labels)
    checks.set_model(gan)
    checks.act(0)
    return checks.columns()


def test_classes_come_by_their_shares_in_the_data(shades):
    """With classes 45 : 5 : 0 a perfect generator is as diverse as the data, which all classes in turn are not."""
    labels = np.repeat([0, 1], [450, 50])
    real = np.array([-0.9, -0.1], "float32")[labels][:, None, None, None] * np.ones((1, 8, 8, 1), "float32")
    real = np.clip(real + np.random.default_rng(0).normal(0, 0.01, real.shape), -1, 1).astype("float32")
    row = checked(shades, real, labels)
    assert 0.4 < row["diversity"][0] < 1.7  # of 48 samples 1 to 10 are of the rare class
    in_turn = features(shades.compute(shades.inputs(48, 0, np.arange(48) % 3)))
    assert measure(in_turn, RealData.of(features(real)))["diversity"] > 4
    assert checked(shades, data.source.from_array("shades", real, labels))["diversity"] == row["diversity"]


def test_unknown_classes_are_drawn_uniformly_with_a_notice(shades):
    real = np.random.default_rng(0).uniform(-1, 1, (40, 8, 8, 1)).astype("float32")
    with pytest.warns(UserWarning, match="real data has no labels.* drawn uniformly from 3"):
        checked(shades, real)


def test_a_run_of_an_earlier_version_is_resumed_without_the_samples_of_its_last_check():
    large = np.zeros((5, 28, 28, 1), "float32") + np.linspace(-0.9, 0.9, 5)[:, None, None, None].astype("float32")
    checks = Checks(large)
    checks.restore({"checked_samples": np.zeros((48, 14 * 14), "float32")})  # images averaged to 14 pixels
    assert checks.before is None
    checks.restore({"checked_samples": np.zeros((48, 28 * 28), "float32")})
    assert checks.before.shape == (48, 28 * 28)
    with pytest.raises(InputError, match="checked_samples is of shape"):
        checks.restore({"checked_samples": np.zeros((48, 15 * 15), "float32")})


LONG = pytest.mark.long


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Overflow(callbacks.Every):
    """Makes the first weights of the discriminator infinite, once."""

    def act(self, step, logs=None):
        weights = self.model.discriminator.trainable_variables[0]
        weights.assign(weights * float("inf"))


@pytest.mark.parametrize("stream, start", [(Terminal(), "\r\033[K"), pytest.param(io.StringIO(), "", marks=LONG)])
def test_the_doctor_prints_one_line_without_a_run_folder(tiny_gan, images, stream, start):
    tiny_gan.fit(images, batch_size=4, epochs=3, verbose=0, callbacks=[Overflow(12), Doctor(2, stream=stream)])
    text = stream.getvalue()
    assert text.startswith(f"{start}doctor: step 14: divergence. ")
    assert text.count("\n") == 1 and text.endswith("\n") and len(text) < 80 + len(start)


def test_one_step_that_is_not_finite_is_over_at_the_next_row(tiny_gan, images):
    images = np.concatenate([images] * 3)
    images[20:24] = np.nan  # batch 5 of 30, in one epoch
    doctor = Doctor(2, stream=io.StringIO())
    tiny_gan.fit(images, batch_size=4, shuffle=False, verbose=0, callbacks=[doctor])
    finite = [np.isfinite(row["d_loss"]) for row in doctor.table]
    assert finite == [row != 2 for row in range(15)]  # the row of steps 5 and 6
    assert [verdict.name for verdict in doctor.verdicts()] != ["divergence"]


@pytest.mark.parametrize(
    "real, labels, message",
    [
        (np.zeros((8, 8, 8, 1), "int64"), None, "has dtype int64"),
        ("a dataset", None, "Checks received str as real data"),
        (np.linspace(-1, 1, 8 * 256, dtype="float32").reshape(8, 16, 16, 1), None, r"\(16, 16, 1\) for a GAN of"),
    ],
)
def test_data_that_checks_cannot_use_are_refused(tiny_gan, images, real, labels, message):
    with pytest.raises(InputError, match=message):
        tiny_gan.fit(images, batch_size=4, verbose=0, callbacks=[Checks(real, labels=labels)])
    assert Checks(images, labels=[0, 1] * 20).source.num_classes == 2


def test_the_doctor_is_silent_before_there_is_evidence(tiny_gan, images):
    stream = io.StringIO()
    doctor = Doctor(2, stream=stream)
    tiny_gan.fit(images, batch_size=4, verbose=0, callbacks=[doctor])
    assert stream.getvalue() == "" and [verdict.name for verdict in doctor.verdicts()] == ["too early to tell"]


def test_the_doctor_uses_the_means_since_its_last_row_and_not_those_of_the_epoch(tiny_gan, images):
    seen = []

    class Steps(callbacks.Every):
        def act(self, step, logs=None):
            seen.append(float(self.model.trackers[0].total) / 4)  # each batch counts as many times as it has images

    doctor = Doctor(2)
    tiny_gan.fit(images[:24], batch_size=4, epochs=2, verbose=0, callbacks=[Steps(1), doctor])
    sums = np.array(seen).reshape(2, 6)  # of d_loss, from the start of each epoch
    singles = np.diff(sums, prepend=0.0)
    expected = singles.reshape(6, 2).mean(axis=1)
    np.testing.assert_allclose([row["d_loss"] for row in doctor.table], expected, rtol=1e-4)


def test_epochs_shorter_than_the_doctors_steps_do_not_mix_their_means(tiny_gan, images):
    doctor = Doctor(4)
    tiny_gan.fit(images[:12], batch_size=4, epochs=4, verbose=0, callbacks=[doctor])  # epochs of three steps
    rows = doctor.table
    assert [row["step"] for row in rows] == [4, 8, 12]
    assert all(0.0 <= row["d_accuracy"] <= 1.0 and 0.1 < row["d_loss"] < 10.0 for row in rows)
