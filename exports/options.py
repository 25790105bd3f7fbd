"""What an export can be asked for."""

from dataclasses import dataclass

from keras_gan import metrics
from keras_gan.exports.about import About


@dataclass(frozen=True)
class Options:
    """Beside path, format and quantization."""

    uint8: bool = False  # images as uint8 in [0, 255], not float32 in [-1, 1]
    about: About | None = None  # what the file says of itself
    reference: metrics.Reference | None = None  # what the quality of the samples is measured against
    force: bool = False  # write it even where the errors or the loss of quality are too large
