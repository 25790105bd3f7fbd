"""README.md and sample.py in an export folder: sample.py in a clean environment, and every snippet of the README."""

import ast
import json
import re
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_gan import GAN, networks, sampling
from keras_gan._utils import pretrained
from keras_gan._utils.errors import Notice
from keras_gan.directions import Directions, Slider
from keras_gan.exports import About, Options, edge, export_folder
from keras_gan.sampling import latents

ROOT = Path(__file__).parents[1]
PACKAGES = ("ai-edge-litert", "numpy", "pillow")
SLIDERS = {'5 o\'clock "$hadow" | *': 1.3, "slant": 0.65}  # limit of each; the first is what the examples move
SHAPE = (8, 12, 3)  # neither side nor the channels are mistaken for one another
LARGEST_MB, LARGEST_MEMORY_MB = 150, 80  # goals
MOST_OF_IMPORTS = 3  # the start, as a multiple of the import time of the three packages


def sliders(latent):
    """Made-up sliders of a generator of five-dimensional z."""
    vectors = np.random.default_rng(2).normal(0, 1, (len(SLIDERS), 5)).astype("float32")
    pairs = zip(SLIDERS.items(), vectors, strict=True)
    return Directions(latent, tuple(Slider(name, "attribute", vector, limit) for (name, limit), vector in pairs))


def exported(folder, shape, name="generator.tflite", latent="normal", **options):
    """A folder with a .tflite, a SavedModel and the files that `write` adds; the GAN has three classes or none."""
    keras.utils.set_random_seed(0)
    build = {"dtype": "float32", "num_classes": options.pop("num_classes", None)}
    pair = networks.generator(shape, 5, "lean", **build), networks.discriminator(shape, "lean", **build)
    gan = GAN(*pair, seed=1, num_classes=build["num_classes"], latent=latent)
    rng = np.random.default_rng(0)
    for weight in gan.ema_generator.weights:  # away from their start, which is grey everywhere
        weight.assign(weight + rng.uniform(-0.1, 0.1, weight.shape).astype("float32"))
    folder.mkdir(exist_ok=True)
    gan.export(folder / name, "tflite", "float16", Options(**options))
    gan.export(folder / "saved_model", "saved_model", options=Options(**options))
    export_folder.write(folder)
    return folder, gan


@pytest.fixture(scope="module")
def colour(tmp_path_factory):
    """Three classes, uint8 images, sliders."""
    training = {"preset": "lean", "steps": 1234}
    about = About("dots | dashes", "dots", ("zero", "one", "two"), "CC0", training, sliders("normal"))
    return exported(tmp_path_factory.mktemp("colour"), SHAPE, num_classes=3, uint8=True, about=about)


@pytest.fixture(scope="module")
def grey(tmp_path_factory):
    """float32 images from uniform z, sliders, no classes; the file's name has a space and a $, special in Kotlin."""
    about = About(directions=sliders("uniform"))
    return exported(tmp_path_factory.mktemp("grey"), (8, 8, 1), "my $dots.tflite", "uniform", about=about)


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    return exported(tmp_path_factory.mktemp("vectors"), (2,))


def run(folder, *words, python=sys.executable):
    """Runs sample.py in its folder."""
    command = [str(python), "-P", "sample.py", *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def differences(picture, images):
    """Differences in grey levels between a picture file and a grid of images."""
    expected = np.asarray(sampling.grid(images)).astype(int)
    return np.abs(np.asarray(Image.open(picture)).astype(int) - expected)


# sample.py


def test_sample_py_is_short_and_needs_three_packages():
    text = (export_folder.TEMPLATES / "sample.py").read_text()
    assert len(text.splitlines()) <= 145
    modules = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules |= {node.module} if isinstance(node, ast.ImportFrom) else {alias.name for alias in node.names}
    outside = {module.split(".")[0] for module in modules} - set(sys.stdlib_module_names)
    assert outside == {"ai_edge_litert", "numpy", "PIL"}


@pytest.mark.parametrize(
    "kind, name", [("grey", "my $dots.tflite"), pytest.param("colour", "generator.tflite", marks=pytest.mark.long)]
)
def test_sample_py_draws_what_the_package_draws(kind, name, request, tmp_path):
    """21 pictures: one batch of 16 and five of 1; with classes, each picture has the class of its seed."""
    folder, _ = request.getfixturevalue(kind)
    done = run(folder, name, "-n", 21, "--seed", 5, "--out", tmp_path / "new" / "grid.png")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tmp_path / 'new' / 'grid.png'}\n", "")
    images = edge.Generator(folder / name).generate(21, seed=5)
    assert np.ptp(images) > 50
    assert differences(tmp_path / "new" / "grid.png", images).max() <= 2


