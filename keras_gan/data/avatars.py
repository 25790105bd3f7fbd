"""Drawn faces with exact attributes: avatars of DiceBear, made on this machine.

The same number is the same face on every machine that has the same versions of the packages dicebear-core,
dicebear-styles and resvg-py. Attributes such as Smiling and Brown_Hair follow from the parts that a face is drawn from.
Their names are those of CelebA where it has them.
"""

import colorsys
import functools
import hashlib
import importlib.metadata
import importlib.util
import io
import json
import re
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from PIL import Image

from keras_gan._utils import progress
from keras_gan._utils.choices import lookup
from keras_gan._utils.errors import InputError
from keras_gan._utils.files import cache_folder, replace_folder
from keras_gan.data import fingerprint, source
from keras_gan.data.source import Source, from_array

NAME = "avatars"
DEFAULT_STYLE, DEFAULT_COUNT, DEFAULT_SIDE = "voxel-art", 20_000, 64
SMALLEST, LARGEST = 32, 256  # pixels on a side
FEWEST, MOST = 20, 1_000_000  # images
HELD_OUT = 10  # one image is held out for this number of training images
REQUIREMENTS = ("dicebear-core", "dicebear-styles", "resvg-py")
MODULES = ("dicebear", "dicebear_styles", "resvg_py")
BACKGROUND = "white"  # of styles that have none
# The default style is drawn as a head alone, with a larger mouth, so that a smile shows at 64 pixels.
FRAMES = {"voxel-art": {"scale": 1.4, "translateY": 19, "animationVariant": "none"}}  # options by style
LARGER = {"voxel-art": {"mouth": 1.6}}  # factors of parts by style
WITH_TEXT = {"initials", "initial-face"}  # styles that need a font, which machines do not have in common
VERSION = 1  # of drawing and attributes; a new version leads to new cached files
FILES = ("images.npy", "attributes.npy")  # in a folder of the cache
RAREST = 0.02  # share of images below which an attribute is left out

# Attribute -> components and their variants, as regular expressions. An image has the attribute if any of them matches.
PARTS = {
    "Smiling": {"mouth|expression": "smil|happy|laugh|grin|lol|cheer|beam"},
    "Eyeglasses": {
        "glasses": "",
        "accessories": "glasses|wayfarers|prescription|round|kurt",
        "eyes": "glasses",
    },
    "Facial_Hair": {"beard|facialHair": "", "accessories|details": "mustache"},
    "Long_Hair": {"hair|top|head|rearHair": "(?<!top)long|shoulder|medium|braid|tails|bob|bighair|wavy"},
    "Wearing_Hat": {"hat": "", "hair|top|head": "hat|cap$|beanie|turban|hijab|ears$"},
}
SKIN, HAIR = ("skin", "base"), "hair"  # names of the colours
HAIRSTYLES, BALD = ("hair", "top", "head"), r"^(bald$|nohair|shaved(\d|head)|mrclean)"
DARK = 0.55  # luma in [0, 1] below which skin is dark
HAIR_COLOURS = ("Black_Hair", "Blond_Hair", "Brown_Hair")
ATTRIBUTES = (*PARTS, "Dark_Skin", *HAIR_COLOURS)


@dataclass(frozen=True)
class Wanted:
    """What a name such as "avatars:open-peeps:5000" stands for."""

    style: str
    count: int  # of training images


def is_name(name: str) -> bool:
    """Returns whether `name` stands for avatars."""
    return name.split(":")[0] == NAME


def is_installed() -> bool:
    """Returns whether the packages that draw are installed."""
    return not _missing()


def _missing():
    return [one for one, module in zip(REQUIREMENTS, MODULES, strict=True) if importlib.util.find_spec(module) is None]


