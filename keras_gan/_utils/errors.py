"""The one error that means "what you gave cannot be used", as opposed to a fault of the package."""


class InputError(ValueError):
    """Something given by the user cannot be used.

    The message is one line that says what was received, what was expected, and the remedy. The command `kgan`
    prints it and ends with exit status 2.
    """


class Notice(UserWarning):
    """Something was amiss and was mended on the way; the message says what, and how. `kgan` prints it as one line."""


class Diverged(RuntimeError):
    """Training ran off and could not be brought back; the message is the verdict. `kgan` ends with exit status 1."""


class WorkerLost(RuntimeError):
    """Another process of a distributed training has gone. `kgan` ends with a status that schedulers restart on."""


def first_line(error: BaseException) -> str:
    """What an error says, cut to one line for a message of ours; its class where it says nothing."""
    text = str(error).strip()
    return printable(text.splitlines()[0][:200]) if text else type(error).__name__


def how_to_install(extra: str) -> str:
    """The remedy where packages of an extra in pyproject.toml are missing; the project is on no package index."""
    return f"Use pip install '.[{extra}]' in a checkout of keras_gan"


def one_line(message: object) -> str:
    """A message as one line that steers no terminal, whatever it quotes."""
    return printable(" ".join(str(message).split()))


def printable(text: str) -> str:
    """The text with ? for every control character: a file's own words may hold codes that steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)
