"""Image datasets of tensorflow-datasets by name, with a short error for a dataset that cannot be downloaded."""

import dataclasses
import functools
import hashlib
import logging
import urllib.error
import urllib.parse
import urllib.request

import numpy as np

from keras_gan._utils.errors import InputError, first_line
from keras_gan._utils.files import cache_folder, replace
from keras_gan._utils.text import Table, Text, paragraph
from keras_gan.data import fingerprint, source
from keras_gan.data.source import Source, fit_pixels, from_array

# Errors of `tfds.builder` for an unknown name, configuration or version, and for a missing dependency.
BUILDER_ERRORS = (AssertionError, ImportError, KeyError, OSError, RuntimeError, TypeError, ValueError)
ANSWER_S = 4.0  # timeout of the first answer of a host

# Data of this package, also where a folder has the same name.
OWN = {
    "digits": "8x8 grey, handwritten digits; part of scikit-learn, no download",
    "avatars": "64x64 colour, drawn faces with attributes for sliders; no download, CC0 1.0",
    "gaussian": "the 1-D example of the theory: N(5, 1)",
    "ring": "8 Gaussians on a circle, for mode coverage",
    "grid": "25 Gaussians on a grid, for mode coverage",
    "stacked_mnist": "28x28x3, three MNIST digits in one image: 1,000 modes",
}
# The datasets that `kgan datasets` lists. All other image datasets of the catalogue can be used by name, too.
POPULAR = {
    "mnist": "28x28 grey, handwritten digits",
    "fashion_mnist": "28x28 grey, clothing",
    "kmnist": "28x28 grey, Japanese characters",
    "emnist": "28x28 grey, letters and digits",
    "cifar10": "32x32 colour, ten classes",
    "cifar100": "32x32 colour, a hundred classes",
    "svhn_cropped": "32x32 colour, house numbers",
    "celeb_a": "218x178 colour, faces (use --image-size 64 --crop)",
    "oxford_flowers102": "mixed sizes, flowers (use --image-size 64 --crop)",
    "stanford_dogs": "mixed sizes, dogs (use --image-size 64 --crop)",
}


def table() -> Text:
    """What can be trained on by name, for people."""
    return Text(
        [
            Table([*OWN.items(), *POPULAR.items()]),
            "",
            paragraph(
                "avatars:STYLE is another style of dicebear.com, such as open-peeps, under its own license, and "
                "avatars:5000 has another number of images. --image-size takes 32 to 256."
            ),
            "",
            paragraph(
                "Every other image dataset of tensorflow-datasets works by its name. So does the path of a folder of "
                "images, or of a .npy, .npz or .mat file."
            ),
        ]
    )


@functools.cache
def names() -> frozenset[str]:
    """Returns the names of all datasets in the installed catalogue, without using the network."""
    return frozenset(_tfds().list_builders(with_community_datasets=False))


def open_dataset(name: str, size=None, crop=False, split="train") -> Source | None:
    """Opens the images of a split of a dataset. The dataset is downloaded first if it is not prepared yet.

    Classes come from its feature `label`, attributes from the yes/no features of its feature `attributes` (celeb_a).
    Prepared datasets are in $TFDS_DATA_DIR, or in ~/tensorflow_datasets if that is not set.

    Args:
        name: name, or name/configuration, of the dataset.
        size: (height, width) to resize to; None for the size of the images.
        crop: crop the centre to the proportions of `size` before resizing.
        split: "train" or "test".

    Returns:
        A `Source`; None if the dataset has no such split.

    Raises:
        InputError: if the dataset has no images, or if it is not prepared and cannot be downloaded.
    """
    tfds = _tfds()
    try:
        builder = tfds.builder(name)
    except BUILDER_ERRORS as error:
        raise InputError(
            f"{name} is not a dataset ({first_line(error)}); expected NAME or NAME/CONFIGURATION. Use one of the names "
            "that kgan datasets lists."
        ) from error
    key = _image_feature(tfds, builder, name)
    if not builder.is_prepared():
        _prepare(builder, name)
    part = _split(builder, split)
    if part is None:
        return None
    shape, count = builder.info.features[key].shape, builder.info.splits[part].num_examples
    if size is None and None in shape[:2]:
        raise InputError(
            f"the images of {name} have different sizes; expected one size. Use image_size (--image-size) to resize "
            "them, and crop (--crop) to preserve proportions."
        )
    target = (count, *(size or shape[:2]), shape[2])
    features = builder.info.features
    label = "label" if "label" in features and isinstance(features["label"], tfds.features.ClassLabel) else None
    attribute_names = _attribute_names(tfds, features)

    def examples():
        dataset = builder.as_dataset(split=part, shuffle_files=False)
        dataset = dataset.map(lambda example: (example[key], *_described(example, label, attribute_names)))
        # MNIST opens in 10 s in blocks of one shape, and in 18 s as single images.
        blocks = dataset.batch(1 if None in shape[:2] else 256)
        for block in blocks.as_numpy_iterator():
            yield from zip(*block, strict=True)

    described = np.empty(count, "int64"), np.empty((count, len(attribute_names)), bool)
    if np.prod(target) > source.MEMORY_LIMIT_BYTES:
        images, *described = _mapped(f"{builder.info.full_name}/{part}", examples, target, crop, described)
    else:
        images = np.empty(target, "uint8")
        _fill(examples, images, described, crop)
    labels, attributes = described
    unknown = int((labels < 0).sum()) if label else 0
    classes = (labels, tuple(features[label].names)) if label and not unknown else ()
    opened = from_array(
        name,
        images,
        *classes,
        unlabelled=f"{unknown:,} of its {count:,} images have no label" if unknown else None,
        read_fingerprint=lambda: fingerprint.of_dataset(f"{builder.info.full_name}/{part}", count),
    )
    if not attribute_names:
        return opened
    return dataclasses.replace(opened, attributes=attributes, attribute_names=attribute_names)


