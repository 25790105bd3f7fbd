"""What an export is made to say of itself: of its generator, and of the run that trained it."""

import hashlib
import warnings
from dataclasses import dataclass

import numpy as np

from keras_gan import directions
from keras_gan._utils.errors import InputError, Notice, printable
from keras_gan.directions import Directions
from keras_gan.exports.metadata import OUTPUTS, check
from keras_gan.runs import Run

FORMAT = 1  # of the description


@dataclass(frozen=True)
class About:
    """What a file is to say of itself that its generator does not know."""

    name: str | None = None
    data: str | None = None  # what it was trained on
    labels: tuple[str, ...] | None = None  # names of the classes, of a class-conditional generator
    license: str | None = None  # of the file; what the data's license asks is the user's to know
    training: dict | None = None  # recipe, steps, images, in JSON's types
    directions: Directions | None = None  # its sliders

    @classmethod
    def of(cls, run: Run, step: int, license: str | None = None, with_directions: bool = True) -> "About":
        """What a run knows of its generator at a step, with or without its directions."""
        config = run.config
        summary = {"preset": config.preset, "loss": config.loss, "seed": config.seed, "batch_size": config.batch_size}
        summary |= {"steps": step, "images_seen": step * config.batch_size * config.discriminator_steps}
        labels = run.class_names if config.conditional else None
        name = printable(run.path.resolve().name)
        data = printable(config.data.rstrip("/").split("/")[-1])
        return cls(name, data, labels, license, summary, _directions(run, step) if with_directions else None)


def _directions(run, step):
    """The sliders of a run; none, with a `Notice`, where they were found at another step."""
    found = directions.load(run)
    if found is None or found.step == step:
        return found
    warnings.warn(
        Notice(
            f"the directions of {run.path} are those of step {found.step:,}, and the generator is that of step "
            f"{step:,}; its sliders are left out; run kgan directions again"
        ),
        stacklevel=3,
    )
    return None


def describe(gan, about: About | None = None, quantize: str = "float32", uint8: bool = False) -> dict:
    """What an exported generator says of itself, in JSON's types.

    Args:
        gan: the `keras_gan.GAN`.
        about: what the generator does not know of itself.
        quantize: how the file stores the weights.
        uint8: whether its signatures give uint8 images.

    Raises:
        InputError: for uint8 vectors, or texts of `about` that are too long.
    """
    from keras_gan import __version__

    about = about or About()
    images = len(gan.data_shape) == 3
    if uint8 and not images:
        raise InputError(f"uint8 for data of shape {gan.data_shape}; expected images; leave uint8 (--uint8) out")
    output = "uint8" if uint8 else "float32"
    description = {
        "format": FORMAT,
        "name": about.name or gan.name,
        "keras_gan": __version__,
        "latent": gan.latent,
        "latent_dim": gan.latent_dim,
        "num_classes": gan.num_classes,
        "labels": about.labels and list(about.labels),
        "data_shape": list(gan.data_shape),
        "value_range": list(OUTPUTS[output]) if images else None,
        "output": output,
        "quantize": quantize,
        "data": about.data,
        "license": about.license,
        "training": about.training,
        "directions": about.directions and about.directions.to_json(),
        "weights_sha256": weights_sha256(gan),
    }
    return check(description)


def weights_sha256(gan) -> str:
    """The SHA-256 of the averaged generator's weights, as float32, one after the other."""
    digest = hashlib.sha256()
    for weight in gan.ema_generator.get_weights():
        digest.update(np.ascontiguousarray(weight, "<f4").tobytes())
    return digest.hexdigest()
