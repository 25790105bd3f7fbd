"""The run folder: config, history, samples, checkpoints; written so that a kill at any moment leaves it whole.

config.json                 the settings, written before step one
data.json                   names, labels and sizes of the data, so that changed ones are noticed (data.fingerprint)
history.csv                 one row an interval: step, seconds, images per second, losses
checks.csv                  one row a check: step, and what the samples tell (keras_gan.doctor)
theory.csv                  of data on a line, one row a snapshot: step, divergences, values, gradients
gradients.png               of data on a line: what either generator loss gives G
samples/step_0000000.png    the same latents at every snapshot
curves.png                  both errors over the steps
progress.gif                the samples in a row
directions.json             the sliders of the generator (keras_gan.directions); directions.png shows them
report.html                 all of it as one page (keras_gan.reporting.page)
events/                     TensorBoard
checkpoints/step_0000000.npz   (keras_gan.runs.checkpoints)
export/
"""

import contextlib
import dataclasses
import json
import os
import socket
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_gan._utils.errors import InputError, Notice, first_line, printable
from keras_gan._utils.files import drafts, replace
from keras_gan.config import TrainConfig
from keras_gan.data import Source, fingerprint
from keras_gan.runs import checkpoints, tables
from keras_gan.runs.events import Events

CONFIG, DATA, METRICS_FILE = "config.json", "data.json", "metrics.json"
FACTS = ("data_shape", "data_count", "num_classes", "class_names")  # what config.json says of the data
LARGEST_SIDE, LARGEST_COUNT, MOST_CLASSES = 2**20, 2**63 - 1, 2**16  # no run has more; networks of more fill the memory