def test_sample_py_without_a_file_takes_the_one_next_to_it(grey, tmp_path):
    folder, _ = grey
    shutil.copy(folder / "sample.py", tmp_path)
    missing = run(tmp_path)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr.startswith("Error: no .tflite beside this file") and len(missing.stderr.splitlines()) == 1
    shutil.copy(folder / "my $dots.tflite", tmp_path)
    assert run(tmp_path, "-n", 2).returncode == 0
    images = edge.Generator(folder / "my $dots.tflite").generate(2, seed=0)
    assert differences(tmp_path / "grid.png", images).max() <= 2


def test_sample_py_draws_one_class_into_a_folder(colour, tmp_path):
    folder, _ = colour
    assert run(folder, "generator.tflite", "-n", 11, "--label", 2, "--out", tmp_path / "one").returncode == 0
    images = edge.Generator(folder / "generator.tflite").generate(11, seed=0, labels=2)
    files = sorted((tmp_path / "one").iterdir())
    assert [file.name for file in files] == [f"{i:02d}.png" for i in range(11)]
    for file, image in zip(files, images, strict=True):
        assert np.abs(np.asarray(Image.open(file)).astype(int) - image).max() <= 2


@pytest.mark.parametrize(
    "kind, name", [("grey", "my $dots.tflite"), pytest.param("colour", "generator.tflite", marks=pytest.mark.long)]
)
def test_sample_py_moves_sliders(kind, name, request, tmp_path):
    """17 pictures, so that both batch sizes are used; two sliders, one by all of its range."""
    folder, _ = request.getfixturevalue(kind)
    (first, limit), (second, _) = SLIDERS.items()
    settings = ["--set", f"{first}={-limit}", "--set", f"{second}=0.25"]
    done = run(folder, name, "-n", 17, "--seed", 5, *settings, "--out", tmp_path / "grid.png")
    assert done.returncode == 0, done.stderr
    generator = edge.Generator(folder / name)
    z = latents.draw(17, generator.latent_dim, generator.latent, 5)
    z = generator.directions.move(z, **{first: -limit, second: 0.25})
    labels = np.arange(5, 22) % generator.num_classes if generator.num_classes else None
    images = generator.generate(z=z, labels=labels)
    assert differences(tmp_path / "grid.png", images).max() <= 2
    assert differences(tmp_path / "grid.png", generator.generate(17, seed=5)).max() > 20


@pytest.mark.parametrize("setting", ["tilt=1", "slant", "slant=", "slant=much", "slant=0.7", "slant=nan"])
def test_wrong_sliders_of_sample_py_are_named_with_their_range(grey, setting):
    done = run(grey[0], "my $dots.tflite", "--set", setting)
    assert (
        done.returncode == 2 and f"--set {setting}; expected SLIDER=AMOUNT, once for each slider, with" in done.stderr
    )
    assert "slant within ±0.65" in done.stderr and done.stderr.count("\n") == 1


def test_sample_py_takes_each_slider_once(grey):
    done = run(grey[0], "my $dots.tflite", "--set", "slant=0.6", "--set", "slant=0.6")
    assert done.returncode == 2 and "once for each slider" in done.stderr


