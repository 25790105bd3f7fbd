"""What is made of a run before its pictures are shown, and kept in its folder demo/, by a process that has TensorFlow.

averaged.tflite, last.tflite    the generator, with the averaged and with the last weights
discriminator.tflite            D, where it can be asked of a single picture
prepared.json                   of which checkpoint, D's logits of real images and of samples, and what is missing
"""

import hashlib
import json
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

from keras_gan._utils import checkout
from keras_gan._utils.errors import InputError, Notice, first_line, one_line
from keras_gan._utils.files import replace_folder
from keras_gan.data import opening
from keras_gan.runs import CONFIG, Run

FOLDER, PREPARED, JUDGE = "demo", "prepared.json", "discriminator.tflite"
AVERAGED, LAST = "averaged", "last"
GENERATORS = {AVERAGED: "averaged.tflite", LAST: "last.tflite"}
OWN = {PREPARED, JUDGE, *(f"{name}{end}" for name in GENERATORS.values() for end in ("", ".json"))}
FORMAT = 1
FIELDS = {
    "made_of": dict,  # see `_made_of`
    "step": int,
    "notices": list,  # of what was amiss
    "paired": bool,  # whether D learnt only differences of logits
    "real": list | None,  # D's logits of real images; None where the data are gone
    "samples": list | None,  # D's logits of samples; None where D cannot be asked
    "no_opinion": str | None,  # why D cannot be asked
    "no_real": str | None,  # why real images cannot be had
}
# What is known of a .tflite alone.
OF_A_FILE: dict[str, Any] = {field: None for field in FIELDS} | {"notices": [], "paired": False}
JUDGED = 500  # real images, and samples, that D's opinion of a picture is told by
FIRST_SEED = 2**29  # of those samples: far from what people look at
REFUSED = 2  # exit status of the process, where the run cannot be used


def prepare(source: Path) -> None:
    """Sees to it that there is something to show. Nothing is written but the folder demo/ of a run.

    Args:
        source: a run folder, or a .tflite.

    Raises:
        InputError: where it is none of these, makes no images, or cannot be prepared.
    """
    if not (source / CONFIG).is_file():
        return _check_file(source)
    run = Run(source)
    if len(run.data_shape) != 3:
        raise InputError(
            f"{source} makes vectors of {run.data_shape[0]} numbers; expected a run of images; kgan report shows this "
            "one, and kgan demo alone the 1-D game"
        )
    _check_folder(run.path / FOLDER)
    if not is_prepared(run):
        print(f"preparing the pictures of {run.path}, once for each of its checkpoints …", flush=True)
        _in_a_process(run)


def _check_file(source):
    if source.is_dir() or source.suffix.lower() in (".keras", ".onnx"):
        what = "folder that is no run" if source.is_dir() else f"{source.suffix} file"
        raise InputError(f"{source} is a {what}; expected a run or a .tflite; give one that kgan export --tflite wrote")


def _check_folder(folder):
    """Refuses to replace what is not ours, and to write elsewhere."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InputError(f"{folder} is no folder; expected one that kgan demo made, or none; move it away")
    foreign = sorted({file.name for file in folder.iterdir()} - OWN) if folder.exists() else []
    if foreign:
        raise InputError(
            f"{folder} holds {', '.join(foreign[:3])}; expected only what kgan demo puts there; move the others away"
        )


def is_prepared(run: Run) -> bool:
    """Whether what lies in demo/ is of the newest checkpoint and the directions as they are."""
    try:
        return read(run)["made_of"] == _made_of(run)
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def read(run: Run) -> dict:
    """What prepared.json says. Raises OSError or ValueError where it is not there, or damaged."""
    said = json.loads((run.path / FOLDER / PREPARED).read_text("utf-8"))
    if not (isinstance(said, dict) and said.keys() == FIELDS.keys()):
        raise ValueError(f"it does not say {', '.join(FIELDS)}")
    logits = [number for name in ("real", "samples") for number in said[name] or ()]
    sound = all(isinstance(said[name], kinds) for name, kinds in FIELDS.items())
    if not (sound and all(type(number) is float for number in logits)):
        raise ValueError("it says something else than was written")
    return said


def _made_of(run):
    from keras_gan import __version__

    checkpoint, found = run.checkpoints()[-1:], run.path / "directions.json"
    return {
        "format": FORMAT,
        "keras_gan": __version__,
        "checkpoint": [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in checkpoint],
        "directions": hashlib.sha256(found.read_bytes()).hexdigest() if found.is_file() else None,
    }


def _in_a_process(run):
    """Calls `main` in a process of its own, so that this one stays without TensorFlow."""
    command = [sys.executable, "-P", "-m", __name__, str(run.path)]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **checkout.environment(), "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, encoding="utf-8") as process:
        try:
            _, said = process.communicate()
        except BaseException:
            process.terminate()  # it then takes its draft away
            raise
    if process.returncode == REFUSED:
        raise InputError(said.strip().splitlines()[-1])
    if process.returncode:
        raise RuntimeError(f"preparing {run.path} failed:\n{said}")


# in that process ------------------------------------------------------------------------------------------------------


def main() -> None:
    """Prepares the run that the command line names."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        make(Run(sys.argv[1]))
    except InputError as error:
        print(one_line(error), file=sys.stderr)
        sys.exit(REFUSED)


