"""Options that several verbs share."""

import os
import warnings
from pathlib import Path

import click

from keras_gan import quiet
from keras_gan.errors import InputError, Notice


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


# What --export and the flags of kgan export mean: file name, format of `keras_gan.exports.export`.
EXPORTS = {
    "tflite": ("generator.tflite", "litert"),
    "saved_model": ("saved_model", "tf_saved_model"),
    "onnx": ("generator.onnx", "onnx"),
    "web": ("web", "web"),
}


def export_run(gan, run, kind, modes=("float16",), out=None, **options):
    """Exports a run's generator, as a kind in EXPORTS, in each mode; yields the reports of the checks.

    In the run's own folder for exports it also writes README.md, sample.py and the run's page anew. `options` are those
    of `exports.Options` that the run does not give itself.
    """
    from keras_gan import evaluation, exports, report
    from keras_gan.exports import kit
    from keras_gan.runs import Run

    modes, uint8 = tuple(dict.fromkeys(modes)), options.get("uint8", False)
    paths = [check_export(run, kind, mode, out, uint8) for mode in modes]  # before the data are read for nothing
    run = Run(run)
    about = exports.About.of(run, gan.step, options.pop("licence", None))
    wanted = exports.Options(about=about, truth=evaluation.truth_of(run), **options)
    for mode, path in zip(modes, paths, strict=True):
        yield gan.export(path, EXPORTS[kind][1], mode, wanted)
        if not out:
            kit.write(path.parent)
            report.write(run)


def check_export(run, kind, quantize="float16", out=None, uint8=False):
    """Where an export is to lie: in the run, or where `out` says. Raises InputError where it cannot."""
    from keras_gan import exports

    name = export_name(kind, quantize, uint8)
    path = Path(run, "export", name) if not out else Path(out, name) if is_folder(kind, out) else Path(out)
    exports.check(path, EXPORTS[kind][1], quantize)
    return path


def export_name(kind, quantize="float16", uint8=False):
    """The standard file name of an export, such as generator-int8-uint8.tflite."""
    standard = Path(EXPORTS[kind][0])
    mode = f"-{quantize}" if kind == "tflite" and quantize != "float16" else ""
    return f"{standard.stem}{mode}{'-uint8' if uint8 and kind != 'web' else ''}{standard.suffix}"


def is_folder(kind, out):
    """Whether `out` is a folder to put an export's file into. A SavedModel and a page are folders themselves."""
    return kind in ("tflite", "onnx") and (str(out).endswith(("/", os.sep)) or Path(out).is_dir())


def load_training():
    """The module `keras_gan.training`, imported without TensorFlow's start-up notes on the user's terminal."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet.native_stderr():
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
