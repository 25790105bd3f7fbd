"""Sliders, which move latents along the direction of an attribute. numpy only, as everything that exports need."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from keras_gan._utils.errors import InputError
from keras_gan.sampling import latents

KINDS = {
    "measured": "measured from pixels",
    "class": "of a class",
    "attribute": "of the data set",
    "factor": "of the generator's first layer",
}
CLASS = "class"  # name of the lock that preserves the class
LONGEST_NAME, MOST_SLIDERS = 60, 1000
LARGEST_LIMIT = 100.0
LARGEST_NUMBER = 1000.0  # in a vector; larger ones would move z far outside its distribution
ROUNDING = 1e-6  # tolerance of amounts, relative to the limit
DIGITS = 5  # of a vector's numbers in a file, more than 256 levels can show


@dataclass(frozen=True)
class Slider:
    """One attribute and the direction that moves it."""

    name: str
    kind: str  # in KINDS
    vector: np.ndarray  # float32 (latent_dim,): added to z for each standard deviation of the attribute
    limit: float  # a slider goes from -limit to limit

    def check(self, amount: float) -> float:
        """Returns `amount`. Raises InputError where it is not a number from -limit to limit."""
        if not (isinstance(amount, int | float | np.floating) and abs(amount) <= self.limit * (1 + ROUNDING)):
            raise InputError(
                f"{self.name} by {amount!r:.40}; expected a number of standard deviations from {-self.limit:g} to "
                f"{self.limit:g}, the range of this slider. Use an amount in that range."
            )
        return amount

    def to_json(self) -> dict:
        """The slider as JSON types."""
        vector = [float(f"{value:.{DIGITS}g}") for value in self.vector]
        return {"name": self.name, "kind": self.kind, "vector": vector, "limit": self.limit}


@dataclass(frozen=True)
class Directions:
    """The sliders of a generator.

    Args:
        latent: distribution of z.
        sliders: the sliders, in order.

    Example:
        >>> import numpy as np
        >>> tilt = Slider("tilt", "measured", np.array([0.0, 2.0], "float32"), 1.5)
        >>> Directions("normal", (tilt,)).move(np.zeros((1, 2), "float32"), tilt=0.5)
        array([[0., 1.]], dtype=float32)
    """

    latent: str  # the distribution of z
    sliders: tuple[Slider, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all sliders, in order."""
        return tuple(slider.name for slider in self.sliders)

    def __getitem__(self, name: str) -> Slider:
        """The slider with a name. Raises InputError where there is none."""
        for slider in self.sliders:
            if slider.name == name:
                return slider
        raise InputError(
            f"no slider {name!r:.70}; expected {', '.join(self.names) or 'none: this generator has no directions'}"
            + (". Use one of them." if self.sliders else ". Run kgan directions RUN, then export again.")
        )

    def move(self, z: np.ndarray, /, **amounts: float) -> np.ndarray:
        """Moves latents so that their pictures have more or less of some attributes.

        Args:
            z: float32 (n, latent_dim).
            amounts: amount for each named slider, in standard deviations of the attribute over the generator's
                samples, within the slider's range.

        Returns:
            float32 (n, latent_dim); uniform z are clipped to [-1, 1].

        Raises:
            InputError: for an unknown slider, or an amount outside its range, where pictures break down or change
                their class.
        """
        moved = z + sum((self[name].vector * self[name].check(amount) for name, amount in amounts.items()), 0.0)
        return (np.clip(moved, -1, 1) if self.latent == "uniform" else moved).astype("float32")

    def mover(self, amounts: dict[str, float]) -> Callable[[np.ndarray], np.ndarray]:
        """A function that moves latents by these amounts. Raises InputError immediately, as `move` does."""
        for name, amount in amounts.items():
            self[name].check(amount)
        return lambda z: self.move(z, **amounts)

    def sweep(self, name: str, frames: int, amounts: dict[str, float]) -> list[Callable[[np.ndarray], np.ndarray]]:
        """Functions that move latents along the whole range of one slider, and along others by `amounts`.

        Args:
            name: the slider that goes from -limit to limit.
            frames: number of functions.
            amounts: constant amounts of other sliders, by name.

        Raises:
            InputError: immediately, as `move` does.
        """
        limit = self[name].limit
        return [self.mover({**amounts, name: float(amount)}) for amount in np.linspace(-limit, limit, frames)]

    def to_json(self) -> list[dict]:
        """The sliders as JSON types."""
        return [slider.to_json() for slider in self.sliders]


def from_json(described: object, latent: str, latent_dim: int) -> Directions:
    """The sliders that a file describes.

    Args:
        described: a list as `Directions.to_json` returns it, or None for no sliders.
        latent: distribution of z.
        latent_dim: dimension of z.

    Raises:
        InputError: for anything else.
    """
    if described is None:
        return Directions(latent, ())
    if not (isinstance(described, list) and len(described) <= MOST_SLIDERS):
        raise InputError(f"an export has directions {described!r:.40}; expected a list of sliders. Export again.")
    sliders = tuple(_slider(entry, latent_dim) for entry in described)
    if len({slider.name for slider in sliders}) < len(sliders):
        raise InputError("an export has two directions of one name; expected different names. Export again.")
    return Directions(latents.check_distribution(latent), sliders)


def _slider(entry, latent_dim):
    known = entry if isinstance(entry, dict) else {}
    name, kind, vector, limit = (known.get(key) for key in ("name", "kind", "vector", "limit"))
    if not (check_name(name) and kind in KINDS and _is_vector(vector, latent_dim) and _is_limit(limit)):
        raise InputError(
            f"an export has a direction {name!r:.40} that cannot be used; expected a name, a kind, a limit and "
            f"{latent_dim} finite numbers. Export again."
        )
    return Slider(name, kind, np.array(vector, "float32"), float(limit))


def check_name(name: object) -> bool:
    """Whether `name` can be a slider's name: printable, not too long, without "=" or a space at either end."""
    return isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name.isprintable() and name == name.strip(" =")


def _is_vector(vector, latent_dim):
    return (
        isinstance(vector, list)
        and len(vector) == latent_dim
        and all(type(value) in (int, float) and abs(value) <= LARGEST_NUMBER for value in vector)  # excludes NaN
    )


def _is_limit(limit):
    return type(limit) in (int, float) and math.isfinite(limit) and 0 < limit <= LARGEST_LIMIT
