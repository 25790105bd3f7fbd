"""Checkpoint files: the complete state of training, with a checksum.

A .npz with an array for each variable and `sha256`, the digest of all names, dtypes, shapes and values. The CRC of the
zip format covers only the values of each array.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_gan._utils.errors import InputError, first_line, printable
from keras_gan._utils.files import replace
from keras_gan.data.arrays import check_sizes

NEWEST = 2  # checkpoints that are not deleted: the newest, and the one before, in case the newest is damaged later
DIGEST = "sha256"
EXTRA = "beside/"  # prefix of arrays that do not belong to the GAN: see `Run.save`
WEIGHTS_ONLY = "weights_only"  # array of `write_weights`: the training step
RATES = "learning_rates"  # extra array: the learning rates of both networks at the start, generator first
LOG = "log/"  # prefix of logged means


def state(gan) -> dict:
    """All variables of training, and the logged means, by name."""
    parts = {
        "generator": gan.generator.variables,
        "discriminator": gan.discriminator.variables,
        "average": gan.ema_generator.variables,
        "generator_optimizer": gan.generator_optimizer.variables,
        "discriminator_optimizer": gan.discriminator_optimizer.variables,
        "noise": [gan.seed_generator.state],
        "steps": [gan.counters.steps],
        "skipped_steps": [gan.counters.skipped_steps],
        "automatic_weight": [gan.counters.automatic_weight],
        **{f"{LOG}{tracker.name}": tracker.variables for tracker in gan.trackers},
    }
    return {f"{part}/{i:04d}": variable for part, found in parts.items() for i, variable in enumerate(found)}


def values(gan) -> dict[str, np.ndarray]:
    """The arrays of `state`. With several workers, all of them must call it together."""
    return {name: variable.numpy() for name, variable in state(gan).items()}


def assign(gan, arrays: Mapping[str, np.ndarray]) -> None:
    """Assigns arrays from `values` to a GAN with the same networks and optimizers."""
    for name, variable in state(gan).items():
        variable.assign(arrays[name])


def is_finite(arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether all numbers are finite, apart from logged means, which may include a skipped step."""
    return all(np.isfinite(array).all() for name, array in arrays.items() if not name.startswith(LOG))


def write_weights(file: Path, gan) -> None:
    """Writes the weights of the discriminator and of the average alone, in 16 bits.

    From such a checkpoint training starts afresh, with the average as the generator.
    """
    named = {name: array for name, array in values(gan).items() if name.startswith(("discriminator/", "average/"))}
    small = {name: array.astype("float16") if array.dtype == "float32" else array for name, array in named.items()}
    write(file, {**small, WEIGHTS_ONLY: np.array(gan.step)})


def completed(arrays: Mapping[str, np.ndarray], gan) -> dict[str, np.ndarray]:
    """The arrays of a checkpoint for a GAN; those of `write_weights` with the GAN's own for all that is missing."""
    if WEIGHTS_ONLY not in arrays:
        return dict(arrays)
    own = values(gan)
    known = {name: array for name, array in arrays.items() if name != WEIGHTS_ONLY}
    known |= {name.replace("average/", "generator/"): array for name, array in known.items() if "average/" in name}
    known["steps/0000"] = arrays[WEIGHTS_ONLY]
    return own | {name: array.astype(own[name].dtype) if name in own else array for name, array in known.items()}


def split(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Splits the arrays of a checkpoint into those of the GAN and the extra ones, the latter without their prefix."""
    extra = {name.removeprefix(EXTRA): array for name, array in arrays.items() if name.startswith(EXTRA)}
    return {name: array for name, array in arrays.items() if not name.startswith(EXTRA)}, extra


def write(file: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes a checkpoint, which is flushed to the disk before it gets its name."""

    content: dict[str, Any] = {**arrays, DIGEST: _digest(arrays)}

    def draft_to(draft):
        with open(draft, "wb") as stream:
            np.savez(stream, **content)
            stream.flush()
            os.fsync(stream.fileno())

    replace(file, draft_to)


def read(file: Path) -> dict[str, np.ndarray]:
    """Reads the arrays of a checkpoint. Raises InputError where the file is damaged."""
    try:
        with open(file, "rb") as stream:
            check_sizes(file, stream)
            with np.load(stream, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError("it contains files that are not arrays")
        digest = arrays.pop(DIGEST)
        if not np.array_equal(digest, _digest(arrays)):
            raise ValueError("its checksum is wrong")
    except (MemoryError, PermissionError):
        raise
    except Exception as error:  # a damaged archive can raise any error
        # `Run.newest` appends the remedy, which depends on the other checkpoints.
        raise InputError(f"checkpoint {file} is damaged ({first_line(error)}); expected it as it was saved") from error
    return _completed(arrays)


@dataclass(frozen=True)
class Resolved:
    """Settings that training chose by itself; None where the checkpoint does not have them."""

    penalty_weight: float | None = None  # γ of the last batch
    generator_rate: float | None = None  # learning rate at the start
    discriminator_rate: float | None = None


def resolved(file: Path) -> Resolved:
    """Reads the settings that training chose by itself, and no weights. A damaged file has none."""
    try:
        with np.load(file, allow_pickle=False) as archive:
            weight = float(archive["automatic_weight/0000"])
            rates = archive[f"{EXTRA}{RATES}"] if f"{EXTRA}{RATES}" in archive.files else (None, None)
            return Resolved(weight or None, *(None if rate is None else float(rate) for rate in rates))
    except Exception:  # a damaged archive can raise any error
        return Resolved()


def _completed(arrays):
    """Adds arrays that checkpoints of earlier versions lack. There the generator's optimizer counted the steps."""
    counted = arrays.get("generator_optimizer/0000")
    if counted is None or "steps/0000" in arrays:
        return arrays
    return {"steps/0000": counted.astype("int64"), "automatic_weight/0000": np.zeros((), "float32"), **arrays}


def _digest(arrays):
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.data)
    return np.frombuffer(digest.digest(), "uint8")


def fits(arrays: Mapping[str, np.ndarray], variables: Mapping) -> bool:
    """Whether arrays and variables have the same names, shapes and dtypes."""
    return {name: (array.shape, str(array.dtype)) for name, array in arrays.items()} == {
        name: (tuple(variable.shape), str(variable.dtype)) for name, variable in variables.items()
    }


def extra_array(extra: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...] = (), largest: float | None = None):
    """An extra array that a callback saved; None where there is none.

    Args:
        extra: the extra arrays, as `Run.restore` returns them.
        name: name of the array.
        shape: the required shape.
        largest: upper limit of its numbers, which then must be at least 0; None for no limits.

    Raises:
        InputError: where the array has another shape, or numbers outside the limits.
    """
    array = extra.get(name)
    if array is None:
        return None
    sound = array.shape == shape and array.dtype.kind in "iuf"
    if not sound or not (largest is None or np.all((array >= 0) & (array <= largest))):
        shown = printable(str(array))[:40] if array.size == 1 else f"of shape {array.shape}"
        raise InputError(
            f"the checkpoint's {name} is {shown}; expected numbers of shape {shape}"
            f"{'' if largest is None else f', 0 to {largest:g}'}. Delete the newest checkpoint to use the one before."
        )
    return array
