"""Texts about a job: what will be trained, and the outcome."""

from collections import defaultdict

import keras

from keras_gan import data, penalties, schedules
from keras_gan._utils import pixels
from keras_gan._utils.choices import automatic_share
from keras_gan._utils.compat import all_layers
from keras_gan._utils.errors import printable
from keras_gan._utils.progress import rough_duration
from keras_gan._utils.text import Table
from keras_gan.distribute import several_processes
from keras_gan.presets import at_share
from keras_gan.reporting import optimum
from keras_gan.runs import Run
from keras_gan.training.building import computation, images_per_step
from keras_gan.training.job import Job

MOST_SHOWN_CLASSES, FIRST_CLASSES = 12, 5  # up to 12 classes are shown, else the first 5
SHOWN_IMAGES = 256  # number of images to estimate γ before training


def describe(job: Job, verbose: bool = False) -> Table:
    """What will be trained, and where the results will be.

    Args:
        job: a job that is ready to start.
        verbose: whether to add the loss and how it is computed.
    """
    mirrored = ", mirrored at random" if job.config.flip else ""
    augmented = "; augmented for the discriminator" if job.config.augment else ""
    rows = {
        "data": f"{job.source.name}: {job.source.count:,} {_kind(job.source.shape)}{mirrored}{augmented}",
        "classes": _classes(job),
        "attributes": _attributes(job.gan),
        "training": _training(job),
        "networks": _networks(job.gan),
        "learns from" if job.config.teacher else "weights from": str(job.origin or ""),
        "replicas": _replicas(job),
        "run": f"{job.run_dir}  (samples in {job.run_dir / 'samples'}; at the end all results in report.html)",
        "resuming": _resuming(job),
    }
    if verbose:
        rows |= _details(job)
    return Table([(name, words) for name, words in rows.items() if words])


def _kind(shape):
    """What the data are: "grey images of 28x28 pixels"."""
    if len(shape) == 1:
        return f"points with {shape[0]} value{'s' if shape[0] > 1 else ''}"
    colours = {1: "grey ", 3: "colour "}.get(shape[2], "")
    channels = "" if colours else f" with {shape[2]} channels"
    return f"{colours}images of {shape[0]}x{shape[1]} pixels{channels}"


def _training(job):
    config, count = job.config, job.source.count
    shown = config.steps * images_per_step(config) / count
    times = f", each image about {shown:,.0f} times" if shown >= 1.5 and len(job.source.shape) == 3 else ""
    return f"{config.steps:,} steps of {images_per_step(config):,} images{times}; recipe {config.preset}"


def _resuming(job):
    """Where training goes on; empty for a new run."""
    if job.last_saved is None:
        return ""
    step, when = job.last_saved
    return f"at step {step:,} of {job.config.steps:,}, saved on {when:%d %B %Y at %H:%M}"


def _details(job):
    """The loss, and how everything is computed, by the name of a row."""
    return {"loss": _loss(job), **computation(job.source.shape, job.strategy)}


def _networks(gan):
    """The sizes of the networks, and of the feature maps of one that has convolutions."""
    generator, discriminator = (f"{network.count_params():,}" for network in (gan.generator, gan.discriminator))
    shapes = [layer.output.shape for layer in all_layers(gan.generator) if isinstance(layer, keras.layers.Conv2D)]
    sizes = sorted({shape[1:3] for shape in shapes})
    maps = f", feature maps of {', '.join(f'{h}x{w}' for h, w in sizes)} pixels" if sizes else ""
    return f"generator of {generator} weights{maps}; discriminator of {discriminator}"


def expected_time(job: Job) -> str:
    """How long training will take, from a few timed steps; empty where it is short. The GAN stays as it is."""
    seconds = job.seconds_per_step()
    if seconds is None:
        return ""
    each = f"{seconds * 1e3:,.0f} ms" if seconds < 1 else f"{seconds:,.1f} s"
    return f"{rough_duration(seconds * job.remaining_steps)} ({each} a step), and more for pictures and checks"


def _classes(job):
    """The classes of the data with the number of images in each; empty for data without classes, or with one."""
    counts = {} if job.source.labels is None else data.class_counts(job.source)
    if len(counts) < 2:
        return ""
    shown = list(counts.items())
    shown = shown if len(shown) <= MOST_SHOWN_CLASSES else shown[:FIRST_CLASSES]
    listed = ", ".join(f"{printable(name)} ({count:,})" for name, count in shown)
    more = f", … and {len(counts) - len(shown):,} more" if len(shown) < len(counts) else ""
    unused = "" if job.config.conditional else "; used only with --conditional"
    return f"{len(counts):,}: {listed}{more}{unused}"


def _attributes(gan):
    """The attributes that coordinates of z decide, with the shares of the images that have them; empty without."""
    shares = gan.attributes or {}
    return ", ".join(f"{name} {share:.0%}" for name, share in shares.items()) + (" of the images" if shares else "")


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
    shares = {name: automatic_share(weight) for name, weight in config.penalties.items()}
    automatic = _automatic_weight(job) if any(shares.values()) else None
    names = defaultdict(list)  # by weight
    for name, weight in config.penalties.items():
        share = shares[name]
        names[f"{weight:g}" if share is None else f"{share * automatic:.2g} (from the data)"].append(name)
    where = at_share(config.penalty_share)
    penalised = "".join(f", {' and '.join(alike)} of weight {weight}{where}" for weight, alike in names.items())
    g_rate, d_rate = (schedules.current_rate(o) for o in (gan.generator_optimizer, gan.discriminator_optimizer))
    rate = (
        f"rate {g_rate:g}"
        if g_rate == d_rate
        else f"rates {g_rate:g} of the generator, {d_rate:g} of the discriminator"
    )
    return f"{config.loss}{penalised}; learning {rate}"


def _automatic_weight(job):
    """An estimate of the automatic γ of a batch."""
    images = job.source.fetch(job.source.sample(SHOWN_IMAGES, job.config.seed))
    return float(penalties.automatic_weight(pixels.floats(images)))


def outcome(job: Job, was_finished: bool = False) -> str:
    """The last step, the place of the results, and how to continue.

    Args:
        job: a job after `Job.train`.
        was_finished: whether the run had all its steps before `Job.train`.
    """
    if job.gan.step < job.config.steps:
        return (
            f"stopped at step {job.gan.step:,} of {job.config.steps:,}; saved in {job.run_dir}. "
            "Run the same command again to continue."
        )
    results = f"All results are on one page: {job.run_dir}/report.html."
    if was_finished:
        more = f"Use --steps {2 * job.gan.step} to train longer, or --run auto to start another run."
        text = f"nothing to do: {job.run_dir} has {job.gan.step:,} steps already. {results} {more}"
    else:
        more = "Run the command again with more --steps to continue."
        text = f"trained {job.gan.step:,} steps. {results} {more}"
    result = optimum.result(Run(job.run_dir)) if job.is_the_example() else None
    return f"{text}\n\n{result}" if result else text
