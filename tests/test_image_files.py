"""Real image files: turned, transparent, of 16 bits, of many frames, huge; and other files between them."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from keras_gan import data
from keras_gan._utils.errors import InputError, Notice
from keras_gan.data import decoding, source

RNG = np.random.default_rng(0)
ORIENTATION = 0x0112


def write(path, image, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **options)
    return path


def opened(folder, **options):
    return data.open_source(folder, **options).array


def smooth(height, width):
    """A grey picture without symmetry that JPEG keeps to a few levels: bright to the right, brighter at the bottom."""
    rows, columns = np.mgrid[:height, :width]
    return (columns * 160 / width + rows * 90 / height).astype("uint8")


# orientation

# CIPA DC-008 says where row 0 and column 0 of the stored image belong, for example 6: right side, top.
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],  # top, right
    3: lambda upright: upright[::-1, ::-1],  # bottom, right
    4: lambda upright: upright[::-1],  # bottom, left
    5: lambda upright: upright.T,  # left, top
    6: lambda upright: upright[:, ::-1].T,  # right, top
    7: lambda upright: upright[::-1, ::-1].T,  # right, bottom
    8: lambda upright: upright[::-1].T,  # left, bottom
}
KINDS = [kind for kind in ("jpg", "png", "tif", "webp", "avif") if f".{kind}" in decoding.SUFFIXES]


def write_turned(path, upright, tag, **options):
    exif = Image.Exif()
    exif[ORIENTATION] = tag
    options |= {"tiffinfo": {274: tag}} if path.suffix == ".tif" else {"exif": exif}
    return write(path, Image.fromarray(np.ascontiguousarray(STORED[tag](upright))), **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["in memory", "from disk"])
def test_images_are_turned_as_exif_says(tmp_path, kind, where, monkeypatch):
    upright = smooth(16, 24)
    for tag in STORED:
        write_turned(tmp_path / f"{tag}.{kind}", upright, tag)
    if where == "from disk":
        monkeypatch.setattr(source, "MEMORY_LIMIT_BYTES", 100)
    found = data.open_source(tmp_path)  # of one size, once they are turned
    assert found.shape[:2] == (16, 24) and (found.array is None) == (where == "from disk")
    seen = found.fetch(np.arange(8)).mean(axis=3)
    assert np.abs(seen - upright).max() < 24  # lossy kinds; without a turn it is 150


def test_the_crop_is_that_of_the_turned_image(tmp_path):
    upright = np.zeros((8, 16), "uint8")
    upright[:, 4:12] = 200  # the centre square
    write_turned(tmp_path / "0.png", upright, 6)
    assert (opened(tmp_path, image_size=8, crop=True) == 200).all()


def test_sizes_in_messages_are_those_of_the_turned_images(tmp_path):
    write_turned(tmp_path / "0.png", smooth(16, 24), 8)
    write(tmp_path / "1.png", smooth(24, 16))
    with pytest.raises(InputError, match=r"2 sizes: 16x24 \(1\), 24x16 \(1\)"):
        data.open_source(tmp_path)


def test_exif_after_the_pixels_of_a_png_counts(tmp_path):
    content = write_turned(tmp_path / "0.png", smooth(16, 24), 6).read_bytes()
    start = content.index(b"eXIf") - 4
    end = start + 12 + struct.unpack(">I", content[start : start + 4])[0]
    at_the_end = len(content) - 12  # before IEND
    moved = content[:start] + content[end:at_the_end] + content[start:end] + content[at_the_end:]
    (tmp_path / "0.png").write_bytes(moved)
    np.testing.assert_array_equal(opened(tmp_path)[0, ..., 0], smooth(16, 24))


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0MM\0*\0\0\0\x08\0\x09", b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff"]
)
def test_an_image_with_damaged_exif_is_read_as_it_is_stored(tmp_path, exif):
    write(tmp_path / "0.jpg", smooth(16, 24), exif=exif, quality=100)
    assert np.abs(opened(tmp_path)[0, ..., 0] - smooth(16, 24).astype(int)).max() < 6


def test_an_orientation_that_does_not_exist_turns_nothing(tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = 9
    write(tmp_path / "0.png", smooth(16, 24), exif=exif)
    np.testing.assert_array_equal(opened(tmp_path)[0, ..., 0], smooth(16, 24))


# transparency


def with_alpha(mode):
    """8×8: left half a colour at half opacity, right half fully transparent over noise."""
    image = np.zeros((8, 8, 4), "uint8")
    image[:, :4] = (200, 100, 50, 128)
    image[:, 4:, :3] = RNG.integers(0, 256, (8, 4, 3))
    return Image.fromarray(image).convert(mode)


def behind(value, alpha, ground):
    return value * alpha / 255 + ground * (255 - alpha) / 255


@pytest.mark.parametrize("kind", ["png", "webp", "tif"])
@pytest.mark.parametrize("background, ground", [("white", 255), ("black", 0), ("#808080", 128), ("GREY", 128)])
def test_transparent_pixels_show_the_background(tmp_path, kind, background, ground):
    options = {"lossless": True, "exact": True} if kind == "webp" else {}
    write(tmp_path / f"0.{kind}", with_alpha("RGBA"), **options)
    with pytest.warns(Notice, match=f"1 of 1 images is transparent; transparent pixels become {background}"):
        seen = opened(tmp_path, background=background)[0].astype(int)
    assert (seen[:, 4:] == ground).all()
    expected = [behind(value, 128, ground) for value in (200, 100, 50)]
    assert np.abs(seen[:, :4] - expected).max() <= 1


def test_grey_images_with_transparency_stay_grey_on_a_grey_background_alone(tmp_path):
    write(tmp_path / "0.png", with_alpha("LA"))
    with pytest.warns(Notice, match="transparent"):
        grey = opened(tmp_path)
    assert grey.shape == (1, 8, 8, 1) and (grey[0, :, 4:] == 255).all()
    with pytest.warns(Notice, match="transparent"):
        red = opened(tmp_path, background="red")
    assert red.shape == (1, 8, 8, 3) and (red[0, :, 4:] == (255, 0, 0)).all()


def palette():
    image = Image.new("P", (8, 8), 1)
    image.putpalette([255, 0, 0, 0, 200, 0])
    image.paste(0, (4, 0, 8, 8))
    return image


@pytest.mark.parametrize(
    "name, image, options, left, right",
    [
        ("0.png", palette(), {"transparency": 0}, (0, 200, 0), (255, 255, 255)),
        ("0.png", palette(), {"transparency": bytes([0, 255])}, (0, 200, 0), (255, 255, 255)),
        ("0.gif", palette(), {"transparency": 0}, (0, 200, 0), (255, 255, 255)),
        ("0.png", palette().convert("RGB"), {"transparency": (255, 0, 0)}, (0, 200, 0), (255, 255, 255)),
        ("0.png", Image.fromarray(np.repeat([[7] * 4 + [9] * 4], 8, 0).astype("uint8")), {"transparency": 9}, 7, 255),
        (
            "0.png",
            Image.fromarray(np.repeat([[0] * 4 + [514] * 4], 8, 0).astype("uint16")),
            {"transparency": 514},
            0,
            255,
        ),
    ],
    ids=["P, an index", "P, a table", "GIF", "RGB, a colour", "L, a grey", "16 bits, a grey"],
)
def test_transparent_colours_show_the_background(tmp_path, name, image, options, left, right):
    write(tmp_path / name, image, **options)
    with pytest.warns(Notice, match="1 of 1 images is transparent"):
        seen = opened(tmp_path)[0]
    assert (seen[:, :4] == left).all() and (seen[:, 4:] == right).all()


def png(depth, kind, rows, *chunks):
    """A PNG made by hand: of packed rows (bytes), with chunks (name, content) before the pixels."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", 8, len(rows), depth, kind, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    between = b"".join(chunk(*each) for each in chunks)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + between + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "depth, row, transparent, expected",
    [
        (1, b"\x0f", 0, [255] * 8),  # black is transparent: shown on white; white is white
        (1, b"\x0f", 1, [0] * 4 + [255] * 4),
        (2, b"\x00\x55", 1, [0] * 4 + [255] * 4),
        (4, b"\x22\x22\x33\x33", 3, [34] * 4 + [255] * 4),  # 2 of 15 is 34 of 255
        (16, b"\x00\x00" * 4 + b"\x01\x02" * 4, 0x0102, [0] * 4 + [255] * 4),
    ],
)
def test_a_transparent_grey_counts_in_the_depth_of_its_png(tmp_path, depth, row, transparent, expected):
    (tmp_path / "0.png").write_bytes(png(depth, 0, [row] * 8, (b"tRNS", struct.pack(">H", transparent))))
    with pytest.warns(Notice, match="transparent"):
        seen = opened(tmp_path)
    assert seen[0, :, :, 0].tolist() == [expected] * 8


