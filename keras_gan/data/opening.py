"""Opens images by name or by path."""

import dataclasses
import os
import warnings
from pathlib import Path

from keras_gan._utils.choices import nearest
from keras_gan._utils.errors import InputError, Notice, printable
from keras_gan.data import arrays, avatars, catalog, decoding, folder, known, listing
from keras_gan.data.labels import counts as label_counts
from keras_gan.data.source import Source, batches, check_attributes, check_labels
from keras_gan.data.spec import BACKGROUND, DataSpec
from keras_gan.theory.mixtures import MIXTURES

ARRAY_FILES = (".npy", ".npz", ".mat")
OF_ONE_SIZE = (*MIXTURES, "stacked_mnist")  # data that are never resized
UNEQUAL = 10  # ratio of the largest class to the smallest from which there is a warning
OWN = tuple(catalog.OWN)  # names of data in this package, even if a folder has the same name


def load(
    name_or_path,
    batch_size=64,
    image_size=None,
    crop=False,
    seed=0,
    skip_damaged=False,
    labels=False,
    background=None,
    flip=False,
    attributes=(),
):
    """Opens images as a `tf.data.Dataset` for `fit`.

    Args:
        name_or_path: "digits", "avatars" (or "avatars:STYLE:COUNT"), "gaussian", "ring", "grid", "stacked_mnist", an
            image dataset of tensorflow-datasets ("mnist", "cifar10", …), a folder of images with or without subfolders,
            or a .npy, .npz or .mat file.
        batch_size: the number of images in each batch.
        image_size: (height, width), or one side, in pixels to resize to; None for the size of the images.
        crop: crop the centre to the proportions of the target size before resizing, instead of stretching.
        seed: seed of the order.
        skip_damaged: leave damaged images out instead of raising an error.
        labels: return pairs of images and classes, int32 (batch_size,), for a class-conditional GAN.
        background: the colour behind the transparent pixels of images in a folder: white, black, grey, another name of
            CSS, or #rrggbb; None for white.
        flip: mirror half of the images left to right, at random: for data whose mirror images are as plausible, such as
            faces, not digits.
        attributes: names of k yes/no attributes; return pairs of images and attributes, float32 (batch_size, k) of 0
            and 1, for a GAN with `attributes`.

    Returns:
        A dataset of one epoch with float32 batches in [-1, 1], shape (batch_size, height, width, channels). Each
        iteration has a different order, which is the same in every process.

    Raises:
        InputError: if the name is unknown, if the path has no usable images, if the batch is larger than the data, if
            the data have no classes and `labels` is True, if they lack one of the attributes, or if `flip` is True for
            data that are no images.
    """
    import tensorflow as tf

    source = open_source(name_or_path, image_size, crop, skip_damaged, background=background, flip=flip)
    if attributes:  # both checks here, since TensorFlow would wrap an error inside `flat_map`
        check_attributes(source, attributes)
    elif labels:
        check_labels(source)
    else:
        warn_of_unusable_labels(source)
    steps = source.count // check_batch(source, batch_size)

    iterations = tf.Variable(-1, trainable=False, dtype="int64")
    counter = tf.data.Dataset.range(1).map(lambda _: iterations.assign_add(1))
    epochs = counter.flat_map(
        lambda iteration: batches(source, batch_size, seed, order=iteration, labels=labels, attributes=attributes).take(
            steps
        )
    )
    return epochs.apply(tf.data.experimental.assert_cardinality(steps))


def open_source(
    name_or_path, image_size=None, crop=False, skip_damaged=False, split="train", background=None, flip=False
) -> Source | None:
    """Opens images by name or path, or by a `DataSpec`. Arguments and errors as in `load`.

    If a folder contains the folders train and test (or val, validation), the images in train are the training images,
    and those in test are held out.

    `split="test"` opens the images that are held out for evaluation: the test split of a dataset, x_test of an .npz
    file, or the folder test next to a folder train.

    The training images have `attributes` and `attribute_names` for a folder with a table of attributes (see
    `attributes.attach`), for avatars, and for a dataset with yes/no features `attributes`.

    Returns:
        A `Source`; None if `split` is "test" and nothing is held out.
    """
    if isinstance(name_or_path, DataSpec):
        spec = name_or_path
    else:
        background = BACKGROUND if background is None else background
        spec = DataSpec(os.fspath(name_or_path), image_size, crop, skip_damaged, background, flip, split)
    opened = _open(spec)
    if not spec.flip or opened is None:
        return opened
    if len(opened.shape) != 3:
        raise InputError(f"flip for {opened.name}, which has no images; expected images. Leave flip (--flip) out.")
    return dataclasses.replace(opened, flip=True)


