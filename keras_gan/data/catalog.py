"""Image datasets of tensorflow-datasets, by name; with a plain word where one cannot be downloaded."""

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

ANSWER_S = 4.0  # seconds a dataset's host has to answer

# Data of this package, which no folder's name hides.
OWN = {
    "digits": "8x8 grey, handwritten digits; part of scikit-learn, no download",
    "gaussian": "the 1-D example of the theory: N(5, 1)",
    "ring": "8 Gaussians on a circle, for mode coverage",
    "grid": "25 Gaussians on a grid, for mode coverage",
    "stacked_mnist": "28x28x3, three MNIST digits in one image: 1,000 modes",
}
# The datasets that `kgan datasets` shows; every other image dataset of the catalogue works by its name too.
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
                "Every other image dataset of tensorflow-datasets works by its name. So does the path of a folder of "
                "images, or of a .npy, .npz or .mat file."
            ),
        ]
    )


@functools.cache
def names() -> frozenset[str]:
    """Every dataset of the installed catalogue, images or not; from a list on disk, no network."""
    return frozenset(_tfds().list_builders(with_community_datasets=False))


def open_dataset(name: str, size=None, crop=False, split="train") -> Source | None:
    """Opens the images of a dataset's split, downloading it where it is not prepared yet; None without that split.

    Classes come from its feature `label`, attributes from the yes/no features of its feature `attributes` (celeb_a).
    Prepared datasets are looked for, and put, in $TFDS_DATA_DIR, or ~/tensorflow_datasets where that is not set.

    Raises:
        InputError: where the dataset holds no images, or is neither prepared nor downloadable.
    """
    tfds = _tfds()
    try:
        builder = tfds.builder(name)
    except Exception as error:  # a configuration or version that does not exist fails in many ways
        raise InputError(f"{name} is no dataset ({first_line(error)}); expected NAME or NAME/CONFIGURATION") from error
    key = _image_feature(tfds, builder, name)
    if not builder.is_prepared():
        _prepare(builder, name)
    part = _split(builder, split)
    if part is None:
        return None
    shape, count = builder.info.features[key].shape, builder.info.splits[part].num_examples
    if size is None and None in shape[:2]:
        raise InputError(
            f"the images of {name} have mixed sizes; expected one; give image_size (--image-size), and crop (--crop) "
            "to keep proportions"
        )
    target = (count, *(size or shape[:2]), shape[2])
    features = builder.info.features
    label = "label" if "label" in features and isinstance(features["label"], tfds.features.ClassLabel) else None
    attribute_names = _attribute_names(tfds, features)

    def examples():
        dataset = builder.as_dataset(split=part, shuffle_files=False)
        dataset = dataset.map(lambda example: (example[key], *_described(example, label, attribute_names)))
        # MNIST opens in 10 s by blocks of one shape, in 18 s by single images.
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
    """Whether a dataset lies on this machine."""
    try:
        return _tfds().builder(name).is_prepared()
    except Exception:  # as in `open_dataset`
        return False


def _split(builder, split) -> str | None:
    """The builder's name for "train" or "test"."""
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
        raise InputError(f"{name} has no grey or colour images; expected an image dataset; see kgan datasets")
    return key


def _attribute_names(tfds, features) -> tuple[str, ...]:
    """The names of the yes/no features in the feature `attributes`, where there is one."""
    attributes = features["attributes"] if "attributes" in features else None
    if not isinstance(attributes, tfds.features.FeaturesDict):
        return ()
    return tuple(name for name, feature in attributes.items() if feature.shape == () and feature.np_dtype == np.bool_)


def _described(example, label, attribute_names):
    """The class of an example, 0 where it has none, and its attributes bool (k,), as tensors."""
    import tensorflow as tf

    attributes = [example["attributes"][name] for name in attribute_names]
    return example[label] if label else 0, tf.convert_to_tensor(attributes, "bool")


def _prepare(builder, name):
    """Downloads and prepares a dataset, after asking its host: left alone, the download would retry for minutes."""
    hosts = {urllib.parse.urlsplit(url).hostname: url for url in builder.url_infos}
    silent = [host for host, url in list(hosts.items())[:1] if not answers(url)]
    remedy = "connect once, point TFDS_DATA_DIR at a prepared copy, or train on digits, which needs no download"
    if silent:
        raise InputError(
            f"{name} is not prepared in {builder.data_path.parent.parent} and {silent[0]} does not answer; {remedy}"
        )
    try:
        builder.download_and_prepare()
    except Exception as error:  # a download fails in too many ways to name them all
        raise InputError(f"{name} cannot be downloaded ({first_line(error)}); {remedy}") from error


def answers(url: str) -> bool:
    """Whether the host of a URL says anything within 4 s."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=ANSWER_S):
            return True
    except urllib.error.HTTPError:
        return True  # it spoke, even if it does not like HEAD
    except (OSError, ValueError):
        return False


def _fill(examples, images, described, crop):
    """Writes every image, resized and cropped, its label and its attributes into the rows of the arrays."""
    labels, attributes = described
    for row, (image, label, has) in enumerate(examples()):
        images[row] = fit_pixels(image, images.shape[1:3], crop)
        labels[row], attributes[row] = label, has


def _mapped(key, examples, shape, crop, described):
    """Images as an array mapped from a file in the cache folder, made on first use; labels and attributes beside it.

    `described` is filled on first use: labels int64 (count,), attributes bool (count, k), with a file where k > 0.
    """
    folder = cache_folder()
    digest = hashlib.sha256(f"{key} {shape} {crop}".encode()).hexdigest()[:16]
    file, labels_file, attributes_file = (folder / f"{digest}{end}.npy" for end in ("", "-labels", "-attributes"))
    labels, attributes = described
    beside = {labels_file: labels} | ({attributes_file: attributes} if attributes.size else {})
    if not all(each.exists() for each in (file, *beside)):
        folder.mkdir(parents=True, exist_ok=True)

        def write(draft):
            images = np.lib.format.open_memmap(draft, "w+", "uint8", shape)
            _fill(examples, images, described, crop)
            images.flush()

        replace(file, write)
        for each, array in beside.items():
            replace(each, lambda draft, array=array: _save(draft, array))
    return np.load(file, mmap_mode="r"), *(np.load(each) for each in beside), *described[len(beside) :]


def _save(path, array):
    with open(path, "wb") as file:  # given a name, numpy would add a suffix of its own
        np.save(file, array)
