"""Generators that come with the package: by name in the command and in Python, and their files."""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import keras_gan
from keras_gan import InputError, training
from keras_gan._utils import files, pretrained
from keras_gan.cli.main import kgan
from keras_gan.exports import edge
from keras_gan.runs import Run, checkpoints

LARGEST_BYTES = 6_000_000  # of all together, in the wheel
NAMES = pretrained.names()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


def run(*words):
    return CliRunner().invoke(kgan, [*map(str, words)])


@pytest.mark.parametrize("words", [["sample", NAMES[0]], ["info", NAMES[0]], ["train", "digits", "--from", NAMES[0]]])
def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch, words):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path / "file" / "cache"))
    refused = run(*words)
    assert refused.exit_code == 2 and "Set KERAS_GAN_CACHE to a folder that you can write" in refused.output


def test_the_cache_without_a_home_folder(tmp_path, monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert files.cache_folder() == tmp_path / "cache"
    monkeypatch.setenv("KERAS_GAN_CACHE", "")
    with pytest.raises(InputError, match="no home folder .* Set KERAS_GAN_CACHE"):
        files.cache_folder()
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert files.cache_folder() == tmp_path / ".cache" / "keras_gan"  # an empty name is none


def test_there_are_some_and_they_are_small(tmp_path):
    assert NAMES == ["avatars", "digits", "mnist"]
    with zipfile.ZipFile(tmp_path / "wheel.zip", "w", zipfile.ZIP_DEFLATED) as archive:  # as a wheel holds them
        for file in pretrained.RUNS.rglob("*"):
            archive.write(file)
    assert (tmp_path / "wheel.zip").stat().st_size < LARGEST_BYTES


@pytest.mark.parametrize("name", NAMES)
def test_the_files_have_their_checksums(name):
    folder = pretrained.RUNS / name
    sums = dict(reversed(line.split("  ", 1)) for line in (folder / pretrained.SUMS).read_text("utf-8").splitlines())
    files = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
    assert sums.keys() == files.keys() - {pretrained.SUMS}
    for path, digest in sums.items():
        assert hashlib.sha256(files[path].read_bytes()).hexdigest() == digest, path


@pytest.mark.parametrize("name", NAMES)
def test_no_path_of_a_machine_is_in_them(name):
    for file in (pretrained.RUNS / name).rglob("*.json"):
        texts = json.dumps(json.loads(file.read_text("utf-8"))).split('"')
        assert not [text for text in texts if text.startswith("/")], file


def test_the_first_pictures_need_no_tensorflow(tmp_path):
    code = "import sys; from keras_gan.cli.main import kgan; kgan(['sample', 'avatars', '-n', '4'], standalone_mode=False); print('tensorflow' in sys.modules, 'keras' in sys.modules)"  # noqa: E501
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "False False"
    with Image.open(tmp_path / "samples.png") as picture:
        assert np.asarray(picture).std() > 20


@pytest.mark.parametrize("name", NAMES)
def test_the_gan_draws_what_the_file_draws(name):
    gan = keras_gan.pretrained(name)
    file = edge.Generator(pretrained.folder(name) / pretrained.GENERATOR)
    assert file.directions.names
    mine, others = (each.generate(4, seed=3).astype("int") for each in (gan, file))
    differences = np.abs(mine - others)
    if file.description["quantize"] == "float16":
        assert differences.max() <= 4  # both have weights of 16 bits
    else:  # the file's have 8: single pixels at edges differ by more
        assert np.quantile(differences, 0.999) <= 40 and differences.mean() < 2
    images = np.zeros((8, *gan.data_shape), "float32") + np.linspace(-0.5, 0.5, 8, dtype="float32")[:, None, None, None]
    labels = () if not gan.attributes else (np.eye(8, len(gan.attributes)),)
    if gan.num_classes is None:
        step = gan.step
        gan.fit(images, *labels, batch_size=4, verbose=0)
        assert gan.step == step + 2 and int(gan.skipped_steps.numpy()) == 0


def test_a_folder_of_that_name_wins_and_is_said_to(tmp_path):
    (tmp_path / "avatars").mkdir()
    done = run("sample", "avatars")
    assert done.exit_code == 2 and "Note: avatars is a path here" in done.output


def test_a_misspelt_name_is_one_line():
    done = run("sample", "avatrs")
    assert done.exit_code == 2 and "pretrained generator" in done.output and "avatars" in done.output
    with pytest.raises(InputError, match="avatars"):
        keras_gan.pretrained("avatrs")


def test_info_and_a_slider_by_name(tmp_path):
    shown = run("info", "avatars")
    assert shown.exit_code == 0 and "64" in shown.output, shown.output
    name = edge.Generator(pretrained.folder("avatars") / pretrained.GENERATOR).directions.names[0]
    swept = run("sample", "avatars", "-n", 2, "--frames", 3, "--sweep", name, "--out", "s.gif")
    assert swept.exit_code == 0 and (tmp_path / "s.gif").is_file(), swept.output


def test_weights_of_16_bits_start_training_afresh(tmp_path, trained_digits):
    gan = training.load(trained_digits)
    file = tmp_path / "step_0000004.npz"
    checkpoints.write_weights(file, gan)
    other = training.build(Run(trained_digits).config, gan.data_shape, 100)
    arrays = checkpoints.completed(checkpoints.read(file), other)
    assert checkpoints.fits(arrays, checkpoints.state(other))
    checkpoints.assign(other, arrays)
    assert other.step == 4
    for mine, average in zip(other.generator.get_weights(), gan.ema_generator.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, average.astype("float16").astype("float32"))
    np.testing.assert_array_equal(other.generator.get_weights()[0], other.ema_generator.get_weights()[0])


def test_an_animation_from_class_to_class_takes_the_run_of_a_name(tmp_path):
    done = run("sample", "digits", "--label", "3", "--label", "8", "--frames", 3, "--out", "w.gif")
    assert done.exit_code == 0 and "1 seed, 2 classes in w.gif" in done.output, done.output
    assert pretrained.run_of(tmp_path / "export" / "generator.tflite") is None


@pytest.fixture
def trained_digits(tmp_path):
    config = training.configure("digits", "lean", steps=4, batch_size=16, latent_dim=4)
    job = training.prepare(config, tmp_path / "run")
    job.train()
    return job.run_dir


@pytest.mark.long
def test_fine_tuning_starts_from_a_name(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), "uint8")).save(tmp_path / "a.png")
    (tmp_path / "photos").mkdir()
    for number in range(20):
        picture = np.random.default_rng(number).integers(0, 256, (70, 64, 3), "uint8")
        Image.fromarray(picture).save(tmp_path / "photos" / f"{number}.png")
    done = run("train", "photos", "--from", "avatars", "--steps", 1, "--batch-size", 2, "--run", "tuned")
    assert done.exit_code == 0, done.output
    assert "generator all weights, discriminator all weights" in done.output.replace("\n", " ")
    assert Run("tuned").data_shape == (64, 64, 3) and Run("tuned").origin.step == 20_000
