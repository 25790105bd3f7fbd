"""Files of samples: grids, single pictures, arrays and GIFs. It needs numpy and Pillow only."""

import itertools
import math
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_gan._utils.errors import InputError, first_line, how_to_install
from keras_gan._utils.files import replace

SMALLEST_CELL_PX = 48  # least height of an image in a grid; smaller ones are enlarged by a whole factor
GAP_PX = 2
TEXT_PX, MARGIN_PX, LONGEST_NAME = 15, 6, 16  # names of classes in a grid: height, space on both sides, characters
MOST_COLUMNS = 16  # of a grid with one class a row
H264 = "libx264"  # the encoder of an .mp4
# The largest number of samples in one file, by its suffix; without a suffix it is a folder.
OUTS = {"": math.inf, ".npz": math.inf, ".png": 10_000, ".gif": 100, ".webp": 100, ".mp4": 100}


def grid(images: np.ndarray, columns: int | None = None) -> Image.Image:
    """Arranges images in a grid, row by row.

    Args:
        images: uint8, shape (n, height, width, 1 or 3).
        columns: number of images in a row; None for a square or nearly square grid.

    Returns:
        One picture. Images less than 48 pixels high are enlarged by a whole factor, without smoothing.
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


def class_grid(images: np.ndarray, labels: np.ndarray, names: Sequence[str] | None = None) -> Image.Image:
    """Arranges images in rows of one class each, with its name at the left.

    Args:
        images: uint8, shape (n, height, width, 1 or 3).
        labels: their classes, shape (n,).
        names: the names of all classes; None for their numbers.

    Returns:
        One picture, in the order of the classes. A class with more than 16 images has several rows. Where Pillow's font
        cannot write a name, the number of the class replaces it.
    """
    classes, counts = np.unique(labels, return_counts=True)
    columns = min(MOST_COLUMNS, int(counts.max()))
    blocks = [grid(images[labels == number], columns) for number in classes]
    texts = [_class_text(int(number), names) for number in classes]
    font = ImageFont.load_default(TEXT_PX)
    left = 2 * MARGIN_PX + math.ceil(max(font.getlength(text) for text in texts))
    heights = [block.height for block in blocks]
    sheet = Image.new(blocks[0].mode, (left + blocks[0].width, sum(heights)), "white")
    pen, tops = ImageDraw.Draw(sheet), itertools.accumulate(heights, initial=0)
    for block, text, count, top in zip(blocks, texts, counts, tops, strict=False):
        sheet.paste(block, (left, top))
        row = block.height // math.ceil(count / columns)
        pen.text((left - MARGIN_PX, top + row // 2), text, "black", font, anchor="rm")
    return sheet


def _class_text(number, names):
    """The name of a class as it is written in a grid."""
    name = str(number) if names is None else names[number]
    try:
        name.encode("latin-1")
    except UnicodeEncodeError:
        return f"class {number}"
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}..."


def to_picture(image: np.ndarray) -> Image.Image:
    """Converts a uint8 array (height, width, 1 or 3) to a picture."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def save(
    samples: np.ndarray | Iterable[np.ndarray],
    out: str | os.PathLike,
    labels: np.ndarray | None = None,
    names: Sequence[str] | None = None,
) -> Path:
    """Writes samples to a grid (.png), an array named images (.npz), or numbered PNG files in a folder (other paths).

    The file or folder appears when it is complete. Arrays and folders are written part by part, so that memory does not
    depend on the number of samples.

    Args:
        samples: uint8 images (n, height, width, channels), or vectors, float32 (n, features), for .npz only; or an
            iterable of such arrays.
        out: path of the file or folder; missing parent folders are created.
        labels: classes of the samples, (n,), for one class in each row of a grid; None for rows in the order of the
            samples.
        names: the names of all classes; None for their numbers.

    Returns:
        The path.

    Raises:
        InputError: where the path cannot be written, or vectors cannot be written as pictures.
    """
    path = check_out(out)
    kind = path.suffix.lower()
    parts = iter([samples] if isinstance(samples, np.ndarray) else samples)
    first = next(parts)
    if kind != ".npz":
        check_images(first)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = itertools.chain([first], parts)
        if kind == ".png":
            _write_grid(parts, path, labels, names)
        else:
            (_write_npz if kind == ".npz" else _write_folder)(parts, path)
    except OSError as error:
        raise InputError(
            f"cannot write {path} ({error.strerror}); expected a writable path. Use another path."
        ) from error
    return path


