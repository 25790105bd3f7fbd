"""The run folder: config, history, samples, checkpoints; written so that a kill at any moment leaves it whole.

config.json                 the settings, written before step one
history.csv                 one row an interval: step, seconds, images per second, losses
samples/step_0000000.png    the same latents at every snapshot
curves.png                  both errors over the steps
progress.gif                the samples in a row
events/                     TensorBoard
checkpoints/step_0000000.npz
export/
"""

import contextlib
import csv
import dataclasses
import json
import os
import socket
from pathlib import Path

import numpy as np

from keras_gan import plots, sampling
from keras_gan.config import TrainConfig
from keras_gan.errors import InputError
from keras_gan.files import replace

KEPT_CHECKPOINTS = 2


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
    def create(cls, path: str | os.PathLike, config: TrainConfig, data_shape: tuple[int, ...]) -> "Run":
        """Opens the run in `path`, or makes it; a run with other settings is refused with the differences."""
        folder = Path(path)
        if (folder / "config.json").is_file():
            run = cls(folder)
            run._check_settings(config, data_shape)
            return run
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(
                f"{folder} exists and is not a run folder; expected a new or empty one; give another --run"
            )
        try:
            for name in ("samples", "checkpoints"):
                (folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"cannot make {folder} ({error.strerror}); expected a writable place; give another --run"
            ) from error
        _write_settings(folder, config, data_shape)
        return cls(folder)

    @property
    def config_file(self) -> Path:
        return self.path / "config.json"

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
        return tuple(self._settings("data_shape"))

    def extend(self, config: TrainConfig) -> None:
        """Writes `config`, whose `steps` may differ from those that the run was started with."""
        if config != self.config:
            _write_settings(self.path, config, self.data_shape)

    def _settings(self, key):
        try:
            return json.loads(self.config_file.read_text())[key]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self.config_file} is damaged ({error}); expected what kgan train wrote; restore it"
            ) from error

    def _check_settings(self, config, data_shape):
        differences = self.config.differences(config)
        if data_shape != self.data_shape:
            differences.append(f"shape of the data: {self.data_shape} -> {data_shape}")
        if differences:
            raise InputError(
                f"{self.path} was started with other settings ({'; '.join(differences)}); expected the same; "
                "repeat them, or give another --run"
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
            who = holder.read_text() if holder.exists() else "another process"
            raise InputError(
                f"{self.path} is in use by {who}; expected a free run; wait for it, or give another --run"
            ) from error
        try:
            holder.write_text(f"process {os.getpid()} on {socket.gethostname()}")
            yield
        finally:
            lock.release()

    # checkpoints

    def checkpoints(self) -> list[Path]:
        """Checkpoint files, oldest first."""
        return sorted((self.path / "checkpoints").glob("step_*.npz"), key=step_of)

    def save(self, gan) -> None:
        """Writes the whole state of training, then drops all but the newest checkpoints."""
        arrays = {f"{i:04d}": variable.numpy() for i, variable in enumerate(_state(gan))}

        def write(draft):
            with open(draft, "wb") as file:
                np.savez(file, **arrays)
                file.flush()
                os.fsync(file.fileno())

        replace(self.path / "checkpoints" / f"step_{gan.step:07d}.npz", write)
        for old in self.checkpoints()[:-KEPT_CHECKPOINTS]:
            old.unlink()

    def restore(self, gan) -> None:
        """Puts the newest checkpoint into `gan`. Raises InputError where there is none, or it is damaged."""
        if not self.checkpoints():
            raise InputError(
                f"{self.path} has no checkpoint yet; expected a run that was trained; run kgan train first"
            )
        newest = self.checkpoints()[-1]
        state = _state(gan)
        try:
            # Reading a member checks its CRC, so nothing is assigned before everything was found whole.
            with open(newest, "rb") as file, np.load(file, allow_pickle=False) as archive:
                arrays = [archive[f"{i:04d}"] for i in range(len(state))]
            shapes_agree = all(a.shape == tuple(v.shape) for a, v in zip(arrays, state, strict=True))
        except Exception as error:  # a damaged archive fails anywhere, with any error
            shapes_agree = False
            reason = str(error) or type(error).__name__
        else:
            reason = "it holds another network"
        if not shapes_agree:
            earlier = f"to go on from {self.checkpoints()[-2].stem}" if len(self.checkpoints()) > 1 else "to start anew"
            raise InputError(
                f"checkpoint {newest} is damaged ({reason}); expected what kgan train wrote; delete it {earlier}"
            )
        for variable, array in zip(state, arrays, strict=True):
            variable.assign(array)

    # history

    def history(self) -> dict[str, np.ndarray]:
        """Columns of history.csv by name; empty where nothing was logged yet."""
        rows = list(csv.DictReader(self._whole_lines()))
        return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]} if rows else {}

    def _whole_lines(self):
        """Lines of history.csv, without a last one that a kill cut short."""
        text = self.history_file.read_text() if self.history_file.exists() else ""
        return text[: text.rfind("\n") + 1].splitlines(keepends=True)

    def append_history(self, row: dict[str, float]) -> None:
        """Adds one row to history.csv."""
        new = not self.history_file.exists()
        with open(self.history_file, "a", newline="") as file:
            writer = csv.DictWriter(file, row, lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerow({name: value if isinstance(value, int) else f"{value:.7g}" for name, value in row.items()})

    def rewind(self, step: int) -> None:
        """Drops what was logged and drawn after `step`, which a checkpoint did not keep."""
        for sample in self.samples():
            if step_of(sample) > step:
                sample.unlink()
        header, *rows = self._whole_lines() or [""]
        kept = "".join([header, *(row for row in rows if int(row.split(",")[0]) <= step)])
        if self.history_file.exists() and self.history_file.read_text() != kept:
            replace(self.history_file, lambda draft: draft.write_text(kept))

    # pictures

    def sample_file(self, step: int) -> Path:
        """Where the samples of a step lie."""
        return self.path / "samples" / f"step_{step:07d}.png"

    def samples(self) -> list[Path]:
        """Sample files, earliest first."""
        return sorted((self.path / "samples").glob("step_*.png"), key=step_of)

    def draw(self) -> None:
        """Draws curves.png and progress.gif anew from what lies in the folder."""
        if history := self.history():
            plots.curves(history, self.path / "curves.png")
        frames = [frame for file in self.samples() if (frame := sampling.read(file))]
        if frames:
            sampling.save_gif(frames, self.path / "progress.gif")


def step_of(file: Path) -> int:
    """The step in the name of a checkpoint or a sample: a number, since names grow past seven digits."""
    return int(file.stem.removeprefix("step_"))


def _write_settings(folder, config, data_shape):
    from keras_gan import __version__

    settings = {"keras_gan": __version__, "data_shape": data_shape, "config": dataclasses.asdict(config)}
    text = json.dumps(settings, indent=2) + "\n"
    replace(folder / "config.json", lambda draft: draft.write_text(text))


def _state(gan):
    """Every variable that decides how training goes on: weights, average, noise states, slots, running means."""
    trackers = [variable for tracker in gan.trackers for variable in tracker.variables]
    return [*gan.variables, *gan.generator_optimizer.variables, *gan.discriminator_optimizer.variables, *trackers]
