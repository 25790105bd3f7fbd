import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_gan import sampling
from keras_gan._utils import files
from keras_gan._utils.errors import InputError


def test_grid_lays_images_out_by_rows_with_gaps():
    images = np.stack([np.full((48, 50, 3), (value, 0, 9), "uint8") for value in (10, 20, 30)])
    sheet = np.asarray(sampling.grid(images, columns=2))
    # Two rows of 48, two columns of 50, and gaps of 2 before, between and after.
    assert sheet.shape == (2 * 48 + 3 * 2, 2 * 50 + 3 * 2, 3)
    assert sheet[2, 2].tolist() == [10, 0, 9] and sheet[49, 51].tolist() == [10, 0, 9]
    assert sheet[2, 54].tolist() == [20, 0, 9]
    assert sheet[52, 2].tolist() == [30, 0, 9]
    for gap in (sheet[:2], sheet[50:52], sheet[-2:], sheet[:, :2], sheet[:, 52:54], sheet[52:, 54:]):
        assert (gap == 255).all()


def test_small_images_are_enlarged_by_whole_steps_without_smoothing():
    image = np.arange(10 * 3, dtype="uint8").reshape(1, 10, 3, 1)
    sheet = np.asarray(sampling.grid(image))
    # 5 is the smallest whole factor that brings 10 pixels to 48 or more.
    assert sheet.shape == (50 + 4, 15 + 4)
    np.testing.assert_array_equal(sheet[2:-2, 2:-2], np.kron(image[0, :, :, 0], np.ones((5, 5), "uint8")))


def test_images_of_48_pixels_are_not_enlarged():
    assert sampling.grid(np.zeros((1, 48, 48, 1), "uint8")).size == (52, 52)


@pytest.mark.parametrize(("n", "columns", "rows"), [(1, 1, 1), (2, 2, 1), (5, 3, 2), (9, 3, 3), (10, 4, 3)])
def test_without_columns_the_grid_is_nearly_square(n, columns, rows):
    sheet = sampling.grid(np.zeros((n, 48, 60, 1), "uint8"))
    assert sheet.size == (columns * 62 + 2, rows * 50 + 2)


def test_a_grid_of_classes_has_one_class_in_each_row_and_its_name_at_the_left():
    labels = np.int32([2, 0, 2, 0, 2])
    images = np.stack([np.full((48, 48, 1), 40 * label + n, "uint8") for n, label in enumerate(labels)])
    sheet = np.asarray(sampling.class_grid(images, labels, ["zero", "one", "two"]))
    # Class 0 has the images 1 and 3, class 2 the images 0, 2 and 4; each row has its own gaps of 2 above and below.
    assert sheet.shape[0] == 2 * (48 + 4)
    left = sheet.shape[1] - (3 * 50 + 2)
    middles = [[int(sheet[row, left + 2 + 50 * column + 24]) for column in range(3)] for row in (26, 78)]
    assert middles == [[1, 3, 255], [80, 82, 84]]
    names = sheet[:, :left]
    assert (names[:52] < 100).any() and (names[52:] < 100).any() and (names[:, 0] == 255).all()


def test_a_class_with_many_images_has_several_rows_and_odd_names_are_drawn():
    images = np.zeros((20, 48, 48, 3), "uint8")
    sheet = sampling.class_grid(images, np.zeros(20, int), ["猫"])
    as_number = sampling.class_grid(images, np.zeros(20, int), ["class 0"])
    assert sheet.size[1] == 2 * 50 + 2 and sheet.tobytes() == as_number.tobytes()
    long = sampling.class_grid(images, np.zeros(20, int), ["n" * 500])
    assert long.width < 16 * 50 + 2 + 250


def test_one_channel_becomes_a_grey_picture_and_three_a_coloured_one():
    assert sampling.to_picture(np.zeros((8, 9, 1), "uint8")).mode == "L"
    assert sampling.to_picture(np.zeros((8, 9, 3), "uint8")).mode == "RGB"


@pytest.fixture
def samples():
    return np.random.default_rng(0).integers(0, 256, (11, 8, 8, 1), dtype="uint8")


def test_save_png_writes_the_grid_and_makes_missing_parents(samples, tmp_path):
    path = sampling.save(samples, tmp_path / "new" / "x.png")
    np.testing.assert_array_equal(np.asarray(Image.open(path)), np.asarray(sampling.grid(samples)))
    assert os.listdir(path.parent) == ["x.png"]


