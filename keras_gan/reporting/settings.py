"""The settings of a run for its report page: as they were resolved, and as the command that repeats the run."""

import dataclasses
import shlex
from collections.abc import Mapping

from keras_gan._utils.choices import AUTO, automatic_share
from keras_gan.config import TrainConfig
from keras_gan.data.spec import BACKGROUND
from keras_gan.presets import UPDATES, at_share, preset
from keras_gan.reporting import records
from keras_gan.runs import COMPUTATION, Run, checkpoints

OPTIONS = {"start_from": "from", "generator_width": "width"}  # setting -> option of the command with another name
STUDENT = "generator_width", "steps", "imitation", "adversarial", "seed"  # settings that kgan distil takes


def rows(run: Run, config: TrainConfig) -> list[tuple[str, object]]:
    """Rows of the table of settings: (name, value)."""
    height, width, *_ = config.image_size or (None, None)
    newest = run.checkpoints()[-1:]
    resolved = checkpoints.resolved(newest[0]) if newest else checkpoints.Resolved()
    recipe = preset(config.preset)
    return [
        ("data", config.data),
        ("shape", " × ".join(map(str, run.data_shape))),
        *([("resized to", f"{height} × {width}{', cropped' if config.crop else ''}")] if height else []),
        *([("transparent pixels", f"on {config.background}")] if config.background != BACKGROUND else []),
        *([("mirrored", "half of the images, at random")] if config.flip else []),
        *([("attributes in z", ", ".join(config.attributes))] if config.attributes else []),
        *([("weights from", f"{run.origin} (SHA-256 {run.origin.sha256[:12]}…)")] if run.origin else []),
        *([("learns the pictures of", _teacher(config))] if config.teacher else []),
        ("recipe", f"{config.preset}: {recipe.summary}"),
        ("reference", recipe.reference),
        ("loss", config.loss),
        ("penalties", _penalties(config, resolved.penalty_weight)),
        ("steps", f"{config.steps:,}"),
        ("batch size", f"{config.batch_size:,}"),
        ("discriminator steps per generator step", f"{config.discriminator_steps:,}"),
        ("updates", f"{config.updates}: {UPDATES[config.updates]}"),
        ("latents", f"{config.latent_dim:,}, {config.latent}"),
        ("discriminator optimizer", _optimizer(config.optimizer("discriminator"), resolved.discriminator_rate)),
        ("generator optimizer", _optimizer(config.optimizer("generator"), resolved.generator_rate)),
        ("seed", config.seed),
        *_computation(run),
        ("keras_gan", run.written_by or "unknown"),
    ]


def _teacher(config):
    if not config.adversarial:
        return f"{config.teacher}, and their feature maps in its discriminator"
    return f"{config.teacher}: weight {config.imitation:g} of the difference, {config.adversarial:g} of the loss"


def _computation(run):
    """Precision, XLA and threads of the newest training; nothing where they are unknown."""
    file = run.path / COMPUTATION
    return (records.read(file, dict[str, str]) or {}).items() if file.is_file() else ()


def command(config: TrainConfig) -> str:
    """The command that repeats the run."""
    if config.teacher:
        words = ["kgan", "distil", config.teacher]
        chosen = TrainConfig(config.data, config.preset, **{name: getattr(config, name) for name in STUDENT})
    else:
        words, chosen = ["kgan", "train", config.data, "--preset", config.preset], config
    defaults = dataclasses.asdict(TrainConfig(config.data, config.preset))
    for name, value in dataclasses.asdict(chosen).items():
        if value != defaults[name]:
            option = OPTIONS.get(name, name.replace("_", "-"))
            words += [("--no-" if value is False else "--") + option, *_words(value)]
    return shlex.join(words)


def _words(value):
    """The arguments of an option; none for a flag."""
    if isinstance(value, bool):
        return []
    if not isinstance(value, tuple):
        return [str(value)]
    return [("," if isinstance(value[0], str) else "x").join(map(str, value))]


def _penalties(config, automatic):
    weights = {name: _weight(weight, automatic) for name, weight in config.penalties.items()}
    described = ", ".join(f"{name} of weight {weight}" for name, weight in weights.items())
    return described + at_share(config.penalty_share) if weights else "none"


def _weight(weight, automatic):
    share = automatic_share(weight)
    if share is None:
        return _text(weight)
    return "automatic" if automatic is None else f"{share * automatic:.2g} (from the last batch)"


def _optimizer(serialized, rate):
    settings = dict(serialized["config"])
    if settings.get("learning_rate") == AUTO:
        settings["learning_rate"] = "automatic" if rate is None else f"{rate:g} at the start (from the network)"
    return _text({**serialized, "config": settings})


def _text(value):
    """Text for a number, or for the serialized form of an optimizer or a schedule."""
    if not isinstance(value, Mapping):
        return f"{value:g}" if isinstance(value, float) else str(value)
    settings = ", ".join(f"{name} {_text(inner)}" for name, inner in value["config"].items())
    return f"{value['class_name']} ({settings})"
