import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan import GAN, InputError, networks
from keras_gan._utils import compat
from keras_gan._utils import machine as this_machine
from keras_gan.distribute import precision
from keras_gan.exports import edge
from keras_gan.layers import Maxout
from keras_gan.networks import r3gan
from keras_gan.presets import PRESETS

IMAGE_PRESETS = [name for name, recipe in PRESETS.items() if recipe.networks in networks.IMAGE_FAMILIES]
PAPERS = ["dcgan", "wgan-gp", "sngan", "r3gan"]
NO_TANH = ("resnet", "resnet-light", "r3gan")
SIZES = [(8, 8), (28, 28), (32, 32), (48, 48), (64, 64), (30, 50), (9, 17)]
PAPER_SIZES = [(8, 8), (28, 28), (64, 64), (9, 17)]  # these networks are large
LONG = pytest.mark.long
ONE_PAPER = ["wgan-gp", *(pytest.param(name, marks=LONG) for name in PAPERS if name != "wgan-gp")]  # others are large


def latents(batch, model, scale=1.0):
    return scale * np.random.default_rng(0).standard_normal((batch, model.input_shape[-1])).astype("float32")


@pytest.fixture
def narrow(monkeypatch):
    """The preset r3gan with 32 channels instead of 768: these tests compute with every preset."""
    monkeypatch.setattr(r3gan, "WIDTH", 32)


QUICK_SIZES = [
    *((preset, (9, 17)) for preset in ("lean", "wgan-gp", "r3gan", "resnet", "resnet-light")),
    ("goodfellow2014", (8, 8)),
]
SIZED = [
    (preset, size) if (preset, size) in QUICK_SIZES else pytest.param(preset, size, marks=LONG)
    for preset in IMAGE_PRESETS
    for size in SIZES
    if preset not in PAPERS or size in PAPER_SIZES
]


@pytest.mark.parametrize(
    "preset, size", SIZED, ids=lambda value: value if isinstance(value, str) else "x".join(map(str, value))
)
def test_every_preset_at_every_size(narrow, preset, size):
    for channels in (1, 3):
        shape = (*size, channels)
        generator = networks.generator(shape, 5, preset, dtype="float32")
        discriminator = networks.discriminator(shape, preset, dtype="float32")
        images = generator(latents(2, generator, scale=100.0))
        assert (images.shape, images.dtype) == ((2, *shape), "float32")
        assert np.min(images) < -0.1 and np.max(images) > 0.1
        # Latents that large drive a tanh to its ends; the residual generators are linear on purpose.
        assert (np.max(np.abs(images)) > 1) == (preset in NO_TANH)
        logits = discriminator(images)
        assert (logits.shape, logits.dtype) == ((2, 1), "float32")
        assert generator.output_shape == discriminator.input_shape == (None, *shape)


@pytest.mark.parametrize("preset", IMAGE_PRESETS)
def test_logits_are_not_confined_to_probabilities(narrow, preset):
    discriminator = networks.discriminator((8, 8, 1), preset, dtype="float32")
    images = np.random.default_rng(0).uniform(-1, 1, (8, 8, 8, 1)).astype("float32")
    assert np.max(np.abs(discriminator(1e6 * images))) > 2
    assert keras.activations.sigmoid not in {getattr(layer, "activation", None) for layer in discriminator.layers}


@pytest.mark.parametrize(
    "preset", [pytest.param(name, marks=() if name in ("lean", "resnet") else LONG) for name in IMAGE_PRESETS]
)
def test_odd_sizes_use_every_pixel(narrow, preset):
    discriminator = networks.discriminator((9, 17, 3), preset, dtype="float32")
    images = tf.Variable(np.random.default_rng(0).uniform(-1, 1, (1, 9, 17, 3)), dtype="float32")
    with tf.GradientTape() as tape:
        logit = discriminator(images)
    assert np.all(tape.gradient(logit, images) != 0)


@pytest.mark.long
def test_largest_images_build_and_run():
    generator = networks.generator((256, 256, 3), dtype="float32")
    discriminator = networks.discriminator((256, 256, 3), dtype="float32")
    images = generator(latents(1, generator))
    assert images.shape == (1, 256, 256, 3)
    assert discriminator(images).shape == (1, 1)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("features", [pytest.param(1, marks=LONG), 2])
def test_vectors(preset, features):
    generator = networks.generator((features,), 3, preset)
    vectors = generator(latents(4, generator, scale=100.0))
    assert (vectors.shape, vectors.dtype) == ((4, features), "float32")
    assert np.max(np.abs(vectors)) > 1  # vectors have no range
    assert networks.discriminator((features,), preset)(vectors).shape == (4, 1)


