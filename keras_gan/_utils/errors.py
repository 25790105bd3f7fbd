"""Exceptions and warnings of this package, and helpers for their messages."""


class InputError(ValueError):
    """An argument, a file or data from the user cannot be used; it is not a bug in the package.

    The message is one line with what was received, what was expected, and the remedy. The command `kgan` prints it and
    ends with exit status 2.
    """


class Notice(UserWarning):
    """A warning that a problem was found and worked around, and how. `kgan` prints it as one line."""


class Diverged(RuntimeError):
    """Training diverged and could not be recovered; the message is the diagnosis. `kgan` ends with exit status 1."""


class WorkerLost(RuntimeError):
    """Another process of a distributed training was lost. `kgan` ends with a status on which schedulers restart."""


def first_line(error: BaseException) -> str:
    """The first line of an error's text, cut to 200 characters; the name of its class where the text is empty."""
    text = str(error).strip()
    return printable(text.splitlines()[0][:200]) if text else type(error).__name__


def field_first(error: BaseException) -> str:
    """An error of msgspec, or of a dataclass's own checks, with the field first: "steps: expected int, got str"."""
    text, _, path = first_line(error).partition(". ")[0].replace("`", "").partition(" - at ")
    path = path.removeprefix("$").removeprefix(".")
    return f"{path}: {text[0].lower()}{text[1:]}" if path else text


def how_to_install(extra: str) -> str:
    """The remedy where packages of an extra in pyproject.toml are missing."""
    return f"Use pip install '.[{extra}]' in a checkout of keras_gan"


def one_line(message: object) -> str:
    """A message as one line without control characters, whatever text it quotes."""
    return printable(" ".join(str(message).split()))


def printable(text: str) -> str:
    """The text with ? for every control character, since text from a file may contain terminal escape codes."""
    return "".join(character if character.isprintable() else "?" for character in text)
