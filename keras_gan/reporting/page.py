"""The report page of a run: diagnosis, samples over the steps, curves, scores, exports and settings, in one HTML file.

The file contains everything, and its content security policy forbids requests. Parts that the run does not have yet are
listed at the end, with the commands that create them.
"""

import base64
import dataclasses
import hashlib
import math
import os
import shlex
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import jinja2

from keras_gan import doctor
from keras_gan._utils.errors import InputError
from keras_gan._utils.files import kilobytes, replace
from keras_gan._utils.log_names import ACCURACY, DISCRIMINATOR_LOSS, GENERATOR_LOSS
from keras_gan.plots import inline
from keras_gan.reporting import embedding, records, settings
from keras_gan.reporting.drawing import PAGE
from keras_gan.runs import METRICS_FILE, Run, step_of

READINGS = {"lower": "lower is better", "higher": "higher is better", "baseline": "best at the baseline"}
REFERENCES = {"test": "of the test split", "half": "of one half of the data, since no images are held out"}
MARKS = {doctor.ILL: "needs a change", doctor.NOTE: "note", doctor.WELL: "no action needed"}


@dataclasses.dataclass(frozen=True)
class Curves:
    """Lines of one chart: the title, the columns, and how to read them."""

    title: str
    reading: str
    columns: Mapping[str, str]  # label -> column
    table: str = "history"  # a name in runs.TABLES
    limits: tuple[float, float] | None = None
    points: bool = True  # whether it means something for points on a line too


CURVES = (
    Curves(
        "Losses",
        "Neither loss has to fall, since each depends on the other network, which learns too.",
        {"discriminator": DISCRIMINATOR_LOSS, "generator": GENERATOR_LOSS},
    ),
    Curves(
        "Accuracy of the discriminator",
        "Share of pairs of a real and a generated sample that it orders correctly. 0.5 is chance.",
        {"discriminator": ACCURACY},
        limits=(0.0, 1.0),
    ),
    Curves(
        "Diversity and duplicates of the samples",
        "Diversity is 1 where samples differ from each other as much as real data do. Duplicates are samples that "
        "nearly equal another sample; memorised samples nearly equal a training image. Both are best near 0.",
        {"duplicates": "duplicates", "memorised": "memorised", "diversity": "diversity"},
        table="checks",
        points=False,  # of which every one nearly equals others
    ),
    Curves(
        "Fréchet distance during training",
        "Computed from few samples, so it is higher than on the metric card. Lower is better.",
        {"Fréchet distance": "frechet_distance"},
        table="evaluations",
    ),
    Curves(
        "Jensen-Shannon divergence, in nats",
        "Divergence between the generator's density and the data's: exact, and estimated from the discriminator's "
        "logits on held-out draws.",
        {"estimated": "jsd_estimate", "exact": "jsd_exact"},
        table="theory",
    ),
    Curves(
        "Value of the game",
        "V(D, G) of the trained discriminator, and −log 4 + 2·JSD, the value of the best discriminator.",
        {"trained discriminator": "value", "best discriminator": "value_optimal_D"},
        table="theory",
    ),
)


def write(run: Run, out: str | os.PathLike | None = None) -> Path:
    """Writes the report page of a run.

    Args:
        run: the run, which may still be in training.
        out: the .html file; None for report.html in the run folder. Missing parent folders are created.

    Returns:
        The path of the page.

    Raises:
        InputError: where a file of the run is damaged, or the page cannot be written.
    """
    path = _check_out(Path(out or run.path / PAGE))
    text = page(run)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, lambda draft: draft.write_text(text, "utf-8", "replace"))
    except OSError as error:
        raise InputError(
            f"cannot write {path} ({error.strerror}); expected a writable path. Use another path."
        ) from error
    return path


def page(run: Run) -> str:
    """The report page of a run as HTML. Raises InputError where a file of the run is damaged."""
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
        frames=embedding.snapshots(run),
        charts=_charts(run),
        gradients=embedding.picture(run.path / "gradients.png"),
        card=_card(run),
        readings=READINGS,
        references=REFERENCES,
        neighbours=embedding.picture(run.path / "neighbours.png"),
        directions=embedding.picture(run.path / "directions.png"),
        exports=_exports(run),
        settings=settings.rows(run, config),
        command=settings.command(config),
        missing=_missing(run, config),
        optimum=_optimum(run),
    )


# content of the page


def _step(run):
    """The number of generator updates at the newest checkpoint."""
    return max((step_of(file) for file in run.checkpoints()), default=0)


def _facts(run, config):
    """Short phrases for the line under the title."""
    step, history = _step(run), run.history()
    noun = "images" if len(run.data_shape) == 3 else "points"
    images = step * config.batch_size * config.discriminator_steps
    return [
        f"{config.preset} recipe",
        f"{step:,} of {config.steps:,} steps",
        f"{images:,} {noun} from a data set of {run.data_count:,}",
        *([f"{_duration(float(history['seconds'][-1]))} of training"] if history else []),
    ]


def _duration(seconds):
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _charts(run):
    """Pairs of `Curves` for which the run has columns, and the chart."""
    pairs = []
    on_a_line = run.data_shape == (1,)
    for curves in CURVES:
        if on_a_line and not curves.points:
            continue
        table = run.columns(curves.table)
        columns = {label: table[name] for label, name in curves.columns.items() if name in table}
        if columns and (chart := inline.chart(table["step"], columns, curves.limits)):
            pairs.append((curves, chart))
    return pairs


def _card(run):
    """The metric card of kgan evaluate; None where there is none yet."""
    file = run.path / METRICS_FILE
    return records.read(file, records.Card) if file.exists() else None


def _optimum(run):
    """The numbers of a run on a line next to the exact optimum; None for other runs."""
    if not run.columns("theory"):
        return None
    from keras_gan.reporting import optimum  # it imports SciPy, which other pages do not need

    return optimum.result(run)


def _exports(run):
    """The reports of the exports in the run folder; other JSON files are ignored."""
    reports = (records.read(file, records.Export) for file in sorted((run.path / "export").glob("*.json")))
    return [report for report in reports if report]


def _missing(run, config):
    """Pairs of a part that the page does not have yet, and the command that creates it."""
    folder = shlex.quote(str(run.path))
    remaining = config.steps - _step(run)
    parts = [
        (remaining > 0, f"The remaining {remaining:,} steps", f"{settings.command(config)} --run {folder}"),
        (_card(run) is None, "The metric card", f"kgan evaluate {folder}"),
        (not _exports(run), "An export", f"kgan export {folder} --tflite"),
    ]
    return [(part, command) for absent, part, command in parts if absent]


# how it is written into one file


def _check_out(path):
    if path.suffix.lower() not in (".html", ".htm") or path.is_dir():
        raise InputError(f"cannot write the page as {path}; expected the name of an .html file. Use another --out.")
    return path


def _asset(name):
    return resources.files("keras_gan.reporting").joinpath("templates", name).read_text("utf-8")


def _policy(*inline_texts):
    """A Content-Security-Policy that allows only the page's own style and script, and no requests."""
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
    """A number as text with four significant digits."""
    if not isinstance(value, int | float):
        return "–"
    if not math.isfinite(value):
        return "not finite"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
