"""benchmarks/step.py and its two helpers: equal mathematics in both engines, the count of operations, the table."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from keras_gan import GAN, networks
from keras_gan._utils.errors import InputError

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SCRIPT = BENCHMARKS / "step.py"


@pytest.fixture
def step(monkeypatch):
    """The script's module, whose neighbours it can import."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    import step

    return step


@pytest.fixture
def tutorial(step):
    import tutorial

    return tutorial


@pytest.fixture
def described(step):
    import described

    return described


@pytest.fixture
def twins(step):
    pytest.importorskip("torch")
    import twins

    return twins


@pytest.fixture
def torch_game(step):
    pytest.importorskip("torch")
    import torch_game

    return torch_game


def small_gan(gamma=0.5, **options):
    """The default preset's networks at 8×8, compiled with its loss and penalties of weight γ."""
    keras.utils.set_random_seed(0)
    gan = GAN(networks.generator((8, 8, 1), 4, dtype="float32"), networks.discriminator((8, 8, 1), dtype="float32"))
    gan.compile(loss="relativistic", penalties={"r1": gamma, "r2": gamma}, **options)
    return gan


def batches(count=3, size=4):
    return np.random.default_rng(5).uniform(-1, 1, (count, size, 8, 8, 1)).astype("float32")


def test_the_tutorials_networks_have_its_parameters(tutorial):
    # G: 100·12544 + 4·12544 + 25·256·128 + 4·128 + 25·128·64 + 4·64 + 25·64; D: 26·64 + (25·64 + 1)·128 + 6272 + 1
    assert tutorial.generator().count_params() == 2_330_944
    assert tutorial.discriminator().count_params() == 212_865


def test_only_the_last_layer_leaves_the_policy(tutorial):
    for network in (tutorial.generator("mixed_bfloat16"), tutorial.discriminator("mixed_bfloat16")):
        *hidden, last = (layer for layer in network.layers if not isinstance(layer, layers.InputLayer))
        assert {layer.compute_dtype for layer in hidden if isinstance(layer, keras.Layer)} == {"bfloat16"}
        assert last.compute_dtype == "float32" and network.output.dtype == "float32"


@pytest.mark.long
def test_operations_of_a_step_by_hand(step):
    # Multiplications of one pass for one image, layer by layer; "same" padding counts as pixels.
    d = [14 * 14 * 64 * 25, 7 * 7 * 128 * 25 * 64, 6272]
    g = [100 * 12544, 7 * 7 * 128 * 25 * 256, 7 * 7 * 128 * 25 * 64, 14 * 14 * 64 * 25]
    forward = sum(g) + 2 * sum(d) + sum(g) + sum(d)
    to_weights = 2 * sum(d) + sum(g)
    to_inputs = 2 * (sum(d) - d[0]) + sum(d) + sum(g) - g[0]  # nobody asks for those of images and noise
    assert step.flops("tutorial") == 2 * 128 * (forward + to_weights + to_inputs)


def build(name):
    """Networks that need every translation: (network, input)."""
    rng = np.random.default_rng(3)
    z, image = rng.standard_normal((2, 6), "float32"), rng.standard_normal((2, 11, 13, 3), "float32")
    if name == "strided":
        x = inputs = keras.Input((11, 13, 3))
        x = layers.Conv2D(4, (3, 2), 2, padding="same", activation="relu")(x)
        x = layers.Dropout(0.5)(layers.Conv2DTranspose(2, 5, 2, padding="same", activation="sigmoid")(x))
        x = layers.Conv2DTranspose(2, 2, 2)(layers.Activation("tanh")(layers.Conv2D(3, 4)(x)))
        return keras.Model(inputs, layers.ReLU()(layers.BatchNormalization()(x))), image
    kind, preset = name.split()
    options = {"family": preset, "dtype": "float32"}
    if kind == "generator":
        return networks.generator((11, 13, 3), 6, **options), z
    return networks.discriminator((11, 13, 3), **options), image