def check_images(samples: np.ndarray) -> np.ndarray:
    """Returns the samples. Raises InputError where they are not images of 1 or 3 channels."""
    if samples.ndim != 4 or samples.shape[-1] not in (1, 3):
        raise InputError(
            f"samples of shape {samples.shape} are not images; expected images, or an .npz to write. Use --out x.npz."
        )
    return samples


def check_out(out: str | os.PathLike, n: int = 1) -> Path:
    """Returns `out` as a path for n samples. Raises InputError, before sampling, where it cannot be written."""
    path = Path(out)
    kind = path.suffix.lower()
    if kind not in OUTS:
        raise InputError(
            f"cannot write samples as {path.suffix}; expected a .png, an .npz, a folder, or an animation as "
            ".gif, .webp or .mp4. Use another --out."
        )
    if n > OUTS[kind]:
        raise InputError(
            f"{n:,} samples in one {kind}; expected at most {OUTS[kind]:,}. Use a folder or an .npz as --out."
        )
    if kind == ".mp4":
        _check_h264(path)
    existing = next(folder for folder in [path, *path.absolute().parents] if folder.exists())
    taken = path.is_dir() if path.suffix else path.is_file()
    if taken or (existing != path and not existing.is_dir()) or not os.access(existing, os.W_OK):
        raise InputError(f"cannot write {path}; expected a writable path. Use another --out.")
    return path


def _check_h264(path):
    """Raises InputError where an .mp4 cannot be encoded: av is missing, or a build without that encoder."""
    try:
        import av

        av.Codec(H264, "w")
    except (ImportError, ValueError) as error:
        raise InputError(
            f"{path.name} needs the package av with the encoder {H264} ({first_line(error)}); expected it, or another "
            f"format. {how_to_install('video')}, or use a .gif or a .webp."
        ) from error


def _write_grid(parts, path, labels, names):
    images = np.concatenate(list(parts))
    replace(path, (grid(images) if labels is None else class_grid(images, labels, names)).save)


def _write_folder(parts, path):
    """Writes numbered PNG files to a draft folder and moves them. Files of other names in the folder stay."""
    draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        index = 0
        for part in parts:
            for image in part:
                to_picture(image).save(draft / f"{index}.png")
                index += 1
        path.mkdir(exist_ok=True)
        digits = len(str(index - 1))
        for number in range(index):
            os.replace(draft / f"{number}.png", path / f"{number:0{digits}d}.png")
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_npz(parts, path):
    replace(path, lambda draft: _stream_npz(parts, draft))


def _stream_npz(parts, path):
    """Writes an .npz in numpy's format part by part: first the raw values, then a copy with the header."""
    with tempfile.TemporaryFile(dir=path.parent) as raw:
        count = 0
        for part in parts:
            raw.write(np.ascontiguousarray(part).tobytes())
            count += len(part)
        raw.seek(0)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open("images.npy", "w", force_zip64=True) as member:
                header = {"descr": part.dtype.str, "fortran_order": False, "shape": (count, *part.shape[1:])}
                np.lib.format.write_array_header_2_0(member, header)
                shutil.copyfileobj(raw, member)


def read(path: Path) -> Image.Image | None:
    """Reads and decodes a PNG file. Returns None where the file is missing or damaged."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            return image.copy()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None


def save_gif(frames: Iterable[Image.Image], path: Path, frame_ms: int = 300, last_ms: int = 2_000) -> None:
    """Writes a GIF that repeats forever; the last picture is shown for `last_ms`."""
    frames = [frame.convert("P", palette=Image.Palette.ADAPTIVE) for frame in frames]
    durations = [frame_ms] * (len(frames) - 1) + [last_ms]
    options = {"save_all": True, "append_images": frames[1:], "duration": durations, "loop": 0}
    replace(path, lambda draft: frames[0].save(draft, format="GIF", **options))
