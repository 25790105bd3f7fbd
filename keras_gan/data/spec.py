"""Which data are opened, and how: one description for training, runs and evaluation. Standard library only."""

import dataclasses
from dataclasses import dataclass

from keras_gan._utils.errors import InputError

BACKGROUND = "white"


@dataclass(frozen=True)
class DataSpec:
    """What to open, and what to do with each image of it.

    Args:
        name: "digits", "gaussian", "ring", "grid", "stacked_mnist", an image dataset of tensorflow-datasets, the path
            of a folder of images, or of a .npy, .npz or .mat file.
        image_size: (height, width) or one side in pixels to resize to; None keeps the images' own size.
        crop: cut the centre to the target's proportions before resizing, instead of stretching.
        skip_damaged: leave unreadable images out instead of raising.
        background: the colour behind the transparent pixels of a folder's images: white, black, grey, another name of
            CSS, or #rrggbb.
        split: "train", or "test" for what the data hold out.

    Raises:
        InputError: for an image size that is none.
    """

    name: str
    image_size: tuple[int, int] | None = None
    crop: bool = False
    skip_damaged: bool = False
    background: str = BACKGROUND
    split: str = "train"

    def __post_init__(self):
        object.__setattr__(self, "image_size", check_size(self.image_size))

    def held_out(self) -> "DataSpec":
        """The same data's images that are held out."""
        return dataclasses.replace(self, split="test")


def check_size(image_size) -> tuple[int, int] | None:
    """The size as (height, width), from one side, a pair, or None."""
    if image_size is None:
        return None
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(size) != 2 or min(size) < 1:
        raise InputError(f"image size {image_size}; expected one positive side or (height, width); give 32 or 48x32")
    return size