def test_a_transparent_colour_of_16_bits_counts(tmp_path):
    row = struct.pack(">HHH", 0x0A00, 0x1400, 0x1E00) * 4 + struct.pack(">HHH", 0xC8C8, 0x6464, 0x3232) * 4
    (tmp_path / "0.png").write_bytes(png(16, 2, [row] * 8, (b"tRNS", struct.pack(">HHH", 0xC8C8, 0x6464, 0x3232))))
    with pytest.warns(Notice, match="transparent"):
        seen = opened(tmp_path)[0]
    assert (seen[:, :4] == (10, 20, 30)).all() and (seen[:, 4:] == 255).all()


def test_opaque_images_with_an_alpha_channel_give_no_notice(tmp_path):
    write(tmp_path / "0.png", Image.new("RGBA", (8, 8), (10, 20, 30, 255)))
    assert (opened(tmp_path) == (10, 20, 30)).all()


def test_transparent_images_are_counted_once(tmp_path, monkeypatch):
    for index in range(3):
        write(tmp_path / f"{index}.png", with_alpha("RGBA"))
    write(tmp_path / "3.png", Image.new("RGB", (8, 8)))
    with pytest.warns(Notice, match="3 of 4 images are transparent") as notices:
        held = data.open_source(tmp_path)
    assert len(notices) == 1
    monkeypatch.setattr(source, "MEMORY_LIMIT_BYTES", 100)
    with pytest.warns(Notice, match="3 of 4 images can be transparent; .*--background") as notices:
        streamed = data.open_source(tmp_path)
    assert len(notices) == 1
    np.testing.assert_array_equal(streamed.fetch(np.arange(4)), held.array)


