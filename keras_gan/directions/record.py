"""Directions in a run folder: directions.json, which holds all of them, and the table that people read."""

import dataclasses
import json

import numpy as np

from keras_gan._utils.errors import InputError, first_line
from keras_gan._utils.files import replace
from keras_gan._utils.text import WIDTH, Table, Text, paragraph
from keras_gan.directions.fitting import CLEAR, KEPT, STEP, Figures, Fitted
from keras_gan.sampling.sliders import CLASS, DIGITS, check_name, from_json

NAME = "directions.json"
FORMAT = 1


def save(fitted: Fitted, run) -> None:
    """Writes directions.json into a `keras_gan.runs.Run`."""
    said = {
        "format": FORMAT,
        "step": fitted.step,
        "latent": fitted.latent,
        "directions": fitted.to_json(),
        "weights": _rounded(fitted.weights),
        "quiet": None if fitted.quiet is None else _rounded(fitted.quiet),
        "figures": {name: dataclasses.asdict(figures) for name, figures in fitted.figures.items()},
        "refused": fitted.refused,
    }
    text = json.dumps(said, indent=1, ensure_ascii=False) + "\n"
    replace(run.path / NAME, lambda draft: draft.write_text(text, "utf-8"))


def _rounded(vectors):
    return {name: [float(f"{value:.{DIGITS}g}") for value in vector] for name, vector in vectors.items()}


def load(run) -> Fitted | None:
    """The directions of a run; None where it has none. Raises InputError where directions.json is damaged."""
    file = run.path / NAME
    if not file.is_file():
        return None
    try:
        return _from_json(json.loads(file.read_text("utf-8")), run.config.latent_dim)
    except Exception as error:  # a damaged file fails anywhere, with any error
        raise InputError(
            f"{file} is damaged ({first_line(error)}); expected what kgan directions wrote; run it again"
        ) from error


def _from_json(said, dim):
    read = from_json(said["directions"], said["latent"], dim)
    weights = _vectors(said["weights"], read.names, dim)
    quiet = None if said["quiet"] is None else _vectors(said["quiet"], read.names, dim)
    figures = {name: _figures(said["figures"][name]) for name in read.names}
    refused = {str(name): str(why) for name, why in said["refused"].items()}
    step = None if said["step"] is None else int(said["step"])
    return Fitted(read.latent, read.sliders, weights, quiet, figures, refused, step)


def _vectors(said, names, dim):
    vectors = {name: np.array(said[name], "float32") for name in names}
    if not all(vector.shape == (dim,) and np.isfinite(vector).all() for vector in vectors.values()):
        raise ValueError(f"its vectors are not {dim} finite numbers each")
    return vectors


def _figures(said):
    return Figures(**{**said, "locks": tuple(map(str, said["locks"]))})


def rename(fitted: Fitted, names: dict[str, str]) -> Fitted:
    """The same directions under other names, such as "smile" for "factor 1".

    Args:
        fitted: the directions.
        names: present name -> new name.

    Raises:
        InputError: for a name that is none of them, cannot be a name, or is taken.
    """
    for old, new in names.items():
        slider = fitted[old]
        if new in fitted.names or not check_name(new):
            raise InputError(f"the new name {new!r:.70} for {slider.name}; expected a short one that is free")
    if len(set(names.values())) < len(names):
        raise InputError(f"one new name for two of {', '.join(names)}; expected different ones")

    def renamed(table):
        return {names.get(key, key): value for key, value in table.items()}

    def figures(one):
        tables = {key: renamed(getattr(one, key)) for key in ("alone", "cross_talk", "cross_talk_range")}
        return dataclasses.replace(one, **tables, locks=tuple(names.get(lock, lock) for lock in one.locks))

    return dataclasses.replace(
        fitted,
        sliders=tuple(dataclasses.replace(s, name=names.get(s.name, s.name)) for s in fitted.sliders),
        weights=renamed(fitted.weights),
        quiet=fitted.quiet and renamed(fitted.quiet),
        figures=renamed({name: figures(one) for name, one in fitted.figures.items()}),
    )


# the table ------------------------------------------------------------------------------------------------------------


def table(fitted: Fitted) -> Text:
    """What was found: a row for each slider, what the columns mean, and the attributes that got no slider."""
    judged = any(one.class_kept is not None for one in fitted.figures.values())
    head = ("slider", "R²", "a step", "whole way", "cross-talk", "unlocked", *(["class kept"] if judged else []))
    rows = [_row(slider, fitted.figures[slider.name], judged) for slider in fitted.sliders]
    found = [Table(rows, head, numbers=range(1, len(head))), "", *_legend(judged)] if rows else ["no direction works"]
    refused = "; ".join(f"{name} ({why})" for name, why in fitted.refused.items())
    return Text([*found, *(["", paragraph(f"no slider, for too little effect: {refused}")] if refused else [])])


def _row(slider, one, judged):
    return [
        f"{slider.name} ±{slider.limit:g}",
        "" if one.r2 is None else f"{one.r2:.2f}",
        "" if one.own_step is None else f"{one.own_step:+.2f}",
        "" if one.own_range is None else f"{one.own_range:+.2f}",
        _worst(one.cross_talk, one.locks),
        _worst(one.alone, one.locks),
        *([f"{one.class_kept:.0%}, {one.clear_kept:.0%}, {one.clear_kept_range:.0%}"] if judged else []),
    ]


def _worst(shares, locks):
    """The largest share of a locked attribute, and of which."""
    considered = {name: share for name, share in shares.items() if name in locks}
    if not considered:
        return "nothing locked"
    name = max(considered, key=lambda key: abs(considered[key]))
    return f"{considered[name]:+.2f} {name}"


def _legend(judged):
    """What the columns mean."""
    meanings = [
        ("R²", "of the regression on z, on held-out samples"),
        ("a step", f"what {STEP:g} standard deviations change"),
        ("whole way", "what changes from one end of the slider to the other"),
        ("cross-talk", "the largest change of a locked attribute for a change of 1 of its own"),
        ("unlocked", "the same with nothing locked"),
    ]
    if judged:
        meanings.append(
            (
                "class kept",
                f"share of images that keep their class after one step: of all images, of those with a class of "
                f"{CLEAR:.0%} or more, and of these at the ends of the slider, where {KEPT:.0%} keep it if {CLASS} is "
                "locked",
            )
        )
    yield Table(meanings, width=WIDTH)
