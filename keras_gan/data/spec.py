"""The description of data for training, runs and evaluation. Imports the standard library only."""

import dataclasses
from dataclasses import dataclass
from numbers import Integral

from keras_gan._utils.errors import InputError

BACKGROUND = "white"


@dataclass(frozen=True)
class DataSpec:
    """Describes which data to open, and how to prepare each image.

    Args:
        name: "digits", "avatars" (or "avatars:STYLE:COUNT"), "gaussian", "ring", "grid", "stacked_mnist", an image
            dataset of tensorflow-datasets, or the path of a folder of images or of a .npy, .npz or .mat file.
        image_size: (height, width), or one side, in pixels to resize to; None for the size of the images.
        crop: crop the centre to the proportions of the target size before resizing, instead of stretching.
        skip_damaged: leave damaged images out instead of raising an error.
        background: the colour behind the transparent pixels of images in a folder: white, black, grey, another name of
            CSS, or #rrggbb.
        flip: mirror images left to right at random in training.
        split: "train", or "test" for the held-out images.

    Raises:
        InputError: if the image size is invalid.
    """

    name: str
    image_size: tuple[int, int] | None = None
    crop: bool = False
    skip_damaged: bool = False
    background: str = BACKGROUND
    flip: bool = False
    split: str = "train"

    def __post_init__(self):
        object.__setattr__(self, "image_size", check_size(self.image_size))

    def held_out(self) -> "DataSpec":
        """Returns the description of the held-out images of the same data."""
        return dataclasses.replace(self, split="test")


def check_size(image_size) -> tuple[int, int] | None:
    """Returns an image size as (height, width), given one side, a pair, or None. Raises InputError if it is invalid."""
    if image_size is None:
        return None
    size = (image_size, image_size) if isinstance(image_size, Integral) else tuple(image_size)
    if len(size) != 2 or not all(isinstance(side, Integral) and int(side) > 0 for side in size):
        raise InputError(
            f"image size {image_size}; expected one positive side, or (height, width). Use for example 32 or (48, 32) "
            "(--image-size 32 or 48x32)."
        )
    return int(size[0]), int(size[1])
