"""Small exports: quantization, packing, delegation, loss of quality, and descriptions."""

import dataclasses
import hashlib
import json

import keras
import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils
from keras import layers

from keras_gan import GAN, InputError, exports, metrics, networks, training
from keras_gan._utils import pixels
from keras_gan._utils.digests import weights_sha256
from keras_gan.exports import about, delegation, edge, metadata, packing, quality, tflite
from keras_gan.exports.options import Options
from keras_gan.exports.quantize import MODES
from keras_gan.exports.report import table
from keras_gan.runs import Run
from keras_gan.sampling import latents

SHAPE = (8, 8, 1)


def built(shape=SHAPE, preset="resnet", **options):
    """A GAN whose weights are all away from their start, so that an error in any of them would show."""
    classes = {"num_classes": options["num_classes"]} if "num_classes" in options else {}
    pair = networks.generator(shape, 4, preset, **classes), networks.discriminator(shape, preset, **classes)
    gan = GAN(*pair, seed=0, **options)
    rng = np.random.default_rng(0)
    for weight in gan.ema_generator.weights:
        weight.assign(weight + rng.uniform(-0.05, 0.05, weight.shape).astype("float32"))
    return gan


@pytest.fixture(scope="module")
def gan(converted_once):
    return built()


@pytest.fixture(scope="module")
def files(gan, tmp_path_factory):
    """Path and report of the export in each mode."""
    folder = tmp_path_factory.mktemp("modes")
    return {mode: (folder / f"{mode}.tflite", gan.export(folder / f"{mode}.tflite", "tflite", mode)) for mode in MODES}


def outputs(path, seeds, labels=None):
    """The outputs of every signature for seeds: signature -> (n, *shape)."""
    generator = edge.Generator(path)

    def of(signature, size):
        parts = [slice(start, start + size) for start in range(0, len(seeds), size)]
        chosen = None if labels is None else np.asarray(labels)
        return np.concatenate(
            [
                generator.runner(signature)(
                    *generator.signature_inputs(signature, seeds[part], None if chosen is None else chosen[part])
                )
                for part in parts
            ]
        )

    return {signature: of(signature, size) for signature, size in edge.SIGNATURES.items()}


def test_fewer_bits_give_smaller_files(files):
    size = {mode: report.size_bytes for mode, (_, report) in files.items()}
    assert all(path.stat().st_size == report.size_bytes for path, report in files.values())
    assert size["float16"] < 0.55 * size["float32"]
    assert size["int8"] < 0.31 * size["float32"] and size["int8-static"] < 0.33 * size["float32"]


def test_fewer_bits_give_larger_but_small_errors(files):
    mean = {mode: report.mean_error for mode, (_, report) in files.items()}
    assert mean["float32"] < 1e-6 < mean["float16"] < 2e-4 < mean["int8"] < mean["int8-static"] < 0.01


@pytest.mark.parametrize("mode", MODES)
def test_all_signatures_make_the_same_picture_of_a_seed(files, gan, mode):
    seeds = np.int32([0, 5, 2**31 - 1, 77, *range(100, 112)])
    made = outputs(files[mode][0], seeds)
    keras = gan.compute(latents.of_seeds(seeds, 4))
    for signature, images in made.items():
        assert images.dtype == np.float32 and images.shape == (16, 8, 8, 1)
        # Where activations are rounded to 8 bits, latents that differ in the last digit may be rounded to either side.
        np.testing.assert_allclose(images, made["generate"], atol=2e-6 if mode.startswith("float") else 0.03)
        assert np.abs(images - keras).mean() <= {"float32": 1e-6, "float16": 2e-4}.get(mode, 0.01), signature


def test_a_seed_gives_one_picture_at_every_position_of_a_batch(files):
    sample = edge.Generator(files["float32"][0]).runner("sample_16")
    seeds = np.arange(40, 56, dtype="int32")
    np.testing.assert_array_equal(sample(seeds)[::-1], sample(seeds[::-1].copy()))
    assert len(np.unique(sample(seeds).reshape(16, -1), axis=0)) == 16


