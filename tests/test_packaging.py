"""What the project installs, and what its README promises."""

import functools
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml
from packaging import metadata
from packaging.requirements import Requirement

from keras_gan import GAN, __version__
from keras_gan._utils import pretrained
from keras_gan.exports import edge

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what is installed, so that no build folder is left in the checkout to revive deleted files."""
    folder = tmp_path_factory.mktemp("source") / "checkout"
    folder.mkdir()
    names = ["keras_gan", "cli", "exports", "tests", "pyproject.toml", "README.md", "LICENSE"]
    subprocess.run(["cp", "-r", *(ROOT / name for name in names), folder], check=True)
    return folder


@pytest.fixture(scope="module")
def wheel(checkout, tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    source = shutil.copytree(checkout, out / "source")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, source]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_the_wheel_holds_one_package(wheel):
    files = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in files}
    assert {name for name in top if not name.endswith(".dist-info")} == {"keras_gan"}
    expected = {"gan/model.py", "cli/main.py", "exports/edge.py", "data/folder.py", "reporting/templates/report.html"}
    packed = (file for file in pretrained.RUNS.rglob("*") if file.is_file())
    expected |= {file.relative_to(ROOT / "keras_gan").as_posix() for file in packed}
    assert {f"keras_gan/{name}" for name in expected} <= set(files)


def test_the_wheel_has_complete_and_valid_metadata(wheel):
    archive = zipfile.ZipFile(wheel)
    (file,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    found = metadata.Metadata.from_email(archive.read(file))  # raises where a field is not valid
    assert (found.name, str(found.version), found.license_expression) == ("keras-gan", __version__, "MIT")
    assert found.description_content_type == "text/markdown" and found.description.strip() == README.strip()
    assert found.summary and found.keywords and found.license_files == ["LICENSE"]
    listed = {line.removeprefix("Programming Language :: Python :: ") for line in found.classifiers}
    supported = {f"3.{minor}" for minor in range(11, 14)}
    assert supported <= listed and all(version in found.requires_python for version in supported)


def test_workflows_test_every_version_that_the_metadata_name():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())["jobs"]
    named = {line.split(" :: ")[-1] for line in project["classifiers"] if "Python :: 3." in line}
    assert set(jobs["test"]["strategy"]["matrix"]["python"]) == named


@pytest.fixture(scope="module")
def environment(checkout, wheel, tmp_path_factory):
    """A factory of virtual environments with the dependencies of this one: Python with the project "installed" from
    the wheel, as an "editable" install of the checkout, or with "none"."""

    @functools.cache
    def make(kind):
        folder = tmp_path_factory.mktemp(kind)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        python = folder / "bin" / "python"
        command = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
        site = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        # Packages of a folder that a .pth names are found; its own .pth files, as that of this project, are not read.
        Path(site, "dependencies.pth").write_text(sysconfig.get_path("purelib"))
        what = {"installed": [wheel], "editable": ["--no-build-isolation", "--editable", checkout], "none": []}[kind]
        if what:
            pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--quiet"]
            subprocess.run([*pip, "--ignore-installed", *what], check=True, capture_output=True)
        return python

    return make


IMPORTS = """
import sys, keras_gan.cli.train, keras_gan.exports.edge
from keras_gan import exports, cli
for name in ("tests", "keras_gan", "nothing"):
    try:
        __import__(f"keras_gan.{name}")
    except ModuleNotFoundError:
        continue
    sys.exit(f"keras_gan.{name} can be imported")
