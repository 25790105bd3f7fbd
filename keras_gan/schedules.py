"""Learning rates: the one that follows from a network, "auto" of the default preset, and how one is lowered."""

from typing import Any

import keras

from keras_gan._utils import compat

Schedule = keras.optimizers.schedules.LearningRateSchedule
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


@keras.saving.register_keras_serializable("keras_gan")
class PerTrainingStep(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that counts training steps, for an optimizer that is applied several times in each of them.

    Keras's schedules count the optimizer's own updates: with k updates of the discriminator in a training step its rate
    would change k times as fast as the generator's, whatever the schedule.

    Args:
        schedule: a Keras schedule of training steps.
        updates: updates of the optimizer in one training step, k of Algorithm 1.
    """

    def __init__(self, schedule, updates):
        self.schedule = schedule
        self.updates = updates

    def __call__(self, step):
        return self.schedule(step // self.updates)

    def get_config(self):
        return {"schedule": keras.saving.serialize_keras_object(self.schedule), "updates": self.updates}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["schedule"]), config["updates"])


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


def innermost(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """The optimizer that updates weights: the one inside a `LossScaleOptimizer`, or the optimizer itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def schedule_of(optimizer: keras.optimizers.Optimizer) -> Schedule | None:
    """The schedule that an optimizer follows; None where its learning rate is a number."""
    # Keras shows only the present rate; the schedule's serialized form would not do for classes that nobody registered.
    rate = compat.learning_rate_or_schedule(innermost(optimizer))
    return rate if isinstance(rate, Schedule) else None


def count_training_steps(optimizer: keras.optimizers.Optimizer, updates: int) -> None:
    """Makes an optimizer's schedule, if it follows one, count training steps of `updates` updates each."""
    schedule = schedule_of(optimizer)
    if schedule is None:
        return
    schedule = schedule.schedule if isinstance(schedule, PerTrainingStep) else schedule
    innermost(optimizer).learning_rate = schedule if updates == 1 else PerTrainingStep(schedule, updates)


def lower(optimizer: keras.optimizers.Optimizer, factor: float) -> None:
    """Multiplies an optimizer's learning rate, or the whole schedule that it follows, by `factor`.

    A function that was compiled with a schedule keeps the old one: `make_train_function(force=True)` takes the new.
    """
    optimizer, schedule = innermost(optimizer), schedule_of(optimizer)
    if schedule is None:
        optimizer.learning_rate = factor * optimizer.learning_rate
    elif isinstance(schedule, PerTrainingStep):
        optimizer.learning_rate = PerTrainingStep(Lowered(schedule.schedule, factor), schedule.updates)
    else:
        optimizer.learning_rate = Lowered(schedule, factor)


def now(optimizer: keras.optimizers.Optimizer) -> float:
    """The learning rate of the next step."""
    return float(keras.ops.convert_to_numpy(innermost(optimizer).learning_rate))


def follows_schedule(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether the learning rate is a schedule, rather than a number that is saved with the optimizer's variables."""
    return schedule_of(optimizer) is not None
