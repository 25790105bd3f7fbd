"""Learning rates: the one that follows from a network, "auto" of the default preset, and how one is lowered."""

from collections.abc import Mapping
from typing import Any

import keras

LARGEST_RATE, LEAST_RATE = 2e-3, 2e-4
REFERENCE_WIDTH = 64  # up to which the rate is the largest
HALVING_STEPS = 8_000


def width(network: keras.Model) -> int:
    """The most features that any layer both takes and gives: the largest min(inputs, outputs) of a kernel."""
    kernels = [weight.shape for weight in network.trainable_variables if len(weight.shape) > 1]
    return max((min(shape[-2:]) for shape in kernels), default=1)


def automatic(network: keras.Model) -> dict[str, Any]:
    """A learning rate for Adam that suits the network, as the serialized form of a Keras schedule.

    Adam moves every weight by about the rate, whatever its gradient, and what a unit computes moves by the sum over its
    inputs: the rate falls as the width grows, here from .002 at 64 with its square, down to the .0002 that papers take.
    Over the steps it falls as 1 / (1 + step / 8,000), so that it does not depend on how many there will be.

    Args:
        network: the generator or the discriminator, built.

    Reference: that wide networks need smaller steps, Yang et al. 2022, Tensor programs V (arXiv:2203.03466); the
    numbers, benchmarks/RESULTS.md.
    """
    rate = LARGEST_RATE * (REFERENCE_WIDTH / width(network)) ** 2
    return {
        "module": "keras.optimizers.schedules",
        "class_name": "InverseTimeDecay",
        "config": {
            "initial_learning_rate": min(max(rate, LEAST_RATE), LARGEST_RATE),
            "decay_steps": HALVING_STEPS,
            "decay_rate": 1.0,
        },
    }


def stretched(rate, updates: int):
    """A serialized learning rate for an optimizer that is applied `updates` times in a training step.

    A schedule counts the optimizer's own updates: with k updates of D in a step its rate would otherwise fall k times
    as fast as G's, and D would stand still before G has arrived.
    """
    if updates == 1 or not isinstance(rate, Mapping) or "decay_steps" not in rate.get("config", {}):
        return rate
    return {**rate, "config": {**rate["config"], "decay_steps": updates * rate["config"]["decay_steps"]}}


@keras.saving.register_keras_serializable("keras_gan")
class Lowered(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule whose rates are all multiplied by a factor.

    Args:
        schedule: a Keras schedule.
        factor: what its rates are multiplied by.
    """

    def __init__(self, schedule, factor):
        self.schedule = schedule
        self.factor = factor

    def __call__(self, step):
        return self.factor * self.schedule(step)

    def get_config(self):
        return {"schedule": keras.saving.serialize_keras_object(self.schedule), "factor": self.factor}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["schedule"]), config["factor"])


def lower(optimizer: keras.optimizers.Optimizer, factor: float) -> None:
    """Multiplies an optimizer's learning rate, or the whole schedule that it follows, by `factor`.

    A function that was compiled with a schedule keeps the old one: `make_train_function(force=True)` takes the new.
    """
    if follows_schedule(optimizer):
        schedule = keras.saving.deserialize_keras_object(optimizer.get_config()["learning_rate"])
        optimizer.learning_rate = Lowered(schedule, factor)
    else:
        optimizer.learning_rate = factor * optimizer.learning_rate


def now(optimizer: keras.optimizers.Optimizer) -> float:
    """The learning rate of the next step."""
    return float(keras.ops.convert_to_numpy(optimizer.learning_rate))


def follows_schedule(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether the learning rate is a schedule, rather than a number that is saved with the optimizer's variables."""
    return isinstance(optimizer.get_config()["learning_rate"], Mapping)
