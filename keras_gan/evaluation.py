"""From a run, or samples from elsewhere, to a metric card with its pictures."""

import dataclasses
import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_gan import data, exports, metrics, report, sampling
from keras_gan.errors import InputError
from keras_gan.files import replace
from keras_gan.metrics import extractors
from keras_gan.metrics.card import batch_of, judge_batch
from keras_gan.plots import card as plots
from keras_gan.runs import CONFIG, Run

CARD = "metrics.json"
EXPORT_SAMPLES = 2_000  # what an export's cost in quality is told from
SHOWN, SHOWN_COLUMNS, SHOWN_PAIRS = 80, 8, 16


@dataclass(frozen=True)
class Settings:
    """What samples are compared with."""

    data: str | None = None  # name or path; None for the data of the run
    image_size: tuple[int, int] | None = None  # as for training; None for the run's
    crop: bool = False
    samples: int | None = None  # at most so many; None for the published protocols' number
    extractor: str = "auto"  # see `metrics.extractor`
    seed: int = 0
    skip_damaged: bool = False
    trust: bool = False  # whether to open a file that can run code; see `exports.open_generator`


def evaluate(
    source: str | os.PathLike, settings: Settings | None = None, out: str | os.PathLike | None = None
) -> metrics.Card:
    """Judges a run, a generator's file, or samples, and writes metrics.json, card.png and neighbours.png.

    With another name of `out`, say a.json, they are a.json, a-card.png and a-neighbours.png.

    Args:
        source: a run folder, a .tflite, an .onnx, a SavedModel or a .keras file to draw samples from; or the samples: a
            folder of images, a .npy or an .npz file.
        settings: what to compare with; only runs need none.
        out: the .json to write, the pictures beside it; None for metrics.json in the run, or here.

    Returns:
        The `metrics.Card`.

    Raises:
        InputError: where the source or the data cannot be used, or do not fit together.
    """
    path = Path(source)
    if not path.exists():
        raise InputError(f"{path} does not exist; expected a run folder, samples or a generator's file; check the path")
    run = Run(path) if (path / CONFIG).is_file() else None
    out = _check_out(Path(out or (path / CARD if run else CARD)))
    settings = _completed(settings or Settings(), run, path)
    drawn = _open(path, settings)  # before the data, since a wrong path is told sooner
    train, held_out = (
        data.open_source(settings.data, settings.image_size, settings.crop, settings.skip_damaged, split)
        for split in ("train", "test")
    )
    count = min(settings.samples or metrics.default_count(train.name), drawn.limit)
    seen = metrics.extractor(train, held_out, settings.extractor)
    truth = metrics.Truth.of(train, held_out, seen, count, settings.seed)
    batch = batch_of(drawn.draw(truth.count, settings.seed), truth)
    card = dataclasses.replace(judge_batch(batch, truth), source=str(source), step=drawn.step)
    _write(card, batch, out)
    if run:
        report.write(run)
    return card


def truth_of(run: Run, count: int = EXPORT_SAMPLES) -> metrics.Truth | None:
    """What a run's samples are measured against, where that takes no time worth speaking of.

    None where the data are gone, too few, or have no extractor, or where its network is still to be trained, since no
    card was made. The data are opened only where there is an extractor.
    """
    settings = _completed(Settings(), run, run.path)
    if not _has_extractor(run, settings.data) or not data.is_here(settings.data):
        return None
    try:
        train, held_out = (
            data.open_source(settings.data, settings.image_size, settings.crop, settings.skip_damaged, split)
            for split in ("train", "test")
        )
        seen = metrics.extractor(train, held_out)
        return seen and metrics.Truth.of(train, held_out, seen, count)
    except InputError:
        return None


def _has_extractor(run: Run, name: str) -> bool:
    """Whether a run's data have an extractor. Read from the run's files, since opening a folder decodes its images."""
    shape = tuple(run.data_shape)
    if len(shape) == 1 or extractors.SHAPES.get(name) == shape:
        return True
    try:
        judged = json.loads((run.path / CARD).read_bytes())["extractor"]["name"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False  # no card, or one without an extractor
    return isinstance(judged, str) and judged.startswith("trained on ")  # see `extractors.Extractor.name`


@dataclass(frozen=True)
class _Drawn:
    """Where samples come from."""

    draw: Callable[[int, int], np.ndarray]  # (how many, seed) to samples
    limit: float = math.inf  # how many there are
    step: int | None = None  # of the run


def _check_out(out) -> Path:
    """The path itself, if a card can be written there. Before anything is computed."""
    if out.suffix != ".json" or out.is_dir():
        raise InputError(f"cannot write {out}; expected the name of a .json file; give --out {out.stem}.json")
    return out


def _completed(settings, run, path):
    """The settings with the run's own where none were given."""
    if run is None and settings.data is None:
        raise InputError(f"{path} does not say what it imitates; expected data to compare with; give data (--data)")
    if run is None:
        return settings
    config = run.config
    if settings.data is not None and settings.data not in data.OF_ONE_SIZE and settings.image_size is None:
        return dataclasses.replace(settings, image_size=run.data_shape[:2] if len(run.data_shape) == 3 else None)
    if settings.data is not None:
        return settings
    return dataclasses.replace(
        settings, data=config.data, image_size=config.image_size, crop=config.crop, skip_damaged=config.skip_damaged
    )


def _open(path, settings) -> _Drawn:
    plain_folder = path.is_dir() and not any((path / name).exists() for name in (CONFIG, "saved_model.pb"))
    if plain_folder or path.suffix.lower() in data.ARRAY_FILES:
        # Resolved, lest a folder called mnist be taken for the dataset.
        source = data.open_source(path.resolve(), settings.image_size, settings.crop, settings.skip_damaged)
        return _Drawn(lambda n, seed: source.fetch(source.sample(n, seed)), source.count)
    generator = exports.open_generator(path, settings.trust)
    # Samples of another seed are other ones, all of them.
    return _Drawn(lambda n, seed: generator.generate(n, seed * n), step=getattr(generator, "step", None))


def _write(card, batch, out: Path):
    """The card as JSON and as a picture, and the samples that come closest to training images."""
    samples = batch.images
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        replace(out, lambda draft: draft.write_text(card.to_json(), "utf-8"))
        shown = np.asarray(sampling.grid(samples[:SHOWN], SHOWN_COLUMNS)) if samples.ndim == 4 else samples
        plots.card(card.header(), card.rows(), shown, _beside(out, "card.png"), card.shares)
        if samples.ndim == 4:
            plots.pairs(_closest_pairs(batch), _beside(out, "neighbours.png"))
    except OSError as error:
        raise InputError(f"cannot write {out} ({error.strerror}); expected a writable path; give another") from error


def _beside(out, name) -> Path:
    """A picture's path: plain beside metrics.json, else with the stem, lest two cards in one folder share pictures."""
    return out.with_name(name if out.name == CARD else f"{out.stem}-{name}")


def _closest_pairs(batch):
    """A picture, as `plots.pairs` takes it, of the samples nearest to training images, each above its own."""
    distances, where = batch.nearest_train
    order = np.argsort(distances)[:SHOWN_PAIRS]
    pairs = np.concatenate([batch.images[order], batch.train.fetch(where[order])])
    return np.asarray(sampling.grid(pairs, columns=len(order)))
