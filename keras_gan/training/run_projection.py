"""Projection of a picture file with a run's generator, and how well it does beside pictures of the run's data."""

import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_gan import projection, sampling
from keras_gan._utils.errors import InputError
from keras_gan._utils.files import replace
from keras_gan._utils.text import Table, Text
from keras_gan.config import TrainConfig
from keras_gan.data import Source, decoding
from keras_gan.plots import projection as plots
from keras_gan.projection import ENCODER, FACTS, LATENT, ORIGINAL, encoder
from keras_gan.runs import Run
from keras_gan.training.loading import load
from keras_gan.training.opening import open_both

FILES = "projection.png", ORIGINAL, "picture.png", LATENT, FACTS
COMPARED = 32  # images of each split
TRAINING, HELD_OUT = "training images", "held-out images"


@dataclass(frozen=True)
class Projected:
    """What `project` found and wrote."""

    found: projection.Projection
    folder: Path
    usual: dict[str, np.ndarray]  # split -> errors of its images
    class_name: str | None

    def __str__(self):
        error = self.found.errors[0]
        rows = [
            ("your picture", f"{error:.1f}  ({self.found.start_errors[0]:.1f} before z was moved)"),
            *((f"{len(errors)} {name}", _range(errors)) for name, errors in self.usual.items()),
        ]
        drawn = [] if self.class_name is None else [f"as {self.class_name}"]
        place = f"{', '.join(FILES)} in {self.folder}"
        return str(Text(["error in grey levels of 255, smallest, median and largest", Table(rows), *drawn, "", place]))


def _range(errors):
    return " ".join(f"{value:.1f}" for value in (errors.min(), np.median(errors), errors.max()))


def read(file: str | os.PathLike, config: TrainConfig, shape: tuple[int, ...]) -> np.ndarray:
    """A picture as the images of a run are read: turned, on the background, cropped or stretched to their size.

    Args:
        file: an image file.
        config: the run's settings.
        shape: (height, width, channels) of the run's images.

    Returns:
        uint8 (height, width, channels).

    Raises:
        InputError: where it is no picture, or has several frames.
    """
    path = Path(file)
    if not path.is_file():
        raise InputError(f"{file} is no file; expected a picture. Check the path.")
    decoding.prepare()
    try:
        header = decoding.header(path)
        if header.several:
            raise InputError(f"{file} has several frames; expected one picture. Save one frame as a file of its own.")
        spans = {}
        if header.numbers:
            spans[header.numbers] = decoding.span(header.numbers, *decoding.extent(path))
        grey = shape[2] == 1
        return decoding.decode(path, grey, shape[:2], config.crop, config.background, spans)[0]
    except decoding.Unreadable as error:
        raise InputError(f"{file} cannot be used: {error}; expected a picture. Use another file.") from error


def project(run_dir: str | os.PathLike, picture: str | os.PathLike, out: str | os.PathLike | None = None) -> Projected:
    """Finds the latent whose picture is nearest to a picture file, and writes `FILES`.

    The encoder, trained on the run's generator the first time, is saved in the run folder.

    Args:
        run_dir: the run folder.
        picture: an image file.
        out: the folder to write; None for the picture's name with "-projection" in the current folder.

    Raises:
        InputError: for a run of vectors, a file that is no picture, or a folder that cannot be written.
    """
    run, folder = Run(run_dir), Path(out or f"{Path(picture).stem}-projection")
    if len(run.data_shape) != 3:
        raise InputError(f"{run_dir} is a run of vectors; expected images. Use a run of images.")
    image = read(picture, run.config, run.data_shape)[None]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {folder} ({error.strerror}); expected a writable folder. Use --out.") from error
    gan = load(run_dir)
    known, usual = prepare(run, gan)
    found = projection.project(gan, image, known)
    names = run.class_names
    class_name = None if found.labels is None else names[found.labels[0]] if names else str(found.labels[0])
    columns = {"your picture": image, "the encoder's answer": found.start_images, "the nearest one": found.images}
    errors = {"the encoder's answer": found.start_errors, "the nearest one": found.errors}
    replace(folder / "projection.png", lambda draft: plots.rows(columns, errors, draft))
    sampling.to_picture(found.images[0]).save(folder / "picture.png")
    sampling.to_picture(image[0]).save(folder / ORIGINAL)
    np.save(folder / LATENT, found.z)
    facts = {
        "picture": str(picture),
        "run": str(run_dir),
        "step": gan.step,
        "error": float(found.errors[0]),
        "start_error": float(found.start_errors[0]),
        "label": None if found.labels is None else int(found.labels[0]),
        "class": class_name,
        "errors_of": {name: each.tolist() for name, each in usual.items()},
    }
    (folder / FACTS).write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    return Projected(found, folder, usual, class_name)


def prepare(run: Run, gan) -> tuple[encoder.Encoder, dict[str, np.ndarray]]:
    """The encoder of a run's generator, and the errors of the run's images by split; both are in the run folder.

    The first time, or for other weights of the generator, the encoder is trained and `COMPARED` images of each split
    are projected.

    Args:
        run: a run of images.
        gan: its GAN.

    Returns:
        The encoder, and float64 (n,) errors under `TRAINING` and `HELD_OUT`; only those whose data can be opened.
    """
    return encoder.of_run(gan, run.path / ENCODER, functools.partial(_usual, gan, run))


def _usual(gan, run, known) -> dict[str, np.ndarray]:
    """Errors of some training images and held-out images of the run, by kind; empty where they cannot be opened."""
    sources = dict(zip((TRAINING, HELD_OUT), open_both(run.config), strict=True))
    return {name: _errors(gan, known, source) for name, source in sources.items() if source is not None}


def _errors(gan, known, source: Source):
    return projection.project(gan, source.fetch(source.sample(COMPARED, seed=0)), known).errors
