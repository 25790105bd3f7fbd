"""A callback that evaluates the generator during training, and saves the best one."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_gan._utils.choices import lookup
from keras_gan._utils.errors import InputError
from keras_gan._utils.files import replace
from keras_gan.callbacks.every import Every
from keras_gan.metrics import METRICS, Reference, draw
from keras_gan.metrics.definitions import HIGHER, LOWER, applicable
from keras_gan.metrics.evaluation import evaluate


class Evaluation(Every):
    """Evaluates samples of the averaged generator at regular steps, and saves the GAN when a metric is best.

    The classes of a conditional generator are drawn with their shares in the training data.

    The latest value is in the logs of each epoch, and so in `fit(…).history`, under the name of the score.

    Args:
        reference: the real images to compare with, a `metrics.Reference`. Its count is the number of samples; 2,000
            samples take a second or two with the shipped extractors.
        steps: the number of steps between two evaluations.
        metric: a name in `metrics.METRICS`; its first score decides which GAN is best. None for the Fréchet distance if
            the reference has an extractor, and for the sliced Wasserstein distance otherwise.
        best: a .keras file for the best GAN so far; None to save none.
        seed: seed of the latents and classes, the same at each evaluation.
        record: a function that is called with {"step": step, score: value} after each evaluation.

    Attributes:
        history: list of (step, value).

    Raises:
        InputError: if the metric is unknown or does not apply, if neither a lower nor a higher score is better, or if
            `best` does not end in .keras or cannot be written.

    Example:
        >>> from keras_gan import GAN, callbacks, data, metrics, networks
        >>> digits = data.open_source("digits")
        >>> reference = metrics.Reference.of(digits, None, metrics.extractor(digits), count=100)
        >>> gan = GAN(networks.generator((8, 8, 1)), networks.discriminator((8, 8, 1)))
        >>> gan.compile()
        >>> images = data.load("digits", batch_size=16).take(4)
        >>> evaluation = callbacks.Evaluation(reference, steps=2)
        >>> history = gan.fit(images, shuffle=False, verbose=0, callbacks=[evaluation]).history
        >>> [step for step, value in evaluation.history], "frechet_distance" in history
        ([2, 4], True)
    """

    def __init__(
        self,
        reference: Reference,
        steps: int = 500,
        metric: str | None = None,
        best: str | os.PathLike | None = None,
        seed: int = 0,
        record: Callable[[dict], None] | None = None,
    ):
        super().__init__(steps)
        self.reference = reference
        self.metric = metric or ("frechet" if reference.extractor else "sliced")
        chosen = lookup(METRICS, self.metric, "metric", ", ".join(METRICS))
        if not chosen.applies(reference):
            raise InputError(
                f"metric {self.metric!r} does not apply to {reference.name}; expected "
                f"{', '.join(applicable(reference))}. Use metric='sliced'."
            )
        self.name, (_, self.better) = next(iter(chosen.labels.items()))
        if self.better not in (LOWER, HIGHER):
            raise InputError(
                f"metric {self.metric!r} is best at its baseline; expected a metric whose lower or higher values are "
                "better. Use metric='sliced'."
            )
        self.best = None if best is None else Path(best)
        if self.best is not None and self.best.suffix != ".keras":
            raise InputError(f"best is {best}; expected a name that ends in .keras. Use best='{self.best.stem}.keras'.")
        if self.best is not None and not os.access(self.best.absolute().parent, os.W_OK):
            raise InputError(
                f"best is {best}, whose folder does not exist or cannot be written; expected a writable folder. Create "
                "it, or use another path."
            )
        self.seed = seed
        self.record = record
        self.history = []

    def act(self, step, logs=None):
        value = self._value()
        if self.best is not None and self._improves(value):
            replace(self.best, self.model.save)
        self.history.append((step, value))
        if self.record:
            self.record({"step": step, self.name: value})

    def _value(self):
        # A generator that has diverged gets NaN. `DivergenceGuard` stops training, and `Doctor` reports it.
        if not all(np.isfinite(weights).all() for weights in self.model.ema_generator.get_weights()):
            return float("nan")
        samples = draw(self.model, self.reference, self.seed)
        return evaluate(samples, self.reference, [self.metric])[self.name].value

    def on_epoch_end(self, epoch, logs=None):
        if self.history and logs is not None:
            logs[self.name] = self.history[-1][1]

    def _improves(self, value):
        sign = 1 if self.better == LOWER else -1
        before = [sign * value for _, value in self.history if np.isfinite(value)]
        return np.isfinite(value) and sign * value < min(before, default=np.inf)