# An even dimension: in every other test of `sample`.
@pytest.mark.parametrize("latent, dim", [("normal", 5), pytest.param("uniform", 5, marks=pytest.mark.long)])
def test_the_graph_and_numpy_give_the_same_noise(latent, dim, tmp_path):
    z = layers.Input((dim,))
    generator = keras.Model(z, layers.Dense(dim, kernel_initializer="identity")(z))
    gan = GAN(generator, networks.discriminator((dim,)), latent=latent)
    gan.export(tmp_path / "z.tflite", "tflite", "float32")
    seeds = np.int32([0, 1, 2**31 - 1, 12345, *range(12)])
    made = outputs(tmp_path / "z.tflite", seeds)
    expected = latents.of_seeds(seeds, dim, latent)
    # Logarithm, sine and cosine differ in their last digits; uniform noise is exact.
    np.testing.assert_allclose(made["sample_16"], expected, atol=5e-6 if latent == "normal" else 0)
    np.testing.assert_allclose(made["sample"], expected, atol=5e-6 if latent == "normal" else 0)


@pytest.fixture(scope="module")
def coloured():
    return built((8, 8, 3), num_classes=3)


# float16: tests/test_conditional.py
@pytest.mark.parametrize("mode", ["int8", pytest.param("int8-static", marks=pytest.mark.long)])
def test_every_signature_takes_labels_and_gives_colours(mode, coloured, tmp_path):
    gan = coloured
    options = exports.Options(about=about.About(labels=("cat", "dog", "fish")))
    gan.export(tmp_path / "g.tflite", "tflite", mode, options)
    seeds, labels = np.full(16, 9, "int32"), np.arange(16, dtype="int32") % 3
    made = outputs(tmp_path / "g.tflite", seeds, labels)
    keras = gan.compute([latents.of_seeds(seeds, 4), labels])
    for images in made.values():
        assert np.abs(images - keras).mean() < 0.01 and np.ptp(images[:3], axis=0).max() > 0.03  # classes differ
    assert edge.Generator(tmp_path / "g.tflite").description["labels"] == ["cat", "dog", "fish"]


@pytest.mark.parametrize("mode", ["float32", pytest.param("int8", marks=pytest.mark.long)])
def test_uint8_images_agree_with_keras_in_whole_grey_levels(gan, mode, tmp_path):
    report = gan.export(tmp_path / "g.tflite", "tflite", mode, exports.Options(uint8=True))
    made = outputs(tmp_path / "g.tflite", latents.seeds(16, 3))
    keras = pixels.to_uint8(gan.compute(gan.inputs(16, seed=3))).astype(int)
    levels = 1 if mode == "float32" else 6
    for images in made.values():
        assert images.dtype == np.uint8 and np.abs(images - keras).max() <= levels and np.ptp(images) > 20
    generator = edge.Generator(tmp_path / "g.tflite")
    assert generator.description["value_range"] == [0, 255] and generator.description["output"] == "uint8"
    assert np.abs(generator.generate(5, seed=3).astype(int) - gan.generate(5, seed=3)).max() <= levels
    assert report.tolerance > MODES[mode].largest_error


def test_a_saved_model_has_the_same_signatures(gan, tmp_path):
    import tensorflow as tf

    gan.export(tmp_path / "g", options=exports.Options(uint8=True, about=about.About(name="mine", license="CC0")))
    signatures = tf.saved_model.load(str(tmp_path / "g")).signatures
    assert set(edge.SIGNATURES) <= set(signatures)
    images = signatures["sample"](seed=tf.constant([7, 2**31 - 1, 8], "int32"))["images"].numpy()
    keras = gan.generate(z=latents.of_seeds(np.int32([7, 2**31 - 1, 8]), 4))
    assert images.dtype == np.uint8 and np.abs(images.astype(int) - keras).max() <= 1
    np.testing.assert_array_equal(exports.open_generator(tmp_path / "g", trust=True).generate(3, 7)[0], images[0])
    facts = json.loads((tmp_path / "g" / "assets.extra" / "keras_gan.json").read_text())
    assert (facts["name"], facts["license"], facts["output"]) == ("mine", "CC0", "uint8")


