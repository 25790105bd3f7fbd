"""The structure of the package: which room imports which, what is light, what is listed."""

import ast
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {"keras_gan": "keras_gan", "keras_gan.cli": "cli", "keras_gan.exports": "exports"}
FLOORS = [
    {"archives", "checkout", "errors", "files", "logs", "pixels", "quiet", "replicas", "seeding"},
    {"config"},
    {
        "augment",
        "batches",
        "distribution",
        "ema",
        "latents",
        "layers",
        "losses",
        "mixtures",
        "pairing",
        "penalties",
        "plots",
        "precision",
        "rates",
        "sampling",
        "theory",
    },
    {"fit_callbacks", "optimizers", "sliders"},
    {"generators"},
    {"data", "drawing", "gan", "networks"},
    {"metrics", "runs"},
    {"directions", "doctor"},
    {"callbacks", "report"},
    {"training"},
    {"exports"},
    {"demo", "evaluation"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
STANDARD_LIBRARY_ONLY = {"archives", "checkout", "config", "errors", "files", "logs", "quiet", "seeding"}
TENSORFLOW_DOORS = {
    "batches",
    "callbacks",
    "data",
    "distribution",
    "exports",
    "gan",
    "metrics",
    "optimizers",
    "precision",
    "replicas",
    "training",
}


def modules():
    for package, folder in FOLDERS.items():
        for file in sorted((ROOT / folder).rglob("*.py")):
            parts = file.relative_to(ROOT / folder).with_suffix("").parts
            room = [*package.split(".")[1:], *parts][0]
            yield room, file


def imported(file):
    """(full name, name of the enclosing function) of every import in a file."""
    tree = ast.parse(file.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        inside = [f.name for f in functions if f.lineno <= node.lineno <= f.end_lineno]
        if isinstance(node, ast.Import):
            yield from ((alias.name, inside) for alias in node.names)
        else:
            yield from ((f"{node.module}.{alias.name}", inside) for alias in node.names)


MODULES = [(room, file) for room, file in modules() if room != "__init__"]


@pytest.mark.parametrize("room, file", MODULES, ids=lambda value: value.name if isinstance(value, Path) else value)
def test_a_room_imports_only_from_floors_below(room, file):
    upstairs = []
    for name, inside in imported(file):
        if not name.startswith("keras_gan."):
            continue
        target = name.split(".")[1]
        if target == "__version__" or target == room:
            continue
        if FLOOR[target] >= FLOOR[room]:
            upstairs.append((room, target, *inside))
    # The one call upstairs: Keras's own method for exporting, which users will call.
    assert upstairs == ([("gan", "exports", "export")] if file.name == "gan.py" else [])


def test_every_room_has_a_floor():
    assert {room for room, _ in MODULES} == set(FLOOR)


def test_tensorflow_stays_behind_its_doors():
    users = {room for room, file in MODULES for name, _ in imported(file) if name.split(".")[0] == "tensorflow"}
    assert users <= TENSORFLOW_DOORS


def test_the_lowest_rooms_use_the_standard_library_only():
    for room, file in MODULES:
        if room in STANDARD_LIBRARY_ONLY:
            outside = {name.split(".")[0] for name, _ in imported(file)} - set(sys.stdlib_module_names) - {"keras_gan"}
            assert not outside, file


def opens_text_in_an_unknown_encoding(call):
    """Whether a call opens a file as text in the encoding of the user's locale."""
    if any(keyword.arg == "encoding" for keyword in call.keywords):
        return False
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    arguments = [ast.unparse(argument) for argument in call.args]
    if name == "open" and isinstance(call.func, ast.Name):
        return not any("b" in mode for mode in arguments[1:2]) and len(arguments) < 4
    return (name, len(arguments)) in {("read_text", 0), ("write_text", 1)}


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
    ],
)
def test_calls_that_open_text_in_an_unknown_encoding_are_found(code, unknown):
    assert opens_text_in_an_unknown_encoding(ast.parse(code, mode="eval").body) == unknown


def test_text_is_read_and_written_as_utf_8_whatever_the_locale():
    calls = (
        (file.name, node.lineno)
        for _, file in modules()
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


def seconds(*command):
    """The fastest of five runs of `kgan`, so that a busy machine does not decide."""
    program = [Path(sys.executable).with_name("kgan"), *command]
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run(program, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return min(times)


def test_help_answers_in_0_3_s(slowness):
    assert seconds("--help") < 0.3 * slowness


def test_sampling_a_tflite_takes_less_than_1_s(trained, tmp_path, slowness):
    trained.gan.export(tmp_path / "g.tflite", "litert")
    assert seconds("sample", tmp_path / "g.tflite", "--out", tmp_path / "grid.png") < 1.0 * slowness
    assert (tmp_path / "grid.png").exists()
