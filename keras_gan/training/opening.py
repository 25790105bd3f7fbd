"""Opening the data of a run, for training and as the reference of its samples."""

import json
import warnings

from keras_gan import data, metrics, networks
from keras_gan._utils.errors import InputError, Notice
from keras_gan.config import TrainConfig
from keras_gan.data import opening
from keras_gan.metrics import extractors
from keras_gan.runs import METRICS_FILE, Run
from keras_gan.training.building import images_per_step

EXPORT_SAMPLES = 2_000  # number of samples to measure an export's loss of quality


def open_data(config: TrainConfig) -> data.Source:
    """Opens the data of a config. Raises InputError as `data.open_source` does, or for a batch that is too large."""
    if config.image_size:
        networks.check_shape((*config.image_size, 3))  # before the images are resized
    source = data.open_source(config.data_spec)
    opening.check_batch(source, images_per_step(config))
    return source


def open_held_out(config: TrainConfig) -> data.Source | None:
    """Opens the held-out images of a config's data; None where there are none."""
    return data.open_source(config.data_spec.held_out())


def open_both(config: TrainConfig) -> tuple[data.Source | None, data.Source | None]:
    """Opens the images and the held-out ones; None for both, with a `Notice`, where they can no longer be opened."""
    try:
        return open_data(config), open_held_out(config)
    except InputError as error:
        warnings.warn(
            Notice(f"results that need the data are left out, since they cannot be opened: {error}"), stacklevel=2
        )
        return None, None


def reference_of(run: Run, count: int = EXPORT_SAMPLES) -> metrics.Reference | None:
    """The reference of a run's samples, if it is available without a training of the extractor or a download.

    Args:
        run: the run.
        count: the number of samples to compare with.

    Returns:
        The reference. None where the data are missing, too few, or have no extractor, or where the extractor has not
        been trained, since there is no metric card yet. The data are opened only where there is an extractor.
    """
    spec = run.config.data_spec
    if not _has_extractor(run, spec.name) or not opening.is_here(spec.name):
        return None
    try:
        train, held_out = data.open_source(spec), data.open_source(spec.held_out())
        extractor = metrics.extractor(train, held_out)
        return extractor and metrics.Reference.of(train, held_out, extractor, count)
    except InputError:
        return None


def _has_extractor(run: Run, name: str) -> bool:
    """Whether a run's data have an extractor, by the run's files, since opening a folder decodes its images."""
    shape = tuple(run.data_shape)
    if len(shape) == 1 or extractors.SHAPES.get(name) == shape:
        return True
    try:
        name = json.loads((run.path / METRICS_FILE).read_bytes())["extractor"]["name"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False  # no card, or one without an extractor
    # See `extractors.Extractor.name`. "imagenet" may have been asked for where "auto" would train a network on classes.
    return isinstance(name, str) and (name.startswith("trained on ") or (name == "imagenet" and not run.num_classes))
