"""The one error that means "what you gave cannot be used", as opposed to a fault of the package."""


class InputError(ValueError):
    """Something given by the user cannot be used.

    The message is one line that says what was received, what was expected, and the remedy. The command `kgan`
    prints it and ends with exit status 2.
    """


def first_line(error: BaseException) -> str:
    """What an error says, cut to one line for a message of ours; its class where it says nothing."""
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
