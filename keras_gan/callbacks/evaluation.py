"""Judging the generator while it trains, and keeping it at its best."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_gan._utils.choices import lookup
from keras_gan._utils.errors import InputError
from keras_gan._utils.files import replace
from keras_gan.callbacks.every import Every
from keras_gan.metrics import METRICS, Reference, draw
from keras_gan.metrics.definitions import HIGHER, LOWER
from keras_gan.metrics.evaluation import evaluate


class Evaluation(Every):
    """Measures samples of the averaged generator every so many steps, and keeps the generator where they were best.

    The classes of a conditional generator's samples are drawn by their shares in the training data.

    The newest value is in the epoch's logs, and so in `fit(…).history`, under the score's name.

    Args:
        reference: the real side, a `metrics.Reference`; its count is the number of samples that are evaluated. 2,000
            take a second or two with the shipped extractors.
        steps: how often.
        measure: a name in `metrics.METRICS`, whose first score decides; None for the Fréchet distance where the data
            have an extractor, and the sliced Wasserstein distance otherwise.
        best: a .keras file for the whole GAN at its best so far; None keeps none.
        seed: of the latents and of the classes, the same every time.
        record: called with {"step": …, score: value} at every evaluation.

    Attributes:
        history: list of (step, value).

    Raises:
        InputError: where the measure is unknown, its first score is not better lower or higher, or `best` does not end
            in .keras.

    Example:
        >>> from keras_gan import GAN, callbacks, data, metrics, networks
        >>> digits = data.open_source("digits")
        >>> reference = metrics.Reference.of(digits, None, metrics.extractor(digits), count=100)
        >>> gan = GAN(networks.generator((8, 8, 1)), networks.discriminator((8, 8, 1)))
        >>> gan.compile()
        >>> images = data.load("digits", batch_size=16).take(4)
        >>> judging = callbacks.Evaluation(reference, steps=2)
        >>> history = gan.fit(images, shuffle=False, verbose=0, callbacks=[judging]).history
        >>> [step for step, value in judging.history], "frechet_distance" in history
        ([2, 4], True)
    """

    def __init__(
        self,
        reference: Reference,
        steps: int = 500,
        measure: str | None = None,
        best: str | os.PathLike | None = None,
        seed: int = 0,
        record: Callable[[dict], None] | None = None,
    ):
        super().__init__(steps)
        self.reference = reference
        self.measure = measure or ("frechet" if reference.extractor else "sliced")
        chosen = lookup(METRICS, self.measure, "measure", ", ".join(METRICS))
        if not chosen.applies(reference):
            raise InputError(
                f"measure {self.measure!r} does not apply to {reference.name}; expected one that does: sliced"
            )
        self.name, (_, self.better) = next(iter(chosen.labels.items()))
        if self.better not in (LOWER, HIGHER):
            raise InputError(f"measure {self.measure!r} has no best direction; expected one that has, such as frechet")
        self.best = None if best is None else Path(best)
        if self.best is not None and self.best.suffix != ".keras":
            raise InputError(f"{best} does not end in .keras; expected a name that does; give {self.best.stem}.keras")
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
        # A G that has diverged is recorded as such; to say so, and to stop, is the doctor's part.
        if not all(np.isfinite(weights).all() for weights in self.model.ema_generator.get_weights()):
            return float("nan")
        samples = draw(self.model, self.reference, self.seed)
        return evaluate(samples, self.reference, [self.measure])[self.name].value

    def on_epoch_end(self, epoch, logs=None):
        if self.history and logs is not None:
            logs[self.name] = self.history[-1][1]

    def _improves(self, value):
        sign = 1 if self.better == LOWER else -1
        before = [sign * value for _, value in self.history if np.isfinite(value)]
        return np.isfinite(value) and sign * value < min(before, default=np.inf)