@pytest.mark.parametrize("build", [networks.generator, networks.discriminator])
@pytest.mark.parametrize("shape", [(7, 7, 1), (257, 64, 3), (64, 257, 3), (32, 32, 2), (4, 32, 32, 3), (32, 32), (0,)])
def test_shapes_that_raise(build, shape):
    with pytest.raises(InputError) as error:
        build(shape)
    message = str(error.value)
    assert f"data of shape {shape}" in message
    assert "8 to 256 pixels on a side and 1 or 3 channels" in message
    assert "--image-size" in message


def test_an_unknown_family_raises_with_the_nearest_name():
    with pytest.raises(InputError, match="unknown network family 'resnt'; did you mean resnet"):
        networks.generator((8, 8, 1), family="resnt")


@pytest.mark.parametrize(("side", "family"), [(63, "resnet"), (64, "resnet-light")])
def test_the_default_family_depends_on_the_size_of_the_images(side, family):
    for build in (networks.generator, networks.discriminator):
        assert build((side, 100, 3)).count_params() == build((side, 100, 3), family=family).count_params()


def test_any_latent_dim_can_be_chosen(narrow):
    assert networks.generator((8, 8, 1), 7, "lean").input_shape == (None, 7)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float32"])
def test_auto_follows_the_machine_and_the_last_layer_is_float32(monkeypatch, policy):
    flags = {"mixed_bfloat16": frozenset({"amx_bf16"}), "float32": frozenset()}[policy]
    monkeypatch.setattr(precision, "processor_flags", lambda: flags)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    compute = policy.removeprefix("mixed_")
    for build, last in ((networks.generator, "image"), (networks.discriminator, "logit")):
        model = build((8, 8, 1))
        convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
        assert {layer.compute_dtype for layer in convolutions if layer.name != last} == {compute}
        assert model.get_layer(last).compute_dtype == "float32"
        assert {weight.dtype for weight in model.weights} == {"float32"}


def test_residual_blocks_start_as_identity():
    discriminator = networks.discriminator((8, 8, 1), "resnet", dtype="float32")
    blocks = [layer for layer in discriminator.layers if isinstance(layer, keras.layers.Add)]
    assert len(blocks) == 2
    images = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 1)).astype("float32")
    probe = keras.Model(discriminator.input, [(block.input[0], block.output) for block in blocks])
    for before, after in probe(images):
        assert np.std(before) > 0.01
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(
    "preset, in_generator, in_discriminator",
    [
        ("resnet", 0, 0),
        ("lean", 2, 0),
        ("wgan-gp", 0, 0),
        ("sngan", 3, 0),
        ("r3gan", 0, 0),
        ("dcgan", 2, 1),  # in all layers but G's output and D's input
    ],
)
def test_where_batch_normalization_is(narrow, preset, in_generator, in_discriminator):
    def normalizations(model):
        return sum(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)

    shape = (16, 16, 1)
    assert normalizations(networks.generator(shape, family=preset)) == in_generator
    assert normalizations(networks.discriminator(shape, preset)) == in_discriminator


# papers ---------------------------------------------------------------------------------------------------------------


def convolutions(model):
    """(filters, side of the kernel, stride) of the convolutions, spectrally normalised or not."""
    inner = [getattr(layer, "layer", layer) for layer in model.layers]
    found = [layer for layer in inner if isinstance(layer, keras.layers.Conv2D)]
    return [(layer.filters, layer.kernel_size[0], layer.strides[0]) for layer in found]


# Four filters for one pixel of depth-to-space.
NETWORKS = {
    "dcgan": (
        (64, 64, 3),
        [(4 * 512, 3, 1), (4 * 256, 3, 1), (4 * 128, 3, 1), (4 * 3, 3, 1)],
        [(128, 5, 2), (256, 5, 2), (512, 5, 2), (1024, 5, 2)],
    ),
    "wgan-gp": ((28, 28, 1), [(4 * 128, 3, 1), (4 * 64, 3, 1), (4 * 1, 3, 1)], [(64, 5, 2), (128, 5, 2), (256, 5, 2)]),
    "sngan": (
        (32, 32, 3),
        [(4 * 256, 3, 1), (4 * 128, 3, 1), (4 * 64, 3, 1), (3, 3, 1)],
        [(64, 3, 1), (64, 4, 2), (128, 3, 1), (128, 4, 2), (256, 3, 1), (256, 4, 2), (512, 3, 1)],
    ),
}


