"""Hostile files: hundreds of mutants of every kind end in an InputError, or in a right result.

Nothing else counts: no other error, no warning, no hang, no death of the process. The mutants of a kind are judged in
a process of their own, which is this file run as a program; what fails is named by its kind and seed.
"""

import contextlib
import dataclasses
import functools
import importlib
import io
import json
import os
import pickle
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import types
import typing
import warnings
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from keras_gan import reporting
from keras_gan._utils.errors import InputError, Notice

LONGEST_S = 60  # for one mutant, so that only one that hangs takes longer
ANSWER = "answer: "  # begins the lines of answers, since libraries print to the same stream
SHAPE = (8, 8, 1)
EXTREMES = (0, 1, 2, 0xFF, 0xFFFF, 0x10000, 2**31 - 1, 2**31, 2**32 - 1)
HOSTILE_VALUES = (
    *(None, True, False, -1, 0, 1.5, 2**31, 2**63, 10**9, 10**400, 1e308, float("nan"), float("inf")),
    *("", "x" * 10_000, "../../etc/passwd", "\ud800", "\0", [], {}, [[]], [-1, -1], [10**9] * 3, {"class_name": "os"}),
)


# mutations


def mutate(content: bytes, seed: int) -> bytes:
    """The content after one to four mutations: bits, cuts, splices, zeros, doubled blocks, extreme numbers."""
    rng = random.Random(seed)
    result = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        if len(result) > 8:
            rng.choice(MUTATIONS)(rng, result, rng.randrange(len(result)), rng.randrange(1, 65))
    return bytes(result)


def _flip(rng, content, place, length):
    content[place] ^= 1 << rng.randrange(8)


def _cut(rng, content, place, length):
    del content[place:]


def _splice(rng, content, place, length):
    other = rng.randrange(len(content))
    content[place : place + length] = content[other : other + length]


def _zero(rng, content, place, length):
    content[place : place + length] = bytes(len(content[place : place + length]))


def _double(rng, content, place, length):
    content[place:place] = content[place : place + length]


def _extreme(rng, content, place, length):
    """In either byte order, anywhere or in the header."""
    place = min(place, rng.choice((64, len(content)))) // 4 * 4
    number = struct.pack(rng.choice("<>") + "I", rng.choice(EXTREMES))
    content[place : place + 4] = number[: len(content[place : place + 4])]


MUTATIONS = (_flip, _flip, _cut, _splice, _zero, _double, _extreme, _extreme, _extreme)


def mutate_json(content: bytes, seed: int) -> bytes:
    """JSON in which a value anywhere is a hostile one; every fourth time only bytes are changed."""
    rng = random.Random(seed)
    if seed % 4 == 0:
        return mutate(content, seed)
    tree = json.loads(content)
    places = list(_places(tree))
    for _ in range(rng.choice((1, 1, 2))):
        owner, key = rng.choice(places)
        owner[key] = rng.choice(HOSTILE_VALUES)
    return json.dumps(tree).encode()


def _places(tree):
    for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
        yield tree, key
        if isinstance(value, dict | list):
            yield from _places(value)


def mutate_zip(content: bytes, seed: int) -> bytes:
    """An archive with a mutated member, whose checksum is right; every fourth time with mutated bytes throughout."""
    if seed % 4 == 0:
        return mutate(content, seed)
    rng, result = random.Random(seed), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(result, "w") as after:
        chosen = rng.choice(before.namelist())
        for name in before.namelist():
            member = before.read(name)
            if name == chosen:
                member = (mutate_json if name.endswith(".json") else mutate)(member, rng.randrange(2**31))
            after.writestr(name, member)
    return result.getvalue()


def mutate_mat(content: bytes, seed: int) -> bytes:
    """A file whose compressed array is mutated inside, where there is one."""
    kind, size = struct.unpack_from("<II", content, 128)
    if kind != 15 or seed % 4 == 0:
        return mutate(content, seed)
    packed = zlib.compress(mutate(zlib.decompress(content[136 : 136 + size]), seed))
    return content[:128] + struct.pack("<II", 15, len(packed)) + packed


def mutate_words(content: bytes, seed: int) -> bytes:
    """Up to three 32-bit words changed by little or to small numbers, as offsets and indices are; or others."""
    rng, result = random.Random(seed), bytearray(content)
    if seed % 2:
        return mutate(content, seed)
    for _ in range(rng.choice((1, 2, 3))):
        place = rng.randrange(len(content) - 4) // 4 * 4
        (word,) = struct.unpack_from("<I", result, place)
        word = rng.choice((word + rng.choice((-4, -1, 1, 4, 1000)), rng.randrange(64), -rng.randrange(64), 2**30))
        struct.pack_into("<I", result, place, word % 2**32)
    return bytes(result)