OTHER_MISTAKES = [
    (["-n", 0], "-n 0 --seed 0; expected 1 or more"),
    (["-n", "many"], "invalid int value: 'many'"),
    (["-n", 2, "--seed", 2**31 - 1], "-n 2 --seed 2147483647"),
    (["--label", -1], "--label -1; expected 0 to 2"),
    (["--out", "a.jpg"], "a .png for up to 10,000 pictures"),
    (["-n", 10_001], "expected a folder"),
]


def test_the_last_seed_has_a_picture(grey, tmp_path):
    assert run(grey[0], "my $dots.tflite", "-n", 1, "--seed", 2**31 - 1, "--out", tmp_path / "a.png").returncode == 0


@pytest.mark.parametrize(
    "words, message",
    [
        (["--seed", -1], "--seed -1; expected 1 or more, and seeds from 0 to 2147483647"),
        (["--label", 3], "--label 3; expected 0 to 2"),
        (["--out", "generator.tflite/a"], "cannot use generator.tflite/a (Not a directory)"),
        *(pytest.param(*case, marks=pytest.mark.long) for case in OTHER_MISTAKES),
    ],
)
def test_errors_of_sample_py_are_one_line(colour, words, message):
    before = sorted(colour[0].iterdir())
    done = run(colour[0], "generator.tflite", *words)
    assert done.returncode == 2 and done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1, done.stderr
    assert message in done.stderr
    assert sorted(colour[0].iterdir()) == before


def test_sample_py_rejects_other_files(colour, grey, tmp_path):
    shutil.copy(colour[0] / "sample.py", tmp_path)
    content = (colour[0] / "generator.tflite").read_bytes()
    (tmp_path / "half.tflite").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.tflite").write_text("a text")
    for name, message in (("half", "is damaged"), ("text", "is damaged"), ("none", "No such file")):
        done = run(tmp_path, f"{name}.tflite")
        assert done.returncode == 2 and message in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not (tmp_path / "grid.png").exists()
    done = run(grey[0], "my $dots.tflite", "--label", 0)
    assert "expected none: it has no classes" in done.stderr


@pytest.mark.long
def test_sample_py_rejects_vectors(vectors, colour, tmp_path):
    shutil.copy(colour[0] / "sample.py", tmp_path)
    done = run(tmp_path, vectors[0] / "generator.tflite")
    assert done.returncode == 2 and "makes vectors of 2 numbers; expected pictures" in done.stderr


# the README


def page(exported_):
    return (exported_[0] / "README.md").read_text()


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("kind", [pytest.param("grey", marks=pytest.mark.long), "colour"])
def test_the_python_command_runs_as_written(kind, request):
    folder, _ = request.getfixturevalue(kind)
    (block,) = blocks(page((folder, None)), "sh")
    install, command, moving = block.splitlines()
    assert install == f"pip install {' '.join(PACKAGES)}"
    generator = edge.Generator(folder / shlex.split(command)[2])
    z = latents.draw(16, generator.latent_dim, generator.latent, 0)
    first, limit = next(iter(SLIDERS.items()))
    moved = generator.directions.move(z, **{first: float(f"{limit / 2:.2g}")})
    labels = None if generator.num_classes is None else np.arange(16) % generator.num_classes
    for words, images in (
        (command, generator.generate(16, seed=7)),
        (moving, generator.generate(z=moved, labels=labels)),
    ):
        done = subprocess.run(words.replace("python ", f"{sys.executable} ", 1), shell=True, cwd=folder)
        assert done.returncode == 0 and differences(folder / "grid.png", images).max() <= 2
        (folder / "grid.png").unlink()


@pytest.mark.long
def test_vectors_have_no_picture_code(vectors):
    text = page(vectors)
    for word in ("Bitmap", "pillow", "sample.py", "255"):
        assert word not in text, word
    assert not (vectors[0] / "sample.py").exists()
    (block,) = blocks(text, "python")
    program = f"{block}\nassert data.dtype == 'float32'"
    done = subprocess.run([sys.executable, "-c", program], cwd=vectors[0], capture_output=True, text=True, check=True)
    assert done.stdout == "(16, 2)\n" and "(16, 2)" in block


