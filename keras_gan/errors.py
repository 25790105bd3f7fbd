"""The one error that means "what you gave cannot be used", as opposed to a fault of the package."""


class InputError(ValueError):
    """Something given by the user cannot be used.

    The message is one line that says what was received, what was expected, and the remedy. The command `kgan`
    prints it and ends with exit status 2.
    """
