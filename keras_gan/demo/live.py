"""The 1-D game of one visitor: a `GAN` that is trained in short pieces. Settings can change between two pieces."""

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

NAME = "gaussian"  # name of the data and of the preset
MIXTURE = MIXTURES[NAME]
MOST_STEPS = 3_000  # the end of a game, so that a forgotten page does not train forever
CHUNK_STEPS = 20  # steps between two updates of the charts, unless the visitor chooses another number
HELD_OUT, HELD_OUT_SEED = 10_000, 1_000  # held-out samples of each kind: they give V to about 0.01
DRAWN_X = np.linspace(-8.0, 12.0, 401)  # the axis holds the data, and z on [-8, 8]
LOSSES = ("non_saturating", "minimax")
MOST_K = 5
LOCK = threading.RLock()  # for all visitors, and for two scripts of one visitor: Keras builds one model at a time


@dataclass(frozen=True)
class Settings:
    """The values of the page's controls."""

    k: int = 1  # discriminator steps per generator step
    d_rate: float = 1e-2  # learning rate of the discriminator; 0 freezes it
    g_rate: float = 1e-2  # learning rate of the generator; 0 freezes it
    loss: str = LOSSES[0]  # loss of the generator, a name in losses.LOSSES
    seed: int = 0  # seed of weights, noise and data


@functools.cache
def data() -> theory.Density:
    """The density p of the data."""
    return MIXTURE.density()


@functools.cache
def optimum() -> theory.Line:
    """The linear generator with the smallest Jensen-Shannon divergence from the data."""
    return theory.best_line(data(), "uniform")


def _training():
    """The module `keras_gan.training`, imported without TensorFlow's start-up messages on the terminal."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with LOCK, silence.silence_native_stderr():
        from keras_gan import training
    return training


class LiveGame:
    """One game. `advance` trains, `apply` changes the settings, `rows` and `densities` hold the measurements.

    Args:
        settings: the settings at the start.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self.running = False
        self.config = _training().configure(NAME)
        self.gan = self._build()
        self.z = latents.draw(HELD_OUT, 1, self.config.latent, HELD_OUT_SEED)
        self.real = MIXTURE.draw(HELD_OUT, HELD_OUT_SEED)
        self._initial = {}  # the initial state of the GAN by seed, of the newest seed only
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
        """Whether the game has reached its last step."""
        return self.step >= MOST_STEPS

    def restart(self) -> None:
        """Starts again from the weights of the seed."""
        from keras_gan.runs import checkpoints

        with LOCK:
            seed = self.settings.seed
            if seed not in self._initial:
                self._initial = {seed: checkpoints.values(self._build())}
            # The weights are assigned to the same GAN, so that its compiled training step can be used again.
            checkpoints.assign(self.gan, self._initial[seed])
            self._assign_rates()
            self.history, self.rows = [], []
            self._measure()

    def apply(self, settings: Settings) -> None:
        """Changes the settings. Another seed starts a new game; other settings apply from the next step on."""
        with LOCK:
            before, self.settings = self.settings, settings
            gan = self.gan
            if (before.k, before.loss) != (settings.k, settings.loss):
                # With the same optimizers, so that their moments are not lost.
                gan.compile(gan.generator_optimizer, gan.discriminator_optimizer, settings.loss, {}, settings.k)
            self._assign_rates()
            if before.seed != settings.seed:
                self.restart()

    def _assign_rates(self):
        self.gan.generator_optimizer.learning_rate = self.settings.g_rate
        self.gan.discriminator_optimizer.learning_rate = self.settings.d_rate

    def advance(self, steps: int = CHUNK_STEPS) -> None:
        """Trains for up to `steps` steps by `fit`, then measures."""
        with LOCK:
            steps = min(steps, MOST_STEPS - self.step)
            if steps < 1:
                return
            batch = self.config.batch_size * self.settings.k
            real = MIXTURE.draw(steps * batch, (self.settings.seed + 1 << 32) + self.step)
            fitted = self.gan.fit(real, batch_size=batch, shuffle=False, verbose=0).history
            self.history.append({"step": self.step, **{name: column[-1] for name, column in fitted.items()}})
            self._measure()

    def _measure(self):
        """Appends a row with the columns of theory.csv, and computes the densities."""
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
        """The most serious verdict of the doctor on the losses."""
        chosen = self.settings
        known = doctor.Settings(chosen.loss, chosen.d_rate, chosen.g_rate, chosen.k, gamma=0.0, steps=MOST_STEPS)
        return doctor.diagnose(_columns(self.history), {}, known)[0]


def _columns(rows):
    return {name: np.array([row[name] for row in rows]) for name in (rows[0] if rows else ())}
