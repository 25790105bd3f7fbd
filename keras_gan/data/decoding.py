"""Reads one image file: its header, and its pixels as a viewer shows them, with 8 bits for each channel.

Orientation: the image is first turned by its orientation in EXIF or XMP. All sizes are those of the turned image.

Transparency: transparent pixels get a background of one colour.

Depth: values of 16 bits are divided by 257, and those of a TIFF of 12 bits are scaled in the same way (65,535 and 4,095
become 255). 32-bit integers, signed integers and floats have no defined range, so `span` chooses one for all images of
a folder.
"""

import contextlib
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageColor, UnidentifiedImageError, features

from keras_gan._utils.errors import InputError, first_line
from keras_gan.data.source import fit_image

LIMIT_PIXELS = 2**28  # larger images raise an error, since a small file may declare any size
LARGE_PIXELS = 2**26  # larger images are decoded one at a time, and larger JPEGs at a reduced size if possible
ORIENTATION = 0x0112  # tag of EXIF
# How to turn the stored image by its orientation: CIPA DC-008 (Exif 3.0), 4.6.5.1.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIXTEEN_BITS = frozenset({"I;16", "I;16B", "I;16L", "I;16N"})
OPEN_KINDS = {"I": "integers", "F": "floats"}  # modes of numbers without a defined range
GREY_MODES = SIXTEEN_BITS | OPEN_KINDS.keys() | {"1", "L", "LA", "La"}
BITS_PER_SAMPLE, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339  # tags of TIFF 6.0
SIGNED, WHITE_IS_ZERO = 2, 0
GREYS = {"L;2": 85, "L;4": 17}  # Pillow multiplies the pixels of a PNG by this factor, but not its transparent grey
TAIL_BYTES = 2**16  # at the end of a PNG, which are searched for EXIF after the pixels


def _formats() -> dict[str, tuple[str, ...]]:
    """Returns file suffixes by Pillow's format. Some formats are left out: EPS would start Ghostscript."""
    formats = {
        "BMP": (".bmp", ".dib"),
        "GIF": (".gif",),
        "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
        "PNG": (".png", ".apng"),
        "TIFF": (".tif", ".tiff"),
    }
    optional = {"WEBP": ("webp", (".webp",)), "AVIF": ("avif", (".avif",)), "JPEG2000": ("jpg_2000", (".jp2", ".j2k"))}
    for name, (feature, suffixes) in optional.items():
        known = feature in features.modules or feature in features.codecs
        if known and features.check(feature):
            formats[name] = suffixes
    return formats


FORMATS = _formats()
SUFFIXES = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes)
NOT_READ = frozenset({".heic", ".heif", ".hif"})  # photos that Pillow cannot read
# First bytes of other files that often have the name of an image.
OTHER_FILES = (
    (b"version https://git-lfs", "it is a pointer of Git LFS; download the file with git lfs pull"),
    (b"<!doctype", "it is an HTML page"),
    (b"<html", "it is an HTML page"),
    (b"<svg", "it is an SVG drawing"),
)
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

_large = threading.Lock()


class Unreadable(Exception):
    """An image that cannot be used. The message is the reason, without the name of the file."""


@dataclass(frozen=True, slots=True)
class Header:
    """Properties of an image that are known without decoding it."""

    size: tuple[int, int]  # height and width of the turned image
    grey: bool
    alpha: bool  # whether it may have transparent pixels
    several: bool  # whether it has more than one frame or page
    numbers: str | None  # "integers" or "floats" without a defined range; None if the mode defines the range


def prepare() -> None:
    """Silences Pillow's warnings about repaired files, and raises its limit of pixels to `LIMIT_PIXELS`.

    Both are permanent for the process, since images are read in other threads.
    """
    warnings.filterwarnings("ignore", module="PIL")
    if Image.MAX_IMAGE_PIXELS is not None:
        Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, LIMIT_PIXELS)


def colour(background: str) -> tuple[int, int, int]:
    """Returns red, green and blue of a colour's name or of #rrggbb. Raises InputError for an unknown colour."""
    try:
        found = ImageColor.getrgb(str(background).strip())
    except ValueError:
        found = ()
    if len(found) != 3:
        raise InputError(
            f"background {background!r} is not a colour; expected white, black, grey, another name of CSS, or #rrggbb. "
            "Set background (--background) to one of these."
        )
    return found


def is_grey(background: str) -> bool:
    """Returns whether a colour is white, black or a grey."""
    return len(set(colour(background))) == 1


