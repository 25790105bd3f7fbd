"""Folders of images, made here with Pillow."""

import errno
import os

import numpy as np
import pytest
from PIL import Image

from keras_gan import data
from keras_gan._utils.errors import InputError, Notice
from keras_gan.data import source

RNG = np.random.default_rng(0)


def noise(height=8, width=8, channels=3):
    return RNG.integers(0, 256, (height, width, channels), dtype="uint8")


def write(path, image, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image.squeeze())
    picture.save(path, **options)


def truncated(path, image):
    write(path, image)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.fixture
def four(tmp_path):
    """A folder of four images, with and without subfolders, and the images in the order of their paths."""
    images = [noise() for _ in range(4)]
    for name, image in zip(("a/1.png", "a/2.PNG", "a/b/1.bmp", "c.png"), images, strict=True):
        write(tmp_path / name, image)
    return tmp_path, np.stack(images)


@pytest.fixture
def damaged(four):
    """The same folder with a truncated JPEG and a text that is called .png next to the four."""
    truncated(four[0] / "a" / "cut.jpg", noise(64, 64))
    (four[0] / "text.png").write_text("no image")
    return four


# what is read


def test_images_come_in_the_order_of_their_paths_from_subfolders_too(four):
    opened = data.open_source(four[0])
    assert opened.shape == (8, 8, 3) and opened.count == 4
    np.testing.assert_array_equal(opened.array, four[1])


def test_grey_images_have_one_channel_until_one_is_coloured(tmp_path):
    grey = noise(channels=1)
    write(tmp_path / "0.png", grey)
    write(tmp_path / "1.png", Image.fromarray(grey[..., 0] > 127))
    opened = data.open_source(tmp_path)
    assert opened.shape == (8, 8, 1)
    np.testing.assert_array_equal(opened.array, [grey, (grey > 127) * np.uint8(255)])
    write(tmp_path / "2.png", noise())
    coloured = data.open_source(tmp_path)
    assert coloured.shape == (8, 8, 3)
    np.testing.assert_array_equal(coloured.array[0], grey.repeat(3, axis=2))


def test_palette_and_alpha_become_colour(tmp_path):
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([255, 0, 0, 0, 200, 0])
    write(tmp_path / "0.png", palette)
    write(tmp_path / "1.png", Image.new("RGBA", (8, 8), (10, 20, 30, 255)))
    opened = data.open_source(tmp_path)
    assert opened.shape == (8, 8, 3)
    assert (opened.array[0] == (0, 200, 0)).all() and (opened.array[1] == (10, 20, 30)).all()


def test_a_palette_with_transparency_is_put_on_white_without_a_warning_of_pillow(tmp_path):
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([255, 0, 0, 0, 200, 0])
    write(tmp_path / "0.png", palette, transparency=bytes([0, 128]))
    with pytest.warns(Notice, match="1 of 1 images is transparent; transparent pixels become white"):
        opened = data.open_source(tmp_path)
    # Half of 255 shines through: 0 + 127, 200 · 128 / 255 + 127.
    assert np.abs(opened.array.astype(int) - (127, 227, 127)).max() <= 1


def test_sixteen_bit_grey_keeps_its_shades(tmp_path):
    ramp = np.arange(64, dtype="uint16").reshape(8, 8) * 1024
    write(tmp_path / "0.png", Image.fromarray(ramp))
    opened = data.open_source(tmp_path)
    # 255 of 65,535; half a grey level for rounding, half for dropping the low byte instead.
    np.testing.assert_allclose(opened.array[0][..., 0], ramp / 257, atol=1)


# sizes


