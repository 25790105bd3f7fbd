"""The page of a run: verdict, samples over the steps, curves, scores, exports, settings, in one file for any browser.

Everything is inside the file and nothing is fetched: its own policy forbids it. A part that the run has not got yet is
named at the end, with the command that makes it.
"""

import base64
import dataclasses
import hashlib
import io
import json
import math
import os
import shlex
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import jinja2
import numpy as np

from keras_gan import doctor, sampling
from keras_gan._utils.errors import InputError
from keras_gan._utils.files import kilobytes, replace
from keras_gan._utils.log_names import ACCURACY, DISCRIMINATOR_LOSS, GENERATOR_LOSS
from keras_gan.config import TrainConfig
from keras_gan.plots import inline
from keras_gan.presets import preset
from keras_gan.reporting.drawing import PAGE
from keras_gan.runs import METRICS_FILE, Run, step_of

MOST_FRAMES = 25  # snapshots on the slider
AS_IT_IS_BYTES = 50_000  # larger pictures are packed anew, so that the page can go by mail
WIDEST_PX = 1_100  # as sharp as a phone or a column of text can show
READINGS = {"lower": "lower is better", "higher": "higher is better", "baseline": "as real data"}
REFERENCES = {"test": "of the test split", "half": "of a half of the data, since nothing is held out"}
MARKS = {doctor.ILL: "needs a change", doctor.NOTE: "worth knowing", doctor.WELL: "nothing to do"}
NUMBER, NONE = (int, float), type(None)
# What the page shows of a metrics.json and of an export's report, by name: a type, or several to choose from; the
# entries of a list are of one type.
CARD = {
    "samples": NUMBER,
    "reference": {"count": NUMBER, "split": str},
    "extractor": ({"name": str, "accuracy": (*NUMBER, NONE), "sha256": (str, NONE)}, NONE),
    "scores": [{"label": str, "better": str, "value": (*NUMBER, NONE), "baseline": (*NUMBER, NONE)}],
}
EXPORT = {
    "file": str,
    "size_bytes": NUMBER,
    "quantize": str,
    "mean_error": NUMBER,
    "latency_ms": NUMBER,
    "quality": ({"sliced_wasserstein": NUMBER}, NONE),
}


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture inside the page."""

    uri: str  # data:image/…
    width: int
    height: int
    step: int | None = None  # of a snapshot


@dataclasses.dataclass(frozen=True)
class Curves:
    """Lines that belong together: their title, the columns they come from, how to read them."""

    title: str
    reading: str
    columns: Mapping[str, str]  # label -> column
    table: str = "history"  # a name in runs.TABLES
    limits: tuple[float, float] | None = None


CURVES = (
    Curves(
        "Losses",
        "Neither has to fall: each network is judged by the other one, which learns too.",
        {"discriminator": DISCRIMINATOR_LOSS, "generator": GENERATOR_LOSS},
    ),
    Curves(
        "How well the discriminator tells real from generated",
        "Share of pairs, one real and one generated, that it orders right; 0.5 is chance.",
        {"discriminator": ACCURACY},
        limits=(0.0, 1.0),
    ),
    Curves(
        "What the samples tell",
        "Diversity is 1 where samples differ from one another as real data do. Duplicates have a twin among the "
        "samples, memorised ones in the training data; both are best near 0.",
        {"duplicates": "duplicates", "memorised": "memorised", "diversity": "diversity"},
        table="checks",
    ),
    Curves(
        "Fréchet distance on the way",
        "From few samples, so higher than on the metric card; lower is better.",
        {"Fréchet distance": "frechet_distance"},
        table="evaluations",
    ),
    Curves(
        "Jensen-Shannon divergence, in nats",
        "How far the generator's density is from the data's, exactly, and as the discriminator estimates it on fresh "
        "draws.",
        {"estimated from D": "jsd_estimate", "exact": "jsd_exact"},
        table="theory",
    ),
    Curves(
        "Value of the game",
        "V(D, G) of the discriminator as it is, and −log 4 + 2·JSD, the value of the best one.",
        {"this D": "value", "best D": "value_optimal_D"},
        table="theory",
    ),
)


def write(run: Run, out: str | os.PathLike | None = None) -> Path:
    """Writes the page of a run.

    Args:
        run: the run; one that is still being trained will do.
        out: the .html to write; None for report.html in the run folder. Missing parents are made.

    Returns:
        The file that was written.

    Raises:
        InputError: where a file of the run is damaged, or the page cannot be written.
    """
    path = _check_out(Path(out or run.path / PAGE))
    text = page(run)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, lambda draft: draft.write_text(text, "utf-8", "replace"))
    except OSError as error:
        raise InputError(f"cannot write {path} ({error.strerror}); expected a writable path; give another") from error
    return path


def page(run: Run) -> str:
    """The page of a run as HTML. Raises InputError where a file of the run is damaged."""
    config = run.config
    style, script = _asset("report.css"), _asset("report.js")
    return _template().render(
        policy=_policy(style, script),
        style=style,
        script=script,
        folder=str(run.path),
        name=Path(config.data).name,
        config=config,
        images=len(run.data_shape) == 3,
        step=_step(run),
        facts=_facts(run, config),
        verdicts=doctor.examine(run),
        marks=MARKS,
        meanings=doctor.MEANINGS,
        frames=_frames(run),
        charts=_charts(run),
        gradients=_picture(run.path / "gradients.png"),
        card=_card(run),
        readings=READINGS,
        references=REFERENCES,
        neighbours=_picture(run.path / "neighbours.png"),
        directions=_picture(run.path / "directions.png"),
        exports=_exports(run),
        settings=_settings(run, config),
        command=_command(config),
        missing=_missing(run, config),
    )


# what the page says


def _step(run):
    """Generator updates that the newest checkpoint has seen."""
    return max((step_of(file) for file in run.checkpoints()), default=0)


def _facts(run, config):
    """Short phrases for the line under the title."""
    step, history = _step(run), run.history()
    noun = "images" if len(run.data_shape) == 3 else "points"
    seen = step * config.batch_size * config.discriminator_steps
    return [
        f"{config.preset} recipe",
        f"{step:,} of {config.steps:,} steps",
        f"{seen:,} {noun} seen from a set of {run.data_count:,}",
        *([f"{_duration(float(history['seconds'][-1]))} of training"] if history else []),
    ]


def _duration(seconds):
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _frames(run):
    """The snapshots of a run, the last one unchanged; evenly chosen where they are too many for one page."""
    files = run.samples()
    chosen = np.linspace(0, len(files) - 1, min(len(files), MOST_FRAMES)).round().astype(int)
    frames = [_picture(file, step_of(file), lossless=file is files[-1]) for file in (files[i] for i in chosen)]
    return [frame for frame in frames if frame]


def _charts(run):
    """Pairs of a family of lines that the run has columns of, and the family as it is drawn."""
    pairs = []
    for family in CURVES:
        table = run.columns(family.table)
        columns = {label: table[name] for label, name in family.columns.items() if name in table}
        if columns and (drawn := inline.chart(table["step"], columns, family.limits)):
            pairs.append((family, drawn))
    return pairs


def _card(run):
    """What kgan evaluate measured; None before it did."""
    file = run.path / METRICS_FILE
    card = _read_json(file) if file.exists() else {}
    return card if _is_of(card, CARD) else None


def _exports(run):
    """The reports of the exports in the run folder, without somebody else's files."""
    reports = [_read_json(file) for file in sorted((run.path / "export").glob("*.json"))]
    return [report for report in reports if _is_of(report, EXPORT)]