@pytest.mark.parametrize("name", ["x.npz", "x.NPZ"])
def test_save_npz_writes_one_array_called_images(samples, tmp_path, name):
    path = sampling.save(samples, tmp_path / name)
    with np.load(path) as archive:
        assert archive.files == ["images"]
        np.testing.assert_array_equal(archive["images"], samples)
    assert os.listdir(tmp_path) == [name]


def test_save_folder_writes_numbered_files_that_sort_in_order(samples, tmp_path):
    path = sampling.save(samples, tmp_path / "many")
    names = sorted(os.listdir(path))
    assert names == [f"{i:02d}.png" for i in range(11)]
    for name, image in zip(names, samples, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(path / name)), image[..., 0])


def test_vectors_are_saved_as_an_array_but_not_as_a_picture(tmp_path):
    vectors = np.float32([[1.5, -2.0]])
    with np.load(sampling.save(vectors, tmp_path / "v.npz")) as archive:
        np.testing.assert_array_equal(archive["images"], vectors)
    with pytest.raises(InputError, match=r"samples of shape \(1, 2\) are not images; .*--out x.npz"):
        sampling.save(vectors, tmp_path / "v.png")
    assert os.listdir(tmp_path) == ["v.npz"]


@pytest.mark.parametrize("name", ["file/x.png", "file/deep/x.npz", "file", "x.jpg", "folder.png"])
def test_a_path_that_cannot_be_written_raises_and_leaves_no_files(samples, tmp_path, name):
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError, match="expected a"):
        sampling.save(samples, tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.png"]
    assert (tmp_path / "file").read_text() == "kept" and not os.listdir(tmp_path / "folder.png")


def test_replace_leaves_the_old_file_and_no_draft_where_writing_fails(tmp_path):
    path = tmp_path / "kept.txt"
    path.write_text("old")

    def fail(draft):
        draft.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.replace(path, fail)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["kept.txt"]


def test_replace_shows_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")
    seen = []

    def write(draft):
        draft.write_text("new")
        seen.append(path.read_text())

    files.replace(path, write)
    assert seen == ["old"] and path.read_text() == "new" and os.listdir(tmp_path) == ["x.txt"]


def test_gif_repeats_all_frames_and_shows_the_last_one_longer(tmp_path):
    sampling.save_gif([Image.new("L", (6, 4), grey) for grey in (0, 100, 200)], tmp_path / "x.gif", frame_ms=120)
    with Image.open(tmp_path / "x.gif") as gif:
        assert gif.size == (6, 4) and gif.n_frames == 3 and gif.info["loop"] == 0
        durations, greys = [], []
        for index in range(3):
            gif.seek(index)
            durations.append(gif.info["duration"])
            greys.append(gif.convert("L").getpixel((3, 2)))
    assert durations == [120, 120, 2000]
    assert greys == [0, 100, 200]


@pytest.fixture
def old(tmp_path):
    """A folder that is to be replaced."""
    path = tmp_path / "kept"
    path.mkdir()
    (path / "old.txt").write_text("old")
    return path


def fill(draft):
    (draft / "new.txt").write_text("new")
    return 5


def names(folder):
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*"))


def test_a_folder_is_replaced_as_a_whole(old, tmp_path):
    assert files.replace_folder(old, fill) == 5
    assert files.replace_folder(tmp_path / "fresh", fill) == 5
    assert names(tmp_path) == ["fresh", "fresh/new.txt", "kept", "kept/new.txt"]


def test_a_folder_stays_where_filling_the_new_one_fails(old, tmp_path):
    def fail(draft):
        fill(draft)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.replace_folder(old, fail)
    assert names(tmp_path) == ["kept", "kept/old.txt"]


def test_a_folder_stays_where_the_exchange_is_interrupted(old, tmp_path, monkeypatch):
    rename, done = Path.rename, []

    def interrupted(path, target):
        if len(done) == 1:
            done.append(target)
            raise KeyboardInterrupt
        done.append(target)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.replace_folder(old, fill)
    assert names(tmp_path) == ["kept", "kept/old.txt"]


def test_a_folder_comes_back_after_a_kill_in_the_exchange(old, tmp_path):
    old.rename(tmp_path / ".kept-before")

    def fail(draft):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.replace_folder(old, fail)
    assert names(tmp_path) == ["kept", "kept/old.txt"]


def test_a_link_to_a_folder_stays_a_link(old, tmp_path):
    (tmp_path / "link").symlink_to(old)
    for _ in range(2):
        files.replace_folder(tmp_path / "link", fill)
    assert (tmp_path / "link").is_symlink() and names(old) == ["new.txt"]
