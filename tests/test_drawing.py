"""Many samples part by part, and the way between seeds."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from keras_gan import GAN, InputError, networks, sampling


@pytest.fixture
def spy(tiny_gan):
    """A generator that counts how many samples it is asked for at once."""

    class Spy:
        latent, latent_dim, num_classes, asked = "normal", 4, None, []

        def generate(self, n=None, seed=None, labels=None, z=None):
            self.asked.append(n or len(z))
            return tiny_gan.generate(n, seed, labels=labels, z=z)

    return Spy()


def test_parts_are_what_generate_gives_and_never_many_at_once(spy, tiny_gan):
    parts = sampling.parts(spy, 150, seed=9)
    assert spy.asked == []  # nothing before it is asked for
    np.testing.assert_array_equal(np.concatenate(list(parts)), tiny_gan.generate(150, seed=9))
    assert spy.asked == [64, 64, 22]


@pytest.fixture(scope="module")
def conditional():
    """A generator of three classes, each of a grey level of its own."""
    z, label = keras.Input((4,)), keras.Input((), dtype="int32")
    levels = keras.initializers.Constant(np.float32([[-0.7], [0.0], [0.7]]))
    grey = keras.layers.Embedding(3, 1, embeddings_initializer=levels)(label)
    x = grey + 0.1 * keras.layers.Dense(64, activation="tanh")(z)
    generator = keras.Model([z, label], keras.layers.Reshape((8, 8, 1))(x))
    return GAN(generator, networks.discriminator((8, 8, 1), num_classes=3), num_classes=3)


def classes_of(images):
    """0, 1 or 2 by the mean grey level, which lies near 38, 127 or 217."""
    return [int(np.digitize(image.mean(), [83, 172])) for image in images]


def test_a_sample_is_the_same_in_parts_alone_and_moved(conditional):
    gan = conditional
    drawn = np.concatenate(list(sampling.parts(gan, 70, seed=1)))
    assert classes_of(drawn) == [(1 + i) % 3 for i in range(70)]
    np.testing.assert_array_equal(drawn, gan.generate(70, seed=1))
    for index in (0, 1, 63, 64, 69):  # on both sides of where the second part begins
        np.testing.assert_array_equal(drawn[index], gan.generate(1, seed=1 + index)[0])
    moved = np.concatenate(list(sampling.parts(gan, 70, seed=1, move=lambda z: z)))
    np.testing.assert_array_equal(moved, drawn)
    same = np.concatenate(list(sampling.parts(gan, 3, seed=1, label=2)))
    np.testing.assert_array_equal(same, gan.generate(3, seed=1, labels=2))
    with pytest.raises(InputError, match="label 3 is not a class"):
        sampling.parts(gan, 2, label=3)


@pytest.mark.parametrize(
    "n, seed, message",
    [
        (0, 0, "asked for 0 samples"),
        (5, -1, "seed is -1"),
        (2**31 + 5, None, "expected at most 2,147,483,648"),
        (5, 2**31 - 4, "seed is 2147483644; expected 0 to 2147483643"),
    ],
)
def test_arguments_out_of_range_raise_before_the_first_part(spy, n, seed, message):
    with pytest.raises(InputError, match=message):
        sampling.parts(spy, n, seed)


def test_parts_are_saved_as_if_they_were_one(tiny_gan, tmp_path):
    whole = tiny_gan.generate(130, seed=2)
    with np.load(sampling.save(sampling.parts(tiny_gan, 130, 2), tmp_path / "x.npz")) as archive:
        np.testing.assert_array_equal(archive["images"], whole)
        assert archive["images"].flags.c_contiguous
    folder = sampling.save(sampling.parts(tiny_gan, 130, 2), tmp_path / "many")
    names = sorted(file.name for file in folder.iterdir())
    assert names == [f"{i:03d}.png" for i in range(130)]
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "129.png")), whole[129, :, :, 0])
    sampling.save(sampling.parts(tiny_gan, 130, 2), tmp_path / "a.png")
    sampling.save(whole, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("out", ["x.npz", "x.png", "folder", "kept"])
def test_a_generator_that_fails_midway_leaves_nothing_behind(tiny_gan, tmp_path, out):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "0.png").write_bytes(b"mine")

    def broken():
        yield tiny_gan.generate(4, 0)
        raise InputError("the generator gives NaN")

    with pytest.raises(InputError, match="NaN"):
        sampling.save(broken(), tmp_path / out)
    assert [file.name for file in tmp_path.rglob("*")] == ["kept", "0.png"]
    assert (tmp_path / "kept" / "0.png").read_bytes() == b"mine"


def test_other_files_in_a_folder_stay(tiny_gan, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    sampling.save(tiny_gan.generate(3, 0), tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0.png", "1.png", "2.png", "notes.txt"]


def test_the_interpolation_passes_through_the_samples(tiny_gan, tmp_path):
    path = sampling.save_walk(tiny_gan, 3, 5, None, tmp_path / "new" / "walk.gif")
    samples = tiny_gan.generate(3, seed=5)
    with Image.open(path) as gif:
        assert gif.n_frames == 3 * sampling.FRAMES and gif.size == (192, 192) and gif.info["loop"] == 0
        frames = []
        for index in range(gif.n_frames):
            gif.seek(index)
            frames.append(np.asarray(gif.convert("L"), int))
    zoomed = samples.repeat(24, axis=1).repeat(24, axis=2)[..., 0].astype(int)
    for seed, frame in enumerate(frames[:: sampling.FRAMES]):
        assert np.abs(frame - zoomed[seed]).max() <= 4  # a GIF has 256 colours
    steps = [np.abs(a - b).mean() for a, b in zip(frames, frames[1:] + frames[:1], strict=True)]
    assert max(steps) < np.abs(zoomed[0] - zoomed[1]).mean()  # no jump, from the last to the first neither


def frames_of(path):
    """(frames, height, width) grey."""
    with Image.open(path) as gif:
        return np.stack([np.asarray(gif.convert("L")) for _ in map(gif.seek, range(gif.n_frames))])


def test_a_walk_has_the_class_of_the_nearest_seed(conditional, tmp_path):
    frames = frames_of(sampling.save_walk(conditional, 3, 7, None, tmp_path / "w.gif"))
    # Seeds 7, 8 and 9 have classes 1, 2 and 0: six frames of the first, twelve of each of the next two, six back.
    assert classes_of(frames) == [1] * 6 + [2] * 12 + [0] * 12 + [1] * 6
    stops = conditional.generate(3, seed=7).repeat(24, axis=1).repeat(24, axis=2)[..., 0]
    assert np.abs(frames[:: sampling.FRAMES].astype(int) - stops).max() <= 4  # a GIF has 256 colours
    frames = frames_of(sampling.save_walk(conditional, 3, 7, 0, tmp_path / "w.gif"))
    assert set(classes_of(frames)) == {0}


def test_a_sweep_has_the_class_of_each_seed(conditional, tmp_path):
    path = sampling.save_sweep(conditional, 4, 7, None, tmp_path / "s.gif", [lambda z: -z, lambda z: z, lambda z: z])
    expected = np.asarray(sampling.grid(conditional.generate(4, seed=7)), int)
    assert np.abs(frames_of(path)[1].astype(int) - expected).max() <= 4


def test_a_walk_that_cannot_be_drawn_raises(tiny_gan, tmp_path):
    with pytest.raises(InputError, match="between 1 seeds; expected at least 2"):
        sampling.save_walk(tiny_gan, 1, 0, None, tmp_path / "w.gif")
    vectors = GAN(networks.generator((2,), 4), networks.discriminator((2,)))
    with pytest.raises(InputError, match="are not images"):
        sampling.save_walk(vectors, 2, 0, None, tmp_path / "w.gif")
    with pytest.raises(InputError, match="101 samples in one .gif; expected at most 100"):
        sampling.save_walk(tiny_gan, 101, 0, None, tmp_path / "w.gif")
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_many_samples_take_no_more_memory_than_few(tiny_gan, tmp_path):
    pytest.importorskip("resource")
    tiny_gan.export(tmp_path / "g.tflite", "tflite")
    peaks = []
    for n in (64, 40_000):
        program = (
            "import resource, sys; from keras_gan.cli.main import kgan\n"
            f"kgan.main(['sample', 'g.tflite', '-n', '{n}', '--out', 'x.npz'], standalone_mode=False)\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout.split()[-1]))
    assert peaks[1] < peaks[0] + 8_000  # kB; float32 latents and pictures of 40,000 would take 13,000
