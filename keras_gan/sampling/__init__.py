"""Sampling from any generator: latents and seeds, sliders, samples, pictures and animations.

It needs numpy, Pillow and msgspec only, so that it runs wherever an exported generator runs.
"""

from keras_gan.sampling.animations import FRAMES, is_animation, save_interpolation, save_movement
from keras_gan.sampling.generators import Generator
from keras_gan.sampling.pictures import check_images, check_out, class_grid, grid, read, save, save_gif, to_picture
from keras_gan.sampling.samples import of_seeds, parts

__all__ = [
    "FRAMES",
    "Generator",
    "check_images",
    "check_out",
    "class_grid",
    "grid",
    "is_animation",
    "of_seeds",
    "parts",
    "read",
    "save",
    "save_gif",
    "save_interpolation",
    "save_movement",
    "to_picture",
]
