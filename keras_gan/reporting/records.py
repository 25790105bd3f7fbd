"""What the report page shows of metrics.json and of the reports of exports. It ignores the other entries."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from keras_gan._utils.errors import InputError, field_first

T = TypeVar("T")
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


@dataclass(frozen=True)
class Reference:
    """The real images with which samples were compared."""

    count: Count
    split: str  # "test" or "half"


@dataclass(frozen=True)
class Extractor:
    """The network whose features were compared."""

    name: str
    accuracy: float | None
    sha256: str | None


@dataclass(frozen=True)
class Score:
    """One metric of the samples, next to its baseline."""

    label: str
    better: str  # "lower", "higher" or "baseline"
    value: float | None
    baseline: float | None
    error: float | None = None
    note: str | None = None


@dataclass(frozen=True)
class Card:
    """The metric card that kgan evaluate writes."""

    samples: Count
    reference: Reference
    extractor: Extractor | None
    scores: tuple[Score, ...]
    step: Count | None = None


@dataclass(frozen=True)
class Quality:
    """How far an export's samples are from Keras's."""

    sliced_wasserstein: float


@dataclass(frozen=True)
class Export:
    """The report of an export."""

    file: str
    size_bytes: Count
    quantize: str
    mean_error: float
    latency_ms: float
    quality: Quality | None


def read(file: Path, kind: type[T]) -> T | None:
    """The content of a JSON file as a `Card`, an `Export` or a dict; None where it has another form.

    Raises InputError where it cannot be read as JSON.
    """
    try:
        # Read by json, since msgspec's reader takes no paths that are not UTF-8.
        return msgspec.convert(json.loads(file.read_text("utf-8")), kind)
    except msgspec.ValidationError:
        return None
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(
            f"{file} is damaged ({field_first(error)}); expected JSON as it was written. Delete it."
        ) from error
