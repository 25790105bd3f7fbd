"""The generator as a .tflite of builtin operations, with signatures of fixed batch size.

`ExportArchive` and `from_saved_model` preserve names, and all signatures share the weights. `tf.saved_model.save` and
`from_concrete_functions` lose the weights without an error.
"""

import contextlib
import io
import re
import tempfile
import warnings
from pathlib import Path

import tensorflow as tf

from keras_gan._utils import compat, silence
from keras_gan._utils.choices import lookup
from keras_gan._utils.errors import InputError, first_line
from keras_gan._utils.files import replace
from keras_gan.exports import (
    accelerators,
    delegation,
    diagnosis,
    edge,
    label_lookup,
    metadata,
    packing,
    saved_model,
    storage,
    tuning,
)
from keras_gan.exports.about import describe
from keras_gan.exports.options import Options
from keras_gan.exports.quantize import INT8_STATIC, MODES, SEEDED
from keras_gan.exports.replacing import check_file
from keras_gan.exports.report import ExportReport, verify
from keras_gan.exports.trial import UnusableFile
from keras_gan.sampling import latents

CALIBRATION_SAMPLES = 256
CALIBRATION_SEED = 2**30  # far from the seeds that people look at


def check(path: Path, quantize: str) -> None:
    """Raises InputError for an unknown mode, or a path that cannot be a .tflite."""
    lookup(MODES, quantize, "quantization", ", ".join(MODES))
    if path.suffix != ".tflite":
        raise InputError(
            f"{path} does not end in .tflite; expected a name that does. Use {path.stem}.tflite, or a folder, {path}/."
        )
    check_file(path)


def write(gan, path: Path, quantize: str, options: Options) -> ExportReport:
    """Writes the file after the comparison; see `keras_gan.exports.export`."""
    mode, description = MODES[quantize], describe(gan, options.about, quantize, options.uint8)
    signatures = edge.check_signatures(options.signatures)
    source = tuned(gan, quantize, options)
    plain = options.once(source, ("tflite", options.uint8), lambda: _converted(source, options.uint8))
    is_tuned = bool(options.tune_steps and mode.apply_tuned)
    stored = packing.only(_stored(source, plain, quantize, is_tuned), signatures)
    content = packing.pack(label_lookup.without_negative_classes(stored), description)
    _check_operations(content)

    def compared(draft):
        draft.write_bytes(content)
        generator = _opened(draft, quantize)
        runs = {name: generator.runner(name) for name in generator.signatures}
        return verify(
            gan, runs, generator.generate, mode, options, lambda columns: _explain(gan, plain, stored, columns)
        )

    measured = replace(path, compared)
    floating = accelerators.floating_operations(content, edge.GENERATE) if quantize == INT8_STATIC else None
    return ExportReport(
        str(path),
        len(content),
        quantize,
        signatures,
        slow_operations=tuple(delegation.slow_operations(content, edge.GENERATE)),
        refused_by_gpu=accelerators.refused_by_gpu(content),
        floating_operations=floating,
        stored=storage.sizes(stored),
        tuned_steps=options.tune_steps,
        higher_precision=storage.higher_precision(
            stored,
            quantize,
            SEEDED,
            compat.all_layers(gan.ema_generator, include_self=False),
            is_tuned,
        ),
        **measured,
    )


def tuned(gan, quantize, options):
    """The GAN, or what stands for it after the fine-tuning that the options ask for."""
    if not options.tune_steps:
        return gan
    return options.once(gan, ("tuned", quantize), lambda: tuning.tuned(gan, options.tune_steps, quantize))


def _stored(gan, plain, quantize, is_tuned) -> bytes:
    """The file with its weights stored in a mode, from the float32 file."""
    try:
        mode = MODES[quantize]
        store = mode.apply_tuned if is_tuned else mode.apply
        return store(plain, _calibration(gan, metadata.signatures(plain)))
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"the generator cannot be stored as {quantize} ({first_line(error)}); expected convolutions or dense "
            "layers, whose weights have 8 bits in this mode. Use quantize=float32 (--quantize float32), or float16."
        ) from error


