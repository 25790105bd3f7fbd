"""Reproducible weights without a change to the program's random state."""

import contextlib
import random
from collections.abc import Iterator


@contextlib.contextmanager
def keras_seed(seed: int | None = None) -> Iterator[None]:
    """Makes the layers that are built inside reproducible, and restores the random state afterwards.

    Keras draws the seed of every initializer, dropout layer and `SeedGenerator` that has none of its own from Python's
    `random` (keras.src.random.seed_generator.make_default_seed; checked with Keras 3.10.0 and 3.15.1). The states of
    numpy and TensorFlow, which `keras.utils.set_random_seed` would replace as well, take no part.

    Args:
        seed: of all that is drawn inside; None to leave it to chance.
    """
    state = random.getstate()
    try:
        random.seed(seed)
        yield
    finally:
        random.setstate(state)
