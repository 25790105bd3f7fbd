import dataclasses
import json

import keras
import pytest

from keras_gan import losses, networks, penalties, schedules
from keras_gan._utils.choices import nearest
from keras_gan._utils.errors import InputError
from keras_gan.config import TrainConfig
from keras_gan.presets import DEFAULT_STEPS, PRESETS, preset
from keras_gan.sampling.latents import DISTRIBUTIONS


def test_a_config_fills_batch_size_and_latent_dim_from_the_preset():
    config = TrainConfig("digits", "goodfellow2014")
    assert (config.batch_size, config.latent_dim) == (100, 100)
    assert (config.steps, config.seed, config.image_size, config.crop) == (DEFAULT_STEPS, 0, None, False)


def test_a_config_without_a_preset_takes_the_default_one():
    assert TrainConfig("digits").preset == "resnet"


def test_a_config_keeps_what_was_given_and_reads_none_as_not_given():
    config = TrainConfig("digits", "goodfellow2014", batch_size=7, latent_dim=None, steps=None, seed=3)
    assert (config.batch_size, config.latent_dim, config.steps, config.crop, config.seed) == (
        7,
        100,
        DEFAULT_STEPS,
        False,
        3,
    )


def test_a_given_zero_is_not_taken_for_absent():
    with pytest.raises(InputError, match="batch_size is 0"):
        TrainConfig("digits", batch_size=0)


def test_whole_numbers_in_a_file_are_taken_for_floats_and_fractions_not_for_ints():
    assert TrainConfig.from_dict({"data": "digits", "gamma": 3, "generator_lr": 1}).gamma == 3.0
    for wrong in ({"steps": 3.0}, {"steps": True}, {"gamma": True}, {"generator_lr": 10**400}):
        (name,) = wrong
        with pytest.raises(InputError, match=rf"run/config.json .*{name}.*expected"):
            TrainConfig.from_dict({"data": "digits"} | wrong, "run/config.json")


def test_runs_from_before_a_setting_keep_what_they_were_trained_with():
    earlier = TrainConfig.from_dict({"data": "mnist", "preset": "resnet"})
    assert earlier.penalty_share == 1 and TrainConfig("mnist").penalty_share == 0.25
    assert TrainConfig.from_dict({"data": "mnist", "preset": "goodfellow2014"}).updates == "alternating"


def test_the_share_of_the_penalties_is_the_presets_with_its_own_loss():
    assert TrainConfig("digits", loss="relativistic", gamma=2.0).penalty_share == 0.25
    assert TrainConfig("digits", loss="wasserstein").penalty_share == 1
    assert TrainConfig("digits", loss="wasserstein", penalty_share=0.5).penalty_share == 0.5
    for share in (0.0, 1.01, float("nan")):
        with pytest.raises(InputError, match="penalty_share is .*more than 0 and at most 1. Use --penalty-share 1"):
            TrainConfig("digits", penalty_share=share)


def test_a_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainConfig("digits").steps = 1


def test_differences_show_both_values_and_leave_steps_out():
    mine = TrainConfig("digits", steps=10, batch_size=8, seed=1)
    other = TrainConfig("digits", steps=20, batch_size=16, seed=1, image_size=(8, 9))
    assert mine.differences(other) == ["batch_size: 8 -> 16", "image_size: automatic -> (8, 9)"]
    assert mine.differences(dataclasses.replace(mine, steps=99)) == []


@pytest.mark.parametrize("size", [None, (8, 12)])
def test_a_config_survives_json(size):
    config = TrainConfig("digits", "lean", steps=3, image_size=size, crop=True, seed=5)
    assert TrainConfig.from_dict(json.loads(json.dumps(dataclasses.asdict(config)))) == config


@pytest.mark.parametrize("values", [{}, {"data": "digits", "colour": "red"}, {"data": "digits", "steps": "ten"}, [1]])
def test_other_values_than_a_config_raise(values):
    with pytest.raises(InputError, match="not a run's config"):
        TrainConfig.from_dict(values)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": 0}, r"steps is 0; expected 1 to 2147483647.*--steps"),
        ({"batch_size": -2}, r"batch_size is -2; expected 1 to 2147483647.*--batch-size"),
        ({"latent_dim": 0}, r"latent_dim is 0; expected 1 to 65536.*--latent-dim"),
        ({"seed": -1}, r"seed is -1; expected 0 to 2147483647.*--seed"),
        ({"seed": 2**31}, r"seed is 2147483648; expected 0 to 2147483647"),
    ],
)
def test_a_number_out_of_range_raises_with_its_option(given, message):
    with pytest.raises(InputError, match=message):
        TrainConfig("digits", **given)


