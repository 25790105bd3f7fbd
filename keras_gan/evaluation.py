"""Evaluates a run, a generator's file or a set of samples: computes the metric card, and draws its pictures."""

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
from keras_gan._utils.run_folders import is_run
from keras_gan.data import opening
from keras_gan.data.source import fit_pixels
from keras_gan.data.spec import BACKGROUND, DataSpec, check_size
from keras_gan.metrics import extractors
from keras_gan.metrics.definitions import LOWER
from keras_gan.metrics.evaluation import batch_of, check_samples, evaluate_batch
from keras_gan.metrics.reference import check_data
from keras_gan.metrics.samples import check_classes
from keras_gan.metrics.streams import Stream
from keras_gan.plots import card as plots
from keras_gan.runs import CONFIG, METRICS_FILE, Run
from keras_gan.training import run_projection

SHOWN, SHOWN_COLUMNS, SHOWN_PAIRS = 80, 8, 16
SHOWN_PX = 128  # larger images are reduced to this size in pictures


@dataclass(frozen=True)
class Settings:
    """Settings of an evaluation: the data that samples are compared with, and how."""

    data: str | None = None  # name or path; None for the data of the run
    image_size: tuple[int, int] | None = None  # as for training; None for the image size of the run
    crop: bool = False  # True also if the data of the run are cropped
    samples: int | None = None  # up to this number; None for the number of the published protocols
    extractor: str = "auto"  # see `metrics.extractor`
    seed: int = 0
    skip_damaged: bool = False  # True also if the run skips damaged images
    flip: bool = False  # count copies of mirror images as memorised; True also if the run mirrors images
    background: str | None = None  # behind transparent pixels; None for the run's background, or white
    reconstruction: bool = False  # measure how near the generator comes to real images; see `projection`
    trust: bool = False  # whether to open a file that can run code; see `exports.open_generator`

    def __post_init__(self):
        for name, least in (("samples", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"{name} is {value}; expected at least {least}. Use --{name} {least} or more.")


def evaluate(
    source: str | os.PathLike, settings: Settings | None = None, out: str | os.PathLike | None = None
) -> metrics.Card:
    """Evaluates a run, a generator's file or samples, and writes metrics.json, card.png and neighbours.png.

    If `out` is for example a.json, the files are a.json, a-card.png and a-neighbours.png. All checks come before a
    network is trained or a sample is generated. Images are processed in blocks; a large set is stored in a temporary
    file (in $TMPDIR) instead of in memory.

    Args:
        source: a run folder, a .tflite, an .onnx, a SavedModel or a .keras file to generate samples with; or the
            samples: a folder of images, a .npy or an .npz file.
        settings: settings of the evaluation; only a run needs none.
        out: the .json file to write, with the pictures next to it; None for metrics.json in the run folder, or in the
            working directory for other sources.

    Returns:
        The `metrics.Card`.

    Raises:
        InputError: if the source or the data cannot be used, or if they do not match.
    """
    path = Path(source)
    if not path.exists():
        raise InputError(
            f"{path} does not exist; expected a run folder, samples or a generator's file. Check the path."
        )
    run = Run(path) if is_run(path) else None
    out = _check_out(Path(out or (path / METRICS_FILE if run else METRICS_FILE)))
    settings = settings or Settings()
    spec = _data_spec(settings, run, path)
    lookup(extractors.CHOICES, settings.extractor, "extractor", ", ".join(extractors.CHOICES))
    origin = _open(path, spec, settings.trust)  # before the data, so that a wrong path is reported at once
    train, held_out = data.open_source(spec), data.open_source(spec.held_out())
    count = _check_counts(path, origin, train, held_out, settings)
    if settings.reconstruction:
        _check_reconstruction(path, run, settings.data, held_out)
    extractor = metrics.extractor(train, held_out, settings.extractor)
    reference = metrics.Reference.of(train, held_out, extractor, count, settings.seed)
    batch = batch_of(origin.draw(reference, settings.seed), reference)
    card = dataclasses.replace(evaluate_batch(batch, reference), source=str(source), step=origin.step)
    if settings.reconstruction:
        card = dataclasses.replace(card, scores=(*card.scores, _reconstruction(run, origin.generator)))
    _write(card, batch, out)
    if run and out == path / METRICS_FILE:
        reporting.write(run)
    return card


@dataclass(frozen=True)
class _Origin:
    """The source of the samples."""

    draw: Callable[[metrics.Reference, int], Stream]  # (reference, seed) -> samples
    count: int | None = None  # the number of samples; None for any number
    shape: tuple[int, ...] | None = None  # of one sample; None if it is unknown before a sample is generated
    num_classes: int | None = None  # of a conditional generator
    step: int | None = None  # of the run
    generator: sampling.Generator | None = None  # None for samples


def _check_out(out) -> Path:
    """Returns the path if a card can be written there. Raises InputError before anything is computed."""
    if out.suffix != ".json" or out.is_dir():
        raise InputError(f"cannot write {out}; expected the name of a .json file. Use --out {out.stem}.json (out).")
    existing = next(folder for folder in out.absolute().parents if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        reason = "is not a folder" if not existing.is_dir() else "is not writable"
        raise InputError(
            f"cannot write {out} ({existing} {reason}); expected a writable path. Use --out with another path (out)."
        )
    return out


def _check_counts(path, origin, train, held_out, settings) -> int:
    """Returns the number of samples to evaluate. Raises InputError if samples and data are too few or do not match."""
    wanted = settings.samples or metrics.default_count(train.name)
    count = check_data(train, held_out, wanted if origin.count is None else min(wanted, origin.count))
    if origin.shape is not None and origin.shape != train.shape:
        if len(origin.shape) == len(train.shape) == 3 and origin.shape[2] == train.shape[2]:
            size = "x".join(map(str, origin.shape[:2]))
            raise InputError(
                f"{path} has images of shape {origin.shape}, and {train.short_name} of shape {train.shape}; expected "
                f"equal sizes. Use --image-size {size} (image_size) to resize the data."
            )
        check_samples(origin.shape, count, train.shape, count, train.short_name)
    check_classes(origin.num_classes, train)
    return count


def _data_spec(settings, run, path) -> DataSpec:
    """Returns the data to compare with: those of the settings, completed by the run's own.

    Raises:
        InputError: if there are no data, or if the image size is not that of the run's generator.
    """
    if run is None and settings.data is None:
        raise InputError(
            f"no data to compare {path} with; expected the data that its generator was trained on. Use data (--data)."
        )
    if run is None:
        background = settings.background or BACKGROUND
        sizes = settings.image_size, settings.crop
        return DataSpec(settings.data, *sizes, settings.skip_damaged, background, settings.flip)
    spec, generated_size = run.config.data_spec, run.data_shape[:2] if len(run.data_shape) == 3 else None
    _check_size(settings.image_size, generated_size, path)
    if settings.data is not None:
        size = None if settings.data in opening.OF_ONE_SIZE else generated_size
        spec = dataclasses.replace(spec, name=settings.data, image_size=size, flip=False)
    return dataclasses.replace(
        spec,
        image_size=settings.image_size or spec.image_size,
        crop=settings.crop or spec.crop,
        skip_damaged=settings.skip_damaged or spec.skip_damaged,
        background=settings.background or spec.background,
        flip=settings.flip or spec.flip,
    )


def _check_size(size, generated_size, path):
    """Raises InputError if an image size differs from that of the run's samples."""
    size = check_size(size)
    if size is None or size == generated_size:
        return
    received = "x".join(map(str, size))
    if generated_size is None:
        raise InputError(
            f"image size {received} for {path}, which generates vectors; expected no image size. Leave image_size "
            "(--image-size) out."
        )
    expected = "x".join(map(str, generated_size))
    raise InputError(
        f"image size {received} for {path}, which generates images of size {expected}; expected {expected}. "
        f"Use --image-size {expected}, or leave image_size (--image-size) out."
    )


def _open(path, spec, trust) -> _Origin:
    plain_folder = path.is_dir() and not any((path / name).exists() for name in (CONFIG, "saved_model.pb"))
    if plain_folder or path.suffix.lower() in opening.ARRAY_FILES:
        # As an absolute path, so that a folder called mnist is not confused with the dataset.
        source = data.open_source(dataclasses.replace(spec, name=str(path.resolve())))
        return _Origin(
            lambda reference, seed: Stream.of(source, source.sample(reference.count, seed)), source.count, source.shape
        )
    generator = exports.open_generator(path, trust)
    return _Origin(
        # Different seeds give disjoint sets of samples.
        lambda reference, seed: metrics.draw(generator, reference, seed, seed * reference.count),
        None,
        getattr(generator, "data_shape", None),
        generator.num_classes,
        getattr(generator, "step", None),
        generator,
    )


def _check_reconstruction(path, run, name, held_out):
    """Raises InputError where reconstruction cannot be measured: it needs a run of images with held-out ones."""
    if run is None:
        received, expected = f"{path}, which is no run", "a run folder, whose encoder can be trained"
    elif len(run.data_shape) != 3:
        received, expected = f"{path}, which generates vectors", "a run of images"
    elif name is not None:
        received, expected = f"{path} with the data {name}", "the run's own data"
    elif held_out is None:
        received, expected = f"{path}, whose data {run.config.data} have no test split", "held-out images"
    else:
        return
    raise InputError(
        f"reconstruction for {received}; expected {expected}. Leave reconstruction (--reconstruction) out."
    )


def _reconstruction(run, gan) -> metrics.Score:
    """How near the generator comes to held-out images of the run's data, beside its training images."""
    _, errors = run_projection.prepare(run, gan)
    held_out, training = (np.median(errors[kind]) for kind in (run_projection.HELD_OUT, run_projection.TRAINING))
    note = f"median error of {len(errors[run_projection.HELD_OUT])} held-out images, of 255; baseline: training images"
    return metrics.Score("reconstruction", "reconstruction error", float(held_out), float(training), LOWER, note=note)


def _write(card, batch, out: Path):
    """Writes the card as JSON and as a picture, and a picture of the samples nearest to training images."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        replace(out, lambda draft: draft.write_text(card.to_json(), "utf-8"))
        shown = _shown(batch) if batch.images.ndim == 4 else batch.images[:]
        plots.card(card.header(), card.rows(), shown, _picture_path(out, "card.png"), card.shares)
        if batch.images.ndim == 4:
            plots.pairs(_nearest_pairs(batch), _picture_path(out, "neighbours.png"))
    except OSError as error:
        raise InputError(
            f"cannot write {out} ({error.strerror}); expected a writable path. Use --out with another path (out)."
        ) from error


def _shown(batch):
    """Returns a picture of some samples; of a conditional generator, a row of each of the first classes."""
    if batch.labels is None:
        return np.asarray(sampling.grid(_small(batch.images[:SHOWN]), SHOWN_COLUMNS))
    classes = np.unique(batch.labels)[: SHOWN // SHOWN_COLUMNS]
    chosen = np.concatenate([np.flatnonzero(batch.labels == one)[:SHOWN_COLUMNS] for one in classes])
    images, labels = _small(batch.images[chosen]), batch.labels[chosen]
    return np.asarray(sampling.class_grid(images, labels, batch.training.source.class_names))


def _small(images):
    """Returns images reduced for a picture with many of them."""
    height, width = images.shape[1:3]
    scale = SHOWN_PX / max(height, width)
    if scale >= 1:
        return images
    size = tuple(max(1, round(side * scale)) for side in (height, width))
    return np.stack([fit_pixels(image, size, crop=False) for image in images])


def _picture_path(out, name) -> Path:
    """Returns the path of a picture next to `out`. It contains the stem of `out`, unless that is metrics.json."""
    return out.with_name(name if out.name == METRICS_FILE else f"{out.stem}-{name}")


def _nearest_pairs(batch):
    """Returns a picture for `plots.pairs`: the samples nearest to training images, above those training images."""
    order = np.argsort(batch.nearest_train.distances)[:SHOWN_PAIRS]
    nearest = batch.training.source.fetch(batch.nearest_train.indices[order])
    pairs = np.concatenate([_small(batch.images[order]), _small(nearest)])
    return np.asarray(sampling.grid(pairs, columns=len(order)))