class Run:
    """A run folder on disk.

    Args:
        path: the folder, which holds a config.json. `Run.create` makes one.

    Raises:
        InputError: where the folder is not a run.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        if not self.config_file.is_file():
            raise InputError(f"{self.path} is not a run folder (no config.json); expected one that kgan train made")

    @classmethod
    def create(cls, path: str | os.PathLike, config: TrainConfig, source: Source) -> "Run":
        """Opens the run in `path`, or makes it; one with other settings or data is refused with the differences."""
        folder = Path(path)
        if (folder / CONFIG).is_file():
            run = cls(folder)
            changes = run._changes(source)
            run._check_settings(config, source, fewer_is_fine=config.skip_damaged and changes == [])
            run._check_data(changes)
        elif folder.exists() and (not folder.is_dir() or any(not f.name.startswith(".") for f in folder.iterdir())):
            raise InputError(
                f"{folder} exists and is not a run folder; expected a run or a new folder; give another --run"
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / CONFIG).is_file():
                names = source.class_names and source.class_names[: source.num_classes]
                facts = (source.shape, source.count, source.num_classes, names)
                _write_settings(folder, config, dict(zip(FACTS, facts, strict=True)))
            if not (folder / DATA).is_file():  # also in a run of a version that wrote none
                text = json.dumps(fingerprint.of_source(source))
                replace(folder / DATA, lambda draft: draft.write_text(text, "utf-8"))
            for name in ("samples", "checkpoints"):
                (folder / name).mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(
                f"cannot make {folder} ({error.strerror}); expected a writable place; give another --run"
            ) from error
        return cls(folder)

    @property
    def config_file(self) -> Path:
        return self.path / CONFIG

    @property
    def history_file(self) -> Path:
        return self.path / "history.csv"

    @property
    def config(self) -> TrainConfig:
        """The settings. Raises InputError where config.json is damaged."""
        return TrainConfig.from_dict(self._settings("config"))

    @property
    def data_shape(self) -> tuple[int, ...]:
        """Shape of one image, or vector, that the run's networks are built for."""
        shape = self._settings("data_shape")
        sizes = shape if isinstance(shape, list) and len(shape) in (1, 3) else [shape]
        return tuple(self._checked("data_shape", size, LARGEST_SIDE) for size in sizes)

    @property
    def data_count(self) -> int:
        """How many data the run trains on."""
        return self._checked("data_count", self._settings("data_count"), LARGEST_COUNT)

    @property
    def num_classes(self) -> int | None:
        """How many classes the run's data have; None where they have none."""
        classes = self._settings("num_classes")
        return None if classes is None else self._checked("num_classes", classes, MOST_CLASSES)

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """What the run's data call their classes; None where that is not known."""
        names = self._settings("class_names")
        if names is None:
            return None
        if not isinstance(names, list) or len(names) != self.num_classes or not all(isinstance(n, str) for n in names):
            raise InputError(f"{self.config_file} is damaged (class_names is {names!r:.80}); restore it")
        return tuple(map(printable, names))

    def extend(self, config: TrainConfig) -> None:
        """Writes `config`, whose `steps` may differ from those that the run was started with."""
        if config != self.config:
            _write_settings(self.path, config, {name: self._settings(name) for name in FACTS})

    def _settings(self, key):
        try:
            return json.loads(self.config_file.read_text("utf-8"))[key]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(
                f"{self.config_file} is damaged ({error}); expected what kgan train wrote; restore it"
            ) from error

    def _checked(self, key, size, largest):
        if type(size) is not int or not 1 <= size <= largest:
            raise InputError(
                f"{self.config_file} is damaged ({key} is {self._settings(key)!r:.80}); expected whole numbers from 1 "
                f"to {largest:,}; restore it"
            )
        return size

    def _check_settings(self, config, source, fewer_is_fine=False):
        """Refuses other settings. Of the same files there may be fewer images, where damaged ones are left out."""
        differences = self.config.differences(config)
        facts = {"data_shape": list(source.shape), "data_count": source.count}
        if fewer_is_fine and source.count < self.data_count:
            del facts["data_count"]
        if config.conditional:
            facts["num_classes"] = source.num_classes
        for key, now in facts.items():
            if self._settings(key) != now:
                differences.append(f"{key}: {self._settings(key)} -> {now}")
        if differences:
            raise InputError(
                f"{self.path} was started with other settings ({'; '.join(differences)}); expected the same; "
                "repeat them, or give another --run"
            )

    def _changes(self, source) -> list[str]:
        """What has changed in the data since the run was started; of a run of an earlier version, in their classes."""
        names = source.class_names and source.class_names[: source.num_classes]
        if not (self.path / DATA).is_file():
            return fingerprint.renamed(self.class_names, names) if names and self.class_names else []
        try:
            before = json.loads((self.path / DATA).read_text("utf-8"))
            return fingerprint.differences(before, fingerprint.of_source(source))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(
                f"{self.path / DATA} is damaged ({first_line(error)}); expected what kgan train wrote; restore it, or "
                "delete it to go on without comparing the data"
            ) from error

    def _check_data(self, changes):
        if changes:
            raise InputError(
                f"the data of {self.path} have changed since it was started ({'; '.join(changes)}); expected the same "
                "data; restore them, or start a new run with another --run"
            )

    @contextlib.contextmanager
    def lock(self):
        """Holds the run for this process. Raises InputError, naming the holder, where another one has it."""
        import filelock

        holder = self.path / ".holder"
        lock = filelock.FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            who = holder.read_text("utf-8") if holder.exists() else "another process"
            raise InputError(
                f"{self.path} is in use by {who}; expected a free run; wait for it, or give another --run"
            ) from error
        try:
            holder.write_text(f"process {os.getpid()} on {socket.gethostname()}", "utf-8")
            yield
        finally:
            lock.release()

    # checkpoints

    def checkpoints(self) -> list[Path]:
        """Checkpoint files, oldest first."""
        return _by_step(self.path / "checkpoints", ".npz")

    def save(self, gan, beside: Mapping[str, np.ndarray] | None = None) -> None:
        """Writes the whole state of training; see `store`. `beside` holds what callbacks want to find again."""
        self.store(gan.step, checkpoints.values(gan), beside)

    def store(self, step: int, arrays: Mapping[str, np.ndarray], beside: Mapping[str, np.ndarray] | None = None):
        """Writes a checkpoint, then drops all but the newest ones. One that is not finite is not written."""
        if not checkpoints.is_finite(arrays):
            warnings.warn(
                Notice(f"the weights of step {step:,} are not finite; they are not saved over those before"),
                stacklevel=2,
            )
            return
        named = {f"{checkpoints.BESIDE}{name}": array for name, array in (beside or {}).items()}
        checkpoints.write(_step_file(self.path / "checkpoints", step, ".npz"), {**arrays, **named})
        for old in self.checkpoints()[: -checkpoints.KEPT]:
            old.unlink()

    def restore(self, gan) -> dict[str, np.ndarray]:
        """Puts the newest checkpoint into `gan`, and returns what was saved beside it; errors as in `newest`."""
        arrays, beside = self.newest(gan)
        checkpoints.assign(gan, arrays)
        return beside

    def newest(self, gan) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """The newest checkpoint that is whole: what `checkpoints.assign` takes, and what was saved beside it.

        Warns, as a `Notice`, of a damaged one that it passed over.

        Raises:
            InputError: where there is none, all are damaged, or they are those of another network.
        """
        file, found = self._newest_whole()
        arrays, beside = checkpoints.parted(found)
        if not checkpoints.fits(arrays, checkpoints.state(gan)):
            raise InputError(
                f"{file} holds another network than {self.config_file} describes; expected one run in one folder; "
                "use the version of keras_gan that made it, or give another --run"
            )
        return arrays, beside

    def _newest_whole(self):
        damages = []
        for file in reversed(self.checkpoints()):
            try:
                found = checkpoints.read(file)
            except InputError as damage:
                damages.append(damage)
                continue
            if damages:
                warnings.warn(Notice(f"{damages[0]}; {file.stem}, the one before, is taken"), stacklevel=4)
            return file, found
        if damages:
            raise InputError(f"{damages[0]}; no other is left: delete {self.path / 'checkpoints'} to start anew")
        raise InputError(f"{self.path} has no checkpoint yet; expected a run that was trained; run kgan train first")

    # tables

    def history(self) -> tables.Columns:
        """Columns of history.csv by name; empty where nothing was logged yet."""
        return self.columns("history")

    def columns(self, table: str) -> tables.Columns:
        """Columns, by name, of a table in TABLES; empty where it has no rows yet."""
        file = self._table_file(table)
        header, rows = tables.read(file)
        named = zip(header, zip(*rows, strict=True), strict=True) if rows else ()
        return tables.Columns(file, {name: np.array(column) for name, column in named})

    def _table_file(self, table):
        return self.path / f"{table}.csv"

    def append_history(self, row: dict[str, float]) -> None:
        """Adds one row to history.csv."""
        self.append("history", row)

    def append(self, table: str, row: dict[str, float]) -> None:
        """Adds one row, the step first, to a table in TABLES."""
        tables.append(self._table_file(table), row)

    def rewind(self, step: int) -> None:
        """Drops what was logged and drawn after `step`, which no checkpoint kept; sets damaged checkpoints aside."""
        for name in ("checkpoints", "samples"):
            for draft in drafts(self.path / name):  # of a process that was killed, since this one holds the run
                draft.unlink()
        for draft in drafts(self.path):
            if draft.name.endswith("-best.keras"):  # others may be written by others, such as `kgan report`
                draft.unlink()
        for file in self.checkpoints():
            if step_of(file) > step:
                file.replace(file.with_name(f"{file.name}.damaged"))
        for sample in self.samples():
            if step_of(sample) > step:
                sample.unlink()
        for table in tables.TABLES:
            tables.rewind(self._table_file(table), step)

    def events(self) -> Events:
        """TensorBoard's events, with what history.csv holds so far."""
        history = self.history()
        rows = zip(*(column.tolist() for column in history.values()), strict=True)
        return Events(self.path / "events", [dict(zip(history, row, strict=True)) for row in rows])

    # pictures

    def sample_file(self, step: int) -> Path:
        """Where the samples of a step lie."""
        return _step_file(self.path / "samples", step, ".png")

    def samples(self) -> list[Path]:
        """Sample files, earliest first."""
        return _by_step(self.path / "samples", ".png")


def _step_file(folder, step, suffix):
    return folder / f"step_{step:07d}{suffix}"


def step_of(file: Path) -> int | None:
    """The step in the name of a checkpoint or a sample; None where it is somebody else's file."""
    number = file.stem.removeprefix("step_")
    return int(number) if number.isdecimal() else None


def _by_step(folder, suffix):
    """The files of a folder in the order of their steps: as numbers, since names grow past seven digits."""
    return sorted((f for f in folder.glob(f"step_*{suffix}") if step_of(f) is not None), key=step_of)


def _write_settings(folder, config, facts):
    from keras_gan import __version__

    settings = {"keras_gan": __version__, **facts, "config": dataclasses.asdict(config)}
    text = json.dumps(settings, indent=2) + "\n"
    replace(folder / CONFIG, lambda draft: draft.write_text(text, "utf-8"))