# delegation ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_xnnpack_computes_all_of_the_default_generator(files, mode):
    path, report = files[mode]
    assert report.slow_operations == ()
    assert delegation.slow_operations(path.read_bytes(), "generate_16") == []
    # In `sample`, only the arithmetic of seeds runs on the slow kernels.
    left = set(delegation.slow_operations(path.read_bytes(), "sample"))
    assert (
        {"BITWISE_XOR", "RIGHT_SHIFT"}
        <= left
        <= {
            *(
                "BITWISE_XOR",
                "RIGHT_SHIFT",
                "MUL",
                "CAST",
                "RESHAPE",
                "STRIDED_SLICE",
                "CONCATENATION",
                "COS",
                "SIN",
                "LOG",
            ),
        }
    )


def test_operations_that_xnnpack_does_not_compute_are_reported(tmp_path):
    z = layers.Input((4,))
    x = layers.Reshape(SHAPE)(keras.ops.cumsum(layers.Dense(64)(z), axis=-1))
    gan = GAN(keras.Model(z, x), networks.discriminator(SHAPE))
    report = gan.export(tmp_path / "g.tflite", "tflite", "float32")
    assert "CUMSUM" in report.slow_operations and "not computed by XNNPACK: " in str(report)


# packing ---------------------------------------------------------------------------------------------------------


def test_packing_makes_files_smaller_and_changes_no_output(gan):
    plain = MODES["int8"].apply(tflite._converted(gan, uint8=False), ())
    packed = packing.pack(plain, about.describe(gan))
    # Four graphs repeat the scales of 96 to 128 channels a convolution, twelve bytes each, and all names.
    assert len(packed) < len(plain) - 10_000

    from ai_edge_litert.interpreter import Interpreter

    z = latents.draw(16, 4, seed=1)
    before, after = (
        Interpreter(model_content=content).get_signature_runner("generate_16")(z=z)["images"]
        for content in (plain, packed)
    )
    np.testing.assert_array_equal(before, after)
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(packed))
    named = [tensor for graph in model.subgraphs for tensor in graph.tensors if tensor.name]
    assert len(named) == 8  # one input and one output a signature
    assert metadata.read(packed)["weights_sha256"] == weights_sha256(gan.ema_generator)
    again = packing.pack(packed, {"name": "other"})
    assert metadata.read(again) == {"name": "other"}


def test_the_hash_follows_from_the_weights(gan):
    content = b"".join(weight.astype("<f4").tobytes() for weight in gan.ema_generator.get_weights())
    assert weights_sha256(gan.ema_generator) == hashlib.sha256(content).hexdigest()
    other = built()
    other.ema_generator.weights[-1].assign(other.ema_generator.weights[-1] + 1e-6)
    assert weights_sha256(other.ema_generator) != weights_sha256(gan.ema_generator)


def test_a_file_describes_the_run_that_trained_it(run_dir, trained, tmp_path):
    facts = about.About.of(Run(run_dir), 30, license="CC BY 4.0")
    trained.gan.export(tmp_path / "g.tflite", "tflite", "int8", exports.Options(about=facts))
    description = metadata.check(metadata.read((tmp_path / "g.tflite").read_bytes()))
    assert description["name"] == "run" and description["data"] == "digits" and description["license"] == "CC BY 4.0"
    assert description["training"] == {
        "preset": "lean",
        "loss": "non_saturating",
        "seed": 0,
        "batch_size": 16,
        "steps": 30,
        "images_seen": 480,
    }
    assert description["labels"] is None and description["quantize"] == "int8" and description["format"] == 1