def mutate_checkpoint(content: bytes, seed: int) -> bytes:
    """A checkpoint with a member that is another one, gone, or there twice; every fourth time with mutated bytes."""
    if seed % 4 == 0:
        return mutate(content, seed)
    rng, result = random.Random(seed), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    place = rng.randrange(len(members))
    members[place : place + 1] = rng.choice(MEMBER_MUTATIONS)(rng, *members[place])
    with zipfile.ZipFile(result, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, member in members:
            archive.writestr(name, member)
    return result.getvalue()


def _declared(rng, name, member):
    """Numbers as before under a header that declares something else."""
    shape = rng.choice(((10**6, 10**6, 10**3), (2**62, 2**62), (2**33,), (-1,), (0,), (3,), ()))
    return [
        (name, header(shape, rng.choice(("<f4", "<f8", ">f4", "|O", "<U4", "|V2", "|b1", "<M8[s]"))) + member[128:])
    ]


MEMBER_MUTATIONS = (
    lambda rng, name, member: [(name, mutate(member, rng.randrange(2**31)))],
    lambda rng, name, member: [],
    lambda rng, name, member: [(name, member), (name, mutate(member, rng.randrange(2**31)))],
    lambda rng, name, member: [(name, mutate(member, rng.randrange(2**31))), (name, member)],
    lambda rng, name, member: [(f"more/{name}", member)],
    lambda rng, name, member: [(name, member), (f"beside/{name}", member)],
    lambda rng, name, member: [(name, member), (name.removesuffix(".npy"), b"no array")],
    _declared,
)


def forge(content: bytes, seed: int) -> bytes:
    """A checkpoint of which one or two arrays are others, with the checksum of what it now holds."""
    from keras_gan.runs import checkpoints

    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "forged.npz")
        file.write_bytes(content)
        arrays = checkpoints.read(file)
        beside = [name for name in arrays if name.startswith(checkpoints.EXTRA)]
        for name in rng.choices(rng.choice((list(arrays), beside)), k=rng.choice((1, 2))):
            arrays[name] = rng.choice(ARRAY_MUTATIONS)(arrays[name])
        checkpoints.write(file, arrays)
        return file.read_bytes()


def _filled(value, array):
    """The same shape, of one number, and the same dtype where it can hold that number."""
    return np.full(array.shape, value, array.dtype if np.can_cast(type(value), array.dtype, "same_kind") else None)


ARRAY_MUTATIONS = (
    *(functools.partial(_filled, value) for value in (np.nan, np.inf, -1.0, -1, 10**9)),
    *(lambda array, value=value: np.array(value) for value in (np.nan, -1, 10**9, True, "\x1b[2J", 1j, [], [1, 2])),
    lambda array: array[None],
    lambda array: array.astype(">f8"),
    lambda array: np.zeros(array.shape, [("a", "f4")]),
)


# kinds: what is mutated, how, and what opens it


def check_data(path):
    from keras_gan import data

    source = data.open_source(path.absolute(), 8 if path.is_dir() else None)
    fetched = source.fetch(np.arange(source.count))
    assert fetched.shape == (source.count, *source.shape) and fetched.size
    assert fetched.dtype == np.uint8 or (fetched.dtype == np.float32 and np.isfinite(fetched).all())


def check_folder(path):
    check_data(path.parent)


def check_generator(path):
    from keras_gan import exports
    from keras_gan.exports import info

    with contextlib.suppress(InputError):
        assert info.to_text(info.describe(path))
    samples = exports.open_generator(path, trust=(path / "saved_model.pb").is_file()).generate(17, seed=0)
    images = samples.shape[0] == 17 and samples.ndim == 4 and samples.dtype == np.uint8
    assert images or (samples.dtype == np.float32 and np.isfinite(samples).all()), (samples.shape, samples.dtype)


def check_saved_model(path):
    check_generator(next(folder for folder in path.parents if (folder / "saved_model.pb").exists()))


def check_tflite(path):
    """As ever, but for the trial: a fork runs it, since hundreds of fresh interpreters would take minutes."""
    from keras_gan.exports import edge, metadata  # noqa: F401  imported once, before the forks

    edge.run_in_process = forked_trial
    check_generator(path)


def check_onnx(path):
    """The same of an .onnx."""
    import onnxruntime  # noqa: F401  imported once, before the forks

    from keras_gan.exports import edge, onnx_runtime  # noqa: F401

    edge.run_in_process = forked_trial
    check_generator(path)


