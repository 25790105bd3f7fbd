"""The options of an export."""

from dataclasses import dataclass

from keras_gan import metrics
from keras_gan.exports.about import About


@dataclass(frozen=True)
class Options:
    """The options of an export, in addition to path, format and quantization.

    Attributes:
        uint8: whether the file gives images as uint8 in [0, 255] instead of float32 in [-1, 1].
        about: facts for the description inside the file; None for none.
        reference: real images, to which the Fréchet distance is measured; None measures the distance to Keras's
            samples only.
        force: whether to write the file although its errors or its loss of quality are too large.
    """

    uint8: bool = False
    about: About | None = None
    reference: metrics.Reference | None = None
    force: bool = False
