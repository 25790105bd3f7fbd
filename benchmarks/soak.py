"""Whether a long run stays as it began: memory, open files, threads, disk use and speed of a real `kgan train`.

    python benchmarks/soak.py                             # an hour; writes soak.png here
    python benchmarks/soak.py --minutes 240 --out soak.json
    python benchmarks/soak.py --judge soak.json           # judges and draws the numbers of an earlier run

It trains on more images than are held in memory: PNG files of digits, 64×64, linked to one another. The run draws
samples, saves, checks and evaluates as it goes, and is looked at from outside every few seconds, from its first step
until Ctrl-C ends it. The beginning, a tenth of the time, is not judged. Then each series has a trend, the median slope
between any two looks (Theil and Sen; Sen 1968, JASA 63), for an hour; and a change, from the median of the first tenth
to that of the last, which also sees what happens late; both in percent. A run is flat where neither is worse than the
tolerance: more memory, files, threads and disk, or less speed; and where it drops old checkpoints. Exit status 0 says
that it is, 1 that it is not. Run nothing beside it, and for an hour at least: what a few minutes of noise would be in
an hour says nothing.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from keras_gan._utils.files import replace

SIZE = 64  # pixels on a side
WARM_UP = 0.1  # of the time
SETTLED_S = 150.0  # until then the two checkpoints that a run saves, of a minute each, are not both there
LEAST_MINUTES = 4.0
CALIBRATION_STEPS, COMPILATION_STEPS = 40, 10
RESERVE = 1.5  # of steps, so that training does not end before its time
EVALUATIONS = 20
PATIENCE_S = 600.0  # for reading the folder, and for saving and drawing at the end
SERIES = {  # label, and the sign of the change for the worse
    "memory_mb": ("memory, MB", 1),
    "handles": ("open files", 1),
    "threads": ("threads", 1),
    "disk_mb": ("disk without samples, MB", 1),
    "images_per_s": ("images/s", -1),
}


# the run -------------------------------------------------------------------------------------------------------


def fill(folder: Path) -> None:
    """Puts more images into `folder` than are held in memory, without classes."""
    import growth

    from keras_gan.data.source import MEMORY_LIMIT_BYTES

    (folder / "all").mkdir(parents=True)  # one folder more, since subfolders are classes
    growth.fill(folder / "all", MEMORY_LIMIT_BYTES // SIZE**2 + 1)


def start(images: Path, run: Path, steps: int, *options) -> subprocess.Popen:
    """`kgan train` in a process of its own, whose words go to a file beside the run."""
    kgan = Path(sys.executable).with_name("kgan")
    command = [kgan, "train", images, "--image-size", SIZE, "--steps", steps, "--run", run, *options]
    with open(run.with_suffix(".log"), "w") as log:
        return subprocess.Popen(list(map(str, command)), stdout=log, stderr=log)


def finish(process: subprocess.Popen, run: Path) -> int:
    """The exit status, which is 0, or 130 after Ctrl-C; stops with the process's words at any other."""
    try:
        status = process.wait(PATIENCE_S)
    finally:
        process.kill()
    if status not in (0, 130):
        sys.exit(f"kgan train ended with status {status}:\n{run.with_suffix('.log').read_text()}")
    return status


def rows(run: Path) -> list[dict]:
    """Seconds since the first step and images/s of each row of history.csv."""
    from keras_gan.runs import Run

    history = Run(run).history()
    names = ("seconds", "images_per_s")
    return [dict(zip(names, map(float, row), strict=True)) for row in zip(*map(history.get, names), strict=True)]


def calibrate(images: Path, run: Path, minutes: float) -> int:
    """More steps than this machine takes in so many minutes, from the speed of a short run."""
    from keras_gan.runs import Run

    finish(start(images, run, CALIBRATION_STEPS), run)
    images_per_s = np.median([row["images_per_s"] for row in rows(run)[COMPILATION_STEPS:]])
    return int(RESERVE * 60 * minutes * images_per_s / Run(run).config.batch_size)


