"""Counters of a GAN in training."""

from dataclasses import dataclass

import keras
import numpy as np

from keras_gan.gan import batches


@dataclass(frozen=True)
class Counters:
    """Counters of a GAN in training: variables that are not weights, so that restoring weights does not reset them."""

    steps: keras.Variable  # training steps made
    skipped_steps: keras.Variable  # updates not applied, since a loss or a gradient was not finite
    automatic_weight: keras.Variable  # the latest `penalties.automatic_weight`
    batches: keras.Variable  # sum of `batches.count`

    @classmethod
    def of_new_gan(cls):
        def variable(name, dtype, shape=()):
            start = np.zeros(shape, dtype)
            return keras.Variable(start, dtype=dtype, trainable=False, name=name, aggregation="only_first_replica")

        return cls(
            variable("steps", "int64"),
            variable("skipped_steps", "int32"),
            variable("automatic_weight", "float32"),
            variable("batches", "float32", len(batches.COUNTS)),
        )