NAMES = ["strided", *(f"{kind} {preset}" for kind in ("generator", "discriminator") for preset in ("resnet", "dcgan"))]


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_computes_what_the_network_does(twins, described, name):
    import torch

    network, x = build(name)
    rng = np.random.default_rng(4)
    for weight in network.weights:  # branches and statistics that start at 0 or 1 as well
        weight.assign_add(rng.uniform(0, 0.1, weight.shape))
    with torch.no_grad():
        given = twins.Twin(described.of_network(network)).eval()(torch.from_numpy(x)).numpy()
    expected = keras.ops.convert_to_numpy(network(x, training=False))
    np.testing.assert_allclose(given, expected, atol=1e-5 * np.abs(expected).max())


def test_batch_statistics_as_in_keras(twins, described):
    import torch

    network, x = build("strided")
    network.layers[3].rate = 0.0
    twin = twins.Twin(described.of_network(network))
    twin.operations[2].p = 0.0
    expected = keras.ops.convert_to_numpy(network(x, training=True))
    np.testing.assert_allclose(twin(torch.from_numpy(x)).detach(), expected, atol=1e-5)
    (normalized,) = (layer for layer in network.layers if isinstance(layer, layers.BatchNormalization))
    (twin_normalized,) = (module for module in twin.modules() if isinstance(module, torch.nn.BatchNorm2d))
    np.testing.assert_allclose(twin_normalized.running_mean, normalized.moving_mean, atol=1e-6)


def test_a_mirrored_twin_is_the_network_seen_in_a_mirror(twins, described):
    import torch

    inputs = keras.Input((8, 8, 1))
    hidden = layers.Conv2D(2, 5, 2, padding="same")(inputs)
    network = keras.Model(inputs, layers.Conv2DTranspose(1, 5, 2, padding="same")(hidden))
    x = np.random.default_rng(0).standard_normal((2, 8, 8, 1), "float32")
    expected = keras.ops.convert_to_numpy(network(x))
    for layer in network.layers[1:]:
        layer.kernel.assign(layer.kernel[::-1, ::-1])
    with torch.no_grad():
        given = twins.Twin(described.of_network(network)).mirror()(torch.from_numpy(x[:, ::-1, ::-1].copy())).numpy()
    np.testing.assert_allclose(given[:, ::-1, ::-1], expected, atol=1e-6)


def test_an_unknown_operation_is_named(twins, described):
    x = keras.Input((4,))
    with pytest.raises(InputError, match="no PyTorch twin for the operation 'Softmax'"):
        twins.Twin(described.of_network(keras.Model(x, layers.Softmax()(x))))