@pytest.mark.parametrize("preset", [pytest.param(name, marks=LONG if name == "dcgan" else ()) for name in NETWORKS])
def test_convolutions_are_those_of_the_paper(preset):
    shape, up, down = NETWORKS[preset]
    generator = networks.generator(shape, family=preset)
    assert convolutions(generator) == up
    assert convolutions(networks.discriminator(shape, preset)) == down
    (dense,) = (layer for layer in generator.layers if isinstance(layer, keras.layers.Dense))
    assert dense.units == 4 * 4 * {"dcgan": 1024, "wgan-gp": 256, "sngan": 512}[preset]


def test_the_weights_of_the_light_generator_by_hand():
    block = {width: 2 * (9 * width * width + width) for width in (96, 64)}
    layers = [
        (64 + 1) * 4 * 4 * 24,  # a quarter of the channels at 4×4
        (24 + 1) * 96,
        block[96],
        (96 + 1) * 4 * 96,  # to 8×8
        block[96],
        (96 + 1) * 4 * 64,  # to 16×16
        block[64],
        (64 + 1) * 4 * 32,  # to 32×32, without a block
        (9 * 32 + 1) * 4 * 3,
    ]
    assert networks.generator((64, 64, 3), family="resnet-light").count_params() == sum(layers) == 507_244


R3GAN_BLOCK = 768 * 1536 + 1536 + 9 * 16 * 1536 + 1536 + 1536 * 768  # 1×1, 3×3 in groups of 16, 1×1 without biases
WEIGHTS = {
    ("dcgan", (64, 64, 3)): 75 * 128
    + 128  # the input layer has biases, the others β and γ
    + 25 * (128 * 256 + 256 * 512 + 512 * 1024)
    + 2 * (256 + 512 + 1024)
    + 16 * 1024
    + 1,
    ("wgan-gp", (28, 28, 1)): 1664 + 204_928 + 819_456 + 4097,
    ("sngan", (32, 32, 3)): 1792 + 65_600 + 73_856 + 262_272 + 295_168 + 1_048_832 + 1_180_160 + 8193,
    ("r3gan", (32, 32, 3)): 3 * 768 + 8 * R3GAN_BLOCK + 16 * 768 + 768,
}


@pytest.mark.parametrize(
    "preset, shape", [pytest.param(*key, marks=LONG if key[0] in ("dcgan", "r3gan") else ()) for key in WEIGHTS]
)
def test_discriminators_have_as_many_weights_as_in_the_paper(preset, shape):
    discriminator = networks.discriminator(shape, preset)
    assert sum(np.prod(weight.shape) for weight in discriminator.trainable_weights) == WEIGHTS[preset, shape]


@pytest.mark.long
def test_the_generator_of_r3gan_has_as_many_weights_as_in_its_code():
    """NoiseDimension 64, 768 channels at every size, 2 blocks of each of 4; the basis, and 3 colours."""
    generator = networks.generator((32, 32, 3), family="r3gan")
    assert generator.count_params() == 64 * 768 + 16 * 768 + 8 * R3GAN_BLOCK + 768 * 3


def test_r3gan_halves_its_width_with_each_doubling_above_32_pixels():
    sizes = {4: 768, 32: 768, 64: 384, 128: 192, 256: 96}
    assert {
        side: r3gan._width((256, 256, 3), 6, 6 - level)
        for level, side in enumerate([4, 8, 16, 32, 64, 128, 256])
        if side in sizes
    } == sizes


@pytest.mark.parametrize("preset, slope", [("dcgan", 0.2), ("wgan-gp", 0.2), ("sngan", 0.1), ("r3gan", 0.2)])
def test_slopes_of_the_discriminators(narrow, preset, slope):
    activations = [layer for layer in networks.discriminator((8, 8, 1), preset).layers if "leaky" in layer.name]
    assert activations and {layer.negative_slope for layer in activations} == {slope}


def test_dcgan_starts_with_weights_of_standard_deviation_0_02():
    for model in (networks.generator((32, 32, 3), family="dcgan"), networks.discriminator((32, 32, 3), "dcgan")):
        kernels = [weight.numpy() for weight in model.weights if weight.name == "kernel" and weight.shape[-1] > 1]
        np.testing.assert_allclose([np.std(kernel) for kernel in kernels], 0.02, rtol=0.05)


