"""examples/: every script by the command in its docstring, in a process of its own; the notebook in its own kernel.

All with few steps: that a script keeps what its docstring promises is checked, not how good its pictures are.
"""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

from keras_gan.exports.edge import Generator

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPTS = ("own_networks", "own_loss", "own_data", "faces", "many_devices", "on_the_edge")
NOTEBOOKS = ("classroom", "colab")
GRID_PX = 8 * (48 + 2) + 2  # 64 digits, each 8×8 enlarged to 48, with gaps of 2
TIMEOUT_S = 600  # only against a test that hangs
SMALL = "GAME_STEPS, IMAGE_STEPS, WINNING_STEPS, JUDGED = 20, 10, 300, 200"
RESULTS = """
import json
print(json.dumps({
    "best": [best.slope / 8, best.intercept, best.jensen_shannon_nats],
    "values": [learnt_value, theory.best_value(theory.jensen_shannon(p, theory.uniform(-2, 6)))],
    "input_gradients": list(input_gradients.values()),
    "hidden_nats": gaps,
    "steps": [Run(RUNS / name).history()["step"][-1] for name in ("game", "saturating", "k5", "images")],
    "data": DATA,
    "scores": [score.name for score in card.scores],
    "shares": card.shares.sum(axis=1).tolist(),
    "verdicts": [(verdict.name, verdict.severity) for verdict in verdicts],
    "difference": difference.mean(),
}))
"""


def commands(name):
    """The commands in a script's docstring, as words without comments."""
    described = ast.get_docstring(ast.parse((EXAMPLES / f"{name}.py").read_text()))
    return [shlex.split(line, comments=True) for line in described.splitlines() if line.startswith("    ")]


@pytest.fixture
def run(forked, tmp_path, monkeypatch):
    """A function that runs a docstring's command, with further options, in tmp_path; it gives standard output."""

    def start(command, *options):
        assert command[0] == "python"
        monkeypatch.chdir(tmp_path)
        words = [EXAMPLES.parent / command[1], *command[2:], *options]
        process = forked(*words, environment={"KERAS_GAN_CACHE": str(tmp_path / "cache")})
        said, errors = process.communicate(TIMEOUT_S)
        assert process.returncode == 0 and "Warning" not in errors, errors
        return said

    return start


def numbers(text):
    return [float(number) for number in re.findall(r"\d+\.\d+", text)]


def picture(path):
    """A grey picture as an array, if it shows something."""
    pixels = np.asarray(Image.open(path))
    assert pixels[pixels < 255].std() > 10
    return pixels


def test_every_example_is_run_here_and_in_the_table():
    table = (EXAMPLES / "README.md").read_text()
    files = {file.name for file in EXAMPLES.iterdir() if file.suffix in (".py", ".ipynb")}
    assert files == {f"{name}.py" for name in SCRIPTS} | {f"{name}.ipynb" for name in NOTEBOOKS}
    for name in SCRIPTS:
        assert [f"examples/{name}.py" in command for command in commands(name)].count(True) == len(commands(name)) > 0
        assert f"`python examples/{name}.py`" in table
    assert all(f"examples/{name}.ipynb" in table for name in NOTEBOOKS)


@pytest.mark.long
def test_own_networks_learn(run, tmp_path):
    (command,) = commands("own_networks")
    said = run(command, "--epochs", "2")
    assert re.findall(r"^epoch +(\d)", said, re.MULTILINE) == ["1", "2"]
    assert len(numbers(said)) == 4 and all(0 < loss < 5 for loss in numbers(said))
    assert picture(tmp_path / "own_networks.png").shape == (GRID_PX, GRID_PX)


@pytest.mark.long
def test_an_own_loss_is_compared_with_a_shipped_one(run):
    (command,) = commands("own_loss")
    rows = run(command, "--epochs", "1").splitlines()
    assert [row.split(":")[0] for row in rows[1:3]] == ["own", "shipped"]
    own, shipped, real = (numbers(row)[-1] for row in rows[1:])
    # After an epoch no digits are drawn yet; the distance of noise is beyond 300.
    assert 0 < real < 5 < min(own, shipped) and max(own, shipped) < 300 and own != shipped


@pytest.fixture
def photos(tmp_path):
    """Pictures as people have them: in colour, of several sizes, in two folders."""
    rng = np.random.default_rng(0)
    for number in range(40):
        kind, size = ("bright", "dark")[number % 2], rng.integers(16, 40, 2)
        file = tmp_path / "photos" / kind / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        level = 150 if kind == "bright" else 0
        Image.fromarray(rng.integers(level, level + 100, (*size, 3), "uint8")).save(file)


