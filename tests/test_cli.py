"""The real command: in this process where that is enough, as a process of its own where it is not."""

import fcntl
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from keras_gan import __version__, losses, metrics
from keras_gan.cli import names, output
from keras_gan.cli.main import VERBS, kgan
from keras_gan.cli.options import Format
from keras_gan.data.catalog import POPULAR
from keras_gan.data.opening import OF_ONE_SIZE, OWN
from keras_gan.distribute import strategies
from keras_gan.exports import FORMATS, edge
from keras_gan.exports.quantize import MODES
from keras_gan.metrics import extractors
from keras_gan.presets import PRESETS
from keras_gan.runs import Run
from keras_gan.sampling import latents

KGAN = Path(sys.executable).with_name("kgan")
SAME = ["--preset", "lean", "--batch-size", "16", "--latent-dim", "8"]  # as the shared run was trained
DESCRIPTION = ("data ", "classes ", "training ", "networks ", "run ", "resuming ")
DETAILS = ("loss ", "precision ", "XLA ", "threads ")  # with --verbose


def command(*words):
    return CliRunner().invoke(kgan, [str(word) for word in words])


@pytest.fixture(scope="session")
def tflite(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "g.tflite"
    result = command("export", trained.run_dir, "--tflite", "--out", path)
    assert result.exit_code == 0, result.output
    assert re.match(
        rf"{path}: .* largest error .* signatures generate, .*, sample_16; for GPUs generate, generate_16\n$",
        result.stdout,
    )
    return path


@pytest.fixture
def place(tmp_path, run_dir, trained, monkeypatch):
    """A working folder with one of everything that can be wrong; `run` is a copy of the trained run."""
    rng = np.random.default_rng(0)
    for name in ("empty", "cut", "images"):
        (tmp_path / name).mkdir()
    for index in range(3):
        for folder in ("cut", "images"):
            image = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype="uint8"))
            image.save(tmp_path / folder / f"{index}.png")
    cut = tmp_path / "cut" / "1.png"
    cut.write_bytes(cut.read_bytes()[:90])
    np.save(tmp_path / "nan.npy", np.full((4, 8, 8), np.nan))
    np.save(tmp_path / "unit.npy", np.linspace(0, 1, 256).reshape(4, 8, 8))
    np.savez_compressed(tmp_path / "cut.npz", images=rng.integers(0, 9, (40, 8, 8), dtype="uint8"))
    content = (tmp_path / "cut.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(content[:60] + bytes(range(200, 240)) + content[100:])
    (tmp_path / "file").write_text("a text")
    (tmp_path / "text.tflite").write_text("a text, not a model")
    Run.create(tmp_path / "fresh", trained.config, trained.source)
    Run.create(tmp_path / "damaged", trained.config, trained.source)
    whole = Run(run_dir).checkpoints()[0]
    (tmp_path / "damaged" / "checkpoints" / whole.name).write_bytes(whole.read_bytes()[:-100])
    monkeypatch.chdir(tmp_path)
    return tmp_path


TRAIN = {
    "unknown dataset": ("train mnits", "unknown data 'mnits'.* did you mean mnist"),
    "unknown preset": ("train digits --preset dcgen", "--preset: .*'dcgen'; did you mean dcgan"),
    "empty folder": ("train ./empty", "has no images"),
    "missing folder": ("train ./missing", "is not a folder"),
    "missing file": ("train missing.npy", "is not a file"),
    "truncated image": ("train ./cut", r"1 of 3 images .* cannot be read: 1.png; .*--skip-damaged"),
    "NaN": ("train nan.npy", "has 256 values that are NaN"),
    "floats from 0 to 1": ("train unit.npy", r"expected \[-1, 1\]. Scale them"),
    "damaged npz": ("train cut.npz", "cannot be read"),
    "no steps": ("train digits --steps 0", "--steps: 0; .*expected a whole number, 1 or more"),
    "no batch": ("train digits --batch-size 0", "--batch-size: 0; .*1 or more"),
    "batch larger than the data": ("train ./images --batch-size 4", "batch size 4 for the 3 images .*--batch-size"),
    "negative seed": ("train digits --seed -1", "--seed: -1; .*0 or more"),
    "no latents": ("train digits --latent-dim 0", "--latent-dim: 0; .*from 1 to 65536"),
    "too small": ("train digits --image-size 4", r"data of shape \(4, 4, 3\); .*--image-size"),
    "no size": ("train digits --image-size 0", "image size .*; expected one positive side"),
    "folder that is no run": ("train digits --run empty/../images", "images exists and is not a run folder; .*--run"),
    "run below a file": ("train digits --run file/run", "file/run .*; .*--run"),
    "changed setting": ("train digits --run run --steps 40 --seed 1", "other settings .*seed: 0 -> 1.*--run"),
    "other data": ("train ./images --run run --batch-size 2", "other settings .*data: digits -> .*--run"),
    "damaged checkpoint": ("train digits --run damaged --steps 40 SAME", "step_0000030.npz is damaged .* delete "),
    "theory of classes": ("train gaussian --conditional", "gaussian with classes or packs; .*--conditional"),
    "theory of packs": ("train gaussian --pack 2", "gaussian with classes or packs; .*--pack"),
    "no number": ("train digits --generator-lr nan", "--generator-lr: 'nan'; expected a number"),
}
SAMPLE = {
    "missing path": ("sample missing --out new/x.png", "missing does not exist; expected a run, such as .*fresh"),
    "text": ("sample file --out new/x.png", "file is not a .tflite"),
    "text called .tflite": ("sample text.tflite", "text.tflite is not a .tflite"),
    "folder that is no run": ("sample empty", "empty is not a run folder"),
    "run without checkpoint": ("sample fresh", "fresh has no checkpoint yet; .*kgan train"),
    "damaged checkpoint": ("sample damaged --out new", "step_0000030.npz is damaged"),
    "none": ("sample run -n 0 --out new/x.png", "--n: 0; .*1 or more"),
    "negative seed": ("sample run --seed -1", "--seed: -1; .*0 or more"),
    "below a file": ("sample run --out file/x.png", "cannot .*; expected a writable path"),
    "into a file": ("sample run --out file", "cannot .*; expected a writable path"),
    "unknown suffix": ("sample run --out x.jpg", "cannot write samples as .jpg; .*--out"),
    "huge seed": ("sample run --seed 99999999999 --out x.png", "seed is 99999999999; expected 0 to 2147483584 "),
    "a million in a grid": ("sample run -n 1000000", "1,000,000 samples in one .png; expected at most 10,000"),
    "one stop": ("sample run -n 1 --out x.gif", "between 1 seed; expected at least 2"),
    "two classes in a picture": ("sample run --label 3 --label 1", "--label was given 2 times; .*from class to class"),
    "classes and seeds": ("sample run -n 3 --label 3 --label 1 --out x.gif", "3 seeds with 2 classes; .*1 or 2"),
    "label of none": ("sample run --label 3 --out x.gif", "takes no labels"),
    "picture as latents": ("sample run --z images/0.png", "cannot be read as latents .it holds no numbers.; .*a .npy"),
    "latents of NaN": ("sample run --z nan.npy", "cannot be read as latents|with NaN or infinity; expected finite"),
    "no number": ("sample run --truncation nan", "--truncation: 'nan'; expected a number"),
}
EXPORT = {
    "no format": ("export run", "no format; expected --tflite, --saved-model, --onnx, --web or --micro"),
    "two formats, one file": (
        "export run --tflite --onnx --out g.tflite",
        "for 2 formats; expected a folder.*g.tflite/",
    ),
    "unknown quantization": ("export run --tflite --quantize int9", "--quantize: .*'int9'; .*float16"),
    "below a file": ("export run --tflite --out file/g.tflite", "cannot write file/g.tflite"),
    "wrong suffix": ("export run --tflite --out g.onnx", r"does not end in .tflite; .*g.tflite"),
    "no folder": ("export run --tflite --out new --quantize int8", r"new does not end in .tflite; .*a folder, new/"),
    "two modes, one file": ("export run --tflite --quantize int8 --quantize float32 --out g.tflite", "for 2 modes"),
    "second mode": ("export run --tflite --quantize int8 --quantize int9", "--quantize: .*'int9'"),
    "mode of a SavedModel": (
        "export run --saved-model --quantize int8",
        "--quantize for saved_model.* expected it for tflite or web",
    ),
    "nothing to serve": ("export run --tflite --serve", "--serve .*expected --web"),
    "no page there": ("export run --web --out images", "images exists and is no page"),
    "no SavedModel there": ("export run --saved-model --out images", "images exists and is not a SavedModel"),
    "run without checkpoint": ("export fresh --tflite", "fresh has no checkpoint yet"),
    "no run": ("export empty --tflite", "empty is not a run folder"),
    "damaged checkpoint": ("export damaged --tflite", "step_0000030.npz is damaged"),
}
BAD = {f"{verb}: {name}": case for verb, t in [("t", TRAIN), ("s", SAMPLE), ("e", EXPORT)] for name, case in t.items()}


def assert_one_line(status, out, err, message):
    assert status == 2, err
    *before, last = err.splitlines()
    assert re.match(f"Error: .*{message}", last), err
    assert all(line.startswith(DESCRIPTION) for line in before), err
    assert out == ""


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_in_one_line_and_leaves_everything_as_it_was(place, listing, name):
    words, message = BAD[name]
    before = listing(place)
    result = command(*words.replace("SAME", " ".join(SAME)).split())
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert_one_line(result.exit_code, result.stdout, result.stderr, message)
    assert listing(place) == before


def test_a_run_in_use_is_refused(place, listing):
    with Run("run").lock():
        before = listing(place)
        result = command("train", "digits", "--run", "run", "--steps", "40", *SAME)
        assert_one_line(result.exit_code, result.stdout, result.stderr, r"run is in use by process \d+ on .*--run")
        assert listing(place) == before


@pytest.mark.parametrize(
    "words",
    [
        ["train"],
        ["train", "digits", "--image-size", "axb"],
        ["train", "digits", "--image-size", "8x8x8"],
        ["train", "digits", "--steps", "many"],
        ["train", "digits", "--gamma", "heavy"],
        ["train", "digits", "--export", "coreml"],
        ["train", "digits", "--colour"],
        ["sample"],
        ["sample", "run", "-n", "few"],
        ["export"],
        ["paint"],
    ],
    ids=" ".join,
)
def test_a_misused_command_ends_with_status_2(place, listing, words):
    before = listing(place)
    result = command(*words)
    assert result.exit_code == 2 and "Error: " in result.stderr and result.stdout == ""
    assert isinstance(result.exception, SystemExit)
    assert listing(place) == before


def test_a_real_process_prints_one_line_and_no_traceback(place, forked):
    ended = forked(KGAN, "train", "digits", "--run", "damaged", "--steps", "40", *SAME)
    out, err = ended.communicate(timeout=300)
    assert_one_line(ended.returncode, out, err, "checkpoint .*is damaged")


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from click.testing import CliRunner; from keras_gan.cli.main import VERBS, kgan\n"
        "for words in (['--help'], ['--version'], ['presets'], *([verb, '--help'] for verb in VERBS)):\n"
        "    assert CliRunner().invoke(kgan, words).exit_code == 0, words\n"
        "assert not {'tensorflow', 'keras', 'numpy', 'PIL', 'matplotlib', 'tensorflow_datasets'} & set(sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_version_and_help_of_the_installed_command():
    told = subprocess.run([KGAN, "--version"], capture_output=True, text=True, check=True).stdout
    assert told == f"kgan, version {__version__}\n"
    shown = command("--help").stdout
    assert all(re.search(rf"^  {verb} +{re.escape(VERBS[verb])}$", shown, re.MULTILINE) for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_files_and_examples(verb):
    result = command(verb, "--help")
    assert result.exit_code == 0 and result.stdout.startswith(f"Usage: kgan {verb}")
    examples = kgan.get_command(None, verb).examples
    assert 2 <= len(examples) <= 4 and "\nFiles:\n" in result.stdout
    for example in examples:
        assert f"\n  {example}\n" in result.stdout
        _, name, *words = shlex.split(re.split(r" > | \|\| ", example)[0])
        kgan.get_command(None, name).make_context(name, words)  # raises where it is no such command


@pytest.mark.parametrize("words", [["--debug", "info", "missing"], ["info", "missing", "--debug"]], ids=" ".join)
def test_debug_shows_the_traceback_behind_the_one_line(words):
    plain, debugged = command("info", "missing"), command(*words)
    assert plain.exit_code == debugged.exit_code == 2
    *trace, last = debugged.stderr.splitlines()
    assert [last] == plain.stderr.splitlines()
    assert trace[0].startswith("Traceback") and any("exports" in line and "info.py" in line for line in trace)


def test_ctrl_c_ends_a_command_with_one_line_and_leaves_nothing_half_written(trained, tmp_path):
    words = "sample", trained.run_dir, "-n", 100_000, "--out", tmp_path / "images"
    process = subprocess.Popen(
        [KGAN, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which tests in the background ignore
    )
    while not list(tmp_path.rglob("*.png")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=300)
    assert (process.returncode, output) == (128 + signal.SIGINT, "")
    assert errors.splitlines()[-1] == "Error: interrupted; what was saved before is complete"
    assert "Traceback" not in errors and not list(tmp_path.rglob("*.png"))


def test_options_take_the_names_of_the_tables():
    assert set(names.LATENTS) == set(latents.DISTRIBUTIONS)
    assert set(names.LOSSES) == set(losses.LOSSES)
    assert set(names.STRATEGIES) == set(strategies.STRATEGIES)
    assert set(names.EXTRACTORS) == set(extractors.CHOICES)
    assert set(names.MODES) == set(MODES)
    assert set(names.SIGNATURES) == set(edge.SIGNATURES)


def test_a_format_has_one_name_at_every_entry():
    flags = {name.replace("_", "-") for name in FORMATS}
    assert all(f"--{flag} " in command("export", "--help").stdout for flag in flags)
    taken = {name: Format().convert(name, None, None) for name in (*FORMATS, "litert", "tf_saved_model")}
    assert taken == {**{name: name for name in FORMATS}, "litert": "tflite", "tf_saved_model": "saved_model"}


def test_presets_lists_every_recipe_with_its_paper_and_what_differs():
    shown = command("presets").stdout
    recipes, note = shown.rsplit("\n\n", 1)
    assert [line.split()[0] for line in recipes.splitlines() if not line.startswith(" ")] == list(PRESETS)
    assert shown.count("arXiv:") == len(PRESETS) and recipes.count("Differences: ") == len(PRESETS)
    words = " ".join(shown.split())
    assert all(preset.differences in words for preset in PRESETS.values())
    assert "average" in note and max(map(len, recipes.splitlines())) <= 130


def test_datasets_lists_ours_first_and_says_that_paths_work():
    told = command("datasets").stdout
    assert set(OWN) == {"digits", "avatars", *OF_ONE_SIZE}
    assert [line.split()[0] for line in told.split("\n\n")[0].splitlines()] == [*OWN, *POPULAR]
    assert "folder of images" in told


def test_a_dry_run_describes_and_writes_nothing(place, listing):
    before = listing(place)
    words = ("--steps", "70", "--batch-size", "48", "--dry-run", "--image-size", "9x12", "--crop", "--verbose")
    result = command("train", "digits", *words)
    assert result.exit_code == 0 and result.stdout == "" and listing(place) == before
    lines = result.stderr.splitlines()
    names = [name for name in (*DESCRIPTION, *DETAILS) if name != "resuming "]
    assert [line.split()[0] for line in lines] == [name.strip() for name in names]
    data, classes, recipe, nets, run, loss, *_ = lines
    assert re.fullmatch(
        r"networks +generator of [\d,]+ weights, feature maps of 5x6, 10x12 pixels; discriminator of [\d,]+", nets
    )
    assert "digits: 1,797 grey images of 9x12 pixels" in data and "resnet" in recipe
    assert "70 steps of 48 images, each image about 2 times" in recipe
    assert "10: 0 (178), 1 (182)" in classes
    expected = (
        r"loss +relativistic, r1 and r2 of weight (\S+) \(from the data\) at 25 % of the images; learning rate 0.002"
    )
    assert 0.05 < float(re.fullmatch(expected, loss)[1]) < 0.2
    assert "runs/digits-resnet " in run and "runs/digits-resnet/samples" in run


def test_train_and_export_in_one_command_and_again(place):
    words = ["train", "./images", "--run", "new", "--preset", "lean", "--latent-dim", "4", "--batch-size", "3"]
    words += ["--steps", "2", "--export", "tflite"]
    result = command(*words)
    assert result.exit_code == 0, result.output
    assert "trained 2 steps" in result.stderr and result.stdout.startswith("new/export/generator.tflite: ")
    assert Run("new").config.data == str(place / "images")
    assert (place / "new" / "export" / "generator.tflite").read_bytes()[4:8] == b"TFL3"


def test_a_dry_run_estimates_the_time_and_changes_nothing(place, listing):
    before = listing(place)
    result = command("train", "digits", "--steps", "5000", "--batch-size", "4", "--dry-run")
    assert result.exit_code == 0 and listing(place) == before
    estimate = r"about [\d.]+ (seconds|minutes|hours) \([\d,.]+ m?s a step\), and more for pictures and checks"
    assert re.search(rf"^time  +{estimate}$", result.stderr, re.M)


def test_a_finished_run_has_nothing_to_do(place, listing):
    before = listing(Path("run"))
    result = command("train", "digits", "--run", "run", "--steps", "30", *SAME)
    assert result.exit_code == 0 and listing(Path("run")) == before
    assert re.search(r"^resuming  at step 30 of 30, saved on \d+ \w+ \d{4} at \d\d:\d\d$", result.stderr, re.M)
    assert "nothing to do: run has 30 steps already" in result.stderr and "--steps 60" in result.stderr
    result = command("train", "digits", "--run", "run", "--steps", "10", *SAME)
    assert "nothing to do: run has 30 steps already" in result.stderr and "--steps 60" in result.stderr


def test_run_auto_takes_the_next_number(place):
    expected = [f"runs/digits-lean{end}" for end in ("", "-2", "-3")]
    for folder in expected:
        result = command("train", "digits", "--preset", "lean", "--steps", "5", "--dry-run", "--run", "auto")
        assert f"run       {folder} " in result.stderr, result.stderr
        Path(folder).mkdir(parents=True)


def test_a_missing_run_is_answered_with_the_runs_that_exist(run_dir, monkeypatch):
    monkeypatch.chdir(run_dir.parent)
    for verb in ("sample", "evaluate", "export", "doctor", "report", "directions"):
        result = command(verb, "rum", *(["--tflite"] if verb == "export" else []))
        assert (
            result.exit_code == 2
            and "such as run, or the name of a pretrained generator (avatars, digits, mnist). Use its path."
            in result.stderr
        ), result.stderr


def test_errors_that_need_no_tensorflow_do_not_import_it(run_dir):
    code = (
        "import sys; from click.testing import CliRunner; from keras_gan.cli.main import kgan\n"
        "for words in sys.argv[1:]:\n"
        "    assert CliRunner().invoke(kgan, words.split()).exit_code == 2, words\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    lines = (
        "sample rum",
        "evaluate rum",
        "export rum --tflite",
        "directions rum",
        "doctor rum",
        "trian",
        "sample . -n 0",
    )
    lines += (f"sample {run_dir} --label 3", f"sample {run_dir} --set smile=2", f"sample {run_dir} --sweep smile")
    ended = subprocess.run([sys.executable, "-c", code, *lines], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_damaged_images_are_skipped_where_asked(place):
    result = command("train", "./cut", "--skip-damaged", "--batch-size", "2", "--dry-run")
    assert result.exit_code == 0 and "cut: 2 colour images of 8x8 pixels" in result.stderr


def test_samples_of_a_run_and_of_its_tflite_agree(trained, tflite, tmp_path):
    arrays = []
    for origin in (trained.run_dir, tflite):
        out = tmp_path / f"{len(arrays)}.npz"
        result = command("sample", origin, "-n", 20, "--seed", 5, "--out", out)
        assert result.exit_code == 0 and result.stdout == f"20 samples in {out}\n", result.output
        with np.load(out) as archive:
            arrays.append(archive["images"].astype(int))
    assert arrays[0].shape == (20, 8, 8, 1) and np.ptp(arrays[0]) > 20
    np.testing.assert_allclose(*arrays, atol=2)


def test_a_tflite_is_sampled_without_tensorflow(tflite, tmp_path):
    code = (
        "import sys; from keras_gan.cli.main import kgan\n"
        "kgan(sys.argv[1:], standalone_mode=False)\n"
        "assert not {'tensorflow', 'keras', 'matplotlib', 'sklearn'} & set(sys.modules)"
    )
    words = ["sample", tflite, "-n", "3", "--out", tmp_path / "x.png"]
    ended = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.size == (2 * 50 + 2, 2 * 50 + 2)


def test_samples_go_into_a_folder_by_default_into_a_grid(place):
    assert command("sample", "run", "-n", 3).stdout == "3 samples in samples.png\n"
    assert command("sample", "run", "-n", 3, "--out", "many").exit_code == 0
    assert sorted(path.name for path in (place / "many").iterdir()) == ["0.png", "1.png", "2.png"]


def test_a_saved_model_is_exported_into_the_run(place):
    result = command("export", "run", "--saved-model")
    assert result.exit_code == 0, result.output
    assert (place / "run" / "export" / "saved_model" / "saved_model.pb").is_file()
    assert "signatures generate" in result.stdout


@pytest.mark.long
def test_vectors_are_sampled_as_an_array_only(place):
    np.save("v.npy", np.random.default_rng(0).normal(size=(50, 2)))
    assert command("train", "v.npy", "--run", "vectors", "--steps", 1, "--batch-size", 5).exit_code == 0
    assert command("sample", "vectors", "-n", 4, "--out", "v.npz").exit_code == 0
    assert zipfile.is_zipfile("v.npz")
    result = command("sample", "vectors", "-n", 4, "--out", "v.png")
    assert_one_line(result.exit_code, result.stdout, result.stderr, "are not images; .*--out x.npz")


# usage errors and encodings -------------------------------------------------------------------------------------------


USAGE = {
    "missing argument": ("train", r"kgan train received no NAME_OR_PATH; expected kgan train \[OPTIONS\] NAME_OR_PATH"),
    "unknown option": ("train digits --stepz 3", "kgan train has no option --stepz; expected --steps"),
    "unlike any option": ("train digits --colour", r"no option --colour; expected kgan train \[OPTIONS\]"),
    "option without value": ("train digits --steps", "'--steps' requires an argument; expected --steps INTEGER"),
    "flag with a value": ("train digits --crop=1", "'--crop' does not take a value; expected --crop without a value"),
    "no number": ("train digits --steps many", "--steps: 'many' .*; expected a whole number"),
    "out of range": ("train digits --evaluate-every 0", "--evaluate-every: 0; expected a whole number, 1 or more"),
    "below the range": (
        "train digits --checkpoint-every -1",
        "--checkpoint-every: -1.0; expected a number, 0 or more",
    ),
    "no choice": (
        "train digits --export coreml",
        "--export: .*'coreml'; .*tflite, saved_model, onnx, web",
    ),
    "no size": ("train digits --image-size axb", "--image-size: 'axb'; expected one side or HEIGHTxWIDTH"),
    "no weight": ("train digits --gamma heavy", "--gamma: 'heavy'; expected a number such as 1, auto"),
    "too many arguments": ("demo a b", r"unexpected extra argument \(b\); expected kgan demo \[OPTIONS\]"),
    "unknown command": ("trian digits", r"unknown command 'trian'; did you mean train\? \(all: kgan --help\)"),
    "option of no command": ("--foo", r"kgan has no option --foo; expected kgan \[OPTIONS\] COMMAND"),
    "value for --help": ("--help=3", "'--help' does not take a value; expected --help without a value"),
}


@pytest.mark.parametrize("name", USAGE)
def test_a_usage_error_is_one_line_of_the_same_form(name):
    words, message = USAGE[name]
    result = command(*words.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.fullmatch(rf"Error: .*{message}.*\n", result.stderr), result.stderr
    if "command" not in name or words.startswith("-"):
        assert re.search(r"\. See kgan ?\w* --help\.\n$", result.stderr), result.stderr


def test_kgan_alone_shows_its_help():
    result = command()
    assert result.exit_code == 2 and all(f"  {verb} " in result.stderr for verb in VERBS)


TEXT = "Fréchet ½ 0.5 ± 0.1 → 3×3, γ … ≥ √2 猫 \udce9"
IN_ENCODINGS = {
    "ascii": "Frechet 1/2 0.5 +- 0.1 -> 3x3, gamma ... >= sqrt 2 ? ?",
    "latin-1": "Fréchet ½ 0.5 ± 0.1 -> 3×3, gamma ... >= sqrt 2 ? ?",
    "cp1251": "Frechet 1/2 0.5 ± 0.1 -> 3x3, gamma … >= sqrt 2 ? ?",
    "cp932": "Frechet 1/2 0.5 ± 0.1 → 3×3, γ … >= √2 猫 ?",
    "utf-8": "Fréchet ½ 0.5 ± 0.1 → 3×3, γ … ≥ √2 猫 ?",
}


def process(*words, encoding, **variables):
    environment = {**os.environ, "PYTHONIOENCODING": encoding, **variables}
    return subprocess.run([str(word) for word in words], capture_output=True, env=environment)


@pytest.mark.parametrize("encoding", IN_ENCODINGS)
def test_what_an_encoding_lacks_is_written_in_ascii(encoding):
    code = (
        "import sys, click; from keras_gan.cli import output; output.allow_any_encoding()\n"
        f"text = {TEXT!a}\n"
        "print(text); click.echo(text); sys.stdout.flush()\n"
        "print(text, file=sys.stderr); click.echo(text, err=True)"
    )
    ended = process(sys.executable, "-c", code, encoding=encoding)
    assert ended.returncode == 0, ended.stderr
    for stream in (ended.stdout, ended.stderr):
        assert stream.decode(encoding).splitlines() == 2 * [IN_ENCODINGS[encoding]]


@pytest.mark.parametrize("encoding", [*IN_ENCODINGS, "ascii:strict"])
def test_the_command_ends_well_in_any_encoding(tmp_path, encoding):
    shown = process(KGAN, "train", "--help", encoding=encoding)
    assert shown.returncode == 0 and "relativistic" in shown.stdout.decode(encoding.split(":")[0])
    ended = process(KGAN, "sample", tmp_path / "ø猫.tflite", encoding=encoding)
    message = ended.stderr.decode(encoding.split(":")[0])
    assert ended.returncode == 2 and message.startswith("Error: ") and message.count("\n") == 1
    assert "does not exist; expected a run" in message


@pytest.mark.parametrize("locale", [{}, {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
def test_the_locale_c_is_no_trouble(tmp_path, locale):
    ended = process(KGAN, "sample", tmp_path / "ø猫.tflite", encoding="", LC_ALL="C", **locale)
    assert ended.returncode == 2 and ended.stderr.startswith(b"Error: ") and b"Traceback" not in ended.stderr


@pytest.mark.parametrize("words", ["presets", "--help", "train --foo"])
def test_an_output_that_is_closed_or_full_is_no_traceback(words):
    for redirection in (">&-", "2>&-", "| true", ">/dev/full", "2>/dev/full"):
        ended = subprocess.run(f"{KGAN} {words} {redirection}", shell=True, capture_output=True, text=True)
        assert "Traceback" not in ended.stderr and "Exception" not in ended.stderr, (redirection, ended.stderr)


# classes and backgrounds of data


def labelled(path, *counts):
    rng = np.random.default_rng(0)
    labels = np.repeat([f"kind {number}" for number in range(len(counts))], counts)
    np.savez(path, images=rng.integers(0, 256, (len(labels), 8, 8), dtype="uint8"), labels=labels)
    return path


def dry_run(*words):
    result = command("train", *words, *SAME, "--dry-run")
    assert result.exit_code == 0, result.output
    return result.stderr


def test_train_shows_the_classes_with_their_numbers_of_images(tmp_path):
    shown = dry_run(labelled(tmp_path / "a.npz", 30, 20, 25), "--conditional")
    assert re.search(r"^classes +3: kind 0 \(30\), kind 1 \(20\), kind 2 \(25\)$", shown, re.MULTILINE)
    many = dry_run(labelled(tmp_path / "b.npz", *[4] * 40))
    assert re.search(
        r"^classes +40: kind 0 \(4\), .*, … and 35 more; used only with --conditional$", many, re.MULTILINE
    )
    assert "Notice" not in shown + many


@pytest.mark.parametrize("counts, warned", [((90, 9), True), ((89, 9), False)])
def test_train_warns_of_very_unequal_classes(tmp_path, counts, warned):
    file = labelled(tmp_path / "a.npz", *counts)
    shown = dry_run(file, "--conditional")
    assert ("Notice" in shown) == warned
    if warned:
        assert re.search(
            r"^Notice: .*a.npz has 90 images of kind 0 and 9 of kind 1; .*--?\b|copies", shown, re.MULTILINE
        )
    assert "Notice" not in dry_run(file)


def test_labels_that_cannot_be_used_are_named_once(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros((60, 8, 8), "uint8"), labels=np.arange(59))
    assert dry_run(tmp_path / "a.npz").count("its labels have shape (59,) for 60 images") == 1
    result = command("train", tmp_path / "a.npz", *SAME, "--dry-run", "--conditional")
    assert result.exit_code == 2 and result.stderr.count("its labels have shape (59,) for 60 images") == 1


def test_train_puts_transparent_images_on_the_background_that_was_chosen(tmp_path):
    for index in range(16):
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.new("RGBA", (8, 8), (0, 0, 0, 16 * index)).save(tmp_path / "photos" / f"{index}.png")
    shown = dry_run(tmp_path / "photos", "--background", "#00ff00")
    assert shown.count("16 of 16 images are transparent; transparent pixels become #00ff00") == 1
    result = command("train", tmp_path / "photos", *SAME, "--dry-run", "--background", "whit")
    assert result.exit_code == 2 and "'whit' is not a colour" in result.stderr


def test_train_mirrors_images_where_it_is_asked_to(tmp_path):
    assert "1,797 grey images of 8x8 pixels, mirrored at random" in dry_run("digits", "--flip")
    result = command("train", "ring", "--flip", "--dry-run", "--run", tmp_path / "run")
    assert result.exit_code == 2 and "flip for ring, which has no images" in result.stderr


# terminals


def on_a_terminal(*words, columns, **variables):
    """What a command writes to a terminal of a width."""
    above, below = pty.openpty()
    fcntl.ioctl(below, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    environment |= {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"} | variables
    with subprocess.Popen(list(map(str, words)), stdin=below, stdout=below, stderr=below, env=environment) as process:
        os.close(below)
        written = b""
        while chunk := read(above):
            written += chunk
    os.close(above)
    return process.returncode, written.decode().replace("\r\n", "\n")


def read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux, when the other end is closed
        return b""


ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


WIDE_TABLE = """
from keras_gan._utils.text import Table
from keras_gan.cli import output
rows = [("thickness ±1.2", "+0.48", "+0.06 width", "nothing locked"), ("slant ±1.6", "-0.74", "-0.41 width", "")]
output.show(Table(rows, ("slider", "a step", "cross-talk", "how to read it"), numbers=(1, 2)))
"""


@pytest.mark.parametrize("columns", [30, 40, 50, 80])
def test_a_table_fits_a_terminal_and_breaks_no_word(columns):
    status, written = on_a_terminal(sys.executable, "-c", WIDE_TABLE, columns=columns)
    lines = ESCAPE.sub("", written).splitlines()
    assert status == 0 and max(map(len, lines)) <= columns
    words = {word for line in lines for word in line.split()}
    assert words >= {"thickness", "±1.2", "+0.48", "+0.06", "nothing", "locked", "slant", "-0.74", "cross-talk"}


def test_a_verdict_has_a_colour_on_a_terminal(run_dir):
    status, written = on_a_terminal(KGAN, "doctor", run_dir, columns=80)
    assert status == 0 and re.search(r"\x1b\[1;33mTOO EARLY TO TELL", written)


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"PYTHONIOENCODING": "ascii"}], ids=str)
def test_lines_are_plain_where_colours_are_not_wanted(variables):
    written = on_a_terminal(KGAN, "presets", columns=40, **variables)[1]
    plain = command("presets").stdout
    assert written == (output.in_ascii(plain) if "PYTHONIOENCODING" in variables else plain)


def test_a_card_printed_in_python_is_plain_text():
    card = metrics.compare(np.eye(40, 4, dtype="float32"), np.eye(120, 4, dtype="float32"))
    head, *rows = [line for line in str(card).splitlines() if "  " in line]
    assert "samples" in head and len(rows) == len(card.scores) and not ESCAPE.search(str(card))
    assert [row.split("  ")[0] for row in rows] == [score.label for score in card.scores]
