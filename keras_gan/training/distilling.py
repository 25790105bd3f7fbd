"""Distillation of a run: a smaller generator learns the pictures of the run's, as a run of its own."""

import dataclasses
import os
import warnings
from pathlib import Path

from keras_gan import directions
from keras_gan._utils.errors import InputError, Notice
from keras_gan.config import TrainConfig
from keras_gan.directions import record
from keras_gan.gan import GAN, transfer
from keras_gan.runs import Run
from keras_gan.runs.folder import Origin
from keras_gan.training import origins
from keras_gan.training.loading import load

NOT_INHERITED = "start_from", "with_optimizers", "freeze_levels", "imitation", "adversarial"
OWN = {field.name: field.default for field in dataclasses.fields(TrainConfig) if field.name in NOT_INHERITED}


def configure(run_dir: str | os.PathLike, width: int, **given) -> TrainConfig:
    """The config of a student: that of its teacher, with a narrower generator.

    Args:
        run_dir: the teacher's run folder.
        width: the most channels of the student's feature maps; see `networks.generator`.
        given: other settings of `TrainConfig`; None means the teacher's.

    Raises:
        InputError: where the folder is no run, or a setting cannot be used.
    """
    run = Run(run_dir)
    given = {name: value for name, value in given.items() if value is not None}
    teacher = str(Path(run_dir).resolve())
    return dataclasses.replace(run.config, **OWN | given, teacher=teacher, generator_width=width)


def start(gan: GAN, config: TrainConfig, recorded: Origin | None) -> Origin:
    """Lets a GAN learn its teacher's pictures. A new one also gets the weights of its discriminator.

    Args:
        gan: the student.
        config: its settings, with a teacher.
        recorded: the origin in the folder of a run that is continued; None for a new run.

    Returns:
        The origin to record.

    Raises:
        InputError: where the teacher is no run any more, or has been trained further since.
    """
    teacher = load(config.teacher)
    digest = origins.digest(teacher)
    if recorded is not None and recorded.sha256 != digest:
        raise InputError(
            f"the teacher {config.teacher} has other weights than at the start; expected those of step "
            f"{recorded.step:,}. Begin a new run (--run)."
        )
    gan.imitate(teacher, config.imitation, config.adversarial)
    if recorded is not None:
        return recorded
    taken = transfer.copy(teacher.discriminator, gan.discriminator, range(gan.num_classes or 0))
    return Origin(config.teacher, teacher.step, digest, "its pictures", str(taken))


def hand_on_sliders(run: Run) -> None:
    """Gives a trained student its teacher's sliders, which move the same latents, unless it has its own.

    Sliders that were found at another step of the teacher are left out, with a `Notice`.
    """
    teacher = Run(run.config.teacher)
    if directions.load(run) is not None or (found := directions.load(teacher)) is None:
        return
    if found.step not in (None, run.origin.step):
        warnings.warn(
            Notice(
                f"the sliders of {teacher.path} were found at step {found.step:,}, and the student learned from step "
                f"{run.origin.step:,}: it gets none. Find its own with kgan directions."
            ),
            stacklevel=2,
        )
        return
    record.save(dataclasses.replace(found, step=run.config.steps), run)