@pytest.mark.parametrize("background", ["", "whit", "#12", "#11223344", "255", "none"])
def test_a_background_that_is_not_a_colour_raises_an_error(tmp_path, background):
    write(tmp_path / "0.png", smooth(8, 8))
    with pytest.raises(InputError, match=r"is not a colour; expected white, .*#rrggbb.*--background"):
        data.open_source(tmp_path, background=background)


# depth


def seen_of(folder, *arrays, **options):
    for index, array in enumerate(arrays):
        write(folder / f"{index}.tif", array if isinstance(array, Image.Image) else Image.fromarray(array), **options)
    return opened(folder)[..., 0].astype(int)


RAMP = np.arange(1024).reshape(32, 32)
WHOLE = [
    ("int32", RAMP * 1000, 0, 1_023_000),
    ("int32", RAMP * 3 - 1500, -1500, 1569),
    ("int32", RAMP // 4, 0, 255),
    ("float32", RAMP / 1023, 0, 1),
    ("float32", RAMP / 1023 * 0.8, 0, 1),  # within [0, 1] the brightness stays
    ("float32", RAMP / 1023 * 200, 0, 255),
    ("float32", RAMP / 1023 * 1.2, 0, 1.2 * np.float32(1)),
    ("float32", RAMP / 512 - 1, -1, 511 / 512),
    ("float32", RAMP * 1e6 - 5e5, -5e5, 1e6 * 1023 - 5e5),
]


@pytest.mark.parametrize("dtype, numbers, low, high", WHOLE)
def test_numbers_without_a_range_are_scaled_by_the_stated_rule(tmp_path, dtype, numbers, low, high):
    with pytest.warns(Notice, match=r"1 image has"):
        seen = seen_of(tmp_path, numbers.astype(dtype))[0]
    expected = (numbers.astype(dtype).astype(float) - low) / (high - low) * 255
    assert np.abs(seen - expected).max() <= 0.51
    assert (np.diff(seen.ravel()) >= 0).all()


def test_all_images_of_a_folder_and_those_held_out_have_one_scale(tmp_path):
    train, test = tmp_path / "train", tmp_path / "test"
    for folder, arrays in ((train, (RAMP * 10, RAMP * 20)), (test, (RAMP * 10, RAMP * 40))):
        for index, array in enumerate(arrays):
            write(folder / f"{index}.tif", array.astype("int32"))
    with pytest.warns(Notice, match="integers from 0 to 20460; they are scaled so that 0 becomes 0 and 20460 becomes"):
        seen = opened(train)[..., 0].astype(int)
    assert seen[0].max() == 128 and seen[1].max() == 255  # 10,230 / 20,460 · 255 = 127.5, to the even 128
    held_out = data.open_source(train, split="test").array[..., 0]
    np.testing.assert_array_equal(held_out[0], seen[0])
    assert held_out[1].max() == 255 and (np.diff(held_out[1].ravel().astype(int)) >= 0).all()  # clipped, not wrapped


def tiff(dtype, array, bits, sample_format, photometric=1, order="<"):
    """A TIFF made by hand, for what Pillow does not write."""
    raw = array.astype(np.dtype(dtype).newbyteorder(order)).tobytes()
    tags = {256: array.shape[1], 257: array.shape[0], 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1}
    tags |= {278: array.shape[0], 279: len(raw), 339: sample_format}
    entries = b"".join(
        struct.pack(f"{order}HHI", tag, 4 if tag in (273, 279) else 3, 1)
        + (struct.pack(f"{order}I", value) if tag in (273, 279) else struct.pack(f"{order}HH", value, 0))
        for tag, value in sorted(tags.items())
    )
    start = 8 + len(raw) + len(raw) % 2
    magic = b"II*\0" if order == "<" else b"MM\0*"
    padded = raw + b"\0" * (len(raw) % 2)
    count = struct.pack(f"{order}H", len(tags))
    return magic + struct.pack(f"{order}I", start) + padded + count + entries + struct.pack(f"{order}I", 0)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    "dtype, array, bits, sample_format",
    [
        ("u4", RAMP.astype("int64") * 4_000_000, 32, 1),  # up to 4,092,000,000: beyond 2^31
        ("i2", RAMP * 60 - 30_000, 16, 2),
        ("i1", np.arange(-128, 128).repeat(4).reshape(32, 32), 8, 2),
        ("f4", RAMP / 7 - 3, 32, 3),
    ],
)
def test_no_number_wraps(tmp_path, dtype, array, bits, sample_format, order):
    if order == ">" and dtype == "u4":
        pytest.skip("Pillow cannot read these")
    (tmp_path / "0.tif").write_bytes(tiff(dtype, array, bits, sample_format, order=order))
    with pytest.warns(Notice, match="scaled so that"):
        seen = opened(tmp_path)[0, ..., 0].astype(int).ravel()
    assert (np.diff(seen) >= 0).all() and (seen[0], seen[-1]) == (0, 255) and len(np.unique(seen)) == 256


