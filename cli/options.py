"""Options that several verbs share."""

import os
import warnings
from pathlib import Path

import click

from keras_gan._utils import silence
from keras_gan._utils.errors import InputError, Notice


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


class Weight(click.ParamType):
    """A number, or "auto"."""

    name = "FLOAT|auto"

    def convert(self, value, param, ctx):
        try:
            return value if value == "auto" else float(value)
        except ValueError:
            self.fail(f"{value!r}; expected a number, such as 1, or auto", param, ctx)


class Setting(click.ParamType):
    """NAME=NUMBER, as (name, number); a name may hold a "="."""

    name = "NAME=AMOUNT"

    def convert(self, value, param, ctx):
        name, _, amount = value.rpartition("=")
        try:
            return name, float(amount)
        except ValueError:
            self.fail(f"{value!r}; expected a slider and a number, such as slant=1.5", param, ctx)


class Sectioned(click.Command):
    """A command whose help lists its options under headings; the names that no heading claims come last."""

    def __init__(self, *args, sections: dict[str, tuple[str, ...]], **options):
        super().__init__(*args, **options)
        self.sections = sections

    def format_options(self, context, formatter):
        options = [param for param in self.get_params(context) if isinstance(param, click.Option)]
        records = {option.name: option.get_help_record(context) for option in options}
        for heading, names in self.sections.items():
            self._write(formatter, heading, [records.pop(name) for name in names])
        self._write(formatter, "Other", list(records.values()))

    def _write(self, formatter, heading, rows):
        with formatter.section(heading):
            formatter.write_dl(rows)


def load_training():
    """The module `keras_gan.training`, imported without TensorFlow's start-up notes on the user's terminal."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silence.silence_native_stderr():
        from keras_gan import training
    return training


trust_option = click.option(
    "--trust", is_flag=True, help="Open a file that can run code (a SavedModel, a .keras with a Lambda layer)."
)


def open_generator(path, trust=False):
    """A run, a .keras file, a .tflite, an .onnx or a SavedModel, ready to generate."""
    from keras_gan import exports

    if not path.endswith((".tflite", ".onnx")) and Path(path).exists():
        if not trust and (Path(path) / "saved_model.pb").is_file():
            raise InputError(exports.untrusted(path))  # before TensorFlow is imported for nothing
        load_training()
    return exports.open_generator(path, trust)


def open_directions(path, generator):
    """The sliders of what `open_generator` opened, with a `Notice` where a run found them at another step."""
    from keras_gan import directions
    from keras_gan.runs import CONFIG, Run

    if not (Path(path) / CONFIG).is_file():
        return generator.directions
    found = directions.load(Run(path))  # again, for its error
    if found is not None and found.step not in (None, generator.step):
        warnings.warn(
            Notice(
                f"the directions of {path} are those of step {found.step:,}, and the generator is that of step "
                f"{generator.step:,}; run kgan directions again for its own"
            ),
            stacklevel=2,
        )
    return found or generator.directions