def _open(spec: DataSpec) -> Source | None:
    name, split = spec.name, spec.split
    decoding.colour(spec.background)
    if name in OF_ONE_SIZE:
        if spec.image_size:
            raise InputError(
                f"image size {spec.image_size} for {name}, which has a fixed size; expected no image size. Leave "
                "image_size (--image-size) out."
            )
        return known.mixture(name, split) if name in MIXTURES else known.stacked_mnist(split)
    if name == "digits":
        return arrays.digits(spec.image_size, spec.crop) if split == "train" else None
    if avatars.is_name(name):
        return avatars.open_avatars(name, spec.image_size, split)
    path = Path(os.path.expanduser(name))
    if path.suffix.lower() in ARRAY_FILES:
        return arrays.from_file(path, spec.image_size, spec.crop, split)
    if is_path(name):
        # ./mnist would otherwise have the name of a dataset, and with it the metrics of that dataset.
        return _open_folder(path if is_path(str(path)) else path.absolute(), spec)
    if name.split("/")[0] not in catalog.names():
        choices = nearest(name, [*OWN, *catalog.names()])
        raise InputError(
            f"unknown data {name!r}: it is neither a dataset nor a folder; {choices} "
            "Use a name that kgan datasets lists, or ./NAME for a folder."
        )
    return catalog.open_dataset(name, spec.image_size, spec.crop, split)


def _open_folder(path, spec):
    train = listing.training_folder(path)
    if spec.split == "train":
        return folder.open_folder(train, spec)
    held_out = listing.held_out_folder(path)
    return None if held_out is None else folder.open_folder(held_out, spec, like=train)


def warn_of_unusable_labels(source: Source) -> None:
    """Warns with a `Notice` if the labels of data cannot be used and training continues without them."""
    if source.unlabelled and source.labels is None and not Path(source.name).is_dir():  # folders warn on opening
        warnings.warn(Notice(f"{source.name} is used without classes: {source.unlabelled}"), stacklevel=2)


def warn_of_unequal_classes(source: Source) -> None:
    """Warns with a `Notice` if one class has many times the images of another."""
    counts = {name: count for name, count in class_counts(source).items() if count}
    few, many = min(counts, key=counts.get), max(counts, key=counts.get)
    if counts[many] >= UNEQUAL * counts[few]:
        warnings.warn(
            Notice(
                f"{source.name} has {counts[many]:,} images of {printable(many)} and {counts[few]:,} of "
                f"{printable(few)}. Batches contain the classes in these shares, so samples of rare classes may be "
                f"worse, or copies of training images. Add images until the largest class has less than {UNEQUAL} "
                "times the images of the smallest, or leave the rare classes out."
            ),
            stacklevel=2,
        )


def class_counts(source: Source) -> dict[str, int]:
    """Returns the number of images in each class, by its name, or by its number if classes have no names."""
    return label_counts(check_labels(source), source.class_names)


def is_path(name: str) -> bool:
    """Returns whether `name` is a path instead of a dataset: it looks like a path, or exists only as a folder."""
    if name in OWN or avatars.is_name(name):
        return False
    if name.startswith((".", "~", os.sep)) or Path(name).suffix.lower() in ARRAY_FILES:
        return True
    exists = Path(name).is_dir()
    # "emnist/letters" is a dataset with its configuration, unless there is such a folder.
    return ("/" in name and exists) or ((exists or "/" in name) and name.split("/")[0] not in catalog.names())


def is_here(name: str) -> bool:
    """Returns whether data can be opened without a download."""
    name = "mnist" if name == "stacked_mnist" else name
    if avatars.is_name(name):
        return avatars.is_installed()
    return name in OWN or is_path(name) or catalog.is_prepared(name)


def check_batch(source: Source, batch_size: int) -> int:
    """Returns `batch_size`. Raises InputError if it is below 1, or larger than the data."""
    if not 1 <= batch_size <= source.count:
        raise InputError(
            f"batch size {batch_size} for the {source.count} images of {source.name}; expected 1 to {source.count}. "
            "Use batch_size (--batch-size) with a value in that range."
        )
    return batch_size