@pytest.mark.parametrize("kind", ["grey", "colour", "vectors"])
def test_the_table_of_signatures_agrees_with_the_file(kind, request):
    from ai_edge_litert.interpreter import Interpreter

    folder, _ = request.getfixturevalue(kind)
    (file,) = folder.glob("*.tflite")
    interpreter = Interpreter(str(file))
    rows = re.findall(r"^\| `(\w+)` \| \d \| (.+) \| (.+) \| .+ \|$", page((folder, None)), re.MULTILINE)
    rows = {name: (takes, gives) for name, takes, gives in rows if name in edge.SIGNATURES}
    assert set(rows) == set(interpreter.get_signature_list())
    for name, sides in rows.items():
        runner = interpreter.get_signature_runner(name)
        for side, details in zip(sides, (runner.get_input_details(), runner.get_output_details()), strict=True):
            listed = {end: (dtype, sizes) for end, dtype, sizes in re.findall(r"`(\w+)` (\w+) \(([\d, ]+)\)", side)}
            seen = {end: (np.dtype(d["dtype"]).name, ", ".join(map(str, d["shape"]))) for end, d in details.items()}
            assert listed == seen


@pytest.mark.parametrize("shape", [(8, 8, 1), (2,)])
def test_a_folder_with_one_signature_has_only_code_for_it(shape, tmp_path):
    family = {"family": "lean"} if len(shape) == 3 else {}
    gan = GAN(networks.generator(shape, 5, **family), networks.discriminator(shape, **family), seed=0)
    file = tmp_path / "generator-generate.tflite"
    gan.export(file, "tflite", "float32", Options(signatures=("generate",)))
    export_folder.write(tmp_path)
    text = page((tmp_path, None))
    assert "| `generate` | 0 |" in text and "`sample`" not in text and not blocks(text, "kotlin")
    if len(shape) == 3:
        run(tmp_path, "-n", "3", "--seed", "4", "--out", tmp_path / "three")
        drawn = [np.array(Image.open(tmp_path / "three" / f"{i}.png")).astype(int) for i in range(3)]
        assert np.abs(drawn - edge.Generator(file).generate(3, seed=4)[..., 0].astype(int)).max() <= 1
    else:
        (block,) = blocks(text, "python")
        subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, check=True)


def test_examples_read_the_file_with_all_signatures(tmp_path, tiny_gan):
    tiny_gan.export(tmp_path / "generator.tflite", "tflite", "float32", Options(signatures=("generate",)))
    tiny_gan.export(tmp_path / "generator-int8.tflite", "tflite", "int8")
    export_folder.write(tmp_path)
    assert "## Signatures of generator-int8.tflite" in page((tmp_path, None))


def test_the_description_lies_beside_the_file(grey, tmp_path):
    folder, _ = grey
    assert json.loads((folder / "my $dots.json").read_text()) == edge.Generator(folder / "my $dots.tflite").description
    shutil.copy(folder / "my $dots.tflite", tmp_path)
    (tmp_path / "my $dots.json").write_text("{}")
    with pytest.warns(Notice, match="not written by kgan export"):
        export_folder.write(tmp_path)
    assert (tmp_path / "my $dots.json").read_text() == "{}"


LATENTS = {"normal": lambda rng: rng.normal(size=(1, 5)), "uniform": lambda rng: rng.uniform(-1, 1, (1, 5))}


@pytest.mark.parametrize(
    "kind, latent", [("colour", "normal"), pytest.param("grey", "uniform", marks=pytest.mark.long)]
)
def test_the_python_of_the_sliders_moves_as_the_package_moves(kind, latent, request, tmp_path):
    folder, _ = request.getfixturevalue(kind)
    (file,) = folder.glob("*.tflite")
    generator, (name, limit) = edge.Generator(file), next(iter(SLIDERS.items()))
    (block,) = blocks(page((folder, None)), "python")
    shutil.copy(file, tmp_path)
    program = f"{block}\nnp.save('images.npy', images)"
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True)
    z = LATENTS[latent](np.random.default_rng(7)).astype("float32")
    still, moved = (
        generator.generate(z=generator.directions.move(z, **{name: amount}), labels=0 if kind == "colour" else None)
        for amount in (0, limit / 2)
    )
    shown = edge.to_samples(np.load(tmp_path / "images.npy")).astype(int)
    assert np.abs(shown - moved).max() <= 1 and np.abs(shown - still).max() > 10


