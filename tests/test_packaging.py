"""What the project installs, and what its README promises."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from packaging.requirements import Requirement

from keras_gan import GAN
from keras_gan.exports import edge

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_wheel_holds_one_package(tmp_path):
    # A copy, so that no build folder is left in the checkout to revive deleted files.
    source = tmp_path / "source"
    names = ["keras_gan", "cli", "exports", "pyproject.toml", "README.md", "LICENSE"]
    subprocess.run(["cp", "-r", *(ROOT / name for name in names), f"{tmp_path}/"], check=True)
    source.mkdir()
    for name in names:
        (tmp_path / name).rename(source / name)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, source]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    files = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in files}
    assert {name for name in top if not name.endswith(".dist-info")} == {"keras_gan"}
    expected = {"gan.py", "cli/main.py", "exports/edge.py", "data/folder.py", "templates/report.html"}
    assert {f"keras_gan/{name}" for name in expected} <= set(files)


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


def code_blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.filterwarnings("ignore:.*shuffle=True.*:UserWarning")  # Keras says so of every tf.data.Dataset
@pytest.mark.parametrize("block", code_blocks("python"))
def test_a_readme_example_runs_as_written(block, tmp_path, monkeypatch, request):
    if '"mnist"' in block:
        request.getfixturevalue("prepared_mnist")
    monkeypatch.chdir(tmp_path)
    # The text runs as it stands; only its training is cut to two steps.
    fit = GAN.fit
    monkeypatch.setattr(
        GAN, "fit", lambda gan, images, **rest: fit(gan, images, **{**rest, "epochs": 1, "steps_per_epoch": 2})
    )
    names = {"__name__": "readme"}
    exec(compile(block, "README.md", "exec"), names)
    gan = names["gan"]
    assert gan.step == 2
    if "gan.save" in block:
        again = keras.models.load_model(tmp_path / "gan.keras").generate(16, seed=7)
        assert again.shape == (16, 28, 28, 1) and (again == gan.generate(16, seed=7)).all()
        assert np.abs(again - edge.Generator(tmp_path / "generator.tflite").generate(16, seed=7).astype(int)).max() <= 3


def test_readme_commands_are_commands_with_those_options():
    from click.testing import CliRunner

    from keras_gan.cli.main import VERBS, kgan

    lines = [line for block in code_blocks("sh") for line in block.splitlines() if line.startswith("kgan ")]
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
