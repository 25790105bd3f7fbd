"""Loading GANs from runs and .keras files."""

import os
from pathlib import Path

import keras

from keras_gan._utils import archives, seeding
from keras_gan._utils import pretrained as packaged
from keras_gan._utils.choices import lookup
from keras_gan._utils.errors import InputError, first_line
from keras_gan.callbacks import DivergenceGuard
from keras_gan.gan import GAN
from keras_gan.runs import Run
from keras_gan.training.building import build


def load(run_dir: str | os.PathLike) -> GAN:
    """The GAN of a run at its newest checkpoint, ready to generate, to export or to train further.

    Raises:
        InputError: where the folder is not a run, or has no checkpoint that can be used.
    """
    run = Run(run_dir)
    gan = build(run.config, run.data_shape, run.data_count, run.num_classes, run.attribute_shares)
    DivergenceGuard().restore(gan, run.restore(gan))
    return gan


def pretrained(name: str) -> GAN:
    """A GAN that comes with this package, ready to generate, to train further or to export.

    Args:
        name: "avatars", "digits" or "mnist".

    Raises:
        InputError: for another name.

    Example:
        >>> from keras_gan import pretrained
        >>> pretrained("avatars").generate(2, seed=7).shape
        (2, 64, 64, 3)
    """
    known = dict.fromkeys(packaged.names())
    lookup(known, name, "pretrained generator", ", ".join(known))
    return load(packaged.folder(name))


def load_file(path: str | os.PathLike, trust: bool = False) -> GAN:
    """The GAN in a .keras file, as `GAN.save` writes it.

    Args:
        path: the file.
        trust: whether to run Python code in the file, such as that of a Lambda layer.

    Raises:
        InputError: where the file has no GAN or is damaged, or has code and `trust` is False.
    """
    try:
        archives.check(Path(path))
        with seeding.keras_seed():
            gan = keras.saving.load_model(path, safe_mode=not trust)
    except Exception as error:  # a damaged file can raise any error
        if "safe_mode=False" in str(error):  # Keras's own advice
            raise InputError(
                f"{path} holds Python code, such as that of a Lambda layer; expected a file from a source you trust. "
                "If you trust it, use --trust (trust=True in Python)."
            ) from error
        # Keras wraps the error once for each level of the network.
        reason = first_line(ValueError(str(error).rsplit("Exception encountered: ", 1)[-1]))
        raise InputError(
            f"{path} cannot be loaded ({reason}); expected a .keras file. Use one from gan.save."
        ) from error
    if not isinstance(gan, GAN):
        raise InputError(f"{path} holds a {type(gan).__name__}; expected a keras_gan.GAN. Use a file from gan.save.")
    return gan