def test_the_largest_seed_is_accepted():
    assert TrainConfig("digits", seed=2**31 - 1).seed == 2147483647


def test_an_unknown_preset_raises_with_the_nearest_name():
    with pytest.raises(InputError, match=r"unknown preset 'dcgen'; did you mean dcgan\? \(all: kgan presets\)"):
        preset("dcgen")
    with pytest.raises(InputError, match="did you mean resnet"):
        TrainConfig("digits", preset="resnett")


def test_names_that_resemble_nothing_offer_every_choice():
    assert nearest("zzzz", ["one", "two"]) == "did you mean one or two?"


@pytest.mark.parametrize("name", PRESETS)
def test_every_entry_of_a_preset_exists(name):
    recipe = PRESETS[name]
    assert recipe.networks in networks.FAMILIES
    assert recipe.loss in losses.LOSSES
    assert set(recipe.penalties) <= set(penalties.PENALTIES)
    assert recipe.latent in DISTRIBUTIONS
    assert "\n" not in recipe.summary + recipe.reference


# learning rate, β1, β2, ε, images a step, k, dimension and distribution of z, loss, penalties: of papers and their code
PAPERS = {
    "dcgan": ("1511.06434", 2e-4, 0.5, 0.999, 1e-8, 128, 1, 100, "uniform", "non_saturating", {}),
    "wgan-gp": ("1704.00028", 1e-4, 0.0, 0.9, 1e-8, 64, 5, 128, "normal", "wasserstein", {"wgan_gp": 10.0}),
    "sngan": ("1802.05957", 2e-4, 0.0, 0.9, 1e-8, 64, 5, 128, "normal", "hinge", {}),
    "r3gan": ("2501.05441", 2e-4, 0.0, 0.9, 1e-8, 512, 1, 64, "normal", "relativistic", {"r1": 0.05, "r2": 0.05}),
}


@pytest.mark.parametrize("name", PAPERS)
def test_a_preset_named_after_a_paper_has_its_settings(name):
    paper, rate, beta_1, beta_2, epsilon, batch_size, k, latent_dim, latent, loss, weights = PAPERS[name]
    config = TrainConfig("digits", name)
    assert f"arXiv:{paper}" in preset(name).reference
    for side in ("generator", "discriminator"):
        optimizer = keras.optimizers.deserialize(config.optimizer(side))
        assert isinstance(optimizer, keras.optimizers.Adam)
        assert (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon) == (beta_1, beta_2, epsilon)
        assert float(optimizer.learning_rate) == pytest.approx(rate)
    assert (config.batch_size, config.discriminator_steps) == (batch_size, k)
    assert (config.latent_dim, config.latent, config.loss, config.penalties) == (latent_dim, latent, loss, weights)


def test_the_2014_preset_has_the_settings_of_its_code():
    config = TrainConfig("mnist", "goodfellow2014")
    for side, rate in (("generator", 0.1), ("discriminator", 0.05)):  # D's loss is twice the code's
        optimizer = keras.optimizers.deserialize(config.optimizer(side))
        assert (optimizer.momentum, optimizer.final_momentum) == (0.5, 0.7)
        assert (optimizer.first_step, optimizer.last_step) == (500, 125_000)  # epochs 1 and 250
        schedule = schedules.schedule_of(optimizer)
        # 1.000004 ** -100,000 = exp(-0.4)
        assert [float(schedule(step)) for step in (0, 100_000)] == pytest.approx([rate, 0.670321 * rate], rel=1e-3)
    assert (config.batch_size, config.latent_dim, config.discriminator_steps) == (100, 100, 1)
    assert config.updates == "simultaneous"


