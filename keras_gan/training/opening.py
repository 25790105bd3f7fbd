"""Opening the data of a run: for training, and for what its samples are compared with."""

import json
import warnings

from keras_gan import data, metrics, networks
from keras_gan._utils.errors import InputError, Notice
from keras_gan.config import TrainConfig
from keras_gan.data import opening
from keras_gan.metrics import extractors
from keras_gan.runs import METRICS_FILE, Run
from keras_gan.training.building import images_per_step

EXPORT_SAMPLES = 2_000  # from which an export's loss of quality is measured


def open_data(config: TrainConfig) -> data.Source:
    """The images that a config names. Raises InputError as `data.open_source` does, or for too large a batch."""
    if config.image_size:
        networks.check_shape((*config.image_size, 3))  # before a million images are resized for nothing
    source = data.open_source(config.data_spec)
    opening.check_batch(source, images_per_step(config))
    return source


def open_held_out(config: TrainConfig) -> data.Source | None:
    """The images that the data of a config hold out for judging; None where they hold out none."""
    return data.open_source(config.data_spec.held_out())


def open_both(config: TrainConfig) -> tuple[data.Source | None, data.Source | None]:
    """The images and those held out; None for both, with a `Notice`, where they can no longer be opened."""
    try:
        return open_data(config), open_held_out(config)
    except InputError as error:
        warnings.warn(Notice(f"{error}; what only the data can tell is left out"), stacklevel=2)
        return None, None


def reference_of(run: Run, count: int = EXPORT_SAMPLES) -> metrics.Reference | None:
    """What a run's samples are measured against, where that takes no time worth speaking of.

    None where the data are gone, too few, or have no extractor, or where its network is still to be trained, since no
    card was made. The data are opened only where there is an extractor.
    """
    spec = run.config.data_spec
    if not _has_extractor(run, spec.name) or not opening.is_here(spec.name):
        return None
    try:
        train, held_out = data.open_source(spec), data.open_source(spec.held_out())
        seen = metrics.extractor(train, held_out)
        return seen and metrics.Reference.of(train, held_out, seen, count)
    except InputError:
        return None


def _has_extractor(run: Run, name: str) -> bool:
    """Whether a run's data have an extractor. Read from the run's files, since opening a folder decodes its images."""
    shape = tuple(run.data_shape)
    if len(shape) == 1 or extractors.SHAPES.get(name) == shape:
        return True
    try:
        judged = json.loads((run.path / METRICS_FILE).read_bytes())["extractor"]["name"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False  # no card, or one without an extractor
    return isinstance(judged, str) and judged.startswith("trained on ")  # see `extractors.Extractor.name`
