"""Reproducible initial weights without side effects on the program's random state."""

import contextlib
import random
from collections.abc import Iterator
from contextvars import ContextVar

from keras_gan._utils import compat

_generator: ContextVar[random.Random | None] = ContextVar("generator of Keras's seeds", default=None)


@contextlib.contextmanager
def keras_seed(seed: int | None = None) -> Iterator[None]:
    """Makes the layers that are built inside reproducible, whatever the rest of the program draws.

    Keras draws the seed of every initializer, dropout layer and `SeedGenerator` without a seed of its own from Python's
    `random`, which all threads share. Inside the block it draws from a generator of this thread.

    Args:
        seed: seed of everything that Keras draws inside the block; None for a fresh one.
    """
    compat.draw_keras_seeds_by(_draw)
    token = _generator.set(random.Random(seed))
    try:
        yield
    finally:
        _generator.reset(token)


def _draw(low, high):
    return (_generator.get() or random).randint(low, high)
