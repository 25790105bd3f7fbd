"""The game on a line, in numbers: where the data's density is known, so is everything that theory speaks of."""

import keras
import numpy as np
import tensorflow as tf

from keras_gan import losses, theory
from keras_gan._utils import log_names
from keras_gan.callbacks.recording import Snapshots
from keras_gan.plots.theory import Densities, snapshot
from keras_gan.runs import Run
from keras_gan.sampling import latents
from keras_gan.theory.mixtures import MIXTURES, Mixture

HELD_OUT = 100_000  # draws of each side: V is then known to about .002
HELD_OUT_SEED = 1_000  # the data's train and test splits are drawn with others
GRADIENT_DRAWS = 4_096
QUANTILES = 2**14
LEFT, RIGHT = 13.0, 7.0  # how far the pictures reach from the data's middle, in standard deviations: z is on [-8, 8]
LOG_ODDS_LOSSES = ("minimax", "non_saturating")  # whose best D is p/(p + q)


class Game(Snapshots):
    """Measures and draws the game of `fit` at regular steps: rows of theory.csv, and samples/step_*.png.

    It speaks of the present generator, which D was trained against, not of the moving average.

    Args:
        run: the run folder.
        steps: how often.
        seed: of the held-out latents.
        mixture: the data, with one feature.
    """

    def __init__(self, run: Run, steps: int, seed: int, mixture: Mixture):
        super().__init__(run, steps, seed)
        self.mixture = mixture
        self.data = density(mixture)

    def on_train_begin(self, logs=None):
        self.real = self.mixture.draw(HELD_OUT, HELD_OUT_SEED)
        self.z = latents.draw(HELD_OUT, self.model.latent_dim, self.model.latent, self.seed)
        self.optimum_nats = theory.best_line(self.data, self.model.latent).jensen_shannon_nats
        self.all_steps = self.run.config.steps
        super().on_train_begin(log_names)

    def act(self, step, logs=None):
        if not all(np.isfinite(weights).all() for weights in self.model.get_weights()):
            return  # nothing has a density any more; the doctor says what happened
        generated, row = self.measure(step)
        rows = self.run.columns("theory")
        # The row of step 0 is there where a run was ended before its first checkpoint.
        if step not in rows.get("step", []):
            self.run.append("theory", row)
            rows = self.run.columns("theory")
        snapshot(self._densities(generated), rows, self.optimum_nats, self.all_steps, self.run.sample_file(step))

    def measure(self, step: int) -> tuple[theory.Density, dict[str, float]]:
        """The density of what G gives, and a row of theory.csv."""
        gan = self.model
        fake = keras.ops.convert_to_numpy(gan.generator(self.z, training=False))  # (HELD_OUT, 1)
        generated, values = self._generated(fake[:, 0])
        value = theory.value(self._logits(self.real), self._logits(fake))
        exact = theory.jensen_shannon(self.data, generated)
        minimax, non_saturating = self._gradient_norms()
        return generated, {
            "step": step,
            log_names.JSD: exact,
            log_names.JSD_ESTIMATE: theory.jensen_shannon_estimate(value),
            log_names.VALUE: value,
            log_names.BEST_VALUE: theory.best_value(exact),
            log_names.MINIMAX_GRADIENT: minimax,
            log_names.NON_SATURATING_GRADIENT: non_saturating,
            log_names.MEAN: float(values.mean(dtype="float64")),
            log_names.STD: float(values.std(dtype="float64")),
        }

    def _generated(self, drawn):
        """The density of G, exact where it is a line, and the values that it was told from."""
        gan = self.model
        if gan.latent_dim > 1:
            return theory.histogram(drawn), drawn
        z = theory.latent_quantiles(QUANTILES, gan.latent)
        values = keras.ops.convert_to_numpy(gan.generator(z[:, None].astype("float32"), training=False))[:, 0]
        line = theory.line_through(z, values)
        return theory.linear_generator(*line, gan.latent) if line else theory.histogram(values), values

    def _logits(self, x):
        return keras.ops.convert_to_numpy(self.model.discriminator(x, training=False))[:, 0]

    def _gradient_norms(self):
        """Norms over G's weights of the gradients of both generator losses, at the same latents."""
        weights = self.model.generator.trainable_variables
        with tf.GradientTape(persistent=True) as tape:
            fake = self.model.generator(self.z[:GRADIENT_DRAWS], training=False)
            logits = self.model.discriminator(fake, training=False)
            both = losses.minimax_generator_loss(logits), losses.non_saturating_generator_loss(logits)
        return [float(tf.linalg.global_norm(tape.gradient(loss, weights))) for loss in both]

    def _densities(self, generated):
        middle, std = self.mixture.centres.mean(), self.mixture.std
        x = np.linspace(middle - LEFT * std, middle + RIGHT * std, 1_000)
        d = keras.ops.convert_to_numpy(keras.ops.sigmoid(self._logits(x[:, None].astype("float32"))))
        best = theory.best_discriminator(self.data, generated, x)
        return Densities(x, self.data.of(x), generated.of(x), d, best)


