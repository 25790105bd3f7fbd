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
from keras_gan.exports.report import Report, verify
from keras_gan.sampling import generators, latents

# What `latents.of_seeds` computes with in a graph.
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
BATCHES = {"": None, "_16": 16}  # by the end of a signature's name; open, unlike a .tflite's
OWN_NAMES = {"saved_model.pb", "fingerprint.pb", "variables", "assets", metadata.BESIDE.parts[0]}
FROM_LATENTS = (GENERATE, "serving_default")  # signatures of this kind, looked for in this order
BATCH = 256  # latents computed at once


def archive(gan, folder: Path, batches: dict[str, int | None], uint8: bool = False) -> None:
    """Writes a SavedModel of the averaged generator: signatures `generate`, from latents, and `sample`, from seeds.

    Args:
        gan: the `keras_gan.GAN`.
        folder: the folder to write.
        batches: end of a signature's name -> batch size; None leaves it open.
        uint8: whether they give uint8 images.
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
    """What the signatures compute in a graph, by name: from latents or seeds, and perhaps labels, to {OUTPUT: data}.

    `xp` is what `latents.of_seeds` computes with.
    """

    def generate(*inputs):
        outputs = gan.ema_generator(inputs[0] if len(inputs) == 1 else list(inputs), training=False)
        return {OUTPUT: _to_uint8(outputs) if uint8 else outputs}

    def sample(seed, *label):
        return generate(latents.of_seeds(seed, gan.latent_dim, gan.latent, xp), *label)

    return {GENERATE: generate, SAMPLE: sample}


def _to_uint8(signed):
    """`pixels.to_uint8` in a graph."""
    return tf.cast(tf.clip_by_value(tf.round((signed + 1.0) * pixels.HALF_RANGE), 0.0, 255.0), "uint8")


def check(path: Path, quantize: str) -> None:
    """Raises InputError for a path where something else lies; `quantize` is of no concern to a SavedModel."""
    if path.exists() and not (path / "saved_model.pb").is_file() and (path.is_file() or any(path.iterdir())):
        raise InputError(f"{path} exists and is not a SavedModel; expected a new or empty folder; give another")
    if path.is_dir() and (foreign := sorted({entry.name for entry in path.iterdir()} - OWN_NAMES)):
        raise InputError(
            f"{path} holds {', '.join(foreign[:3])}, which is not of a SavedModel; expected its own files alone, since "
            "they are replaced; move the others, or give another folder"
        )


def write(gan, path: Path, quantize: str, options: Options) -> Report:
    """Writes, compares and reports; see `keras_gan.exports.export`. Weights are float32 whatever `quantize` says."""

    def compared(draft):
        archive(gan, draft, BATCHES, options.uint8)
        description = describe(gan, options.about, "float32", options.uint8)
        (draft / metadata.BESIDE).parent.mkdir()
        (draft / metadata.BESIDE).write_text(json.dumps(description), "utf-8")
        generator = Generator(draft, trust=True)  # just written, from the user's own model
        (draft / metadata.BESIDE).write_text(json.dumps(description | {"signatures": generator.signatures()}), "utf-8")
        runs = {name: generator.runner(name) for name in SIGNATURES}
        measured = verify(gan, runs, generator.generate, MODES["float32"], options)
        return measured | {"size_bytes": size_bytes(draft)}

    measured = replace_folder(path, compared)
    return Report(file=str(path), quantize="float32", signatures=tuple(SIGNATURES), **measured)


class Generator(FileGenerator):
    """A generator in a SavedModel, of ours or from elsewhere: one signature from latents, and perhaps labels, to data.

    A SavedModel is a program: its operations can read and write files and use the network. Nothing inspects it, so it
    is opened only where the user trusts whoever made it.

    Args:
        path: the folder. Where it does not say so itself, z is taken to be normal; images that are not uint8 are taken
            to be in [-1, 1].
        trust: whether the user trusts whoever made the folder.

    Raises:
        InputError: without `trust`, or where the folder is no SavedModel or has no such signature.
    """

    def __init__(self, path: str | os.PathLike, trust: bool = False):
        self.path = path
        check_trust(path, trust)
        said = _description(Path(path) / metadata.BESIDE)
        try:
            with silence.silence_native_stderr():
                self._loaded = tf.saved_model.load(str(path))
            signatures = dict(self._loaded.signatures)
        except Exception as error:  # a damaged SavedModel fails anywhere, with any error
            raise InputError(f"{path} cannot be loaded ({first_line(error)}); expected a SavedModel") from error
        names = [name for name in FROM_LATENTS if name in signatures] or list(signatures)[:1]
        inputs = signatures[names[0]].structured_input_signature[1] if names else {}
        outputs = signatures[names[0]].structured_outputs if names else {}
        latent = {name: spec for name, spec in inputs.items() if name != LABEL or not said.get("num_classes")}
        if len(latent) != 1 or len(outputs) != 1 or next(iter(latent.values())).shape.rank != 2:
            raise InputError(
                f"{path} has signatures {', '.join(signatures) or 'none'}; expected one called generate or "
                "serving_default from latents (batch, dim) to data"
            )
        self._function, (self._input, spec), (self._output,) = signatures[names[0]], *latent.items(), outputs
        dim, self._batch = spec.shape[1], spec.shape[0] or BATCH
        if not 1 <= (dim or 0) <= metadata.LARGEST_SIZE or self._batch > metadata.LARGEST_SIZE:
            raise InputError(
                f"{path} takes latents of shape {tuple(spec.shape)}; expected (batch, dim), a fixed dim of 1 to "
                f"{metadata.LARGEST_SIZE}; export it with one"
            )
        self.description = said | {"latent_dim": dim} if said else self._seen(dim)

    def _seen(self, dim) -> dict:
        """What can be told of a SavedModel that says nothing itself, from one sample."""
        (sample,) = self._outputs([np.zeros((1, dim), "float32")])
        facts = SimpleNamespace(
            latent="normal", latent_dim=dim, num_classes=None, class_names=None, data_shape=sample.shape
        )
        name = Path(self.path).resolve().name
        said = generators.describe(facts, name) | {"output": sample.dtype.name}
        return said | {"value_range": said["value_range"] and list(metadata.OUTPUTS.get(sample.dtype.name, (-1, 1)))}

    def signatures(self) -> dict[str, dict]:
        """The signatures, as `metadata.signatures` gives them; a size that is open is None."""

        def ends(specs):
            return {name: [spec.dtype.name, spec.shape.as_list()] for name, spec in specs.items()}

        return {
            name: {"inputs": ends(one.structured_input_signature[1]), "outputs": ends(one.structured_outputs)}
            for name, one in self._loaded.signatures.items()
        }

    def runner(self, signature: str):
        """The function that a signature of an export of ours computes; as that of `edge.Generator`."""
        run, first = self._loaded.signatures[signature], first_input(signature)
        return lambda *columns: run(**named(map(tf.constant, columns), first))[OUTPUT].numpy()

    def _outputs(self, columns, batch_size=BATCH):
        """In whole batches of the size that the signature has, `BATCH` where that is open."""
        n = len(columns[0])
        # Whole batches: the first rows come again.
        padded = [np.resize(column, (n + -n % self._batch, *column.shape[1:])) for column in columns]
        try:
            samples = np.concatenate([self._run(padded, start) for start in range(0, len(padded[0]), self._batch)])[:n]
        except (tf.errors.OpError, TypeError, ValueError) as error:
            raise InputError(f"the SavedModel cannot be run ({first_line(error)}); export it anew") from error
        if samples.dtype not in (np.uint8, np.float32) or samples.ndim not in (2, 4) or len(samples) != n:
            raise InputError(
                f"the SavedModel gives {samples.dtype} of shape {samples.shape}; expected {n} images (n, height, "
                "width, channels) or vectors (n, features), uint8 or float32; export it anew"
            )
        return samples

    def _run(self, columns, start):
        batch = (tf.constant(column[start : start + self._batch]) for column in columns)
        return self._function(**named(batch, self._input))[self._output]


def _description(file) -> dict:
    """What an export says of itself; empty where a SavedModel from elsewhere says nothing."""
    try:
        return metadata.check(json.loads(file.read_text("utf-8"))) if file.is_file() else {}
    except (ValueError, RecursionError) as error:  # InputError is one
        raise InputError(f"{file} is damaged ({first_line(error)}); expected what kgan export wrote") from error
