"""The generator as a .tflite of builtin operations, with signatures of fixed batch size.

The way through `ExportArchive` and `from_saved_model` is the one that keeps names and shares weights between
signatures; `tf.saved_model.save` and `from_concrete_functions` lose the weights without a word.
"""

import contextlib
import io
import re
import tempfile
from pathlib import Path

import tensorflow as tf

from keras_gan._utils import compat, silence
from keras_gan._utils.choices import lookup
from keras_gan._utils.errors import InputError, first_line
from keras_gan._utils.files import replace
from keras_gan.exports import delegation, diagnosis, edge, metadata, packing, saved_model, storage
from keras_gan.exports.about import describe
from keras_gan.exports.options import Options
from keras_gan.exports.quantize import MODES, SEEDED
from keras_gan.exports.report import Report, verify
from keras_gan.exports.trial import Unsound
from keras_gan.sampling import latents

CALIBRATION_BATCHES = 16
CALIBRATION_SEED = 2**30  # far from those that people look at


def check(path: Path, quantize: str) -> None:
    """Raises InputError for an unknown mode, or a path that cannot be a .tflite."""
    lookup(MODES, quantize, "quantization", ", ".join(MODES))
    if path.suffix != ".tflite":
        raise InputError(
            f"{path} does not end in .tflite; expected a name that does. Give {path.stem}.tflite, or a folder, {path}/."
        )
    if path.is_dir():
        raise InputError(f"{path} is a folder; expected the name of a file; give another")


def write(gan, path: Path, quantize: str, options: Options) -> Report:
    """Writes, compares and reports; see `keras_gan.exports.export`."""
    mode, description = MODES[quantize], describe(gan, options.about, quantize, options.uint8)
    plain = _converted(gan, options.uint8)
    stored = _stored(gan, plain, quantize)
    content = packing.pack(stored, description)
    _check_operations(content)

    def compared(draft):
        draft.write_bytes(content)
        generator = _opened(draft, quantize)
        runs = {name: generator.runner(name) for name in edge.SIGNATURES}
        return verify(gan, runs, generator.generate, mode, options, lambda columns: _blame(gan, plain, stored, columns))

    measured = replace(path, compared)
    return Report(
        str(path),
        len(content),
        quantize,
        tuple(edge.SIGNATURES),
        slow_operations=tuple(delegation.left_out(content, edge.GENERATE)),
        stored=storage.sizes(stored),
        kept=storage.kept(stored, quantize, SEEDED, compat.all_layers(gan.ema_generator, include_self=False)),
        **measured,
    )


def _stored(gan, plain, quantize) -> bytes:
    """The float32 file with its weights as a mode stores them."""
    try:
        return MODES[quantize].apply(plain, _calibration(gan))
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"the generator cannot be stored as {quantize} ({first_line(error)}); expected convolutions or dense "
            "layers, whose weights it stores in 8 bits; take quantize=float32 (--quantize float32), or float16"
        ) from error


def _opened(draft, quantize):
    """The generator in a file just written. Raises InputError where LiteRT cannot run it in this mode."""
    try:
        return edge.Generator(draft)
    except InputError as error:
        if quantize == "float32" or not isinstance(error.__cause__, Unsound):
            raise
        raise InputError(
            f"LiteRT cannot run the generator stored as {quantize} ({first_line(error.__cause__)}); expected a file "
            "that runs. Use quantize=float32 (--quantize float32)."
        ) from error


def _blame(gan, plain, stored, columns) -> str | None:
    """Words for what makes a sample NaN or infinite in the file, and the remedy; None where that is not found."""
    inputs, layers = edge.named(columns), compat.all_layers(gan.ema_generator, include_self=False)
    try:
        if found := diagnosis.culprit(plain, edge.GENERATE, inputs, layers):
            return f"{found.place}. {found.remedy} --saved-model and --onnx may compute it as Keras does."
        if found := diagnosis.culprit(stored, edge.GENERATE, inputs, layers):
            return f"{found.place}, but not with float32 weights. Use quantize=float32 (--quantize float32)."
    except (RuntimeError, ValueError):  # LiteRT cannot give all results of this file
        return None
    return None


def _converted(gan, uint8) -> bytes:
    with (
        tempfile.TemporaryDirectory() as folder,
        silence.silence_native_stderr(),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        saved_model.archive(gan, Path(folder), edge.BATCHES, uint8)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(edge.SIGNATURES))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        try:
            return converter.convert()
        except Exception as error:  # the converter's own class has no public name
            unknown = sorted(set(re.findall(r"'(tf\.\w+)' op is neither a custom op nor a flex op", str(error))))
            raise _foreign(unknown or [first_line(error)]) from error


def _calibration(gan):
    """Batches of pictures for `quantize.MODES`: for every signature the same ones."""
    for number in range(CALIBRATION_BATCHES):
        seeds = latents.seeds(16, CALIBRATION_SEED + 16 * number)
        z = latents.of_seeds(seeds, gan.latent_dim, gan.latent)
        labels = [seeds % gan.num_classes] if gan.num_classes else []
        # The small signatures once, for the names of their tensors.
        names = edge.SIGNATURES if number == 0 else ["generate_16"]
        yield {name: _cut(name, {edge.INPUT: z, edge.SEED: seeds}, labels) for name in names}


def _cut(signature, firsts, labels):
    """What a signature takes, by name, of a batch of 16."""
    first, size = edge.first_input(signature), edge.SIGNATURES[signature]
    return edge.named([column[:size] for column in (firsts[first], *labels)], first)


def _check_operations(content):
    if foreign := metadata.foreign_operations(content):
        raise _foreign(foreign)


def _foreign(operations):
    return InputError(
        f"the generator needs operations that a .tflite has not built in: {', '.join(operations)}; "
        "expected builtin ones; change the layers that bring them (upsample by convolution and depth_to_space)"
    )
