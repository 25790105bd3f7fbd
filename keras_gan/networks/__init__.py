"""Generators and discriminators for images of any size from 8×8 to 256×256, and for plain vectors.

Class-conditional networks take [x, label]. G takes an embedding of the label next to z. D adds the projection of its
features on another embedding to its logit (Miyato and Koyama 2018, cGANs with projection discriminator,
arXiv:1802.05637). The families "sngan" and "r3gan" follow their own references. With attributes, D alone takes them,
and its projection is the same in all families.

Upsampling is a convolution and depth-to-space, which is fast on small devices and has a second derivative.
Hidden layers compute in `dtype`; the last layer of every network computes in float32.
"""

import contextlib
import functools

import keras
from keras import layers

from keras_gan._utils import seeding
from keras_gan._utils.choices import is_large, lookup
from keras_gan._utils.errors import InputError
from keras_gan.augment import DiffAugment
from keras_gan.distribute import precision
from keras_gan.layers import Pack, spectrally_normalized
from keras_gan.networks import family as _shared
from keras_gan.networks.dcgan import DCGAN, LEAN, WGAN_GP
from keras_gan.networks.perceptrons import GAUSSIAN, GAUSSIAN_DEEP, GOODFELLOW2014, MIXTURE
from keras_gan.networks.r3gan import R3GAN
from keras_gan.networks.resnet import RESNET, RESNET_LIGHT
from keras_gan.networks.sngan import SNGAN

SMALLEST, LARGEST = 8, 256  # pixels on a side
DEFAULT_FAMILY, LARGE_FAMILY = "resnet", "resnet-light"  # the second for images for which `is_large` holds
LATENT_DIM = 64

IMAGE_FAMILIES = {
    "resnet": RESNET,
    "resnet-light": RESNET_LIGHT,
    "lean": LEAN,
    "goodfellow2014": GOODFELLOW2014,
    "dcgan": DCGAN,
    "wgan-gp": WGAN_GP,
    "sngan": SNGAN,
    "r3gan": R3GAN,
}
VECTOR_FAMILIES = {"gaussian": GAUSSIAN, "gaussian_deep": GAUSSIAN_DEEP, "mixture": MIXTURE}
FAMILIES = {**IMAGE_FAMILIES, **VECTOR_FAMILIES}


def generator(
    data_shape, latent_dim=LATENT_DIM, family=None, dtype="auto", num_classes=None, seed=None, width=None
) -> keras.Model:
    """Builds a generator: latents (batch, latent_dim) to data (batch, *data_shape), float32.

    Args:
        data_shape: (height, width, channels) of images, 8 to 256 pixels on a side and 1 or 3 channels; or
            (features,), which gives a multilayer perceptron with a linear output.
        latent_dim: dimension of z.
        family: the architecture, a name in `FAMILIES`. None for "resnet-light" for images of at least 64 pixels on
            each side, and "resnet" for others. A family for images builds a multilayer perceptron for vectors.
        dtype: Keras dtype policy of the hidden layers; "auto" for the fastest on this machine (see `precision`).
        num_classes: number of classes of a network that takes [latents, labels], labels int32 (batch,) in
            [0, num_classes); None for a network without labels.
        seed: seed of the initial weights, which does not change the program's random state. None draws them from that
            state, as every Keras layer does after `keras.utils.set_random_seed`.
        width: the most channels of a feature map, for a small generator; for the families "resnet" and "resnet-light".
            None for no limit.

    Returns:
        A built `keras.Model`. Images are nominally in [-1, 1]; the families "resnet", "resnet-light" and "r3gan"
        have no tanh, so that values can lie outside, and `pixels.to_uint8` clips them.

    Raises:
        InputError: where no network can be built for the shape, or with that width.
    """
    shape = check_shape(data_shape)
    chosen = _family(family, shape)
    sized = _sized(chosen, width)
    with _seeded(seed):
        z = keras.Input((latent_dim,), name="z")
        inputs = latent_vector = z
        if num_classes is not None:
            inputs = [z, _label_input()]
            embedded = chosen.embedded(inputs[1], num_classes, z.shape[1])
            latent_vector = layers.Concatenate(dtype="float32")([z, embedded])
        return keras.Model(inputs, sized(latent_vector, shape, _policy(dtype, shape)), name="generator")


