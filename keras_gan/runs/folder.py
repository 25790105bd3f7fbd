"""The run folder: config, history, samples, checkpoints. A kill at any moment leaves it valid.

config.json                 the settings, written before the first step
data.json                   names, labels and sizes of the data, to detect changes (data.fingerprint)
history.csv                 a row for each interval: step, seconds, images per second, losses
checks.csv                  a row for each check of the samples (keras_gan.doctor)
theory.csv                  for data on a line, a row for each snapshot: step, divergences, values, gradients
gradients.png               for data on a line: gradients of both generator losses
samples/step_0000000.png    samples of the same latents at each snapshot
curves.png                  both losses over the steps
progress.gif                all samples as an animation
directions.json             the sliders of the generator (keras_gan.directions), with directions.png
report.html                 everything on one page (keras_gan.reporting.page)
events/                     event files of TensorBoard
checkpoints/step_0000000.npz   the state of training (keras_gan.runs.checkpoints)
export/                     exported generators
"""

import contextlib
import dataclasses
import datetime
import json
import os
import socket
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from keras_gan._utils.errors import InputError, Notice, field_first, first_line, printable
from keras_gan._utils.files import drafts, replace
from keras_gan._utils.run_folders import CONFIG, check_run, is_run
from keras_gan.config import TrainConfig
from keras_gan.data import Source, fingerprint
from keras_gan.runs import checkpoints, tables
from keras_gan.runs.events import Events

DATA, METRICS_FILE, COMPUTATION = "data.json", "metrics.json", "computation.json"
Side = Annotated[int, msgspec.Meta(ge=1, le=2**20)]  # the upper limits are for damaged files


@dataclass(frozen=True)
class Origin:
    """Where the first weights of a fine-tuned run came from."""

    path: str  # of the other run, or of a .keras file
    step: int  # training step of these weights
    sha256: str  # of the weights of both networks and of the average
    generator: str  # how much of it was taken, for people
    discriminator: str

    def __str__(self):
        return f"{self.path} at step {self.step:,}: generator {self.generator}, discriminator {self.discriminator}"


@dataclass(frozen=True, kw_only=True)
class Content:
    """The content of config.json: the version that wrote it, facts about the data, and the settings."""

    keras_gan: str | None = None
    data_shape: Annotated[tuple[Side, ...], msgspec.Meta(min_length=1, max_length=3)]
    data_count: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    num_classes: Annotated[int, msgspec.Meta(ge=1, le=2**16)] | None
    class_names: tuple[str, ...] | None
    attribute_shares: dict[str, Annotated[float, msgspec.Meta(ge=0, le=1)]] | None = None
    origin: Origin | None = None
    config: dict[str, Any]

    def __post_init__(self):
        if len(self.data_shape) == 2:
            raise ValueError(f"data_shape is {self.data_shape}; expected one size or three")
        if None not in (self.class_names, self.num_classes) and len(self.class_names) != self.num_classes:
            raise ValueError(f"{len(self.class_names)} class names for {self.num_classes} classes")


