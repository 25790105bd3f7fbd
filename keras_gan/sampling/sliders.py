"""Sliders, which move latents along the direction of an attribute. They need numpy and msgspec only."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np

from keras_gan._utils.errors import InputError, field_first
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
Number = Annotated[float, msgspec.Meta(ge=-1000, le=1000)]  # in a vector; larger ones move z far outside its range
ROUNDING = 1e-6  # tolerance of amounts, relative to the limit
DIGITS = 5  # of a vector's numbers in a file, more than 256 levels can show


@dataclass(frozen=True)
class Slider:
    """One attribute and the direction that moves it."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
    kind: str  # in KINDS
    vector: np.ndarray  # float32 (latent_dim,): added to z for each standard deviation of the attribute
    limit: Annotated[float, msgspec.Meta(gt=0, le=LARGEST_LIMIT)]  # a slider goes from -limit to limit

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


Sliders = Annotated[tuple[Slider, ...], msgspec.Meta(max_length=MOST_SLIDERS)]


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
    try:
        sliders = msgspec.convert([] if described is None else described, Sliders, dec_hook=to_vector)
        return check(sliders, latent, latent_dim)
    except ValueError as error:
        raise InputError(
            f"an export has directions that cannot be used ({field_first(error)}); expected sliders that kgan export "
            "wrote. Export again."
        ) from error


def to_vector(kind: type, numbers: object) -> np.ndarray:
    """A list from a file as a float32 vector: the `dec_hook` of msgspec, which has no form for arrays."""
    try:
        return np.array(msgspec.convert(numbers, list[Number]), "float32")
    except msgspec.ValidationError as error:
        raise ValueError(f"expected numbers from -1000 to 1000 ({field_first(error)})") from error


def check(sliders: tuple[Slider, ...], latent: str, latent_dim: int) -> Directions:
    """The directions of sliders from a file. Raises ValueError where they do not fit the generator."""
    for slider in sliders:
        if not (check_name(slider.name) and slider.kind in KINDS and len(slider.vector) == latent_dim):
            raise ValueError(
                f"the slider {slider.name!r} of kind {slider.kind!r:.40} with {len(slider.vector)} numbers; expected a "
                f"printable name, one of {', '.join(KINDS)}, and {latent_dim} numbers"
            )
    if len({slider.name for slider in sliders}) < len(sliders):
        raise ValueError("two sliders of one name")
    return Directions(latents.check_distribution(latent), sliders)


def check_name(name: str) -> bool:
    """Whether `name` can be a slider's name: printable, not too long, without "=" or a space at either end."""
    return 0 < len(name) <= LONGEST_NAME and name.isprintable() and name == name.strip(" =")
