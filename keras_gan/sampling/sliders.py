"""Sliders: how far an attribute moves along its direction in latent space. numpy only: it runs where generators run."""

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
CLASS = "class"  # the lock that keeps the class, whatever the classes are called
LONGEST_NAME, MOST_SLIDERS = 60, 1000
LARGEST_LIMIT = 100.0
LARGEST_NUMBER = 1000.0  # of a vector: beyond it z would be no latent of any picture
ROUNDING = 1e-6  # share of a range that an amount may lie outside it
DIGITS = 5  # of a vector's numbers in a file: more than a picture of 256 grey levels can show


@dataclass(frozen=True)
class Slider:
    """One attribute and the direction that moves it."""

    name: str
    kind: str  # in KINDS
    vector: np.ndarray  # float32 (latent_dim,): added to z for each standard deviation of the attribute
    limit: float  # a slider goes from -limit to limit

    def check(self, amount: float) -> float:
        """`amount` itself. Raises InputError where it is no number from -limit to limit."""
        if not (isinstance(amount, int | float | np.floating) and abs(amount) <= self.limit * (1 + ROUNDING)):
            raise InputError(
                f"{self.name} by {amount!r:.40}; expected a number of standard deviations from {-self.limit:g} to "
                f"{self.limit:g}, the range of this slider; give an amount in that range"
            )
        return amount

    def to_json(self) -> dict:
        """The slider in JSON's types."""
        vector = [float(f"{value:.{DIGITS}g}") for value in self.vector]
        return {"name": self.name, "kind": self.kind, "vector": vector, "limit": self.limit}


@dataclass(frozen=True)
class Directions:
    """The sliders of a generator.

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
        """Of all sliders, in order."""
        return tuple(slider.name for slider in self.sliders)

    def __getitem__(self, name: str) -> Slider:
        """The slider of a name. Raises InputError where there is none."""
        for slider in self.sliders:
            if slider.name == name:
                return slider
        raise InputError(
            f"no slider {name!r:.70}; expected {', '.join(self.names) or 'none: this generator has no directions'}"
            + ("" if self.sliders else "; find some with kgan directions RUN, then export again")
        )

    def move(self, z: np.ndarray, /, **amounts: float) -> np.ndarray:
        """Latents whose pictures have more or less of some attributes.

        Args:
            z: float32 (n, latent_dim).
            amounts: of the attributes, by name, in standard deviations of the generator's samples, each within its
                slider's range.

        Returns:
            float32 (n, latent_dim); uniform z stay in [-1, 1].

        Raises:
            InputError: for a name that is no slider, or an amount outside the slider's range, where pictures fall
                apart or change their class.
        """
        moved = z + sum((self[name].vector * self[name].check(amount) for name, amount in amounts.items()), 0.0)
        return (np.clip(moved, -1, 1) if self.latent == "uniform" else moved).astype("float32")

    def mover(self, amounts: dict[str, float]) -> Callable[[np.ndarray], np.ndarray]:
        """A function that moves latents by these amounts. Raises InputError, at once, as `move` does."""
        for name, amount in amounts.items():
            self[name].check(amount)
        return lambda z: self.move(z, **amounts)

    def sweep(self, name: str, frames: int, amounts: dict[str, float]) -> list[Callable[[np.ndarray], np.ndarray]]:
        """Functions that move latents from one end of a slider to the other, the others by `amounts`.

        Raises InputError, at once, as `move` does.
        """
        limit = self[name].limit
        return [self.mover({**amounts, name: float(amount)}) for amount in np.linspace(-limit, limit, frames)]

    def to_json(self) -> list[dict]:
        """The sliders in JSON's types."""
        return [slider.to_json() for slider in self.sliders]


def from_json(said: object, latent: str, latent_dim: int) -> Directions:
    """The sliders that a file describes: a list as `Directions.to_json` gives it, or None where there are none.

    Raises:
        InputError: where it is something else.
    """
    if said is None:
        return Directions(latent, ())
    if not (isinstance(said, list) and len(said) <= MOST_SLIDERS):
        raise InputError(f"an export has directions {said!r:.40}; expected a list of sliders; export anew")
    sliders = tuple(_slider(entry, latent_dim) for entry in said)
    if len({slider.name for slider in sliders}) < len(sliders):
        raise InputError("an export has two directions of one name; expected different names; export anew")
    return Directions(latents.check_distribution(latent), sliders)


def _slider(entry, latent_dim):
    known = entry if isinstance(entry, dict) else {}
    name, kind, vector, limit = (known.get(key) for key in ("name", "kind", "vector", "limit"))
    if not (check_name(name) and kind in KINDS and _is_vector(vector, latent_dim) and _is_limit(limit)):
        raise InputError(
            f"an export has a direction {name!r:.40} that cannot be used; expected a name, a kind, a limit and "
            f"{latent_dim} finite numbers; export anew"
        )
    return Slider(name, kind, np.array(vector, "float32"), float(limit))


def check_name(name: object) -> bool:
    """Whether it can name a slider: printable, not too long, and no "=" or space at an end."""
    return isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name.isprintable() and name == name.strip(" =")


def _is_vector(vector, latent_dim):
    return (
        isinstance(vector, list)
        and len(vector) == latent_dim
        and all(type(value) in (int, float) and abs(value) <= LARGEST_NUMBER for value in vector)  # no NaN either
    )


def _is_limit(limit):
    return type(limit) in (int, float) and math.isfinite(limit) and 0 < limit <= LARGEST_LIMIT
