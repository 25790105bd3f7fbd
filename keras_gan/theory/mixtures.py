"""Mixtures of Gaussians with known modes: data for the 1-D example and for mode coverage."""

from dataclasses import dataclass

import numpy as np

from keras_gan.theory import game


@dataclass(frozen=True)
class Mixture:
    """Equally likely isotropic Gaussians."""

    centres: np.ndarray  # (modes, features)
    std: float  # of each mode, in each feature

    def draw(self, n: int, seed: int) -> np.ndarray:
        """Draws n points, float32 (n, features), the same for the same seed."""
        return self.draw_with_modes(n, seed)[0]

    def draw_with_modes(self, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Draws n points and returns them with the index of each point's mode, int64 (n,)."""
        rng = np.random.default_rng(seed)
        modes = rng.integers(len(self.centres), size=n)
        noise = rng.standard_normal((n, self.centres.shape[1]))
        return (self.centres[modes] + self.std * noise).astype("float32"), modes

    def density(self) -> game.Density:
        """Returns the density of a mixture with one feature."""
        return game.gaussians(self.centres[:, 0], self.std)


def _ring(modes: int, radius: float) -> np.ndarray:
    angles = 2 * np.pi * np.arange(modes) / modes
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _grid(ticks) -> np.ndarray:
    return np.array([(x, y) for x in ticks for y in ticks], "float64")


# The sizes are those of Srivastava et al. 2017 (VEEGAN) as Lin et al. 2018 (PacGAN, arXiv:1712.04086) use them.
MIXTURES: dict[str, Mixture] = {
    "gaussian": Mixture(np.array([[5.0]]), 1.0),
    "ring": Mixture(_ring(8, 1.0), 0.01),
    "grid": Mixture(_grid((-4.0, -2.0, 0.0, 2.0, 4.0)), 0.05),
}
