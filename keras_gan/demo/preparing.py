"""Preparing a run for the page of pictures: files in its folder demo/, written by a process that has TensorFlow.

averaged.tflite, last.tflite    the generator with the averaged weights, and with the last ones
discriminator.tflite            the discriminator, if it takes single pictures
prepared.json                   the checkpoint, the logits of real images and of samples, and what is missing
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from keras_gan._utils import checkout
from keras_gan._utils.errors import InputError, Notice, first_line, one_line
from keras_gan._utils.files import replace_folder
from keras_gan._utils.run_folders import is_run
from keras_gan.data import opening
from keras_gan.projection import ENCODER
from keras_gan.runs import Run

FOLDER, PREPARED, DISCRIMINATOR = "demo", "prepared.json", "discriminator.tflite"
AVERAGED, LAST = "averaged", "last"
GENERATORS = {AVERAGED: "averaged.tflite", LAST: "last.tflite"}
OWN = {PREPARED, DISCRIMINATOR, *(f"{name}{end}" for name in GENERATORS.values() for end in ("", ".json"))}
FORMAT = 3  # of the files in demo/
COMPARED_IMAGES = 500  # real images, and samples, with which a picture is compared
FIRST_SEED = 2**29  # of those samples: far from the seeds that people look at
REJECTED = 2  # exit status of the process where the run cannot be used


@dataclass(frozen=True)
class Prepared:
    """The content of prepared.json."""

    made_of: dict[str, Any]  # see `_made_of`; empty for a .tflite without its run
    step: int | None  # None for a .tflite
    notices: tuple[str, ...]  # messages for the visitors
    real: tuple[float, ...] | None  # logits of real images; None where the data are not on this machine
    samples: tuple[float, ...] | None  # logits; None where there is no discriminator for single pictures
    no_opinion: str | None  # the reason why there is no discriminator
    no_real: str | None  # the reason why there are no real images

    def __post_init__(self):
        if self.made_of and self.step is None:
            raise ValueError("step is null; expected a number")


OF_A_FILE = Prepared({}, None, (), None, None, None, None)


def prepare(source: Path) -> None:
    """Prepares a run for the page, unless that is done already. It writes the folder demo/ of the run only.

    Args:
        source: a run folder, or a .tflite, which needs no preparation.

    Raises:
        InputError: where the source is none of these, makes no images, or cannot be prepared.
    """
    if not is_run(source):
        return _check_file(source)
    run = Run(source)
    if len(run.data_shape) != 3:
        raise InputError(
            f"{source} makes vectors of {run.data_shape[0]} numbers; expected a run of images. Use kgan report for "
            "this run, or kgan demo without a run for the 1-D game."
        )
    _check_folder(run.path / FOLDER)
    if not is_prepared(run):
        print(f"preparing {run.path}: converting its generator, once for each checkpoint; about a minute …", flush=True)
        _in_a_process(run.path)


def project(source: Path, picture: str | os.PathLike, folder: Path) -> None:
    """Finds the latent of a picture and writes it into a folder; see `training.run_projection.project`.

    Args:
        source: a run folder of images.
        picture: an image file.
        folder: the folder.

    Raises:
        InputError: where the source is no run, or the picture cannot be used.
    """
    if not is_run(source):
        raise InputError(
            f"--picture with {source}, which is no run; expected a run folder, whose generator is searched. Give the "
            "run that the file was exported from."
        )
    first = "" if (source / ENCODER).exists() else "; the first picture of a run takes minutes"
    print(f"looking for {picture} in the generator{first} …", flush=True)
    _in_a_process(source, picture, folder)


def _check_file(source):
    if source.is_dir() or source.suffix.lower() in (".keras", ".onnx"):
        what = "folder that is no run" if source.is_dir() else f"{source.suffix} file"
        raise InputError(
            f"{source} is a {what}; expected a run or a .tflite. Give a run folder, or a file of kgan export --tflite."
        )


def _check_folder(folder):
    """Raises InputError where the folder holds files of other programs, or is a link to another place."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InputError(f"{folder} is no folder; expected one that kgan demo wrote, or none. Move it away.")
    foreign = sorted({file.name for file in folder.iterdir()} - OWN) if folder.exists() else []
    if foreign:
        raise InputError(
            f"{folder} holds {', '.join(foreign[:3])}; expected only files of kgan demo. Move the other files away."
        )


def is_prepared(run: Run) -> bool:
    """Whether the files in demo/ were made from the newest checkpoint and the present directions."""
    try:
        return read(run).made_of == _made_of(run)
    except (OSError, ValueError, RecursionError):
        return False


def read(run: Run) -> Prepared:
    """The content of prepared.json. Raises OSError, ValueError or RecursionError where it is missing or damaged."""
    return msgspec.json.decode((run.path / FOLDER / PREPARED).read_bytes(), type=Prepared)


