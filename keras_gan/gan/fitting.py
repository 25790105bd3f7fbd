"""`fit`, `evaluate` and `train_on_batch` of a GAN: Keras's own, with the checks that two networks need."""

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
        """Trains as `keras.Model.fit` does, with the same arguments; images in [-1, 1], labels as `y`.

        `shuffle` None is True for arrays and False for datasets, which bring their own order. `sample_weight` and
        `class_weight` (by the labels in `y`) multiply the loss terms of real images.

        Returns:
            Keras's `History`, whose `history` has `keras_gan._utils.log_names.LOGS`.

        Raises:
            InputError: for data that the networks or the losses cannot take, or a callback that cannot work with a GAN.
        """
        if class_weight is not None and y is None and hasattr(x, "shape"):
            raise InputError("class_weight without labels; expected labels as y, integers (batch,). Use sample_weight.")
        given = callbacks
        if not isinstance(callbacks, keras.callbacks.CallbackList):
            given = [callbacks] if isinstance(callbacks, keras.callbacks.Callback) else list(callbacks or [])
            if self.compiled:
                fit_callbacks.check(given, self)
            given = [fit_callbacks.FitSupport(given), *given]
        with batches.shape_errors():
            return super().fit(
                x,
                _beside_weights(y, sample_weight),
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
        """The losses on held-out images, as `keras.Model.evaluate`, each time on the same noise.

        Training is left as it was, its noise included. Raises InputError as `fit`.
        """
        before = self.counters.batches.numpy()
        # A fixed key and the count 0: the same noise each time.
        self.evaluation_seed_generator.state.assign([np.uint32((self.seed or 0) % 2**32), 0])
        with batches.shape_errors():
            y = _beside_weights(y, sample_weight)
            values = super().evaluate(x, y, batch_size, verbose, sample_weight, **options)
        self._complain(self.counters.batches.numpy() - before)
        return values

    def train_on_batch(self, x, y=None, sample_weight=None, **options):
        """One training step, as `keras.Model.train_on_batch`. Raises InputError as `fit`."""
        self.reset_counts()
        with batches.shape_errors():
            values = super().train_on_batch(x, _beside_weights(y, sample_weight), sample_weight, **options)
        self.check_counts(first=True)
        return values

    def make_train_function(self, force=False):
        if self.train_function is None or force:
            super().make_train_function(force)
            self.train_function = self._in_step_with_others(self.train_step) or self.train_function

    def make_test_function(self, force=False):
        if self.test_function is None or force:
            super().make_test_function(force)
            self.test_function = self._in_step_with_others(self.test_step) or self.test_function

    def reset_counts(self):
        """Begins to count anew what is wrong with the data."""
        self.counters.batches.assign(np.zeros(len(batches.COUNTS), "float32"))

    def check_counts(self, first: bool = False) -> None:
        """Raises InputError where the data since `reset_counts` were wrong; `first` as in `batches.complain`."""
        self._complain(self.counters.batches.numpy(), first)

    def _complain(self, counts, first=False):
        batches.complain(counts, self.num_classes, self.discriminator_steps, first)

    def finalize_optimizer_averages(self) -> None:
        """Puts the averages of optimizers with `use_ema` into their networks, as Keras does at the end of `fit`."""
        self.generator_optimizer.finalize_variable_values(self.generator.trainable_variables)
        self.discriminator_optimizer.finalize_variable_values(self.discriminator.trainable_variables)

    def _in_step_with_others(self, step):
        """What `fit` is to call for a batch where the replicas are in several processes; None elsewhere."""
        if replicas.several_processes(self.distribute_strategy):
            return replicas.without_exchange(
                self.distribute_strategy, step, self.trackers, self.steps_per_execution, self.run_eagerly
            )


def _beside_weights(y, sample_weight):
    """The labels, or zeros in their place where there are weights, which Keras drops where there is no `y`."""
    return np.zeros(len(sample_weight), "int32") if y is None and sample_weight is not None else y


def _is_shuffled_by_keras(x):
    """Whether `fit` is to shuffle: arrays, and datasets of Keras with a known length; others bring their own order."""
    if isinstance(x, keras.utils.PyDataset):
        return x.num_batches is not None
    return hasattr(x, "shape") or isinstance(x, (dict, list, tuple))
