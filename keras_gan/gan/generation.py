"""Sampling from a GAN: the methods that every `keras_gan.sampling.Generator` has."""

import functools

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from PIL import Image

from keras_gan import sampling
from keras_gan._utils import compat, pixels
from keras_gan._utils.errors import InputError
from keras_gan.sampling import generators, latents, sliders

SHOWN_PX = 512  # approximate side of the picture that `show` returns


class Generation:
    """Methods of `GAN` that sample from its averaged generator, or export it."""

    def call(self, inputs, training=False):
        """The averaged generator: latents, or [latents, labels], to data, float32 (batch, *data_shape)."""
        return ops.cast(self.ema_generator(inputs, training=False), "float32")

    def inputs(self, n, seed=None, labels=None):
        """The generator's inputs for n samples: latents float32 (n, latent_dim), or [latents, labels int32 (n,)].

        `labels` as in `generate`.
        """
        return generators.inputs(self, n, seed, labels)

    def generate(self, n=None, seed=None, batch_size=64, labels=None, z=None):
        """Draws samples from the averaged generator.

        Args:
            n: the number of samples, at least 1; None with z.
            seed: seed of the first sample. Sample i has seed + i, here and in exported files. None for a random seed.
            batch_size: samples computed at once.
            labels: classes of a conditional GAN's samples, one for all or n of them. None for the seed of each sample
                modulo the number of classes, so that a seed alone determines a sample; with z, for its position
                modulo the number of classes. For pictures between classes, shares of the classes: floats
                (n, num_classes), whose rows mix the embeddings of the classes; see `check_class_shares`.
            z: latents, float32 (n, latent_dim), instead of n and seed, as `inputs` or `Directions.move` return them.

        Returns:
            uint8 images in [0, 255], shape (n, height, width, channels); float32 where the data are vectors.

        Raises:
            InputError: where n < 1, the seed is negative, both or neither of n and z are given, the labels are not
                classes of this GAN, or a sample is not finite.
        """
        if self.num_classes is not None and np.ndim(labels) == 2:
            z, _ = latents.columns(n, self.latent_dim, self.latent, seed, self.num_classes, None, z)
            shares = self._checked_shares(labels, len(z))
            self.check_class_shares()
            samples = self._mixed(z, shares)
        else:
            columns = latents.columns(n, self.latent_dim, self.latent, seed, self.num_classes, labels, z)
            samples = self._in_batches(columns, batch_size)
        if not np.isfinite(samples).all():
            raise InputError(
                "the generator returns values that are not finite: its weights hold NaN or infinity, or overflow; "
                "expected finite weights. Train again with lower learning rates."
            )
        return pixels.to_uint8(samples) if len(self.data_shape) == 3 else samples

    def check_class_shares(self):
        """Checks that `generate` can mix classes: that they enter the generator through a `keras.layers.Embedding`.

        The check is by numbers: with the rows of the embedding in reverse order, each class has to give the picture of
        the opposite class. It is made once, since it depends on the network alone.

        Raises:
            InputError: where that is not so, or the generator takes no labels.
        """
        if self._mixes_classes:
            return
        if self.num_classes is not None:
            z, labels = self.inputs(self.num_classes, seed=0)
            reverse = np.eye(self.num_classes, dtype="float32")[::-1]
            if self._embeddings and np.allclose(
                self._mixed(z, reverse[labels]), self.compute([z, labels[::-1]]), atol=1e-3
            ):
                self._mixes_classes = True
                return
        raise InputError(
            "the generator has no classes that can be mixed; expected one whose labels enter through one "
            "keras.layers.Embedding alone. Use whole classes as labels."
        )

    @property
    def _embeddings(self):
        """The tables of the generator's embeddings of classes."""
        found = (layer for layer in compat.all_layers(self.ema_generator) if isinstance(layer, keras.layers.Embedding))
        return [layer.embeddings for layer in found if layer.input_dim == self.num_classes]

    def _checked_shares(self, shares, count):
        """Shares of classes as float32 (n, num_classes)."""
        shares = np.asarray(shares)
        expected = count, self.num_classes
        if shares.dtype.kind != "f" or shares.shape != expected or not np.isfinite(shares).all():
            raise InputError(
                f"labels {shares.dtype} of shape {shares.shape} for {count} samples; expected class numbers, or floats "
                f"of shape {expected} with shares of the classes. Use a row for each sample."
            )
        return shares.astype("float32")

    def _mixed(self, z, shares):
        """The output for mixtures of classes, float32 (n, *data_shape): a mixture takes the place of a class.

        Args:
            z: latents, float32 (n, latent_dim).
            shares: float32 (n, num_classes).
        """
        places, parts = np.arange(self.num_classes, dtype="int32"), []
        for start in range(0, len(z), self.num_classes):
            part, rows = z[start : start + self.num_classes], np.zeros([self.num_classes] * 2, "float32")
            rows[: len(part)] = shares[start : start + self.num_classes]
            mixed = [(table, ops.matmul(rows, table)) for table in self._embeddings]
            with keras.StatelessScope(state_mapping=mixed):
                parts.append(ops.convert_to_numpy(self([part, places[: len(part)]])))
        return np.concatenate(parts)

    def show(self, n=16, seed=0, labels=None):
        """Draws samples as one picture, which a notebook shows.

        Args:
            n: the number of samples.
            seed: seed of the first sample.
            labels: as in `generate`.

        Returns:
            A `PIL.Image` with the samples in a square grid. Small images are enlarged without smoothing.

        Raises:
            InputError: as `generate`, and where the data are no images.
        """
        if len(self.data_shape) != 3:
            raise InputError(
                f"show for vectors of shape {self.data_shape}; expected a GAN of images. Use generate, and draw the "
                "vectors as points."
            )
        picture = sampling.grid(self.generate(n, seed, labels=labels))
        factor = max(1, round(SHOWN_PX / max(picture.size)))
        return picture.resize([side * factor for side in picture.size], Image.Resampling.NEAREST)

    def compute(self, inputs, batch_size=64):
        """The averaged generator's output, float32 (n, *data_shape), computed in this process alone.

        `predict` returns the same, but with several workers all of them have to call it.

        Args:
            inputs: latents, or [latents, labels], as `inputs` returns them.
            batch_size: samples computed at once.

        Raises:
            InputError: where `inputs` have another form.
        """
        return self._in_batches(generators.columns(self, inputs), batch_size)

    def _in_batches(self, columns, batch_size):
        if batch_size < 1:
            raise InputError(f"batch_size is {batch_size}; expected at least 1. Use batch_size=64.")
        starts = range(0, len(columns[0]), batch_size)
        parts = [self._compiled_call(*(column[start : start + batch_size] for column in columns)) for start in starts]
        return np.concatenate([part.numpy() for part in parts])

    _mixes_classes = False  # whether `check_class_shares` has passed

    # `exports.open_generator` replaces these attributes for the GAN of a run; see `generators.Generator`.
    class_names = None

    @functools.cached_property
    def directions(self):
        """The sliders of the GAN's run; no sliders where there is no run."""
        return sliders.Directions(self.latent, ())

    @functools.cached_property
    def description(self):
        """A description of the generator, in JSON's types."""
        return generators.describe(self, self.name)

    @functools.cached_property
    def _compiled_call(self):
        # Cached, since a new function would be traced at each call.
        return tf.function(lambda *batch: self(list(batch) if len(batch) > 1 else batch[0]), reduce_retracing=True)

    def export(self, filepath, format="saved_model", quantize="float16", options=None):
        """Writes the averaged generator for use without this package, after a comparison with Keras on the same seeds.

        Args:
            filepath: a folder for "saved_model", "web" and "micro"; a file that ends in .tflite for "tflite", in .onnx
                for "onnx".
            format: "saved_model", "tflite", "onnx", "web" for a web page, or "micro" for C++ on microcontrollers.
                Keras's names "tf_saved_model" and "litert" are taken too.
            quantize: how a .tflite stores its weights: "float32", "float16", "int8" or "int8-static".
            options: further `keras_gan.exports.Options`; None for the defaults.

        Returns:
            The results of the comparison, a `keras_gan.exports.ExportReport`.

        Raises:
            InputError: for an unknown format or mode, a path that cannot be written, or an export whose samples differ
                too much from Keras's.
        """
        from keras_gan import exports

        return exports.export(self, filepath, format, quantize, options)
