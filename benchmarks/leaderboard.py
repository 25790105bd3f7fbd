"""Seconds of training until samples are close to the data, as one line of LEADERBOARD.md.

    python benchmarks/leaderboard.py mnist --minutes 30
    python benchmarks/leaderboard.py PHOTOS --goal 20 --goal 12 --minutes 30      # 3,000 photos of CIFAR-10
    python benchmarks/leaderboard.py mnist --minutes 30 --set batch_size=64       # another recipe

The default recipe is trained once for each seed, and judged on the way as time_to_quality.py does it; the clock stands
still meanwhile. Between two judgements the logarithm of the distance is taken as linear in the logarithm of the time. A
run ends at the smallest goal, or when its time is over. Run nothing beside it.
"""

import datetime
import json
import math
import statistics
import subprocess
from pathlib import Path

import click
from time_to_quality import baseline, measure

from keras_gan._utils.files import replace
from keras_gan._utils.machine import processor_flags, processor_name
from keras_gan.distribute import precision
from keras_gan.presets import DEFAULT_PRESET

TIMES_BASELINE = (4.0, 2.0)  # goals where none is given
INSTRUCTIONS = {"AMX": "amx_bf16", "AVX-512": "avx512f", "AVX2": "avx2"}  # with the processor's flag, the best first
BOARD = Path(__file__).with_name("LEADERBOARD.md")
HEAD = """# Leaderboard

    python benchmarks/leaderboard.py mnist

Seconds of training, without evaluation, until the Fréchet distance of 10,000 samples is at most the goal: the median
(smallest to largest) of the seeds. A run that did not reach a goal counts as longer than all others. Lines compare only
on the same processor.

| date | commit | recipe | data | machine | seconds to the first goal | to the second | distance at the end |
|---|---|---|---|---|---|---|---|
"""


def seconds_to(goal: float, rows: list[dict]) -> float:
    """Seconds at which a run reaches a distance, interpolated between its judgements; infinity where it does not."""
    before = None
    for row in rows:
        if row["frechet_distance"] <= goal:
            if before is None:
                return row["seconds"]
            (t0, d0), (t1, d1) = ([math.log(r[key]) for key in ("seconds", "frechet_distance")] for r in (before, row))
            return math.exp(t0 + (t1 - t0) * (d0 - math.log(goal)) / (d0 - d1))
        before = row
    return math.inf


def spread(values: list[float], digits: int) -> str:
    """The median (smallest to largest), or how many are finite."""
    finite = [value for value in values if math.isfinite(value)]
    if 2 * len(finite) <= len(values):
        return f"reached by {len(finite)} of {len(values)}"
    ends = [f"{value:,.{digits}f}" if math.isfinite(value) else "never" for value in (min(values), max(values))]
    return f"{statistics.median(values):,.{digits}f} ({ends[0]} to {ends[1]})"


def line(runs: list[dict], goals: list[float], recipe: str, minutes: float) -> str:
    """The line of these runs of one recipe."""
    instructions = next((name for name, flag in INSTRUCTIONS.items() if flag in processor_flags()), None)
    cores = "one core" if precision.cores() == 1 else f"{precision.cores()} cores"
    machine = processor_name(), instructions, cores, f"{minutes:g} minutes at most"
    cells = [
        datetime.date.today(),
        commit(),
        recipe,
        f"{Path(runs[0]['data']).name}, baseline {runs[0]['baseline']:.2f}",
        ", ".join(filter(None, machine)),
        *(f"{goal:.3g}: {spread([seconds_to(goal, run['rows']) for run in runs], 0)}" for goal in goals),
        spread([run["rows"][-1]["frechet_distance"] for run in runs], 2),
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def commit() -> str:
    """The commit that is measured, with a plus sign where files differ from it."""

    def git(*words):
        return subprocess.run(["git", *words], cwd=BOARD.parent, capture_output=True, text=True, check=True).stdout

    return git("rev-parse", "--short", "HEAD").strip() + "+" * bool(git("status", "--porcelain", "-uno").strip())


def settings(context, parameter, values):
    """Fields of `TrainConfig` from NAME=VALUE, for click; a value is JSON, or else text."""

    def parsed(text):
        try:
            return json.loads(text)
        except ValueError:
            return text

    return {name: parsed(text) for name, _, text in (value.partition("=") for value in values)}


@click.command()
@click.argument("data")
@click.option("--goal", "goals", type=float, multiple=True, help="Distance; 4 and 2 times the baseline by default.")
@click.option("--minutes", default=30.0, show_default=True, help="Of training, at most, for each seed.")
@click.option("--seed", "seeds", type=int, multiple=True, default=[0, 1, 2], show_default=True)
@click.option("--samples", default=10_000, show_default=True, help="To judge each time.")
@click.option("--set", "options", multiple=True, callback=settings, help="A setting of `TrainConfig`, NAME=VALUE.")
@click.option("--recipe", default="the default", show_default=True, help="What the table calls it.")
@click.option("--board", type=click.Path(dir_okay=False, path_type=Path), default=BOARD, help="The file to write.")
def main(data, goals, minutes, seeds, samples, options, recipe, board):
    """Train on DATA, and add a line to the leaderboard."""
    precision.use_threads()
    preset = options.pop("preset", DEFAULT_PRESET)
    real = baseline(data, samples)
    goals = sorted(goals or [times * real for times in TIMES_BASELINE], reverse=True)
    runs = []
    for seed in seeds:
        click.echo(f"seed {seed}", err=True)
        runs.append(measure(preset, data, minutes, seed, samples, goals[-1], **options))
    text = line(runs, goals, recipe, minutes)
    click.echo(text)
    before = board.read_text() if board.exists() else HEAD
    replace(board, lambda draft: draft.write_text(before + text + "\n"))


if __name__ == "__main__":
    main()