def forked_trial(content, module="keras_gan.exports.edge"):
    from keras_gan.exports import trial

    child = os.fork()
    if not child:
        trial.limit_memory()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # a hang inside LiteRT is ended from outside
        signal.alarm(2)
        try:
            importlib.import_module(module).trial(content)
            os._exit(0)
        except BaseException:
            os._exit(1)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise ValueError("the trial failed")


def check_run(path):
    """The settings and tables of a run: every field of the type it is declared to be."""
    from keras_gan.config import TrainConfig
    from keras_gan.runs import TABLES, Run

    run = Run(path.parent)
    for field in dataclasses.fields(TrainConfig):
        union = isinstance(field.type, types.UnionType)
        value, kinds = getattr(run.config, field.name), typing.get_args(field.type) if union else (field.type,)
        kinds = {typing.get_origin(kind) or kind for kind in kinds} | ({int} if float in kinds else set())
        assert type(value) in kinds, (field.name, value)
    assert len(run.data_shape) in (1, 3)
    classes = 1 if run.num_classes is None else run.num_classes
    assert all(type(size) is int and size >= 1 for size in (*run.data_shape, run.data_count, classes))
    assert classes <= 2**16  # 10**9 of them take gigabytes
    for columns in map(run.columns, TABLES):
        assert len({column.shape for column in columns.values()}) <= 1
        assert all(column.dtype == float and column.ndim == 1 for column in columns.values())


def check_tables(path):
    check_run(path)
    check_page(path)


def check_page(path):
    """What `kgan doctor` and `kgan report` make of a run."""
    from keras_gan import doctor, reporting
    from keras_gan.runs import Run

    run = Run(path.parent)
    assert all(isinstance(verdict.sentence, str) for verdict in doctor.examine(run))
    assert reporting.write(run).stat().st_size > 1_000


@functools.cache
def built(run_dir):
    """The networks of a run, into which nothing is loaded yet."""
    from keras_gan import training
    from keras_gan.runs import Run

    run = Run(run_dir)
    return training.build(run.config, run.data_shape, run.data_count)


def check_checkpoint(path):
    """What is loaded is what was saved: from the mutant, or from the earlier checkpoint, which holds the same."""
    from keras_gan.runs import Run, checkpoints

    run = Run(path.parents[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        try:
            arrays, beside = run.newest(built(run.path))
        except InputError as error:
            raise AssertionError(f"the earlier one was not taken: {error}") from error
    saved, saved_beside = checkpoints.split(checkpoints.read(run.checkpoints()[0]))
    for mine, its in ((arrays, saved), (beside, saved_beside)):
        assert {n: (a.dtype, a.tobytes()) for n, a in mine.items()} == {
            n: (a.dtype, a.tobytes()) for n, a in its.items()
        }


def check_forged(path):
    """What the networks and the callbacks take from a checkpoint are numbers that they can go on from."""
    from keras_gan.callbacks import Checks, DivergenceGuard, History
    from keras_gan.runs import Run

    run = Run(path.parents[1])
    gan, guard, history, checks = (
        built(run.path),
        DivergenceGuard(),
        History(run, 10, 16),
        Checks(np.zeros((4, *SHAPE)) - 1, run=run),
    )
    beside = run.restore(gan)
    guard.restore(gan, beside)
    history.restore(beside)
    checks.restore(beside)
    assert type(guard.made) is int and 0 <= guard.made <= guard.retreats
    assert 0 <= history.before_s <= 1e9
    assert checks.before is None or (checks.before.shape == (48, 64) and checks.before.dtype.kind in "iuf")


WHOLE, EARLIER, FORGED = (f"step_{step:07d}.npz" for step in (30, 20, 31))
KINDS = {  # suffix or file name -> what mutates it, what opens it
    **dict.fromkeys((".png", ".jpg", ".gif", ".bmp", ".tif", ".webp"), (mutate, check_folder)),
    ".npy": (mutate, check_data),
    ".npz": (mutate_zip, check_data),
    ".mat": (mutate_mat, check_data),
    ".keras": (mutate_zip, check_generator),
    ".tflite": (mutate_words, check_tflite),
    ".onnx": (mutate, check_onnx),
    "saved_model.pb": (mutate, check_saved_model),
    "variables.index": (mutate, check_saved_model),
    "keras_gan.json": (mutate_json, check_saved_model),
    "config.json": (mutate_json, check_run),
    "metrics.json": (mutate_json, check_page),
    ".csv": (mutate, check_tables),
    WHOLE: (mutate_checkpoint, check_checkpoint),
    FORGED: (forge, check_forged),
}


def kind_of(path):
    return KINDS.get(path.name) or KINDS[path.suffix]


def judge(path, seed):
    """What is wrong with the answer to a mutant; None where nothing is."""
    mutation, check = kind_of(path)
    good = path.read_bytes()
    path.write_bytes(mutation(good, seed))
    signal.alarm(LONGEST_S)
    try:
        check(path)
    except InputError as error:
        return None if str(error).strip() else f"an error that says nothing: {error!r}"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:300]
    finally:
        signal.alarm(0)
        path.write_bytes(good)


def work(first, count, *paths):
    """Judges mutants of the files in turn, and prints for each its seed and what is wrong with the answer."""

    def too_long(*_):
        raise TimeoutError(f"no answer within {LONGEST_S} s")

    signal.signal(signal.SIGALRM, too_long)
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
    warnings.filterwarnings("ignore", category=Notice)
    for path in paths:  # so that no mutant's time is that of an import
        _, check = kind_of(path)
        check(path)
    for seed in range(first, count):
        print(ANSWER + json.dumps([seed, judge(paths[seed % len(paths)], seed)]), flush=True)


@pytest.fixture(params=[0.1, pytest.param(1, marks=pytest.mark.long)], ids=["few", "all"])
def failures(request, forked):
    """A function that gives the seeds that fail, with file and reason; of the seeds, the first few or all.

    A death of the process is a failure, after which another process goes on.
    """

    def of(paths, count):
        found, first = {}, 0
        count = max(2 * len(paths), round(request.param * count))
        good = {path: path.read_bytes() for path in paths}
        while first < count:
            process = forked(__file__, first, count, *paths)
            out, err = process.communicate(timeout=1_800)
            lines = (line.removeprefix(ANSWER) for line in out.splitlines() if line.startswith(ANSWER))
            answers = dict(json.loads(line) for line in lines)
            found |= {seed: f"{paths[seed % len(paths)].name}: {wrong}" for seed, wrong in answers.items() if wrong}
            first += len(answers)
            if first < count:
                mutated = paths[first % len(paths)]
                found[first] = f"{mutated.name}: the process ended with {process.returncode}: {err[-300:]}"
                mutated.write_bytes(good[mutated])
                first += 1
        return found

    return of


# files to mutate


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype="uint8")


