"""What the verbs share: help with files and examples, and --debug."""

import click

DEBUG = "keras_gan.debug"  # in the context's `meta`, which a verb shares with `kgan`


def _set_debug(context, _, given):
    context.meta[DEBUG] = context.meta.get(DEBUG, False) or given


debug_option = click.option(
    "--debug",
    is_flag=True,
    is_eager=True,  # before an option that may be wrong
    expose_value=False,
    callback=_set_debug,
    help="Show the traceback behind an error.",
)


class Verb(click.Command):
    """A command whose help says what it writes and shows examples.

    Args:
        examples: command -> what it is for.
        files: what it writes and what it never overwrites.
        sections: heading -> the options below it; options that no heading names come last.
    """

    def __init__(self, *args, examples: dict[str, str], files: str, sections=None, **options):
        super().__init__(*args, **options)
        self.examples = examples
        self.files = files
        self.sections = sections or {}
        debug_option(self)

    def format_options(self, context, formatter):
        options = [param for param in self.get_params(context) if isinstance(param, click.Option)]
        records = {option.name: option.get_help_record(context) for option in options}
        for heading, names in self.sections.items():
            _write(formatter, heading, [records.pop(name) for name in names])
        _write(formatter, "Other options" if self.sections else "Options", list(records.values()))

    def format_epilog(self, context, formatter):
        with formatter.section("Files"):
            formatter.write_text(self.files)
        with formatter.section("Examples"):
            for command, purpose in self.examples.items():
                formatter.write(f"{'':{formatter.current_indent}}{command}\n")
                formatter.indent()
                formatter.write_text(purpose)
                formatter.dedent()


def _write(formatter, heading, rows):
    with formatter.section(heading):
        formatter.write_dl(rows)
