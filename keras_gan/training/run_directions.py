"""The directions of a run: found with its generator and its data, and shown in its report."""

import os
from collections.abc import Mapping

from keras_gan import directions, reporting
from keras_gan.directions.fitting import Fitted
from keras_gan.runs import Run
from keras_gan.training.loading import load
from keras_gan.training.opening import open_both


def find(run_dir: str | os.PathLike, locks=None, **settings) -> Fitted:
    """Finds the directions of a run at its newest checkpoint and writes directions.json, its picture and the report.

    Args:
        run_dir: the run folder.
        locks: as in `directions.fit`.
        settings: samples, factors and least_r2 of `directions.fit`.

    Raises:
        InputError: as `directions.fit` and `training.load`, or where the run folder cannot be written.
    """
    run = Run(run_dir)
    run.check_writable()
    gan = load(run_dir)
    found = directions.find(gan, run, *open_both(run.config), locks=locks, **settings)
    reporting.write(run)
    return found


def rename(run_dir: str | os.PathLike, names: Mapping[str, str]) -> Fitted:
    """Renames directions of a run, present name -> new name, and writes the same files. Errors: `directions.rename`."""
    gan, run = load(run_dir), Run(run_dir)
    found = directions.rename(gan, run, names)
    reporting.write(run)
    return found
