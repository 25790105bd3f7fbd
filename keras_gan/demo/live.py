"""The 1-D game of one visitor: the package's own GAN, trained a little at a time; its settings act at once."""

import functools
import os
import threading
from dataclasses import dataclass

import numpy as np

from keras_gan import doctor, theory
from keras_gan._utils import log_names, silence
from keras_gan.plots.theory import Densities
from keras_gan.sampling import latents
from keras_gan.theory.mixtures import MIXTURES

NAME = "gaussian"  # of the data, and of the preset
MIXTURE = MIXTURES[NAME]
MOST_STEPS = 3_000  # a game ends there, so that a forgotten page does not train for ever
CHUNK_STEPS = 20  # between two pictures
HELD_OUT, HELD_OUT_SEED = 10_000, 1_000  # draws of each side: V is then known to about .01
DRAWN_X = np.linspace(-8.0, 12.0, 401)  # around the data, and all that z on [-8, 8] could be
LOSSES = ("non_saturating", "minimax")
MOST_K = 5
LOCK = threading.RLock()  # visitors take turns, and so do two scripts of one visitor: Keras builds one model at a time


@dataclass(frozen=True)
class Settings:
    """What the page's controls choose."""

    k: int = 1  # D's steps to one of G
    d_rate: float = 1e-2  # D's learning rate; 0 freezes it
    g_rate: float = 1e-2  # G's
    loss: str = LOSSES[0]  # of G, a name in losses.LOSSES
    seed: int = 0  # of weights, noise and data


@functools.cache
def data() -> theory.Density:
    """The density p of the data."""
    return theory.gaussians(MIXTURE.centres[:, 0], MIXTURE.std)


@functools.cache
def optimum() -> theory.Line:
    """The best that the linear G can do."""
    return theory.best_line(data(), "uniform")


def _training():
    """The module `keras_gan.training`, imported without TensorFlow's start-up notes on the terminal."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with LOCK, silence.silence_native_stderr():
        from keras_gan import training
    return training


class LiveGame:
    """One game: `advance` trains, `apply` changes its settings, `rows` and `densities` say how it stands.

    Args:
        settings: at the start.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self.running = False
        self.config = _training().configure(NAME)
        self.gan = self._build()
        self.z = latents.draw(HELD_OUT, 1, self.config.latent, HELD_OUT_SEED)
        self.real = MIXTURE.draw(HELD_OUT, HELD_OUT_SEED)
        self.restart()

    def _build(self):
        training, chosen = _training(), self.settings
        config = training.configure(
            NAME,
            generator_lr=chosen.g_rate,
            discriminator_lr=chosen.d_rate,
            discriminator_steps=chosen.k,
            loss=chosen.loss,
            seed=chosen.seed,
        )
        with LOCK:
            return training.build(config, (1,), MOST_STEPS * self.config.batch_size)

    @property
    def step(self) -> int:
        """Generator updates made so far."""
        return self.gan.step

    @property
    def is_over(self) -> bool:
        """Whether it has come to its last step."""
        return self.step >= MOST_STEPS

    def restart(self) -> None:
        """Begins anew, from the seed's weights."""
        from keras_gan.runs import checkpoints

        with LOCK:
            # Into the GAN that is there, whose compiled step goes on being used.
            checkpoints.assign(self.gan, checkpoints.values(self._build()))
            self.history, self.rows = [], []
            self._measure()

    def apply(self, settings: Settings) -> None:
        """Takes other settings; only another seed begins anew, since it is the game's start."""
        with LOCK:
            before, self.settings = self.settings, settings
            gan = self.gan
            if (before.k, before.loss) != (settings.k, settings.loss):
                # With the optimizers as they are: what they have gathered stays.
                gan.compile(gan.generator_optimizer, gan.discriminator_optimizer, settings.loss, {}, settings.k)
            gan.generator_optimizer.learning_rate = settings.g_rate
            gan.discriminator_optimizer.learning_rate = settings.d_rate
            if before.seed != settings.seed:
                self.restart()

    def advance(self) -> None:
        """Trains for up to `CHUNK_STEPS` steps by `fit`, and measures."""
        with LOCK:
            steps = min(CHUNK_STEPS, MOST_STEPS - self.step)
            if steps < 1:
                return
            batch = self.config.batch_size * self.settings.k
            real = MIXTURE.draw(steps * batch, (self.settings.seed + 1 << 32) + self.step)
            fitted = self.gan.fit(real, batch_size=batch, shuffle=False, verbose=0).history
            self.history.append({"step": self.step, **{name: column[-1] for name, column in fitted.items()}})
            self._measure()

    def _measure(self):
        """Appends a row under the names of theory.csv, and keeps the densities."""
        low, high = self._numbers(self.gan.generator, np.array([[-1.0], [1.0]], "float32"))
        slope, middle = (high - low) / 2, (high + low) / 2
        generated = theory.linear_generator(slope, middle, self.config.latent)
        fake = (slope * self.z + middle).astype("float32")
        logits = self._numbers(self.gan.discriminator, np.concatenate([self.real, fake, DRAWN_X[:, None]]))
        real_logits, fake_logits, drawn_logits = np.split(logits, [HELD_OUT, 2 * HELD_OUT])
        value, exact = theory.value(real_logits, fake_logits), theory.jensen_shannon(data(), generated)
        self.rows.append(
            {
                "step": self.step,
                log_names.MEAN: float(middle),
                log_names.STD: float(abs(slope) * theory.LATENT_STD[self.config.latent]),
                log_names.JSD: exact,
                log_names.JSD_ESTIMATE: theory.jensen_shannon_estimate(value),
                log_names.BEST_VALUE: theory.best_value(exact),
                log_names.VALUE: value,
            }
        )
        d = 1 / (1 + np.exp(-np.clip(drawn_logits, -50, 50)))
        best = theory.best_discriminator(data(), generated, DRAWN_X)
        self.densities = Densities(DRAWN_X, data().of(DRAWN_X), generated.of(DRAWN_X), d, best)

    def _numbers(self, network, x):
        return np.asarray(network(x.astype("float32"), training=False), "float64")[:, 0]

    def table(self) -> dict[str, np.ndarray]:
        """The columns of theory.csv so far, each (rows,)."""
        return _columns(self.rows)

    def verdict(self) -> doctor.Verdict:
        """The gravest of what the doctor reads from the losses."""
        chosen = self.settings
        known = doctor.Settings(chosen.loss, chosen.d_rate, chosen.g_rate, chosen.k, gamma=0.0)
        return doctor.diagnose(_columns(self.history), {}, known)[0]


def _columns(rows):
    return {name: np.array([row[name] for row in rows]) for name in (rows[0] if rows else ())}