def test_16_bits_are_divided_by_257_whatever_their_order(tmp_path):
    numbers = RAMP * 64 + 63
    for index, order in enumerate("<>"):
        (tmp_path / f"{index}.tif").write_bytes(tiff("u2", numbers, 16, 1, order=order))
    (tmp_path / "2.tif").write_bytes(tiff("u2", 65535 - numbers, 16, 1, photometric=0))  # white is zero
    write(tmp_path / "3.png", numbers.astype("uint16"))
    for seen in opened(tmp_path):
        np.testing.assert_array_equal(seen[..., 0], np.rint(numbers / 257))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_float_image_that_is_not_finite_raises_an_error_with_the_reason(tmp_path, value):
    array = (RAMP / 1023).astype("float32")
    write(tmp_path / "0.tif", array)
    array[3, 4:6] = value
    write(tmp_path / "1.tif", array)
    with (
        pytest.warns(Notice, match="has floats"),
        pytest.raises(
            InputError,
            match=r"1 of 2 .* cannot be read: 1.tif; 2 of its 1,024 values are NaN or infinite; .*--skip-damaged",
        ),
    ):
        data.open_source(tmp_path)
    with pytest.warns(Notice) as notices:
        assert data.open_source(tmp_path, skip_damaged=True).count == 1
    assert any("left out 1 of 2 images" in str(each.message) and "NaN" in str(each.message) for each in notices)


# colours


