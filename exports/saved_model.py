"""The generator as a TensorFlow SavedModel with named signatures."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import tensorflow as tf

from keras_gan._utils import pixels, silence
from keras_gan._utils.errors import InputError, first_line
from keras_gan._utils.files import replace_folder, size_bytes
from keras_gan.exports import check_trust, metadata
from keras_gan.exports.about import describe
from keras_gan.exports.edge import (
    GENERATE,
    INPUT,
    LABEL,
    OUTPUT,
    SAMPLE,
    SEED,
    SIGNATURES,
    first_input,
    named,
)
from keras_gan.exports.generators import FileGenerator
from keras_gan.exports.options import Options
from keras_gan.exports.quantize import MODES
from keras_gan.exports.replacing import check_alone
from keras_gan.exports.report import ExportReport, verify
from keras_gan.sampling import generators, latents

# The operations for `latents.of_seeds` in a TensorFlow graph.
GRAPH = SimpleNamespace(
    right_shift=tf.bitwise.right_shift,
    multiply=lambda x, factor: x * factor,
    astype=tf.cast,
    concat=tf.concat,
    log=tf.math.log,
    sqrt=tf.sqrt,
    cos=tf.cos,
    sin=tf.sin,
)
BATCHES = {"": None, "_16": 16}  # batch sizes by the end of a signature's name; None is open, unlike in a .tflite
OWN_NAMES = {"saved_model.pb", "fingerprint.pb", "variables", "assets", metadata.DESCRIPTION_FILE.parts[0]}
FROM_LATENTS = (GENERATE, "serving_default")  # names of signatures that take latents, in the order of preference
BATCH = 256  # latents computed at once


def archive(gan, folder: Path, batches: dict[str, int | None], uint8: bool = False) -> None:
    """Writes a SavedModel of the averaged generator: signatures `generate`, from latents, and `sample`, from seeds.

    Args:
        gan: the `keras_gan.GAN`.
        folder: the folder to write.
        batches: end of a signature's name -> batch size; None for an open batch size.
        uint8: whether the signatures give uint8 images in [0, 255] instead of float32 in [-1, 1].
    """
    functions = signatures(gan, uint8)
    exporter = keras.export.ExportArchive()
    exporter.track(gan.ema_generator)
    for end, size in batches.items():
        label = [tf.TensorSpec((size,), "int32", name=LABEL)] if gan.num_classes else []
        z, seed = (size, gan.latent_dim), (size,)
        exporter.add_endpoint(GENERATE + end, functions[GENERATE], [tf.TensorSpec(z, "float32", name=INPUT), *label])
        exporter.add_endpoint(SAMPLE + end, functions[SAMPLE], [tf.TensorSpec(seed, "int32", name=SEED), *label])
    exporter.write_out(str(folder), verbose=False)


def signatures(gan, uint8: bool = False, xp=GRAPH) -> dict:
    """The functions of the signatures in a graph.

    Args:
        gan: the `keras_gan.GAN`.
        uint8: whether they give uint8 images.
        xp: operations for `latents.of_seeds`.

    Returns:
        name -> function from latents or seeds, and labels where the GAN is conditional, to {OUTPUT: data}.
    """

    def generate(*inputs):
        outputs = gan.ema_generator(inputs[0] if len(inputs) == 1 else list(inputs), training=False)
        outputs = tf.cast(outputs, "float32")
        return {OUTPUT: _to_uint8(outputs) if uint8 else outputs}

    def sample(seed, *label):
        return generate(latents.of_seeds(seed, gan.latent_dim, gan.latent, xp), *label)

    return {GENERATE: generate, SAMPLE: sample}


def _to_uint8(signed):
    """`pixels.to_uint8` in a graph."""
    return tf.cast(tf.clip_by_value(tf.round((signed + 1.0) * pixels.HALF_RANGE), 0.0, 255.0), "uint8")


def check(path: Path, quantize: str) -> None:
    """Raises InputError where the path holds other files. `quantize` has no effect on a SavedModel."""
    if path.exists() and not (path / "saved_model.pb").is_file() and (path.is_file() or any(path.iterdir())):
        raise InputError(f"{path} exists and is not a SavedModel; expected a new or empty folder. Give another folder.")
    if path.is_dir():
        names = (entry.name for entry in path.iterdir())
        check_alone(path, names, OWN_NAMES, "which do not belong to a SavedModel", "a SavedModel")


def write(gan, path: Path, quantize: str, options: Options) -> ExportReport:
    """Writes the folder after the comparison; see `keras_gan.exports.export`. Weights are float32 in every mode."""

    def compared(draft):
        archive(gan, draft, BATCHES, options.uint8)
        description = describe(gan, options.about, "float32", options.uint8)
        (draft / metadata.DESCRIPTION_FILE).parent.mkdir()
        (draft / metadata.DESCRIPTION_FILE).write_text(json.dumps(description), "utf-8")
        generator = Generator(draft, trust=True)  # written just now, from the user's own model
        (draft / metadata.DESCRIPTION_FILE).write_text(
            json.dumps(description | {"signatures": generator.signatures()}), "utf-8"
        )
        runs = {name: generator.runner(name) for name in SIGNATURES}
        measured = verify(gan, runs, generator.generate, MODES["float32"], options)
        return measured | {"size_bytes": size_bytes(draft)}

    measured = replace_folder(path, compared)
    return ExportReport(file=str(path), quantize="float32", signatures=tuple(SIGNATURES), **measured)


class Generator(FileGenerator):
    """A generator in a SavedModel that keras_gan or another program wrote.

    It needs a signature from latents, and labels where it is conditional, to data. A SavedModel is a program: its
    operations can read and write files and use the network. Nothing inspects it, so it is opened only where the user
    trusts its maker.

    Args:
        path: the folder. Without a description by keras_gan, z is assumed to be normal, and images that are not uint8
            to be in [-1, 1].
        trust: whether the user trusts the maker of the folder.

    Raises:
        InputError: without `trust`, or where the folder is no SavedModel or has no such signature.
    """

    def __init__(self, path: str | os.PathLike, trust: bool = False):
        self.path = path
        check_trust(path, trust)
        description = _description(Path(path) / metadata.DESCRIPTION_FILE)
        try:
            with silence.silence_native_stderr():
                self._loaded = tf.saved_model.load(str(path))
            signatures = dict(self._loaded.signatures)
        except Exception as error:  # a damaged SavedModel fails anywhere, with any error
            raise InputError(
                f"{path} cannot be loaded ({first_line(error)}); expected a SavedModel. Export it again, or check the "
                "path."
            ) from error
        names = [name for name in FROM_LATENTS if name in signatures] or list(signatures)[:1]
        inputs = signatures[names[0]].structured_input_signature[1] if names else {}
        outputs = signatures[names[0]].structured_outputs if names else {}
        latent = {name: spec for name, spec in inputs.items() if name != LABEL or not description.get("num_classes")}
        if len(latent) != 1 or len(outputs) != 1 or next(iter(latent.values())).shape.rank != 2:
            raise InputError(
                f"{path} has the signatures {', '.join(signatures) or 'none'}; expected one called generate or "
                "serving_default from latents (batch, latent_dim) to data. Export it again with such a signature."
            )
        self._function, (self._input, spec), (self._output,) = signatures[names[0]], *latent.items(), outputs
        dim, self._batch = spec.shape[1], spec.shape[0] or BATCH
        if not 1 <= (dim or 0) <= metadata.LARGEST_SIZE or self._batch > metadata.LARGEST_SIZE:
            raise InputError(
                f"{path} takes latents of shape {tuple(spec.shape)}; expected (batch, latent_dim) with a fixed "
                f"latent_dim of 1 to {metadata.LARGEST_SIZE}. Export it again with such a signature."
            )
        self.description = description | {"latent_dim": dim} if description else self._inferred(dim)

    def _inferred(self, dim) -> dict:
        """The description of a SavedModel without one, inferred from a sample."""
        (sample,) = self._outputs([np.zeros((1, dim), "float32")])
        facts = SimpleNamespace(
            latent="normal", latent_dim=dim, num_classes=None, class_names=None, data_shape=sample.shape
        )
        name = Path(self.path).resolve().name
        description = generators.describe(facts, name) | {"output": sample.dtype.name}
        return description | {
            "value_range": description["value_range"] and list(metadata.OUTPUTS.get(sample.dtype.name, (-1, 1)))
        }

    def signatures(self) -> dict[str, dict]:
        """The signatures, in the form of `metadata.signatures`; None stands for an open size."""

        def ends(specs):
            return {name: [spec.dtype.name, spec.shape.as_list()] for name, spec in specs.items()}

        return {
            name: {"inputs": ends(one.structured_input_signature[1]), "outputs": ends(one.structured_outputs)}
            for name, one in self._loaded.signatures.items()
        }

    def runner(self, signature: str):
        """The function that a signature of a keras_gan export computes; see `edge.Generator.runner`."""
        run, first = self._loaded.signatures[signature], first_input(signature)
        return lambda *columns: run(**named(map(tf.constant, columns), first))[OUTPUT].numpy()

    def _outputs(self, columns, batch_size=BATCH):
        """Computed in batches of the signature's size, or of `BATCH` where that is open."""
        n = len(columns[0])
        # The last batch is filled up with the first rows.
        padded = [np.resize(column, (n + -n % self._batch, *column.shape[1:])) for column in columns]
        try:
            samples = np.concatenate([self._run(padded, start) for start in range(0, len(padded[0]), self._batch)])[:n]
        except (tf.errors.OpError, TypeError, ValueError) as error:
            raise InputError(
                f"{self.path} cannot be run ({first_line(error)}); expected a signature that takes latents. Export it "
                "again."
            ) from error
        if samples.dtype not in (np.uint8, np.float32) or len(samples) != n:
            raise InputError(
                f"{self.path} gives {samples.dtype} of shape {samples.shape}; expected {n} images (n, height, width, "
                "channels) or vectors (n, features), uint8 or float32. Export it again."
            )
        return samples

    def _run(self, columns, start):
        batch = (tf.constant(column[start : start + self._batch]) for column in columns)
        return self._function(**named(batch, self._input))[self._output]


def _description(file) -> dict:
    """The description in a SavedModel; empty where another program wrote the SavedModel."""
    try:
        return metadata.check(json.loads(file.read_text("utf-8"))) if file.is_file() else {}
    except (ValueError, RecursionError) as error:  # InputError is one
        raise InputError(
            f"{file} is damaged ({first_line(error)}); expected a description that kgan export wrote. Export it again."
        ) from error