@pytest.mark.parametrize("side", [4, 5])
def test_convolution_and_depth_to_space_can_be_any_transposed_convolution(side):
    """y[2m + a] = Σ x[m + o] k[a + 1 - 2o] over the offsets o = -1, 0, 1 with a tap in the kernel, for each axis."""
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 2)).astype("float32")
    transposed = keras.layers.Conv2DTranspose(3, side, 2, padding="same", use_bias=False)
    expected = transposed(x)
    kernel = np.zeros((3, 3, 2, 2, 2, 3), "float32")  # offsets, channels in, phases, channels out
    for row, column, a, b in np.ndindex(3, 3, 2, 2):
        tap = (a + 3 - 2 * row, b + 3 - 2 * column)
        if all(0 <= t < side for t in tap):
            kernel[row, column, :, a, b] = transposed.kernel.numpy()[tap].T
    given = compat.depth_to_space(keras.ops.conv(x, kernel.reshape(3, 3, 2, 12), padding="same"), 2)
    np.testing.assert_allclose(given, expected, atol=1e-5)


def resampled(function, x):
    """What a function of r3gan makes of an array of one image and one channel."""
    return function(keras.ops.convert_to_tensor(x[None, :, :, None], "float32"), "float32").numpy()[0, :, :, 0]


def impulse(size, place):
    x = np.zeros((size, size))
    x[place, place] = 1.0
    return x


def test_r3gan_doubles_with_the_filter_1_3_3_1():
    """[1, 2, 1] * [1, 1] = [1, 3, 3, 1], of sum 8, on a map with zeros in between: a pixel becomes 4·4 ones."""
    doubled = resampled(r3gan._doubled, impulse(7, 3))
    row = np.array([0.25, 0.75, 0.75, 0.25])
    np.testing.assert_allclose(doubled[5:9, 5:9], np.outer(row, row))
    assert np.sum(doubled) == 4.0
    # At the border a part is lost, and a map of ones falls to 3/4: outside there is 0.
    corner = resampled(r3gan._doubled, impulse(7, 0))
    np.testing.assert_allclose(corner[:4, :4], np.outer([0.75, 0.75, 0.25, 0], [0.75, 0.75, 0.25, 0]))
    ones = resampled(r3gan._doubled, np.ones((4, 4)))
    np.testing.assert_allclose(ones[2], [0.75, 1, 1, 1, 1, 1, 1, 0.75])


def test_r3gan_halves_with_the_filter_1_3_3_1():
    ramp = np.broadcast_to(np.arange(8.0), (8, 8))
    halved = resampled(r3gan._halved, ramp)
    # (0 + 3·0 + 3·1 + 2) / 8, (1 + 3·2 + 3·3 + 4) / 8, …, (5 + 3·6 + 3·7 + 0) / 8; rows at the top lose 1/8
    np.testing.assert_allclose(halved[1], [0.625, 2.5, 4.5, 5.5])
    np.testing.assert_allclose(halved[0], 7 / 8 * halved[1])
    row = np.array([0, 3 / 8, 1 / 8, 0])  # of pixel 3: 2m + 1 of m = 1, and 2m - 1 of m = 2
    np.testing.assert_allclose(resampled(r3gan._halved, impulse(8, 3)), np.outer(row, row))


def upfirdn(x, up, down, before, after):
    """Zeros between pixels and around them, the filter, every `down`-th pixel: the definition, along both axes."""
    for _ in range(2):
        spread = np.zeros((up * len(x), x.shape[1]))
        spread[::up] = x
        padded = np.pad(spread, [(before, after), (0, 0)])
        taps = up * np.array([1, 3, 3, 1]) / 8
        x = np.stack([taps @ padded[i : i + 4] for i in range(0, len(padded) - 3, down)]).T
    return x


def test_r3gan_resamples_as_upfirdn2d_of_its_code_borders_included():
    x = np.random.default_rng(0).standard_normal((6, 8))
    np.testing.assert_allclose(resampled(r3gan._doubled, x), upfirdn(x, 2, 1, 2, 1), atol=1e-6)
    np.testing.assert_allclose(resampled(r3gan._halved, x), upfirdn(x, 1, 2, 1, 1), atol=1e-6)


def test_r3gan_does_not_shift_a_map():
    """The centre of mass stays where it is, level by level; [1, 2, 1] moved it by half a pixel."""
    x = np.exp(-((np.arange(16) - 7.5) ** 2) / 8)
    image, places = np.outer(x, x), {size: np.arange(size) + 0.5 for size in (8, 16, 32)}
    for function, size in ((r3gan._doubled, 32), (r3gan._halved, 8)):
        rows = resampled(function, image).sum(axis=1)
        assert rows @ places[size] / rows.sum() == pytest.approx(size / 2, abs=1e-4)


def standard_deviations(model, kind):
    inner = [getattr(layer, "layer", layer) for layer in model.layers]
    return [float(np.std(layer.kernel)) for layer in inner if type(layer) is kind]