@pytest.mark.long
def test_own_data_are_trained_on_judged_and_exported(photos, run, tmp_path):
    command = commands("own_data")[0]
    assert command[2:4] == ["./photos", "--image-size"]
    command[4] = "16"
    said = run(command, "--steps", "2", "--run", "runs/own_data")
    assert "40 colour images of 16x16 pixels" in said and "trained 2 steps" in said
    (distance,) = re.findall(r"^Fréchet distance +([\d.,]+)", said, re.MULTILINE)
    card = json.loads((tmp_path / "runs/own_data/metrics.json").read_text())
    scores = {score["name"]: score["value"] for score in card["scores"]}
    assert float(distance.replace(",", "")) == pytest.approx(scores["frechet_distance"], rel=1e-3)
    for name in ("report.html", "card.png", "samples/step_0000002.png"):
        assert (tmp_path / "runs/own_data" / name).stat().st_size > 1_000
    generator = Generator(tmp_path / "runs/own_data/export/generator.tflite")
    assert generator.generate(2, seed=7).shape == (2, 16, 16, 3)
    assert generator.description["data"] is not None


@pytest.mark.long
def test_faces_have_the_sliders_of_their_attributes(run, tmp_path):
    plain, folder = commands("faces")
    assert folder[:2] == plain
    said = run([*plain, "avatars:300", "--image-size", "32"], "--steps", "100", "--samples", "300")
    assert "300 colour images of 32x32 pixels" in said and "trained 100 steps" in said and "brightness" in said
    generator = Generator(tmp_path / "runs/faces/export/generator.tflite")
    assert generator.description["data_license"].startswith("CC0") and generator.directions.names
    assert f"\n{generator.directions.names[0]}: " in said
    faces = np.asarray(Image.open(tmp_path / "faces.png"))
    assert faces.std() > 10 and faces.shape[1] == 5 * 66 + 2 and faces.shape[0] % 66 == 2  # 32 pixels, enlarged


@pytest.mark.long
def test_many_devices_share_a_batch(run, tmp_path):
    plain, rehearsal = commands("many_devices")
    assert rehearsal[:1] == ["CUDA_VISIBLE_DEVICES=-1"] and rehearsal[1:3] == plain
    said = run(rehearsal[1:], "--epochs", "1")
    assert said.startswith("4 replicas: ") and all(f"CPU:{i}" in said for i in range(4))
    assert "each has 16 of the 64 images" in said
    assert re.search(r"^epoch +1 ", said, re.MULTILINE) and re.search(r"^[\d,]+ images per second", said, re.MULTILINE)
    assert picture(tmp_path / "many_devices.png").shape == (GRID_PX, GRID_PX)


@pytest.mark.long
def test_on_the_edge_a_seed_is_the_same_picture_without_tensorflow(tmp_path):
    command = commands("on_the_edge")[0]
    words = [sys.executable, EXAMPLES.parent / command[1], *command[2:], "--epochs", "1"]
    # Not forked: it must be a process that never had TensorFlow.
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0 and "Warning" not in done.stderr, done.stderr
    said = done.stdout
    rows = {
        line.split()[0]: [float(word) for word in line.split() if re.fullmatch(r"[\d.]+", word)]
        for line in said.splitlines()
        if ".tflite" in line
    }
    assert list(rows) == ["float16.tflite", "int8.tflite"]
    for kilobytes, mean, largest, milliseconds in rows.values():
        assert 100 < kilobytes < 1_000 and mean < 2 and largest < 40 and milliseconds > 0
    assert rows["int8.tflite"][0] < 0.7 * rows["float16.tflite"][0]
    assert "TensorFlow in this process: no" in said
    drawn = picture(tmp_path / "on_the_edge.png").astype(int)
    assert drawn.shape == (3 * 50 + 2, 12 * 50 + 2)
    keras, float16 = drawn[2:50], drawn[52:100]
    assert np.abs(keras - float16).max() <= 2


def register_kernel(folder, python):
    """Puts a kernel of this Python, called here, into a folder for JUPYTER_PATH; no other program will see it."""
    file = folder / "kernels" / "here" / "kernel.json"
    file.parent.mkdir(parents=True)
    program = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    file.write_text(json.dumps({"argv": program, "display_name": "here", "language": "python"}))


def execute(name, parameters, folder, last=None, python=sys.executable, **environment):
    """A notebook's cells with their outputs: the cell of parameters is followed by others, the end by a cell `last`."""
    notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    (place,) = [i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ())]
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(parameters))
    notebook.cells += [nbformat.v4.new_code_cell(last)] if last else []
    register_kernel(folder, python)
    nbformat.write(notebook, folder / f"{name}.ipynb")
    # No MNIST here: notebooks must work without a download.
    places = ("HOME", "IPYTHONDIR", "JUPYTER_PATH", "JUPYTER_RUNTIME_DIR", "TFDS_DATA_DIR", "TMPDIR")
    command = ["-c", "from nbclient.cli import main; main()", "--kernel_name=here", "--inplace", f"{name}.ipynb"]
    environment = {**os.environ, **dict.fromkeys(places, str(folder)), **environment}
    environment.pop("MPLBACKEND", None)  # which others set, and a kernel would keep
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert done.returncode == 0, done.stderr
    return nbformat.read(folder / f"{name}.ipynb", as_version=4).cells


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The classroom's cells with their outputs, and its results, computed with few steps."""
    return execute("classroom", SMALL, tmp_path_factory.mktemp("classroom"), RESULTS)


