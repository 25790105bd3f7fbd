"""What one replica of a `tf.distribute` strategy has to know of the others; without a strategy there is one replica."""

from collections.abc import Callable

import keras
import tensorflow as tf

from keras_gan._utils import compat


def count() -> int:
    """Replicas that compute each step together."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def share(draw: Callable, number):
    """This replica's rows of what `draw(rows)` gives for all replicas together.

    Every replica draws all rows from the same seed and keeps its own: no two train on the same noise, and together they
    see what one replica would have seen.

    Args:
        draw: from a number of rows to a tensor of as many.
        number: rows that this replica needs; the same for all.
    """
    replicas = count()
    if replicas == 1:
        return draw(number)
    first = tf.distribute.get_replica_context().replica_id_in_sync_group * number
    return draw(number * replicas)[first : first + number]


def mean(values: list) -> list:
    """Tensors, each as its mean over all replicas; in one exchange, since each costs time whatever its size."""
    return _reduced(tf.distribute.ReduceOp.MEAN, values)


def total(values: list) -> list:
    """Tensors, each summed over all replicas, in one exchange; None stays None."""
    summed = iter(_reduced(tf.distribute.ReduceOp.SUM, [value for value in values if value is not None]))
    return [None if value is None else next(summed) for value in values]


def _reduced(how, values):
    return values if count() == 1 else tf.distribute.get_replica_context().all_reduce(how, values)


def apply_if(condition, optimizer, gradients: list, weights: list, then: Callable[[], None]) -> None:
    """One update by gradients that `total` has summed, then `then()`, on every replica; without `condition` neither.

    The optimizer counts the step all the same, so that its schedule goes on.

    A `keras.optimizers.LossScaleOptimizer` gets gradients that are not finite, since it lowers its scale by them and
    updates nothing; where only `condition` is against it, they are made so.

    Args:
        condition: boolean scalar, the same on all replicas.
        optimizer: Keras optimizer of the weights.
        gradients: one for each weight.
        weights: Keras variables.
        then: called after the update, under the same condition.
    """
    scales = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)

    def update(gradients):
        optimizer.apply(gradients, weights)

    if scales:
        invalid = tf.where(condition, 0.0, float("nan"))
        gradients = [None if g is None else g + tf.cast(invalid, g.dtype) for g in gradients]

    def skip():
        # `iterations` is no variable where gradients are accumulated.
        if not scales:
            compat.iterations_variable(optimizer).assign_add(1)

    if not tf.distribute.has_strategy():
        if scales:
            update(gradients)
        _either(condition, [then] if scales else [lambda: update(gradients), then], skip)
        return

    def meet(strategy, condition, gradients):
        first = strategy.experimental_local_results(condition)[0]
        each = strategy.extended.call_for_each_replica
        # The norm had to be known first. `clipnorm` and its kin then act on the global gradient, as on one replica.
        with compat.without_gradient_sum(getattr(optimizer, "inner_optimizer", optimizer)):
            if scales:
                each(update, (gradients,))
            updates = [] if scales else [lambda: each(update, (gradients,))]
            _either(first, [*updates, lambda: each(then)], skip)

    # Not inside a replica: a branch there could not hold the optimizer's own meeting with the others.
    tf.distribute.get_replica_context().merge_call(meet, args=(condition, gradients))


def _either(condition, actions, otherwise):
    """Does the actions where the condition holds, and the other one where it does not."""

    def run(*branch):
        for action in branch:
            action()
        return 0  # what both branches have to return alike

    tf.cond(condition, lambda: run(*actions), lambda: run(otherwise))


def several_processes(strategy: tf.distribute.Strategy) -> bool:
    """Whether the replicas of a strategy are spread over several processes."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) and compat.spans_processes(strategy)


def without_exchange(
    strategy, step: Callable, trackers: list, steps_per_execution: int = 1, run_eagerly: bool = False
) -> Callable:
    """What `fit` calls for a batch, or for several: steps, then the means in the trackers of this process.

    They are those of all replicas already. Keras 3 would exchange each of them once more, and cannot: it takes the mean
    over axis 0, which a scalar does not have (keras issue 20585).

    Args:
        strategy: the strategy.
        step: of one replica, `train_step` or `test_step`.
        trackers: `keras.metrics.Mean`, which the step updates by the same values on all replicas.
        steps_per_execution: steps in one call, fewer where the data end.
        run_eagerly: whether the step runs as plain Python.
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
        sums = {tracker.name: [_here(strategy, v) for v in (tracker.total, tracker.count)] for tracker in trackers}
        return {name: total / count for name, (total, count) in sums.items() if count}

    return function


def _here(strategy, variable):
    return float(strategy.experimental_local_results(variable.value)[0])
