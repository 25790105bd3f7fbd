"""Computation and exchange across the replicas of a `tf.distribute` strategy; without a strategy there is one."""

from collections.abc import Callable

import keras
import tensorflow as tf

from keras_gan._utils import compat


def count() -> int:
    """The number of replicas that compute each step together."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def share(draw: Callable, number):
    """This replica's rows of random numbers that are drawn for all replicas together.

    Every replica draws all rows from the same seed and uses its own part. So no two replicas use the same noise,
    and all together use the noise that one replica would have used.

    Args:
        draw: function of a number of rows to a tensor (rows, ...).
        number: number of rows for this replica, the same on all replicas.

    Returns:
        A tensor (number, ...).
    """
    replicas = count()
    if replicas == 1:
        return draw(number)
    first = tf.distribute.get_replica_context().replica_id_in_sync_group * number
    return draw(number * replicas)[first : first + number]


def mean(values: list) -> list:
    """The mean of each tensor over all replicas, in one exchange, since an exchange costs time whatever its size."""
    return _reduced(tf.distribute.ReduceOp.MEAN, values)


def total(values: list) -> list:
    """The sum of each tensor over all replicas, in one exchange. None stays None."""
    summed = iter(_reduced(tf.distribute.ReduceOp.SUM, [value for value in values if value is not None]))
    return [None if value is None else next(summed) for value in values]


def _reduced(how, values):
    return values if count() == 1 else tf.distribute.get_replica_context().all_reduce(how, values)


def apply_if(finite, sound, optimizer, gradients: list, weights: list, then: Callable[[], None]) -> None:
    """Applies gradients that `total` has summed and calls `then()`, on every replica, if they are finite and sound.

    Otherwise the optimizer only counts the step, so that its schedule continues. It does not count a step before the
    first update with `use_ema`, which starts the averages, nor any with `gradient_accumulation_steps`, since an update
    needs the gradients of all its steps.

    A `keras.optimizers.LossScaleOptimizer` receives the gradients even where they are not finite: it then lowers its
    scale and updates nothing.

    Args:
        finite: whether the loss and the gradients are finite, boolean scalar, the same on all replicas.
        sound: whether the data may be used for an update, the same.
        optimizer: Keras optimizer of the weights.
        gradients: a gradient for each weight.
        weights: Keras variables.
        then: called after the update, under the same conditions.
    """
    scales = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)

    def update(gradients):
        optimizer.apply(gradients, weights)

    if scales:  # for it the loss counts too
        invalid = tf.where(finite, 0.0, float("nan"))
        gradients = [None if g is None else g + tf.cast(invalid, g.dtype) for g in gradients]

    def skip():
        if not optimizer.gradient_accumulation_steps:
            # Not `iterations`, which is not a variable where gradients are accumulated.
            updates = compat.iterations_variable(optimizer)
            updates.assign_add(tf.cast(not optimizer.use_ema or updates > 0, updates.dtype))

    def decide(finite, sound, gradients, each):
        apply, follow = (lambda: each(update, (gradients,))), (lambda: each(then))
        if scales:
            _either(sound, [apply, lambda: _either(finite, [follow])])
        else:
            _either(finite & sound, [apply, follow], skip)

    if not tf.distribute.has_strategy():
        decide(finite, sound, gradients, lambda function, args=(): function(*args))
        return

    def decide_for_all(strategy, finite, sound, gradients):
        finite, sound = (strategy.experimental_local_results(each)[0] for each in (finite, sound))
        # The norm had to be known first. `clipnorm` and its kin then act on the global gradient, as on one replica.
        with compat.without_gradient_sum(getattr(optimizer, "inner_optimizer", optimizer)):
            decide(finite, sound, gradients, strategy.extended.call_for_each_replica)

    # In the cross-replica context, since a branch inside a replica cannot contain the optimizer's own `merge_call`.
    tf.distribute.get_replica_context().merge_call(decide_for_all, args=(finite, sound, gradients))


def _either(condition, actions, otherwise=lambda: None):
    """Calls all `actions` where the condition holds, else `otherwise`."""

    def run(*branch):
        for action in branch:
            action()
        return 0  # both branches of tf.cond have to return the same type

    tf.cond(condition, lambda: run(*actions), lambda: run(otherwise))


def several_processes(strategy: tf.distribute.Strategy) -> bool:
    """Whether the replicas of a strategy are spread over several processes."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) and compat.spans_processes(strategy)


def without_exchange(
    strategy, step: Callable, trackers: list, steps_per_execution: int = 1, run_eagerly: bool = False
) -> Callable:
    """The function that `fit` calls for one or several batches: it runs steps and returns this process's means.

    They already are the means over all replicas. Keras 3 would exchange each of them again and fail, since it takes the
    mean over axis 0, which a scalar does not have (keras issue 20585).

    Args:
        strategy: the strategy.
        step: `train_step` or `test_step` of one replica.
        trackers: `keras.metrics.Mean`, which the step updates with the same values on all replicas.
        steps_per_execution: steps in one call; fewer where the data end.
        run_eagerly: whether the step runs as plain Python.

    Returns:
        A function of an iterator to means by name.
    """

    def one_step(iterator):
        strategy.run(step, args=(next(iterator),))

    run = one_step if run_eagerly else tf.function(one_step, reduce_retracing=True)

    def function(iterator):
        for done in range(steps_per_execution):
            try:
                run(iterator)
            except (tf.errors.OutOfRangeError, StopIteration):
                if not done:
                    raise
                break
        sums = {tracker.name: [_value_of(strategy, v) for v in (tracker.total, tracker.count)] for tracker in trackers}
        return {name: total / count for name, (total, count) in sums.items() if count}

    return function


def _value_of(strategy, variable):
    return float(strategy.experimental_local_results(variable.value)[0])