def look(process, run: Path) -> dict:
    """Memory, handles and threads of a `psutil.Process`, and what its run takes on the disk at this moment."""
    files = [file for file in run.rglob("*") if file.parent.name != "samples"]
    sizes = []
    for file in files:
        try:
            sizes.append(file.stat().st_size)
        except FileNotFoundError:  # a draft that has been moved into its place since
            continue
    return {
        "memory_mb": process.memory_info().rss / 1e6,
        "handles": process.num_fds(),
        "threads": process.num_threads(),
        "disk_mb": sum(sizes) / 1e6,
        "checkpoints": sum(file.parent.name == "checkpoints" for file in files),
    }


def watch(process: subprocess.Popen, run: Path, seconds: float, every_s: float) -> list[dict]:
    """Looks at the process from its first step on, until the time is over or it has ended."""
    import psutil

    outside = psutil.Process(process.pid)
    deadline = time.monotonic() + PATIENCE_S
    while not any(run.glob("samples/*.png")):  # which are first drawn when the data are open and the networks built
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            sys.exit(f"kgan train did not begin:\n{run.with_suffix('.log').read_text()}")
        time.sleep(0.1)
    begun, looks = time.monotonic(), []
    while process.poll() is None and (passed := time.monotonic() - begun) < seconds:
        try:
            looks.append({"seconds": passed, **look(outside, run)})
        except psutil.NoSuchProcess:  # it ended while it was looked at
            break
        time.sleep(every_s)
    return looks