GREY, COLOUR = Image.fromarray(noise(8, 8)), Image.fromarray(noise(8, 8, 3))
IMAGES = {
    "colour.png": (COLOUR, {}),
    "deep.png": (Image.fromarray(noise(8, 8).astype("uint16") * 256), {}),
    "palette.png": (COLOUR.convert("P"), {"transparency": bytes((0, 128))}),
    "baseline.jpg": (COLOUR, {}),
    "progressive.jpg": (COLOUR, {"progressive": True}),
    "palette.gif": (COLOUR.convert("P"), {}),
    "colour.bmp": (COLOUR, {}),
    "raw.tif": (COLOUR, {}),
    "lzw.tif": (COLOUR, {"compression": "tiff_lzw"}),
    "jpeg.tif": (COLOUR, {"compression": "jpeg"}),
    "lossy.webp": (COLOUR, {}),
    "grey.png": (GREY, {}),
}


@pytest.mark.filterwarnings("ignore::keras_gan._utils.errors.Notice")  # one image is transparent
def test_images(failures, tmp_path):
    paths = [tmp_path / name.replace(".", "_") / name for name in IMAGES]
    for path, (image, options) in zip(paths, IMAGES.values(), strict=True):
        path.parent.mkdir()
        image.save(path, **options)
        check_folder(path)
    assert failures(paths, 100 * len(paths)) == {}


def write_arrays(folder):
    from scipy.io import savemat

    images, labels, floats = noise(5, 8, 8), np.arange(5), np.linspace(-1, 1, 40).reshape(5, 8)
    np.save(folder / "pixels.npy", images)
    np.save(folder / "vectors.npy", floats)
    np.savez(folder / "plain.npz", images=images, labels=labels)
    np.savez_compressed(folder / "packed.npz", x_train=images, y_train=labels, x_test=images)
    savemat(folder / "plain.mat", {"images": images, "labels": labels, "text": "abc", "cell": {"a": 1}})
    savemat(folder / "packed.mat", {"images": images}, do_compression=True)


def test_arrays(failures, tmp_path):
    write_arrays(tmp_path)
    paths = sorted(tmp_path.iterdir())
    for path in paths:
        check_data(path)
    assert failures(paths, 250 * len(paths)) == {}


