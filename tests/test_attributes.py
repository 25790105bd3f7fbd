"""Yes/no attributes of data: tables next to images, the catalogue's, and the network that predicts them."""

import random
import runpy
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow_datasets as tfds
from keras import layers
from PIL import Image

from keras_gan import data, metrics
from keras_gan._utils.errors import InputError, Notice
from keras_gan.data import attributes, catalog, fingerprint, source
from keras_gan.data.source import from_array
from keras_gan.metrics import classifiers, extractors

mutate = runpy.run_path(str(Path(__file__).with_name("test_fuzz.py")))["mutate"]

FILES = ["1.png", "2.png", "b/3.png"]
YOUNG, SMILING = [True, False, True], [False, False, True]
EXPECTED = np.array([YOUNG, SMILING]).T
CSV = "file,Young,Smiling\n1.png,1,0\n2.png,0,0\nb/3.png,1,1\n"
# Names end with a space, and ones have two before them, as in CelebA's file.
CELEBA_TXT = "4\nYoung Smiling \n1.png  1 -1\n2.png -1 -1\nmissing.png  1  1\n3.png  1  1\n"
CELEBA_CSV = "image_id,Young,Smiling\n3.png,1,1\nmissing.png,1,1\n2.png,-1,-1\n1.png,1,-1\n"


@pytest.fixture
def folder(tmp_path):
    """A folder of three images, the last of which is in a subfolder; dark, darker, darkest."""
    for shade, name in enumerate(FILES):
        file = tmp_path / "faces" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), shade).save(file)
    return tmp_path / "faces"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


# tables


@pytest.mark.parametrize(
    "name, content",
    [
        ("attributes.csv", CSV),
        ("attributes.csv", "\ufeff" + CSV.replace("\n", "\r\n")),  # as Excel writes it
        ("attributes.csv", "file, Young ,Smiling\n\n1.png,yes,No\n2.png,FALSE,false\n\n b/3.png ,true,YES\n"),
        ("attributes.csv", '"the file","Young","Smiling"\n"1.png","1","0"\n"2.png",0,0\n3.png,1,1\n'),
        ("attributes.csv", CSV + "of another folder.png,who,knows\n"),
        ("list_attr_celeba.csv", CELEBA_CSV),
        ("list_attr_celeba.txt", CELEBA_TXT),
        ("../list_attr_celeba.txt", CELEBA_TXT),
        ("../attributes.csv", CSV),
        ("../attributes.csv", "file,Young,Smiling\nfaces/1.png,1,0\nfaces/2.png,0,0\nfaces/b/3.png,1,1\n"),
    ],
)
def test_a_table_comes_into_the_order_of_the_images(name, content, folder):
    (folder / name).write_text(content, encoding="utf-8")
    opened = data.open_source(folder)
    np.testing.assert_array_equal(opened.attributes, EXPECTED)
    assert opened.attributes.dtype == bool and opened.attribute_names == ("Young", "Smiling")
    assert opened.array[:, 0, 0, 0].tolist() == [0, 1, 2]


def test_changed_attributes_are_a_change_of_the_data(folder):
    found = []
    for table in (CSV, CSV, CSV.replace("1,0", "0,1"), CSV.replace("Young", "Old")):
        (folder / "attributes.csv").write_text(table)
        found.append(fingerprint.of_source(data.open_source(folder)))
    first, same, swapped, renamed = found
    assert fingerprint.differences(first, same) == []
    assert fingerprint.differences(first, swapped) == ["the attributes have changed"]
    assert fingerprint.differences(first, renamed) == ["the attributes have changed"]
    earlier = {key: value for key, value in first.items() if key != "attributes"}
    assert fingerprint.differences(earlier, swapped) == []  # of a version that did not save them


def test_images_without_a_table_have_no_attributes(folder):
    opened = data.open_source(folder)
    assert opened.attributes is None and opened.attribute_names is None


def test_the_table_in_the_folder_comes_before_the_one_next_to_it(folder):
    (folder / "attributes.csv").write_text(CSV)
    (folder.parent / "attributes.csv").write_text("no table")
    np.testing.assert_array_equal(data.open_source(folder).attributes, EXPECTED)


