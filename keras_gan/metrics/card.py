"""The metric card: every metric that applies, for samples and for real images in their place."""

import json
import math
from dataclasses import asdict, dataclass, field

import numpy as np

from keras_gan._utils.choices import lookup
from keras_gan._utils.text import Table, Text
from keras_gan.metrics.definitions import BASELINE, HIGHER, LOWER

READING = {LOWER: "lower is better", HIGHER: "higher is better", BASELINE: "as real images"}


@dataclass(frozen=True)
class Score:
    """One number of the card beside what real images reach at the same count."""

    name: str
    label: str  # for people
    value: float
    baseline: float
    better: str  # "lower", "higher", or "baseline": best where it equals the real images'
    error: float | None = None  # standard error, or standard deviation over subsets, of the value
    note: str = ""


@dataclass(frozen=True)
class Card:
    """All scores of one set of samples, and what they were measured with."""

    data: str
    samples: int  # and as many real images on either side
    reference: dict  # split and count of the real images that the samples are compared with
    seed: int  # of the choice of real images
    extractor: dict | None  # name, sha256, accuracy
    scores: tuple[Score, ...]
    # (2, classes), of each class: samples, real data
    shares: np.ndarray | None = field(default=None, repr=False, compare=False)
    source: str | None = None  # what made the samples
    step: int | None = None  # of the run
    without: str | None = None  # why there is no extractor
    notes: tuple[str, ...] = ()  # what was not measured, or is to be read with care, and why

    def __getitem__(self, name: str) -> Score:
        """The score called `name`."""
        return lookup({score.name: score for score in self.scores}, name, "score", "see card.scores")

    def to_json(self) -> str:
        """The card as indented JSON; numbers that are not finite as null."""
        from keras_gan import __version__

        values = _finite({"keras_gan": __version__, **asdict(self)})
        return json.dumps(values, indent=2, ensure_ascii=False) + "\n"

    def rows(self) -> list[tuple[str, str, str, str]]:
        """The scores as texts: label, value with its error, what real images reach, how to read it."""
        return [(s.label, _number(s.value, s.error), _number(s.baseline), _reading(s)) for s in self.scores]

    def text(self) -> Text:
        """The card for people: what was measured with what, and the scores in a table."""
        return Text([*self.header(), "", Table(self.rows(), ("", "samples", "real images", ""), numbers=(1, 2))])

    def __str__(self):
        return str(self.text())

    def header(self) -> list[str]:
        """What was measured with what, in lines of text."""
        against = {"test": "its test split", "half": "a half of the data (nothing is held out)"}
        lines = [f"{self.samples:,} samples against {self.data}, {against[self.reference['split']]}"]
        if self.source:
            at = "" if self.step is None else f" at step {self.step:,}"
            lines.insert(0, f"{self.source}{at}")
        return [*lines, "features: " + self._features(), *self.notes]

    def _features(self):
        if self.extractor is None:
            return f"none, {self.without or 'as asked'}; no Fréchet distance"
        if not self.extractor["sha256"]:
            return "the vectors themselves"
        accuracy = self.extractor["accuracy"]
        right = "" if accuracy is None else f", {accuracy:.1%} right on held-out images"
        return f"network “{self.extractor['name']}” (SHA-256 {self.extractor['sha256'][:12]}…{right})"


def _reading(score):
    return READING[score.better] + (f"; {score.note}" if score.note else "")


def _number(value, error=None):
    """Four significant digits, and the error to the same decimals."""
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    decimals = max(0, 3 - math.floor(math.log10(abs(value))))
    decimals = min(decimals, 5)
    return f"{value:,.{decimals}f}" + (f" ± {error:.{decimals}f}" if error is not None else "")


def _finite(value):
    """The same nested value with null for what JSON has no number for."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
