"""What the command prints: `{verbs}` inserts the --help of every verb, `{kgan} presets` the output of a verb."""

import click
from click.testing import CliRunner
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from keras_gan.cli.main import VERBS, kgan

WIDTH = 80  # characters


def help_of(verb):
    """What `kgan VERB --help` prints."""
    above = click.Context(kgan, info_name="kgan", terminal_width=WIDTH, **kgan.context_settings)
    command = kgan.get_command(above, verb)
    return command.get_help(click.Context(command, info_name=verb, parent=above))


def terminal(text):
    block = nodes.literal_block(text, text, language="text")
    block["classes"].append("terminal")
    return block


class Verbs(SphinxDirective):
    """A section for each verb."""

    def run(self):
        return [self.section(verb, sentence) for verb, sentence in VERBS.items()]

    def section(self, verb, sentence):
        title = f"kgan {verb}"
        section = nodes.section("", nodes.title(title, title), nodes.paragraph(sentence, sentence))
        section += terminal(help_of(verb))
        self.state.document.note_implicit_target(section)
        section["ids"], section["names"] = [f"kgan-{verb}"], [title]
        return section


class Output(SphinxDirective):
    """What a command prints."""

    required_arguments, final_argument_whitespace = 1, True

    def run(self):
        done = CliRunner().invoke(kgan, self.arguments[0].split(), catch_exceptions=False)
        if done.exit_code:
            raise self.error(done.output)
        return [terminal(done.stdout)]


def setup(app):
    app.add_directive("verbs", Verbs)
    app.add_directive("kgan", Output)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