def test_cmyk_ycbcr_lab_and_black_and_white_have_the_right_colours(tmp_path):
    red = Image.new("RGB", (16, 16), (200, 30, 30))
    write(tmp_path / "cmyk.jpg", red.convert("CMYK"), quality=95)
    write(tmp_path / "cmyk.tif", red.convert("CMYK"))
    write(tmp_path / "ycbcr.tif", red.convert("YCbCr"), compression="tiff_lzw")  # Pillow 11 cannot read plain ones
    write(tmp_path / "ycbcr.jpg", red, quality=95)
    for seen in opened(tmp_path):
        assert np.abs(seen.astype(int) - (200, 30, 30)).max() <= 4
    write(tmp_path / "lab" / "0.tif", Image.merge("LAB", [Image.new("L", (8, 8), value) for value in (137, 128, 128)]))
    # L* = 137 / 255 · 100 = 53.7 without colour is sRGB 129 (CIE 1976, then the transfer function of IEC 61966-2-1).
    assert np.abs(opened(tmp_path / "lab").astype(int) - 129).max() <= 2
    write(tmp_path / "binary" / "0.png", Image.fromarray(smooth(8, 8) > 100))
    assert set(np.unique(opened(tmp_path / "binary"))) == {0, 255}


# frames


@pytest.mark.parametrize("kind", ["gif", "tif", "webp", "png"])
def test_the_first_of_several_frames_is_used_with_a_notice(tmp_path, kind):
    frames = [Image.new("RGB", (8, 8), (value, 0, 0)) for value in (250, 100, 10)]
    options = {"lossless": True} if kind == "webp" else {}
    write(tmp_path / f"0.{kind}", frames[0], save_all=True, append_images=frames[1:], **options)
    with pytest.warns(Notice, match=f"1 of 1 images has several frames or pages; .*: 0.{kind}"):
        seen = opened(tmp_path)
    assert (seen == (250, 0, 0)).all()


# suffixes, and what is passed over


def test_all_suffixes_of_the_formats_are_read(tmp_path):
    red = Image.new("RGB", (8, 8), (200, 30, 30))
    formats = {"JPEG": (".jpe", ".jfif", ".JPG"), "BMP": (".dib",), "AVIF": (".avif",), "JPEG2000": (".jp2",)}
    names = [(kind, suffix) for kind, suffixes in formats.items() if kind in decoding.FORMATS for suffix in suffixes]
    for kind, suffix in names:
        write(tmp_path / f"0{suffix}", red, format=kind)
    assert data.open_source(tmp_path).count == len(names) >= 4


def test_ignored_files_are_counted_by_suffix_with_the_remedy_for_heic(tmp_path):
    write(tmp_path / "0.png", smooth(8, 8))
    for name in ("a.HEIC", "b.heic", "c.txt", "README"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.warns(
        Notice, match=r"ignored 4 files .*: .heic \(2\), .*\.txt \(1\).*Convert .heic to JPEG or PNG"
    ) as notices:
        assert data.open_source(tmp_path).count == 1
    assert len(notices) == 1 and "no suffix (1)" in str(notices[0].message)
    (tmp_path / "0.png").unlink()
    with pytest.raises(InputError, match=r"has no images .*\.heic \(2\).*Convert .heic to JPEG or PNG"):
        data.open_source(tmp_path)


OTHER_FILES = [
    (b"\0\0\0\x24ftypheic\0\0\0\0mif1heic", "HEIC photo.*convert it to JPEG or PNG"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "pointer of Git LFS.*git lfs pull"),
    (b"<!DOCTYPE html><html>", "HTML page"),
    (b"", "it is empty"),
]


@pytest.mark.parametrize("content, reason", OTHER_FILES)
def test_a_file_that_only_has_the_name_of_an_image_raises_an_error(tmp_path, content, reason):
    write(tmp_path / "0.png", smooth(8, 8))
    (tmp_path / "1.jpg").write_bytes(content)
    with pytest.raises(InputError, match=f"1 of 2 images .* cannot be read: 1.jpg; .*{reason}.*--skip-damaged"):
        data.open_source(tmp_path)


HIDDEN = [
    "__MACOSX/._0.png",
    "__MACOSX/cat/._0.png",
    ".ipynb_checkpoints/0-checkpoint.png",
    "cat/.ipynb_checkpoints/0-checkpoint.png",
    "cat/@eaDir/0.png",
    "cat/._0.png",
    ".hidden.png",
    ".DS_Store",
    "cat/Thumbs.db",
    "$RECYCLE.BIN/0.png",
]


@pytest.mark.parametrize("hidden", HIDDEN)
def test_hidden_files_and_folders_are_ignored_silently(tmp_path, hidden):
    for name in ("cat/0.png", "dog/0.png"):
        write(tmp_path / name, smooth(8, 8))
    (tmp_path / hidden).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / hidden).write_bytes(b"\0\5\x16\7" + bytes(60))
    found = data.open_source(tmp_path)
    assert found.count == 2 and found.class_names == ("cat", "dog") and found.labels.tolist() == [0, 1]