def outputs(cells, kind):
    return [output for cell in cells for output in cell.get("outputs", ()) if output.output_type == kind]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_saved_without_outputs(name):
    for cell in nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4).cells:
        assert cell.cell_type == "markdown" or (cell.outputs, cell.execution_count) == ([], None)


@pytest.mark.long
def test_the_notebook_computes_what_theory_says(executed):
    results = json.loads(executed[-1].outputs[0].text)
    a, b, jsd = results["best"]
    assert (a, b, jsd) == pytest.approx((0.234257, 5.0, 0.047807), abs=2e-6)
    # No D is above the best, up to the noise of 100,000 draws; and 20 steps have taught it more than chance, -log 4.
    learnt, exact = results["values"]
    assert -1.38 < learnt < exact + 0.01
    assert all(saturating + other == pytest.approx(1) for saturating, other in results["input_gradients"])
    assert results["input_gradients"][0][0] < 1e-4 < 0.45 < results["input_gradients"][2][0]
    assert set(results["hidden_nats"]) == {"1", "5"} and results["steps"] == [20, 20, 20, 10]


@pytest.mark.long
def test_the_notebook_judges_diagnoses_and_exports(executed):
    results = json.loads(executed[-1].outputs[0].text)
    assert results["data"] == "digits" and {"frechet_distance", "class_divergence"} <= set(results["scores"])
    assert results["shares"] == pytest.approx([1, 1])
    assert any(name.startswith("discriminator too") and kind == "ill" for name, kind in results["verdicts"])
    assert results["difference"] < 2


@pytest.mark.long
def test_the_notebook_shows_pictures_and_no_warnings(executed):
    shown = [data for kind in ("display_data", "execute_result") for data in outputs(executed, kind)]
    kinds = [next(name for name in ("image/gif", "image/png") if name in data.data) for data in shown]
    assert (kinds.count("image/gif"), kinds.count("image/png")) == (2, 8)
    errors = "".join(output.text for output in outputs(executed, "stream") if output.name == "stderr")
    said = [line for line in errors.splitlines() if re.search("Warning|Notice|Traceback", line)]
    assert said == []  # WARNING is TensorFlow's, of functions traced anew, since the steps are so few


@pytest.fixture
def clean_python(tmp_path):
    """Python of an environment that has the dependencies of this one, and not this package."""
    folder = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    command = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    # Packages in the folder that a .pth names are found; the .pth files in it, as that of this project, are not read.
    Path(site, "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python


@pytest.fixture
def repository(tmp_path):
    """The address of a Git repository with what an installation needs."""
    folder = tmp_path / "repository"
    folder.mkdir()
    names = ("keras_gan", "cli", "exports", "pyproject.toml", "README.md", "LICENSE")
    subprocess.run(["cp", "-r", *(EXAMPLES.parent / name for name in names), folder], check=True)
    git = ["git", "-C", folder, "-c", "user.name=test", "-c", "user.email=test@localhost"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "all"]):
        subprocess.run([*git, *words], check=True)
    return folder.as_uri()


@pytest.mark.long
def test_the_colab_notebook_installs_trains_and_exports(tmp_path, repository, clean_python):
    folder = tmp_path / "session"
    folder.mkdir()
    few = f'SOURCE, DATA, STEPS, SAMPLES, RUN = "{repository}", "digits", 20, 200, "runs/few"'
    # The dependencies are there already: pip installs the package alone, from the clone, without an index.
    pip = {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_IGNORE_INSTALLED": "1"}
    where = "import keras_gan; print(keras_gan.__file__)"
    cells = execute("colab", few, folder, where, clean_python, **pip)
    installed = Path(cells[-1].outputs[0].text.strip())
    assert installed.is_relative_to(clean_python.parents[1]), installed
    run = folder / "runs" / "few"
    assert json.loads((run / "config.json").read_text())["config"]["steps"] == 20
    assert (run / "report.html").is_file() and (run / "export" / "generator.tflite").is_file()
    assert picture(folder / "samples.png").shape == (GRID_PX, GRID_PX)
    shown = [kind for output in outputs(cells, "execute_result") for kind in output.data if kind.startswith("image/")]
    assert shown == ["image/gif", "image/png", "image/png", "image/png"]