@pytest.mark.long
def test_a_conditional_run_has_the_class_names_of_its_data(tmp_path):
    from keras_gan import training

    config = training.configure("digits", "lean", steps=1, batch_size=16, latent_dim=8, conditional=True)
    job = training.prepare(config, tmp_path / "run")
    job.train()
    assert about.About.of(Run(tmp_path / "run"), 1).labels == tuple("0123456789")


# quality ---------------------------------------------------------------------------------------------------------


def test_equal_samples_lose_no_quality(gan):
    same = quality.measure(quality.Original(gan), gan.generate)
    assert same.sliced_wasserstein == same.lost == 0 and same.frechet_distance is None


def test_a_shift_of_all_samples_gives_its_share_of_their_spread(gan):
    def shifted(n, seed):
        return np.clip(gan.generate(n, seed).astype(int) + 10, 0, 255).astype("uint8")

    samples = pixels.to_signed(gan.generate(quality.SAMPLES, 0).astype("float32"))
    # Every direction is moved by 10 grey levels times the sum of its parts, whose mean square is 1 / d each.
    expected = 10 / 127.5 / np.sqrt(samples.var(axis=0).mean())
    assert quality.measure(quality.Original(gan), shifted).sliced_wasserstein == pytest.approx(expected, rel=0.15)


def test_the_frechet_distance_decides_where_there_is_one(trained):
    reference = metrics.Reference.of(trained.source, None, metrics.extractor(trained.source), 200)
    gan = trained.gan
    inverted = quality.measure(quality.Original(gan, reference), lambda n, seed: 255 - gan.generate(n, seed))
    assert inverted.frechet_samples == 200 and inverted.frechet_distance != inverted.frechet_keras
    lost = (inverted.frechet_distance - inverted.frechet_keras) / inverted.frechet_keras
    assert inverted.lost == pytest.approx(lost)
    moved = dataclasses.replace(inverted, frechet_distance=1.04, frechet_keras=1.0, frechet_baseline=0.5)
    quality.check(moved)
    with pytest.raises(InputError, match=r"Fréchet distance is 1.06, 6% above Keras's; expected at most 5%.*--force"):
        quality.check(dataclasses.replace(moved, frechet_distance=1.06))
    quality.check(dataclasses.replace(moved, frechet_distance=1.06), force=True)
    # Nearer to the reference than real images: what is above is noise up to a share of these.
    quality.check(dataclasses.replace(moved, frechet_distance=0.03, frechet_keras=0.01))


def test_an_export_that_loses_quality_is_rejected_without_force(gan, files, tmp_path, monkeypatch):
    lost = files["int8"][1].quality.lost
    assert 0.001 < lost < quality.MOST_LOST
    monkeypatch.setattr(quality, "MOST_LOST", lost / 2)
    with pytest.raises(InputError, match=r"loses quality: its samples differ .*\d+\.\d% of their spread.*--force"):
        gan.export(tmp_path / "g.tflite", "tflite", "int8")
    assert not list(tmp_path.iterdir())
    report = gan.export(tmp_path / "g.tflite", "tflite", "int8", exports.Options(force=True))
    assert report.quality.lost > quality.MOST_LOST and (tmp_path / "g.tflite").exists()


def test_the_table_shows_every_mode(files, trained, tmp_path):
    text = str(table([report for _, report in files.values()]))
    head, *rows = text.splitlines()
    assert [row.split()[0] for row in rows[:4]] == list(MODES)
    assert "Fréchet" not in text and max(map(len, text.splitlines())) <= 100
    reference = metrics.Reference.of(trained.source, None, metrics.extractor(trained.source), 200)
    judged = trained.gan.export(tmp_path / "g.tflite", "tflite", options=exports.Options(reference=reference))
    assert "of 200 samples" in str(table([judged])) and "Fréchet" in str(table([judged]))