def _settings(run, config):
    """Rows of the table of settings: name, value."""
    height, width, *_ = config.image_size or (None, None)
    return [
        ("data", config.data),
        ("shape", " × ".join(map(str, run.data_shape))),
        *([("resized to", f"{height} × {width}{', cropped' if config.crop else ''}")] if height else []),
        ("recipe", f"{config.preset}: {preset(config.preset).summary}"),
        ("reference", preset(config.preset).reference),
        ("loss", config.loss),
        ("penalties", _penalties(config)),
        ("steps asked for", f"{config.steps:,}"),
        ("batch size", f"{config.batch_size:,}"),
        ("D steps for one G step", f"{config.discriminator_steps:,}"),
        ("latents", f"{config.latent_dim:,}, {config.latent}"),
        ("D optimizer", _optimizer(config, "discriminator")),
        ("G optimizer", _optimizer(config, "generator")),
        ("seed", config.seed),
        ("keras_gan", _read_json(run.config_file).get("keras_gan", "unknown")),
    ]


def _penalties(config):
    weights = config.penalties.items()
    return ", ".join(f"{name} of weight {_serialized(weight)}" for name, weight in weights) or "none"


def _optimizer(config, side):
    return _serialized(config.optimizer(side))


def _serialized(value):
    """Keras's serialized form of an optimizer, a schedule inside it, or a number, in words."""
    if not isinstance(value, Mapping):
        return f"{value:g}" if isinstance(value, float) else str(value)
    settings = ", ".join(f"{name} {_serialized(inner)}" for name, inner in value["config"].items())
    return f"{value['class_name']} ({settings})"


