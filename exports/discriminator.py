"""The discriminator as a .tflite of one signature, `judge`: what D makes of one picture, without TensorFlow.

It does not leave the house as a generator does: the demo asks it for D's opinion.
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

JUDGE = "judge"
IMAGES, LOGIT = "images", "logit"  # and edge.LABEL, of a class-conditional discriminator
CHECKED = 16  # pictures
TOLERANCE = 1e-3  # of the largest logit, or of 1 where that is larger
BATCH = 50  # pictures judged at once by Keras


class Judge:
    """A discriminator that `write` wrote.

    Args:
        path: the file.
        data_shape: of one picture: height, width, channels.

    Raises:
        InputError: where the file is no such .tflite, or is damaged.
    """

    def __init__(self, path: str | os.PathLike, data_shape: tuple[int, ...]):
        try:
            content = Path(path).read_bytes()
            edge.survive(content, __name__)
            with silence.silence_native_stderr():
                self._open(content)
                self(np.zeros(data_shape, "uint8"), 0)
        except trial.Unable as error:
            raise InputError(f"{path} cannot be tried: {error}") from error
        except ImportError as error:
            raise InputError(f"{path} cannot be opened: {trial.missing(error)}") from error
        except MemoryError as error:
            raise InputError(f"{path} cannot be opened: memory ran out. Free memory, then try again.") from error
        except Exception as error:  # a damaged flatbuffer fails anywhere, with any error
            raise InputError(f"{path} is damaged; expected a discriminator as kgan demo keeps it; delete it") from error

    def _open(self, content):
        from ai_edge_litert.interpreter import Interpreter

        self._run = Interpreter(model_content=content, num_threads=1).get_signature_runner(JUDGE)
        self._takes = self._run.get_input_details()

    def __call__(self, image: np.ndarray, label: int | None = None) -> float:
        """D's logit.

        Args:
            image: uint8 (height, width, channels).
            label: its class; of no concern to a discriminator that takes none.
        """
        given = {IMAGES: pixels.floats(image[None])}
        if edge.LABEL in self._takes:
            given[edge.LABEL] = np.array([label], "int32")
        return float(self._run(**given)[LOGIT].item())

    def trial(self) -> None:
        """Judges zeros of whatever shape it takes."""
        self._run(**{name: np.zeros(one["shape"], one["dtype"]) for name, one in self._takes.items()})


def float32(gan):
    """D of a `keras_gan.GAN` as a Keras model that computes in float32: what is written, and what `logits` asks."""
    from keras_gan import ema
    from keras_gan.gan import network_checks

    return ema.float32_copy(gan.discriminator, network_checks.example(gan.data_shape, gan.num_classes))


def write(gan, path: Path) -> None:
    """Writes the discriminator of a `keras_gan.GAN` of images, once it judges as Keras does in float32.

    Raises:
        InputError: where D judges packs of pictures, needs operations that a .tflite has not built in, or the file
            gives other logits.
    """
    pack = max(getattr(layer, "pack", 1) for layer in compat.all_layers(gan.discriminator))
    if pack > 1:
        raise InputError(f"the discriminator judges packs of {pack} pictures; expected one that judges single ones")
    network = float32(gan)
    content = _converted(gan, network)

    def compared(draft):
        draft.write_bytes(content)
        judge = Judge(draft, gan.data_shape)
        images = gan.generate(CHECKED, seed=0)
        labels = latents.choose_labels(CHECKED, gan.num_classes, seeds=latents.seeds(CHECKED, 0))
        expected = logits(network, images, labels)
        found = [judge(image, label) for image, label in zip(images, columns(labels, CHECKED), strict=True)]
        error, largest = np.abs(found - expected).max(), max(1.0, np.abs(expected).max())
        if not error <= TOLERANCE * largest:
            raise InputError(f"the converted discriminator's logits are off by {error:.1g}; expected those of Keras")

    replace(path, compared)


def columns(labels: np.ndarray | None, n: int) -> list:
    """n labels, or n times None."""
    return [None] * n if labels is None else labels.tolist()


def logits(network, images: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """What Keras makes of pictures, each by itself.

    Args:
        network: of `float32`.
        images: uint8 (n, height, width, channels).
        labels: their classes, (n,), where D takes any.

    Returns:
        float32 (n,).
    """
    found = []
    for start in range(0, len(images), BATCH):
        x = pixels.floats(images[start : start + BATCH])
        given = x if labels is None else [x, labels[start : start + BATCH].astype("int32")]
        found.append(np.asarray(network(given, training=False), "float32").reshape(len(x)))
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
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[JUDGE])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        try:
            content = converter.convert()
        except Exception as error:  # the converter's own class has no public name
            raise InputError(f"the discriminator cannot be converted ({first_line(error)})") from error
    if foreign := metadata.foreign_operations(content):
        raise InputError(f"the discriminator needs operations that a .tflite has not built in: {', '.join(foreign)}")
    return content


def _archive(gan, network, folder):
    import keras
    import tensorflow as tf

    def judge(*inputs):
        return {LOGIT: network(inputs[0] if len(inputs) == 1 else list(inputs), training=False)}

    label = [tf.TensorSpec((1,), "int32", name=edge.LABEL)] if gan.num_classes else []
    exporter = keras.export.ExportArchive()
    exporter.track(network)
    exporter.add_endpoint(JUDGE, judge, [tf.TensorSpec((1, *gan.data_shape), "float32", name=IMAGES), *label])
    exporter.write_out(folder, verbose=False)


def _try(content):
    """What the process of `trial.survive` does."""
    tried = Judge.__new__(Judge)
    tried._open(content)
    tried.trial()


if __name__ == "__main__":
    trial.run(_try)