@pytest.mark.parametrize(
    "change",
    [
        {"latent_dim": "4"},
        {"labels": ["a"], "num_classes": 3},
        {"labels": [1, 2, 3], "num_classes": 3},
        {"output": "float64"},
        {"training": "a lot"},
        {"license": "x" * 20_000},
        {"name": 5},
        {"data_shape": None},
        {"latent": "cauchy"},
        {"latent_dim": True},
        {"value_range": [-1, "1"]},
        {"directions": [{"name": "up", "kind": "factor", "vector": [1.0], "limit": 2}]},
    ],
    ids=str,
)
def test_a_wrong_description_is_rejected(gan, change):
    with pytest.raises(InputError, match="expected"):
        metadata.check(about.describe(gan) | change)


def test_fields_of_later_versions_stay_in_a_description(gan):
    assert metadata.check(about.describe(gan) | {"later": [1]})["later"] == [1]


LATER_FIELDS = ("directions", "data_license")


def test_an_old_description_has_none_of_the_later_fields(gan):
    facts = about.describe(gan)
    for field in LATER_FIELDS:
        del facts[field]
    assert all(metadata.check(facts)[field] is None for field in LATER_FIELDS)


@pytest.mark.parametrize("field", [field for field in metadata.FIELDS if field not in LATER_FIELDS])
def test_a_description_without_a_field_is_rejected(gan, field):
    facts = about.describe(gan)
    del facts[field]
    with pytest.raises(InputError, match=f"required field {field}"):
        metadata.check(facts)


def test_options_that_cannot_be_used_write_no_file(gan, tmp_path):
    with pytest.raises(InputError, match="license: .*10000"):
        gan.export(tmp_path / "g.tflite", "tflite", options=exports.Options(about=about.About(license="x" * 11_000)))
    vectors = GAN(networks.generator((2,), 4), networks.discriminator((2,)))
    with pytest.raises(InputError, match="uint8 for data of shape .2,.; expected images"):
        vectors.export(tmp_path / "g.tflite", "tflite", options=exports.Options(uint8=True))
    z = layers.Input((4,))
    bare = GAN(keras.Model(z, layers.Reshape((2, 2))(z * 0.5)[:, 0]), networks.discriminator((2,)))
    with pytest.raises(InputError, match="cannot be stored as int8-static .*quantize=float32"):
        bare.export(tmp_path / "g.tflite", "tflite", "int8-static")
    assert not list(tmp_path.iterdir())


def test_ranges_are_measured_on_all_classes():
    gan = built(num_classes=40)
    labels = [batch["generate_16"]["label"] for batch in tflite._calibration(gan, edge.SIGNATURES)]
    assert set(np.concatenate(labels).tolist()) == set(range(40))


@pytest.mark.parametrize("mode", MODES)
def test_a_file_of_one_signature_draws_the_same(gan, files, mode, tmp_path):
    path = tmp_path / "one.tflite"
    report = gan.export(path, "tflite", mode, options=Options(signatures=("generate",)))
    one, all_four = edge.Generator(path), edge.Generator(files[mode][0])
    assert report.signatures == one.signatures == ("generate",) and report.latency_16_ms is None
    assert set(metadata.signatures(path.read_bytes())) == {"generate"}
    assert path.stat().st_size < files[mode][1].size_bytes
    difference = one.generate(20, seed=5).astype(int) - all_four.generate(20, seed=5)
    assert np.abs(difference).mean() < (2 if mode == "int8-static" else 0.1)  # grey levels


def test_signatures_are_kept_in_one_order(gan, tmp_path):
    names = ("sample_16", "generate", "generate_16")
    report = gan.export(tmp_path / "g.tflite", "tflite", options=Options(signatures=names))
    assert edge.Generator(tmp_path / "g.tflite").signatures == ("generate", "generate_16", "sample_16")
    assert set(report.signatures) == set(names)


@pytest.mark.parametrize("names", [("sample",), ()])
def test_a_file_without_generate_is_refused(gan, names, tmp_path):
    with pytest.raises(InputError, match="expected generate among them"):
        gan.export(tmp_path / "g.tflite", "tflite", options=Options(signatures=names))


