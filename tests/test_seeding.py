"""Seeds decide the weights, and nothing that the program draws elsewhere."""

import random
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan import networks, training
from keras_gan._utils.seeding import keras_seed
from keras_gan.config import TrainConfig


def draws():
    """A number from each global random state."""
    return random.random(), np.random.random(), float(tf.random.uniform(())), float(keras.random.uniform(()))


def build(preset, seed=5, **settings):
    config = TrainConfig("digits", preset, batch_size=4, augment=True, conditional=True, seed=seed, **settings)
    return training.build(config, (8, 8, 1), 100, num_classes=3)


@pytest.fixture(scope="module")
def keras_file(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "gan.keras"
    trained.gan.save(path)
    return path


ACTIONS = {
    "build": lambda request: build("lean"),
    "build with dropout": lambda request: build("goodfellow2014"),
    "build with spectral normalisation": lambda request: build("sngan"),
    "load a run": lambda request: training.load(request.getfixturevalue("trained").run_dir),
    "load a file": lambda request: training.load_file(request.getfixturevalue("keras_file")),
    "a generator with a seed": lambda request: networks.generator((8, 8, 1), seed=3),
    "a discriminator with a seed": lambda request: networks.discriminator((8, 8, 1), "sngan", seed=3),
}


QUICK = {("build", True), ("load a run", True), ("load a file", False), ("a discriminator with a seed", True)}


@pytest.mark.parametrize(
    "name, warm",
    [
        pytest.param(name, warm, marks=() if (name, warm) in QUICK else pytest.mark.long)
        for name in ACTIONS
        for warm in (False, True)
    ],
)
def test_global_random_states_stay_as_they_are(request, trained, name, warm):
    def drawn(action):
        keras.utils.clear_session()  # since Keras 3.10's `set_random_seed` keeps the state of `keras.random`
        keras.utils.set_random_seed(11)
        before = draws() if warm else ()
        action(request)
        return (*before, *draws(), *draws())

    assert drawn(ACTIONS[name]) == drawn(lambda request: None)


def values(gan):
    """Weights, and the states of noise that Keras does not count among them."""
    return [variable.numpy() for variable in gan.variables]


@pytest.mark.parametrize(
    "preset", ["lean", *(pytest.param(name, marks=pytest.mark.long) for name in ("goodfellow2014", "sngan"))]
)
def test_weights_and_noise_of_layers_follow_from_the_seed_alone(preset):
    keras.utils.set_random_seed(1)
    first = values(build(preset))
    keras.utils.set_random_seed(2)
    again, other = values(build(preset)), values(build(preset, seed=6))
    assert all(map(np.array_equal, first, again))
    assert any(weight.dtype.kind == "i" or weight.dtype.kind == "u" for weight in first)  # states of noise
    random_weights = [not np.array_equal(a, b) for a, b in zip(first, other, strict=True) if np.ptp(a) > 0]
    assert len(random_weights) > 5 and all(random_weights)


def test_networks_of_a_seed_are_the_same_and_without_one_are_not():
    generators = [networks.generator((8, 8, 1), 4, "lean", seed=seed) for seed in (3, 3, 4, None, None)]
    kernels = [model.get_weights()[0] for model in generators]
    assert np.array_equal(kernels[0], kernels[1])
    assert not any(np.array_equal(kernels[0], kernel) for kernel in kernels[2:])
    assert not np.array_equal(kernels[3], kernels[4])


def kernels(between):
    """The initial weights of two layers; `between` is called after the first."""
    made = [keras.layers.Dense(3) for _ in range(2)]
    for layer, action in zip(made, (between, lambda: None), strict=True):
        layer.build((None, 3))
        action()
    return [layer.kernel.numpy() for layer in made]


def seeded(between):
    with keras_seed(4):
        return kernels(between)


def in_a_thread(action):
    thread = threading.Thread(target=action)
    thread.start()
    thread.join()


@pytest.mark.parametrize(
    "between",
    [
        random.random,
        lambda: in_a_thread(random.random),
        lambda: in_a_thread(lambda: kernels(random.random)),
        lambda: in_a_thread(lambda: seeded(random.random)),
        lambda: seeded(random.random),
    ],
    ids=["the same thread", "another thread", "layers of another thread", "seeded layers of another thread", "nested"],
)
def test_weights_of_a_seed_are_the_same_whatever_else_is_drawn_meanwhile(between):
    for mine, alone in zip(seeded(between), seeded(lambda: None), strict=True):
        np.testing.assert_array_equal(mine, alone)


def test_after_the_block_and_after_an_error_in_it_keras_draws_as_before():
    with pytest.raises(ZeroDivisionError), keras_seed(4):
        _ = 1 / 0
    random.seed(4)
    after, state = kernels(lambda: None), random.getstate()
    random.seed(4)
    for mine, expected in zip(after, seeded(lambda: None), strict=True):
        np.testing.assert_array_equal(mine, expected)  # the same numbers follow from the same seed
    assert random.getstate() != state  # which moved with `after` and not with `seeded`