def header(file: Path) -> Header:
    """Reads the header of an image. Raises Unreadable with the reason."""
    with _opened(file) as image:
        width, height = image.size
        turned = _orientation(image, file) in (5, 6, 7, 8)
        return Header(
            (width, height) if turned else (height, width),
            image.mode in GREY_MODES,
            image.has_transparency_data,
            image.format != "MPO" and bool(getattr(image, "is_animated", False)),  # other frames of an MPO are previews
            _numbers_of(image),
        )


def extent(file: Path) -> tuple[float, float]:
    """Returns the smallest and the largest value of an image. Raises Unreadable with the reason."""
    with _opened(file) as image:
        numbers = _numbers(image)
        return numbers.min().item(), numbers.max().item()


def span(kind: str, low: float, high: float) -> tuple[float, float]:
    """Chooses the values that become 0 and 255, for all images of a folder.

    - Floats in [0, 1]: 0 and 1.
    - Integers in [0, 255], and floats in [0, 255] with a maximum of at least 128: 0 and 255.
    - Other values: `low` and `high`.

    The scale is linear. Values outside the range, in images opened with the scale of other images, are clipped.

    Args:
        kind: "integers" or "floats".
        low: the smallest value of all images.
        high: the largest value of all images.

    Returns:
        The value that becomes 0, and the value that becomes 255.
    """
    if kind == "floats" and low >= 0 and high <= 1:
        return 0.0, 1.0
    if low >= 0 and high <= 255 and (kind == "integers" or high >= 128):
        return 0.0, 255.0
    return low, high


def decode(file: Path, grey: bool, size, crop: bool, background: str, spans) -> tuple[np.ndarray, bool]:
    """Decodes an image.

    Args:
        file: the image.
        grey: whether to return one channel or three.
        size: (height, width) to resize to; None for the size of the image.
        crop: crop the centre to the proportions of `size` before resizing.
        background: the colour behind transparent pixels.
        spans: for "integers" and "floats", the values that become 0 and 255.

    Returns:
        The pixels, uint8 (height, width, channels), and whether some of them are transparent.

    Raises:
        Unreadable: with the reason.
    """
    with _opened(file) as image:
        if image.width * image.height <= LARGE_PIXELS:
            return _decoded(image, file, grey, size, crop, background, spans)
        with _large:
            if size and image.format in ("JPEG", "MPO"):
                # A scale of 1/2, 1/4 or 1/8, to at least twice the target size, so that resizing can still filter.
                image.draft(None, (2 * max(size),) * 2)
            return _decoded(image, file, grey, size, crop, background, spans)


def _decoded(image, file, grey, size, crop, background, spans):
    turn = TURNS.get(_orientation(image, file))
    flat, transparent = _flat(_eight_bit(image, spans), grey, colour(background))
    array = np.asarray(fit_image(flat.transpose(turn) if turn is not None else flat, size, crop))
    return array.reshape(*array.shape[:2], -1), transparent


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[Image.Image]:
    """Opens an image file. Raises Unreadable for any error of its decoder, and for an image with too many pixels."""
    try:
        # From a path, Pillow 11 to 13 map some TIFFs into memory, and read rows in the size of the turned image.
        with open(file, "rb") as stream, Image.open(stream, formats=tuple(FORMATS)) as image:
            if image.width * image.height > LIMIT_PIXELS:
                raise Unreadable(
                    f"it has {image.width}x{image.height} = {image.width * image.height:,} pixels, and the limit is "
                    f"{LIMIT_PIXELS:,}; save it at a smaller size"
                )
            yield image
    except (MemoryError, Unreadable):
        raise
    except UnidentifiedImageError as error:
        raise Unreadable(_reason(file)) from error
    except OSError as error:
        raise Unreadable(error.strerror or first_line(error)) from error
    except Exception as error:  # a decoder: a damaged file raises many kinds of errors
        raise Unreadable(first_line(error)) from error


def _reason(file) -> str:
    """Returns the reason why Pillow does not recognize a file."""
    try:
        with open(file, "rb") as stream:
            start = stream.read(64).lstrip().lower()
    except OSError as error:
        return error.strerror or first_line(error)
    if not start:
        return "it is empty"
    if start[4:8] == b"ftyp" and start[8:12] in HEIC_BRANDS:
        return "it is a HEIC photo, which is not read; convert it to JPEG or PNG"
    return next((reason for prefix, reason in OTHER_FILES if start.startswith(prefix)), "its image format is unknown")


def _orientation(image, file) -> int:
    """Returns the orientation number of EXIF; 1 if it is unknown, or if Pillow turns the image itself."""
    if image.format == "TIFF":
        return 1  # Pillow turns it when it is loaded, and its size is that of the turned image
    try:
        if image.format == "PNG" and "exif" not in image.info and not _exif_follows(file):
            # Otherwise Pillow would decode the whole image to search for EXIF after the pixels.
            return Image.Image.getexif(image).get(ORIENTATION, 1)
        return image.getexif().get(ORIENTATION, 1)
    except MemoryError:
        raise
    except Exception:  # a decoder: damaged EXIF raises many kinds of errors, and the image may be intact
        return 1