def _command(config):
    """The command that trains the same run anew."""
    plain = dataclasses.asdict(TrainConfig(config.data, config.preset))
    words = ["kgan", "train", config.data, "--preset", config.preset]
    for name, value in dataclasses.asdict(config).items():
        if value != plain[name]:
            words += [("--no-" if value is False else "--") + name.replace("_", "-"), *_words(value)]
    return shlex.join(words)


def _words(value):
    """A setting as the words that follow its option: none for a flag."""
    if isinstance(value, bool):
        return []
    return ["x".join(map(str, value)) if isinstance(value, tuple) else str(value)]


def _missing(run, config):
    """Pairs of a part that the page could have, and the command that makes it."""
    folder = shlex.quote(str(run.path))
    left = config.steps - _step(run)
    parts = [
        (left > 0, f"The remaining {left:,} steps", f"{_command(config)} --run {folder}"),
        (_card(run) is None, "The metric card", f"kgan evaluate {folder}"),
        (not _exports(run), "An export", f"kgan export {folder} --tflite"),
    ]
    return [(part, command) for absent, part, command in parts if absent]


# how it gets into one file


def _picture(file, step=None, lossless=False):
    """A picture file for the page; None where it is missing or damaged."""
    image = sampling.read(file)
    if image is None:
        return None
    if file.stat().st_size <= AS_IT_IS_BYTES:
        return Picture(_data_uri("image/png", file.read_bytes()), *image.size, step)
    image = image.convert("RGB")
    image.thumbnail((WIDEST_PX, image.height))
    packed = io.BytesIO()
    image.save(packed, "WEBP", lossless=lossless, quality=90)
    return Picture(_data_uri("image/webp", packed.getvalue()), *image.size, step)


def _data_uri(kind, content):
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _read_json(file):
    try:
        values = json.loads(file.read_text("utf-8"), parse_int=_int)
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"{file} is damaged ({error}); expected JSON as it was written; delete it") from error
    return values if isinstance(values, dict) else {}


def _int(digits):
    """A whole number; one that no float holds, and so no format of a float either, as infinity."""
    return int(digits) if abs(float(digits)) < math.inf else float(digits)


def _is_of(value, kind):
    """Whether a value of JSON is of a kind, as CARD and EXPORT describe them."""
    if isinstance(kind, tuple):
        return any(_is_of(value, choice) for choice in kind)
    if isinstance(kind, dict):
        return isinstance(value, dict) and all(name in value and _is_of(value[name], kind[name]) for name in kind)
    if isinstance(kind, list):
        return isinstance(value, list) and all(_is_of(entry, kind[0]) for entry in value)
    return isinstance(value, kind)


def _check_out(path):
    if path.suffix.lower() not in (".html", ".htm") or path.is_dir():
        raise InputError(f"cannot write the page as {path}; expected the name of an .html file; give another --out")
    return path


def _asset(name):
    return resources.files("keras_gan.reporting").joinpath("templates", name).read_text("utf-8")


def _policy(*inline_texts):
    """A Content-Security-Policy that lets the page's own style and script through, and nothing else from anywhere."""
    style, script = (
        "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'" for text in inline_texts
    )
    return f"default-src 'none'; img-src data:; style-src {style}; script-src {script}; base-uri 'none'"


def _template():
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "number": _number,
        "percent": lambda share: f"{share:.2%}",
        "kilobytes": kilobytes,
    }
    return environment.from_string(_asset("report.html"))


def _number(value):
    """A number for a table, with four digits that count."""
    if not isinstance(value, int | float):
        return "–"
    if not math.isfinite(value):
        return "not finite"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
