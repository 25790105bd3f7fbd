"""Where the command shows progress: bars on a terminal with colours, lines elsewhere."""

import sys

from keras_gan._utils import progress
from keras_gan.cli import output


def choose() -> progress.Display:
    """The display for standard error, which may be closed."""
    if sys.stderr is None:
        return progress.display()
    return progress.Bars() if output.is_rich(sys.stderr) else progress.Lines()