# size


def test_a_photo_of_108_megapixels_is_read(tmp_path):
    photo = Image.new("L", (12_000, 9_000), 7)
    photo.paste(250, (0, 0, 6_000, 9_000))
    write(tmp_path / "0.jpg", photo)
    write(tmp_path / "1.png", photo)
    seen = opened(tmp_path, image_size=16)
    assert (seen[:, :, :4] == 250).all() and (seen[:, :, 12:] == 7).all()  # the filter reaches three pixels


def test_a_photo_above_the_limit_raises_an_error_with_its_size_and_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "LIMIT_PIXELS", 1_000)
    write(tmp_path / "0.png", smooth(8, 8))
    write(tmp_path / "1.png", smooth(40, 30))
    with pytest.raises(InputError, match=r"1.png; it has 30x40 = 1,200 pixels, and the limit is 1,000; save it at a"):
        data.open_source(tmp_path, image_size=8)


def test_large_jpegs_are_decoded_at_a_reduced_size_that_is_turned_and_cropped_alike(tmp_path, monkeypatch):
    write_turned(tmp_path / "0.jpg", smooth(512, 1024), 6, quality=95)
    whole = opened(tmp_path, image_size=16, crop=True)
    monkeypatch.setattr(decoding, "LARGE_PIXELS", 1_000)
    reduced = opened(tmp_path, image_size=16, crop=True)
    assert np.abs(whole.astype(int) - reduced).max() <= 3


# folders of classes


def write_classes(root, **counts):
    for name, count in counts.items():
        for index in range(count):
            write(root / name / f"{index}.png", Image.new("L", (8, 8), index))
    return root


def test_a_few_images_next_to_class_folders_are_left_out_with_a_notice(tmp_path):
    write_classes(tmp_path, cat=3, dog=3)
    write(tmp_path / "overview.png", smooth(8, 8))
    with pytest.warns(Notice, match="left out 1 image that is in no class folder: overview.png"):
        found = data.open_source(tmp_path)
    assert found.count == 6 and found.labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_folders_next_to_many_images_are_not_classes_and_give_a_notice(tmp_path):
    write_classes(tmp_path, cat=3, dog=3)
    for index in range(3):
        write(tmp_path / f"{index}.png", smooth(8, 8))
    with pytest.warns(Notice, match="subfolders are not used as classes: 3 of 9 images are in no subfolder"):
        found = data.open_source(tmp_path)
    assert found.count == 9 and found.labels is None
    with pytest.raises(InputError, match="cannot be used with classes: 3 of 9 images are in no subfolder.*--condit"):
        data.check_labels(found)


def test_classes_without_images_have_no_number(tmp_path):
    write_classes(tmp_path, ant=2, cat=2)
    (tmp_path / "bee" / "deep").mkdir(parents=True)
    with pytest.warns(Notice, match="left out the folder bee"):
        found = data.open_source(tmp_path)
    assert found.class_names == ("ant", "cat") and found.labels.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("where", ["in memory", "from disk"])
@pytest.mark.parametrize("damage", [lambda content: b"", lambda content: content[:40]], ids=["empty", "cut"])
def test_classes_and_labels_are_those_of_the_images_that_can_be_read(tmp_path, where, damage, monkeypatch):
    root = write_classes(tmp_path / "train", ant=2, bee=1, cat=3)
    write_classes(tmp_path / "test", ant=1, cat=1)
    for name in ("bee/0.png", "cat/1.png"):
        (root / name).write_bytes(damage((root / name).read_bytes()))
    if where == "from disk":
        monkeypatch.setattr(source, "MEMORY_LIMIT_BYTES", 100)
    with pytest.warns(Notice) as notices:
        found = data.open_source(root, skip_damaged=True)
    assert any(
        "left out 2 of 6 images that cannot be read: bee/0.png, cat/1.png" in str(each.message) for each in notices
    )
    assert (found.array is None) == (where == "from disk")
    assert found.class_names == ("ant", "cat") and found.labels.tolist() == [0, 0, 1, 1]
    assert found.fetch(np.arange(4))[:, 0, 0, 0].tolist() == [0, 1, 0, 2]
    assert data.open_source(root, skip_damaged=True, split="test").labels.tolist() == [0, 1]


