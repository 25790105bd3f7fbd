"""From a config to a compiled GAN with fresh weights."""

import math
from collections.abc import Mapping

import numpy as np

from keras_gan import augment, data, networks
from keras_gan._utils import pixels, seeding
from keras_gan._utils.errors import InputError
from keras_gan.config import TrainConfig
from keras_gan.distribute import precision
from keras_gan.gan import GAN, transfer
from keras_gan.metrics.streams import Stream
from keras_gan.networks import perceptrons
from keras_gan.presets import preset

FEW_IMAGES, OFTEN = 10_000, 200  # D memorises fewer images than this (Zhao et al. 2020) that it sees more often
SMALL_PIXELS = 16 * 16  # up to this size Python's overhead of a step exceeds its computation


def images_per_step(config: TrainConfig) -> int:
    """The number of images in one training step: the batch size times k."""
    return config.batch_size * config.discriminator_steps


def build(
    config: TrainConfig,
    data_shape: tuple[int, ...],
    data_count: int,
    num_classes: int | None = None,
    attribute_shares: Mapping[str, float] | None = None,
) -> GAN:
    """Builds a compiled GAN. Its initial weights depend only on the arguments.

    The random states of Python, numpy, TensorFlow and Keras are not changed.

    Args:
        config: the settings.
        data_shape: (height, width, channels) of images, or (features,).
        data_count: number of images in the data set, which decides whether they are augmented.
        num_classes: number of classes in the data, used where the config is conditional.
        attribute_shares: share of the data that has each attribute, used where the config has attributes.
    """
    recipe = preset(config.preset)
    num_classes = num_classes if config.conditional else None
    attributes = {name: attribute_shares[name] for name in config.attributes} or None
    policy = augment.POLICY if augments(config, data_shape, data_count) else ()
    with seeding.keras_seed(config.seed):
        gan = GAN(
            networks.generator(
                data_shape, config.latent_dim, recipe.networks, num_classes=num_classes, width=config.generator_width
            ),
            networks.discriminator(
                data_shape,
                recipe.networks,
                num_classes=num_classes,
                augment=policy,
                pack=config.pack,
                num_attributes=attributes and len(attributes),
            ),
            latent=config.latent,
            ema_half_life_images=recipe.ema_half_life_images,
            seed=config.seed,
            num_classes=num_classes,
            attributes=attributes,
        )
    if config.freeze_levels:
        transfer.freeze(gan.discriminator, config.freeze_levels)
    gan.compile(
        config.optimizer("generator"),
        config.optimizer("discriminator"),
        config.loss,
        config.penalties,
        config.discriminator_steps,
        config.updates,
        config.penalty_share,
    )
    return gan


def start_from_data(gan: GAN, config: TrainConfig, source: data.Source) -> None:
    """Sets the initial weights that depend on the data, for presets that have such."""
    if not preset(config.preset).start_at_mean:
        return
    blocks = Stream.of(source, np.arange(source.count)).blocks()
    total = sum(pixels.floats(block).sum(axis=0, dtype="float64") for block in blocks)
    for generator in (gan.generator, gan.ema_generator):
        perceptrons.start_at_mean(generator, (total / source.count + 1) / 2)


def computation(data_shape: tuple[int, ...], strategy) -> dict[str, str]:
    """How training computes in this process: precision, XLA and threads, with the reasons.

    Args:
        data_shape: as in `build`.
        strategy: the `tf.distribute.Strategy` of the training.
    """
    policy, why = networks.arithmetic(data_shape)
    with strategy.scope():
        return {"precision": f"{policy} ({why})", **precision.described()}


def augments(config: TrainConfig, data_shape: tuple[int, ...], data_count: int) -> bool:
    """Whether to use DiffAugment: as the config says, or, for None, with few images that are seen often and not tiny.

    D learns less from an augmented image, so short trainings are better without: on 3,000 photos still when each had
    been seen 200 times. On 1,797 digits of 8×8 pixels, of which a cutout leaves little, it reduced quality
    (benchmarks/RESULTS.md).
    """
    if config.augment is None:
        few = data_count < FEW_IMAGES and config.steps * images_per_step(config) > OFTEN * data_count
        return few and len(data_shape) == 3 and math.prod(data_shape[:2]) > SMALL_PIXELS
    if config.augment and len(data_shape) != 3:
        raise InputError(
            f"data of shape {data_shape} are not images; expected images to augment. Leave augment (--augment) out."
        )
    return config.augment
