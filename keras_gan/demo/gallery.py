"""The content of the page of pictures, without Streamlit: a generator that is opened once for all visitors."""

import functools
import io
import json
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_gan import __version__, directions, projection, sampling
from keras_gan._utils.errors import InputError
from keras_gan._utils.run_folders import is_run
from keras_gan.demo import preparing
from keras_gan.demo.preparing import AVERAGED
from keras_gan.directions import Directions
from keras_gan.directions.fitting import Fitted
from keras_gan.exports import discriminator, edge
from keras_gan.runs import Run
from keras_gan.sampling import latents
from keras_gan.sampling.sliders import CLASS

NEIGHBOURS = 16
YOURS = -1  # in place of a seed: the latent of the visitor's picture


@dataclass(frozen=True)
class Settings:
    """The values of the page's controls."""

    seed: int = 0  # or YOURS
    amounts: tuple[tuple[str, float], ...] = ()  # (name, standard deviations) of the sliders on the page
    truncation: float = 1.0  # factor of z, before the sliders move it
    locks: tuple[str, ...] | None = None  # for all sliders; None for each slider's own locks
    weights: str = AVERAGED  # in preparing.GENERATORS
    label: int | None = None  # class for a conditional generator; None for the class of each seed
    other: int | None = None  # seed of the picture at the end of the animation; None shows no animation


@dataclass(frozen=True)
class Yours:
    """The visitor's picture, which `kgan demo --picture` has projected.

    Attributes:
        z: its latent, float32 (latent_dim,).
        label: its class; None where the generator takes no labels.
        original: the picture itself, in the size of the generator's, as the content of a PNG file.
    """

    z: np.ndarray
    label: int | None
    original: bytes

    @classmethod
    def read(cls, folder: Path) -> "Yours":
        """The picture in a folder of `preparing.project`."""
        facts = json.loads((folder / projection.FACTS).read_text("utf-8"))
        z = np.load(folder / projection.LATENT, allow_pickle=False)[0]
        return cls(z, facts["label"], (folder / projection.ORIGINAL).read_bytes())


@dataclass(frozen=True)
class Opinion:
    """The discriminator's opinion of a picture.

    Attributes:
        logit: its logit.
        real: share of real images with a smaller logit; None where the data are not on this machine.
        samples: share of generated images with a smaller logit.
        real_count: the number of real images.
        samples_count: the number of generated images.
    """

    logit: float
    real: float | None
    samples: float
    real_count: int
    samples_count: int