def parse(name: str) -> Wanted:
    """Reads avatars[:STYLE][:COUNT]. Raises InputError if the style is unknown, or the number cannot be used."""
    first, *rest = name.split(":")
    counts = [part for part in rest if part.isdecimal()]
    styles = [part for part in rest if not part.isdecimal()]
    if len(counts) > 1 or len(styles) > 1 or (counts and rest[-1] != counts[0]):
        raise InputError(
            f"data {name!r}; expected {NAME}, {NAME}:STYLE, {NAME}:COUNT or {NAME}:STYLE:COUNT. Use for example "
            f"{NAME}:{DEFAULT_STYLE}:5000."
        )
    count = int(counts[0]) if counts else DEFAULT_COUNT
    if not FEWEST <= count <= MOST:
        raise InputError(f"{count:,} avatars; expected {FEWEST:,} to {MOST:,}. Use for example {NAME}:5000.")
    style = styles[0] if styles else DEFAULT_STYLE
    lookup(
        dict.fromkeys(styles_available()), style, "style of avatars", f"dicebear.com/styles, as in {NAME}:open-peeps"
    )
    return Wanted(style, count)


@functools.cache
def styles_available() -> tuple[str, ...]:
    """Returns the names of the styles that can be drawn, sorted. Raises InputError if packages are missing."""
    missing = _missing()
    if missing:
        raise InputError(
            f"{NAME} needs the package{'s' * (len(missing) > 1)} {', '.join(missing)}; expected an installation. Use "
            f"pip install {' '.join(missing)}."
        )
    files = (file for file in resources.files("dicebear_styles").iterdir() if file.name.endswith(".json"))
    return tuple(sorted({file.name.removesuffix(".json") for file in files} - WITH_TEXT))


@functools.cache
def _definition(style) -> dict[str, Any]:
    found = json.loads(resources.files("dicebear_styles").joinpath(f"{style}.json").read_text("utf-8"))
    for part, factor in LARGER.get(style, {}).items():
        found["components"][part]["scale"] = {"min": factor, "max": factor}
    return found


def license_of(name: str) -> str | None:
    """Returns the license of avatars by their name, with author and address. None for other data, or if unknown."""
    if not is_name(name):
        return None
    try:
        meta = _definition(parse(name).style)["meta"]
    except InputError:  # the packages are missing, or do not have this style any more
        return None
    license, origin, creator = meta["license"], meta["source"], meta["creator"]
    return f"{license['name']} ({license['url']}): {origin['name']} by {creator['name']}, {origin['url']}"