def density(mixture: Mixture) -> theory.Density:
    """The density of a mixture with one feature."""
    return theory.gaussians(mixture.centres[:, 0], mixture.std)


# the account at the end -----------------------------------------------------------------------------------------------


def account(run: Run) -> str:
    """What the game came to, beside the exact optimum, and how to read it; empty where nothing was measured."""
    rows, config = run.columns("theory"), run.config
    if not rows:
        return ""
    mixture = MIXTURES[config.data]
    data = density(mixture)
    line = theory.best_line(data, config.latent)
    row = rows.last()
    return "\n".join([_table(row, line, config.latent, mixture), "", *_reading(row, line, data, config)])


def _table(row, line, latent, mixture):
    exact = theory.best_value(line.jensen_shannon_nats)
    cells = [
        ("", "this run", "best linear G", "G = data"),
        ("mean of G(z)", f"{row[log_names.MEAN]:.3f}", f"{line.intercept:.3f}", f"{mixture.centres.mean():.3f}"),
        (
            "std of G(z)",
            f"{row[log_names.STD]:.3f}",
            f"{line.slope * theory.LATENT_STD[latent]:.3f}",
            f"{mixture.std:.3f}",
        ),
        ("JSD, exact (nats)", f"{row[log_names.JSD]:.6f}", f"{line.jensen_shannon_nats:.6f}", "0"),
        ("JSD that D shows", f"{row[log_names.JSD_ESTIMATE]:.6f}", "", ""),
        ("V of the best D", f"{row[log_names.BEST_VALUE]:.6f}", f"{exact:.6f}", f"{-np.log(4):.6f}"),
        ("V(D, G)", f"{row[log_names.VALUE]:.6f}", "", ""),
    ]
    return "\n".join(f"{name:<19}{run:>12}{best:>16}{data:>12}".rstrip() for name, run, best, data in cells)


def _reading(row, line, data, config):
    """Sentences that read the table."""
    exact, shown = row[log_names.JSD], row[log_names.JSD_ESTIMATE]
    yield "D's loss is -V(D, G). At 2 log 2 = 1.386 D could not tell generated from real: there G would equal the data."
    if config.preset == "gaussian" and config.latent_dim == 1:
        yield from _reading_of_a_line(row, line, data, config)
    else:
        side = "below" if exact < line.jensen_shannon_nats else "above"
        yield (
            f"This G is no line, so it could equal the data: its JSD of {exact:.4f} is {side} the best line's "
            f"{line.jensen_shannon_nats:.4f}."
        )
    yield f"D shows {shown:.4f} of {exact:.4f}: a lower bound, up to the draws' noise; the rest it has not learnt."
    if config.loss not in LOG_ODDS_LOSSES:
        yield f"The loss {config.loss} does not teach D the log-odds of real: what D shows, and its V, say little."


def _reading_of_a_line(row, line, data, config):
    slope = row[log_names.STD] / theory.LATENT_STD[config.latent]
    yield f"This G draws from {_drawn_from(slope, row[log_names.MEAN], config.latent)}."
    yield f"The best line draws from {_drawn_from(line.slope, line.intercept, config.latent)}."
    if config.latent == "normal":
        yield "A line on normal z can equal the data; on uniform z it cannot (--latent uniform)."
        return
    best = theory.linear_generator(line.slope, line.intercept, config.latent)
    loss, accuracy = -theory.best_value(line.jensen_shannon_nats), theory.best_accuracy(data, best)
    yield (
        f"A line on uniform z never equals the data: at its best D's loss is {loss:.3f}, and the best D is right "
        f"{accuracy:.1%} of the time."
    )


def _drawn_from(slope, intercept, latent):
    """The distribution of slope · z + intercept, with a and b as the notes write the line."""
    if latent == "uniform":
        name = f"U[{intercept - slope:.3f}, {intercept + slope:.3f}]"
    else:
        name = f"N({intercept:.3f}, {slope:.3f}²)"
    return f"{name} (G(z) = a·{theory.Z_SCALE:.0f}z + b with a = {slope / theory.Z_SCALE:.4f}, b = {intercept:.3f})"
