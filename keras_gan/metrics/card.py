"""The metric card: every metric that applies to the data, with a baseline computed from real images."""

import json
import math
from dataclasses import asdict, dataclass, field

import numpy as np

from keras_gan._utils.choices import lookup
from keras_gan._utils.text import Table, Text
from keras_gan.metrics.definitions import BASELINE, HIGHER, LOWER

READING = {LOWER: "lower is better", HIGHER: "higher is better", BASELINE: "best at the baseline"}


@dataclass(frozen=True)
class Score:
    """One number of the card, and its baseline: the same number for as many real images."""

    name: str
    label: str  # the name as it is printed
    value: float
    baseline: float
    better: str  # "lower", "higher", or "baseline": the best value is the baseline
    error: float | None = None  # standard error of the value, or its standard deviation over subsets
    note: str = ""


@dataclass(frozen=True)
class Card:
    """All scores of one set of samples, with the data and the feature extractor they depend on."""

    data: str
    samples: int  # the number of samples, and of images in the reference and in the baseline
    reference: dict  # split and number of the real images that the samples are compared with
    seed: int  # for the choice of real images
    extractor: dict | None  # name, sha256, accuracy
    scores: tuple[Score, ...]
    # (2, classes): the share of each class among the samples and in the training data
    shares: np.ndarray | None = field(default=None, repr=False, compare=False)
    source: str | None = None  # run folder or file that the samples come from
    step: int | None = None  # training step of the run
    without: str | None = None  # the reason for having no extractor
    notes: tuple[str, ...] = ()  # metrics that were left out or are unreliable, with the reasons

    def __getitem__(self, name: str) -> Score:
        """Returns the score called `name`. Raises InputError if the card has no such score."""
        return lookup({score.name: score for score in self.scores}, name, "score", "see card.scores")

    def to_json(self) -> str:
        """Returns the card as indented JSON. Infinite values and NaN become null."""
        from keras_gan import __version__

        values = _finite({"keras_gan": __version__, **asdict(self)})
        return json.dumps(values, indent=2, ensure_ascii=False) + "\n"

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Returns the scores as rows of text: label, value with its error, baseline, how to read the score."""
        return [(s.label, _number(s.value, s.error), _number(s.baseline), _reading(s)) for s in self.scores]

    def text(self) -> Text:
        """The card for people: what was measured with what, and the scores in a table."""
        return Text(
            [*self.header(), "", Table(self.rows(), ("", "samples", "baseline (real images)", ""), numbers=(1, 2))]
        )

    def __str__(self):
        return str(self.text())

    def header(self) -> list[str]:
        """Returns lines of text that name the samples, the data and the feature extractor."""
        split = {"test": "test split", "half": "one half of the data (the data have no test split)"}
        lines = [f"{self.samples:,} samples compared with {self.data}, {split[self.reference['split']]}"]
        if self.source:
            at = "" if self.step is None else f" at step {self.step:,}"
            lines.insert(0, f"{self.source}{at}")
        return [*lines, "features: " + self._features(), *self.notes]

    def _features(self):
        if self.extractor is None:
            return f"none, {self.without or 'as requested'}; no Fréchet distance"
        if not self.extractor["sha256"]:
            return "none needed, since the data are vectors"
        accuracy = self.extractor["accuracy"]
        accuracy = "" if accuracy is None else f", accuracy {accuracy:.1%} on held-out images"
        return f"network “{self.extractor['name']}” (SHA-256 {self.extractor['sha256'][:12]}…{accuracy})"


def _reading(score):
    return READING[score.better] + (f"; {score.note}" if score.note else "")


def _number(value, error=None):
    """Formats a value with four significant digits, and its error with the same number of decimals."""
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    decimals = max(0, 3 - math.floor(math.log10(abs(value))))
    decimals = min(decimals, 5)
    return f"{value:,.{decimals}f}" + (f" ± {error:.{decimals}f}" if error is not None else "")


def _finite(value):
    """Replaces infinite values and NaN by None in a nested value, since JSON has no numbers for them."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