def test_r3gan_starts_as_its_code_does(narrow):
    """MSRInitializer: gain / √fan-in, gain √(2 / 1.04) · 8^(-1/4) in blocks (8 of them), 1 elsewhere; the last 0."""
    generator = networks.generator((32, 32, 3), family="r3gan", dtype="float32", seed=0)
    discriminator = networks.discriminator((32, 32, 3), "r3gan", "float32", seed=0)
    gain = (2 / 1.04) ** 0.5 * 8**-0.25
    for model, linear in ((generator, [1 / 32**0.5]), (discriminator, [1 / 3**0.5])):
        grouped = standard_deviations(model, r3gan.GroupedConv2D)
        np.testing.assert_allclose(grouped, 8 * [gain / (9 * 16) ** 0.5], rtol=0.05)
        pointwise = standard_deviations(model, keras.layers.Conv2D)
        blocks = 8 * [gain / 32**0.5, 0]
        expected = blocks + linear if model is generator else linear + blocks
        np.testing.assert_allclose(pointwise, expected, rtol=0.2 if model is discriminator else 0.15)
    (dense,) = standard_deviations(generator, keras.layers.Dense)
    assert dense == pytest.approx(1 / 64**0.5, rel=0.1)
    (basis,) = (layer.basis for layer in generator.layers if isinstance(layer, r3gan.Basis))
    assert basis.shape == (4, 4, 32) and np.std(basis) == pytest.approx(1, rel=0.15)
    (pattern,) = standard_deviations(discriminator, keras.layers.DepthwiseConv2D)
    assert pattern == pytest.approx(1 / 16**0.5, rel=0.15)
    assert discriminator.get_layer("logit").bias is None


def test_r3gan_begins_with_a_pattern_of_each_channel_times_a_number(narrow):
    layer = r3gan.Basis((2, 3))
    layer.build((None, 2))
    pattern = np.arange(12.0).reshape(2, 3, 2)
    layer.set_weights([pattern])
    np.testing.assert_array_equal(layer(np.float32([[2.0, -1.0]]))[0], pattern * [2.0, -1.0])


def features_and_logits(discriminator, features, image, label):
    """What a named layer gives, and the logits."""
    probe = keras.Model(discriminator.input, [discriminator.get_layer(features).output, discriminator.output])
    return [value.numpy() for value in probe([image, np.int32(label)])]


IMAGES = np.random.default_rng(0).uniform(-1, 1, (4, 8, 8, 1)).astype("float32")
LABELS = [0, 2, 1, 2]


def test_r3gan_class_logits_are_a_linear_map_times_an_embedding(narrow):
    """Networks.py: (DiscriminativeBasis(x) * EmbeddingLayer(y)).sum(); no logit that all classes share."""
    discriminator = networks.discriminator((8, 8, 1), "r3gan", "float32", 3)
    names = [layer.name for layer in discriminator.layers]
    assert "logit" not in names
    projection, embedding = (discriminator.get_layer(name) for name in ("projection", "class"))
    assert projection.kernel.shape == (32, 32) and projection.bias is None
    assert embedding.embeddings.shape == (3, 32)
    features, logits = features_and_logits(discriminator, "projection", IMAGES, LABELS)
    expected = np.sum(features * embedding.embeddings.numpy()[LABELS], axis=1, keepdims=True)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-6)


def test_r3gan_embeds_classes_as_its_code_does(narrow):
    """Linear maps of one-hot vectors of 100 classes: √(1 / 100), and in D 1 / √width of that; in G as wide as z."""
    generator = networks.generator((8, 8, 1), 16, "r3gan", "float32", 100)
    in_g = generator.get_layer("class").embeddings
    in_d = networks.discriminator((8, 8, 1), "r3gan", "float32", 100).get_layer("class").embeddings
    assert in_g.shape == (100, 16) and np.std(in_g) == pytest.approx(0.1, rel=0.1)
    assert in_d.shape == (100, 32) and np.std(in_d) == pytest.approx(0.1 / 32**0.5, rel=0.1)


