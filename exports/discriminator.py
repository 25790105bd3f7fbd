"""The discriminator as a .tflite with one signature, `discriminate`: the logit of one picture, without TensorFlow.

It is for the demo alone, which shows the logit. `keras_gan.exports.export` writes generators only.
"""

import contextlib
import io
import os
import tempfile
from pathlib import Path

import numpy as np

from keras_gan._utils import compat, pixels, silence
from keras_gan._utils.errors import InputError, first_line
from keras_gan._utils.files import replace
from keras_gan.exports import edge, trial
from keras_gan.sampling import latents

SIGNATURE = "discriminate"
IMAGES, LOGIT = "images", "logit"  # and edge.LABEL, of a class-conditional discriminator
CHECKED_IMAGES = 16
TOLERANCE = 1e-3  # as a share of the largest logit, or of 1 where all logits are smaller
BATCH = 50  # pictures that Keras computes at once


class Discriminator:
    """A discriminator in a file that `write` wrote.

    Args:
        path: the file.
        data_shape: shape of one picture: (height, width, channels).

    Raises:
        InputError: where the file is no such .tflite, or is damaged.
    """

    def __init__(self, path: str | os.PathLike, data_shape: tuple[int, ...]):
        try:
            content = Path(path).read_bytes()
            edge.run_in_process(content, __name__)
            with silence.silence_native_stderr():
                self._open(content)
                self(np.zeros(data_shape, "uint8"), 0)
        except trial.TrialUnavailable as error:
            raise InputError(f"{path} cannot be tested: {error}") from error
        except ImportError as error:
            raise InputError(f"{path} cannot be opened: {trial.missing(error)}") from error
        except MemoryError as error:
            raise InputError(f"{path} cannot be opened: memory ran out. Free memory, then try again.") from error
        except Exception as error:  # a damaged flatbuffer fails anywhere, with any error
            raise InputError(
                f"{path} is damaged ({first_line(error)}); expected a discriminator that kgan demo wrote. Delete the "
                "file, then run kgan demo again."
            ) from error

    def _open(self, content):
        from ai_edge_litert.interpreter import Interpreter

        self._run = Interpreter(model_content=content, num_threads=1).get_signature_runner(SIGNATURE)
        self._inputs = self._run.get_input_details()

    def __call__(self, image: np.ndarray, label: int | None = None) -> float:
        """The logit of a picture.

        Args:
            image: uint8 (height, width, channels).
            label: class of the picture; ignored by a discriminator that takes no labels.

        Returns:
            The logit; the larger, the more real the picture looks to the discriminator.
        """
        inputs = {IMAGES: pixels.floats(image[None])}
        if edge.LABEL in self._inputs:
            inputs[edge.LABEL] = np.array([label], "int32")
        return float(self._run(**inputs)[LOGIT].item())

    def trial(self) -> None:
        """Runs once, on zeros of the input shapes that the file states."""
        self._run(**{name: np.zeros(one["shape"], one["dtype"]) for name, one in self._inputs.items()})


def float32(gan):
    """The discriminator of a `keras_gan.GAN` as a Keras model that computes in float32, for `write` and `logits`."""
    from keras_gan import ema
    from keras_gan.gan import network_checks

    return ema.float32_copy(
        gan.discriminator, network_checks.example(gan.data_shape, gan.condition.discriminator_labels)
    )


def write(gan, path: Path) -> None:
    """Writes the discriminator of a `keras_gan.GAN` of images, after a comparison with Keras in float32.

    Args:
        gan: the GAN.
        path: the .tflite to write.

    Raises:
        InputError: where the discriminator takes packs of pictures, has operations that are not builtin in LiteRT, or
            gives logits that differ from Keras's.
    """
    pack = max(getattr(layer, "pack", 1) for layer in compat.all_layers(gan.discriminator))
    if pack > 1:
        raise InputError(
            f"the discriminator takes packs of {pack} pictures; expected one that takes single pictures. Use a "
            "discriminator without layers.Pack."
        )
    if gan.attributes:
        raise InputError(
            "the discriminator takes pictures with their attributes; expected one that takes pictures alone. Train "
            "without attributes (--attributes) for it."
        )
    network = float32(gan)
    content = _converted(gan, network)

    def compared(draft):
        draft.write_bytes(content)
        converted = Discriminator(draft, gan.data_shape)
        images = gan.generate(CHECKED_IMAGES, seed=0)
        labels = latents.choose_labels(CHECKED_IMAGES, gan.num_classes, seeds=latents.seeds(CHECKED_IMAGES, 0))
        expected = logits(network, images, labels)
        found = [converted(image, label) for image, label in zip(images, _column(labels, CHECKED_IMAGES), strict=True)]
        error, largest = np.abs(found - expected).max(), max(1.0, np.abs(expected).max())
        if not error <= TOLERANCE * largest:
            raise InputError(
                f"the logits of the converted discriminator differ from Keras by {error:.1g}; expected at most "
                f"{TOLERANCE * largest:.1g}. Change the layers that LiteRT computes in another way."
            )

    replace(path, compared)


def _column(labels, n) -> list:
    """n labels, or n times None where there are no labels."""
    return [None] * n if labels is None else labels.tolist()


def logits(network, images: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """The logits of pictures, by Keras.

    Args:
        network: the discriminator, as `float32` gives it.
        images: uint8 (n, height, width, channels).
        labels: classes of the images, (n,); None for a discriminator that takes no labels.

    Returns:
        float32 (n,).
    """
    found = []
    for start in range(0, len(images), BATCH):
        x = pixels.floats(images[start : start + BATCH])
        inputs = x if labels is None else [x, labels[start : start + BATCH].astype("int32")]
        found.append(np.asarray(network(inputs, training=False), "float32").reshape(len(x)))
    return np.concatenate(found)


def _converted(gan, network) -> bytes:
    import tensorflow as tf

    from keras_gan.exports import metadata

    with (
        tempfile.TemporaryDirectory() as folder,
        silence.silence_native_stderr(),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        _archive(gan, network, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        try:
            content = converter.convert()
        except Exception as error:  # the class of the converter's error has no public name
            raise _not_convertible(first_line(error)) from error
    if foreign := metadata.foreign_operations(content):
        raise _not_convertible(", ".join(foreign))
    return content


def _not_convertible(what):
    return InputError(
        f"the discriminator cannot be converted to a .tflite ({what}); expected operations that are builtin in LiteRT. "
        "Change the layers that need other operations."
    )


def _archive(gan, network, folder):
    import keras
    import tensorflow as tf

    def discriminate(*inputs):
        return {LOGIT: network(inputs[0] if len(inputs) == 1 else list(inputs), training=False)}

    label = [tf.TensorSpec((1,), "int32", name=edge.LABEL)] if gan.num_classes else []
    exporter = keras.export.ExportArchive()
    exporter.track(network)
    exporter.add_endpoint(
        SIGNATURE, discriminate, [tf.TensorSpec((1, *gan.data_shape), "float32", name=IMAGES), *label]
    )
    exporter.write_out(folder, verbose=False)


def _try(content):
    """Opens a file and runs it once, in the process that `trial.run_in_process` starts."""
    discriminator = Discriminator.__new__(Discriminator)
    discriminator._open(content)
    discriminator.trial()


if __name__ == "__main__":
    trial.run(_try)
