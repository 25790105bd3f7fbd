"""The command's entry: verbs that load when they are called, and one-line errors for what the user can correct."""

import contextlib
import importlib
import signal
import traceback
import warnings

import click

from keras_gan import __version__
from keras_gan._utils import machine, progress
from keras_gan._utils.errors import Diverged, InputError, Notice, WorkerLost, one_line
from keras_gan.cli import display, output
from keras_gan.cli.verb import DEBUG, debug_option

VERBS = {
    "train": "Train a GAN, or continue its training.",
    "sample": "Sample images from a run or an exported generator.",
    "directions": "Find sliders that change one attribute of the images.",
    "distil": "Train a smaller generator that draws the images of a run.",
    "project": "Find the image of a run that is nearest to yours.",
    "evaluate": "Compare a run, or other samples, with real images.",
    "doctor": "Explain what is happening in a run, and what to change.",
    "report": "Write a run as one page for any browser.",
    "export": "Export a run's generator: .tflite, SavedModel, ONNX, web page.",
    "info": "Show what a file or a run holds.",
    "demo": "Show a generator with sliders, and the 1-D game, in a browser.",
    "datasets": "List data that can be trained on by name.",
    "presets": "List recipes.",
    "checks": "Check the installation, and describe it for an issue.",
}

# Kubeflow's training operator restarts on 128 and above, and keeps 138 for a program's own use.
STATUSES: dict[type[Exception], int] = {Diverged: 1, WorkerLost: 138}


class Verbs(click.Group):
    """A group whose commands are imported on use, so that `kgan --help` answers at once."""

    def list_commands(self, context):
        return list(VERBS)

    def get_command(self, context, name):
        if name not in VERBS:
            return None
        return getattr(importlib.import_module(f"keras_gan.cli.{name}"), name)

    def format_commands(self, context, formatter):
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def main(self, *args, **options):
        output.allow_any_encoding()
        machine.use_onednn()
        return super().main(*args, **options)

    def make_context(self, info_name, *args, **options):
        with _one_line_errors(lambda: click.Context(self, info_name=info_name)):
            return super().make_context(info_name, *args, **options)

    def resolve_command(self, context, args):
        if not context.resilient_parsing and not args[0].startswith("-"):
            from keras_gan._utils.choices import lookup

            lookup(VERBS, args[0], "command", "kgan --help")
        return super().resolve_command(context, args)

    def invoke(self, context):
        with (
            _one_line_errors(lambda: self._of_verb(context), context.meta),
            progress.shown_on(display.choose()),
            _notices(),
        ):
            return super().invoke(context)

    def _of_verb(self, context):
        name = context.invoked_subcommand
        return click.Context(self.get_command(context, name), context, name) if name in VERBS else context


@contextlib.contextmanager
def _one_line_errors(find_context, meta=None):
    """Turns what the user can correct into a message of one line, and an exit status.

    Args:
        find_context: gives the context of a usage error that has none of its own.
        meta: the context's; where it holds DEBUG, the traceback is shown as well.
    """
    try:
        yield
    except (click.exceptions.NoArgsIsHelpError, BrokenPipeError):
        raise  # click shows the help; it ends in silence where the reader of the output has seen enough
    except (click.UsageError, InputError, Diverged, WorkerLost, MemoryError, OSError) as error:
        if meta and meta.get(DEBUG):
            traceback.print_exc()
        output.drop_unwritable()
        raise _OneLine(_message(error, find_context), STATUSES.get(type(error), 2)) from error
    except KeyboardInterrupt as error:
        raise _OneLine("interrupted; what was saved before is complete", 128 + signal.SIGINT) from error


def _message(error, find_context):
    if isinstance(error, click.UsageError):
        from keras_gan.cli import usage

        return usage.explain(error, error.ctx or find_context())
    if isinstance(error, MemoryError):
        return "not enough memory. Use a smaller batch, image size or number of samples."
    if isinstance(error, OSError):
        where = f" at {error.filename}" if error.filename else ""
        return f"{error.strerror or error}{where}; what was saved before is complete"
    return error


class _OneLine(click.ClickException):
    def __init__(self, message, exit_code):
        super().__init__(one_line(message))
        self.exit_code = exit_code


@contextlib.contextmanager
def _notices():
    """Prints each `Notice` as one line."""

    def show(message, category, *place, **options):
        if issubclass(category, Notice):
            progress.print_line(f"Notice: {one_line(message)}")
        else:
            before(message, category, *place, **options)

    with warnings.catch_warnings():
        warnings.simplefilter("always", Notice)
        before, warnings.showwarning = warnings.showwarning, show
        yield


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kgan")
@debug_option
def kgan():
    """Train, evaluate, sample and export generative adversarial networks.

    kgan COMMAND --help explains a command, with examples.
    """
