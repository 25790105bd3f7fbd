"""Reproducible initial weights without side effects on the program's random state."""

import contextlib
import random
from collections.abc import Iterator


@contextlib.contextmanager
def keras_seed(seed: int | None = None) -> Iterator[None]:
    """Makes the layers that are built inside reproducible, and restores the random state afterwards.

    Keras draws the seed of every initializer, dropout layer and `SeedGenerator` without a seed of its own from Python's
    `random` (keras.src.random.seed_generator.make_default_seed; checked with Keras 3.15). It does not use the states of
    numpy and TensorFlow, which `keras.utils.set_random_seed` would replace as well.

    Args:
        seed: seed of everything drawn inside the block; None for a fresh one.
    """
    state = random.getstate()
    try:
        random.seed(seed)
        yield
    finally:
        random.setstate(state)
