"""Where a fine-tuned run starts from: the weights of another run, or of a .keras file."""

import os
from pathlib import Path
from typing import Any

from keras_gan import schedules
from keras_gan._utils import compat, run_folders
from keras_gan._utils.digests import weights_sha256
from keras_gan._utils.errors import InputError
from keras_gan.gan import GAN
from keras_gan.runs import Run
from keras_gan.runs.folder import Origin
from keras_gan.training.loading import load, load_file

# Settings of the other run that the new one has unless they are given.
INHERITED = ("preset", "latent_dim", "latent", "generator_width")


def inherited(path: str | os.PathLike) -> dict[str, Any]:
    """The settings that a fine-tuned run has from the other one unless they are given; none from a file."""
    if not run_folders.is_run(path):
        return {}
    run = Run(path)
    sides = run.data_shape[:2] if len(run.data_shape) == 3 else None
    return {name: getattr(run.config, name) for name in INHERITED} | {"image_size": sides}


def start(gan: GAN, path: str | os.PathLike, class_names, with_optimizers: bool) -> Origin:
    """Gives a GAN the weights of a run's newest checkpoint, or of a .keras file.

    Args:
        gan: the new GAN.
        path: the run folder, or the file.
        class_names: names of the new GAN's classes; None where they are unknown.
        with_optimizers: whether to take the states of both optimizers too.

    Raises:
        InputError: where there is no such run or file, no layer fits, or the optimizers belong to other networks.
    """
    is_run = run_folders.is_run(path)
    if not is_run and Path(path).suffix != ".keras":
        raise InputError(f"{path} is no run and no .keras file; {run_folders.expected(path)}")
    other = load(path) if is_run else load_file(path)
    names = Run(path).class_names if is_run else None
    numbers = None
    if gan.num_classes and other.num_classes and names and class_names:
        numbers = [names.index(name) if name in names else None for name in class_names]
    taken = gan.load_weights_from(other, numbers)
    if with_optimizers:
        _take_optimizers(gan, other, path)
    return Origin(os.fspath(path), other.step, digest(other), *map(str, taken.values()))


def digest(gan: GAN) -> str:
    """The SHA-256 of the weights of both networks and of the average, as an `Origin` records it."""
    return weights_sha256(gan.generator, gan.discriminator, gan.ema_generator)


def _take_optimizers(gan, other, path):
    for name in ("generator_optimizer", "discriminator_optimizer"):
        ours, theirs = (_state(getattr(each, name)) for each in (gan, other))
        if [tuple(v.shape) for v in ours] != [tuple(v.shape) for v in theirs]:
            raise InputError(
                f"the optimizers of {path} belong to other networks; expected the same networks. Leave "
                "with_optimizers (--with-optimizers) out, so that the optimizers start afresh."
            )
        for mine, its in zip(ours, theirs, strict=True):
            mine.assign(its.numpy())


def _state(optimizer):
    """What an optimizer stores, without its learning rate, which is that of the new run."""
    rate = compat.learning_rate_or_schedule(schedules.innermost(optimizer))
    return [variable for variable in optimizer.variables if variable is not rate]