def discriminator(
    data_shape, family=None, dtype="auto", num_classes=None, augment=(), pack=1, seed=None, num_attributes=None
) -> keras.Model:
    """Builds a discriminator: data (batch, *data_shape) to logits (batch, 1), float32.

    Args:
        data_shape: as in `generator`.
        family: as in `generator`.
        dtype: as in `generator`.
        num_classes: number of classes of a network that takes [data, labels]; None for a network without labels.
        augment: transforms of all images in training; see `augment.DiffAugment`.
        pack: number of images in a pack; see `layers.Pack`. The logits are then (batch / pack, 1).
        seed: as in `generator`.
        num_attributes: number of attributes of a network that takes [data, attributes], float32
            (batch, num_attributes) of 0 and 1; None for a network without attributes. The generator is one without
            labels: see the argument `attributes` of `GAN`.

    Returns:
        A built `keras.Model`.

    Raises:
        InputError: where no network can be built for the shape, or with more than one of `num_classes`,
            `num_attributes` and a `pack` above 1.
    """
    shape = check_shape(data_shape)
    asked = {"num_classes": num_classes, "num_attributes": num_attributes, "pack": pack if pack > 1 else None}
    asked = [f"{name}={value}" for name, value in asked.items() if value is not None]
    if len(asked) > 1:
        raise InputError(
            f"{' with '.join(asked)}; expected only one of them, since a pack of images has no single label. Leave the "
            "others out."
        )
    chosen = _family(family, shape)
    with _seeded(seed):
        image = keras.Input(shape, name="image")
        x = DiffAugment(augment, dtype="float32")(image) if augment else image
        x = Pack(pack, dtype="float32")(x) if pack > 1 else x
        inputs, head = image, _shared.logit
        if num_classes is not None:
            inputs = [image, _label_input()]
            head = functools.partial(chosen.projected, label=inputs[1], num_classes=num_classes)
        if num_attributes is not None:
            inputs = [image, keras.Input((num_attributes,), name="attributes")]
            head = functools.partial(_shared.attribute_projected, attributes=inputs[1])
        network = keras.Model(inputs, chosen.discriminator(x, shape, _policy(dtype, shape), head), name="discriminator")
        return spectrally_normalized(network) if chosen.spectral else network


def _sized(family, width):
    """The builder of a family's generator, with a width if one is given."""
    if width is None:
        return family.generator
    if not family.has_widths:
        sized = ", ".join(name for name, each in IMAGE_FAMILIES.items() if each.has_widths)
        raise InputError(
            f"width {width} for networks of one size; expected one of the networks {sized}. Use one of these, or no "
            "width."
        )
    return functools.partial(family.generator, width=width)


def _seeded(seed):
    return contextlib.nullcontext() if seed is None else seeding.keras_seed(seed)


def _label_input():
    return keras.Input((), dtype="int32", name="label")


def check_shape(data_shape) -> tuple[int, ...]:
    """The shape as a tuple of ints. Raises InputError where no network can be built for it."""
    shape = tuple(int(size) for size in data_shape)
    if len(shape) == 1 and shape[0] >= 1:
        return shape
    if len(shape) == 3 and all(SMALLEST <= side <= LARGEST for side in shape[:2]) and shape[2] in (1, 3):
        return shape
    raise InputError(
        f"data of shape {shape}; expected (height, width, channels) with {SMALLEST} to {LARGEST} pixels on a side "
        "and 1 or 3 channels, or (features,). Resize images with image_size (--image-size)."
    )


def arithmetic(data_shape) -> tuple[str, str]:
    """The dtype policy of "auto" for data of a shape, and the reason."""
    if len(data_shape) == 1:
        return "float32", "the data are vectors, whose modes would blur in bfloat16"
    return precision.policy()


def _policy(dtype, shape):
    return arithmetic(shape)[0] if dtype == "auto" else dtype


def _family(name, shape):
    """The family for a shape. For vectors, families for images are replaced by perceptrons."""
    name = (LARGE_FAMILY if is_large(shape) else DEFAULT_FAMILY) if name is None else name
    chosen = lookup(FAMILIES, name, "network family", ", ".join(FAMILIES))
    if len(shape) == 1:
        return VECTOR_FAMILIES.get(name, VECTOR_FAMILIES["mixture"])
    if name in VECTOR_FAMILIES:
        raise InputError(
            f"the networks {name} are for vectors, and the data are images of shape {shape}; expected networks for "
            f"images. Use one of {', '.join(IMAGE_FAMILIES)} (kgan presets lists the networks of each preset)."
        )
    return chosen