class Gallery:
    """The pictures of one generator.

    Args:
        path: path of a run that `preparing.prepare` has prepared, or of a .tflite.
        projected: folder of `preparing.project` with the visitor's picture; None for none.

    Raises:
        InputError: where a file is damaged, or its generator makes no images.
    """

    def __init__(self, path: Path, projected: Path | None = None):
        self.yours = None if projected is None else Yours.read(projected)
        self._lock = threading.Lock()  # an interpreter runs one call at a time
        run = Run(path) if is_run(path) else None
        prepared, folder = preparing.read(run) if run else preparing.OF_A_FILE, path / preparing.FOLDER
        files = {name: folder / file for name, file in preparing.GENERATORS.items()} if run else {AVERAGED: path}
        self.generators = {name: edge.Generator(file) for name, file in files.items()}
        self.generator = self.generators[AVERAGED]
        if len(self.generator.data_shape) != 3 or self.generator.data_shape[-1] not in (1, 3):
            raise InputError(
                f"{path} makes data of shape {self.generator.data_shape}; expected images, grey or in colour. Give a "
                "generator of images."
            )
        self.description = self.generator.description
        self.step, self.notices = prepared.step, prepared.notices
        self.no_opinion, self.no_real = prepared.no_opinion, prepared.no_real
        self.real, self.samples = (logits and np.array(logits) for logits in (prepared.real, prepared.samples))
        self.discriminator = None
        if self.samples is not None:
            file = folder / preparing.DISCRIMINATOR
            self.discriminator = discriminator.Discriminator(file, self.generator.data_shape)
        self.sliders: Directions | Fitted = self.generator.directions
        self.lockable: tuple[str, ...] = ()
        found = directions.load(run) if run else None
        if found is not None and found.step == self.step:
            self.sliders = found
            self.lockable = (*found.names, *([CLASS] if found.class_preserving is not None else []))

    # facts

    @property
    def name(self) -> str:
        """Name of the generator, from its description."""
        return self.description["name"]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, or their numbers; empty where the generator takes no labels."""
        count = self.generator.num_classes or 0
        return self.generator.class_names or tuple(map(str, range(count)))

    # pictures

    def images(self, settings: Settings, seeds) -> np.ndarray:
        """The pictures of seeds after truncation and sliders: uint8 (n, height, width, channels)."""
        return self._generate(settings, z=self.latents(settings, seeds), labels=self.labels(settings, seeds))

    def labels(self, settings: Settings, seeds) -> np.ndarray | None:
        """The classes of seeds, int32 (n,); None where the generator takes none."""
        seeds = np.array(seeds)
        labels = latents.choose_labels(len(seeds), self.generator.num_classes, settings.label, np.maximum(seeds, 0))
        if labels is None or settings.label is not None or self.yours is None:
            return labels
        return np.where(seeds == YOURS, self.yours.label, labels).astype("int32")

    def label(self, settings: Settings) -> int | None:
        """The class of the picture; None where the generator takes none."""
        labels = self.labels(settings, [settings.seed])
        return None if labels is None else int(labels[0])

    def latents(self, settings: Settings, seeds) -> np.ndarray:
        """The latents of seeds after truncation and sliders: float32 (n, latent_dim)."""
        seeds = np.array(seeds, "int32")
        z = latents.of_seeds(np.maximum(seeds, 0), self.generator.latent_dim, self.generator.latent)
        if self.yours is not None:
            z[seeds == YOURS] = self.yours.z
        return self._directions(settings.locks).mover(dict(settings.amounts))(np.float32(settings.truncation) * z)

    @functools.lru_cache(maxsize=64)  # noqa: B019  a gallery exists as long as the server
    def _directions(self, locks) -> Directions:
        return self.sliders if locks is None else self.sliders.locking(locks)

    def _generate(self, settings, **inputs):
        with self._lock:
            return self.generators[settings.weights].generate(**inputs)

    def way(self, settings: Settings) -> bytes:
        """An animation from the picture to that of `settings.other` and back, as the content of a GIF."""
        seeds = [settings.seed, settings.other]
        stops, labels = self.latents(settings, seeds), self.labels(settings, seeds)
        chosen = self.generators[settings.weights]
        with tempfile.TemporaryDirectory() as folder, self._lock:
            return sampling.save_interpolation(chosen, stops, labels, Path(folder, "way.gif")).read_bytes()

    def opinion(self, image: np.ndarray, label: int | None) -> Opinion | None:
        """The discriminator's opinion of a picture.

        Args:
            image: uint8 (height, width, channels).
            label: class of the picture; None where the generator takes no labels.

        Returns:
            The opinion; None where there is no discriminator.
        """
        if self.discriminator is None:
            return None
        with self._lock:
            logit = self.discriminator(image, label)
        real, samples = (
            None if logits is None else float((logits < logit).mean()) for logits in (self.real, self.samples)
        )
        return Opinion(logit, real, samples, 0 if self.real is None else len(self.real), len(self.samples))

    def about(self, settings: Settings) -> dict:
        """The settings and the generator that they belong to, in JSON's types."""
        chosen, label = self.generators[settings.weights].description, self.label(settings)
        return {
            "generator": self.name,
            "step": self.step,
            "weights": settings.weights,
            "weights_sha256": chosen["weights_sha256"],
            "seed": None if settings.seed == YOURS else settings.seed,
            "z": self.yours.z.tolist() if settings.seed == YOURS else None,
            "label": label,
            "class": None if label is None else self.classes[label],
            "sliders": dict(settings.amounts),
            "locks": None if settings.locks is None else list(settings.locks),
            "truncation": settings.truncation,
            "keras_gan": __version__,
            "exported_by": chosen["keras_gan"],
        }


def around(seed: int) -> range:
    """The seeds of `NEIGHBOURS` pictures, of which `seed` is one."""
    first = min(max(0, seed - NEIGHBOURS // 2 + 1), latents.LARGEST_SEED - NEIGHBOURS + 1)
    return range(first, first + NEIGHBOURS)


def png(image: np.ndarray) -> bytes:
    """A picture, uint8 (height, width, channels), as the content of a PNG file."""
    file = io.BytesIO()
    sampling.to_picture(image).save(file, "PNG")
    return file.getvalue()


@functools.cache
def opened(path: str, projected: str = "") -> Gallery:
    """The gallery of a path, opened once, and of a projected picture. Raises InputError as `Gallery` does."""
    return Gallery(Path(path), Path(projected) if projected else None)
