"""From a run, or samples from elsewhere, to a metric card with its pictures."""

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_gan import data, exports, metrics, reporting, sampling
from keras_gan._utils.choices import lookup
from keras_gan._utils.errors import InputError
from keras_gan._utils.files import replace
from keras_gan.data import opening
from keras_gan.data.source import fit_pixels
from keras_gan.data.spec import check_size
from keras_gan.metrics import extractors
from keras_gan.metrics.evaluation import batch_of, check_samples, evaluate_batch
from keras_gan.metrics.reference import check_data
from keras_gan.metrics.samples import check_classes
from keras_gan.metrics.streams import Stream
from keras_gan.plots import card as plots
from keras_gan.runs import CONFIG, METRICS_FILE, Run

SHOWN, SHOWN_COLUMNS, SHOWN_PAIRS = 80, 8, 16
SHOWN_PX = 128  # larger images are shown at this size


@dataclass(frozen=True)
class Settings:
    """What samples are compared with."""

    data: str | None = None  # name or path; None for the data of the run
    image_size: tuple[int, int] | None = None  # as for training; None for the run's
    crop: bool = False  # with a run: or where the run's own data are cropped
    samples: int | None = None  # up to this number; None for the published protocols' number
    extractor: str = "auto"  # see `metrics.extractor`
    seed: int = 0
    skip_damaged: bool = False  # with a run: or where the run skips them
    background: str | None = None  # behind transparent pixels; None for the run's, or white
    trust: bool = False  # whether to open a file that can run code; see `exports.open_generator`


