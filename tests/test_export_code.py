"""The Kotlin, Swift and C++ in the README of an export: the names and shapes of the file, compiled where a compiler is
installed, and run against stubs, whose model draws a ramp."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from keras_gan._utils import pretrained
from keras_gan.exports import edge, export_folder, metadata

STUBS = Path(__file__).parent
FILE = "generator.tflite"
NAMES = {"slant": '5 o\'clock "$hadow" | *'}  # a name that needs escapes in every language
CXX = ["g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", "-I", str(STUBS / "cpp"), "-pthread"]
LANGUAGES = ("kotlin", "swift", "cpp")
SEED, LABEL, AMOUNT = 7, 3, 0.5


@dataclass(frozen=True)
class Variant:
    """A description and a file that it fits, without an export of its own: the file of a pretrained generator."""

    run: str = "avatars"  # colour, no labels; digits is grey, with labels; both have sliders, float32 images, normal z
    file: str = FILE
    changes: dict = field(default_factory=dict)  # of the description

    @property
    def source(self) -> Path:
        return pretrained.RUNS / self.run / "export" / FILE

    @property
    def about(self) -> dict:
        about = edge.Generator(self.source).description | self.changes
        directions = about["directions"] and [
            one | {"name": NAMES.get(one["name"], one["name"])} for one in about["directions"]
        ]
        return about | {"directions": directions}

    def page(self, folder) -> str:
        shutil.copy(self.source, folder / self.file)
        return export_folder._page(folder, {self.file: self.about}, {}, self.about, self.file, {})


VARIANTS = {
    "colour": Variant(),
    "grey, labels": Variant("digits"),
    "colour, no sliders": Variant(changes={"directions": None}),
    "labels, no sliders": Variant("digits", changes={"directions": None}),
    "uint8": Variant(changes={"output": "uint8"}),
    "uint8, labels, no sliders": Variant("digits", changes={"output": "uint8", "directions": None}),
    "uniform": Variant("digits", "my $dots.tflite", {"latent": "uniform"}),
    "vectors": Variant(changes={"data_shape": [2], "directions": None}),
    "vectors, labels, sliders": Variant("digits", changes={"data_shape": [2]}),
}
KINDS = pytest.mark.parametrize("kind", VARIANTS)


@pytest.fixture
def variant(kind, tmp_path):
    """The description, and the blocks of each language in the README."""
    text = VARIANTS[kind].page(tmp_path)
    return VARIANTS[kind].about, {
        language: re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) for language in LANGUAGES
    }


def is_picture(about):
    return len(about["data_shape"]) == 3


def ramp(about, start):
    """What the stubs' model draws."""
    levels = (np.arange(np.prod(about["data_shape"])) + start) % 300 - 20
    return np.clip(levels, 0, 255) if is_picture(about) else levels / 127.5 - 1


def expected(about):
    """Of the seed without a label; of latents, with LABEL: zeros moved along a vector of 0.2 and a last 4."""
    label = 0 if about["num_classes"] is None else 10 * (SEED % about["num_classes"])
    last = 1 if about["latent"] == "uniform" else 4 * AMOUNT
    total = (about["latent_dim"] - 1) * 0.2 * AMOUNT + last
    moved = round(100 * total) + (0 if about["num_classes"] is None else 10 * LABEL)
    return [ramp(about, SEED + label)] + ([ramp(about, moved)] if about["directions"] else [])


def environment(about, source):
    """What the stubs' model has to know of the file."""
    index = list(metadata.signatures(source.read_bytes())).index
    values = {
        "LATENT_DIM": about["latent_dim"],
        "COUNT": np.prod(about["data_shape"]),
        "LABELS": int(about["num_classes"] is not None),
        "UINT8": int(about["output"] == "uint8"),
        "SAMPLE": index("sample"),
        "GENERATE": index("generate"),
    }
    return os.environ | {f"STUB_{name}": str(value) for name, value in values.items()}


