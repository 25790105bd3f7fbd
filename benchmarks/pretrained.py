"""Makes a pretrained generator of the package from a finished run.

    kgan train avatars --attributes all --steps 20000 && kgan directions … && kgan evaluate …
    python benchmarks/pretrained.py runs/avatars-resnet-light avatars --commit COMMIT

Copies the run's settings, tables, sliders and metric card, stores the weights in 16 bits, exports the .tflite, with
`--encoder` trains the encoder of `kgan project`, stored in few bits, and writes the SHA-256 of every file. Prints the
row for docs/pretrained.md.
"""

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import click

from keras_gan import exports, training
from keras_gan._utils import pretrained
from keras_gan._utils.files import replace_folder, size_bytes
from keras_gan.exports import About, Options
from keras_gan.projection import ENCODER, encoder
from keras_gan.reporting import settings
from keras_gan.runs import Run, checkpoints
from keras_gan.training import run_projection

COPIED = (
    "config.json",
    "data.json",
    "computation.json",
    "history.csv",
    "checks.csv",
    "directions.json",
    "metrics.json",
)


def pack(run: Run, name: str, folder: Path, quantize: str, with_encoder: bool) -> None:
    """Writes the packed run into an empty folder."""
    gan = training.load(run.path)
    for file_name in COPIED:
        shutil.copy(run.path / file_name, folder / file_name)
    (folder / "checkpoints").mkdir()
    checkpoints.write_weights(folder / "checkpoints" / f"step_{gan.step:07d}.npz", gan)
    file = folder / pretrained.GENERATOR
    file.parent.mkdir()
    about = dataclasses.replace(About.of(run, gan.step), name=name)  # not that of the run's folder
    print(exports.export(gan, file, "tflite", quantize, options=Options(about=about)))
    report = file.with_name(f"{file.name}.json")
    measured = json.loads(report.read_text("utf-8")) | {"file": pretrained.GENERATOR.as_posix()}  # without this machine
    report.write_text(json.dumps(measured, indent=2) + "\n", "utf-8")
    if with_encoder:
        packed = training.load(folder)  # with the weights in 16 bits, to which the encoder belongs
        encoder.write(folder / ENCODER, *run_projection.prepare(Run(folder), packed), packed, small=True)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}" for path in files]
    (folder / pretrained.SUMS).write_text("\n".join(sums) + "\n", "utf-8")


@click.command()
@click.argument("run", type=click.Path(exists=True))
@click.argument("name")
@click.option("--commit", required=True, help="That of the code that trained the run.")
@click.option("--quantize", default="float16", show_default=True, help="How the .tflite stores its weights.")
@click.option("--encoder", "with_encoder", is_flag=True, help="Train the encoder of kgan project, too.")
def main(run, name, commit, quantize, with_encoder):
    """Pack RUN as the pretrained generator NAME."""
    found, folder = Run(run), pretrained.RUNS / name
    folder.parent.mkdir(exist_ok=True)
    replace_folder(folder, lambda draft: pack(found, name, draft, quantize, with_encoder))
    card = json.loads((folder / "metrics.json").read_text("utf-8"))
    scores = ", ".join(f"{score['name']} {score['value']:.3g}" for score in card["scores"][:1])
    command = settings.command(found.config)
    print(f"| `{name}` | `{command}` | {commit} | {found.config.seed} | {scores} | {size_bytes(folder) / 1e6:.1f} MB |")


if __name__ == "__main__":
    main()
