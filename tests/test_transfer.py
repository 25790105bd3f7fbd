"""Weights of a trained GAN for another one: in code, and with `kgan train --from`."""

import json

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers

from keras_gan import GAN, InputError, networks, training
from keras_gan.cli.main import kgan
from keras_gan.gan import transfer
from keras_gan.networks import IMAGE_FAMILIES
from keras_gan.reporting import settings
from keras_gan.runs import Run


def small_gan(side=8, family="lean", seed=0, **labels):
    shape, of_both = (side, side, 1), {"dtype": "float32", "seed": seed}
    of_d = dict(labels, num_attributes=len(labels["attributes"])) if "attributes" in labels else dict(labels)
    of_d.pop("attributes", None)
    generator = networks.generator(shape, 4, family, num_classes=labels.get("num_classes"), **of_both)
    return GAN(generator, networks.discriminator(shape, family, **of_both, **of_d), **labels)


def refusal(call):
    with pytest.raises(InputError) as error:
        call()
    return str(error.value)


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory):
    """A run of classes on digits, four steps old."""
    config = training.configure("digits", "lean", steps=4, batch_size=16, latent_dim=4, conditional=True)
    job = training.prepare(config, tmp_path_factory.mktemp("origin") / "run")
    job.train()
    return job.run_dir


# networks


@pytest.mark.parametrize("family", IMAGE_FAMILIES)
def test_the_same_networks_get_all_weights(family):
    trained, new = small_gan(family=family, seed=1), small_gan(family=family, seed=2)
    trained.ema_generator.set_weights([value + 0.5 for value in trained.ema_generator.get_weights()])
    z, x = np.ones((2, 4), "float32"), np.zeros((2, 8, 8, 1), "float32")
    assert [str(part) for part in new.load_weights_from(trained).values()] == ["all weights"] * 2
    np.testing.assert_array_equal(new.generator(z), trained.generator(z))
    np.testing.assert_array_equal(new.discriminator(x), trained.discriminator(x))
    np.testing.assert_array_equal(new.generate(2, seed=1), trained.generate(2, seed=1))


def chain(*widths, inputs=3):
    """Dense layers with a bias; returns the network and its number of weights."""
    network = keras.Sequential([keras.Input((inputs,)), *map(layers.Dense, widths)])
    network.set_weights([np.full_like(value, len(widths)) for value in network.get_weights()])
    return network


def test_layers_fit_from_the_input_on_and_from_the_output_back():
    trained = chain(4, 5, 6, 2)
    new = chain(4, 5, 5, 6, 2)  # one more layer in the middle
    taken = transfer.copy(trained, new)
    values = [value.flat[0] for value in new.get_weights()]
    assert values == [4, 4, 4, 4, 5, 5, 4, 4, 4, 4]  # kernel and bias of each layer
    assert taken.taken == 16 + 25 + 36 + 14 and taken.total == taken.taken + 30
    assert str(taken) == "75% of the weights"  # 91 / 121
    other = chain(7, 8)
    assert transfer.copy(chain(4, 5), other).taken == 0
    assert {value.flat[0] for value in other.get_weights()} == {2.0}


@pytest.mark.parametrize("family", ["resnet", "lean", "sngan", "r3gan"])
def test_networks_for_larger_images_share_levels(family):
    smaller, larger = small_gan(16, family, 1), small_gan(32, family, 2)
    before = larger.generator.get_weights()
    taken = larger.load_weights_from(smaller)
    assert 0.05 < taken["generator"].share < 1 and 0.05 < taken["discriminator"].share < 1
    changed = sum(a.size for a, b in zip(before, larger.generator.get_weights(), strict=True) if (a != b).any())
    assert 0 < changed <= taken["generator"].taken
    assert larger.generate(2, seed=0).shape == (2, 32, 32, 1)


@pytest.mark.parametrize("family", ["resnet", "sngan", "r3gan"])
def test_classes_are_found_by_their_numbers(family):
    trained, new = small_gan(family=family, seed=1, num_classes=3), small_gan(family=family, seed=2, num_classes=4)
    fresh = small_gan(family=family, seed=2, num_classes=4)
    new.load_weights_from(trained, [2, None, 0, 1])

    def table(network):
        (layer,) = [each for each in network.layers if each.name.removeprefix("sn_").startswith("class")]
        return max((weight.numpy() for weight in layer.weights), key=np.size)

    for name in ("generator", "discriminator", "ema_generator"):
        mine, others, first = (table(getattr(gan, name)) for gan in (new, trained, fresh))
        np.testing.assert_array_equal(mine[[0, 2, 3]], others[[2, 0, 1]])
        if name != "ema_generator":
            np.testing.assert_array_equal(mine[1], first[1])


def test_attributes_are_found_by_their_names():
    trained = small_gan(seed=1, attributes={"Male": 0.5, "Young": 0.3})
    new = small_gan(seed=2, attributes={"Young": 0.4, "Hat": 0.1})
    fresh = new.discriminator.get_layer("embedding").get_weights()[0].copy()
    new.load_weights_from(trained)
    (mine,), (others,) = (gan.discriminator.get_layer("embedding").get_weights() for gan in (new, trained))
    np.testing.assert_array_equal(mine[0], others[1])
    np.testing.assert_array_equal(mine[1], fresh[1])