def two_colours(height, width, axis):
    """White, with black in the middle half along an axis."""
    image = np.full((height, width, 3), 255, "uint8")
    middle = [slice(None), slice(None)]
    middle[axis] = slice(image.shape[axis] // 4, image.shape[axis] * 3 // 4)
    image[tuple(middle)] = 0
    return image


@pytest.mark.parametrize(
    ("image", "size"),
    [
        (two_colours(8, 16, axis=1), 8),  # columns 4 to 12 are the centre square
        (two_colours(16, 8, axis=0), 8),
        (two_colours(16, 16, axis=0), (4, 8)),  # the widest 1:2 box is 16 wide and 8 high: rows 4 to 12
        (two_colours(16, 16, axis=1), (32, 16)),  # and the highest 2:1 box 8 wide
    ],
)
def test_crop_cuts_the_centre_and_stretch_keeps_the_edges(tmp_path, image, size):
    write(tmp_path / "0.png", image)
    cropped, stretched = (data.open_source(tmp_path, size, crop).array[0] for crop in (True, False))
    assert cropped.shape == stretched.shape == (size if isinstance(size, tuple) else (size, size)) + (3,)
    # Where the cut is scaled as well, the filter reaches a little beyond its edges; unscaled it is black throughout.
    scaled = cropped.shape[:2] != (8, 8)
    assert cropped.mean() < (16 if scaled else 1e-9)
    # Stretched, half of the picture is still white, but for what the filter overshoots at the edges.
    assert abs(stretched.mean() - 127.5) < 10


def test_different_sizes_raise_an_error_unless_images_are_resized(tmp_path):
    for index, shape in enumerate([(8, 8), (8, 8), (8, 10)]):
        write(tmp_path / f"{index}.png", noise(*shape))
    with pytest.raises(InputError, match=r"have 2 sizes: 8x8 \(2\), 8x10 \(1\); .*\(--image-size\).*\(--crop\)"):
        data.open_source(tmp_path)
    assert data.open_source(tmp_path, (12, 9)).array.shape == (3, 12, 9, 3)


# what cannot be read


@pytest.mark.parametrize("name", ["empty", "missing", "file"])
def test_a_folder_without_images_raises_an_error(tmp_path, name):
    (tmp_path / "empty" / "deep").mkdir(parents=True)
    (tmp_path / "empty" / "notes.txt").write_text("no image")
    (tmp_path / "file").write_text("no folder")
    missing = r"has no images .*\.txt \(1\).*; expected files ending in .*\.bmp"
    message = missing if name == "empty" else "is not a folder; expected"
    with pytest.raises(InputError, match=f"{name} {message}"):
        data.open_source(tmp_path / name)


def test_a_folder_inside_that_may_not_be_read_is_named(four, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if os.fspath(path).endswith("b"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)  # root may read everything
    with pytest.raises(InputError, match=r"/b cannot be read \(Permission denied\); expected a readable folder"):
        data.open_source(four[0])


def test_links_to_images_are_read_and_links_that_lead_back_are_not(four):
    (four[0] / "again.png").symlink_to(four[0] / "c.png")
    (four[0] / "round").symlink_to(four[0], target_is_directory=True)
    with pytest.warns(Notice, match="did not follow the links to folders round"):
        assert data.open_source(four[0]).count == 5


def test_an_image_that_is_a_text_is_named(four):
    (four[0] / "text.png").write_text("no image")
    with pytest.raises(InputError, match=r"1 of 5 images in .* cannot be read: text.png; .*\(--skip-damaged\)"):
        data.open_source(four[0])


def test_a_truncated_image_is_named(four):
    truncated(four[0] / "a" / "b" / "cut.jpg", noise(64, 64))
    with pytest.raises(InputError, match=r"1 of 5 images in .* cannot be read: a/b/cut.jpg; .*\(--skip-damaged\)"):
        data.open_source(four[0], image_size=8)


def test_all_damaged_images_are_counted_at_once(damaged):
    with pytest.raises(InputError, match="2 of 6 images in .* cannot be read: a/cut.jpg, text.png"):
        data.open_source(damaged[0], image_size=8)


def test_only_the_first_of_many_damaged_images_are_named(four):
    for index in range(5):
        (four[0] / f"text{index}.png").write_text("no image")
    with pytest.raises(InputError, match="5 of 9 .*: text0.png, text1.png, text2.png and 2 more"):
        data.open_source(four[0])


def test_damaged_images_are_left_out_with_skip_damaged(damaged):
    with pytest.warns(Notice, match="left out 2 of 6 images that cannot be read: a/cut.jpg, text.png"):
        opened = data.open_source(damaged[0], image_size=8, skip_damaged=True)
    np.testing.assert_array_equal(opened.array, damaged[1])


def test_a_truncated_tiff_is_named_and_brings_no_warning(four):
    truncated(four[0] / "cut.tif", noise(64, 64))
    with pytest.raises(InputError, match="1 of 5 images in .* cannot be read: cut.tif"):
        data.open_source(four[0], image_size=8)


@pytest.mark.parametrize("kind", ["text", "truncated"])
def test_a_folder_of_damaged_images_raises_an_error_even_with_skip_damaged(tmp_path, kind):
    for index in range(2):
        truncated(tmp_path / f"{index}.png", noise())
        if kind == "text":
            (tmp_path / f"{index}.png").write_text("no image")
    with pytest.raises(InputError, match="none of the 2 images in .* can be read"):
        data.open_source(tmp_path, skip_damaged=True)


# streaming


@pytest.fixture
def streaming(monkeypatch):
    monkeypatch.setattr(source, "MEMORY_LIMIT_BYTES", 100)


def batches(opened):
    return np.stack([batch.numpy() for batch in data.batches(opened, 3, seed=1).take(8)])


def test_streamed_images_are_those_held_in_memory(four, monkeypatch):
    held = data.open_source(four[0], (9, 7), crop=True)
    monkeypatch.setattr(source, "MEMORY_LIMIT_BYTES", 100)
    streamed = data.open_source(four[0], (9, 7), crop=True)
    assert held.array is not None and streamed.array is None
    assert (streamed.shape, streamed.count, streamed.name) == (held.shape, held.count, held.name)
    np.testing.assert_array_equal(batches(streamed), batches(held))


def test_while_streaming_a_damaged_image_stops_with_its_name(four, streaming):
    truncated(four[0] / "a" / "b" / "cut.png", noise())
    opened = data.open_source(four[0])
    assert opened.count == 5
    with pytest.raises(InputError, match=r"a/b/cut.png cannot be read: .*\(--skip-damaged\)"):
        opened.fetch(np.arange(5))


def test_images_read_from_disk_are_all_decoded_first_with_skip_damaged(four, streaming):
    truncated(four[0] / "a" / "b" / "cut.png", noise())  # between a/b/1.bmp and c.png
    truncated(four[0] / "d.png", noise())
    with pytest.warns(Notice, match="left out 2 of 6 images that cannot be read: a/b/cut.png, d.png"):
        opened = data.open_source(four[0], skip_damaged=True)
    assert opened.array is None and opened.count == 4
    np.testing.assert_array_equal(opened.fetch(np.arange(4)), four[1])


def test_a_folder_of_damaged_images_raises_an_error_while_streaming(tmp_path, streaming):
    for index in range(2):
        truncated(tmp_path / f"{index}.png", noise())
    with pytest.raises(InputError, match="none of the 2 images .* can be read"):
        data.open_source(tmp_path, skip_damaged=True)