def test_sngan_class_logits_are_summed_features_times_a_normalised_embedding():
    """snresnet_32.py: l5(h) + sum(l_y(y) * h) of the features h summed over the map; here l5 is table 3's dense."""
    discriminator = networks.discriminator((8, 8, 1), "sngan", "float32", 3, seed=0)
    for _ in range(60):
        discriminator([IMAGES, np.int32(LABELS)], training=True)
    embedding = discriminator.get_layer("sn_class").layer.embeddings.numpy()
    assert embedding.shape == (3, 128)
    assert np.linalg.svd(embedding, compute_uv=False)[0] == pytest.approx(1.0, abs=1e-3)
    last = [layer.name for layer in discriminator.layers if isinstance(layer, keras.layers.LeakyReLU)][-1]
    features, logits = features_and_logits(discriminator, last, IMAGES, LABELS)
    dense = discriminator.get_layer("sn_logit").layer
    plain = features.reshape(4, -1) @ dense.kernel.numpy() + dense.bias.numpy()
    projected = np.sum(features.sum(axis=(1, 2)) * embedding[LABELS], axis=1, keepdims=True)
    assert np.abs(projected).min() > 1e-3
    np.testing.assert_allclose(logits, plain + projected, rtol=1e-4, atol=1e-5)


def test_sngan_normalises_batches_as_the_authors_framework_does():
    generator = networks.generator((8, 8, 1), family="sngan")
    found = [layer for layer in generator.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {(layer.momentum, layer.epsilon) for layer in found} == {(0.9, 2e-5)}


def test_wgan_gp_has_maps_of_the_sizes_of_its_code():
    """gan_mnist.py: 28 to 14 to 7 to 4 in D; 4 to 8, cut to 7, to 14 to 28 in G."""
    generator = networks.generator((28, 28, 1), family="wgan-gp")
    discriminator = networks.discriminator((28, 28, 1), "wgan-gp")
    down = [layer.output.shape[1:3] for layer in discriminator.layers if isinstance(layer, keras.layers.Conv2D)]
    up = [layer.output.shape[1:3] for layer in generator.layers if isinstance(layer, keras.layers.Conv2D)]
    assert (down, up) == ([(14, 14), (7, 7), (4, 4)], [(4, 4), (7, 7), (14, 14)])
    (cut,) = (layer for layer in generator.layers if isinstance(layer, keras.layers.Cropping2D))
    assert cut.cropping == ((0, 1), (0, 1))


def test_wgan_gp_starts_as_its_code_does():
    """tflib/ops: √(4 / (fan in + fan out)); of 5×5 kernels with a stride of 2 one fan is 25/4 a channel."""
    discriminator = networks.discriminator((28, 28, 1), "wgan-gp")
    sums = [25 * 1 + 25 / 4 * 64, 25 * 64 + 25 / 4 * 128, 25 * 128 + 25 / 4 * 256]
    deviations = standard_deviations(discriminator, keras.layers.Conv2D)
    np.testing.assert_allclose(deviations, [(4 / total) ** 0.5 for total in sums], rtol=0.05)
    generator = networks.generator((28, 28, 1), family="wgan-gp")
    sums = [25 / 4 * 256 + 25 * 128, 25 / 4 * 128 + 25 * 64, 25 / 4 * 64 + 25 * 1]
    # 36 weights of a 3×3 convolution with depth-to-space do what 25 do there.
    expected = [(4 / total * 25 / 36) ** 0.5 for total in sums]
    np.testing.assert_allclose(standard_deviations(generator, keras.layers.Conv2D), expected, rtol=0.05)
    dense = standard_deviations(generator, keras.layers.Dense) + standard_deviations(discriminator, keras.layers.Dense)
    np.testing.assert_allclose(dense, [(2 / (128 + 4096)) ** 0.5, (2 / (4096 + 1)) ** 0.5], rtol=0.05)


def test_the_2014_networks_are_those_of_the_code():
    """mnist.yaml: 1200, 1200 and 784 units from U(-0.05, 0.05); maxout of 240 units of 5 from U(-0.005, 0.005)."""
    generator = networks.generator((28, 28, 1), family="goodfellow2014")
    dense = [layer for layer in generator.layers if isinstance(layer, keras.layers.Dense)]
    activations = [(layer.units, layer.activation.__name__) for layer in dense]
    assert activations == [(1200, "relu"), (1200, "relu"), (784, "sigmoid")]
    assert all(0.0499 < np.abs(layer.kernel).max() <= 0.05 for layer in dense)
    discriminator = networks.discriminator((28, 28, 1), "goodfellow2014")
    units = [layer for layer in discriminator.layers if isinstance(layer, Maxout)]
    assert [(layer.units, layer.pieces) for layer in units] == [(240, 5), (240, 5)]
    kernels = [layer.kernel for layer in units] + [discriminator.get_layer("logit").kernel]
    assert all(0.0048 < np.abs(kernel).max() <= 0.005 for kernel in kernels)
    assert all(kernel.constraint is None for kernel in kernels)
    # include probabilities 0.8 and 0.5, scales 1 / 0.8 and 1 / 0.5
    drops = [layer.rate for layer in discriminator.layers if isinstance(layer, keras.layers.Dropout)]
    assert drops == [0.2, 0.5, 0.5]


def sensitivity(layer, x):
    """Output, and the kernel's gradient of what a gradient penalty is made of."""
    with tf.GradientTape() as outer:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
            score = tf.reduce_sum(tf.tanh(y))
        penalty = tf.reduce_sum(tape.gradient(score, x) ** 2)
    return y, outer.gradient(penalty, layer.kernel)


def test_a_grouped_convolution_without_xla_is_that_of_keras(monkeypatch):
    x = tf.constant(np.random.default_rng(0).standard_normal((2, 5, 4, 6)), "float32")
    options = {"groups": 3, "padding": "same", "bias_initializer": "ones"}
    reference = keras.layers.Conv2D(12, (3, 2), **options)
    layer = r3gan.GroupedConv2D(12, (3, 2), **options)
    layer.build(x.shape), reference.build(x.shape)
    layer.set_weights(reference.get_weights())
    expected = sensitivity(reference, x)
    for xla in (False, True):
        monkeypatch.setattr(precision, "jit_compile", lambda xla=xla: (xla, ""))
        for given, wanted in zip(sensitivity(layer, x), expected, strict=True):
            np.testing.assert_allclose(given, wanted, atol=1e-4)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(copy, r3gan.GroupedConv2D) and copy.get_config() == layer.get_config()


def played(preset, dtype="float32", num_classes=None, steps=3):
    """A GAN of a preset after a few steps on noise, and its weights with their values before."""
    recipe = PRESETS[preset]
    shape, batch_size = (8, 8, 1), 4
    generator = networks.generator(shape, recipe.latent_dim, preset, dtype, num_classes)
    discriminator = networks.discriminator(shape, preset, dtype, num_classes)
    gan = GAN(generator, discriminator, latent=recipe.latent, num_classes=num_classes, seed=0)
    optimizers = {side: dict(getattr(recipe, side)) for side in ("generator_optimizer", "discriminator_optimizer")}
    k = recipe.discriminator_steps
    gan.compile(loss=recipe.loss, penalties=recipe.penalties, discriminator_steps=k, **optimizers)
    images = np.random.default_rng(0).uniform(-1, 1, (batch_size * k, *shape)).astype("float32")
    labels = None if num_classes is None else np.arange(len(images), dtype="int32") % num_classes
    weights = gan.generator.trainable_weights + gan.discriminator.trainable_weights
    before = [(weight, weight.numpy().copy()) for weight in weights]
    gan.fit(images, labels, batch_size=len(images), epochs=steps, verbose=0)
    return gan, before


@pytest.mark.parametrize(
    "preset, dtype, num_classes",
    [
        pytest.param("dcgan", "mixed_bfloat16", None, marks=LONG),
        ("wgan-gp", "float32", None),
        pytest.param("sngan", "mixed_bfloat16", 3, marks=LONG),
        pytest.param("r3gan", "float32", 3, marks=LONG),
    ],
)
def test_every_weight_learns(narrow, preset, dtype, num_classes):
    gan, before = played(preset, dtype, num_classes)
    assert all(np.isfinite(weight).all() for weight in gan.get_weights())
    still = [weight.path for weight, value in before if np.array_equal(weight.numpy(), value)]
    assert all(path.endswith("logit/bias") for path in still)  # which losses on differences of logits do not move


@pytest.mark.parametrize("num_classes", [pytest.param(None, marks=LONG), 3])
def test_sngan_normalizes_every_kernel_of_its_discriminator(num_classes):
    discriminator = networks.discriminator((8, 8, 1), "sngan", "float32", num_classes)
    image = np.ones((1, 8, 8, 1), "float32")
    for _ in range(20):
        discriminator(image if num_classes is None else [image, np.zeros(1, "int32")], training=True)
    kernels = [weight.numpy() for weight in discriminator.trainable_weights if weight.name != "bias"]
    assert len(kernels) == (4 if num_classes is None else 5)  # 3×3, 4×4, 3×3, the logit, and the embedding
    norms = [np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0] for kernel in kernels]
    np.testing.assert_allclose(norms, 1.0, atol=0.1)


