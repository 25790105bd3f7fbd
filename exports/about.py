"""The description inside an exported file: facts about the generator and about the run that trained it."""

import warnings
from dataclasses import dataclass

from keras_gan import directions
from keras_gan._utils.digests import weights_sha256
from keras_gan._utils.errors import InputError, Notice, printable
from keras_gan.data import avatars
from keras_gan.directions import Directions
from keras_gan.exports.metadata import OUTPUTS, check
from keras_gan.runs import Run

FORMAT = 1  # of the description


@dataclass(frozen=True)
class About:
    """Facts for the description of an exported file that the generator itself does not hold.

    Attributes:
        name: name of the generator.
        data: name of the training data.
        labels: names of the classes of a class-conditional generator, in order.
        license: license of the generator, written into the file. It does not follow from the data: their own license
            may set conditions.
        training: preset, loss, steps and the like, in JSON's types.
        directions: sliders of the generator.
        data_license: license of the training data.
    """

    name: str | None = None
    data: str | None = None
    labels: tuple[str, ...] | None = None
    license: str | None = None
    training: dict | None = None
    directions: Directions | None = None
    data_license: str | None = None

    @classmethod
    def of(cls, run: Run, step: int, license: str | None = None, with_directions: bool = True) -> "About":
        """The facts that a run holds about its generator.

        Args:
            run: the run.
            step: training step of the generator.
            license: license of the generator.
            with_directions: whether to read the run's directions, too.

        Returns:
            An `About`. Its `directions` are None, with a `Notice`, where they were found at another step.
        """
        config = run.config
        summary = {"preset": config.preset, "loss": config.loss, "seed": config.seed, "batch_size": config.batch_size}
        summary |= {"steps": step, "images_seen": step * config.batch_size * config.discriminator_steps}
        labels = run.class_names if config.conditional else None
        name = printable(run.path.resolve().name)
        data = printable(config.data.rstrip("/").split("/")[-1])
        found = _directions(run, step) if with_directions else None
        return cls(name, data, labels, license, summary, found, avatars.license_of(config.data))


def _directions(run, step):
    """The directions of a run; None, with a `Notice`, where they were found at another step."""
    found = directions.load(run)
    if found is None or found.step == step:
        return found
    warnings.warn(
        Notice(
            f"the directions of {run.path} were found at step {found.step:,}, and the generator is at step {step:,}; "
            "the file gets no sliders. Run kgan directions again."
        ),
        stacklevel=3,
    )
    return None


def describe(gan, about: About | None = None, quantize: str = "float32", uint8: bool = False) -> dict:
    """The description of an exported generator, in JSON's types.

    Args:
        gan: the `keras_gan.GAN`.
        about: facts that the generator does not hold; None for none.
        quantize: how the file stores the weights, a name in `quantize.MODES`.
        uint8: whether the signatures give uint8 images in [0, 255] instead of float32 in [-1, 1].

    Returns:
        The fields `metadata.FIELDS`, by name.

    Raises:
        InputError: where the data are vectors and uint8 is asked for, or a text of `about` is too long.
    """
    from keras_gan import __version__

    about = about or About()
    images = len(gan.data_shape) == 3
    if uint8 and not images:
        raise InputError(
            f"uint8 for data of shape {gan.data_shape}; expected images. Export without uint8 (without --uint8)."
        )
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
        "weights_sha256": weights_sha256(gan.ema_generator),
        "data_license": about.data_license,
    }
    return check(description)
