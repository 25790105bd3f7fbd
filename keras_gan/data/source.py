"""A set of images that is read by index, and the order of its images in training."""

import mmap
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image

from keras_gan._utils import pixels
from keras_gan._utils.choices import lookup
from keras_gan._utils.errors import InputError
from keras_gan.sampling.latents import mixed
from keras_gan.sampling.pictures import to_picture

# Data up to this size are held in memory. Larger data are read from disk in batches.
MEMORY_LIMIT_BYTES = 2**28
MIRRORED = 3  # the number of the hash that decides whether an image is mirrored; 0 to 2 are those of the order
READERS = max(2, os.cpu_count() or 1)  # batches that are read from disk in parallel


@dataclass(frozen=True)
class Source:
    """Images, or vectors, of one shape."""

    name: str  # name or path, for messages
    shape: tuple[int, ...]  # of one image: height, width, channels; of one vector: features
    count: int  # the number of images
    fetch: Callable[[np.ndarray], np.ndarray]  # int64 indices (n,) -> uint8 [0, 255] or float32 [-1, 1] (n, *shape)
    array: np.ndarray | None = None  # all images, if they are in memory
    labels: np.ndarray | None = None  # int64 (count,), the classes; None without classes
    class_names: tuple[str, ...] | None = None  # None if they are unknown
    attributes: np.ndarray | None = None  # bool (count, k), the attributes of each image; None without attributes
    attribute_names: tuple[str, ...] | None = None  # of the k attributes
    flip: bool = False  # whether `batches` mirror images left to right at random
    unlabelled: str | None = None  # the reason why labels or class folders cannot be used as classes
    read_fingerprint: Callable[[], dict] | None = None  # computes the fingerprint of `data.fingerprint`

    @property
    def num_classes(self) -> int | None:
        """The number of classes of the data; None without classes."""
        return None if self.labels is None else int(self.labels.max()) + 1

    @property
    def attribute_shares(self) -> dict[str, float] | None:
        """Name of each attribute -> share of the images that have it; None without attributes."""
        if self.attributes is None:
            return None
        return dict(zip(self.attribute_names, self.attributes.mean(axis=0).tolist(), strict=True))

    @property
    def short_name(self) -> str:
        """The name for messages: the last two parts of a path."""
        return "/".join(Path(self.name).parts[-2:])

    def sample(self, n: int, seed: int) -> np.ndarray:
        """Returns indices of n different images in random order, int64 (n,), or of all if there are fewer."""
        return np.random.default_rng(seed).permutation(self.count)[:n]


def from_array(name: str, array: np.ndarray, labels: np.ndarray | None = None, class_names=None, **known) -> Source:
    """Returns a source for an array in memory or mapped from disk; `known` are other fields of `Source`."""
    in_memory = None if isinstance(array, np.memmap) else array
    return Source(
        name,
        array.shape[1:],
        len(array),
        lambda indices: _rows(array, indices),
        in_memory,
        labels,
        class_names,
        **known,
    )


def _rows(array, indices):
    """Returns a copy of rows of an array. The pages of a mapped file then no longer count as memory of the process."""
    rows = np.asarray(array[indices])
    mapping = getattr(array, "_mmap", None)
    if mapping is not None and array.mode == "r" and hasattr(mmap, "MADV_DONTNEED"):
        mapping.madvise(mmap.MADV_DONTNEED)
    return rows


def batches(
    source: Source, batch_size: int, seed: int, first_step=0, order=0, labels=False, shares=1, mine=None, attributes=()
):
    """Returns an endless dataset of batches. Their order depends on the seed and the step only.

    Each epoch is a permutation of all images. The batch at a step does not depend on the first step, so a run can
    continue exactly where it stopped.

    Args:
        source: the images.
        batch_size: the number of images in a batch.
        seed: seed of the order.
        first_step: the step of the first batch.
        order: a number, or int64 scalar tensor, for different orders with the same seed.
        labels: whether each batch is a pair of images and classes, int32 (batch_size,).
        shares: the number of equal parts of each batch, for as many replicas.
        mine: a range of the parts to read, each as a batch of its own; None for all.
        attributes: names of k attributes, of which each batch has the values of its images, float32 (batch_size, k) of
            0 and 1, instead of the classes.

    Returns:
        `tf.data.Dataset` of float32 batches in [-1, 1], shape (batch_size / shares, *source.shape).

    Raises:
        InputError: if `labels` is True and the data have no classes, or if they lack one of the attributes.
    """
    import tensorflow as tf

    mine = range(shares) if mine is None else mine
    size = batch_size // shares

    def positions(number):
        step, part = number // len(mine), number % len(mine) + mine.start
        return step * batch_size + part * size + tf.range(size, dtype="int64")

    def shuffled(position):
        epoch = position // source.count
        # Hashed, since the operation leaves small data nearly in order for seeds like (0, 0, 0).
        seeds = tf.stack([_hashed(seed, order, epoch, word) for word in range(3)], axis=1)  # (size, 3)
        largest = tf.cast(source.count - 1, "int64")
        return tf.raw_ops.RandomIndexShuffle(index=position % source.count, seed=seeds, max_index=largest)

    def example(number):
        position = positions(number)
        index = shuffled(position)
        # For images in memory, too: as a tensor they would be held twice.
        images = tf.numpy_function(source.fetch, [index], dtype)
        images = signed(tf.ensure_shape(images, (size, *source.shape)))
        if source.flip:
            is_mirrored = _hashed(seed, order, position, MIRRORED) % 2 == 0
            images = tf.where(is_mirrored[:, None, None, None], tf.reverse(images, axis=[2]), images)
        return images if known is None else (images, tf.gather(known, index))

    def signed(images):
        return pixels.to_signed(tf.cast(images, "float32")) if images.dtype == tf.uint8 else images

    dtype = tf.as_dtype(source.fetch(np.zeros(1, "int64")).dtype)
    known = None
    if attributes:
        known = tf.constant(check_attributes(source, attributes), "float32")
    elif labels:
        known = tf.constant(check_labels(source), "int32")
    numbers = tf.data.Dataset.range(first_step * len(mine), np.iinfo("int64").max)
    options = tf.data.Options()
    # TensorFlow's tuning thread sleeps up to a minute between rounds, and the end of `fit` can wait for it.
    options.autotune.enabled = False
    parallel = 1 if source.array is not None else READERS
    return numbers.map(example, num_parallel_calls=parallel).prefetch(2).with_options(options)


