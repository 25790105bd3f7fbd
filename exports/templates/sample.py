"""Draws pictures with a generator that kgan exported: python sample.py generator.tflite -n 16 --seed 7 --out grid.png
It needs three packages, but no TensorFlow: pip install ai-edge-litert numpy pillow"""

import argparse
import json
import math
import os
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.schema_py_generated import Model
from PIL import Image

SEEDS, MOST_IN_A_GRID, CELL, GAP = 2**31, 10_000, 48, 2  # a grid enlarges pictures that are under 48 pixels high


def fail(message):
    print("Error:", message, file=sys.stderr)
    sys.exit(2)


def arguments():
    parser = argparse.ArgumentParser(description="Draws pictures with a generator that kgan exported.")
    parser.error = fail
    beside = min(Path(__file__).parent.glob("*.tflite"), default=None)
    parser.add_argument("file", type=Path, nargs="?", default=beside, help="the .tflite (default: beside sample.py)")
    parser.add_argument("-n", type=int, default=16, help="number of pictures (default: 16)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first picture (default: 0)")
    parser.add_argument("--label", help="class by name or number (default: the seed modulo the number of classes)")
    parser.add_argument("--set", action="append", default=[], metavar="SLIDER=AMOUNT", help="move a slider; repeatable")
    parser.add_argument("--out", type=Path, default="grid.png", help="a .png, or a folder for PNGs (default: grid.png)")
    options = parser.parse_args()
    if options.file is None:
        fail("no .tflite beside this file; give one: python sample.py generator.tflite")
    if options.n < 1 or options.seed < 0 or options.seed + options.n > SEEDS:
        fail(f"-n {options.n} --seed {options.seed}; expected 1 or more, and seeds from 0 to {SEEDS - 1}")
    if options.out.suffix.lower() not in (".png", "") or (options.out.suffix and options.n > MOST_IN_A_GRID):
        fail(f"-n {options.n} --out {options.out}; expected a folder, or a .png for up to {MOST_IN_A_GRID:,} pictures")
    return options


def open_generator(path, moved):  # the description in the file, and the functions that draw, by batch size
    content = path.read_bytes()
    model = Model.GetRootAs(content)
    named = {entry.Name(): entry.Buffer() for entry in map(model.Metadata, range(model.MetadataLength()))}
    about = json.loads(model.Buffers(named[b"keras_gan"]).DataAsNumpy().tobytes())
    interpreter = Interpreter(model_content=content, num_threads=1)
    names = interpreter.get_signature_list()
    kind = "sample" if "sample" in names and not moved else "generate"  # from seeds, or from latents
    found = {16: f"{kind}_16", 1: kind}
    return about, {size: interpreter.get_signature_runner(name) for size, name in found.items() if name in names}


def movement(about, settings):  # the vector that sliders add to z; 0 without settings
    sliders = {slider["name"]: slider for slider in about["directions"] or ()}
    ranges = ", ".join(f"{name} within ±{slider['limit']:g}" for name, slider in sliders.items()) or "none: it has none"
    total = 0
    for setting in settings:
        name, _, amount = setting.rpartition("=")
        try:
            slider = sliders.pop(name)  # each of them once
            if not abs(amount := float(amount)) <= slider["limit"]:
                raise ValueError
        except (KeyError, ValueError):
            fail(f"--set {setting}; expected SLIDER=AMOUNT, once for each slider, with {ranges}")
        total = total + amount * np.array(slider["vector"], "float32")
    return total


def latents(seeds, size, uniform):  # z of each seed, as the signatures "sample" compute it: (n, size)
    def mix(x):
        x = (x ^ x >> 16) * np.uint32(0x7FEB352D)
        x = (x ^ x >> 15) * np.uint32(0x846CA68B)
        return x ^ x >> 16

    half = math.ceil(size / 2)
    table = mix(np.arange(1, 2 * half + 1, dtype="uint32") * np.uint32(0x9E3779B9))
    whole = (mix(mix(seeds.astype("uint32")[:, None]) ^ table) >> 8).astype("float32")
    unit, angle = (whole[:, :half] + 0.5) * 2**-24, (whole[:, half:] + 0.5) * (math.pi * 2**-23)
    turned = np.sqrt(-2 * np.log(unit)) * np.stack([np.cos(angle), np.sin(angle)])
    return (whole * 2**-23 - 1 if uniform else np.concatenate(turned, axis=1))[:, :size]


def pictures(about, draw, options, label, moved):
    done, classes = 0, about["num_classes"]
    while done < options.n:
        size = next(size for size in draw if size <= options.n - done)
        numbers = np.arange(done, done + size, dtype="int32")
        inputs = {"seed": options.seed + numbers}  # a seed gives the same picture on every device
        if classes:
            inputs["label"] = inputs["seed"] % classes if label is None else numbers * 0 + label
        if "z" in draw[size].get_input_details():
            uniform = about["latent"] == "uniform"
            z = latents(inputs.pop("seed"), about["latent_dim"], uniform) + moved
            inputs["z"] = np.clip(z, -1, 1) if uniform else z
        images = draw[size](**inputs)["images"]  # (1 or 16, height, width, 1 or 3)
        if images.dtype != np.uint8:  # float32, nominally in [-1, 1]
            images = np.clip(np.rint((images + 1) * 127.5), 0, 255).astype("uint8")
        yield from (Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image) for image in images)
        done += size


def grid(images, n, height, width, channels):
    zoom, columns = math.ceil(CELL / height), math.ceil(math.sqrt(n))
    wide, high = width * zoom + GAP, height * zoom + GAP
    size = columns * wide + GAP, math.ceil(n / columns) * high + GAP
    sheet = Image.new("L" if channels == 1 else "RGB", size, "white")
    for i, image in enumerate(images):
        place = i % columns * wide + GAP, i // columns * high + GAP
        sheet.paste(image.resize((width * zoom, height * zoom), Image.Resampling.NEAREST), place)
    return sheet


def main():
    sys.stderr = os.fdopen(os.dup(2), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # silences messages of the runtime
    options = arguments()
    try:
        about, draw = open_generator(options.file, moved=options.set)
        shape, out, classes, names = about["data_shape"], options.out, about["num_classes"] or 0, about["labels"] or []
        if len(shape) != 3:
            fail(f"{options.file} makes vectors of {shape[0]} numbers; expected pictures")
        known = {str(i): i for i in range(classes)} | {name: i for i, name in enumerate(names)}  # names come first
        if options.label is not None and options.label not in known:
            expected = ", ".join([f"0 to {classes - 1}", *names])[:200] if classes else "none: it has no classes"
            fail(f"--label {options.label}; expected {expected}")
        images = pictures(about, draw, options, known.get(options.label), movement(about, options.set))
        for i, image in enumerate([grid(images, options.n, *shape)] if out.suffix else images):
            path = out if out.suffix else out / f"{i:0{len(str(options.n - 1))}d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(part := path.with_name(path.name + ".part"), "PNG")
            part.replace(path)  # so that no picture is written in part
        print(out)
    except OSError as error:
        fail(f"cannot use {error.filename or options.out} ({error.strerror}); give another path")
    except Exception:  # a damaged file fails anywhere, with any error
        fail(f"{options.file} is damaged, or is no generator; expected a .tflite of kgan export")


if __name__ == "__main__":
    main()
