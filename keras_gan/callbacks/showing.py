"""A callback that shows samples in a notebook during training."""

from keras_gan._utils.errors import InputError
from keras_gan.callbacks.every import Every


class ShowSamples(Every):
    """Shows samples of fixed seeds below the cell of a notebook, and replaces them as training goes on.

    Args:
        steps: the number of steps between two pictures.
        n: the number of samples.
        seed: seed of the first sample.

    Raises:
        InputError: at the start of `fit`, outside a notebook.

    Example:
        In a notebook::

            gan.fit(images, epochs=10, callbacks=[keras_gan.callbacks.ShowSamples()])
    """

    def __init__(self, steps: int = 100, n: int = 16, seed: int = 0):
        super().__init__(steps)
        self.n = n
        self.seed = seed
        self.shown = None  # the picture in the notebook

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._show()

    def act(self, step, logs=None):
        self._show()

    def _show(self):
        picture = self.model.show(self.n, self.seed)
        if self.shown is None:
            self.shown = _display()(picture, display_id=True)
        else:
            self.shown.update(picture)

    def on_train_end(self, logs=None):
        self._show()


def _display():
    """IPython's function that shows an object. Raises InputError outside a notebook."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        get_ipython = None
    if get_ipython is None or get_ipython() is None:
        raise InputError(
            "ShowSamples outside a notebook; expected Jupyter or Colab. Use gan.show(16).save('samples.png') elsewhere."
        )
    return display