def _hashed(*words):
    """A hash of the lower 32 bits of numbers and int64 tensors, each of which is mixed in: int64 in [0, 2³²)."""
    import tensorflow as tf

    functions = SimpleNamespace(right_shift=tf.bitwise.right_shift, multiply=lambda x, factor: x * factor)
    x = tf.constant(0, "uint32")
    for word in words:
        x = mixed(x ^ tf.cast(tf.cast(word, "int64"), "uint32"), functions) + 1
    return tf.cast(x, "int64")


def distributed_batches(
    strategy, source: Source, batch_size: int, seed: int, first_step=0, labels=False, attributes=()
):
    """Returns the endless `batches` for the replicas of a strategy. Each worker reads only its own share.

    Args:
        strategy: a `tf.distribute` strategy.
        source: the images.
        batch_size: the number of images in a batch of all replicas together, a multiple of the number of replicas.
        seed: seed of the order.
        first_step: the step of the first batch.
        labels: whether each batch is a pair of images and classes.
        attributes: as in `batches`.

    Returns:
        A distributed dataset for `fit` with `steps_per_epoch`. The GAN must be built in the scope of the strategy.
    """
    shares = strategy.num_replicas_in_sync

    def read(context):
        own = shares // context.num_input_pipelines
        first = context.input_pipeline_id * own
        return batches(source, batch_size, seed, first_step, 0, labels, shares, range(first, first + own), attributes)

    return strategy.distribute_datasets_from_function(read)


def check_labels(source: Source) -> np.ndarray:
    """Returns the classes of the data, int64 (count,). Raises InputError with the reason if they have none."""
    if source.labels is None and source.unlabelled:
        raise InputError(
            f"{source.name} cannot be used with classes: {source.unlabelled.rstrip('.')}. To train without classes, "
            "leave labels (--conditional) out."
        )
    if source.labels is None:
        raise InputError(
            f"{source.name} has no classes; expected labelled data: a dataset with labels, or a folder with a "
            "subfolder for each class. To train without classes, leave labels (--conditional) out."
        )
    return source.labels


def check_attributes(source: Source, names: tuple[str, ...]) -> np.ndarray:
    """Returns the values of some attributes, bool (count, k). Raises InputError if the data lack one of them."""
    if source.attributes is None:
        raise InputError(
            f"{source.name} has no attributes; expected data with yes/no attributes: a folder with an attributes.csv, "
            "CelebA, or avatars. Add the table, or leave attributes (--attributes) out."
        )
    known = {name: place for place, name in enumerate(source.attribute_names)}
    places = [lookup(known, name, "attribute", ", ".join(known)) for name in names]
    return source.attributes[:, places]


def fit_image(image: Image.Image, size: tuple[int, int] | None, crop: bool) -> Image.Image:
    """Resizes an image to `size` (height, width). With `crop`, its centre is cropped to these proportions first."""
    if size is None or image.size == size[::-1]:
        return image
    height, width = size
    box = None
    if crop:
        scale = min(image.width / width, image.height / height)
        cut_width, cut_height = width * scale, height * scale
        left, top = (image.width - cut_width) / 2, (image.height - cut_height) / 2
        box = (left, top, left + cut_width, top + cut_height)
    return image.resize((width, height), Image.Resampling.LANCZOS, box=box)


def fit_pixels(image: np.ndarray, size: tuple[int, int] | None, crop: bool) -> np.ndarray:
    """Resizes one uint8 image (height, width, channels) as `fit_image` does."""
    if size is None or image.shape[:2] == tuple(size):
        return image
    return np.asarray(fit_image(to_picture(image), size, crop)).reshape(*size, -1)
