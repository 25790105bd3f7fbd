"""Options that several verbs share."""

import gc
import math
import os
import sys
from pathlib import Path

import click

from keras_gan._utils import pretrained, silence
from keras_gan._utils.choices import LARGEST_SEED, automatic_share, nearest
from keras_gan.exports import FORMATS, KERAS_NAMES


class Whole(click.IntRange):
    """A whole number in a range."""

    name = "integer"


class Number(click.FloatRange):
    """A number in a range."""

    name = "number"

    def convert(self, value, param, ctx):
        number = super().convert(value, param, ctx)
        return self.fail(f"{value!r}; expected a number", param, ctx) if math.isnan(number) else number


class ImageSize(click.ParamType):
    """N or HxW pixels, as (height, width)."""

    name = "N|HxW"

    def get_metavar(self, param, ctx):
        return self.name

    def convert(self, value, param, ctx):
        try:
            sides = [int(side) for side in str(value).lower().split("x")]
            height, width = sides * 2 if len(sides) == 1 else sides
        except ValueError:
            self.fail(f"{value!r}; expected one side or HEIGHTxWIDTH, such as 32 or 48x32", param, ctx)
        return height, width


class Weight(click.ParamType):
    """A number, "auto", or a part of it such as "auto/8"."""

    name = "NUMBER|auto[/N]"

    def get_metavar(self, param, ctx):
        return self.name

    def convert(self, value, param, ctx):
        try:
            return float(value) if automatic_share(value) is None else value
        except ValueError:
            self.fail(f"{value!r}; expected a number such as 1, auto, or a part of it such as auto/8", param, ctx)


class RunPath(click.Path):
    """The path of a run or a file, or the name of a pretrained generator, which becomes its run folder.

    Args:
        file: a path in that folder to take instead, such as that of its .tflite.
    """

    def __init__(self, file: str | os.PathLike = "", **options):
        super().__init__(**options)
        self.file = file

    def convert(self, value, param, ctx):
        if pretrained.is_name(value):
            return str(pretrained.folder(value) / self.file)
        if value in pretrained.names():
            click.echo(f"Note: {value} is a path here, which is used, not the pretrained generator {value}.", err=True)
        return super().convert(value, param, ctx)


class Listed(click.ParamType):
    """Names with commas between them, as a tuple."""

    name = "NAME,NAME"

    def get_metavar(self, param, ctx):
        return f"{self.name}…"

    def convert(self, value, param, ctx):
        names = tuple(name.strip() for name in value.split(","))
        return names if all(names) else self.fail(f"{value!r}; expected names with commas between them", param, ctx)


class Seeds(Listed):
    """Seeds with commas between them, as a tuple of integers."""

    name = "SEED,SEED"

    def convert(self, value, param, ctx):
        try:
            seeds = tuple(map(int, value.split(",")))
        except ValueError:
            seeds = ()
        if not seeds or not all(0 <= seed <= LARGEST_SEED for seed in seeds):
            self.fail(f"{value!r}; expected seeds from 0 to {LARGEST_SEED:,} with commas between them", param, ctx)
        return seeds


class Setting(click.ParamType):
    """NAME=NUMBER, as (name, number); a name may hold a "="."""

    name = "NAME=AMOUNT"

    def convert(self, value, param, ctx):
        name, _, amount = value.rpartition("=")
        try:
            return name, float(amount)
        except ValueError:
            self.fail(f"{value!r}; expected a slider and a number, such as slant=1.5", param, ctx)


class Name(click.Choice):
    """One of the names in a table; the message for another one offers those that are most like it."""

    def get_metavar(self, param, ctx):
        return "NAME"

    def get_invalid_choice_message(self, value, ctx):
        return f"unknown name {value!r}; {nearest(value, self.choices)} (all: {', '.join(self.choices)})"


class Format(Name):
    """An export format, by its name or by Keras's."""

    def __init__(self):
        super().__init__(FORMATS)

    def convert(self, value, param, ctx):
        return super().convert(KERAS_NAMES.get(value, value), param, ctx)


class Renaming(click.ParamType):
    """OLD=NEW, as (old, new)."""

    name = "OLD=NEW"

    def convert(self, value, param, ctx):
        old, equals, new = value.partition("=")
        if not equals:
            self.fail(f"{value!r}; expected OLD=NEW, such as 'factor 1=smile'", param, ctx)
        return old, new


def load_training():
    """The module `keras_gan.training`, imported without TensorFlow's start-up notes on the user's terminal."""
    if "keras_gan.training" in sys.modules:
        return sys.modules["keras_gan.training"]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Python's garbage collector searches the objects of TensorFlow and Keras again and again while they are imported,
    # a fifth of the start, and again in each later collection. They stay until the end.
    gc.disable()
    try:
        with silence.silence_native_stderr():
            from keras_gan import training
    finally:
        gc.freeze()
        gc.enable()
    return training


trust_option = click.option(
    "--trust", is_flag=True, help="Open a file that can run code (a SavedModel, a .keras with a Lambda layer)."
)


def open_generator(path, trust=False):
    """A run, a .keras file, a .tflite, an .onnx or a SavedModel, ready to generate."""
    from keras_gan import exports

    if not path.endswith((".tflite", ".onnx")) and Path(path).exists():
        if (Path(path) / "saved_model.pb").is_file():
            exports.check_trust(path, trust)  # before TensorFlow is imported for nothing
        load_training()
    return exports.open_generator(path, trust)
