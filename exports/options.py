"""The options of an export."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from keras_gan import metrics
from keras_gan._utils.digests import weights_sha256
from keras_gan.exports import edge
from keras_gan.exports.about import About

T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """The options of an export, in addition to path, format and quantization.

    Attributes:
        uint8: whether the file gives images as uint8 in [0, 255] instead of float32 in [-1, 1].
        about: facts for the description inside the file; None for none.
        reference: real images, to which the Fréchet distance is measured; None measures the distance to Keras's
            samples only.
        force: whether to write the file although its errors or its loss of quality are too large.
        signatures: the signatures of a .tflite, names in `edge.SIGNATURES` with "generate" among them.
        tune_steps: steps of fine-tuning for a mode of 8 bits; see `tuning`. 0 for none.

    Exports with the same options share what they have in common: the conversion by TensorFlow, and Keras's samples.
    """

    uint8: bool = False
    about: About | None = None
    reference: metrics.Reference | None = None
    force: bool = False
    signatures: tuple[str, ...] = tuple(edge.SIGNATURES)
    tune_steps: int = 0
    _shared: dict = field(default_factory=dict, init=False, repr=False, compare=False)

    def with_signatures(self, names: tuple[str, ...]) -> "Options":
        """These options with other signatures. Both share what `once` has computed."""
        other = copy.copy(self)
        object.__setattr__(other, "signatures", names)
        return other

    def once(self, gan, name, compute: Callable[[], T]) -> T:
        """The result of `compute`, which is called once for the same name, and for the same weights and inputs."""
        key = weights_sha256(gan.ema_generator), gan.latent, gan.num_classes, name
        if key not in self._shared:
            self._shared[key] = compute()
        return self._shared[key]
