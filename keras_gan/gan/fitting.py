"""`fit`, `evaluate` and `train_on_batch` of a GAN: those of Keras, with checks for two networks."""

import contextlib
from collections.abc import Mapping

import keras
import numpy as np

from keras_gan import schedules
from keras_gan._utils import compat
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
        x, y = self._with_labels(x, y, sample_weight, class_weight)
        if isinstance(validation_data, (tuple, list)):
            images, labels, weights = keras.utils.unpack_x_y_sample_weight(validation_data)
            validation_data = *self._with_labels(images, labels, weights), weights
        with batches.shape_errors():
            return super().fit(
                x,
                y,
                batch_size,
                epochs,
                verbose,
                self._supported(callbacks, verbose),
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
        with self._evaluating():
            x, y = self._with_labels(x, y, sample_weight)
            return super().evaluate(x, y, batch_size, verbose, sample_weight, **options)

    def train_on_batch(self, x, y=None, sample_weight=None, **options):
        """One training step, as `keras.Model.train_on_batch`. Raises InputError as `fit` does."""
        self.reset_counts()
        with batches.shape_errors():
            x, y = self._with_labels(x, y, sample_weight, options.get("class_weight"))
            values = super().train_on_batch(x, y, sample_weight, **options)
        self.check_counts(first=True)
        return values

    def test_on_batch(self, x, y=None, sample_weight=None, **options):
        """The losses on one held-out batch, as `keras.Model.test_on_batch`, with the noise of `evaluate`."""
        with self._evaluating():
            x, y = self._with_labels(x, y, sample_weight)
            return super().test_on_batch(x, y, sample_weight, **options)

    @contextlib.contextmanager
    def _evaluating(self):
        """Gives the same noise each time, and raises InputError for wrong data."""
        before = self.counters.batches.numpy()
        self.evaluation_seed_generator.state.assign([np.uint32((self.seed or 0) % 2**32), 0])  # a fixed key, count 0
        with batches.shape_errors():
            yield
        self._raise_for(self.counters.batches.numpy() - before)

    def _with_labels(self, x, y, sample_weight, class_weight=None):
        """The images and the labels of `fit`, so that Keras can apply weights to them; it drops weights without `y`.

        Labels come from the dictionary `x`, and are zeros where the networks take none. Raises InputError where they
        are missing, or where `class_weight` has none to apply to.
        """
        weighted = sample_weight is not None or class_weight is not None
        if weighted and y is None and isinstance(x, Mapping):
            x, y = batches.from_mapping(x, self.condition.label_keys)
        if class_weight is not None:
            if self.attributes:
                raise InputError(
                    "fit received class_weight for attributes; expected weights of images, since an image has several "
                    "attributes. Use sample_weight."
                )
            if y is None and not _may_have_labels(x):
                raise InputError(
                    "fit received class_weight without labels; expected (images, labels). Pass labels as y, or map the "
                    "dataset to (image, label)."
                )
        if sample_weight is not None and y is None and _is_arrays(x):
            self.condition.check(None)  # raises where the networks take labels
            y = np.zeros(len(sample_weight), "int32")
        return x, y

    def _supported(self, callbacks, verbose):
        """The callbacks of `fit` with `FitSupport`, and with a progress bar of both losses where there is none."""
        if isinstance(callbacks, keras.callbacks.CallbackList):
            listed = callbacks.callbacks
            others = [each for each in listed if not isinstance(each, fit_callbacks.FitSupport)]
            listed[:] = [fit_callbacks.FitSupport(others), *others]
            listed[0].set_model(self)
        else:
            others = [callbacks] if isinstance(callbacks, keras.callbacks.Callback) else list(callbacks or [])
            bar = [fit_callbacks.LossBar()] if verbose else []
            callbacks = [fit_callbacks.FitSupport(others), *bar, *others]
        if self.compiled:
            fit_callbacks.check(others, self)
        return callbacks

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
        batches.raise_for(counts, self.condition, self.discriminator_steps, self.images_at_once, first)

    def finalize_optimizer_averages(self) -> None:
        """Copies the averages of optimizers with `use_ema` into their networks, as Keras does at the end of `fit`.

        Before the first update there are no averages.
        """
        for optimizer, network in (
            (self.generator_optimizer, self.generator),
            (self.discriminator_optimizer, self.discriminator),
        ):
            if int(compat.iterations_variable(schedules.innermost(optimizer)).numpy()):
                optimizer.finalize_variable_values(network.trainable_variables)

    def _multi_process_function(self, step):
        """The function that `fit` calls for a batch where the replicas are in several processes; else None."""
        if replicas.several_processes(self.distribute_strategy):
            return replicas.without_exchange(
                self.distribute_strategy, step, self.trackers, self.steps_per_execution, self.run_eagerly
            )


def _is_shuffled_by_keras(x):
    """Whether `fit` shuffles `x`: arrays, and Keras's datasets of known length. Other datasets have their own order."""
    return x.num_batches is not None if isinstance(x, keras.utils.PyDataset) else _is_arrays(x)


def _is_arrays(x):
    return hasattr(x, "shape") or isinstance(x, (Mapping, list, tuple))


def _may_have_labels(x):
    """Whether the elements of a dataset may hold labels; what Python generators yield is unknown."""
    elements = getattr(x, "element_spec", ())  # of tf.data
    return not _is_arrays(x) and isinstance(elements, tuple) and len(elements) != 1
