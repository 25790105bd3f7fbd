"""Many samples part by part, and the way between seeds."""

import subprocess
import sys

import av
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
        (2.5, 0, "asked for 2.5 samples"),
        (5, 1.5, "seed is 1.5"),
        (5, -1, "seed is -1"),
        (2**31 + 5, None, "up to 2,147,483,648"),
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


def walk(generator, n, seed, label, path):
    """The path of an animation that passes the samples of n seeds."""
    stops, labels = sampling.of_seeds(generator, np.arange(seed, seed + n, dtype="int32"), label)
    return sampling.save_interpolation(generator, stops, labels, path)


def test_the_interpolation_passes_through_the_samples(tiny_gan, tmp_path):
    path = walk(tiny_gan, 3, 5, None, tmp_path / "new" / "walk.gif")
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
    frames = frames_of(walk(conditional, 3, 7, None, tmp_path / "w.gif"))
    # Seeds 7, 8 and 9 have classes 1, 2 and 0: six frames of the first, twelve of each of the next two, six back.
    assert classes_of(frames) == [1] * 6 + [2] * 12 + [0] * 12 + [1] * 6
    stops = conditional.generate(3, seed=7).repeat(24, axis=1).repeat(24, axis=2)[..., 0]
    assert np.abs(frames[:: sampling.FRAMES].astype(int) - stops).max() <= 4  # a GIF has 256 colours
    frames = frames_of(walk(conditional, 3, 7, 0, tmp_path / "w.gif"))
    assert set(classes_of(frames)) == {0}


def test_a_sweep_has_the_class_of_each_seed(conditional, tmp_path):
    z, labels = sampling.of_seeds(conditional, np.arange(7, 11, dtype="int32"))
    moves = [lambda z: -z, lambda z: z, lambda z: z]
    path = sampling.save_movement(conditional, z, labels, tmp_path / "s.gif", moves)
    expected = np.asarray(sampling.grid(conditional.generate(4, seed=7)), int)
    assert np.abs(frames_of(path)[1].astype(int) - expected).max() <= 4


def test_every_format_shows_the_same_pictures(conditional, tmp_path):
    """WebP as Pillow reads it, MP4 as ffmpeg's decoder does: all frames in order, colours within the compression."""
    z, shares = sampling.of_seeds(conditional, np.arange(3, 6))[0], np.eye(3, dtype="float32")
    gif, webp, mp4 = (
        sampling.save_interpolation(conditional, z, shares, tmp_path / f"w{kind}") for kind in (".gif", ".webp", ".mp4")
    )
    with av.open(mp4) as video:
        stream = video.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert float(stream.duration * stream.time_base) == pytest.approx(36 * 0.08, abs=0.1)
        shown = np.stack([frame.to_ndarray(format="rgb24").mean(axis=2) for frame in video.decode(stream)])
    expected = frames_of(gif).astype(int)
    for found in (frames_of(webp), shown):
        assert found.shape == expected.shape
        assert np.abs(found - expected).mean() < 4 and np.abs(found - expected[::-1]).mean() > 8
    with Image.open(webp) as image:
        assert image.info["loop"] == 0


def test_an_mp4_of_odd_sides_gets_even_ones(tmp_path):
    gan = GAN(networks.generator((201, 9, 3), 4), networks.discriminator((201, 9, 3)))
    with av.open(walk(gan, 2, 0, None, tmp_path / "w.mp4")) as video:
        assert (video.streams.video[0].width, video.streams.video[0].height) == (10, 202)


def test_an_mp4_without_its_encoder_names_the_extra(tiny_gan, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)  # as Python marks what cannot be imported
    with pytest.raises(InputError, match=r"w.mp4 needs the package av .*\[video\].* or use a .gif or a .webp"):
        walk(tiny_gan, 2, 0, None, tmp_path / "w.mp4")
    assert not list(tmp_path.iterdir())


def test_an_interpolation_of_classes_mixes_their_embeddings(conditional, tmp_path):
    """The embeddings are the grey levels -0.7, 0 and 0.7, and the pictures lie between: no jump halfway."""
    z = np.broadcast_to(sampling.of_seeds(conditional, np.array([3]))[0], (3, 4))
    frames = frames_of(sampling.save_interpolation(conditional, z, np.eye(3, dtype="float32"), tmp_path / "c.gif"))
    means = frames.mean(axis=(1, 2))
    first = means[0]
    share = np.arange(12) / 12
    levels = np.concatenate([-0.7 + 0.7 * share, 0.7 * share, 0.7 - 1.4 * share])
    assert np.abs(means - first - 127.5 * (levels + 0.7)).max() < 3


def test_shares_of_classes_are_checked(conditional, tiny_gan):
    one = conditional.generate(2, seed=3, labels=[2, 0])
    same = conditional.generate(2, seed=3, labels=np.eye(3, dtype="float32")[[2, 0]])
    assert np.abs(one.astype(int) - same).max() <= 1
    many = conditional.generate(7, seed=3, labels=np.eye(3, dtype="float32")[np.arange(7) % 3])
    assert np.abs(many.astype(int) - conditional.generate(7, seed=3, labels=np.arange(7) % 3)).max() <= 1
    for wrong in (np.eye(3), np.full((2, 3), np.nan), np.ones((2, 2)), np.ones((2, 3), int)):
        with pytest.raises(InputError, match=r"floats of shape \(2, 3\) with shares"):
            conditional.generate(2, seed=3, labels=wrong)
    with pytest.raises(InputError, match="no classes that can be mixed"):
        tiny_gan.check_class_shares()


def test_classes_that_enter_in_other_ways_cannot_be_mixed():
    z, label = keras.Input((4,)), keras.Input((), dtype="int32")
    hot = keras.layers.CategoryEncoding(3, "one_hot")(label)
    both = keras.layers.Concatenate()([z, hot, keras.layers.Embedding(3, 2)(label)])
    generator = keras.Model([z, label], keras.layers.Reshape((8, 8, 1))(keras.layers.Dense(64)(both)))
    gan = GAN(generator, networks.discriminator((8, 8, 1), num_classes=3), num_classes=3)
    with pytest.raises(InputError, match="through one keras.layers.Embedding alone"):
        gan.check_class_shares()


def test_a_walk_that_cannot_be_drawn_raises(tiny_gan, tmp_path):
    with pytest.raises(InputError, match="between 1 latent; expected at least 2"):
        walk(tiny_gan, 1, 0, None, tmp_path / "w.gif")
    vectors = GAN(networks.generator((2,), 4), networks.discriminator((2,)))
    with pytest.raises(InputError, match="are not images"):
        walk(vectors, 2, 0, None, tmp_path / "w.gif")
    with pytest.raises(InputError, match="101 samples in one .gif; expected at most 100"):
        walk(tiny_gan, 101, 0, None, tmp_path / "w.gif")
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
