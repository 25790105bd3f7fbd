"""What a GAN is conditioned on: nothing, one class of each image, or yes/no attributes of each image.

A condition reads the labels of a batch of `fit`, and turns latents and labels into the inputs of the networks.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow as tf
from keras import ops

from keras_gan._utils.choices import lookup
from keras_gan._utils.errors import InputError

CLASS_KEYS = ("label", "labels", "y")  # of dictionaries; tensorflow-datasets uses the first
CLOSEST = 1e-6  # distance of a probability from 0 and 1, whose quantiles are infinite


def of(num_classes: int | None, attributes: Mapping[str, float] | None, latent: str):
    """The condition of a GAN.

    Args:
        num_classes: the number of classes, or None.
        attributes: name -> share of the images that have it, or None.
        latent: distribution of z.

    Raises:
        InputError: for both, no class, attributes that are no mapping, or a share that is not between 0 and 1.
    """
    if attributes and not isinstance(attributes, Mapping):
        raise InputError(
            f"attributes is {attributes!r:.80}; expected a mapping of each name to its share of the images. Use "
            "attributes={'Smiling': 0.4}."
        )
    if num_classes is None and not attributes:
        return Unconditional()
    if num_classes is None:
        return Attributes(dict(attributes), latent)
    if attributes:
        raise InputError(
            f"num_classes={num_classes} with attributes; expected one of them. Give classes as attributes, or leave "
            "attributes out."
        )
    return Classes(num_classes)


class Unconditional:
    """Networks that take no labels."""

    generator_labels = discriminator_labels = None  # shape and dtype of an image's labels; None for no such input
    fewest_latents = 1  # smallest possible dimension of z
    label_keys = CLASS_KEYS  # of batches that are dictionaries

    def check(self, labels):
        """The labels of a batch as the networks take them: None here. Raises InputError for another shape or dtype."""
        return None

    def is_wrong(self, labels):
        """Whether each label is none that the networks know, bool of any shape."""
        return tf.constant(False)

    def valid(self, labels):
        """The labels, of which wrong ones are replaced: they are counted, and a graph error would hide the message."""
        return None

    def generator_input(self, z, labels):
        """The input of G for latents z (batch, latent_dim) and labels as from `check`."""
        return z


@dataclass(frozen=True)
class Classes:
    """Networks that take [x, label], with int32 labels (batch,) from 0 to `count` - 1."""

    count: int
    generator_labels = discriminator_labels = ((), "int32")
    fewest_latents = 1
    label_keys = CLASS_KEYS

    def __post_init__(self):
        if self.count < 1:
            raise InputError(f"num_classes is {self.count}; expected 1 or more. Use None for networks without labels.")

    def check(self, labels):
        if labels is None:
            raise InputError(
                f"fit received images without labels for num_classes={self.count}; expected (images, labels). Use "
                "keras_gan.data.load(…, labels=True), or leave num_classes out."
            )
        labels = squeezed(labels)
        # The rank is unknown where fit was called with labels of one rank before and another one now.
        if labels.shape.rank != 1 or not labels.dtype.is_integer:
            raise InputError(
                f"fit received labels {labels.dtype.name} of shape {labels.shape}; expected integers of shape (batch,) "
                f"from 0 to {self.count - 1}. Pass class numbers, not one-hot rows or strings."
            )
        return tf.cast(labels, "int32")

    def is_wrong(self, labels):
        return (labels < 0) | (labels >= self.count)

    def valid(self, labels):
        return tf.clip_by_value(labels, 0, self.count - 1)

    def generator_input(self, z, labels):
        return [z, labels]

    def wrong_message(self, number: int) -> str:
        """The error for a number of wrong labels."""
        return (
            f"fit received {number} labels that are not classes; expected 0 to {self.count - 1}, for "
            f"num_classes={self.count}. Number the classes from 0, or raise num_classes in both networks and GAN."
        )


@dataclass(frozen=True)
class Attributes:
    """A D that takes [x, attributes], and a G of z alone, whose first coordinates decide the attributes.

    In training, coordinate k of z is drawn given attribute k: above the quantile that a share 1 - `shares[k]` of all
    draws is below where the image has the attribute, and below it where not. Over all images z then has its own
    distribution, so that G draws samples from z as any other G. D's projection on the attributes (Miyato and Koyama
    2018, arXiv:1802.05637) makes G follow them. Where attributes depend on each other, their coordinates do so in
    training, and samples of independent coordinates also show combinations that are rare in the data.
    """

    shares: Mapping[str, float]  # name -> share of the images that have it
    latent: str
    generator_labels = None
    label_keys = ("attributes",)

    def __post_init__(self):
        for name, share in self.shares.items():
            if not 0 < share < 1:
                raise InputError(
                    f"a share {share:g} of the images has the attribute {name}; expected more than 0 and less than 1. "
                    "Leave it out of attributes (--attributes)."
                )

    @property
    def discriminator_labels(self):
        return (len(self.shares),), "float32"

    @property
    def fewest_latents(self):
        return len(self.shares)

    def check(self, labels):
        count = len(self.shares)
        expected = f"expected (images, attributes) with a column of 0 and 1 for each of {', '.join(self.shares)}"
        if labels is None:
            raise InputError(f"fit received images without attributes; {expected}. Give them as y.")
        if isinstance(labels, Mapping):  # as in tensorflow-datasets' celeb_a
            columns = [lookup(labels, name, "attribute", ", ".join(labels)) for name in self.shares]
            labels = tf.stack([squeezed(column) for column in columns], axis=1)
        labels = labels if tf.is_tensor(labels) else tf.convert_to_tensor(labels)
        numbers = labels.dtype.is_integer or labels.dtype.is_floating or labels.dtype == tf.bool
        if labels.shape.rank != 2 or labels.shape[1] not in (None, count) or not numbers:
            raise InputError(
                f"fit received attributes {labels.dtype.name} of shape {labels.shape}; {expected}. Pass an array "
                f"(images, {count})."
            )
        return tf.ensure_shape(tf.cast(labels, "float32"), (None, count))

    def is_wrong(self, labels):
        return (labels != 0) & (labels != 1)

    def valid(self, labels):
        return tf.where(self.is_wrong(labels), 0.0, labels)

    def generator_input(self, z, labels):
        shares = tf.constant(list(self.shares.values()), "float32")
        free = z[:, : len(self.shares)]
        below = 0.5 * tf.math.erfc(-free / math.sqrt(2)) if self.latent == "normal" else (free + 1) / 2
        drawn = tf.where(labels > 0.5, 1 - shares + shares * below, (1 - shares) * below)
        drawn = tf.clip_by_value(drawn, CLOSEST, 1 - CLOSEST)
        decided = tf.math.ndtri(drawn) if self.latent == "normal" else 2 * drawn - 1
        return ops.concatenate([decided, z[:, len(self.shares) :]], axis=1)

    def wrong_message(self, number: int) -> str:
        return f"fit received {number} attributes that are neither 0 nor 1; expected 0 or 1. Pass 1 for yes, 0 for no."


def squeezed(values):
    """Squeezes a tensor (batch, 1) to (batch,); any other is returned as it is."""
    values = values if tf.is_tensor(values) else tf.convert_to_tensor(values)
    return tf.squeeze(values, axis=1) if values.shape.rank == 2 and values.shape[1] == 1 else values
