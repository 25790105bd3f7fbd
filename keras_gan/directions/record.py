"""Directions in a run folder: directions.json, which holds all of them, and a table as text."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np

from keras_gan._utils.errors import InputError, field_first
from keras_gan._utils.files import replace
from keras_gan._utils.text import WIDTH, Block, Table, Text, paragraph
from keras_gan.directions.fitting import CLEAR, LEAST_KEPT, STEP, Fitted, Measurements
from keras_gan.sampling import sliders
from keras_gan.sampling.sliders import CLASS, DIGITS, Sliders, check_name

NAME = "directions.json"
FORMAT = 1
LARGEST = float(np.finfo("float32").max)
Vectors = dict[str, list[Annotated[float, msgspec.Meta(ge=-LARGEST, le=LARGEST)]]]  # of weights, by name


@dataclass(frozen=True)
class Content:
    """The content of directions.json."""

    step: int | None
    latent: str
    directions: Sliders
    weights: Vectors
    class_preserving: Vectors | None
    measurements: dict[str, Measurements]
    rejected: dict[str, str]
    format: int = FORMAT

    def __post_init__(self):
        names = {slider.name for slider in self.directions}
        for table in (self.weights, self.measurements, self.class_preserving):
            if table is not None and (missing := names - table.keys()):
                raise ValueError(f"the weights or measurements of {', '.join(sorted(missing))} are missing")


def save(fitted: Fitted, run) -> None:
    """Writes directions.json into a `keras_gan.runs.Run`."""
    content = {
        "format": FORMAT,
        "step": fitted.step,
        "latent": fitted.latent,
        "directions": fitted.to_json(),
        "weights": _rounded(fitted.weights),
        "class_preserving": None if fitted.class_preserving is None else _rounded(fitted.class_preserving),
        "measurements": {name: dataclasses.asdict(measurements) for name, measurements in fitted.measurements.items()},
        "rejected": fitted.rejected,
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    replace(run.path / NAME, lambda draft: draft.write_text(text, "utf-8"))


def _rounded(vectors):
    return {name: [float(f"{value:.{DIGITS}g}") for value in vector] for name, vector in vectors.items()}


def load(run) -> Fitted | None:
    """The directions of a run; None where it has none. Raises InputError where directions.json is damaged."""
    file = run.path / NAME
    if not file.is_file():
        return None
    try:
        content = msgspec.json.decode(file.read_bytes(), type=Content, dec_hook=sliders.to_vector)
        return _fitted(content, run.config.latent_dim)
    except (OSError, RecursionError, ValueError) as error:
        raise InputError(
            f"{file} is damaged ({field_first(error)}); expected a file that kgan directions wrote. Run kgan "
            "directions again."
        ) from error


def _fitted(content, dim):
    found = sliders.check(content.directions, content.latent, dim)
    preserving = content.class_preserving
    return Fitted(
        found.latent,
        found.sliders,
        _vectors(content.weights, found.names, dim),
        None if preserving is None else _vectors(preserving, found.names, dim),
        {name: content.measurements[name] for name in found.names},
        content.rejected,
        content.step,
    )


def _vectors(stored, names, dim):
    vectors = {name: np.array(stored[name], "float32") for name in names}
    if not all(len(vector) == dim for vector in vectors.values()):
        raise ValueError(f"its vectors are not of {dim} numbers each")
    return vectors


def rename(fitted: Fitted, names: dict[str, str]) -> Fitted:
    """The same directions under other names, such as "smile" for "factor 1".

    Args:
        fitted: the directions.
        names: present name -> new name.

    Returns:
        The renamed directions.

    Raises:
        InputError: for a name that is unknown, taken or not allowed.
    """
    for old, new in names.items():
        slider = fitted[old]
        if new in (*fitted.names, CLASS) or not check_name(new):
            raise InputError(
                f"the new name {new!r:.70} for {slider.name}; expected a short name that no slider has. Use another "
                "name."
            )
    if len(set(names.values())) < len(names):
        raise InputError(f"one new name for two of {', '.join(names)}; expected different names. Use another name.")

    def renamed(table):
        return {names.get(key, key): value for key, value in table.items()}

    def measurements(one):
        tables = {key: renamed(getattr(one, key)) for key in ("unlocked", "cross_talk", "cross_talk_range")}
        return dataclasses.replace(one, **tables, locks=tuple(names.get(lock, lock) for lock in one.locks))

    return dataclasses.replace(
        fitted,
        sliders=tuple(dataclasses.replace(s, name=names.get(s.name, s.name)) for s in fitted.sliders),
        weights=renamed(fitted.weights),
        class_preserving=fitted.class_preserving and renamed(fitted.class_preserving),
        measurements=renamed({name: measurements(one) for name, one in fitted.measurements.items()}),
    )


# the table ------------------------------------------------------------------------------------------------------------


def table(fitted: Fitted) -> Text:
    """The sliders: a row for each of them, the meaning of the columns, and the rejected attributes."""
    with_classes = any(one.class_kept is not None for one in fitted.measurements.values())
    with_accuracy = any(one.accuracy is not None for one in fitted.measurements.values())
    head = (
        "slider",
        "R²",
        "a step",
        "full range",
        "cross-talk",
        "without locks",
        *(["classifier"] if with_accuracy else []),
        *(["class preserved"] if with_classes else []),
    )
    measured = [(slider, fitted.measurements[slider.name]) for slider in fitted.sliders]
    rows = [_row(slider, one, with_accuracy, with_classes) for slider, one in measured]
    found: list[Block] = ["no attribute has a direction that works"]
    if rows:
        found = [Table(rows, head, numbers=range(1, len(head))), "", *_legend(with_accuracy, with_classes)]
    rejected = "; ".join(f"{name} ({why})" for name, why in fitted.rejected.items())
    if rejected:
        found += ["", paragraph(f"rejected attributes: {rejected}")]
    return Text(found)


def _row(slider, one, with_accuracy, with_classes):
    return [
        f"{slider.name} ±{slider.limit:g}",
        "" if one.r2 is None else f"{one.r2:.2f} of {one.largest_r2:.2f}",
        "" if one.own_step is None else f"{one.own_step:+.2f}",
        "" if one.own_range is None else f"{one.own_range:+.2f}",
        _worst(one.cross_talk, one.locks),
        _worst(one.unlocked, one.locks),
        *(["" if one.accuracy is None else f"{one.accuracy:.0%}"] if with_accuracy else []),
        *([f"{one.class_kept:.0%}, {one.clear_kept:.0%}, {one.clear_kept_range:.0%}"] if with_classes else []),
    ]


def _worst(shares, locks):
    """The largest share of a locked attribute, and the name of that attribute."""
    considered = {name: share for name, share in shares.items() if name in locks}
    if not considered:
        return "nothing locked"
    name = max(considered, key=lambda key: abs(considered[key]))
    return f"{considered[name]:+.2f} {name}"


def _legend(with_accuracy, with_classes):
    meanings = [
        ("R²", "of the regression of the attribute on z, on held-out samples, and the largest that is possible"),
        ("a step", f"change of the attribute, in standard deviations, after a step of {STEP:g}"),
        ("full range", "the same from one end of the slider to the other"),
        ("cross-talk", "largest change of a locked attribute, as a share of the slider's own"),
        ("without locks", "the same where nothing is locked"),
    ]
    if with_accuracy:
        meanings.append(("classifier", "balanced accuracy of the attribute's classifier on held-out real images"))
    if with_classes:
        meanings.append(
            (
                "class preserved",
                "share of images that keep their class after one step: of all images, of images with a clear class "
                f"(probability {CLEAR:.0%} or more), and of those at the ends of the slider. The ends are where "
                f"{LEAST_KEPT:.0%} keep their class, if {CLASS} is locked",
            )
        )
    yield Table(meanings, width=WIDTH)