def measure(minutes: float, every_s: float) -> dict:
    """A run's looks and rows."""
    with tempfile.TemporaryDirectory() as folder:
        images, run = Path(folder) / "images", Path(folder) / "soak"
        fill(images)
        steps = calibrate(images, Path(folder) / "calibration", minutes)
        process = start(images, run, steps, "--evaluate-every", max(1, steps // EVALUATIONS))
        looks = watch(process, run, 60 * minutes, every_s)
        process.send_signal(signal.SIGINT)
        status = finish(process, run)
        kept = len(list(run.glob("checkpoints/*")))
        return {"steps": steps, "status": status, "kept": kept, "looks": looks, "rows": rows(run)}


# the judgement -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """One series: its median, and its trend for an hour and its change from first to last, both in percent."""

    name: str
    median: float
    trend: float
    change: float
    flat: bool


def settled(points: list[dict], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Hours and values of a series after its beginning."""
    seconds = np.array([point["seconds"] for point in points])
    judged = seconds >= max(WARM_UP * seconds.max(initial=0), SETTLED_S)
    if judged.sum() < 2:
        sys.exit(f"too short a run: expected one of {LEAST_MINUTES:g} minutes or more; raise --minutes")
    return seconds[judged] / 3600, np.array([point[name] for point in points])[judged]


def judge(name: str, points: list[dict], tolerance: float) -> Verdict:
    """Whether a series is flat, give or take `tolerance` percent."""
    from scipy.stats import theilslopes

    hours, values = settled(points, name)
    median = float(np.median(values))
    tenth = max(1, len(values) // 10)
    first, last = np.median(values[:tenth]), np.median(values[-tenth:])
    trend = 100 * float(theilslopes(values, hours).slope) / median
    change = 100 * float(last / first - 1)
    worse = SERIES[name][1] * np.array([trend, change])
    return Verdict(name, median, trend, change, bool((worse <= tolerance).all()))


def verdicts(record: dict, tolerance: float) -> list[Verdict]:
    """One for each series."""
    return [judge(name, record["rows" if name == "images_per_s" else "looks"], tolerance) for name in SERIES]


def drops_checkpoints(record: dict) -> bool:
    """Whether there were never more checkpoints than are kept, and the one that is being written."""
    from keras_gan.runs.checkpoints import NEWEST

    most = max(look["checkpoints"] for look in record["looks"])
    return record["kept"] <= NEWEST and most <= NEWEST + 1


def table(record: dict, judged: list[Verdict], tolerance: float) -> str:
    """The judgement in a few lines."""
    end = "Ctrl-C" if record["status"] == 130 else "its last step"
    hours, _ = settled(record["looks"], "memory_mb")
    lines = [
        f"training ended by {end}; {len(record['looks'])} looks, {len(record['rows'])} rows of history.csv; "
        f"minutes {60 * hours[0]:.1f} to {60 * hours[-1]:.1f} are judged",
        "",
        f"{'':26}{'median':>10}{'trend an hour':>16}{'first to last':>16}",
    ]
    for one in judged:
        verdict = "flat" if one.flat else "NOT FLAT"
        numbers = f"{one.median:10,.1f}{one.trend:+14.1f} %{one.change:+14.1f} %"
        lines.append(f"{SERIES[one.name][0]:26}{numbers}   {verdict}")
    most = max(look["checkpoints"] for look in record["looks"])
    verdict = "dropped" if drops_checkpoints(record) else "NOT DROPPED"
    lines.append(f"{'checkpoints':26}at most {most} at once, {record['kept']} at the end: old ones are {verdict}")
    return "\n".join([*lines, "", f"flat: not worse by more than {tolerance:g} %, in neither column"])


def draw(record: dict, judged: list[Verdict], picture: Path) -> None:
    """Each series over the time; what is not judged in grey, with the median of what is."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.7 * len(judged)), layout="constrained")
    for axes, one in zip(figure.subplots(len(judged), sharex=True), judged, strict=True):
        points = record["rows" if one.name == "images_per_s" else "looks"]
        hours, values = settled(points, one.name)
        every = [[point[key] for point in points] for key in ("seconds", one.name)]
        axes.plot(np.array(every[0]) / 60, every[1], color="0.75", linewidth=1)
        axes.plot(60 * hours, values, color="C0" if one.flat else "C3", linewidth=1)
        axes.axhline(one.median, color="black", linewidth=0.8, linestyle=":")
        axes.set_ylim(0, 1.3 * max(every[1]))
        axes.yaxis.get_major_locator().set_params(integer=True)
        words = f"{SERIES[one.name][0]}: {one.trend:+.1f} % an hour, {one.change:+.1f} % from first to last"
        axes.set_title(words if one.flat else f"{words}: NOT FLAT", fontsize=9, loc="left")
        axes.grid(alpha=0.3)
    axes.set_xlabel("minutes of training")
    replace(picture, lambda draft: figure.savefig(draft, format="png", dpi=120))


@click.command()
@click.option("--minutes", type=click.FloatRange(LEAST_MINUTES), default=60.0, show_default=True, help="Of training.")
@click.option("--every", "every_s", default=5.0, show_default=True, help="Seconds between two looks.")
@click.option("--tolerance", default=5.0, show_default=True, help="Percent for the worse that still count as flat.")
@click.option("--out", type=click.Path(dir_okay=False), help="The .json to write; the .png lies beside it.")
@click.option("--judge", "earlier", type=click.Path(exists=True), help="Judge this .json, and train nothing.")
def main(minutes, every_s, tolerance, out, earlier):
    """Train for a long time, and say whether memory, open files, threads, disk use and speed stay the same."""
    record = json.loads(Path(earlier).read_text()) if earlier else measure(minutes, every_s)
    if out and not earlier:
        replace(Path(out), lambda draft: draft.write_text(json.dumps(record)))
    judged = verdicts(record, tolerance)
    click.echo(table(record, judged, tolerance))
    draw(record, judged, Path(out or earlier or __file__).with_suffix(".png"))
    sys.exit(not (all(one.flat for one in judged) and drops_checkpoints(record)))


if __name__ == "__main__":
    main()