def is_prepared(name: str) -> bool:
    """Returns whether a dataset is prepared on this machine."""
    try:
        return _tfds().builder(name).is_prepared()
    except BUILDER_ERRORS:
        return False


def _split(builder, split) -> str | None:
    """Returns the builder's name for "train" or "test"; None if it has no such split."""
    splits = list(builder.info.splits)
    if split == "train":
        return "train" if "train" in splits else splits[0]
    return next((name for name in ("test", "validation") if name in splits and "train" in splits), None)


@functools.cache
def _tfds():
    logging.getLogger("absl").setLevel(logging.ERROR)
    import tensorflow_datasets as tfds

    return tfds


def _image_feature(tfds, builder, name) -> str:
    features = builder.info.features
    keys = [key for key, feature in features.items() if isinstance(feature, tfds.features.Image)]
    key = "image" if "image" in keys else next(iter(keys), None)
    if key is None or features[key].shape[2] not in (1, 3) or features[key].np_dtype != np.uint8:
        raise InputError(
            f"{name} has no grey or colour images; expected an image dataset. Use one that kgan datasets lists."
        )
    return key


def _attribute_names(tfds, features) -> tuple[str, ...]:
    """Returns the names of the yes/no features in the feature `attributes`; empty if there is none."""
    attributes = features["attributes"] if "attributes" in features else None
    if not isinstance(attributes, tfds.features.FeaturesDict):
        return ()
    return tuple(name for name, feature in attributes.items() if feature.shape == () and feature.np_dtype == np.bool_)


def _described(example, label, attribute_names):
    """Returns the class of an example, or 0 without classes, and its attributes bool (k,), as tensors."""
    import tensorflow as tf

    attributes = [example["attributes"][name] for name in attribute_names]
    return example[label] if label else 0, tf.convert_to_tensor(attributes, "bool")


def _prepare(builder, name):
    """Downloads and prepares a dataset. Checks first that its host answers: a download would retry for minutes."""
    hosts = {urllib.parse.urlsplit(url).hostname: url for url in builder.url_infos}
    silent = [host for host, url in list(hosts.items())[:1] if not answers(url)]
    remedy = (
        "Connect to the internet once, set TFDS_DATA_DIR to the folder of a prepared copy, or train on digits, which "
        "needs no download."
    )
    if silent:
        raise InputError(
            f"{name} is not prepared in {builder.data_path.parent.parent} and {silent[0]} does not answer; expected a "
            f"prepared dataset or a connection. {remedy}"
        )
    try:
        builder.download_and_prepare()
    except Exception as error:  # runs the code of the dataset's builder, which may raise any error
        raise InputError(
            f"{name} cannot be downloaded ({first_line(error)}); expected a complete download. {remedy}"
        ) from error


def answers(url: str) -> bool:
    """Returns whether the host of a URL answers within 4 s."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=ANSWER_S):
            return True
    except urllib.error.HTTPError:
        return True  # an answer, although the host may not support HEAD
    except (OSError, ValueError):
        return False


def _fill(examples, images, described, crop):
    """Writes each image, resized and cropped, with its label and attributes into a row of the arrays."""
    labels, attributes = described
    for row, (image, label, has) in enumerate(examples()):
        images[row] = fit_pixels(image, images.shape[1:3], crop)
        labels[row], attributes[row] = label, has


def _mapped(key, examples, shape, crop, described):
    """Returns images mapped from a file in the cache folder, with labels and attributes. The first use writes it.

    `described` are arrays to fill: labels int64 (count,) and attributes bool (count, k). Attributes have a file only if
    k > 0.
    """
    folder = cache_folder()
    digest = hashlib.sha256(f"{key} {shape} {crop}".encode()).hexdigest()[:16]
    file, labels_file, attributes_file = (folder / f"{digest}{end}.npy" for end in ("", "-labels", "-attributes"))
    labels, attributes = described
    described_files = {labels_file: labels} | ({attributes_file: attributes} if attributes.size else {})
    if not all(each.exists() for each in (file, *described_files)):
        folder.mkdir(parents=True, exist_ok=True)

        def write(draft):
            images = np.lib.format.open_memmap(draft, "w+", "uint8", shape)
            _fill(examples, images, described, crop)
            images.flush()

        replace(file, write)
        for each, array in described_files.items():
            replace(each, lambda draft, array=array: _save(draft, array))
    loaded = (np.load(each) for each in described_files)
    return np.load(file, mmap_mode="r"), *loaded, *described[len(described_files) :]


def _save(path, array):
    with open(path, "wb") as file:  # numpy would add a suffix to a file name
        np.save(file, array)