print(keras_gan.__file__, keras_gan.cli.train.__file__, keras_gan.exports.edge.__file__, sep="\\n")
"""
OTHERS = [("installed", "checkout"), ("editable", "checkout"), ("editable", "elsewhere")]


@pytest.mark.parametrize(
    "kind, place",
    [
        ("installed", "elsewhere"),
        ("none", "checkout"),
        *(pytest.param(*case, marks=pytest.mark.long) for case in OTHERS),
    ],
)
def test_subpackages_and_command_are_found_wherever_python_starts(environment, checkout, tmp_path, kind, place):
    folder = checkout if place == "checkout" else tmp_path
    options = {"cwd": folder, "capture_output": True, "text": True}
    ended = subprocess.run([environment(kind), "-c", IMPORTS], **options)
    assert (ended.returncode, ended.stderr) == (0, "")
    package, *parts = map(Path, ended.stdout.splitlines())
    # All of one copy: the checkout's where it is nearest.
    from_checkout = (kind, place) != ("installed", "elsewhere")
    root = package.parents[1] if from_checkout else package.parent
    assert (root == checkout) == from_checkout
    assert parts == [root / "cli" / "train.py", root / "exports" / "edge.py"]
    shown = subprocess.run([environment(kind), "-m", "keras_gan", "--version"], **options)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, f"kgan, version {__version__}\n", "")


def test_a_child_process_imports_the_same_package(environment, checkout):
    """LiteRT tries a file in a process of its own, which does not have the working directory on its path."""
    code = (
        "import subprocess, sys; from keras_gan._utils import checkout\n"
        "child = 'import keras_gan.exports.edge as edge; print(edge.__file__)'\n"
        "subprocess.run([sys.executable, '-P', '-c', child], env=checkout.environment(), check=True)"
    )
    command = [environment("none"), "-c", code]
    ended = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    assert Path(ended.stdout.strip()) == checkout / "exports" / "edge.py"


@pytest.mark.parametrize("project", ["", "[project]\nname = 'other'\n", "not TOML", None])
def test_folders_of_another_project_are_not_taken_for_ours(tmp_path, project):
    """A copy of the package next to somebody's own exports/ and cli/, as in a flat site-packages."""
    shutil.copytree(ROOT / "keras_gan", tmp_path / "keras_gan", ignore=shutil.ignore_patterns("weights"))
    for name in ("cli", "exports"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('a module of another project ran')")
    if project is not None:
        (tmp_path / "pyproject.toml").write_text(project)
    code = "import sys; sys.path.insert(0, '.'); import keras_gan; print(keras_gan.__file__); import keras_gan.exports"
    # -S: without the editable install of this environment.
    ended = subprocess.run([sys.executable, "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert ended.stdout.strip() == str(tmp_path / "keras_gan" / "__init__.py")
    assert "ModuleNotFoundError: No module named 'keras_gan.exports'" in ended.stderr


def test_pytest_tests_the_checkout_whatever_is_installed(environment, checkout):
    test = checkout / "tests" / "test_place.py"
    test.write_text(
        "from pathlib import Path\n\nimport keras_gan.exports\n\n\ndef test_place():\n"
        "    root = Path(__file__).parents[1]\n"
        "    assert Path(keras_gan.__file__).parents[1] == Path(keras_gan.exports.__file__).parents[1] == root\n"
    )
    # By the function behind the command `pytest`, which does not put the working directory on the path.
    code = f"import sys; sys.path.remove(''); import pytest; sys.exit(pytest.main(['-q', '--noconftest', '{test}']))"
    ended = subprocess.run([environment("installed"), "-c", code], cwd=checkout, capture_output=True, text=True)
    test.unlink()
    assert ended.returncode == 0 and "1 passed" in ended.stdout, ended.stdout + ended.stderr


def pins():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_constraints_pin_every_dependency_inside_its_declared_range():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {name.lower().replace("-", "_"): version for name, version in pins().items()}
    declared = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    for requirement in map(Requirement, declared):
        version = pinned[requirement.name.lower().replace("-", "_")]
        assert requirement.specifier.contains(version), requirement


def test_constraints_name_no_index():
    assert not re.search(r"://|--|@", (ROOT / "constraints.txt").read_text())


def test_the_environment_is_what_the_constraints_pin():
    from importlib.metadata import PackageNotFoundError, version

    for name, pinned in pins().items():
        try:
            assert version(name) == pinned, name
        except PackageNotFoundError:
            pytest.fail(f"{name} is pinned but not installed")


def code_blocks(language, text=README):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def trainings():
    """The examples that train, of the README and of the documentation, by page."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for number, block in enumerate(code_blocks("python", page.read_text())):
            if "gan.fit(" in block:
                yield pytest.param(block, id=f"{page.stem}-{number}", marks=pytest.mark.long)


@pytest.mark.filterwarnings("ignore:.*shuffle=True.*:UserWarning")  # Keras says so of every tf.data.Dataset
@pytest.mark.parametrize("block", list(trainings()))
def test_an_example_on_a_page_runs_as_written(block, tmp_path, monkeypatch, request):
    if '"mnist"' in block:
        request.getfixturevalue("prepared_mnist")
    monkeypatch.chdir(tmp_path)
    # The text runs as it stands; only its training is cut to two steps.
    fit = GAN.fit
    monkeypatch.setattr(
        GAN, "fit", lambda gan, images, **rest: fit(gan, images, **{**rest, "epochs": 1, "steps_per_epoch": 2})
    )
    names = {"__name__": "example"}
    exec(compile(block, "example", "exec"), names)
    gan = names["gan"]
    assert gan.step == 2
    if "gan.save" in block:
        again = keras.models.load_model(tmp_path / "gan.keras").generate(16, seed=7)
        assert again.shape == (16, 28, 28, 1) and (again == gan.generate(16, seed=7)).all()
        assert np.abs(again - edge.Generator(tmp_path / "generator.tflite").generate(16, seed=7).astype(int)).max() <= 3


def test_commands_in_the_readme_and_the_tour_are_commands_with_those_options():
    from click.testing import CliRunner

    from keras_gan.cli.main import VERBS, kgan

    text = README + (ROOT / "docs" / "commands.md").read_text()
    lines = [line for block in code_blocks("sh", text) for line in block.splitlines() if line.startswith("kgan ")]
    assert {line.split()[1] for line in lines} >= set(VERBS)
    for line in lines:
        verb, *words = line.split("#")[0].split()[1:]
        text = CliRunner().invoke(kgan, [verb, "--help"]).output
        for option in (word for word in words if word.startswith("-")):
            assert re.search(rf"(?<![\w-]){option}\b", text), line


def test_readme_pictures_exist_and_name_their_command():
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert pictures
    for picture in pictures:
        assert (ROOT / picture).is_file(), picture


def test_nothing_is_said_to_be_on_a_package_index():
    """Until the package is published, it is installed from a checkout: pip install '.[extra]'."""
    published = re.compile(r"pip install (-\S+ )*['\"]?keras[-_]gan\b")
    suffixes = {".py", ".md", ".ipynb", ".html", ".yaml", ".sh", ".toml"}
    folders = ("keras_gan", "cli", "exports", "docs", "examples", "benchmarks", "tests")
    files = [ROOT / "README.md", *(file for folder in folders for file in (ROOT / folder).rglob("*"))]
    texts = {file: file.read_text("utf-8") for file in files if file.suffix in suffixes}
    assert len(texts) > 200
    assert [str(file) for file, text in texts.items() if published.search(" ".join(text.split()))] == []
