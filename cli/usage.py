"""Usage errors of click as one line that has the form of every other error."""

import click

NUMBERS = {click.types.IntParamType: "a whole number", click.types.FloatParamType: "a number"}


def explain(error: click.UsageError, context: click.Context) -> str:
    """What was received, what was expected, and where to look; `context` is that of the command."""
    received, expected = _clauses(error, context)
    return f"{received}; {expected}. See {context.command_path} --help."


def _clauses(error, context):
    """What was received, and what was expected, without full stops."""
    if isinstance(error, click.NoSuchOption):
        return f"{context.command_path} has no option {error.option_name}", _alternative(error, context)
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return f"{context.command_path} received no {_name(error.param, context)}", f"expected {_usage(context)}"
    if isinstance(error, click.BadParameter) and error.param is not None:
        received, _, expected = _clause(error.message).partition("; ")  # our own types say what they expect
        received = received.partition(" is not in the range ")[0]  # the range follows in words
        return f"{_name(error.param, context)}: {received}", expected or f"expected {_kind(error.param.type)}"
    return _clause(error.format_message()), f"expected {_option(error, context) or _usage(context)}"


def _alternative(error, context):
    return f"expected {' or '.join(error.possibilities) if error.possibilities else _usage(context)}"


def _kind(kind):
    """What a parameter of a click type takes, in words."""
    words = next((words for number, words in NUMBERS.items() if isinstance(kind, number)), kind.name)
    low, high = getattr(kind, "min", None), getattr(kind, "max", None)
    if low is not None and high is not None:
        return f"{words} from {low} to {high}"
    if low is not None:
        return f"{words}, {low} or more"
    return words if high is None else f"{words}, {high} or less"


def _option(error, context):
    """How the option of an error is written; "" where it names none."""
    name = getattr(error, "option_name", None)
    for param in context.command.get_params(context):
        if name in param.opts:
            return f"{name} without a value" if param.is_flag else f"{name} {param.make_metavar(context)}"
    return ""


def _name(param, context):
    return max(param.opts, key=len) if isinstance(param, click.Option) else param.make_metavar(context)


def _usage(context):
    return " ".join(context.get_usage().split()).partition(": ")[2]


def _clause(sentence):
    sentence = sentence.strip().rstrip(".")
    return sentence[:1].lower() + sentence[1:]