def open_avatars(name: str, size=None, split="train") -> Source:
    """Draws avatars, or reads them from the cache if they were drawn before.

    The held-out images, a tenth as many, are other faces of the same style. Drawing takes 5 to 12 ms for each
    image. The images are saved in avatars/ in $KERAS_GAN_CACHE, or in ~/.cache/keras_gan.

    Args:
        name: avatars[:STYLE][:COUNT].
        size: (height, width), equal, 32 to 256; None for 64.
        split: "train" or "test".

    Returns:
        A `Source` with attributes: those of `PARTS`, `HAIR_COLOURS` and Dark_Skin that the style has.

    Raises:
        InputError: if the name or the size cannot be used, or if the packages are not installed.
    """
    wanted = parse(name)
    height, width = size or (DEFAULT_SIDE, DEFAULT_SIDE)
    if height != width or not SMALLEST <= height <= LARGEST:
        raise InputError(
            f"image size {height}x{width} for {name}; expected equal sides of {SMALLEST} to {LARGEST} pixels. Use "
            "image_size (--image-size) with one number, such as 64."
        )
    count = wanted.count if split == "train" else max(FEWEST, wanted.count // HELD_OUT)
    images, drawn = _drawn(wanted.style, height, split, count, f"drawing {name}")
    attributes, names = _usual(drawn)
    return from_array(
        name,
        images,
        attributes=attributes,
        attribute_names=names,
        read_fingerprint=lambda: fingerprint.of_dataset(f"{_version(wanted.style)}/{split}", count),
    )


def _version(style):
    return "/".join([style, *(f"{one}-{importlib.metadata.version(one)}" for one in REQUIREMENTS), str(VERSION)])


def _drawn(style, side, split, count, purpose):
    """Returns images uint8 (count, side, side, 3) and attributes bool (count, k) from the cache; draws them once."""
    digest = hashlib.sha256(_version(style).encode()).hexdigest()[:12]
    from filelock import FileLock  # here, since samples of a `.tflite` are drawn without this package

    folder = cache_folder() / NAME / f"{style}-{side}-{split}-{count}-{digest}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):  # several processes may ask for the same faces
            if not folder.exists():
                replace_folder(folder, lambda draft: _draw(style, side, split, count, draft, purpose))
    images, attributes = (folder / name for name in FILES)
    in_memory = images.stat().st_size <= source.MEMORY_LIMIT_BYTES
    return np.load(images, mmap_mode=None if in_memory else "r"), np.load(attributes)


def _draw(style, side, split, count, folder, purpose):
    import dicebear

    drawn, frame = dicebear.Style(_definition(style)), FRAMES.get(style, {})
    images = np.lib.format.open_memmap(folder / FILES[0], "w+", "uint8", (count, side, side, 3))
    attributes = np.empty((count, len(ATTRIBUTES)), bool)
    # One after the other: neither package draws outside Python's lock, so threads would not be faster.
    for number in progress.track(range(count), purpose, count):
        images[number], options = face(drawn, f"{split}-{number}", side, frame)
        attributes[number] = attributes_of(options)
    images.flush()
    np.save(folder / FILES[1], attributes)


def face(style, seed: str, side: int, frame: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
    """Draws one face.

    Args:
        style: a `dicebear.Style`.
        seed: any text; the same text is the same face.
        side: height and width in pixels.
        frame: options of DiceBear.

    Returns:
        Pixels uint8 (side, side, 3), and the parts and colours that the seed has chosen.
    """
    import dicebear
    import resvg_py

    avatar = dicebear.Avatar(style, {"seed": seed, **frame}).to_json()
    png = resvg_py.svg_to_bytes(
        svg_string=avatar["svg"], width=side, height=side, background=BACKGROUND, skip_system_fonts=True
    )
    return np.asarray(Image.open(io.BytesIO(bytes(png))).convert("RGB")), avatar["options"]


# attributes ----------------------------------------------------------------------------------------------------


def attributes_of(options: dict[str, Any]) -> list[bool]:
    """Returns whether a face has each of `ATTRIBUTES`, from the parts and colours that it is drawn from.

    Args:
        options: such as {"mouthVariant": "smile", "hairColor": ["#5a3825"]}.
    """
    variants = {key.removesuffix("Variant"): value for key, value in options.items() if key.endswith("Variant")}
    colours = {key.removesuffix("Color"): value[0] for key, value in options.items() if key.endswith("Color") and value}
    parts = {name: any(_matches(variants, *rule) for rule in rules.items()) for name, rules in PARTS.items()}
    skin = next((colours[name] for name in SKIN if name in colours), None)
    is_shown = any(name in variants for name in HAIRSTYLES) and not _matches(variants, "|".join(HAIRSTYLES), BALD)
    colour = hair_colour(colours[HAIR]) if HAIR in colours and is_shown and not parts["Wearing_Hat"] else None
    return [*parts.values(), skin is not None and luma(skin) < DARK, *(name == colour for name in HAIR_COLOURS)]


def _matches(variants, components, words):
    return any(
        re.fullmatch(components, component) and re.search(words, variant, re.IGNORECASE)
        for component, variant in variants.items()
    )


def luma(colour: str) -> float:
    """Returns the brightness in [0, 1] of a colour #rrggbb, by the weights of ITU-R BT.601."""
    red, green, blue = _rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def hair_colour(colour: str) -> str | None:
    """Returns the name in `HAIR_COLOURS` of a colour #rrggbb; None for red, grey, green and other colours."""
    hue, saturation, value = colorsys.rgb_to_hsv(*_rgb(colour))
    if value <= 0.25:
        return "Black_Hair"
    pale = value > 0.82 or (value > 0.7 and saturation < 0.4)
    if 25 / 360 <= hue <= 60 / 360 and saturation > 0.15 and pale:
        return "Blond_Hair"
    red = hue < 15 / 360 and saturation > 0.6 and value > 0.6
    return "Brown_Hair" if 5 / 360 <= hue <= 45 / 360 and not red and not pale and saturation > 0.15 else None


def _rgb(colour):
    return [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]


def _usual(attributes) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """Returns attributes bool (count, k) and their names, without those that nearly all or nearly no images have."""
    share = attributes.mean(axis=0)
    usual = np.flatnonzero((share >= RAREST) & (share <= 1 - RAREST))
    return (attributes[:, usual], tuple(ATTRIBUTES[place] for place in usual)) if len(usual) else (None, None)
