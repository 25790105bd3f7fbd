"""The command's entry: verbs that load when they are called, and one line for what the user can mend."""

import contextlib
import importlib
import warnings

import click

from keras_gan import __version__
from keras_gan._utils.errors import Diverged, InputError, Notice, WorkerLost, one_line
from keras_gan.cli import output

VERBS = {
    "train": "Train a GAN, or go on training it.",
    "sample": "Sample images from a run or an exported generator.",
    "directions": "Find sliders for what the pictures of a run show.",
    "evaluate": "Judge a run, or samples from elsewhere, beside real images.",
    "doctor": "Say what is happening in a run, and what to change.",
    "report": "Write a run as one page for any browser.",
    "export": "Export a run's generator: .tflite, SavedModel, ONNX, a page.",
    "info": "Say what a file or a run holds.",
    "demo": "Show a generator's sliders, and the 1-D game, in a browser.",
    "datasets": "List data that can be trained on by name.",
    "presets": "List recipes.",
}

# Kubeflow's training operator restarts on 128 and above, and keeps 138 for a program's own use.
STATUSES = {Diverged: 1, WorkerLost: 138}


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
        with _one_line_errors(lambda: self._of_verb(context)), _notices():
            return super().invoke(context)

    def _of_verb(self, context):
        name = context.invoked_subcommand
        return click.Context(self.get_command(context, name), context, name) if name in VERBS else context


@contextlib.contextmanager
def _one_line_errors(find_context):
    """Turns what the user can mend into a message of one line, and an exit status.

    `find_context` gives the context of a usage error that has none of its own.
    """
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        from keras_gan.cli import usage

        raise _OneLine(usage.explain(error, error.ctx or find_context())) from error
    except InputError as error:
        raise _OneLine(error) from error
    except (Diverged, WorkerLost) as error:
        raise _OneLine(error, STATUSES[type(error)]) from error
    except MemoryError as error:
        raise _OneLine("not enough memory; give a smaller batch, size or number of samples") from error
    except BrokenPipeError:
        raise  # the reader of our output has seen enough; click ends in silence
    except OSError as error:
        where = f" at {error.filename}" if error.filename else ""
        raise _OneLine(f"{error.strerror or error}{where}; what was saved before is whole") from error


class _OneLine(click.ClickException):
    def __init__(self, message, exit_code=2):
        super().__init__(one_line(message))
        self.exit_code = exit_code


@contextlib.contextmanager
def _notices():
    """Prints what was mended on the way as one line each."""

    def show(message, category, *place, **options):
        if issubclass(category, Notice):
            click.echo(f"Notice: {one_line(message)}", err=True)
        else:
            before(message, category, *place, **options)

    with warnings.catch_warnings():
        warnings.simplefilter("always", Notice)
        before, warnings.showwarning = warnings.showwarning, show
        yield


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kgan")
def kgan():
    """Train, judge, sample and export generative adversarial networks."""
