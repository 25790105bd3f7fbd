import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan import InputError, networks, precision
from keras_gan.config import PRESETS

IMAGE_PRESETS = [name for name, recipe in PRESETS.items() if recipe.networks in networks.IMAGE_FAMILIES]
SIZES = [(8, 8), (28, 28), (32, 32), (48, 48), (64, 64), (30, 50), (9, 17)]


def latents(batch, model, scale=1.0):
    return scale * np.random.default_rng(0).standard_normal((batch, model.input_shape[-1])).astype("float32")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("preset", IMAGE_PRESETS)
def test_every_preset_at_every_size(preset, size):
    for channels in (1, 3):
        shape = (*size, channels)
        generator = networks.generator(shape, 5, preset, dtype="float32")
        discriminator = networks.discriminator(shape, preset, dtype="float32")
        images = generator(latents(2, generator, scale=100.0))
        assert (images.shape, images.dtype) == ((2, *shape), "float32")
        assert np.min(images) < -0.1 and np.max(images) > 0.1
        # Latents that large drive a tanh to its ends; the residual generator is linear on purpose.
        assert (np.max(np.abs(images)) > 1) == (preset == "resnet")
        logits = discriminator(images)
        assert (logits.shape, logits.dtype) == ((2, 1), "float32")
        assert generator.output_shape == discriminator.input_shape == (None, *shape)


@pytest.mark.parametrize("preset", IMAGE_PRESETS)
def test_logits_are_not_confined_to_probabilities(preset):
    discriminator = networks.discriminator((8, 8, 1), preset, dtype="float32")
    images = np.random.default_rng(0).uniform(-1, 1, (8, 8, 8, 1)).astype("float32")
    assert np.max(np.abs(discriminator(1e6 * images))) > 2
    assert keras.activations.sigmoid not in {getattr(layer, "activation", None) for layer in discriminator.layers}


@pytest.mark.parametrize("preset", IMAGE_PRESETS)
def test_odd_sizes_use_every_pixel(preset):
    discriminator = networks.discriminator((9, 17, 3), preset, dtype="float32")
    images = tf.Variable(np.random.default_rng(0).uniform(-1, 1, (1, 9, 17, 3)), dtype="float32")
    with tf.GradientTape() as tape:
        logit = discriminator(images)
    assert np.all(tape.gradient(logit, images) != 0)


def test_largest_images_build_and_run():
    generator = networks.generator((256, 256, 3), dtype="float32")
    discriminator = networks.discriminator((256, 256, 3), dtype="float32")
    images = generator(latents(1, generator))
    assert images.shape == (1, 256, 256, 3)
    assert discriminator(images).shape == (1, 1)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("features", [1, 2])
def test_vectors(preset, features):
    generator = networks.generator((features,), 3, preset)
    vectors = generator(latents(4, generator, scale=100.0))
    assert (vectors.shape, vectors.dtype) == ((4, features), "float32")
    assert np.max(np.abs(vectors)) > 1  # vectors have no range
    assert networks.discriminator((features,), preset)(vectors).shape == (4, 1)


@pytest.mark.parametrize("build", [networks.generator, networks.discriminator])
@pytest.mark.parametrize("shape", [(7, 7, 1), (257, 64, 3), (64, 257, 3), (32, 32, 2), (4, 32, 32, 3), (32, 32), (0,)])
def test_refused_shapes(build, shape):
    with pytest.raises(InputError) as error:
        build(shape)
    message = str(error.value)
    assert f"data of shape {shape}" in message
    assert "8 to 256 pixels on a side and 1 or 3 channels" in message
    assert "--image-size" in message


def test_unknown_preset_names_the_nearest():
    with pytest.raises(InputError, match="unknown preset 'resnt'; did you mean resnet"):
        networks.generator((8, 8, 1), preset_name="resnt")


@pytest.mark.parametrize("preset", IMAGE_PRESETS)
def test_latent_dim_is_the_presets_or_ones_own(preset):
    assert networks.generator((8, 8, 1), preset_name=preset).input_shape == (None, PRESETS[preset].latent_dim)
    assert networks.generator((8, 8, 1), 7, preset).input_shape == (None, 7)


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


def test_residual_networks_have_no_normalization_and_dcgan_none_in_its_discriminator():
    def normalizes(model):
        return any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)

    shape = (16, 16, 1)
    assert not normalizes(networks.generator(shape)) and not normalizes(networks.discriminator(shape))
    assert normalizes(networks.generator(shape, preset_name="dcgan"))
    assert not normalizes(networks.discriminator(shape, "dcgan"))


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
        ({"capability": (7, 5), "flags": ["amx_bf16"]}, "float32", "GPU has no bfloat16"),
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
    monkeypatch.setattr(precision, "Path", lambda path: listing)
    found = precision.processor_flags.__wrapped__
    assert found() == frozenset()
    listing.write_text("processor : 0\nflags\t\t: fpu avx2 amx_bf16\nprocessor : 1\nflags\t\t: fpu\n")
    assert {"fpu", "avx2", "amx_bf16"} <= found()