@pytest.fixture(scope="module")
def generators(tiny_generator, tiny_discriminator, tmp_path_factory):
    """A folder with g.keras, g.tflite, g.onnx, g-sample.onnx and the SavedModel g."""
    from keras_gan import GAN

    gan = GAN(tiny_generator(), tiny_discriminator(), seed=0)
    gan.compile()
    folder = tmp_path_factory.mktemp("generators")
    gan.save(folder / "g.keras")
    gan.export(folder / "g.tflite", "tflite", "float32")
    gan.export(folder / "g.onnx", "onnx")
    gan.export(folder / "g")
    return folder


def test_generators(failures, generators, tmp_path):
    copy = Path(shutil.copytree(generators, tmp_path / "copy"))
    of_saved_model = ("saved_model.pb", "variables/variables.index", "assets.extra/keras_gan.json")
    groups = {80: [copy / "g.keras"], 90: [copy / "g" / name for name in of_saved_model], 200: [copy / "g.tflite"]}
    groups[160] = [copy / "g.onnx", copy / "g-sample.onnx"]
    for paths in groups.values():
        check_generator(paths[0].parent if paths[0].suffix == ".pb" else paths[0])
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(failures, groups.values(), groups))
    assert found == [{}, {}, {}, {}]


def test_runs(failures, run_dir):
    paths = [run_dir / name for name in ("config.json", "history.csv", "checks.csv")]
    check_run(paths[0])
    assert failures(paths, 450) == {}


def test_pages(failures, run_dir):
    from keras_gan import evaluation

    evaluation.evaluate(run_dir, evaluation.Settings(samples=100, extractor="none"))
    check_page(run_dir / "metrics.json")
    assert failures([run_dir / "metrics.json"], 80) == {}


def test_checkpoints(failures, run_dir, tmp_path):
    from keras_gan.runs import checkpoints

    forged = Path(shutil.copytree(run_dir, tmp_path / "forged")) / "checkpoints"
    (forged / WHOLE).rename(forged / FORGED)
    whole = run_dir / "checkpoints" / WHOLE
    shutil.copy(whole, whole.with_name(EARLIER))
    assert {"beside/retreats", "beside/seconds", "beside/checked_samples"} < checkpoints.read(whole).keys()
    check_checkpoint(whole)
    check_forged(forged / FORGED)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(failures, [[whole], [forged / FORGED]], [200, 120])) == [{}, {}]


@pytest.mark.parametrize(
    "name, array, message",
    [
        (
            "retreats",
            10**9,
            r"retreats is 1000000000; expected numbers of shape \(\), 0 to 3.* newest checkpoint",
        ),
        ("retreats", [1, 2], r"retreats is of shape \(2,\)"),
        ("seconds", float("nan"), "seconds is nan"),
        ("checked_samples", [[1.0]], r"checked_samples is \[\[1.\]\]; expected numbers of shape \(48, 64\).*Delete"),
    ],
)
def test_what_callbacks_kept_and_cannot_use(name, array, message, run_dir):
    from keras_gan.runs import checkpoints

    file = run_dir / "checkpoints" / WHOLE
    checkpoints.write(file, {**checkpoints.read(file), checkpoints.EXTRA + name: np.array(array)})
    refused(file, message, check_forged)


def test_a_checkpoint_that_is_a_bomb(run_dir, tmp_path):
    from keras_gan.runs import checkpoints

    zipped(tmp_path / "a.npz", **{"generator/0000.npy": header((1, 8, 8), "|u1") + bytes(64)})
    claim(tmp_path / "a.npz", 2**31)
    refused(tmp_path / "a.npz", "it unpacks to 2,147,483,648 bytes", checkpoints.read)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_generate_nothing(value, tiny_gan):
    for weights in tiny_gan.ema_generator.variables:
        weights.assign(np.full(weights.shape, value))
    with pytest.raises(InputError, match="its weights hold NaN or infinity, or overflow; expected finite weights"):
        tiny_gan.generate(2, seed=0)


READERS = {
    "page": lambda run: check_page(run.config_file),
    "doctor": lambda run: doctor_picture(run),
    "curves": lambda run: reporting.draw(run),
    "history": lambda run: run.history(),
}


def doctor_picture(run):
    from keras_gan import doctor

    doctor.examine(run)
    doctor.draw(run)


@pytest.mark.parametrize(
    "table, column, reader",
    [
        ("history", "step", "history"),
        ("history", "seconds", "page"),
        ("history", "d_loss", "curves"),
        ("history", "g_gradient", "doctor"),
        ("checks", "diversity", "doctor"),
    ],
)
def test_a_column_that_is_missing_is_named(table, column, reader, run_dir):
    from keras_gan.runs import Run

    file = run_dir / f"{table}.csv"
    file.write_text(file.read_text().replace(column, "other", 1))
    message = "begin with a column step" if column == "step" else f"has no column {column}; expected one"
    refused(Run(run_dir), f"{table}.csv .*{message}", READERS[reader])


