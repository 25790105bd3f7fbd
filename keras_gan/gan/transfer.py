"""Weights of one GAN for another: all layers that fit, so that training goes on from what was learned before."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras

from keras_gan._utils.errors import InputError

BY_CLASS, BY_ATTRIBUTE = "class", "embedding"  # names of layers with a row of weights for each class, or attribute


@dataclass(frozen=True)
class Transferred:
    """How much of a network came from another one."""

    taken: int  # number of weights
    total: int

    @property
    def share(self) -> float:
        """The share of the weights that were taken, 0 to 1."""
        return self.taken / max(1, self.total)

    def __str__(self):
        return "all weights" if self.taken == self.total else f"{math.floor(100 * self.share)}% of the weights"


def copy(source, target, rows: Sequence[int | None] = ()) -> Transferred:
    """Copies the weights of the layers that two networks have in common.

    Layers fit where their weights have the same shapes: from the input on as far as all of them do, then from the
    output back. So networks for images of another size share the levels that both have, and those with another
    number of classes all but the layers that depend on it. Of layers with a row for each class or attribute, the known
    rows are copied.

    Args:
        source: the trained network.
        target: the network that gets the weights.
        rows: for each class or attribute of the target its number in the source, or None for a new one.
    """
    by_row = {_row_name(layer): layer for layer in _layers(source) if _row_name(layer)}
    taken = sum(
        _copy_rows(by_row[name], layer, rows) for layer in _layers(target) if (name := _row_name(layer)) in by_row
    )
    theirs, ours = ([layer for layer in _layers(each) if not _row_name(layer)] for each in (source, target))
    start = _agreeing(theirs, ours)
    end = _agreeing(theirs[start:][::-1], ours[start:][::-1])
    pairs = [*zip(theirs[:start], ours[:start], strict=True), *zip(theirs[::-1][:end], ours[::-1][:end], strict=True)]
    for one, other in pairs:
        other.set_weights(one.get_weights())
        taken += other.count_params()
    return Transferred(taken, target.count_params())


def _layers(network):
    """The layers of a network that hold weights, in order, those of nested networks included; wrappers as one layer."""
    found = []
    for layer in network.layers:
        found += _layers(layer) if isinstance(layer, keras.Model) else [layer] if layer.weights else []
    return found or [network]


def _row_name(layer):
    """The name of a layer with a row for each class or attribute, spectrally normalised or not; None for another."""
    name = layer.name.removeprefix("sn_").partition("_")[0]
    return name if name in (BY_CLASS, BY_ATTRIBUTE) else None


def _copy_rows(source, target, rows):
    """Copies the known rows of one layer; returns the number of weights that were copied."""
    theirs, ours = (max(layer.weights, key=lambda weight: math.prod(weight.shape)) for layer in (source, target))
    known = [(own, row) for own, row in enumerate(rows) if row is not None]
    if theirs.shape[1:] != ours.shape[1:] or not known:
        return 0
    values, trained = ours.numpy(), theirs.numpy()
    for own, row in known:
        values[own] = trained[row]
    ours.assign(values)
    return len(known) * values[0].size


def _shapes(layer):
    return type(layer).__name__, [tuple(weight.shape) for weight in layer.weights]


def _agreeing(theirs, ours):
    """The number of layers from the first on whose weights have the same shapes."""
    count = 0
    for one, other in zip(theirs, ours, strict=False):
        if _shapes(one) != _shapes(other):
            break
        count += 1
    return count


def freeze(discriminator, levels: int) -> None:
    """Excludes the first levels of D from training: those that see the largest feature maps.

    Mo et al. 2020, Freeze the discriminator: a simple baseline for fine-tuning GANs (arXiv:2002.10964).

    Args:
        discriminator: a network of images whose layers are known, before `GAN.compile`.
        levels: the number of feature map sizes, from the largest on, whose layers are not trained.

    Raises:
        InputError: where it has no more than this number of sizes.
    """
    sides = {}  # layer -> side of its output
    for layer in _layers(discriminator):
        shape = getattr(getattr(layer, "output", None), "shape", ())
        if len(shape) == 4:
            sides[layer] = shape[1]
    sizes = sorted(set(sides.values()), reverse=True)
    if not 0 <= levels < len(sizes):
        raise InputError(
            f"{levels} levels of the discriminator to freeze; expected 0 to {max(0, len(sizes) - 1)}, since the sides "
            f"of its feature maps are {', '.join(map(str, sizes)) or 'unknown'}. Use freeze_levels (--freeze-levels) "
            "in that range."
        )
    for layer, side in sides.items():
        if side in sizes[:levels]:
            layer.trainable = False