def make(run: Run) -> None:
    """Fills demo/ anew: whole, or not at all. Needs TensorFlow.

    Raises:
        InputError: where the run has no checkpoint, a generator cannot be converted, or the folder cannot be written.
    """
    from keras_gan import exports, training

    # First: what is newer than this is found next time.
    made_of = _made_of(run)
    gan = training.load(run.path)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        options = exports.Options(about=exports.About.of(run, gan.step))
    notices = [one_line(one.message) for one in told if issubclass(one.category, Notice)]
    said = {"made_of": made_of, "step": gan.step, "notices": notices}

    def fill(draft):
        opinions = _opinions(run, gan, draft)  # before the averaged generator gets other weights
        gan.export(draft / GENERATORS[AVERAGED], "litert", "float32", options)
        gan.ema_generator.set_weights(gan.generator.get_weights())
        gan.export(draft / GENERATORS[LAST], "litert", "float32", options)
        (draft / PREPARED).write_text(json.dumps(said | opinions, indent=1, ensure_ascii=False) + "\n", "utf-8")

    folder = run.path / FOLDER
    try:
        replace_folder(folder, fill)
    except OSError as error:
        raise InputError(
            f"cannot write {folder} ({first_line(error)}); expected a run that can be written, for the "
            "demo keeps its generators there; copy the run, or export a .tflite and show that"
        ) from error


def _opinions(run, gan, folder):
    """D's file, and its logits of real images and of samples; why, where there are none."""
    from keras_gan.exports import discriminator
    from keras_gan.sampling import latents

    nothing = {"real": None, "samples": None, "no_opinion": None, "no_real": None, "paired": gan.loss_pair.paired}
    try:
        discriminator.write(gan, folder / JUDGE)
    except InputError as error:
        return nothing | {"no_opinion": one_line(error)}
    network = discriminator.float32(gan)
    labels = latents.choose_labels(JUDGED, gan.num_classes, seeds=latents.seeds(JUDGED, FIRST_SEED))
    samples = discriminator.logits(network, gan.generate(JUDGED, FIRST_SEED), labels)
    said = nothing | {"samples": samples.tolist()}
    try:
        images, labels = _real(run, gan)
    except InputError as error:
        return said | {"no_real": one_line(error)}
    return said | {"real": discriminator.logits(network, images, labels).tolist()}


def _real(run, gan):
    """Real images, uint8, and their classes where the GAN takes any."""
    from keras_gan import data, training

    config = run.config
    if not opening.is_here(config.data):
        raise InputError(f"{config.data} is not on this machine")
    source = training.open_data(config)
    if source.shape != gan.data_shape:
        raise InputError(f"{config.data} holds images of shape {source.shape} now; expected {gan.data_shape}")
    chosen = source.sample(JUDGED, seed=0)
    return source.fetch(chosen), None if gan.num_classes is None else data.check_labels(source)[chosen]


if __name__ == "__main__":
    main()
