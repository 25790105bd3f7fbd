"""Options that several verbs share."""

import os

import click

from keras_gan import quiet
from keras_gan.errors import InputError


class ImageSize(click.ParamType):
    """N or HxW pixels, as (height, width)."""

    name = "N|HxW"

    def convert(self, value, param, ctx):
        try:
            sides = [int(side) for side in str(value).lower().split("x")]
            height, width = sides * 2 if len(sides) == 1 else sides
        except ValueError:
            self.fail(f"{value!r}; expected one side or HEIGHTxWIDTH, such as 32 or 48x32", param, ctx)
        return height, width


def export_format(tflite: bool, saved_model: bool) -> tuple[str, str]:
    """File name and format of the one export that was asked for."""
    if tflite == saved_model:
        raise InputError("which export? expected one of --tflite and --saved-model; give one")
    return ("generator.tflite", "litert") if tflite else ("saved_model", "tf_saved_model")


def load_training():
    """The module `keras_gan.training`, imported without TensorFlow's start-up notes on the user's terminal."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet.native_stderr():
        from keras_gan import training
    return training