def test_the_page_lists_the_sliders_where_there_are_any(colour, vectors):
    text = page(colour)
    assert r"""| 5 o'clock "$hadow" \| \* | of the data set | 1.3 |""" in text
    assert "| slant | of the data set | 0.65 |" in text
    assert not any(word in page(vectors) for word in ("Sliders", "slider", "JSONObject"))


@pytest.mark.parametrize("kind", ["grey", "colour"])
def test_requests_of_tensorflow_serving_fit_the_signature(kind, request):
    folder, gan = request.getfixturevalue(kind)
    text = page((folder, None))
    by_rows, by_columns = (json.loads(block.splitlines()[2]) for block in blocks(text, "http"))
    assert all(block.startswith("POST /v1/models/NAME:predict\n\n") for block in blocks(text, "http"))
    loaded = tf.saved_model.load(str(folder / "saved_model"))
    signature = loaded.signatures[by_rows["signature_name"]]
    assert by_columns["signature_name"] == by_rows["signature_name"]
    specs = signature.structured_input_signature[1]
    columns = {name: [row[name] for row in by_rows["instances"]] for name in by_rows["instances"][0]}
    assert columns == by_columns["inputs"] and set(columns) == set(specs)
    # With one output its name is left out of the answer.
    ((_, images),) = signature(
        **{name: tf.constant(values, specs[name].dtype) for name, values in columns.items()}
    ).items()
    predictions = json.loads(json.dumps(images.numpy().tolist()))
    assert f'`{{"predictions": …}}`, of shape {np.shape(predictions)}' in text and '`{"outputs": …}`' in text
    drawn = edge.to_samples(images.numpy())
    expected = gan.generate(2, seed=7, labels=0 if gan.num_classes else None)
    assert np.abs(drawn.astype(int) - expected).max() <= 1


def test_the_page_describes_the_files(colour):
    text = page(colour)
    assert "colour pictures, 8 pixels high and 12 wide, of 3 classes" in text
    assert r"# dots \| dashes" in text and "License: CC0" in text
    assert "Labels: 0 zero, 1 one, 2 two." in text and "dots: 1,234 steps of the preset lean" in text
    report = json.loads((colour[0] / "generator.tflite.json").read_text())
    size = (colour[0] / "generator.tflite").stat().st_size
    row = f"| `generator.tflite` | {size / 1000:,.0f} kB | float16 | uint8 | {report['mean_error']:.1e} ("
    assert row in text and "| `saved_model/` | " in text
    assert str(colour[0]) not in text


def test_the_page_is_a_model_card(tmp_path):
    """It begins with the front matter of model hubs, and has the metrics of the run beside those of real images."""
    export = tmp_path / "run" / "export"
    shutil.copytree(pretrained.RUNS / "avatars", tmp_path / "run")
    card = tmp_path / "run" / "metrics.json"
    export_folder.write(export)
    text = (export / "README.md").read_text()
    _, front, rest = text.split("---\n", 2)
    assert front.splitlines()[:2] == ["library_name: keras_gan", "pipeline_tag: unconditional-image-generation"]
    assert "tags:\n- gan\n" in front and rest.startswith("# avatars\n")
    score = json.loads(card.read_text())["scores"][0]
    assert f"| Fréchet distance | {score['value']:.4g} | {score['baseline']:.4g} | lower |" in text
    assert "CC0 1.0" in text
    for content in (card.read_text().replace('"step": 20000', '"step": 10'), "[]", "{"):  # another step, damaged
        card.write_text(content)
        export_folder.write(export)
        assert "Fréchet distance" not in (export / "README.md").read_text()