@pytest.mark.parametrize("preset", ONE_PAPER)
def test_generators_of_the_papers_run_as_tflite(narrow, preset, tmp_path):
    shape = (9, 12, 3)
    gan = GAN(networks.generator(shape, 4, preset), networks.discriminator(shape, preset), seed=0)
    gan.export(tmp_path / "g.tflite", "tflite", "float32")  # refuses operations that are not LiteRT's own
    z = np.random.default_rng(0).standard_normal((16, 4)).astype("float32")
    images = edge.Generator(tmp_path / "g.tflite").runner("generate_16")(z)
    np.testing.assert_allclose(images, gan.predict(z, verbose=0), atol=1e-4)


@pytest.mark.long
@pytest.mark.parametrize("preset", ["sngan", "r3gan"])
def test_conditional_generators_of_the_papers_run_as_tflite(narrow, preset, tmp_path):
    shape = (8, 8, 1)
    networks_of_classes = (
        networks.generator(shape, 4, preset, num_classes=3),
        networks.discriminator(shape, preset, num_classes=3),
    )
    gan = GAN(*networks_of_classes, seed=0, num_classes=3)
    gan.export(tmp_path / "g.tflite", "tflite", "float32")
    drawn = edge.Generator(tmp_path / "g.tflite").generate(6, seed=1, labels=[0, 1, 2, 2, 1, 0]).astype(int)
    assert np.abs(drawn - gan.generate(6, seed=1, labels=[0, 1, 2, 2, 1, 0])).max() <= 1
    other = gan.generate(6, seed=1, labels=[1, 1, 2, 2, 1, 0])
    assert np.any(drawn[0] != other[0])


