"""The structure of the package: what is light, what is listed. `make lint` checks which module imports which."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {"keras_gan": "keras_gan", "keras_gan.cli": "cli", "keras_gan.exports": "exports"}


def modules():
    for folder in FOLDERS.values():
        yield from sorted((ROOT / folder).rglob("*.py"))


def opens_text_in_an_unknown_encoding(call):
    """Whether a call opens a file as text in the encoding of the user's locale."""
    if any(keyword.arg == "encoding" for keyword in call.keywords):
        return False
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    if getattr(getattr(call.func, "value", None), "id", "") == "formatter":  # of click, which writes to no file
        return False
    arguments = [ast.unparse(argument) for argument in call.args]
    if name == "open" and isinstance(call.func, ast.Name):
        return not any("b" in mode for mode in arguments[1:2]) and len(arguments) < 4
    of_a_path = not ast.unparse(call.func).startswith("formatter.")  # click's writes to the terminal
    return of_a_path and (name, len(arguments)) in {("read_text", 0), ("write_text", 1)}


@pytest.mark.parametrize(
    "code, unknown",
    [
        ("open(path)", True),
        ("open(path, 'a', newline='')", True),
        ("open(path, 'rb')", False),
        ("open(path, encoding='utf-8')", False),
        ("path.read_text()", True),
        ("path.read_text('utf-8')", False),
        ("path.write_text(text)", True),
        ("path.write_text(text, 'utf-8')", False),
        ("formatter.write_text(text)", False),
    ],
)
def test_calls_that_open_text_in_an_unknown_encoding_are_found(code, unknown):
    assert opens_text_in_an_unknown_encoding(ast.parse(code, mode="eval").body) == unknown


def test_text_is_read_and_written_as_utf_8_whatever_the_locale():
    calls = (
        (file.name, node.lineno)
        for file in modules()
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and opens_text_in_an_unknown_encoding(node)
    )
    assert list(calls) == []


def test_pyproject_lists_every_package():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = set()
    for package, folder in FOLDERS.items():
        for file in (ROOT / folder).rglob("__init__.py"):
            found.add(".".join([package, *file.parent.relative_to(ROOT / folder).parts]))
    assert sorted(listed) == sorted(found)


def loaded_after(code):
    """Top-level packages that a fresh process has loaded after `code`."""
    program = f"{code}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_importing_the_package_or_the_command_is_light():
    loaded = loaded_after("import keras_gan, keras_gan.cli.main as m; m.kgan.main(['--help'], standalone_mode=False)")
    assert not loaded & {"tensorflow", "keras", "numpy", "PIL", "matplotlib", "sklearn"}


def test_public_names_exist():
    import keras_gan

    assert all(hasattr(keras_gan, name) for name in keras_gan.__all__)
    assert set(keras_gan.__all__) <= set(dir(keras_gan))
    with pytest.raises(AttributeError, match="no attribute 'Gan'"):
        _ = keras_gan.Gan


def test_sampling_a_tflite_is_light(trained, tmp_path):
    trained.gan.export(tmp_path / "g.tflite", "tflite")
    words = ["sample", str(tmp_path / "g.tflite"), "--out", str(tmp_path / "grid.png")]
    loaded = loaded_after(f"from keras_gan.cli.main import kgan; kgan({words!r}, standalone_mode=False)")
    assert (tmp_path / "grid.png").exists()
    assert not loaded & {"tensorflow", "keras", "matplotlib", "sklearn"}