def evaluate(
    source: str | os.PathLike, settings: Settings | None = None, out: str | os.PathLike | None = None
) -> metrics.Card:
    """Judges a run, a generator's file, or samples, and writes metrics.json, card.png and neighbours.png.

    With another name of `out`, say a.json, they are a.json, a-card.png and a-neighbours.png. Everything that can be
    refused is refused before a network is trained or a sample is generated. Images are processed block by block: large
    ones lie in a temporary file (in $TMPDIR) meanwhile, not in memory.

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
    out = _check_out(Path(out or (path / METRICS_FILE if run else METRICS_FILE)))
    settings = _completed(settings or Settings(), run, path)
    lookup(extractors.CHOICES, settings.extractor, "extractor", ", ".join(extractors.CHOICES))
    origin = _open(path, settings)  # before the data, since a wrong path is told sooner
    train, held_out = (_opened(settings.data, settings, split) for split in ("train", "test"))
    count = _check_counts(path, origin, train, held_out, settings)
    seen = metrics.extractor(train, held_out, settings.extractor)
    reference = metrics.Reference.of(train, held_out, seen, count, settings.seed)
    batch = batch_of(origin.draw(reference, settings.seed), reference)
    card = dataclasses.replace(evaluate_batch(batch, reference), source=str(source), step=origin.step)
    _write(card, batch, out)
    if run:
        reporting.write(run)
    return card


def _opened(name, settings, split="train") -> data.Source | None:
    """The one place where an evaluation opens data, or samples that lie in files."""
    how = (settings.image_size, settings.crop, settings.skip_damaged, split)
    return data.open_source(name, *how, background=settings.background)


@dataclass(frozen=True)
class _Origin:
    """Where samples come from."""

    draw: Callable[[metrics.Reference, int], Stream]  # the real side and a seed, to samples
    count: int | None = None  # how many there are; None for any number
    shape: tuple[int, ...] | None = None  # of one of them; None where only a sample tells
    num_classes: int | None = None  # that the generator takes
    step: int | None = None  # of the run


def _check_out(out) -> Path:
    """The path itself, if a card can be written there. Before anything is computed."""
    if out.suffix != ".json" or out.is_dir():
        raise InputError(f"cannot write {out}; expected the name of a .json file; give --out {out.stem}.json")
    existing = next(folder for folder in out.absolute().parents if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        reason = "is not a folder" if not existing.is_dir() else "cannot be written to"
        raise InputError(f"cannot write {out} ({existing} {reason}); expected a writable path; give another")
    return out


def _check_counts(path, origin, train, held_out, settings) -> int:
    """How many samples are judged. Raises InputError where samples and data are too few, or do not fit together."""
    wanted = settings.samples or metrics.default_count(train.name)
    count = check_data(train, held_out, wanted if origin.count is None else min(wanted, origin.count))
    if origin.shape is not None and origin.shape != train.shape:
        if len(origin.shape) == len(train.shape) == 3 and origin.shape[2] == train.shape[2]:
            size = "x".join(map(str, origin.shape[:2]))
            raise InputError(
                f"{path} has images of shape {origin.shape}, and {train.short_name} of shape {train.shape}; expected "
                f"one size. Use --image-size {size} (image_size) to resize the data."
            )
        check_samples(origin.shape, count, train.shape, count, train.short_name)
    check_classes(origin.num_classes, train)
    return count


def _completed(settings, run, path):
    """The settings with the run's own where none were given.

    Raises:
        InputError: where there are no data, or an image size that is not the one the run's generator makes.
    """
    if run is None and settings.data is None:
        raise InputError(f"{path} does not say what it imitates; expected data to compare with; give data (--data)")
    if run is None:
        return settings
    config, made = run.config, run.data_shape[:2] if len(run.data_shape) == 3 else None
    _check_size(settings.image_size, made, path)
    if settings.data is not None:
        resized = settings.data not in opening.OF_ONE_SIZE
        size = settings.image_size or (made if resized else None)
    else:
        size = settings.image_size or config.image_size
    return dataclasses.replace(
        settings,
        data=config.data if settings.data is None else settings.data,
        image_size=size,
        crop=settings.crop or config.crop,
        skip_damaged=settings.skip_damaged or config.skip_damaged,
        background=settings.background or config.background,
    )


def _check_size(size, made, path):
    """Raises InputError for an image size other than that of the samples of a run."""
    size = check_size(size)
    if size is None or size == made:
        return
    given = "x".join(map(str, size))
    if made is None:
        raise InputError(f"image size {given} for {path}, which generates vectors; leave image_size (--image-size) out")
    expected = "x".join(map(str, made))
    raise InputError(
        f"image size {given} for {path}, whose generator makes images of {expected}; expected that size. "
        f"Use --image-size {expected}, or leave image_size (--image-size) out."
    )


def _open(path, settings) -> _Origin:
    plain_folder = path.is_dir() and not any((path / name).exists() for name in (CONFIG, "saved_model.pb"))
    if plain_folder or path.suffix.lower() in opening.ARRAY_FILES:
        # Resolved, lest a folder called mnist be taken for the dataset.
        source = _opened(path.resolve(), settings)
        return _Origin(
            lambda reference, seed: Stream.of(source, source.sample(reference.count, seed)), source.count, source.shape
        )
    generator = exports.open_generator(path, settings.trust)
    return _Origin(
        # Different seeds give disjoint sets of samples.
        lambda reference, seed: metrics.draw(generator, reference, seed, seed * reference.count),
        None,
        getattr(generator, "data_shape", None),
        generator.num_classes,
        getattr(generator, "step", None),
    )


def _write(card, batch, out: Path):
    """The card as JSON and as a picture, and the samples that come closest to training images."""
    shown = batch.images[:SHOWN]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        replace(out, lambda draft: draft.write_text(card.to_json(), "utf-8"))
        if shown.ndim == 4:
            shown = np.asarray(sampling.grid(_small(shown), SHOWN_COLUMNS))
        else:
            shown = batch.images[:]
        plots.card(card.header(), card.rows(), shown, _beside(out, "card.png"), card.shares)
        if batch.images.ndim == 4:
            plots.pairs(_closest_pairs(batch), _beside(out, "neighbours.png"))
    except OSError as error:
        raise InputError(f"cannot write {out} ({error.strerror}); expected a writable path; give another") from error


def _small(images):
    """Images no larger than a picture of many can show."""
    height, width = images.shape[1:3]
    scale = SHOWN_PX / max(height, width)
    if scale >= 1:
        return images
    size = tuple(max(1, round(side * scale)) for side in (height, width))
    return np.stack([fit_pixels(image, size, crop=False) for image in images])


def _beside(out, name) -> Path:
    """A picture's path: plain beside metrics.json, else with the stem, lest two cards in one folder share pictures."""
    return out.with_name(name if out.name == METRICS_FILE else f"{out.stem}-{name}")


def _closest_pairs(batch):
    """A picture, as `plots.pairs` takes it, of the samples nearest to training images, each above its own."""
    order = np.argsort(batch.nearest_train.distances)[:SHOWN_PAIRS]
    nearest = batch.training.source.fetch(batch.nearest_train.indices[order])
    pairs = np.concatenate([_small(batch.images[order]), _small(nearest)])
    return np.asarray(sampling.grid(pairs, columns=len(order)))
