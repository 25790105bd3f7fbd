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
LOSSLESS_BYTES, LOSSLESS_PNG_BYTES = 25_000, 100_000  # up to which pictures stay exact: as WebP, of such a PNG
QUALITIES = (90, 75, 60, 45)  # of WebP; the first with which the snapshots fit is used
PROBES = 3  # snapshots from which their size is estimated
WIDEST_PX = 1_200


@dataclass(frozen=True)
class Picture:
    """A picture inside the page."""

    uri: str  # data:image/webp…
    width: int
    height: int
    bytes: int
    step: int | None = None  # for a snapshot


def picture(file: Path) -> Picture | None:
    """A picture file as a `Picture`; None where it is missing or damaged."""
    return _picture(file, QUALITIES[0])


def snapshots(run: Run) -> list[Picture]:
    """The snapshots of a run, or an even selection of 25, with the best quality at which all fit into the limit.

    Where they do not fit even at the lowest quality, fewer are selected: noisy photos need up to 100 kB each.
    """
    files = _selection(run.samples(), MOST_FRAMES)
    frames = _pictures(files, _quality(files))
    while len(frames) > 2 and (total := sum(frame.bytes for frame in frames)) > FRAMES_BYTES:
        frames = _selection(frames, min(len(frames) - 1, int(len(frames) * FRAMES_BYTES / total)))
    return frames


def _quality(files):
    """The first quality at which snapshots fit into the limit, by the mean size of a few of them."""
    probes = _selection(files, PROBES)
    for quality in QUALITIES[:-1]:
        sizes = [found.bytes for found in _pictures(probes, quality)]
        if sum(sizes) * len(files) <= FRAMES_BYTES * len(sizes):
            return quality
    return QUALITIES[-1]


def _pictures(files, quality):
    return [found for file in files if (found := _picture(file, quality, step_of(file)))]


def _selection(items, most):
    """All items, or an even selection of `most` of them with the first and the last."""
    chosen = np.linspace(0, len(items) - 1, min(len(items), most)).round().astype(int)
    return [items[i] for i in chosen]


def _picture(file, quality, step=None):
    """A picture file as a `Picture`: without loss where that is small, or else with this quality."""
    image = sampling.read(file)
    if image is None:
        return None
    image = image.convert("RGB")
    image.thumbnail((WIDEST_PX, image.height))
    content = _webp(image, lossless=True, quality=20) if file.stat().st_size <= LOSSLESS_PNG_BYTES else b""
    if not 0 < len(content) <= LOSSLESS_BYTES:
        content = _webp(image, quality=quality)
    uri = f"data:image/webp;base64,{base64.b64encode(content).decode()}"
    return Picture(uri, *image.size, len(content), step)


def _webp(image: Image.Image, **options) -> bytes:
    content = io.BytesIO()
    image.save(content, "WEBP", **options)
    return content.getvalue()
