"""Reproducible initial weights without side effects on the program's random state."""

import contextlib
import random
from collections.abc import Iterator


@contextlib.contextmanager
def keras_seed(seed: int | None = None) -> Iterator[None]:
    """Makes the layers that are built inside reproducible, and restores the random state afterwards.

    Keras draws the seed of every initializer, dropout layer and `SeedGenerator` without a seed of its own from Python's
    `random` (keras.src.random.seed_generator.make_default_seed; checked with Keras 3.10.0 and 3.15.1). It does not
    use the states of numpy and TensorFlow, which `keras.utils.set_random_seed` would replace as well. Python's `random`
    is shared by all threads: the weights differ where another one draws from it at the same time.

    Args:
        seed: seed of everything drawn inside the block; None for a fresh one.
    """
    state = random.getstate()
    try:
        random.seed(seed)
        yield
    finally:
        random.setstate(state)
