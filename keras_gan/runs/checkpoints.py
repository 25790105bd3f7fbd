"""Checkpoint files: the whole state of training, with a checksum of all of it.

A .npz of one array for each variable, named by what it belongs to, and `sha256`: the digest of all names, dtypes,
shapes and values. Zip's own CRC covers the values of each array alone.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_gan._utils.errors import InputError, first_line, printable
from keras_gan._utils.files import replace
from keras_gan.data.arrays import check_sizes

KEPT = 3  # the newest
DIGEST = "sha256"
BESIDE = "beside/"  # begins the names of what is not the GAN's: see `Run.save`
LOG = "log/"


def state(gan) -> dict:
    """Every variable that decides how training goes on, and what is logged, by name."""
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
    """The state as arrays. With several workers, all must call it together."""
    return {name: variable.numpy() for name, variable in state(gan).items()}


def assign(gan, arrays: Mapping[str, np.ndarray]) -> None:
    """Puts arrays as `values` gives them into a GAN of the same networks and optimizers."""
    for name, variable in state(gan).items():
        variable.assign(arrays[name])


def is_finite(arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether all numbers are finite; what was logged aside, which may tell of a step that was not applied."""
    return all(np.isfinite(array).all() for name, array in arrays.items() if not name.startswith(LOG))


def parted(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The GAN's arrays, and those saved beside them under their own names."""
    beside = {name.removeprefix(BESIDE): array for name, array in arrays.items() if name.startswith(BESIDE)}
    return {name: array for name, array in arrays.items() if not name.startswith(BESIDE)}, beside


def write(file: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes a checkpoint, on the disk before it has its name."""

    content: dict[str, Any] = {**arrays, DIGEST: _digest(arrays)}

    def draft_to(draft):
        with open(draft, "wb") as stream:
            np.savez(stream, **content)
            stream.flush()
            os.fsync(stream.fileno())

    replace(file, draft_to)


def read(file: Path) -> dict[str, np.ndarray]:
    """The arrays of a checkpoint. Raises InputError where it is not what was written."""
    try:
        with open(file, "rb") as stream:
            check_sizes(file, stream)
            with np.load(stream, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError("it holds other files than arrays")
        digest = arrays.pop(DIGEST)
        if not np.array_equal(digest, _digest(arrays)):
            raise ValueError("its checksum is another")
    except (MemoryError, PermissionError):
        raise
    except Exception as error:  # a damaged archive fails anywhere, with any error
        raise InputError(f"checkpoint {file} is damaged ({first_line(error)}); expected one as it was saved") from error
    return _completed(arrays)


def _completed(arrays):
    """The arrays with those that checkpoints of earlier versions lack: the generator's optimizer counted the steps."""
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
    """Whether the arrays are those of the variables, by name, shape and dtype."""
    return {name: (array.shape, str(array.dtype)) for name, array in arrays.items()} == {
        name: (tuple(variable.shape), str(variable.dtype)) for name, variable in variables.items()
    }


def kept(beside: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...] = (), largest: float | None = None):
    """What a callback kept beside the GAN's arrays under a name; None where it kept nothing.

    Args:
        beside: what `Run.restore` returns.
        name: of the array.
        shape: that it must have.
        largest: of its numbers, which are then to be from 0 on; None for any.

    Raises:
        InputError: where it is not of that shape, or not of such numbers.
    """
    array = beside.get(name)
    if array is None:
        return None
    sound = array.shape == shape and array.dtype.kind in "iuf"
    if not sound or not (largest is None or np.all((array >= 0) & (array <= largest))):
        shown = printable(str(array))[:40] if array.size == 1 else f"of shape {array.shape}"
        raise InputError(
            f"the checkpoint's {name} is {shown}; expected numbers of shape {shape}"
            f"{'' if largest is None else f', 0 to {largest:g}'}; delete the newest checkpoint: the one before is taken"
        )
    return array
