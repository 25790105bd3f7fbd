"""The generator as a TensorFlow SavedModel with named signatures."""

import shutil
import tempfile
from pathlib import Path

import keras
import tensorflow as tf

from keras_gan.errors import InputError
from keras_gan.exports.edge import INPUT, OUTPUT
from keras_gan.exports.report import Report, compare

TOLERANCE = 1e-4


def archive(gan, folder: Path, batch_sizes: dict[str, int | None]) -> None:
    """Writes a SavedModel whose signatures all run the averaged generator.

    Args:
        gan: the `keras_gan.GAN`.
        folder: the folder to write.
        batch_sizes: signature name -> batch size; None leaves it open.
    """
    generator = gan.ema_generator

    def images(z):
        return {OUTPUT: generator(z, training=False)}

    exporter = keras.export.ExportArchive()
    exporter.track(generator)
    for name, size in batch_sizes.items():
        signature = [tf.TensorSpec((size, gan.latent_dim), "float32", name=INPUT)]
        exporter.add_endpoint(name, images, input_signature=signature)
    exporter.write_out(str(folder), verbose=False)


def check(path: Path, quantize: str) -> None:
    """Raises InputError for a path where something else lies; `quantize` is of no concern to a SavedModel."""
    if path.exists() and not (path / "saved_model.pb").is_file() and (path.is_file() or any(path.iterdir())):
        raise InputError(f"{path} exists and is not a SavedModel; expected a new or empty folder; give another")


def write(gan, path: Path, quantize: str) -> Report:
    """Writes, compares and reports; see `keras_gan.exports.export`. Weights are float32 whatever `quantize` says."""
    before = path.with_name(f".{path.name}-before")
    draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        archive(gan, draft, {"generate": None})
        loaded = tf.saved_model.load(str(draft))
        generate = loaded.signatures["generate"]

        def run(z):
            return generate(**{INPUT: tf.constant(z)})[OUTPUT].numpy()

        measured = compare(gan, {1: run, 16: run}, TOLERANCE)
        size = sum(file.stat().st_size for file in draft.rglob("*") if file.is_file())
        draft.chmod(0o755)  # mkdtemp keeps it to its owner
        if path.exists():
            path.rename(before)
        draft.rename(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(before, ignore_errors=True)
    return Report(str(path), size, "float32", tuple(loaded.signatures), tolerance=TOLERANCE, **measured)