def _opened(draft, quantize):
    """The generator in a file that was written just now. Raises InputError where LiteRT cannot run it."""
    try:
        return edge.Generator(draft)
    except InputError as error:
        if quantize == "float32" or not isinstance(error.__cause__, UnusableFile):
            raise
        raise InputError(
            f"LiteRT cannot run the generator stored as {quantize} ({first_line(error.__cause__)}); expected a file "
            "that runs. Use quantize=float32 (--quantize float32)."
        ) from error


def _explain(gan, plain, stored, columns) -> str | None:
    """A phrase for the operation that makes a sample NaN or infinite, and the remedy; None where it is not found."""
    inputs, layers = edge.named(columns), compat.all_layers(gan.ema_generator, include_self=False)
    try:
        if found := diagnosis.first_non_finite(plain, edge.GENERATE, inputs, layers):
            return f"{found.place}. {found.remedy} Or try --saved-model or --onnx, which may compute it as Keras does."
        if found := diagnosis.first_non_finite(stored, edge.GENERATE, inputs, layers):
            return f"{found.place}, but not with float32 weights. Use quantize=float32 (--quantize float32)."
    except (RuntimeError, ValueError):  # LiteRT cannot output all results of this file
        return None
    return None


def integer_file(gan) -> bytes:
    """A .tflite whose operations compute in integers of 8 bits: one signature, `generate`, in float32 at its ends.

    TensorFlow quantizes all operations. `quantize` quantizes only those with weights, since the arithmetic of seeds
    must stay float32.
    """

    def prepare(converter):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            (signature, inputs) for batch in _calibration(gan, [edge.GENERATE]) for signature, inputs in batch.items()
        )
        # Builtin operations without integer kernels compute in floating point.
        integers = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.target_spec.supported_ops = integers + converter.target_spec.supported_ops

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # tf.lite.Interpreter, which calibrates, is deprecated
        return _converted(gan, False, (edge.GENERATE,), prepare)


def _converted(gan, uint8, signatures=tuple(edge.SIGNATURES), prepare=lambda converter: None) -> bytes:
    with (
        tempfile.TemporaryDirectory() as folder,
        silence.silence_native_stderr(),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        saved_model.archive(gan, Path(folder), edge.BATCHES, uint8)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(signatures))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        prepare(converter)
        try:
            return converter.convert()
        except Exception as error:  # the class of the converter's error has no public name
            unknown = sorted(set(re.findall(r"'(tf\.\w+)' op is neither a custom op nor a flex op", str(error))))
            raise _foreign(unknown or [first_line(error)]) from error


def _calibration(gan, signatures):
    """Batches of inputs for `quantize.MODES`, signature -> inputs; all signatures get the same seeds."""
    widest = max(filter(edge.from_latents, signatures), key=edge.SIGNATURES.__getitem__)
    for first in range(0, CALIBRATION_SAMPLES, edge.SIGNATURES[widest]):
        seeds = latents.seeds(max(edge.BATCHES.values()), CALIBRATION_SEED + first)
        z = latents.of_seeds(seeds, gan.latent_dim, gan.latent)
        labels = [seeds % gan.num_classes] if gan.num_classes else []
        # All signatures are in the first batch, for the names of their tensors. One is enough for the ranges.
        names = signatures if first == 0 else [widest]
        yield {name: _cut(name, {edge.INPUT: z, edge.SEED: seeds}, labels) for name in names}


def _cut(signature, firsts, labels):
    """The inputs of a signature by name, cut from a batch of 16."""
    first, size = edge.first_input(signature), edge.SIGNATURES[signature]
    return edge.named([column[:size] for column in (firsts[first], *labels)], first)


def _check_operations(content):
    if foreign := metadata.foreign_operations(content):
        raise _foreign(foreign)


def _foreign(operations):
    return InputError(
        f"the generator needs operations that are not builtin in LiteRT: {', '.join(operations)}; expected builtin "
        "ones. Change the layers that need them, for example upsample by a convolution and depth_to_space."
    )