@pytest.mark.parametrize(
    "rows", ["nan,1", "inf,1", "1.5,1", "-1,1", "2,1\n1,2", "1,nan", "1,inf", "1,2\n2,1", "1,1e300"]
)
def test_steps_and_seconds_that_no_clock_gives(rows, run_dir):
    from keras_gan.runs import Run

    (run_dir / "history.csv").write_text(f"step,seconds\n{rows}\n")
    refused(Run(run_dir), "history.csv is damaged in line [23]; expected numbers", Run.history)


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        '{"config":' * 100_000,
        *("NaN", "[]", "3", "", '{"config": null}', '{"config": {"unheard_of": 1}}'),
    ],
    ids=lambda content: content[:20],
)
def test_a_run_with_other_json(content, run_dir):
    (run_dir / "config.json").write_text(content)
    refused(run_dir / "config.json", "config", check_run)


@pytest.mark.parametrize(
    "facts, settings",
    [
        ({"data_shape": [-1, 8, 1]}, {}),
        ({"data_shape": [10**6, 10**6, 1]}, {}),
        ({"data_shape": [8, 8, 7]}, {}),
        ({"data_shape": "abc"}, {}),
        ({"data_shape": [8, None, 1]}, {}),
        ({"data_shape": [float("inf"), 8, 1]}, {}),
        ({"data_shape": [10**9]}, {}),
        ({"data_count": []}, {}),
        ({"data_count": -1}, {}),
        ({"data_count": float("inf")}, {}),
        ({"num_classes": 10**9}, {"conditional": True}),
        ({"num_classes": 0}, {}),
        ({}, {"latent_dim": 10**9}),
        ({}, {"latent_dim": "8"}),
        ({}, {"batch_size": float("nan")}),
        ({}, {"latent": ["normal"]}),
        ({}, {"data": 3}),
        ({}, {"data": "\ud800"}),
        ({}, {"loss": {}}),
        ({}, {"seed": True}),
        ({}, {"gamma": 10**400}),
        ({}, {"image_size": ["8", "8"]}),
    ],
)
def test_a_run_with_other_settings(facts, settings, run_dir):
    from keras_gan import training

    written = json.loads((run_dir / "config.json").read_text())
    changed = {**written, **facts, "config": written["config"] | settings}
    (run_dir / "config.json").write_text(json.dumps(changed))
    refused(run_dir, "expected", training.load)


# single hostile files, each with what it is told


def refused(path, match, check=check_data):
    with pytest.raises(InputError, match=match):
        check(path)


def zipped(path, **members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def claim(path, size_bytes):
    """Lets the directory of an archive of one member declare that it unpacks to so much."""
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.rindex(b"PK\1\2") + 24, size_bytes)
    path.write_bytes(content)


def header(shape, dtype):
    written = io.BytesIO()
    np.lib.format.write_array_header_1_0(written, {"descr": dtype, "fortran_order": False, "shape": shape})
    return written.getvalue()


@pytest.mark.parametrize("shape", [(10**6, 10**3, 10**3), (-1, 8, 8), (2**62, 2**62)])
def test_an_array_that_claims_more_than_its_file_holds(shape, tmp_path):
    content = header(shape, "|u1") + bytes(64)
    (tmp_path / "a.npy").write_bytes(content)
    zipped(tmp_path / "a.npz", **{"images.npy": content})
    for name in ("a.npy", "a.npz"):
        refused(tmp_path / name, r"an array of shape .* needs .* and the file has [0-9]+\)")


def test_logical_arrays_of_matlab_are_no_pixels(tmp_path):
    from scipy.io import savemat

    from keras_gan import data

    savemat(tmp_path / "a.mat", {"images": noise(5, 8, 8) > 127})
    refused(tmp_path / "a.mat", "has dtype bool; expected uint8 pixels")
    savemat(tmp_path / "b.mat", {"images": noise(5, 8, 8), "labels": np.arange(5) > 2})
    assert data.open_source(tmp_path / "b.mat").labels.tolist() == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("version", ["4", "7.3"])
def test_versions_of_matlab_that_are_not_read(version, tmp_path):
    from scipy.io import savemat

    savemat(tmp_path / "a.mat", {"images": np.zeros((2, 2))}, format="4" if version == "4" else "5")
    if version == "7.3":
        content = bytearray((tmp_path / "a.mat").read_bytes())
        content[124:126] = b"\0\2"
        (tmp_path / "a.mat").write_bytes(content)
    refused(tmp_path / "a.mat", "not a Matlab file of version 5 to 7.2")