@pytest.mark.parametrize("preset", PAPERS)
def test_hidden_layers_compute_in_the_policy_and_the_last_in_float32(narrow, preset):
    for model in (
        networks.generator((8, 8, 1), family=preset, dtype="mixed_bfloat16"),
        networks.discriminator((8, 8, 1), preset, "mixed_bfloat16", 3),
    ):
        inner = [getattr(layer, "layer", layer) for layer in model.layers]
        kinds = keras.layers.Conv2D | keras.layers.Dense | keras.layers.DepthwiseConv2D
        heavy = {layer.name: layer.compute_dtype for layer in inner if isinstance(layer, kinds)}
        last = {name: heavy.pop(name) for name in ("image", "logit", "projection") if name in heavy}
        assert set(heavy.values()) == {"bfloat16"} and set(last.values()) == {"float32"}


# precision ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def machine(monkeypatch):
    def pretend(capability=None, flags=()):
        gpus = ["GPU:0"] if capability else []
        details = {"compute_capability": capability}
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus if kind == "GPU" else ["CPU:0"])
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details)
        monkeypatch.setattr(precision, "processor_flags", lambda: frozenset(flags))

    return pretend


@pytest.mark.parametrize(
    "settings, expected, reason",
    [
        ({"capability": (8, 0)}, "mixed_bfloat16", "GPU multiplies in bfloat16"),
        ({"capability": (9, 0)}, "mixed_bfloat16", "GPU multiplies in bfloat16"),
        ({"capability": (7, 5), "flags": ["amx_bf16"]}, "mixed_float16", "GPU multiplies in float16"),
        ({"capability": (6, 1), "flags": ["amx_bf16"]}, "float32", "GPU has no arithmetic in 16 bits"),
        ({"flags": ["amx_bf16", "avx512_bf16"]}, "mixed_bfloat16", "AMX_BF16"),
        ({"flags": ["avx512_bf16", "avx2"]}, "mixed_bfloat16", "AVX512_BF16"),
        ({"flags": ["avx2", "avx512f"]}, "float32", "no bfloat16"),
    ],
)
def test_policy(machine, settings, expected, reason):
    machine(**settings)
    policy, why = precision.policy()
    assert policy == expected
    assert reason in why


def test_xla_is_for_one_gpu(machine, monkeypatch):
    machine()
    assert precision.jit_compile() == (False, "XLA is slower than oneDNN on a CPU")
    machine(capability=(8, 0))
    assert precision.jit_compile()[0] is True

    class TwoReplicas:
        num_replicas_in_sync = 2

    monkeypatch.setattr(tf.distribute, "get_strategy", TwoReplicas)
    assert precision.jit_compile() == (False, "XLA fails with several replicas")


def test_processor_flags_are_those_the_system_lists(monkeypatch, tmp_path):
    listing = tmp_path / "cpuinfo"
    monkeypatch.setattr(this_machine, "Path", lambda path: listing)
    found = this_machine.processor_flags.__wrapped__
    assert found() == frozenset()
    listing.write_text("processor : 0\nflags\t\t: fpu avx2 amx_bf16\nprocessor : 1\nflags\t\t: fpu\n")
    assert {"fpu", "avx2", "amx_bf16"} <= found()