def _made_of(run):
    from keras_gan import __version__

    checkpoint, found = run.checkpoints()[-1:], run.path / "directions.json"
    return {
        "format": FORMAT,
        "keras_gan": __version__,
        "checkpoint": [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in checkpoint],
        "directions": hashlib.sha256(found.read_bytes()).hexdigest() if found.is_file() else None,
    }


def _in_a_process(*words):
    """Calls `main` in a separate process, so that the server does not import TensorFlow."""
    command = [sys.executable, "-P", "-m", __name__, *map(str, words)]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **checkout.environment(), "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, encoding="utf-8") as process:
        try:
            _, errors = process.communicate()
        except BaseException:
            process.terminate()  # it then deletes its draft
            raise
    if process.returncode == REJECTED:
        raise InputError(errors.strip().splitlines()[-1])
    if process.returncode:
        raise RuntimeError(f"preparing {words[0]} failed:\n{errors}")


# in that process ------------------------------------------------------------------------------------------------------


def main() -> None:
    """Prepares the run that the command line names, or projects a picture with it: RUN, or RUN PICTURE FOLDER."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run, *picture_and_folder = sys.argv[1:]
    try:
        if picture_and_folder:
            from keras_gan.training import run_projection

            run_projection.project(run, *picture_and_folder)
        else:
            make(Run(run))
    except InputError as error:
        print(one_line(error), file=sys.stderr)
        sys.exit(REJECTED)


def make(run: Run) -> None:
    """Writes demo/ as a whole, or not at all. It needs TensorFlow.

    Args:
        run: the run.

    Raises:
        InputError: where the run has no checkpoint, a generator cannot be converted, or the folder cannot be written.
    """
    from keras_gan import exports, training

    # Before the run is loaded, so that a checkpoint that is written meanwhile is noticed next time.
    made_of = _made_of(run)
    gan = training.load(run.path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        options = exports.Options(about=exports.About.of(run, gan.step))
    notices = [one_line(one.message) for one in caught if issubclass(one.category, Notice)]
    facts = {"made_of": made_of, "step": gan.step, "notices": notices}

    def fill(draft):
        opinions = _opinions(run, gan, draft)  # before the averaged generator gets the last weights
        gan.export(draft / GENERATORS[AVERAGED], "tflite", "float32", options)
        gan.ema_generator.set_weights(gan.generator.get_weights())
        gan.export(draft / GENERATORS[LAST], "tflite", "float32", options)
        (draft / PREPARED).write_text(json.dumps(facts | opinions, indent=1, ensure_ascii=False) + "\n", "utf-8")

    folder = run.path / FOLDER
    try:
        replace_folder(folder, fill)
    except OSError as error:
        raise InputError(
            f"cannot write {folder} ({first_line(error)}); expected a run folder that can be written. Copy the run, "
            "or export a .tflite and give that to kgan demo."
        ) from error


def _opinions(run, gan, folder):
    """Writes the discriminator. Returns the logits of real images and of samples, or the reasons why there are none."""
    from keras_gan.exports import discriminator
    from keras_gan.sampling import latents

    nothing = {"real": None, "samples": None, "no_opinion": None, "no_real": None}
    try:
        discriminator.write(gan, folder / DISCRIMINATOR)
    except InputError as error:
        reason, _, _ = one_line(error).partition("; expected")  # the remedy is for those who train
        return nothing | {"no_opinion": reason}
    network = discriminator.float32(gan)
    seeds = latents.seeds(COMPARED_IMAGES, FIRST_SEED)
    labels = latents.choose_labels(COMPARED_IMAGES, gan.num_classes, seeds=seeds)
    samples = discriminator.logits(network, gan.generate(COMPARED_IMAGES, FIRST_SEED), labels)
    opinions = nothing | {"samples": samples.tolist()}
    try:
        images, labels = _real(run, gan)
    except InputError as error:
        return opinions | {"no_real": one_line(error)}
    return opinions | {"real": discriminator.logits(network, images, labels).tolist()}


def _real(run, gan):
    """Real images, uint8 (n, height, width, channels), and their classes (n,), or None where the GAN takes none."""
    from keras_gan import data, training

    config = run.config
    if not opening.is_here(config.data):
        raise InputError(f"{config.data} is not on this machine")
    source = training.open_data(config)
    if source.shape != gan.data_shape:
        raise InputError(f"{config.data} now holds images of shape {source.shape}; expected {gan.data_shape}")
    chosen = source.sample(COMPARED_IMAGES, seed=0)
    return source.fetch(chosen), None if gan.num_classes is None else data.check_labels(source)[chosen]


if __name__ == "__main__":
    main()