def test_class_folders_that_are_links_are_followed(tmp_path):
    root = write_classes(tmp_path / "root", ant=1, cat=1)
    write_classes(tmp_path / "elsewhere", bee=2)
    (root / "bee").symlink_to(tmp_path / "elsewhere" / "bee")
    (tmp_path / "elsewhere" / "bee" / "again.png").symlink_to(tmp_path / "elsewhere" / "bee" / "1.png")
    found = data.open_source(root)
    assert found.class_names == ("ant", "bee", "cat") and found.labels.tolist() == [0, 1, 1, 1, 2]


@pytest.mark.parametrize("target", [".", "..", "cat", "cat/loop"])
def test_links_that_lead_back_are_not_followed_and_named(tmp_path, target):
    root = write_classes(tmp_path / "root", ant=1, cat=1)
    (root / "zoo").symlink_to(root / target)
    if target == "cat/loop":
        (root / "zoo").unlink()
        (root / "cat" / "zoo").symlink_to(root)
    with pytest.warns(Notice, match="did not follow the links to folders (cat/)?zoo"):
        found = data.open_source(root)
    assert found.count == 2 and found.class_names == ("ant", "cat")


def test_a_link_to_itself_or_to_nothing_is_ignored(tmp_path):
    root = write_classes(tmp_path / "root", ant=1, cat=1)
    (root / "self.png").symlink_to(root / "self.png")
    (root / "gone.png").symlink_to(root / "gone")
    with pytest.warns(Notice, match=r"ignored 2 files .*: .png \(2\)"):
        assert data.open_source(root).count == 2


@pytest.mark.parametrize("train", ["train", "Train", "training"])
@pytest.mark.parametrize("test", ["test", "val", "valid", "validation", "Testing"])
def test_a_folder_with_train_and_test_uses_both(tmp_path, train, test):
    write_classes(tmp_path / train, cat=3, dog=3)
    write_classes(tmp_path / test, cat=1, dog=2)
    found, held_out = (data.open_source(tmp_path, split=split) for split in ("train", "test"))
    assert found.count == 6 and found.class_names == ("cat", "dog") and found.name == os.path.join(tmp_path, train)
    assert held_out.count == 3 and held_out.labels.tolist() == [0, 1, 1]
    assert data.open_source(tmp_path / train, split="test").count == 3


@pytest.mark.parametrize("colours", [("RGB", "L"), ("L", "RGB")])
def test_held_out_images_have_the_channels_of_the_training_images(tmp_path, colours):
    for folder, mode in zip(("train", "test"), colours, strict=True):
        (tmp_path / folder).mkdir()
        for number in range(3):
            Image.new(mode, (8, 8), 90).save(tmp_path / folder / f"{number}.png")
    found, held_out = (data.open_source(tmp_path, split=split) for split in ("train", "test"))
    assert found.shape == held_out.shape == (8, 8, 3 if colours[0] == "RGB" else 1)


def test_a_folder_with_the_name_of_a_dataset_is_not_that_dataset(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_classes(tmp_path / "digits", cat=3)
    assert data.open_source("./digits").name == str(tmp_path / "digits")


def test_a_class_called_train_among_others_is_a_class(tmp_path):
    assert data.open_source(write_classes(tmp_path, bus=2, train=2)).class_names == ("bus", "train")


def test_a_folder_that_holds_train_alone_holds_nothing_out(tmp_path):
    write_classes(tmp_path / "train", cat=3, dog=3)
    assert data.open_source(tmp_path).class_names == ("cat", "dog")
    assert data.open_source(tmp_path, split="test") is None


def test_held_out_images_of_other_classes_have_no_labels_and_give_a_notice(tmp_path):
    write_classes(tmp_path / "train", ant=1, cat=1)
    write_classes(tmp_path / "test", ant=1, dog=1)
    with pytest.warns(Notice, match="not used as classes: the folders dog are not classes of the training images"):
        assert data.open_source(tmp_path, split="test").labels is None