def test_the_page_is_updated(grey, tmp_path):
    folder = Path(shutil.copytree(grey[0], tmp_path / "grey"))
    (folder / "my $dots.tflite.json").unlink()
    shutil.rmtree(folder / "saved_model")
    shutil.copy(folder / "my $dots.tflite", folder / "generator.tflite")
    (folder / "damaged.tflite").write_bytes(b"\0\0\0\0TFL3")
    (folder / "generator.onnx").write_bytes(b"onnx")
    (folder / "web").mkdir()
    export_folder.write(folder)
    text = (folder / "README.md").read_text()
    assert "TensorFlow Serving" not in text and "## In a browser" in text and "`generator.onnx`" in text
    assert "damaged" not in text and "python sample.py generator.tflite" in text
    assert sorted(file.name for file in folder.iterdir() if file.name.startswith(".")) == []


@pytest.fixture(scope="module")
def with_onnx(colour, tmp_path_factory):
    """A copy of the colour folder, whose .tflite gives uint8, with ONNX graphs that give float32."""
    folder = Path(shutil.copytree(colour[0], tmp_path_factory.mktemp("onnx") / "export"))
    colour[1].export(folder / "generator.onnx", "onnx", options=Options(about=About(labels=("zero", "one", "two"))))
    export_folder.write(folder)
    return folder, colour[1]


@pytest.mark.long
def test_onnx_files_have_rows_of_their_own(with_onnx):
    folder, _ = with_onnx
    text = page(with_onnx)
    error = json.loads((folder / "generator.onnx.json").read_text())["mean_error"]
    for name in ("generator.onnx", "generator-sample.onnx"):
        size = (folder / name).stat().st_size
        assert f"| `{name}` | {size / 1000:,.0f} kB | float32 | float32 | {error:.1e} (" in text
    assert (
        "| generator-sample.onnx | `seed` int32 (batch), `label` int32 (batch) | `images` float32 (batch, 8, 12, 3) |"
        in text
    )
    assert (
        "| generator.onnx | `z` float32 (batch, 5), `label` int32 (batch) | `images` float32 (batch, 8, 12, 3) |"
        in text
    )
    assert "float16 | uint8 |" in text  # the .tflite keeps its own


@pytest.mark.long
def test_the_onnx_example_runs_as_written(with_onnx):
    folder, gan = with_onnx
    (block,) = [block for block in blocks(page(with_onnx), "python") if "onnxruntime" in block]
    program = f"{block}\nnp.save('levels.npy', levels)"
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout == "(16, 8, 12, 3)\n"
    assert np.abs(np.load(folder / "levels.npy").astype(int) - gan.generate(16, seed=7)).max() <= 1
    (folder / "levels.npy").unlink()


