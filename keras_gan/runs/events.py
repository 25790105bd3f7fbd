"""TensorBoard's event file, with the values of history.csv and the pictures of samples."""

import socket
import time
from pathlib import Path

from keras_gan import sampling

FILE_VERSION = "brain.Event:2"
PICTURES = "samples"  # name of the pictures
COLOUR_SPACES = {"L": 1, "RGB": 3, "RGBA": 4}  # TensorBoard's number of each Pillow mode


class Events:
    """An event file that starts with the rows and pictures so far and is extended during training.

    Event files of earlier processes are deleted, so that rows are neither lost nor repeated after a kill.

    Args:
        folder: the folder of the file, which is created.
        history: rows so far, {"step": …, "seconds": …, name: value}.
        pictures: PNG files of samples by step.
    """

    def __init__(self, folder: Path, history: list[dict[str, float]], pictures: dict[int, Path]):
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
        seconds_of = {row["step"]: row["seconds"] for row in history}
        for step, file in pictures.items():
            self.add_picture(step, file, now - trained_s + seconds_of.get(step, 0.0))

    def add(self, row: dict[str, float], wall_time: float | None = None) -> None:
        """Writes the values of a row, except step and seconds, as scalars; readers see them immediately."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [
            Summary.Value(tag=name, simple_value=value)
            for name, value in row.items()
            if name not in ("step", "seconds")
        ]
        self._write(wall_time or time.time(), step=int(row["step"]), summary=Summary(value=values))

    def add_picture(self, step: int, file: Path, wall_time: float | None = None) -> None:
        """Writes the picture in a PNG file, unless that is missing or damaged."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        picture = sampling.read(file)
        if picture is None:
            return
        content, colours = file.read_bytes(), COLOUR_SPACES[picture.mode]
        image = Summary.Image(
            width=picture.width, height=picture.height, colorspace=colours, encoded_image_string=content
        )
        value = Summary.Value(tag=PICTURES, image=image)
        self._write(wall_time or time.time(), step=step, summary=Summary(value=[value]))

    def _write(self, wall_time, **content):
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter  # takes a second to import

        with open(self._file, "ab") as stream:
            RecordWriter(stream).write(Event(wall_time=wall_time, **content).SerializeToString())


def _stamp(file):
    """The time in the name of an event file; None where there is none."""
    word = file.name.split(".")[3]
    return int(word) if word.isdecimal() else None
