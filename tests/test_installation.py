"""`kgan checks`: real processes, with a whole installation and with broken ones."""

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from keras_gan._utils import machine
from keras_gan.installation import packages, trials

KGAN = Path(sys.executable).with_name("kgan")


def run(**variables):
    done = subprocess.run([KGAN, "checks"], capture_output=True, text=True, env={**os.environ, **variables})
    assert done.stderr == ""
    return done.returncode, done.stdout


def facts(text):
    """Name -> text, of the block's rows."""
    rows = re.split(r"\n(?=\S)", text)
    return {name: " ".join(words.split()) for name, words in (row.split("  ", 1) for row in rows[1:])}


@pytest.mark.long
def test_a_whole_installation_works():
    status, text = run()
    found = facts(text)
    assert (status, found["result"]) == (0, "everything works"), text
    for name in ("tensorflow", "keras", "numpy", "rich"):
        assert f"{name} {version(name)}" in found["packages"]
    assert re.fullmatch(r"(float32|mixed_\w+) \(.+\)", found["precision"])
    assert f"{machine.cores()} cores" in found["processor"]
    assert list(re.findall(r"(training|export)[^,]* in \d+\.\d s", found["tried"])) == ["training", "export"]
    assert max(map(len, text.splitlines())) <= 79


@pytest.fixture
def site(tmp_path):
    """A folder of packages that come before those that are installed."""
    return tmp_path / "site"


def put(site, name, version):
    """Makes a package seem to be installed in a version."""
    folder = site / f"{name}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def test_what_is_broken_is_named_with_a_remedy(site):
    put(site, "rich", "1.0")
    (site / "tensorflow.py").write_text("raise ImportError('no library for this processor')")
    status, text = run(PYTHONPATH=str(site))
    assert status == 1 and facts(text)["result"] == "2 broken"
    words = " ".join(text.split())
    assert re.search(r"rich is 1\.0; expected \S+\. Use pip install 'rich", words)
    assert "import of TensorFlow fails: ImportError: no library for this processor" in words


def test_a_crash_of_a_native_library_is_a_finding(site, monkeypatch):
    site.mkdir()
    (site / "tensorflow.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    monkeypatch.setenv("PYTHONPATH", str(site))
    tried = trials.run()
    assert tried.failure.endswith("ended by SIGILL") and tried.seconds == {}


def test_a_missing_package_is_a_problem():
    missing = packages.Package("keras", None, ">=3", False)
    assert re.match("keras is missing; expected >=3. Use pip install", missing.problem)


def test_the_packages_of_an_extra_are_those_of_pyproject():
    assert {one.name for one in packages.required()} >= {"tensorflow", "keras", "numpy", "click", "rich"}
    assert [one.name for one in packages.optional()["onnx"]] == ["onnx", "onnxruntime", "tf2onnx"]


def test_without_a_checkout_the_requirements_are_those_of_the_metadata(monkeypatch):
    monkeypatch.setattr(packages.checkout, "is_checkout", lambda root: False)
    required = {one.name: one for one in packages.required()}
    assert required["tensorflow"].allowed and required["tensorflow"].version == version("tensorflow")
    assert not {"streamlit", "onnx", "pytest"} & set(required)
    assert [one.name for one in packages.optional()["demo"]] == ["streamlit"]
    assert [one.name for one in packages.optional()["onnx"]] == ["onnx", "onnxruntime", "tf2onnx"]