@pytest.mark.parametrize("name, member", [("a.npz", "images.npy"), ("a.keras", "config.json")])
def test_zip_bombs_and_names_that_lead_out(name, member, tmp_path):
    check = check_generator if name == "a.keras" else check_data
    zipped(tmp_path / name, **{member: header((1, 8, 8), "|u1") + bytes(64)})
    claim(tmp_path / name, 2**31)
    refused(tmp_path / name, "it unpacks to 2,147,483,648 bytes, .* 268,435,456", check)
    zipped(tmp_path / name, **{"../../" + member: bytes(9)})
    refused(tmp_path / name, "member '../../.*' leads out", check)


def test_a_compressed_matlab_bomb(tmp_path, monkeypatch):
    from scipy.io import savemat

    from keras_gan._utils import archives

    savemat(tmp_path / "a.mat", {"images": np.zeros((10, 64, 64), "uint8")}, do_compression=True)
    check_data(tmp_path / "a.mat")
    monkeypatch.setattr(archives, "PLAIN_BYTES", 2**10)  # writing 256 MB would take seconds
    refused(tmp_path / "a.mat", "it unpacks to more bytes")


def test_a_matlab_bomb_in_parts(tmp_path, monkeypatch):
    from scipy.io import savemat

    from keras_gan._utils import archives

    parts = {"images": np.zeros((10, 64, 64), "uint8")} | {f"part{i}": np.zeros(40_000, "uint8") for i in range(3)}
    savemat(tmp_path / "a.mat", parts, do_compression=True)
    check_data(tmp_path / "a.mat")
    monkeypatch.setattr(archives, "PLAIN_BYTES", 2**17)  # more than any of them, less than all
    monkeypatch.setattr(archives, "LARGEST_RATIO", 1)
    refused(tmp_path / "a.mat", "it unpacks to more bytes")


class Exploit:
    def __reduce__(self):
        return Path.touch, (Path("touched"),)


def test_pickles_are_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.array([Exploit()], object), allow_pickle=True)
    zipped(tmp_path / "a.npz", **{"images.npy": (tmp_path / "a.npy").read_bytes()})
    (tmp_path / "b.npy").write_bytes(pickle.dumps(Exploit()))
    for name in ("a.npy", "a.npz", "b.npy"):
        refused(tmp_path / name, "cannot be read")
    assert not Path("touched").exists()
    pickle.loads((tmp_path / "b.npy").read_bytes())
    assert Path("touched").exists()  # the exploit works


def png_claiming(width, height):
    content = bytearray(png())
    struct.pack_into(">II", content, 16, width, height)
    struct.pack_into(">I", content, 29, zlib.crc32(content[12:29]))
    return bytes(content)


def png():
    written = io.BytesIO()
    COLOUR.save(written, "PNG")
    return written.getvalue()


@pytest.mark.parametrize("side", [2**13 + 1, 10**4, 15_000, 2**31 - 1])
def test_images_that_claim_to_be_huge(side, tmp_path):
    (tmp_path / "0.png").write_bytes(png())
    (tmp_path / "1.png").write_bytes(png_claiming(side, side))
    refused(tmp_path, "1 of 2 images in .* cannot be read: 1.png")


def test_links_that_leave_the_folder(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "0.png").write_bytes(png())
    (folder / "1.png").symlink_to(folder / "0.png")
    check_data(folder)
    (tmp_path / "images_of_others.png").write_bytes(png())
    (folder / "2.png").symlink_to(tmp_path / "images_of_others.png")
    refused(folder, "2.png is a link to .*images_of_others.png, outside of .*; expected images inside")


def test_formats_that_run_programs_are_not_opened(tmp_path):
    COLOUR.save(tmp_path / "0.eps")  # Pillow hands them to Ghostscript
    (tmp_path / "0.eps").rename(tmp_path / "0.png")
    refused(tmp_path, "none of the 1 images")


def test_folders_nested_deeper_than_calls_may(tmp_path):
    deep = [tmp_path]
    for _ in range(1_500):
        deep.append(deep[-1] / "d")
        deep[-1].mkdir()
    image = deep[-1] / "0.png"
    image.write_bytes(png())
    try:
        check_data(tmp_path)
    finally:  # here, since what removes old folders for pytest calls itself once a level
        image.unlink()
        for folder in deep[:0:-1]:
            folder.rmdir()


def changed_config(source, path, change):
    """A copy of a .keras whose config.json was changed."""
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    change(config["config"]["generator"]["config"]["layers"][1])
    zipped(path, **{**members, "config.json": json.dumps(config)})


