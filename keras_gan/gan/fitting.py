"""`fit`, `evaluate` and `train_on_batch` of a GAN: those of Keras, with checks for two networks."""

import keras
import numpy as np

from keras_gan._utils.errors import InputError
from keras_gan.distribute import replicas
from keras_gan.gan import batches, fit_callbacks


class Fitting:
    """Methods of `GAN` that wrap those of `keras.Model`."""

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=None,
        class_weight=None,
        sample_weight=None,
        **options,
    ):
        """Trains the GAN, as `keras.Model.fit` does, with the same arguments.

        Args:
            x: float images (batch, *data_shape) in [-1, 1], as an array or a dataset, or vectors.
            y: labels, integers (batch,), for class-conditional networks.
            shuffle: None means True for arrays and False for datasets, which have their own order.
            class_weight: weight of each class in `y`, which multiplies the loss terms of its real images.
            sample_weight: float (batch,), which multiplies the loss terms of real images.

        All other arguments are those of `keras.Model.fit`.

        Returns:
            Keras's `History`. Its `history` has d_loss, g_loss, penalty, d_accuracy, logit_gap, d_gradient and
            g_gradient (docs/curves.md says what they are), and val_d_loss and val_g_loss of validation data.

        Raises:
            InputError: for data that the networks or the losses cannot take, or a callback that cannot work with a GAN.
        """
        if class_weight is not None and y is None and hasattr(x, "shape"):
            raise InputError("fit received class_weight without labels; expected labels as y. Use sample_weight.")
        given = callbacks
        if not isinstance(callbacks, keras.callbacks.CallbackList):
            given = [callbacks] if isinstance(callbacks, keras.callbacks.Callback) else list(callbacks or [])
            if self.compiled:
                fit_callbacks.check(given, self)
            bar = [fit_callbacks.LossBar()] if verbose else []
            given = [fit_callbacks.FitSupport(given), *bar, *given]
        with batches.shape_errors():
            return super().fit(
                x,
                _labels_for_weights(y, sample_weight),
                batch_size,
                epochs,
                verbose,
                given,
                validation_split,
                validation_data,
                _is_shuffled_by_keras(x) if shuffle is None else shuffle,
                class_weight,
                sample_weight,
                **options,
            )

    def evaluate(self, x=None, y=None, batch_size=None, verbose="auto", sample_weight=None, **options):
        """The losses on held-out images, as `keras.Model.evaluate`, with the same noise in each call.

        It does not change the state of training, including its noise. Raises InputError as `fit` does.
        """
        before = self.counters.batches.numpy()
        # A fixed key and the count 0 give the same noise each time.
        self.evaluation_seed_generator.state.assign([np.uint32((self.seed or 0) % 2**32), 0])
        with batches.shape_errors():
            y = _labels_for_weights(y, sample_weight)
            values = super().evaluate(x, y, batch_size, verbose, sample_weight, **options)
        self._raise_for(self.counters.batches.numpy() - before)
        return values

    def train_on_batch(self, x, y=None, sample_weight=None, **options):
        """One training step, as `keras.Model.train_on_batch`. Raises InputError as `fit` does."""
        self.reset_counts()
        with batches.shape_errors():
            values = super().train_on_batch(x, _labels_for_weights(y, sample_weight), sample_weight, **options)
        self.check_counts(first=True)
        return values

    def make_train_function(self, force=False):
        if self.train_function is None or force:
            super().make_train_function(force)
            self.train_function = self._multi_process_function(self.train_step) or self.train_function

    def make_test_function(self, force=False):
        if self.test_function is None or force:
            super().make_test_function(force)
            self.test_function = self._multi_process_function(self.test_step) or self.test_function

    def reset_counts(self):
        """Sets the counts of wrong data to zero."""
        self.counters.batches.assign(np.zeros(len(batches.COUNTS), "float32"))

    def check_counts(self, first: bool = False) -> None:
        """Raises InputError where the data since `reset_counts` were wrong; `first` as in `batches.raise_for`."""
        self._raise_for(self.counters.batches.numpy(), first)

    def _raise_for(self, counts, first=False):
        batches.raise_for(counts, self.condition, self.discriminator_steps, first)

    def finalize_optimizer_averages(self) -> None:
        """Copies the averages of optimizers with `use_ema` into their networks, as Keras does at the end of `fit`."""
        self.generator_optimizer.finalize_variable_values(self.generator.trainable_variables)
        self.discriminator_optimizer.finalize_variable_values(self.discriminator.trainable_variables)

    def _multi_process_function(self, step):
        """The function that `fit` calls for a batch where the replicas are in several processes; else None."""
        if replicas.several_processes(self.distribute_strategy):
            return replicas.without_exchange(
                self.distribute_strategy, step, self.trackers, self.steps_per_execution, self.run_eagerly
            )


def _labels_for_weights(y, sample_weight):
    """The labels, or zeros where there are only weights, since Keras drops weights without `y`."""
    return np.zeros(len(sample_weight), "int32") if y is None and sample_weight is not None else y


def _is_shuffled_by_keras(x):
    """Whether `fit` shuffles `x`: arrays, and Keras's datasets of known length. Other datasets have their own order."""
    if isinstance(x, keras.utils.PyDataset):
        return x.num_batches is not None
    return hasattr(x, "shape") or isinstance(x, (dict, list, tuple))