def test_derivatives_of_a_convolution_match_differences(twins):
    import torch

    torch.manual_seed(0)
    convolution = twins.Convolution(2, 3, 3, 2, padding=1).double()
    x = torch.randn(2, 2, 5, 4, dtype=torch.float64, requires_grad=True)

    def output(x, weight, bias):
        return torch.func.functional_call(convolution, {"weight": weight, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(output, (x, convolution.weight, convolution.bias))

    def input_gradients(x, weight):
        (slope,) = torch.autograd.grad(output(x, weight, None).square().sum(), x, create_graph=True)
        return slope

    assert torch.autograd.gradcheck(input_gradients, (x, convolution.weight))


@pytest.mark.parametrize("one_pass", [False, True])
@pytest.mark.parametrize("gamma", [0.5, "auto"])
def test_losses_agree_through_three_updates(step, torch_game, gamma, one_pass):
    described, theirs = step.losses_of_both(small_gan(gamma), small_gan(gamma), batches())
    mine = torch_game.losses(*described, one_pass=one_pass)
    assert max(step.difference(mine, each) for each in theirs) < 1e-4


def test_the_learning_rate_falls_as_keras_has_it(torch_game):
    optimizer = small_gan().generator_optimizer
    config = keras.saving.serialize_keras_object(optimizer)["config"]
    rate = torch_game._schedule(config["learning_rate"])
    for step in (0, 1, 20_000):
        optimizer.iterations.assign(step)
        assert rate(step) == pytest.approx(float(optimizer.learning_rate), rel=1e-6)
    assert torch_game._schedule(0.5)(7) == 0.5
    cosine = keras.optimizers.schedules.CosineDecay(0.1, 10)
    with pytest.raises(InputError, match="expected a number or InverseTimeDecay"):
        torch_game._schedule(keras.saving.serialize_keras_object(cosine))


def test_another_penalty_disagrees(step, torch_game):
    described, (same, other) = step.losses_of_both(small_gan(), small_gan(gamma=1.0), batches())
    mine = torch_game.losses(*described)
    assert step.difference(mine, same) < 1e-4 < 0.1 < step.difference(mine, other)


def test_averages_agree(step, described, torch_game):
    import torch

    slow = {"class_name": "Adam", "config": {"learning_rate": 1e-4}}
    gan = small_gan(generator_optimizer=slow, discriminator_optimizer=slow)
    step.shake(gan, 0)
    twin = torch_game.Step(described.of_gan(gan), bfloat16=False)
    draws = np.random.default_rng(1).standard_normal((6, 4, 4), "float32")
    noise = iter(torch.from_numpy(draws))
    twin.noise = lambda *_: next(noise)
    for real in batches():
        twin(torch.from_numpy(real))
    step.keras_losses(gan, draws, batches())
    z = draws[0]
    with torch.no_grad():
        given, untrained = twin.average(torch.from_numpy(z)).numpy(), twin.generator(torch.from_numpy(z)).numpy()
    np.testing.assert_allclose(given, gan.ema_generator(z), atol=1e-5)
    assert np.abs(given - untrained).max() > 1e-4


@pytest.mark.parametrize("networks_name", ["tutorial", "default"])
def test_the_benchmarks_own_check(step, twins, networks_name):
    assert step.disagreement(networks_name) < 1e-4


def test_a_stopwatch_leaves_the_warm_up_out(step):
    watch = step.Stopwatch(0.0)
    watch.ends = [0.0, 5.0, 6.0, 8.0, 10.0]  # seconds
    assert watch.steps_per_s == 0.5


def test_the_table_by_hand(step):
    shared = {"networks": "default", "cores": 1, "batch_size": 10, "step_flops": 2e9, "matmul_dtype": "bfloat16"}
    rows = [
        {**shared, "engine": "keras_gan", "images_per_s": [90.0, 100.0, 120.0], "matmul_flops_per_s": [80e9]},
        {**shared, "engine": "torch", "images_per_s": [50.0, 80.0, 81.0], "matmul_flops_per_s": [80e9]},
    ]
    ours, theirs = (step.line(rows, row) for row in rows)
    assert ours == "| default | 1 | `keras_gan` (bfloat16) | 100 (90 to 120) | 1.25× |  | 25 % |"
    assert theirs == "| default | 1 | PyTorch (bfloat16, channels_last) | 80 (50 to 81) | 1.00× |  | 20 % |"
    assert "A step of `default`, 10 images, is 2.0 GFLOP" in step.arithmetic(rows)


@pytest.mark.long
def test_a_round_of_the_command(tmp_path):
    file = tmp_path / "step.json"
    options = ["--networks", "tutorial", "--engines", "keras_gan", "--cores", "1", "--rounds", "1", "--seconds", "0.5"]
    command = [sys.executable, SCRIPT, *options, "--json", file]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (row,) = json.loads(file.read_text())["rows"]
    assert row["images_per_s"][0] > 0 and row["matmul_flops_per_s"][0] > 0
    assert done.stdout.startswith("    python benchmarks/step.py --networks tutorial")
    assert done.stdout.rstrip().splitlines()[-1].startswith("| tutorial | 1 | `keras_gan`")


def test_without_pytorch_one_line_says_so(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--check", "--cores", "1"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert stop.value.code == 2
    assert "Error: PyTorch is missing; pip install torch" in capsys.readouterr().err
