"""Exports of a run: standard file names, the run's facts for the description and the quality check, and the README."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from keras_gan import exports, reporting, training
from keras_gan._utils.errors import InputError
from keras_gan.exports import edge, export_folder
from keras_gan.exports.quantize import EIGHT_BITS
from keras_gan.exports.report import ExportReport
from keras_gan.runs import Run

STANDARD_NAMES = {
    "tflite": "generator.tflite",
    "saved_model": "saved_model",
    "onnx": "generator.onnx",
    "web": "web",
    "micro": "micro",
}


def export_run(
    run_dir: str | os.PathLike,
    formats: str | Sequence[str],
    modes: Sequence[str] = ("float16",),
    out: str | os.PathLike | None = None,
    gan=None,
    license: str | None = None,
    uint8: bool = False,
    force: bool = False,
    signatures: Sequence[str] = (),
    tune_steps: int = 0,
) -> Iterator[ExportReport]:
    """Exports the generator of a run in each format and mode, and yields a report for each file.

    The files hold facts from the run: names of classes, sliders and training. Where there is a feature extractor for
    the data, the Fréchet distance of the samples is checked too. An export to the run's own folder also updates its
    README.md and sample.py, and the page of the run.

    Args:
        run_dir: the run folder.
        formats: a name in `exports.FORMATS`, or several.
        modes: how a .tflite or a page stores its weights, names in `exports.quantize.MODES`.
        out: the file or folder to write; None for the standard name in RUN/export.
        gan: the run's GAN if it is loaded already; None loads it.
        license: license of the generator, written into the file.
        uint8: whether the files give images as uint8 in [0, 255] instead of float32 in [-1, 1].
        force: whether to write a file although its errors or its loss of quality are too large.
        signatures: the signatures of a .tflite, "generate" among them; none for all of `edge.SIGNATURES`.
        tune_steps: steps of fine-tuning for modes of 8 bits and for microcontrollers; 0 for none.

    Yields:
        The `ExportReport` of each file, in the order of `formats` and `modes`.

    Raises:
        InputError: as in `exports.export`. Paths and modes are checked before the run is loaded.
    """
    formats = [formats] if isinstance(formats, str) else list(formats)
    files = [
        (format, mode, export_path(run_dir, format, mode, out, uint8, signatures, among_others=len(formats) > 1))
        for format in formats
        for mode in (dict.fromkeys(modes) if exports.has_modes(format) else ["float16"])
    ]
    gan, run = gan or training.load(run_dir), Run(run_dir)
    about = exports.About.of(run, gan.step, license)
    options = exports.Options(
        uint8=uint8,
        about=about,
        reference=training.reference_of(run),
        force=force,
        signatures=edge.check_signatures(signatures or edge.SIGNATURES),
        tune_steps=tune_steps,
    )
    written = []
    try:
        for format, mode, path in files:
            report = gan.export(path, format, quantize=mode, options=options)
            written.append(path)
            yield report
    finally:  # also where a later file fails
        if written and not out:
            export_folder.write(written[0].parent)
            reporting.write(run)


def check_modes(formats: Sequence[str], modes: Sequence[str], out: str | os.PathLike | None = None) -> None:
    """Raises InputError where no format has modes, or several files would be written to one place."""
    count = len(set(modes))
    if modes and not any(map(exports.has_modes, formats)):
        named = " and ".join(formats)
        raise InputError(f"--quantize for {named}, in float32; expected it for tflite or web. Leave it out.")
    if count > 1 and "web" in formats:
        raise InputError(f"one page for {count} modes; expected one. Use one --quantize.")
    if not out or _names_folder(out):
        return
    if len(formats) > 1:
        raise InputError(f"--out {out} for {len(formats)} formats; expected a folder. Use --out {out}/.")
    if count > 1:
        raise InputError(f"--out {out} for {count} modes; expected one, or a folder. Use --out {out}/.")


def check_signatures(formats: Sequence[str], signatures: Sequence[str]) -> None:
    """Raises InputError where signatures are given for other formats than a .tflite, or "generate" is missing."""
    if not signatures:
        return
    if others := [name for name in formats if exports.canonical(name) != "tflite"]:
        raise InputError(f"--signature for {' and '.join(others)}; expected it for tflite. Leave it out.")
    edge.check_signatures(signatures)


def check_tuning(formats: Sequence[str], modes: Sequence[str], tune_steps: int) -> None:
    """Raises InputError where a file that would not be fine-tuned is among those to write."""
    stored = [mode for mode in modes if any(map(exports.has_modes, formats))]
    others = [name for name in formats if not exports.has_modes(name) and name != "micro"]
    if tune_steps and (wrong := others + [mode for mode in stored if mode not in EIGHT_BITS]):
        raise InputError(
            f"--tune for {' and '.join(wrong)}; expected it for {', '.join(EIGHT_BITS)} and micro. Use --quantize "
            "int8, or leave it out."
        )


def export_path(run_dir, format, quantize="float16", out=None, uint8=False, signatures=(), among_others=False) -> Path:
    """The path of an export: in the run's folder, or the one that `out` gives.

    Args:
        run_dir: the run folder.
        format: a name in `exports.FORMATS`.
        quantize: how a .tflite stores its weights, a name in `exports.quantize.MODES`.
        out: the file or folder to write; None for the run's folder.
        uint8: whether the file gives uint8 images.
        signatures: as in `export_run`.
        among_others: whether `out` is a folder for exports of several formats.

    Raises:
        InputError: where `exports.export` cannot write there.
    """
    name = standard_name(format, quantize, uint8, signatures)
    if not out:
        path = Path(run_dir, "export", name)
    else:
        path = Path(out, name) if among_others or is_folder(format, out) else Path(out)
    exports.check(path, format, quantize)
    return path


def standard_name(format, quantize="float16", uint8=False, signatures=()) -> str:
    """The standard file name of an export, such as generator-int8-uint8.tflite or generator-generate.tflite."""
    format = exports.canonical(format)
    standard = Path(STANDARD_NAMES[format])
    mode = f"-{quantize}" if format == "tflite" and quantize != "float16" else ""
    only = f"-{'-'.join(signatures)}" if format == "tflite" and signatures else ""
    return f"{standard.stem}{mode}{'-uint8' if uint8 and format != 'web' else ''}{only}{standard.suffix}"


def is_folder(format, out) -> bool:
    """Whether `out` names a folder in which to put the file. A SavedModel and a page are folders themselves."""
    return exports.canonical(format) in ("tflite", "onnx") and _names_folder(out)


def _names_folder(out):
    return str(out).endswith(("/", os.sep)) or Path(out).is_dir()