@pytest.mark.long
def test_a_folder_of_onnx_alone_has_a_page(with_onnx, tmp_path):
    for name in ("generator.onnx", "generator-sample.onnx", "generator.onnx.json"):
        shutil.copy(with_onnx[0] / name, tmp_path)
    export_folder.write(tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "## ONNX Runtime" in text and "Kotlin" not in text and not (tmp_path / "sample.py").exists()


def test_sample_py_takes_a_class_by_name(colour, tmp_path):
    folder, gan = colour
    for label, number in (("two", 2), ("1", 1)):
        done = run(folder, "generator.tflite", "-n", 2, "--seed", 5, "--label", label, "--out", tmp_path / "grid.png")
        assert done.returncode == 0, done.stderr
        images = edge.Generator(folder / "generator.tflite").generate(2, seed=5, labels=number)
        assert differences(tmp_path / "grid.png", images).max() <= 2
    done = run(folder, "generator.tflite", "--label", "three")
    assert done.returncode == 2 and "--label three; expected 0 to 2, zero, one, two" in done.stderr


def test_files_of_other_programs_are_not_replaced(grey, tmp_path):
    shutil.copy(grey[0] / "my $dots.tflite", tmp_path / "g.tflite")
    (tmp_path / "README.md").write_text("# My project\n")
    with pytest.warns(Notice, match="README.md was not written by kgan export"):
        export_folder.write(tmp_path)
    assert (tmp_path / "README.md").read_text() == "# My project\n"
    assert (tmp_path / "sample.py").read_bytes() == (export_folder.TEMPLATES / "sample.py").read_bytes()


def test_nothing_is_written_where_nothing_was_exported(tmp_path):
    (tmp_path / "other.tflite").write_text("a text")
    export_folder.write(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["other.tflite"]


# a clean environment


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """The Python of an environment with the three packages; skips where they cannot be installed."""
    folder = tmp_path_factory.mktemp("clean") / "env"
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    install(python, *PACKAGES)
    return python


def install(python, *words):
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-compile",
        "--disable-pip-version-check",
    ]
    done = subprocess.run([*command, "--constraint", ROOT / "constraints.txt", *words], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"pip cannot install {' '.join(map(str, words))} here: {done.stderr.strip().splitlines()[-1]}")


MEASURE = """
import resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True)
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6)
"""


def measured(command, folder):
    """Seconds of the fastest of five runs, and megabytes of the largest."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
    }  # nothing that keeps Python from compiling for next time
    runs = []
    for _ in range(6):
        call = [sys.executable, "-c", MEASURE, *map(str, command)]
        done = subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True, check=True)
        runs.append([float(word) for word in done.stdout.splitlines()[-1].split()])  # after what the command printed
    seconds, megabytes = zip(*runs[1:], strict=True)  # the first one compiles
    return min(seconds), max(megabytes)


@pytest.mark.long
def test_a_clean_environment_draws_the_same_pictures(clean, colour, tmp_path, record_property):
    folder, out = colour[0], tmp_path / "grid.png"
    command = [clean, "-P", "sample.py", "generator.tflite", "-n", "16", "--seed", "5", "--out", out]
    seconds, memory_mb = measured(command, folder)
    imports = "import numpy, PIL.Image; from ai_edge_litert.interpreter import Interpreter"
    importing_s, _ = measured([clean, "-P", "-c", imports], folder)
    files = (file for file in clean.parents[1].rglob("*") if file.is_file() and not file.is_symlink())
    size_mb = sum(file.stat().st_size for file in files) / 1e6
    for name, value in (("size_mb", size_mb), ("start_s", seconds), ("memory_mb", memory_mb)):
        record_property(name, round(value, 3))
    print(f"environment {size_mb:.0f} MB, first PNG after {seconds:.2f} s, {memory_mb:.0f} MB resident")
    assert differences(out, edge.Generator(folder / "generator.tflite").generate(16, seed=5)).max() <= 2
    assert size_mb <= LARGEST_MB and memory_mb <= LARGEST_MEMORY_MB
    assert seconds <= MOST_OF_IMPORTS * importing_s


@pytest.mark.long
def test_the_command_needs_click_and_msgspec_besides(clean, colour, tmp_path):
    install(clean, "click", "msgspec")
    for name in ("keras_gan", "cli", "exports", "pyproject.toml", "README.md", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, tmp_path]
    subprocess.run(build, check=True, capture_output=True)
    install(clean, "--no-deps", *tmp_path.glob("*.whl"))
    kgan, file = clean.with_name("kgan"), colour[0] / "generator.tflite"

    def call(*words):
        return subprocess.run([kgan, *words], cwd=tmp_path, capture_output=True, text=True)

    done = call("sample", file, "-n", "16", "--seed", "5", "--label", "2", "--out", "grid.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert differences(tmp_path / "grid.png", edge.Generator(file).generate(16, seed=5, labels=2)).max() <= 2
    assert call("sample", file, "-n", "3", "--label", "1", "--out", "one").returncode == 0
    assert call("sample", file, "-n", "2", "--label", "1", "--out", "walk.gif").returncode == 0
    assert call("sample", file, "--label", "3").returncode == 2
    assert "dots | dashes" in call("info", file).stdout
    (installed,) = clean.parents[1].glob("lib/*/site-packages/keras_gan/exports/templates")
    assert {file.name for file in installed.iterdir()} >= {"sample.py", "README.md", "kotlin.md", "swift.md", "cpp.md"}