class Run:
    """A run folder on disk.

    Args:
        path: the folder, with a config.json. `Run.create` creates one.

    Raises:
        InputError: where the folder is not a run.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        check_run(self.path)

    @classmethod
    def create(
        cls, path: str | os.PathLike, config: TrainConfig, source: Source, origin: Origin | None = None
    ) -> "Run":
        """Opens or creates the run in `path`. Raises InputError, with the differences, for other settings or data.

        Args:
            path: the run folder.
            config: the settings.
            source: the data.
            origin: where the weights of a new run come from; None for fresh weights.
        """
        cls.check(path, config, source)
        folder = Path(path)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not is_run(folder):
                names = source.class_names and source.class_names[: source.num_classes]
                content = Content(
                    data_shape=tuple(source.shape),
                    data_count=source.count,
                    num_classes=source.num_classes,
                    class_names=names,
                    attribute_shares=source.attribute_shares,
                    origin=origin,
                    config=dataclasses.asdict(config),
                )
                _write(folder, content)
            if not (folder / DATA).is_file():  # runs of earlier versions have none
                text = json.dumps(fingerprint.of_source(source))
                replace(folder / DATA, lambda draft: draft.write_text(text, "utf-8"))
            for name in ("samples", "checkpoints"):
                (folder / name).mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(
                f"cannot create {folder} ({error.strerror}); expected a writable path. Use another --run."
            ) from error
        return cls(folder)

    @classmethod
    def check(cls, path: str | os.PathLike, config: TrainConfig, source: Source) -> None:
        """Raises InputError, with the differences, where the run in `path` has other settings or data."""
        folder = Path(path)
        if is_run(folder):
            run = cls(folder)
            changes = run._changes(source)
            run._check_settings(config, source, fewer_is_fine=config.skip_damaged and changes == [])
            run._check_data(changes)
            run.check_writable()
        elif folder.exists() and (not folder.is_dir() or any(not f.name.startswith(".") for f in folder.iterdir())):
            raise InputError(
                f"{folder} exists and is not a run folder; expected a run or a new folder. Use another --run."
            )
        existing = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        if not existing.is_dir() or not os.access(existing, os.W_OK):
            raise InputError(f"cannot create {folder} in {existing}; expected a writable path. Use another --run.")

    def check_writable(self) -> None:
        """Raises InputError where nothing can be written into the folder, before long work whose results go there."""
        if not os.access(self.path, os.W_OK):
            raise InputError(
                f"cannot write into {self.path}; expected a writable run folder. Copy the run and use that."
            )

    @property
    def config_file(self) -> Path:
        return self.path / CONFIG

    @property
    def history_file(self) -> Path:
        return self.path / "history.csv"

    @property
    def config(self) -> TrainConfig:
        """The settings. Raises InputError where config.json is damaged."""
        return TrainConfig.from_dict(self._content.config, self.config_file)

    @property
    def data_shape(self) -> tuple[int, ...]:
        """Shape of one image or vector of the run's data."""
        return self._content.data_shape

    @property
    def data_count(self) -> int:
        """The number of images or vectors in the run's data."""
        return self._content.data_count

    @property
    def num_classes(self) -> int | None:
        """The number of classes in the run's data; None without classes."""
        return self._content.num_classes

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Names of the classes of the run's data; None where they are unknown."""
        names = self._content.class_names
        return names and tuple(map(printable, names))

    @property
    def attribute_shares(self) -> dict[str, float] | None:
        """Name of each attribute of the run's data -> share of the images that have it; None without attributes."""
        return self._content.attribute_shares

    @property
    def origin(self) -> Origin | None:
        """Where the first weights came from; None for fresh weights."""
        return self._content.origin

    @property
    def written_by(self) -> str | None:
        """The version of keras_gan that wrote config.json; None where it is unknown."""
        return self._content.keras_gan

    def extend(self, config: TrainConfig) -> None:
        """Writes `config`, in which `steps` and `skip_damaged` may have changed."""
        if config != self.config:
            _write(self.path, dataclasses.replace(self._content, config=dataclasses.asdict(config)))

    @property
    def _content(self) -> Content:
        try:
            # Read by json, since msgspec's reader takes no names of folders that are not UTF-8.
            return msgspec.convert(json.loads(self.config_file.read_text("utf-8")), Content)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{self.config_file} is damaged ({field_first(error)}); expected it as kgan train wrote it. Restore it."
            ) from error

    def _check_settings(self, config, source, fewer_is_fine=False):
        """Raises InputError for other settings. The number of images may fall where damaged ones are skipped."""
        differences = self.config.differences(config)
        facts = {"data_shape": tuple(source.shape), "data_count": source.count}
        if fewer_is_fine and source.count < self.data_count:
            del facts["data_count"]
        if config.conditional:
            facts["num_classes"] = source.num_classes
        if config.attributes:
            facts["attribute_shares"] = source.attribute_shares
        for key, now in facts.items():
            if (before := getattr(self, key)) != now:
                differences.append(f"{key}: {before} -> {now}")
        if differences:
            raise InputError(
                f"{self.path} was started with other settings ({'; '.join(differences)}); expected the same. "
                "Repeat them, or start another run with --run auto or another --run."
            )

    def _changes(self, source) -> list[str]:
        """Changes in the data since the start of the run. In runs of earlier versions only class names are compared."""
        names = source.class_names and source.class_names[: source.num_classes]
        if not (self.path / DATA).is_file():
            return fingerprint.renamed(self.class_names, names) if names and self.class_names else []
        try:
            before = json.loads((self.path / DATA).read_text("utf-8"))
            return fingerprint.differences(before, fingerprint.of_source(source))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(
                f"{self.path / DATA} is damaged ({first_line(error)}); expected it as kgan train wrote it. Restore "
                "it, or delete it to continue without comparing the data."
            ) from error

    def _check_data(self, changes):
        if changes:
            raise InputError(
                f"the data of {self.path} have changed since it was started ({'; '.join(changes)}); expected the same "
                "data. Restore them, or start a new run with another --run."
            )

    @contextlib.contextmanager
    def lock(self):
        """Locks the run for this process. Raises InputError, with the other process, where it is locked."""
        import filelock

        holder = self.path / ".holder"
        lock = filelock.FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            who = holder.read_text("utf-8") if holder.exists() else "another process"
            raise InputError(
                f"{self.path} is in use by {who}; expected a free run. Wait for it, or use another --run."
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

    @property
    def last_saved(self) -> tuple[int, datetime.datetime] | None:
        """The step of the newest checkpoint, and when it was written, in local time; None without checkpoints."""
        files = self.checkpoints()
        if not files:
            return None
        return step_of(files[-1]), datetime.datetime.fromtimestamp(files[-1].stat().st_mtime)

    def note_computation(self, facts: Mapping[str, str]) -> None:
        """Writes how the newest training computed, such as its precision, by the name of a row in the report."""
        replace(
            self.path / COMPUTATION, lambda draft: draft.write_text(json.dumps(dict(facts), indent=2) + "\n", "utf-8")
        )

    def save(self, gan, extra: Mapping[str, np.ndarray] | None = None) -> None:
        """Writes the complete state of training; see `store`. `extra` holds arrays of callbacks."""
        self.store(gan.step, checkpoints.values(gan), extra)

    def store(self, step: int, arrays: Mapping[str, np.ndarray], extra: Mapping[str, np.ndarray] | None = None):
        """Writes a checkpoint and deletes all but the newest ones. Warns, and writes nothing, if it is not finite."""
        if not checkpoints.is_finite(arrays):
            warnings.warn(
                Notice(
                    f"the weights of step {step:,} are not finite; they are not saved, and the checkpoints before stay"
                ),
                stacklevel=2,
            )
            return
        named = {f"{checkpoints.EXTRA}{name}": array for name, array in (extra or {}).items()}
        checkpoints.write(_step_file(self.path / "checkpoints", step, ".npz"), {**arrays, **named})
        for old in self.checkpoints()[: -checkpoints.NEWEST]:
            old.unlink()

    def restore(self, gan) -> dict[str, np.ndarray]:
        """Restores the newest checkpoint in `gan`, and returns its extra arrays by name. Errors as in `newest`."""
        arrays, extra = self.newest(gan)
        checkpoints.assign(gan, arrays)
        return extra

    def newest(self, gan) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Reads the newest undamaged checkpoint.

        It warns with a `Notice` about a damaged one that it ignores.

        Returns:
            The arrays for `checkpoints.assign`, and the extra arrays.

        Raises:
            InputError: where there is no checkpoint, all are damaged, or they belong to another network.
        """
        file, found = self._newest_whole()
        arrays, extra = checkpoints.split(found)
        arrays = checkpoints.completed(arrays, gan)
        if not checkpoints.fits(arrays, checkpoints.state(gan)):
            raise InputError(
                f"{file} holds another network than {self.config_file} describes; expected one run in one folder. "
                "Use the version of keras_gan that made it, or another --run."
            )
        return arrays, extra

    def _newest_whole(self):
        damages = []
        for file in reversed(self.checkpoints()):
            try:
                found = checkpoints.read(file)
            except InputError as damage:
                damages.append(damage)
                continue
            if damages:
                warnings.warn(Notice(f"{damages[0]}. {file.stem}, the one before, is used"), stacklevel=4)
            return file, found
        if damages:
            raise InputError(f"{damages[0]}. There is no other one: delete {self.path / 'checkpoints'} to start again.")
        raise InputError(f"{self.path} has no checkpoint yet; expected a trained run. Run kgan train first.")

    # tables

    def history(self) -> tables.Columns:
        """Columns of history.csv by name; empty where it has no rows yet."""
        return self.columns("history")

    def columns(self, table: str) -> tables.Columns:
        """Columns of a table in TABLES by name; empty where it has no rows yet."""
        file = self._table_file(table)
        header, rows = tables.read(file)
        named = zip(header, zip(*rows, strict=True), strict=True) if rows else ()
        return tables.Columns(file, {name: np.array(column) for name, column in named})

    def _table_file(self, table):
        return self.path / f"{table}.csv"

    def append_history(self, row: dict[str, float]) -> None:
        """Appends a row to history.csv."""
        self.append("history", row)

    def append(self, table: str, row: dict[str, float]) -> None:
        """Appends a row, whose first entry is the step, to a table in TABLES."""
        tables.append(self._table_file(table), row)

    def rewind(self, step: int) -> None:
        """Removes rows and samples after `step`, and renames later checkpoints, which are damaged."""
        for name in ("checkpoints", "samples"):
            for draft in drafts(self.path / name):  # left by a killed process, since this one holds the lock
                draft.unlink()
        for draft in drafts(self.path):
            if draft.name.endswith("-best.keras"):  # other drafts may belong to running commands, such as kgan report
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
        """An event file for TensorBoard with the rows of history.csv and the samples so far."""
        history = self.history()
        rows = zip(*(column.tolist() for column in history.values()), strict=True)
        pictures = {step: file for file in self.samples() if (step := step_of(file)) is not None}
        return Events(self.path / "events", [dict(zip(history, row, strict=True)) for row in rows], pictures)

    # pictures

    def sample_file(self, step: int) -> Path:
        """The path of the samples of a step."""
        return _step_file(self.path / "samples", step, ".png")

    def samples(self) -> list[Path]:
        """Sample files, earliest first."""
        return _by_step(self.path / "samples", ".png")


def _step_file(folder, step, suffix):
    return folder / f"step_{step:07d}{suffix}"


def step_of(file: Path) -> int | None:
    """The step in the name of a checkpoint or a sample; None for any other file."""
    number = file.stem.removeprefix("step_")
    return int(number) if number.isdecimal() else None


def _by_step(folder, suffix):
    """The files of a folder in the order of their steps, as numbers, since names can have more than seven digits."""
    return sorted((f for f in folder.glob(f"step_*{suffix}") if step_of(f) is not None), key=step_of)


def _write(folder, content):
    from keras_gan import __version__

    settings = dataclasses.asdict(dataclasses.replace(content, keras_gan=__version__))
    text = json.dumps(settings, indent=2) + "\n"
    replace(folder / CONFIG, lambda draft: draft.write_text(text, "utf-8"))
