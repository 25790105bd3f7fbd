"""Options that several verbs share."""

import os

import click

from keras_gan import quiet


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


# What --export and the flags of kgan export mean: file name, format of `keras_gan.exports.export`.
EXPORTS = {"tflite": ("generator.tflite", "litert"), "saved_model": ("saved_model", "tf_saved_model")}


def load_training():
    """The module `keras_gan.training`, imported without TensorFlow's start-up notes on the user's terminal."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet.native_stderr():
        from keras_gan import training
    return training


def open_generator(path):
    """A run, a .keras file, a .tflite or a SavedModel, ready to generate; only a .tflite without TensorFlow."""
    if path.endswith(".tflite"):
        from keras_gan.exports.edge import Generator

        return Generator(path)
    load_training()
    from keras_gan import exports

    return exports.open_generator(path)