def test_r3gan_lowers_its_rate_and_lengthens_its_average_as_the_code_for_cifar10():
    """cosine_decay_with_warmup of training_loop.py: 2e-4 to 5e-5 over 20 million images, in batches of 512."""
    recipe = PRESETS["r3gan"]
    schedule = keras.optimizers.schedules.deserialize(recipe.generator_optimizer["config"]["learning_rate"])
    for images, rate in ((0, 2e-4), (5_000_000, 1.7803e-4), (10_000_000, 1.25e-4), (20_000_000, 5e-5), (10**8, 5e-5)):
        # 5e-5 + 1.5e-4 · (1 + cos(π · images / 20 million)) / 2; at a quarter the cosine is 0.7071
        assert float(schedule(images // 512)) == pytest.approx(rate, rel=1e-3)
    assert recipe.ema_half_life_images == 5_000_000


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_states_its_differences_from_the_reference(name):
    text = PRESETS[name].differences
    assert text.endswith(".") and "\n" not in text and "  " not in text


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds_networks_that_fit_together(name):
    recipe = PRESETS[name]
    shape = (9, 12, 3) if recipe.networks in networks.IMAGE_FAMILIES else (2,)
    generator = networks.generator(shape, recipe.latent_dim, recipe.networks)
    discriminator = networks.discriminator(shape, recipe.networks)
    assert generator.input_shape == (None, recipe.latent_dim)
    assert generator.output_shape == discriminator.input_shape == (None, *shape)
    assert discriminator.output_shape == (None, 1)


@pytest.mark.parametrize("size", [(32, 32), [32, 32], 32])
def test_an_image_size_is_a_pair_however_it_was_given(size):
    config = TrainConfig("digits", image_size=size)
    assert config.image_size == (32, 32)
    assert not config.differences(TrainConfig.from_dict(json.loads(json.dumps(dataclasses.asdict(config)))))


def test_settings_that_change_nothing_of_what_is_computed_are_no_differences():
    assert not TrainConfig("x").differences(TrainConfig("x", steps=9, skip_damaged=True))


def test_gamma_weighs_every_penalty_of_the_preset_or_adds_r1():
    assert TrainConfig("digits").penalties == {"r1": "auto", "r2": "auto"}
    assert TrainConfig("digits", gamma=3.0).penalties == {"r1": 3.0, "r2": 3.0}
    assert TrainConfig("digits", "lean").penalties == {}
    assert TrainConfig("digits", "lean", gamma=3.0).penalties == {"r1": 3.0}
    assert TrainConfig("digits", "lean", gamma="auto").penalties == {"r1": "auto"}
    assert TrainConfig("digits", "resnet-light").penalties == {"r1": "auto/8", "r2": "auto/8"}
    assert TrainConfig("digits", gamma=0.0).penalties == {}


def test_gamma_is_a_number_or_auto_which_needs_two_images():
    with pytest.raises(InputError, match="gamma is heavy; expected 0 or more, auto, or a part of it such as auto/8"):
        TrainConfig("digits", gamma="heavy")
    with pytest.raises(InputError, match="batch_size is 1; expected 2 or more, unless gamma is a number"):
        TrainConfig("digits", batch_size=1)
    with pytest.raises(InputError, match="batch_size is 1; expected 2 or more, unless gamma is a number"):
        TrainConfig("digits", batch_size=1, gamma="auto/2")
    assert TrainConfig("digits", batch_size=1, gamma=1.0).batch_size == 1


def test_learning_rates_replace_those_of_the_preset_alone():
    config = TrainConfig("digits", "lean", discriminator_lr=0.25)
    assert config.optimizer("discriminator")["config"] == {"learning_rate": 0.25, "beta_1": 0.5, "beta_2": 0.999}
    assert config.optimizer("generator")["config"]["learning_rate"] == 5e-4


@pytest.mark.parametrize("setting", ["gamma", "discriminator_lr", "generator_lr"])
@pytest.mark.parametrize("value", [-1.0, float("inf"), float("nan")])
def test_invalid_rates_and_weights_raise_with_their_option(setting, value):
    with pytest.raises(InputError, match="--" + setting.replace("_", "-")):
        TrainConfig("digits", **{setting: value})


@pytest.mark.parametrize("data, preset_name", [("gaussian", "gaussian"), ("ring", "mixture"), ("mnist", "resnet")])
def test_the_preset_follows_from_the_data(data, preset_name):
    assert TrainConfig(data).preset == preset_name
    assert TrainConfig(data, "dcgan").preset == "dcgan"


def test_the_default_preset_depends_on_name_and_shape_unless_one_is_given():
    config = TrainConfig("photos", seed=3)
    assert (config.preset, config.for_shape((63, 64, 3)).preset) == ("resnet", "resnet")
    large = config.for_shape((64, 100, 1))
    assert (large.preset, large.seed, large.batch_size, large.steps) == ("resnet-light", 3, 16, 10_000)
    assert TrainConfig("photos", steps=5).for_shape((64, 64, 3)).steps == 5
    assert TrainConfig("photos", "lean").for_shape((64, 64, 3)).preset == "lean"
    assert config.for_shape((1000,)).preset == "resnet"
    assert TrainConfig("ring").for_shape((2,)).preset == "mixture"