def test_networks_without_a_layer_in_common_raise(tiny_generator, tiny_discriminator):
    other = GAN(tiny_generator((8, 8, 1), 4), tiny_discriminator((8, 8, 1)))
    assert "no layer of the" in refusal(lambda: small_gan(family="goodfellow2014").load_weights_from(other))


# frozen levels


def test_frozen_levels_keep_their_weights_and_the_others_learn():
    gan = small_gan(16, "lean")
    sides = {layer: layer.output.shape[1] for layer in gan.discriminator.layers if len(layer.output.shape) == 4}
    transfer.freeze(gan.discriminator, 1)
    gan.compile("sgd", "sgd")
    largest = max(side for layer, side in sides.items() if layer.weights)
    before = {layer: layer.get_weights() for layer in gan.discriminator.layers if layer.weights}
    gan.fit(np.random.default_rng(0).uniform(-1, 1, (8, 16, 16, 1)).astype("float32"), batch_size=4, verbose=0)
    for layer, weights in before.items():
        same = all((a == b).all() for a, b in zip(weights, layer.get_weights(), strict=True))
        assert same == (sides.get(layer) == largest), layer.name
    for levels in (-1, 9):
        assert "levels of the discriminator to freeze" in refusal(
            lambda n=levels: transfer.freeze(gan.discriminator, n)
        )


# runs and the command line


def test_a_run_starts_with_the_weights_of_another(digits_run, tmp_path):
    trained = training.load(digits_run)
    config = training.configure("digits", steps=2, batch_size=16, conditional=True, start_from=str(digits_run))
    assert config.preset == "lean" and config.latent_dim == 4 and config.image_size == (8, 8)
    job = training.prepare(config, tmp_path / "run")
    np.testing.assert_array_equal(job.gan.generate(4, seed=1), trained.generate(4, seed=1))
    assert job.gan.step == 0 and not any(np.any(v.numpy()) for v in job.gan.generator_optimizer.variables[2:])
    job.train()
    run = Run(tmp_path / "run")
    assert run.origin.step == 4 and run.origin.path == str(digits_run.resolve()) and len(run.origin.sha256) == 64
    assert run.origin.generator == run.origin.discriminator == "all weights"
    assert (
        "--from" in settings.command(run.config)
        and str(run.origin) in dict(settings.rows(run, run.config))["weights from"]
    )
    resumed = training.configure("digits", steps=3, batch_size=16, conditional=True, start_from=str(digits_run))
    assert training.prepare(resumed, tmp_path / "run").train().step == 3
    assert run.origin == Run(tmp_path / "run").origin


def test_the_optimizers_go_on_where_they_are_asked_to(digits_run, tmp_path):
    given = {"steps": 2, "batch_size": 16, "conditional": True, "start_from": str(digits_run), "with_optimizers": True}
    gan = training.prepare(training.configure("digits", **given), tmp_path / "run").gan
    trained = training.load(digits_run)
    for name in ("generator_optimizer", "discriminator_optimizer"):
        ours, theirs = (getattr(each, name).variables for each in (gan, trained))
        assert int(ours[0].numpy()) == 4  # steps
        for mine, others in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(mine.numpy(), others.numpy())
    given |= {"discriminator_lr": 0.25}  # a number, where the other run may follow a schedule
    gan = training.prepare(training.configure("digits", **given), tmp_path / "faster").gan
    assert float(gan.discriminator_optimizer.learning_rate) == 0.25
    assert int(gan.discriminator_optimizer.iterations.numpy()) == 4
    given |= {"conditional": False}
    assert "belong to other networks" in refusal(
        lambda: training.prepare(training.configure("digits", **given), tmp_path / "other")
    )


@pytest.mark.long
def test_the_command(digits_run, tmp_path):
    def run(*words):
        return CliRunner().invoke(kgan, ["train", *map(str, words)])

    file = tmp_path / "gan.keras"
    training.load(digits_run).save(file)
    small = ["--preset", "lean", "--latent-dim", 4, "--batch-size", 8, "--steps", 2, "--image-size", 16]
    done = run("digits", *small, "--freeze-levels", 1, "--from", file, "--run", tmp_path / "run")
    assert done.exit_code == 0, done.output
    assert "weights from" in done.output and "gan.keras at step 4" in done.output
    content = json.loads((tmp_path / "run" / "config.json").read_text())
    assert content["config"]["freeze_levels"] == 1 and content["origin"]["step"] == 4
    assert training.load(tmp_path / "run").step == 2  # with the frozen weights among the others
    damaged = tmp_path / "damaged.keras"
    damaged.write_bytes(file.read_bytes()[:1000])
    for words, message in (
        (["--from", tmp_path / "none"], "is no run and no .keras file"),
        (["--from", damaged], "cannot be loaded"),
        (["--with-optimizers"], "together with --from"),
        (["--from", digits_run, "--preset", "goodfellow2014"], "no layer of the"),
        (["--from", digits_run, "--freeze-levels", 9], "levels of the discriminator"),
    ):
        refused = run("digits", *words, "--run", tmp_path / "other")
        assert refused.exit_code == 2 and message in refused.output, refused.output
        assert not (tmp_path / "other").exists()
