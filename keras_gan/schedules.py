"""Learning rates: "auto", which depends on the network, and schedules that are counted in training steps or lowered.

Also an SGD whose momentum follows a schedule, as in 2014.
"""

from typing import Any

import keras
from keras import ops

from keras_gan._utils import compat
from keras_gan._utils.errors import InputError

Schedule = keras.optimizers.schedules.LearningRateSchedule
LARGEST_RATE, LEAST_RATE = 2e-3, 2e-4
REFERENCE_WIDTH = 64  # up to this width the rate is LARGEST_RATE
HALVING_STEPS = 8_000


def width(network: keras.Model) -> int:
    """The largest number of features that a layer both takes and returns: max over kernels of min(inputs, outputs)."""
    kernels = [weight.shape for weight in network.trainable_variables if len(weight.shape) > 1]
    return max((min(shape[-2:]) for shape in kernels), default=1)


def automatic(network: keras.Model) -> dict[str, Any]:
    """A learning rate for Adam that suits the network, as the serialized form of a Keras schedule.

    Adam moves every weight by about the learning rate, whatever its gradient, and the output of a unit moves by the sum
    over its inputs. So the rate falls with the square of the width, from 0.002 at 64 down to the 0.0002 of the papers.
    Over time it falls as 1 / (1 + step / 8,000), which does not depend on the number of steps planned.

    Args:
        network: the built generator or discriminator.

    Returns:
        The serialized form of an `InverseTimeDecay`.

    Reference: Yang et al. 2022, Tensor programs V (arXiv:2203.03466), for smaller steps in wide networks. The numbers
    come from benchmarks/RESULTS.md.
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
    """A schedule that counts training steps, for an optimizer with several updates in each training step.

    Keras's schedules count the optimizer's own updates. With k updates of the discriminator in a training step, its
    rate would change k times as fast as the generator's.

    Args:
        schedule: a Keras schedule of training steps.
        updates: updates of the optimizer in one training step (k of Algorithm 1).
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
        factor: factor of its rates.
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


@keras.saving.register_keras_serializable("keras_gan")
class RisingMomentum(keras.optimizers.SGD):
    """SGD whose momentum μ changes linearly from one step to another and is constant before and after.

    m ← μ m - η ∇, weight ← weight + m. The other arguments are those of `keras.optimizers.SGD`.

    Args:
        learning_rate: η, or its schedule.
        momentum: μ up to `first_step`, above 0.
        final_momentum: μ from `last_step` on.
        first_step: step from which it changes.
        last_step: step at which it reaches `final_momentum`.
    """

    def __init__(
        self, learning_rate=0.01, momentum=0.5, final_momentum=0.7, first_step=0, last_step=1, name="SGD", **options
    ):
        super().__init__(learning_rate, momentum, name=name, **options)
        if not momentum > 0 or self.nesterov or last_step <= first_step:
            raise InputError(
                f"RisingMomentum received momentum={momentum}, nesterov={self.nesterov}, first_step={first_step} and "
                f"last_step={last_step}; expected momentum above 0, no nesterov, and a later last_step. Use "
                "keras.optimizers.SGD for a constant momentum."
            )
        self.final_momentum, self.first_step, self.last_step = final_momentum, first_step, last_step
        self.updates = 1  # in a training step; see `count_training_steps`

    def update_step(self, gradient, variable, learning_rate):
        step = self.iterations // self.updates
        passed = ops.cast(step - self.first_step, "float32") / (self.last_step - self.first_step)
        momentum = self.momentum + (self.final_momentum - self.momentum) * ops.clip(passed, 0.0, 1.0)
        velocity = compat.slot(self, self.momentums, variable)
        change = ops.cast(momentum, velocity.dtype) * velocity - ops.cast(learning_rate * gradient, velocity.dtype)
        self.assign(velocity, change)
        self.assign_add(variable, change)

    def get_config(self):
        names = ("final_momentum", "first_step", "last_step")
        return super().get_config() | {name: getattr(self, name) for name in names}


def innermost(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """The optimizer that updates weights: the one inside a `LossScaleOptimizer`, or the optimizer itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def schedule_of(optimizer: keras.optimizers.Optimizer) -> Schedule | None:
    """The schedule that an optimizer follows; None where its learning rate is a number."""
    # Keras's public attribute is the current rate only, and an unregistered schedule cannot be serialized.
    rate = compat.learning_rate_or_schedule(innermost(optimizer))
    return rate if isinstance(rate, Schedule) else None


def count_training_steps(optimizer: keras.optimizers.Optimizer, updates: int) -> None:
    """Makes an optimizer's schedules, if it has any, count training steps of `updates` updates each."""
    if isinstance(innermost(optimizer), RisingMomentum):
        innermost(optimizer).updates = updates
    schedule = schedule_of(optimizer)
    if schedule is None:
        return
    schedule = schedule.schedule if isinstance(schedule, PerTrainingStep) else schedule
    innermost(optimizer).learning_rate = schedule if updates == 1 else PerTrainingStep(schedule, updates)


def lower(optimizer: keras.optimizers.Optimizer, factor: float) -> None:
    """Multiplies an optimizer's learning rate, or the whole schedule that it follows, by `factor`.

    A compiled train function still uses the old schedule. Call `make_train_function(force=True)` afterwards.
    """
    optimizer, schedule = innermost(optimizer), schedule_of(optimizer)
    if schedule is None:
        optimizer.learning_rate = factor * optimizer.learning_rate
    elif isinstance(schedule, PerTrainingStep):
        optimizer.learning_rate = PerTrainingStep(Lowered(schedule.schedule, factor), schedule.updates)
    else:
        optimizer.learning_rate = Lowered(schedule, factor)


def current_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """The learning rate of the next step."""
    return float(keras.ops.convert_to_numpy(innermost(optimizer).learning_rate))


def initial_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """The learning rate of step 0 of the schedule; the learning rate where there is no schedule."""
    schedule = schedule_of(optimizer)
    return current_rate(optimizer) if schedule is None else float(keras.ops.convert_to_numpy(schedule(0)))


def follows_schedule(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether the learning rate is a schedule, rather than a number that is saved with the optimizer's variables."""
    return schedule_of(optimizer) is not None
