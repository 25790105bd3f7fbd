"""Quantities of the theory during training on one-dimensional data, whose density is known."""

import math

import keras
import numpy as np
import tensorflow as tf

from keras_gan import losses, theory
from keras_gan._utils import log_names
from keras_gan.callbacks.recording import Snapshots
from keras_gan.plots.theory import REJECTED_BELOW, Densities, snapshot
from keras_gan.runs import Run
from keras_gan.sampling import latents
from keras_gan.theory.mixtures import Mixture

HELD_OUT = 100_000  # draws from the data and from the generator: V is then known to about 0.002
HELD_OUT_SEED = 1_000  # different from the seeds of the train and test splits
GRADIENT_DRAWS = 4_096
QUANTILES = 2**14
# Range of x in the pictures, in standard deviations from the mean of the data: it contains the range [-8, 8] of z.
LEFT, RIGHT = 13.0, 7.0


class Game(Snapshots):
    """Computes quantities of the theory at regular steps, and writes rows of theory.csv and samples/step_*.png.

    They describe the current generator, against which D is trained, and not the moving average.

    Args:
        run: the run folder.
        steps: the number of steps between two rows.
        seed: seed of the held-out latents.
        mixture: the distribution of the data, with one feature.
    """

    def __init__(self, run: Run, steps: int, seed: int, mixture: Mixture):
        super().__init__(run, steps, seed)
        self.mixture = mixture
        self.data = mixture.density()

    def on_train_begin(self, logs=None):
        self.real = self.mixture.draw(HELD_OUT, HELD_OUT_SEED)
        self.z = latents.draw(HELD_OUT, self.model.latent_dim, self.model.latent, self.seed)
        self.optimum_nats = theory.best_line(self.data, self.model.latent).jensen_shannon_nats
        self.all_steps = self.run.config.steps
        super().on_train_begin(log_names)

    def act(self, step, logs=None):
        if not all(np.isfinite(weights).all() for weights in self.model.get_weights()):
            return  # there is no density any more, and `Doctor` reports the divergence
        generated, row = self.measure(step)
        rows = self.run.columns("theory")
        # The row of step 0 exists already if the run was stopped before its first checkpoint.
        if step not in rows.get("step", []):
            self.run.append("theory", row)
            rows = self.run.columns("theory")
        snapshot(self._densities(generated), rows, self.optimum_nats, self.all_steps, self.run.sample_file(step))

    def measure(self, step: int) -> tuple[theory.Density, dict[str, float]]:
        """Returns the density of the generated values, and a row of theory.csv."""
        gan = self.model
        fake = keras.ops.convert_to_numpy(gan.generator(self.z, training=False))  # (HELD_OUT, 1)
        generated, values = self._generated(fake[:, 0])
        value = theory.value(self._logits(self.real), self._logits(fake))
        exact = theory.jensen_shannon(self.data, generated)
        return generated, {
            "step": step,
            log_names.JSD: exact,
            log_names.JSD_ESTIMATE: theory.jensen_shannon_estimate(value),
            log_names.VALUE: value,
            log_names.BEST_VALUE: theory.best_value(exact),
            **self._gradients_of_rejected(fake[:GRADIENT_DRAWS]),
            log_names.MEAN: float(values.mean(dtype="float64")),
            log_names.STD: float(values.std(dtype="float64")),
        }

    def _generated(self, drawn):
        """Returns the density of G, exact if G is linear, and the values from which it was computed."""
        gan = self.model
        if gan.latent_dim > 1:
            return theory.histogram(drawn), drawn
        z = theory.latent_quantiles(QUANTILES, gan.latent)
        values = keras.ops.convert_to_numpy(gan.generator(z[:, None].astype("float32"), training=False))[:, 0]
        line = theory.line_through(z, values)
        return theory.linear_generator(*line, gan.latent) if line else theory.histogram(values), values

    def _logits(self, x):
        return keras.ops.convert_to_numpy(self.model.discriminator(x, training=False))[:, 0]

    def _gradients_of_rejected(self, fake):
        """Returns the share of samples that D rejects, and what both generator losses send back to them.

        Over all samples, those that D accepts dominate the gradient of log(1 - D), which then need not be the smaller
        one. NaN where D rejects none.
        """
        x = tf.convert_to_tensor(fake)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            logits = self.model.discriminator(x, training=False)
            both = losses.minimax_generator_loss(logits), losses.non_saturating_generator_loss(logits)
        rejected = keras.ops.convert_to_numpy(keras.ops.sigmoid(logits))[:, 0] < REJECTED_BELOW
        # A loss is the mean over the samples, so the gradient at one sample is divided by their number.
        norms = [np.linalg.norm(tape.gradient(loss, x), axis=1)[rejected] * len(fake) for loss in both]
        minimax, non_saturating = (float(found.mean()) if rejected.any() else math.nan for found in norms)
        return {
            log_names.REJECTED: float(rejected.mean()),
            log_names.MINIMAX_GRADIENT: minimax,
            log_names.NON_SATURATING_GRADIENT: non_saturating,
        }

    def _densities(self, generated):
        middle, std = self.mixture.centres.mean(), self.mixture.std
        x = np.linspace(middle - LEFT * std, middle + RIGHT * std, 1_000)
        d = keras.ops.convert_to_numpy(keras.ops.sigmoid(self._logits(x[:, None].astype("float32"))))
        best = theory.best_discriminator(self.data, generated, x)
        return Densities(x, self.data.of(x), generated.of(x), d, best)
