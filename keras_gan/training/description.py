"""Texts about a job: what will be trained, and the outcome."""

from collections import defaultdict

from keras_gan import data, networks, penalties, schedules
from keras_gan._utils import pixels
from keras_gan._utils.choices import AUTO
from keras_gan._utils.errors import printable
from keras_gan._utils.text import Table
from keras_gan.distribute import precision, several_processes
from keras_gan.reporting import optimum
from keras_gan.runs import Run
from keras_gan.training.building import images_per_step
from keras_gan.training.job import Job

MOST_SHOWN_CLASSES, FIRST_CLASSES = 12, 5  # up to 12 classes are shown, else the first 5
SHOWN_IMAGES = 256  # number of images to estimate γ before training


def describe(job: Job) -> Table:
    """What will be trained, and with which precision."""
    config, gan = job.config, job.gan
    policy, why = networks.arithmetic(job.source.shape)
    with job.strategy.scope():
        chosen = precision.described()
    size = "x".join(map(str, job.source.shape))
    augmented = ", augmented for the discriminator" if config.augment else ""
    rows = {
        "data": f"{job.source.name}: {job.source.count:,} of {size}{augmented}",
        "classes": _classes(job),
        "recipe": f"{config.preset}: {config.steps:,} steps of {config.batch_size}",
        "parameters": f"generator {gan.generator.count_params():,}, discriminator {gan.discriminator.count_params():,}",
        "loss": _loss(job),
        "precision": f"{policy} ({why}), XLA {chosen['XLA']}",
        "threads": chosen["threads"],
        "replicas": _replicas(job),
        "run": str(job.run_dir),
    }
    return Table([(name, words) for name, words in rows.items() if words])


def _classes(job):
    """The classes of the data with the number of images in each; empty for data without classes."""
    if job.source.labels is None:
        return ""
    counts = data.class_counts(job.source)
    shown = list(counts.items())
    shown = shown if len(shown) <= MOST_SHOWN_CLASSES else shown[:FIRST_CLASSES]
    listed = ", ".join(f"{printable(name)} ({count:,})" for name, count in shown)
    more = f", … and {len(counts) - len(shown):,} more" if len(shown) < len(counts) else ""
    unused = "" if job.config.conditional else "; used only with --conditional"
    return f"{len(counts):,}: {listed}{more}{unused}"


def _replicas(job):
    """The number of replicas and their share of a step; empty for one device."""
    count = job.strategy.num_replicas_in_sync
    if count == 1:
        return ""
    kind = "workers" if several_processes(job.strategy) else "replicas"
    return f"{count} {kind}, each with {images_per_step(job.config) // count} images in a step"


def _loss(job):
    """Loss, penalties and initial learning rates as text."""
    config, gan = job.config, job.gan
    automatic = _automatic_weight(job) if AUTO in config.penalties.values() else None
    names = defaultdict(list)  # by weight
    for name, weight in config.penalties.items():
        names[automatic if weight == AUTO else f"{weight:g}"].append(name)
    penalised = "".join(f", {' and '.join(alike)} of weight {weight}" for weight, alike in names.items())
    g_rate, d_rate = (schedules.current_rate(o) for o in (gan.generator_optimizer, gan.discriminator_optimizer))
    rate = (
        f"rate {g_rate:g}"
        if g_rate == d_rate
        else f"rates {g_rate:g} of the generator, {d_rate:g} of the discriminator"
    )
    return f"{config.loss}{penalised}; learning {rate}"


def _automatic_weight(job):
    """An estimate of the γ that training will choose from its batches."""
    images = job.source.fetch(job.source.sample(SHOWN_IMAGES, job.config.seed))
    return f"{float(penalties.automatic_weight(pixels.floats(images))):.2g} (from the data)"


def outcome(job: Job) -> str:
    """The last step, the place of the results, and how to continue."""
    if job.gan.step < job.config.steps:
        return (
            f"stopped at step {job.gan.step:,} of {job.config.steps:,}; saved in {job.run_dir}. "
            "Run the same command again to continue."
        )
    trained = (
        f"trained {job.gan.step:,} steps. All results are on one page: {job.run_dir}/report.html. "
        "Run the command again with more --steps to continue."
    )
    result = optimum.result(Run(job.run_dir)) if job.is_the_example() else None
    return f"{trained}\n\n{result}" if result else trained
