"""Differentiable augmentation of images: each transform as a pure function, and the layer that draws their parameters.

Every transform is affine in the pixels and consists of matrix products and masks, so that gradient penalties can
differentiate it twice. Images are floats in [-1, 1], (batch, height, width, channels).
"""

import keras
from keras import ops

from keras_gan._utils.errors import InputError
from keras_gan.distribute import replicas

# Settings of Zhao et al. 2020.
LARGEST_SHIFT = 1 / 8  # of the side
CUT = 1 / 2  # of the side
POLICY = ("translation", "cutout", "colour")  # no flip: digits and letters have a left and a right


def brightened(x, shift):
    """x + shift, image by image; shift has shape (batch,)."""
    return x + _by_image(shift)


def saturated(x, scale):
    """Scales the distance of each channel from the pixel's mean; scale has shape (batch,)."""
    _, height, width, channels = x.shape
    scale = ops.reshape(scale, (-1, 1, 1))
    # A matrix product over the channels: on a CPU the mean over an axis of 3 takes six times as long.
    mixing = scale * ops.eye(channels, dtype=x.dtype) + (1.0 - scale) / channels  # (batch, channels, channels)
    mixed = ops.matmul(ops.reshape(x, (-1, height * width, channels)), mixing)
    return ops.reshape(mixed, (-1, height, width, channels))


def contrasted(x, scale):
    """Scales the distance of each pixel from the image's mean; scale has shape (batch,)."""
    mean = ops.mean(x, axis=(1, 2, 3), keepdims=True)
    return mean + _by_image(scale) * (x - mean)


def flipped(x, chosen):
    """Mirrors the chosen images left to right; chosen has shape (batch,), boolean."""
    return ops.where(_by_image(chosen), ops.flip(x, axis=2), x)


def translated(x, down, right):
    """Moves each image by whole pixels; down and right have shape (batch,), int32.

    The border is filled with 0, mid-grey, as in the paper. On a black background it shows D how far an image was moved,
    so that G does not learn to shift its own images.
    """
    _, height, width, channels = x.shape
    rows = ops.reshape(x, (-1, height, width * channels))
    x = ops.reshape(ops.matmul(_selection(down, height, x.dtype), rows), (-1, height, width, channels))
    return ops.einsum("bjw,bhwc->bhjc", _selection(right, width, x.dtype), x)


def cut_out(x, row, column):
    """Sets to 0 a rectangle of half the sides around a centre; row and column have shape (batch,), int32.

    The part of the rectangle outside the image has no effect, so that near the border the hole is smaller.
    """
    _, height, width, _ = x.shape
    rows = ops.cast(_window(row, height), x.dtype)[:, :, None, None]
    columns = ops.cast(_window(column, width), x.dtype)[:, None, :, None]
    return x * (1.0 - rows * columns)


def _by_image(values):
    return ops.reshape(values, (-1, 1, 1, 1))


def _selection(shift, side, dtype):
    """Matrices (batch, side, side) that shift a column of `side` values by `shift` and fill in zeros."""
    to, source = ops.arange(side)[:, None], ops.arange(side)[None, :]
    return ops.cast(to - source == shift[:, None, None], dtype)


def _window(centre, side):
    """Mask of the pixels that the cut covers: (batch, side), boolean."""
    size = _cut_pixels(side)
    distance = ops.arange(side)[None, :] - (centre[:, None] - size // 2)
    return ops.logical_and(distance >= 0, distance < size)


def _cut_pixels(side):
    return int(CUT * side + 0.5)


# Random parameters ---------------------------------------------------------------------------------------------


def _between(x, low, high, seed):
    return replicas.share(lambda rows: keras.random.uniform((rows,), low, high, x.dtype, seed), ops.shape(x)[0])


def _whole(x, low, high, seed):
    """Random integers from low to high, both included: (batch,), int32."""
    return replicas.share(lambda rows: keras.random.randint((rows,), low, high + 1, seed=seed), ops.shape(x)[0])


def _random_colour(x, seed):
    x = brightened(x, _between(x, -0.5, 0.5, seed))
    if x.shape[3] == 3:
        x = saturated(x, _between(x, 0.0, 2.0, seed))
    return contrasted(x, _between(x, 0.5, 1.5, seed))


def _random_flip(x, seed):
    return flipped(x, _between(x, 0.0, 1.0, seed) < 0.5)


def _random_translation(x, seed):
    most = [int(LARGEST_SHIFT * side + 0.5) for side in x.shape[1:3]]
    return translated(x, *(_whole(x, -pixels, pixels, seed) for pixels in most))


def _random_cutout(x, seed):
    # The centre of a window of even size lies between two pixels, so there is one position more.
    last = [side - _cut_pixels(side) % 2 for side in x.shape[1:3]]
    return cut_out(x, *(_whole(x, 0, pixel, seed) for pixel in last))


# In the order of application: colours come first, so that holes and borders stay grey.
TRANSFORMS = {
    "colour": _random_colour,
    "flip": _random_flip,
    "translation": _random_translation,
    "cutout": _random_cutout,
}


@keras.saving.register_keras_serializable("keras_gan")
class DiffAugment(keras.layers.Layer):
    """Augments real and generated images alike, so that D cannot memorise a small data set.

    Use it as the first layer of a discriminator. It is active in training only, and gradients for G pass through it.
    Each image has its own random parameters, and each call draws new ones.

    Args:
        policy: names of transforms, in any order: "translation" by up to 1/8 of the side, rounded, "cutout" of half
            the sides, "colour" (brightness by -0.5 to 0.5, saturation times 0 to 2 where there are three channels,
            contrast times 0.5 to 1.5), and "flip", left to right, for images whose mirror image is as plausible.
        seed: seed of the random parameters; None for a fresh one. The random state is saved with the weights.

    Input: float images (batch, height, width, channels) in [-1, 1].
    Output: the same shape, in the policy's compute dtype; computed in at least float32. Colours may leave [-1, 1].
    Holes and borders are 0, mid-grey.

    Raises:
        InputError: for an unknown transform, or for input that is not an image of known size.

    Example:
        >>> from keras_gan.augment import DiffAugment
        >>> DiffAugment(seed=1)(keras.ops.ones((2, 8, 8, 1)), training=True).shape
        TensorShape([2, 8, 8, 1])

    Reference: Zhao et al. 2020, Differentiable augmentation for data-efficient GAN training (arXiv:2006.10738),
    sec. 3.2.
    """

    def __init__(self, policy=POLICY, seed=None, **layer_options):
        super().__init__(autocast=False, **layer_options)  # autocast would round the pixels before the arithmetic
        if not set(policy) <= set(TRANSFORMS):
            raise InputError(
                f"DiffAugment received policy={policy!r}; expected a list of names from {', '.join(TRANSFORMS)}. "
                'Use policy=["translation", "cutout", "colour"], or leave policy out.'
            )
        self.policy = tuple(policy)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        if len(input_shape) != 4 or None in input_shape[1:]:
            raise InputError(
                f"DiffAugment received data of shape {tuple(input_shape)}; expected images (batch, height, width, "
                "channels) of known size. Give the network an Input of that shape, or leave DiffAugment out."
            )

    def call(self, x, training=False):
        if training:
            x = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
            for name, transform in TRANSFORMS.items():
                x = transform(x, self.seed_generator) if name in self.policy else x
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def save_own_variables(self, store):
        store["seed_generator_state"] = self.seed_generator.state

    def load_own_variables(self, store):
        self.seed_generator.state.assign(store["seed_generator_state"])

    def get_config(self):
        return super().get_config() | {"policy": list(self.policy), "seed": self.seed}