def test_keras_files_that_bring_code(generators, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def other_module(layer):
        layer.update(module="os", class_name="system", registered_name="system", config={"command": "touch touched"})

    def python(layer):
        code = {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None, "closure": None}}
        layer.update(class_name="Lambda", config={"name": "l", "function": code})

    changed_config(generators / "g.keras", tmp_path / "a.keras", other_module)
    refused(tmp_path / "a.keras", "Could not locate class 'system'", check_generator)
    changed_config(generators / "g.keras", tmp_path / "b.keras", python)
    refused(tmp_path / "b.keras", "holds Python code, such as that of a Lambda layer; .* use --trust", check_generator)
    assert not Path("touched").exists()


def test_a_saved_model_that_touches_files(tmp_path):
    """Nothing of it runs unless the user says so; no list of operations could tell which of them do harm."""
    import tensorflow as tf

    from keras_gan import exports
    from keras_gan.cli.main import kgan

    @tf.function(input_signature=[tf.TensorSpec((None, 4), "float32", name="z")])
    def generate(z):
        tf.io.write_file(str(tmp_path / "touched"), "")
        return {"images": tf.reshape(z, (-1, 2, 2, 1))}

    module = tf.Module()
    module.generate = generate
    tf.saved_model.save(module, str(tmp_path / "g"), signatures={"generate": generate})
    told = "is a SavedModel, which can run code, .*; expected one whose maker you trust. If you do, use --trust"
    refused(tmp_path / "g", told, exports.open_generator)
    for command in (["sample"], ["evaluate", "--data", "digits"]):
        done = CliRunner().invoke(kgan, [*command, str(tmp_path / "g")])
        assert done.exit_code == 2 and re.search(told, done.output), done.output
    assert not list(tmp_path.glob("touched*"))
    out = tmp_path / "trusted.npz"
    done = CliRunner().invoke(kgan, ["sample", str(tmp_path / "g"), "-n", "2", "--out", str(out), "--trust"])
    assert done.exit_code == 0 and out.is_file() and list(tmp_path.glob("touched*"))


def test_a_tflite_that_ends_the_process_of_litert(generators, tmp_path):
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray((generators / "g.tflite").read_bytes()))
    for operator in model.subgraphs[0].operators:
        if model.operatorCodes[operator.opcodeIndex].builtinCode == schema.BuiltinOperator.RESHAPE:
            operator.inputs[1] = -1  # no shape to go by: LiteRT 2.3 reads through a null pointer
    (tmp_path / "x.tflite").write_bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    refused(tmp_path / "x.tflite", "is damaged, or is no generator", check_generator)


def test_a_tflite_that_takes_for_ever(generators, monkeypatch):
    from keras_gan.exports import edge, trial

    monkeypatch.setattr(edge, "run_in_process", trial.run_in_process)  # not what the tests remember of it
    check_generator(generators / "g.tflite")
    monkeypatch.setenv(trial.SECONDS, "0.01")
    refused(generators / "g.tflite", "took longer than 0.01 s", check_generator)


def test_the_command_says_it_in_one_line(forked, generators, tmp_path):
    copy = Path(shutil.copytree(generators, tmp_path / "copy"))
    for target in (copy / "g.tflite", copy / "g.keras", copy / "g" / "saved_model.pb"):
        target.write_bytes(target.read_bytes()[: target.stat().st_size // 2])
    kgan = Path(sys.executable).with_name("kgan")
    names = ("g.tflite", "g.keras", "g")
    commands = [forked(kgan, "sample", copy / name, "--out", tmp_path / "x.png") for name in names]
    for command in commands:
        out, told = command.communicate(timeout=300)
        assert command.returncode == 2 and not out
        assert told.count("\n") == 1 and "expected" in told
    assert not (tmp_path / "x.png").exists()


def test_the_command_prints_no_codes_that_steer_a_terminal(run_dir):
    written = json.loads((run_dir / "config.json").read_text())
    written["config"]["gamma"] = "\x1b[2J\0"
    (run_dir / "config.json").write_text(json.dumps(written))
    done = subprocess.run([Path(sys.executable).with_name("kgan"), "doctor", run_dir], capture_output=True, text=True)
    assert done.returncode == 2 and not done.stdout
    assert str(run_dir / "config.json") in done.stderr and "gamma is ?[2J?; expected 0 or more, auto, or" in done.stderr
    assert done.stderr.count("\n") == 1 and done.stderr[:-1].isprintable()


if __name__ == "__main__":
    work(int(sys.argv[1]), int(sys.argv[2]), *map(Path, sys.argv[3:]))
