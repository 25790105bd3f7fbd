"""TensorBoard's event file, with the values of history.csv."""

import socket
import time
from pathlib import Path

FILE_VERSION = "brain.Event:2"


class Events:
    """An event file that starts with the rows of a history and is extended during training.

    Event files of earlier processes are deleted, so that rows are neither lost nor repeated after a kill.

    Args:
        folder: the folder of the file, which is created.
        history: rows so far, {"step": …, "seconds": …, name: value}.
    """

    def __init__(self, folder: Path, history: list[dict[str, float]]):
        folder.mkdir(exist_ok=True)
        earlier = list(folder.glob("events.out.tfevents.*"))
        now = time.time()
        number = max([int(now), *(1 + stamp for file in earlier if (stamp := _stamp(file)) is not None)])
        for file in earlier:
            file.unlink()
        # TensorBoard reads files in the order of their names, so a new file needs a later time than those it replaces.
        self._file = folder / f"events.out.tfevents.{number}.{socket.gethostname()}"
        self._write(now, file_version=FILE_VERSION)
        trained_s = history[-1]["seconds"] if history else 0.0
        for row in history:
            self.add(row, now - trained_s + row["seconds"])

    def add(self, row: dict[str, float], wall_time: float | None = None) -> None:
        """Writes the values of a row, except step and seconds, as scalars; readers see them immediately."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [
            Summary.Value(tag=name, simple_value=value)
            for name, value in row.items()
            if name not in ("step", "seconds")
        ]
        self._write(wall_time or time.time(), step=int(row["step"]), summary=Summary(value=values))

    def _write(self, wall_time, **content):
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter  # takes a second to import

        with open(self._file, "ab") as stream:
            RecordWriter(stream).write(Event(wall_time=wall_time, **content).SerializeToString())


def _stamp(file):
    """The time in the name of an event file; None where there is none."""
    word = file.name.split(".")[3]
    return int(word) if word.isdecimal() else None