def test_a_path_is_meant_before_a_bare_name(folder):
    Image.new("L", (8, 8), 3).save(folder / "b" / "1.png")
    (folder / "attributes.csv").write_text(CSV + "b/1.png,1,1\n")
    assert data.open_source(folder).attributes.tolist() == [[True, False], [False, False], [True, True], [True, True]]


@pytest.mark.parametrize("when", ["in memory", "from disk"])
def test_rows_of_images_read_from_disk_are_the_same_and_damaged_ones_need_none(when, folder, monkeypatch):
    (folder / "attributes.csv").write_text(CSV)
    (folder / "0.png").write_text("no image")
    whole = (folder / FILES[0]).read_bytes()
    (folder / "00.png").write_bytes(whole[: len(whole) // 2])  # whose header is whole
    if when == "from disk":
        monkeypatch.setattr(source, "MEMORY_LIMIT_BYTES", 100)
    with pytest.warns(Notice, match="left out 2 of 5 images that cannot be read: 0.png, 00.png"):
        opened = data.open_source(folder, skip_damaged=True)
    assert (opened.array is None) == (when == "from disk")
    np.testing.assert_array_equal(opened.attributes, EXPECTED)


def test_held_out_images_need_no_table(folder):
    train = folder.rename(folder.parent / "train")
    (train.parent / "test" / "b").mkdir(parents=True)
    (train.parent / "test" / "9.png").write_bytes((train / "1.png").read_bytes())
    (train.parent / "attributes.csv").write_text(CSV)
    assert data.open_source(train).attributes is not None
    assert data.open_source(train, split="test").count == 1


WRONG = {
    "empty": ("", "is empty; expected names of attributes, then a line for each image"),
    "blank": ("\n \n,,\n", "is empty; expected names"),
    "header only": ("file,Young\n", "lists no image; expected a line for each"),
    "no header": (CSV.split("\n", 1)[1], "begins with '1.png,1,0'; expected the names of its columns"),
    "no attribute": ("file\n1.png\n", "has 0 attributes; expected 1 to 1000 columns after the file name"),
    "semicolons": (CSV.replace(",", ";"), "has 0 attributes; .*commas"),
    "many": ("file," + ",".join(map(str, range(1001))), "has 1001 attributes; expected 1 to 1000"),
    "unnamed": ("file,,A\n1.png,1,0\n", "has a column called '', which is empty, not printable or not unique; exp"),
    "named twice": ("file,A,B,A\n1.png,1,0,1\n", "has a column called 'A', which is .*not unique; "),
    "steering": ("file,\x1b[2JA\n1.png,1\n", r"has a column called '\?\[2JA', which is .*not printable"),
    "no row": (
        CSV.rsplit("b/3", 1)[0],
        "has no line for 1 of the 3 images in .*faces: 'b/3.png'; expected",
    ),
    "no rows": ("file,A\nx,1\n", "no line for 3 of the 3 images in .*: '1.png', '2.png', 'b/3.png'; .*move the table"),
    "twice": (CSV + "3.png,1,1\n", "has '3.png' twice, in lines 4 and 5; expected one line for each image"),
    "number": (
        CSV.replace("2.png,0", "2.png,23"),
        r"column 'Young' of .* has the value '23' \(line 3\); expected 1 or 0",
    ),
    "blank cell": (
        CSV.replace("2.png,0,0", "2.png,0,"),
        r"column 'Smiling' of .* has the value '' \(line 3\)",
    ),
    "long cell": (CSV.replace("2.png,0", "2.png," + "é" * 9999), "has the value 'é{40}…' "),
    "constant": (
        "file,A,B,C\n1.png,1,1,0\n2.png,1,0,0\n3.png,1,1,0\n",
        "has columns with one value for all 3 images: 'A', 'C'; expected",
    ),
    "ragged": (CSV.replace("2.png,0,0", "2.png,0"), "line 3 of .* has 1 values; expected 2, one for each attribute"),
    "open quote": (
        CSV.replace("2.png", '"2.png'),
        r"cannot be read \(unexpected end of data\); expected comma",
    ),
    "long line": ("file," + "A" * 2**17, "line 1 of .* is longer than 65,536 characters; expected the name of an imag"),
    "latin-1": (CSV.replace("Young", "Früh").encode("latin-1"), r"cannot be read \('utf-8' codec .*; expected .* in U"),
    "utf-16": (CSV.encode("utf-16"), r"cannot be read \('utf-8' codec can't decode byte 0xff"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_table_that_does_not_match_raises_an_error_of_one_line(case, folder):
    content, message = WRONG[case]
    table = folder / "attributes.csv"
    table.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError, match=message) as caught:
        data.open_source(folder)
    assert str(table) in str(caught.value) and str(caught.value).isprintable()


@pytest.mark.filterwarnings("ignore:.*subfolders are not used as classes")
def test_a_file_name_of_several_images_raises_an_error(folder):
    (folder / "c").mkdir()
    Image.new("L", (8, 8)).save(folder / "c" / "3.png")
    (folder / "attributes.csv").write_text(CSV + "3.png,1,1\n")
    with pytest.raises(InputError, match="line 5 of .* '3.png', which several images in .* have; .*path"):
        data.open_source(folder)


def test_only_the_first_of_many_images_without_a_line_are_named(folder):
    for index in range(4, 9):
        Image.new("L", (8, 8)).save(folder / f"{index}.png")
    (folder / "attributes.csv").write_text(CSV)
    with pytest.raises(InputError, match=r"no line for 5 of the 8 images in .*: '4.png', '5.png', '6.png' and 2 more"):
        data.open_source(folder)


def test_a_table_of_a_gigabyte_raises_an_error_unread(folder):
    with open(folder / "attributes.csv", "wb") as file:
        file.truncate(2**30)  # a hole, which takes no space on the disk
    with pytest.raises(InputError, match="has 1,073,741,824 bytes; expected at most 134,217,728"):
        data.open_source(folder)


@pytest.mark.parametrize("name, content", [("attributes.csv", CSV), ("list_attr_celeba.txt", CELEBA_TXT)])
def test_mutants_of_a_table_are_refused_or_give_a_table(name, content, folder):
    """Of 600, in the manner of tests/test_fuzz.py; bytes that leave every line's meaning give the same table."""
    opened, table, read = data.open_source(folder), folder / name, 0
    for seed in range(600):
        table.write_bytes(mutate(content.encode(), seed))
        try:
            found = attributes.attach(opened, folder, FILES)
        except InputError as error:
            assert str(error).isprintable() and str(table) in str(error)
            continue
        assert found.attributes.shape == (3, len(found.attribute_names)) and found.attributes.dtype == bool
        assert len(set(found.attribute_names)) == len(found.attribute_names) >= 1
        assert (found.attributes.any(axis=0) & ~found.attributes.all(axis=0)).all()
        read += 1
    assert 10 < read < 300  # both ends are reached


def test_the_order_of_the_lines_changes_nothing(folder):
    header, *lines = CELEBA_CSV.splitlines()
    for seed in range(6):
        random.Random(seed).shuffle(lines)
        (folder / "attributes.csv").write_text("\n".join([header, *lines]))
        np.testing.assert_array_equal(data.open_source(folder).attributes, EXPECTED)


# the catalogue

FACES = {"Young": [True, False, True, True], "Bald": [False, False, False, True]}


class SmallFaces(tfds.core.GeneratorBasedBuilder):
    """Four pictures with the features of celeb_a: attributes of yes and no, and other numbers; no label."""

    VERSION = tfds.core.Version("1.0.0")
    pkg_dir_path = tfds.core.Path(__file__).parent

    def _info(self):
        features = tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=(12, 8, 3)),
                "landmarks": {"nose_x": np.int64},
                "attributes": {**dict.fromkeys(FACES, np.bool_), "age": np.int64},
            }
        )
        return tfds.core.DatasetInfo(builder=self, description="Faces.", features=features)

    def _split_generators(self, manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for index in range(4):
            has = {name: values[index] for name, values in FACES.items()}
            image = np.full((12, 8, 3), index, "uint8")
            yield index, {"image": image, "landmarks": {"nose_x": 1}, "attributes": {**has, "age": 7}}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    place = tmp_path_factory.mktemp("tfds")
    SmallFaces(data_dir=place).download_and_prepare()
    tfds.core.add_data_dir(place)
    return "small_faces"


def test_the_catalogues_attributes_are_the_images_own_in_memory_and_mapped(prepared, cache, monkeypatch):
    held = data.open_source(prepared)
    monkeypatch.setattr(source, "MEMORY_LIMIT_BYTES", 100)
    mapped, again = data.open_source(prepared), data.open_source(prepared)
    assert held.array is not None and mapped.array is None and held.labels is None and mapped.labels is None
    for opened in (held, mapped, again):
        shades = opened.fetch(np.arange(4))[:, 0, 0, 0]
        assert opened.attributes.dtype == bool and sorted(opened.attribute_names) == ["Bald", "Young"]
        for name, column in zip(opened.attribute_names, opened.attributes.T, strict=True):
            assert column.tolist() == [FACES[name][shade] for shade in shades]
    assert sorted(file.name.partition("-")[2] for file in cache.iterdir()) == ["", "attributes.npy", "labels.npy"]


def test_a_cache_from_before_there_were_attributes_is_made_anew(prepared, cache, monkeypatch):
    monkeypatch.setattr(source, "MEMORY_LIMIT_BYTES", 100)
    expected = catalog.open_dataset(prepared).attributes
    next(cache.glob("*-attributes.npy")).unlink()
    np.testing.assert_array_equal(catalog.open_dataset(prepared).attributes, expected)


# the network

COUNT = 400


def drawn(count=COUNT, seed=0):
    """Noise with a bright left half in every second picture, and two bright rows on top in one of twenty-five."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 100, (count, 8, 8, 1), dtype="uint8")
    has = np.stack([np.arange(count) % 2 == 0, np.arange(count) % 25 == 3], axis=1)[rng.permutation(count)]
    images[has[:, 0], :, :4] += 90
    images[has[:, 1], :2] += 60
    return images, has


def described(images, has, names=("left", "top")):
    held = from_array("drawn", images)
    return source.Source(held.name, held.shape, held.count, held.fetch, images, None, None, has, names)


@pytest.mark.long
def test_attributes_are_learned_once_and_a_rare_one_too(cache, capfd, monkeypatch):
    opened = described(*drawn())
    classifier = metrics.attribute_classifier(opened)
    printed = capfd.readouterr().err
    assert printed.startswith("training a network") and "2 attributes of drawn" in printed and "1 min" in printed
    (file,) = (cache / "extractors").iterdir()
    assert printed == printed.splitlines()[0] + "\n" and printed.strip().endswith(str(file))
    assert classifier.names == ("left", "top") and len(classifier.sha256) == 64
    assert classifier.balanced_accuracy.shape == (2,) and classifier.balanced_accuracy.min() > 0.95

    images, has = drawn(seed=1)
    probabilities = classifier(images)
    assert probabilities.shape == (COUNT, 2) and probabilities.dtype == np.float32
    right = (probabilities > 0.5) == has
    balanced = [(r[h].mean() + r[~h].mean()) / 2 for r, h in zip(right.T, has.T, strict=True)]
    assert min(balanced) > 0.95

    monkeypatch.setattr(classifiers, "train", None)  # another training would fail
    renamed = metrics.attribute_classifier(described(*drawn(), names=("a", "b")))
    assert capfd.readouterr().err == "" and renamed.names == ("a", "b") and renamed.sha256 == classifier.sha256
    np.testing.assert_array_equal(renamed(images), probabilities)
    np.testing.assert_array_equal(renamed.balanced_accuracy, classifier.balanced_accuracy)

    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(InputError, match="is damaged .*; expected saved weights.*[Dd]elete it"):
        metrics.attribute_classifier(opened)


def test_other_attributes_of_the_same_images_and_classes_have_files_of_their_own():
    images, has = drawn()
    version = f"attributes {classifiers.VERSION}"
    sources = [from_array("drawn", images, labels) for labels in (has, ~has, has[:, :1])]
    names = {extractors.content(version, each) for each in sources}
    classes = from_array("drawn", images, has[:, 0].astype("int64"))
    assert len(names | {extractors.content(classifiers.VERSION, classes)}) == 4


def test_balanced_accuracy_is_the_mean_of_two_shares_and_half_for_a_constant_answer():
    image = keras.Input((8, 8, 1))
    mean = layers.GlobalAveragePooling2D()(image)  # 1 of white, -1 of black
    # The first says "yes" to white, the second always "no".
    last = layers.Dense(2, activation="sigmoid")
    model = keras.Model(image, [mean, last(mean)])
    last.set_weights([np.array([[4, 0]]), np.array([0, -1])])
    white = np.array([1, 0, 0, 1, 0, 0, 0, 0], "uint8")[:, None, None, None] * np.full((1, 8, 8, 1), 255, "uint8")
    reference = np.array([1, 1, 0, 0, 0, 0, 0, 0], bool)[:, None].repeat(2, axis=1)
    # One of two images with it is correct, and five of six without it.
    np.testing.assert_allclose(classifiers.balanced_accuracy(model, white, reference), [(1 / 2 + 5 / 6) / 2, 1 / 2])


def test_the_loss_removes_the_share_of_an_attribute():
    # One image in four has the first attribute, so the odds are divided by three: 0.5 means 1/4, 0.75 means 1/2.
    # Three in four have the second attribute: 0.5 means 3/4, 0.25 means 1/2.
    loss = classifiers.adjusted_crossentropy(np.array([[1, 0], [0, 1], [0, 1], [0, 1]], bool))
    probabilities = np.array([[0.5, 0.5], [0.75, 0.5], [0.75, 0.25]], "float32")
    found = np.asarray(loss(np.array([[True, True], [False, True], [False, False]]), probabilities))
    by_hand = [np.log(4) + np.log(4 / 3), np.log(2) + np.log(4 / 3), np.log(2) + np.log(2)]
    np.testing.assert_allclose(found, np.array(by_hand) / 2, rtol=1e-5)


def test_both_values_of_every_attribute_are_held_out():
    rng = np.random.default_rng(0)
    has = rng.random((400, 6)) < [0.5, 0.3, 0.1, 0.05, 0.9, 0.04]
    has[:10, 5], has[10:, 5] = True, False
    rows, held = classifiers.split_attributes(has, 5)
    assert sorted([*rows, *held]) == list(range(400)) and 80 <= len(held) <= 100
    for group in (has, ~has):
        assert (group[held].sum(axis=0) >= np.ceil(group.sum(axis=0) / 5)).all()
        assert (group[rows].sum(axis=0) >= group.sum(axis=0) / 2).all()
    np.testing.assert_array_equal(held, classifiers.split_attributes(has, 5)[1])


@pytest.mark.long
def test_attributes_too_rare_to_learn_are_left_out_with_a_notice(monkeypatch, capfd):
    images, has = drawn(60)
    has = np.stack([has[:, 0], np.arange(60) < 9, np.arange(60) < 51, np.zeros(60, bool)], axis=1)
    opened = described(images, has, ("left", "rare", "common", "none"))
    with pytest.warns(Notice, match=r"learn these attributes of drawn: rare \(9\), common \(9\), none \(0\); expected"):
        classifier = metrics.attribute_classifier(opened)
    assert classifier.names == ("left",) and classifier(images).shape == (60, 1)
    assert "1 attribute of drawn" in capfd.readouterr().err
    with pytest.raises(InputError, match=r"too few .*: rare \(9\); expected at least 10 .*10 .*[Aa]dd images"):
        metrics.attribute_classifier(described(images, has[:, 1:2], ("rare",)))
    # Only a sample of larger data is read, and the images of the sample are counted.
    monkeypatch.setattr(extractors, "MOST_BYTES", 64 * 15)
    left = has[opened.sample(15, 0), 0].sum()
    with pytest.raises(InputError, match=rf"too few .*: left \({min(left, 15 - left)}\), rare"):
        metrics.attribute_classifier(opened)


@pytest.mark.parametrize("shape, reason", [((6, 8, 8, 1), "has no attributes"), ((6, 2), "has no images")])
def test_without_attributes_the_remedy_is_a_table(shape, reason):
    with pytest.raises(InputError, match=f"plain {reason}; expected images with attributes.*attributes.csv"):
        metrics.attribute_classifier(from_array("plain", np.zeros(shape, "uint8" if len(shape) == 4 else "float32")))