def printed(command, about, source, folder):
    done = subprocess.run(command, cwd=folder, env=environment(about, source), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [np.array(line.split(), float) for line in done.stdout.splitlines()]


def compiled(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def assert_same(numbers, about):
    for found, wanted in zip(numbers, expected(about), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=0 if is_picture(about) else 1e-5)


# the index by which Swift and C++ find an input


@pytest.mark.parametrize("run", ["avatars", "digits"])
def test_indices_in_the_table_are_those_of_the_runtime(run, tmp_path):
    """The pictures of a seed and a label, written by index into the buffers of LiteRT's CompiledModel."""
    from ai_edge_litert.compiled_model import CompiledModel

    source = Variant(run).source
    rows = re.findall(r"^\| `(\w+)` \| (\d) \| (.*?) \| ", Variant(run).page(tmp_path), re.MULTILINE)
    (index, inputs) = {name: (int(index), re.findall(r"`(\w+)`", inputs)) for name, index, inputs in rows}["sample"]
    model = CompiledModel.from_file(str(source))
    buffers, images = model.create_input_buffers(index), model.create_output_buffers(index)
    for buffer, name in zip(buffers, inputs, strict=True):
        buffer.write(np.array([{"seed": SEED, "label": LABEL}[name]], "int32"))
    model.run_by_index(index, buffers, images)
    generator = edge.Generator(source)
    shape = generator.data_shape
    drawn = edge.to_samples(images[0].read(int(np.prod(shape)), np.float32).reshape(1, *shape)).astype(int)
    wanted = generator.generate(1, seed=SEED, labels=LABEL if generator.num_classes else None)
    assert np.ptp(wanted) > 100 and np.abs(drawn - wanted).max() <= 1


@pytest.mark.parametrize("run", ["avatars", "digits"])
def test_the_order_of_inputs_is_that_of_the_graph(run):
    """The signature itself lists label first, since converters sort its inputs by name."""
    for name, ends in metadata.signatures(Variant(run).source.read_bytes()).items():
        labels = ["label"] if run == "digits" else []
        assert list(ends["inputs"]) == [edge.first_input(name), *labels]


# names and shapes


@KINDS
def test_all_languages_have_the_parts_of_the_file(kind, variant):
    about, blocks = variant
    blocks = {language: "".join(code) for language, code in blocks.items()}
    assert bool(blocks.pop("kotlin")) == (about["output"] == "float32")
    for language, code in blocks.items():
        assert ("label" in code) == (about["num_classes"] is not None), language
        assert ("generate" in code.replace("generator", "")) == bool(about["directions"]), language
        assert ("127.5" in code) == (is_picture(about) and about["output"] == "float32"), language
        assert ("CGImage" in code) == (language == "swift" and is_picture(about)), language
        assert str(int(np.prod(about["data_shape"]))) in code
        assert all(code.count(a) == code.count(b) for a, b in ("{}", "[]"))


def test_swift_opens_the_files_of_the_folder(tmp_path):
    code = "".join(re.findall(r"```swift\n(.*?)```", VARIANTS["uniform"].page(tmp_path), re.DOTALL))
    assert 'Self.url("my $dots", "tflite")' in code and 'Self.url("my $dots", "json")' in code
    assert r'$0.name == "5 o\'clock \"$hadow\" | *"'.replace(r"\'", "'") in code


@KINDS
def test_kotlin_has_the_names_and_shapes_of_the_file(kind, variant):
    about, blocks = variant
    if about["output"] == "uint8":
        assert not blocks["kotlin"]
        return
    code, _ = blocks["kotlin"]
    signatures = metadata.signatures(VARIANTS[kind].source.read_bytes())
    assert f"context.assets, {json.dumps(VARIANTS[kind].file)}".replace("$", r"\$") in code
    for side, name, signature in re.findall(r'create(Input|Output)Buffer\("(\w+)", "(\w+)"\)', code):
        assert name in signatures[signature][f"{side.lower()}s"]
    for given, signature in re.findall(r'model.run\(mapOf\((.*?)\), mapOf.*, "(\w+)"\)', code):
        assert set(re.findall(r'"(\w+)" to', given)) == set(signatures[signature]["inputs"])
    assert (f"label: Int = seed % {about['num_classes']}" in code) == bool(about["num_classes"])
    if is_picture(about):
        height, width, channels = about["data_shape"]
        assert f"IntArray({height * width})" in code and f"createBitmap(colors, {width}, {height}," in code
        assert ("values[3 * it + 2]" in code) == (channels == 3)
    assert ("): Bitmap" in code) == is_picture(about) and ("127.5f" in code) == is_picture(about)
    made, closed = re.findall(r"val (\w+) = model.create", code), re.search(r"listOf\((.*)\).forEach", code)[1]
    assert closed.split(", ") == [*made, "model"]
    assert all(code.count(a) == code.count(b) for a, b in ("()", "{}", "[]"))


@pytest.mark.parametrize("kind, drawn", [("colour", "nextGaussian()"), ("uniform", "coerceIn(-1.0, 1.0)")])
def test_kotlin_has_the_sliders_of_the_file(kind, drawn, variant):
    about, blocks = variant
    code, example = blocks["kotlin"]
    assert r"""latents(Random(7), "5 o'clock \"\$hadow\" | *", """ in example or kind == "colour"
    assert "FloatArray(64) {" in code and "amount * vector.getDouble(it)" in code and drawn in code
    assert ("fun draw(z: FloatArray, label: Int)" in code) == bool(about["num_classes"])


# compiled


@pytest.mark.long
@pytest.mark.skipif(shutil.which("kotlinc") is None, reason="the Kotlin compiler is not installed")
def test_kotlin_compiles(tmp_path):
    """Against stubs of LiteRT's and Android's classes, in tests/kotlin."""
    files = [*map(str, (STUBS / "kotlin").glob("*.kt"))]
    for i, (kind, variant) in enumerate(VARIANTS.items()):
        blocks = re.findall(r"```kotlin\n(.*?)```", variant.page(tmp_path), re.DOTALL)
        assert len(blocks) == (0 if variant.about["output"] == "uint8" else 2), kind
        if blocks:
            code = f"{blocks[0]}\nfun example{i}(context: Context) {{\n{blocks[1]}}}\n"
            files.append(str(tmp_path / f"Generator{i}.kt"))
            Path(files[-1]).write_text(re.sub(r"\bGenerator\(", f"Generator{i}(", code), "utf-8")
    done = subprocess.run(["kotlinc", *files, "-d", str(tmp_path / "x.jar")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


CPP_MAIN = """
#include <future>
#include <iostream>
#include "generator.h"

template <typename Numbers>
void Print(const Numbers& numbers) {
  for (auto number : numbers) std::cout << +number << ' ';
  std::cout << std::endl;
}

int main() {
  %(example)s
  if (!%(result)s) return 1;
  Print(*%(result)s);
  auto missing = Generator::Open("missing");
  if (missing || missing.Error().Message() != "missing is no model") return 2;
  %(sliders)s
}
"""
CPP_SLIDERS = """
  auto opened = Generator::Open("generator.tflite");
  if (!opened) return 3;
  auto& generator = *opened;
  std::mt19937 random(7);
  std::vector<float> vector(%(latent_dim)d, 0.2f);
  vector.back() = 4;
  %(example)s
  if (!moved || moved->size() != pixels_or_sample->size()) return 4;
  auto z = Generator::Latents(random);
  if (z == Generator::Latents(random) || z.size() != vector.size()) return 5;
  auto known = generator.Draw(Generator::Move(std::vector<float>(z.size(), 0), 0.5f, vector)%(label)s);
  Print(*known);
"""


@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind in ("uint8", "uniform") else pytest.mark.long) for kind in VARIANTS]
)
def test_cpp_draws(kind, variant, tmp_path):
    """Compiled, linked and run with stubs of LiteRT's headers, in tests/cpp."""
    about, blocks = variant
    header, example, *moving = blocks["cpp"]
    (tmp_path / "generator.h").write_text(header, "utf-8")
    result = "pixels" if is_picture(about) else "sample"
    label = f", {LABEL}" if about["num_classes"] else ""
    sliders = CPP_SLIDERS % {"latent_dim": about["latent_dim"], "example": "".join(moving), "label": label}
    sliders = sliders.replace("pixels_or_sample", result) if about["directions"] else ""
    main = CPP_MAIN % {"example": example, "result": result, "sliders": sliders}
    (tmp_path / "main.cc").write_text(main, "utf-8")
    compiled([*CXX, "main.cc", "-o", "draw"], tmp_path)
    assert_same(printed(["./draw"], about, VARIANTS[kind].source, tmp_path), about)


SWIFT_MAIN = """
func text(_ numbers: [some BinaryFloatingPoint]) -> String { numbers.map { "\\(Double($0))" }.joined(separator: " ") }
func text(_ numbers: [some BinaryInteger]) -> String { numbers.map { "\\($0)" }.joined(separator: " ") }

func show() async throws {
    %(example)s
    print(text(%(result)s))
    %(sliders)s
}
try await show()
"""
SWIFT_SLIDERS = """
    guard moved%(pixels)s.count == %(result)s.count, z.count == slider.vector.count else { fatalError("wrong sizes") }
    let known = Generator.Slider(name: "", vector: [Float](repeating: 0.2, count: z.count - 1) + [4], limit: 1)
    let zeros = [Float](repeating: 0, count: z.count)
    print(text(try await generator.draw(z: Generator.move(zeros, by: 0.5, of: known)%(label)s)%(pixels)s))
"""


@pytest.mark.long
@pytest.mark.skipif(shutil.which("swiftc") is None, reason="the Swift compiler is not installed")
@KINDS
def test_swift_draws(kind, variant, tmp_path):
    """Compiled, linked and run with stubs of LiteRT and Core Graphics, in tests/swift."""
    about, blocks = variant
    for module in ("LiteRT", "CoreGraphics"):
        shutil.copy(STUBS / "swift" / f"{module}.swift", tmp_path)
        parts = ["-emit-module", "-emit-library", "-static", "-parse-as-library", "-module-name", module]
        compiled(["swiftc", *parts, f"{module}.swift", "-o", f"lib{module}.a"], tmp_path)
    code, example = blocks["swift"]
    (tmp_path / "Generator.swift").write_text(code, "utf-8")
    pixels = ".pixels" if is_picture(about) else ""
    words = {"result": f"image{pixels}" if is_picture(about) else "sample", "pixels": pixels}
    words["label"] = f", label: {LABEL}" if about["num_classes"] else ""
    sliders = SWIFT_SLIDERS % words if about["directions"] else ""
    main = SWIFT_MAIN % {"example": example, "result": words["result"], "sliders": sliders}
    (tmp_path / "main.swift").write_text(main, "utf-8")
    (tmp_path / VARIANTS[kind].file).with_suffix(".json").write_text(json.dumps(about), "utf-8")
    strict = ["-swift-version", "5", "-strict-concurrency=complete", "-warnings-as-errors"]
    compiled(
        ["swiftc", *strict, "-I.", "-L.", "-lLiteRT", "-lCoreGraphics", "Generator.swift", "main.swift", "-o", "draw"],
        tmp_path,
    )
    assert_same(printed(["./draw"], about, VARIANTS[kind].source, tmp_path), about)
