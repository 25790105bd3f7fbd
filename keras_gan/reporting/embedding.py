"""Pictures inside the report page: WebP as data URIs, with a limit for all snapshots together."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from keras_gan import sampling
from keras_gan.runs import Run, step_of

MOST_FRAMES = 25  # number of snapshots on the slider
FRAMES_BYTES = 1_000_000  # of all snapshots, so that a page has at most about 1.5 MB and can be sent by mail
LOSSLESS_BYTES = 25_000  # pictures that are not larger without loss stay exact
QUALITIES = (90, 75, 60, 45, 30)  # of WebP; the first with which the snapshots fit is used
WIDEST_PX = 1_200


@dataclass(frozen=True)
class Picture:
    """A picture inside the page."""

    uri: str  # data:image/webp…
    width: int
    height: int
    step: int | None = None  # for a snapshot


def picture(file: Path) -> Picture | None:
    """A picture file as a `Picture`; None where it is missing or damaged."""
    image = _read(file)
    return image and _embedded(_exact(image) or _webp(image, quality=QUALITIES[0]), image)


def snapshots(run: Run) -> list[Picture]:
    """The snapshots of a run, or an even selection of 25, with the best quality at which all fit into the limit."""
    files = run.samples()
    chosen = np.linspace(0, len(files) - 1, min(len(files), MOST_FRAMES)).round().astype(int)
    steps_and_images = [(step_of(files[i]), image) for i in chosen if (image := _read(files[i]))]
    exact = [_exact(image) for _, image in steps_and_images]
    packed: list[bytes] = []
    for quality in QUALITIES:
        pairs = zip(exact, steps_and_images, strict=True)
        packed = [found or _webp(image, quality=quality) for found, (_, image) in pairs]
        if sum(map(len, packed)) <= FRAMES_BYTES:
            break
    embedded = zip(packed, steps_and_images, strict=True)
    return [_embedded(content, image, step) for content, (step, image) in embedded]


def _read(file):
    image = sampling.read(file)
    if image is not None:
        image = image.convert("RGB")
        image.thumbnail((WIDEST_PX, image.height))
    return image


def _exact(image):
    """An image as WebP without loss; None where that is large."""
    content = _webp(image, lossless=True, quality=20)
    return content if len(content) <= LOSSLESS_BYTES else None


def _webp(image: Image.Image, **options) -> bytes:
    content = io.BytesIO()
    image.save(content, "WEBP", **options)
    return content.getvalue()


def _embedded(content, image, step=None):
    uri = f"data:image/webp;base64,{base64.b64encode(content).decode()}"
    return Picture(uri, *image.size, step)
