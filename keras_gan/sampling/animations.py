"""Animations of any `Generator`: interpolation between latents, and the range of a slider.

A .gif and a .webp need numpy and Pillow only, an .mp4 also PyAV.
"""

import math
import os
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from keras_gan._utils.errors import InputError
from keras_gan._utils.files import replace
from keras_gan.sampling import latents, pictures
from keras_gan.sampling.samples import Move

FRAMES = 12  # from one latent to the next
FRAME_MS = 80
FRAME_PX = 192  # least height
WEBP_QUALITY, MP4_QUALITY = 90, "18"  # of 100, and H.264's constant rate factor: both look like the pictures


def save_interpolation(
    generator, stops: np.ndarray, labels: np.ndarray | None, out: str | os.PathLike, frames: int = FRAMES
) -> Path:
    """Writes an animation that interpolates between latents and ends at the first one.

    Args:
        generator: a generator of images. Small images are enlarged by a whole factor.
        stops: latents, float32 (n, latent_dim).
        labels: their classes, int32 (n,), each of which is used up to halfway to the next latent; or shares of all
            classes, float32 (n, num_classes), which are interpolated, for a `GAN`; None where the generator takes no
            labels.
        out: a .gif, a .webp or an .mp4; missing parent folders are created.
        frames: number of pictures from one latent to the next.

    Returns:
        The path of the file.

    Raises:
        InputError: where there are too few latents, the data are no images, or the file cannot be written.
    """
    path = pictures.check_out(out, len(stops))
    if len(stops) < 2:
        raise InputError(f"an animation between {len(stops)} latent; expected at least 2. Use two or more.")
    z = latents.walk(stops, frames, generator.latent)
    images = pictures.check_images(generator.generate(z=z, labels=_labels_between(labels, frames)))
    zoom = math.ceil(FRAME_PX / images.shape[1])
    images = images.repeat(zoom, axis=1).repeat(zoom, axis=2)  # (frames, height · zoom, width · zoom, channels)
    return _write(map(pictures.to_picture, images), path)


def _labels_between(labels, frames):
    """The labels of all pictures of an interpolation."""
    if labels is None:
        return None
    if labels.ndim == 1:
        nearest = (np.arange(len(labels) * frames) + frames // 2) // frames % len(labels)  # the first follows the last
        return labels[nearest]
    share = np.tile(np.arange(frames) / frames, len(labels))[:, None].astype("float32")
    return (1 - share) * labels.repeat(frames, axis=0) + share * np.roll(labels, -1, axis=0).repeat(frames, axis=0)


def save_movement(
    generator, z: np.ndarray, labels: np.ndarray | None, out: str | os.PathLike, moves: Sequence[Move]
) -> Path:
    """Writes an animation of a grid of samples that are moved to one end and back, such as by a slider.

    Args:
        generator: a generator of images.
        z: latents, float32 (n, latent_dim).
        labels: their classes, int32 (n,); None where the generator takes no labels.
        out: as in `save_interpolation`.
        moves: for each frame a function of latents to latents, from one end to the other.

    Returns:
        The path of the file.

    Raises:
        InputError: as in `save_interpolation`.
    """
    path = pictures.check_out(out, len(z))
    frames = [pictures.grid(pictures.check_images(generator.generate(z=move(z), labels=labels))) for move in moves]
    return _write([*frames, *frames[-2:0:-1]], path)


def is_animation(out: str | os.PathLike) -> bool:
    """Whether a path is that of an animation, by its suffix."""
    return Path(out).suffix.lower() in WRITERS


def _write(frames: Iterable[Image.Image], path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        WRITERS[path.suffix.lower()](list(frames), path)
    except OSError as error:
        raise InputError(
            f"cannot write {path} ({error.strerror}); expected a writable path. Use another path."
        ) from error
    return path


def _gif(frames, path):
    pictures.save_gif(frames, path, FRAME_MS, FRAME_MS)


def _webp(frames, path):
    options = {"save_all": True, "append_images": frames[1:], "duration": FRAME_MS, "loop": 0, "quality": WEBP_QUALITY}
    replace(path, lambda draft: frames[0].save(draft, format="WEBP", **options))


def _mp4(frames, path):
    """H.264 with a colour for each 2×2 pixels, which every player shows; so both sides have to be even."""
    import av

    width, height = (side + side % 2 for side in frames[0].size)

    def write(draft):
        with av.open(str(draft), "w", format="mp4") as container:
            stream = container.add_stream(pictures.H264, rate=Fraction(1000, FRAME_MS), options={"crf": MP4_QUALITY})
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for frame in frames:
                even = Image.new("RGB", (width, height), "white")
                even.paste(frame)
                container.mux(stream.encode(av.VideoFrame.from_image(even)))
            container.mux(stream.encode())

    replace(path, write)


WRITERS = {".gif": _gif, ".webp": _webp, ".mp4": _mp4}