@pytest.mark.parametrize(
    "format, mode, options, message",
    [
        (
            "tflite",
            "float16",
            {"signatures": ("generate", "smaple")},
            "signature 'smaple'; did you mean sample",
        ),
        (
            "saved_model",
            "float16",
            {"signatures": ("generate",)},
            "signatures for saved_model; expected them",
        ),
        ("saved_model", "int8", {}, "quantize='int8' for saved_model, in float32"),
        ("onnx", "int9", {}, "unknown quantization 'int9'"),
        ("tflite", "float16", {"tune_steps": 7}, "tune_steps=7 for tflite with quantize='float16'; expected 8 bits"),
    ],
)
def test_options_that_a_format_does_not_have_are_refused(gan, format, mode, options, message, tmp_path):
    name = {"tflite": "g.tflite", "onnx": "g.onnx"}.get(format, "g")
    with pytest.raises(InputError, match=message):
        gan.export(tmp_path / name, format, mode, Options(**options))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", ["tflite", "onnx"])
def test_a_file_that_is_no_export_is_not_replaced(gan, format, tmp_path):
    file = tmp_path / f"mine.{format}"
    file.write_bytes(b"not an export")
    with pytest.raises(InputError, match="exists and is no export"):
        gan.export(file, format)
    assert file.read_bytes() == b"not an export" and list(tmp_path.iterdir()) == [file]


def test_a_generator_with_a_loop_is_exported(tmp_path, tiny_discriminator):
    z = keras.Input((3,))
    x = keras.layers.GRU(8, return_sequences=True)(keras.layers.RepeatVector(8)(z))
    looped = GAN(keras.Model(z, keras.layers.Reshape((8, 8, 1))(x)), tiny_discriminator())
    names = ("generate", "sample_16")
    report = looped.export(tmp_path / "g.tflite", "tflite", "float32", Options(signatures=names))
    assert report.largest_error < 1e-5 and set(report.signatures) == set(names)


@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
def test_generators_that_end_in_another_dtype_give_float32(dtype, tmp_path, tiny_discriminator):
    z = keras.Input((3,))
    x = keras.layers.Reshape((8, 8, 1))(keras.layers.Dense(64, "tanh")(z))
    cast = GAN(keras.Model(z, keras.ops.cast(x, dtype)), tiny_discriminator())
    assert cast.compute(cast.inputs(2, seed=0)).dtype == np.float32
    report = cast.export(tmp_path / "g", "saved_model")
    assert report.largest_error < 1e-3
    np.testing.assert_array_equal(
        exports.open_generator(tmp_path / "g", trust=True).generate(3, seed=1), cast.generate(3, seed=1)
    )


@pytest.mark.long
def test_a_generator_of_one_picture_can_be_exported(tmp_path):
    gan = built(preset="lean")
    weights = gan.ema_generator.get_weights()
    gan.ema_generator.set_weights([weight * 0 for weight in weights[:-1]] + [weights[-1] + 0.5])
    report = gan.export(tmp_path / "g.tflite", "tflite", "int8")
    assert report.quality.sliced_wasserstein <= quality.MOST_LOST


def test_an_export_to_the_current_folder(gan, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    gan.export(".")
    assert (tmp_path / "here" / "saved_model.pb").is_file() and (tmp_path / "here.json").is_file()
    (tmp_path / "here" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds notes.txt"):
        gan.export(tmp_path / "here")
    assert (tmp_path / "here" / "notes.txt").read_text() == "mine"


def test_the_reference_of_a_run(run_dir, trained):
    reference = training.reference_of(Run(run_dir))
    assert reference.count == 898 and reference.extractor.name == "digits"  # a half of 1,797
    config = json.loads((run_dir / "config.json").read_text())
    for name in ("lsun/church", "./nowhere"):  # not prepared, and gone
        config["config"]["data"] = name
        (run_dir / "config.json").write_text(json.dumps(config))
        assert training.reference_of(Run(run_dir)) is None
