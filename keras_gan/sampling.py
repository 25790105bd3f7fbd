"""Pictures of samples: grids, separate files, arrays, GIFs. numpy and Pillow only, so that the edge can use it."""

import math
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from keras_gan.errors import InputError
from keras_gan.files import replace

SMALLEST_CELL_PX = 48  # small images are enlarged in whole steps until a person can see them
GAP_PX = 2


def grid(images: np.ndarray, columns: int | None = None) -> Image.Image:
    """Lays images out in rows, first to last.

    Args:
        images: uint8, shape (n, height, width, 1 or 3).
        columns: images in a row; None for a square or nearly square grid.

    Returns:
        One picture; images under 48 pixels high are enlarged by a whole factor, without smoothing.
    """
    n, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    zoom = max(1, math.ceil(SMALLEST_CELL_PX / height))
    cells = images.repeat(zoom, axis=1).repeat(zoom, axis=2)  # (n, height · zoom, width · zoom, channels)
    step_y, step_x = height * zoom + GAP_PX, width * zoom + GAP_PX
    sheet = np.full((rows * step_y + GAP_PX, columns * step_x + GAP_PX, channels), 255, "uint8")
    for index, cell in enumerate(cells):
        top, left = index // columns * step_y + GAP_PX, index % columns * step_x + GAP_PX
        sheet[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    return to_picture(sheet)


def to_picture(image: np.ndarray) -> Image.Image:
    """A uint8 array (height, width, 1 or 3) as a picture."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def save(samples: np.ndarray, out: str | os.PathLike) -> Path:
    """Writes samples as `out` asks: a grid (.png), one array named images (.npz), or PNG files in a folder (else).

    Args:
        samples: uint8 images (n, height, width, channels); vectors, float32 (n, features), only as .npz.
        out: path of the file or folder; missing parents are made.

    Raises:
        InputError: where the path cannot be written, or vectors are to become pictures.
    """
    path = check_out(out)
    images = samples.ndim == 4 and samples.shape[-1] in (1, 3)
    if not images and path.suffix.lower() != ".npz":
        raise InputError(f"samples of shape {samples.shape} are no images; expected an .npz to write; give --out x.npz")
    try:
        (path.parent if path.suffix else path).mkdir(parents=True, exist_ok=True)
        _write(samples, path)
    except OSError as error:
        raise InputError(f"cannot write {path} ({error.strerror}); expected a writable path; give another") from error
    return path


def check_out(out: str | os.PathLike) -> Path:
    """`out` as a path that `save` can write. Raises InputError, before any sample is computed, where it cannot."""
    path = Path(out)
    if path.suffix.lower() not in (".png", ".npz", ""):
        raise InputError(
            f"cannot write samples as {path.suffix}; expected a .png, an .npz or a folder; give another --out"
        )
    existing = next(folder for folder in [path, *path.absolute().parents] if folder.exists())
    taken = path.is_dir() if path.suffix else path.is_file()
    if taken or (existing != path and not existing.is_dir()) or not os.access(existing, os.W_OK):
        raise InputError(f"cannot write {path}; expected a writable path; give another --out")
    return path


def _write(samples, path):
    if path.suffix.lower() == ".npz":
        replace(path, lambda draft: _write_npz(draft, samples))
    elif path.suffix:
        replace(path, grid(samples).save)
    else:
        digits = len(str(len(samples) - 1))
        for index, image in enumerate(samples):
            to_picture(image).save(path / f"{index:0{digits}d}.png")


def _write_npz(path, samples):
    with open(path, "wb") as file:  # given a name, numpy would add a suffix of its own
        np.savez_compressed(file, images=samples)


def read(path: Path) -> Image.Image | None:
    """A picture from a file, decoded at once; None where the file is damaged."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            return image.copy()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None


def save_gif(frames: Iterable[Image.Image], path: Path, frame_ms: int = 300) -> None:
    """Writes an endless GIF; the last picture stays for two seconds."""
    frames = [frame.convert("P", palette=Image.Palette.ADAPTIVE) for frame in frames]
    durations = [frame_ms] * (len(frames) - 1) + [2_000]
    options = {"save_all": True, "append_images": frames[1:], "duration": durations, "loop": 0}
    replace(path, lambda draft: frames[0].save(draft, format="GIF", **options))