def _exif_follows(file) -> bool:
    with open(file, "rb") as stream:
        stream.seek(max(0, stream.seek(0, 2) - TAIL_BYTES))
        tail = stream.read()
    return b"eXIf" in tail or b"tiff:Orientation" in tail


def _tag(image, number):
    """Returns the first value of a tag of a TIFF; None if there is none, or for other formats."""
    found = image.tag_v2.get(number) if image.format == "TIFF" else None
    return found[0] if isinstance(found, tuple) and found else found


def _numbers_of(image) -> str | None:
    signed_bytes = image.mode == "L" and _tag(image, SAMPLE_FORMAT) == SIGNED
    return "integers" if signed_bytes else OPEN_KINDS.get(image.mode)


def _numbers(image) -> np.ndarray:
    """Returns the values of an image without a defined range, as they are stored."""
    unsigned = image.mode == "I" and _tag(image, BITS_PER_SAMPLE) == 32 and _tag(image, SAMPLE_FORMAT) in (None, 1)
    numbers = np.asarray(image)
    if image.mode == "L":
        return numbers.view("int8")
    bad = int(numbers.size - np.isfinite(numbers).sum())
    if bad:
        raise Unreadable(f"{bad:,} of its {numbers.size:,} values are NaN or infinite; replace them by finite values")
    return numbers.view("uint32") if unsigned else numbers  # Pillow's integers are signed


def _eight_bit(image, spans) -> Image.Image:
    """Returns the image in a mode with 8 bits for each channel, with its transparency."""
    kind = _numbers_of(image)
    if kind:
        low, high = spans[kind]
        scaled = (_numbers(image).astype("float64") - low) * (255 / (high - low) if high > low else 0.0)
        return Image.fromarray(np.rint(scaled.clip(0, 255)).astype("uint8"))
    if image.mode in SIXTEEN_BITS:
        return _from_sixteen_bits(image)
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    if "transparency" in image.info and image.mode in ("1", "L", "RGB"):
        return _with_transparent_colour(image)
    return image


def _from_sixteen_bits(image) -> Image.Image:
    largest = 4095 if _tag(image, BITS_PER_SAMPLE) == 12 else 65535
    inverted = _tag(image, PHOTOMETRIC) == WHITE_IS_ZERO
    transparent = image.info.get("transparency")
    numbers = np.asarray(image)
    grey = np.rint(numbers.clip(0, largest) * (255 / largest)).astype("uint8")
    scaled = Image.fromarray(255 - grey if inverted else grey)
    if isinstance(transparent, int):
        scaled.putalpha(Image.fromarray(np.where(numbers == transparent, 0, 255).astype("uint8")))
    return scaled


def _with_transparent_colour(image) -> Image.Image:
    """Returns an image with an alpha channel in place of its transparent colour.

    Pillow's conversion is not used, since it compares the stored colour of a PNG with pixels scaled to 8 bits.
    """
    stored, pattern = image.info.pop("transparency"), image.tile[0][3] if image.tile else None
    pattern = pattern[0] if isinstance(pattern, tuple) else pattern
    if image.format == "PNG" and isinstance(stored, tuple):
        stored = tuple(value >> 8 for value in stored) if pattern == "RGB;16B" else stored
    elif image.format == "PNG" and isinstance(stored, int):
        stored = 255 * bool(stored) if image.mode == "1" else stored * GREYS.get(pattern, 1)
    plain = image.convert("RGB" if image.mode == "RGB" else "L")
    pixels = np.asarray(plain).reshape(plain.height, plain.width, -1)
    if isinstance(stored, bytes) or np.size(stored) != pixels.shape[2]:
        return plain  # not a colour of this image
    plain.putalpha(Image.fromarray(np.where((pixels == stored).all(axis=2), 0, 255).astype("uint8")))
    return plain


def _flat(image, grey, background) -> tuple[Image.Image, bool]:
    """Returns the image in mode "L" or "RGB" on the background, and whether some pixels are transparent."""
    mode = "L" if grey else "RGB"
    if not image.has_transparency_data:
        return image.convert(mode), False
    image = image.convert({"La": "LA", "LA": "LA"}.get(image.mode, "RGBA"))
    alpha = image.getchannel("A")
    if alpha.getextrema()[0] == 255:
        return image.convert(mode), False
    ground = Image.new(mode, image.size, background[0] if grey else background)
    ground.paste(image.convert(mode), mask=alpha)
    return ground, True
