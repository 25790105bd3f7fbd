"""The generator as one ONNX graph, for ONNX Runtime and whatever else reads the format.

A graph has one signature: this one is `generate`, from latents, with an open batch. Who has a seed turns it into
latents first (`keras_gan.latents.of_seeds`).
"""

import contextlib
import importlib.util
import io
import json
import logging
import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_gan import latents, quiet
from keras_gan.errors import InputError, first_line, how_to_install
from keras_gan.exports import metadata, saved_model
from keras_gan.exports.about import describe
from keras_gan.exports.edge import GENERATE, INPUT, LABEL, OUTPUT, named, to_samples
from keras_gan.exports.options import Options
from keras_gan.exports.quantize import MODES
from keras_gan.exports.report import Report, judge
from keras_gan.files import replace

PACKAGES = ("onnx", "onnxruntime", "tf2onnx")  # the extra
OPSET = 15  # of ONNX 1.10 (2021); the converter's own default
BATCH = 256  # latents computed at once
ERRORS_ONLY = 3  # ONNX Runtime's name for it


def check(path: Path, quantize: str) -> None:
    """Raises InputError where a package is missing, or for a path that cannot be an .onnx; weights stay float32."""
    if missing := [name for name in PACKAGES if importlib.util.find_spec(name) is None]:
        raise InputError(f"{', '.join(missing)} not installed; expected for ONNX. {how_to_install('onnx')}.")
    if path.suffix != ".onnx":
        raise InputError(f"{path} does not end in .onnx; expected a name that does; give {path.stem}.onnx")
    if path.is_dir():
        raise InputError(f"{path} is a folder; expected the name of a file; give another")


def write(gan, path: Path, quantize: str, options: Options) -> Report:
    """Writes, compares and reports; see `keras_gan.exports.export`. Weights are float32 whatever `quantize` says."""
    content = _converted(gan, describe(gan, options.about, "float32", options.uint8))

    def compared(draft):
        draft.write_bytes(content)
        generator = Generator(draft)
        # Of one graph: what it takes for one sample, and for sixteen.
        runs = dict.fromkeys((GENERATE, f"{GENERATE}_16"), generator.run)
        return judge(gan, runs, generator.generate, MODES["float32"], options)

    measured = replace(path, compared)
    return Report(str(path), len(content), "float32", (GENERATE,), **measured)


class Generator:
    """A generator that was exported as an .onnx, in ONNX Runtime, on one thread.

    Args:
        path: the file, written by `keras_gan.exports.export(format="onnx")`.

    Attributes:
        description: what the file says of itself; see `keras_gan.exports.about.describe`.
    """

    def __init__(self, path: str | os.PathLike):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = ERRORS_ONLY
        self._session = onnxruntime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
        said = self._session.get_modelmeta().custom_metadata_map
        self.description = metadata.check(json.loads(said.get(metadata.NAME, "{}")))

    def run(self, *columns: np.ndarray) -> np.ndarray:
        """What the graph gives for float32 latents (batch, dim), and int32 labels (batch,) where it takes them."""
        return self._session.run([OUTPUT], named(columns))[0]

    def generate(self, n: int, seed: int | None = None, labels=None) -> np.ndarray:
        """Draws samples, sample i of seed + i: uint8 images (n, height, width, channels), or float32 (n, features)."""
        said = self.description
        columns = latents.columns(n, said["latent_dim"], said["latent"], seed, said["num_classes"], labels)
        batches = ([column[start : start + BATCH] for column in columns] for start in range(0, n, BATCH))
        return to_samples(np.concatenate([self.run(*batch) for batch in batches]))


def _converted(gan, description) -> bytes:
    """The file, with the description in its metadata."""
    import onnx

    uint8 = description["output"] == "uint8"
    try:
        with _silence():
            model = _graph(gan, uint8)
    except Exception as error:  # the converter's are of any class
        raise _unknown(first_line(error)) from error
    if foreign := sorted({node.op_type for node in model.graph.node if not onnx.defs.has(node.op_type, node.domain)}):
        raise _unknown(", ".join(foreign))
    for end in (*model.graph.input, *model.graph.output):
        end.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.helper.set_model_props(model, {metadata.NAME: json.dumps(description)})
    return model.SerializeToString()


def _graph(gan, uint8):
    import tf2onnx

    label = [tf.TensorSpec((None,), "int32", name=LABEL)] if gan.num_classes else []
    inputs = [tf.TensorSpec((None, gan.latent_dim), "float32", name=INPUT), *label]
    generate = tf.function(saved_model.generating(gan, uint8))
    return tf2onnx.convert.from_function(generate, inputs, opset=OPSET)[0]


def _unknown(what):
    return InputError(
        f"the generator cannot be converted to ONNX: {what}; expected operations that ONNX has; change the layers "
        "that bring others"
    )


@contextlib.contextmanager
def _silence():
    """Keeps the converter's log and TensorFlow's off the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), quiet.native_stderr():
            yield
    finally:
        logging.disable(before)
