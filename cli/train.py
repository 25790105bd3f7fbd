"""kgan train: from a name or a path to a trained run."""

import sys

import click

from keras_gan._utils import silence
from keras_gan._utils.text import Table
from keras_gan.cli import output
from keras_gan.cli.names import LATENTS, LOSSES, STRATEGIES, listed
from keras_gan.cli.options import Format, ImageSize, Listed, Name, Number, RunPath, Weight, Whole, load_training
from keras_gan.cli.verb import Verb
from keras_gan.config import CHECKPOINT_EVERY_S, LARGEST
from keras_gan.exports import FORMATS
from keras_gan.presets import PRESETS, UPDATES

RATE = Number(min=0)
SECTIONS = {
    "Data": ("image_size", "crop", "flip", "skip_damaged", "background"),
    "Recipe (by default the preset's)": (
        "preset",
        "steps",
        "batch_size",
        "loss",
        "discriminator_steps",
        "updates",
        "gamma",
        "penalty_share",
        "discriminator_lr",
        "generator_lr",
        "latent",
        "latent_dim",
        "conditional",
        "attributes",
        "augment",
        "pack",
        "seed",
    ),
    "Fine-tuning": ("start_from", "with_optimizers", "freeze_levels"),
    "Run": ("run_dir", "checkpoint_every", "evaluate_every", "exported", "deterministic", "dry_run", "verbose"),
    "Devices": ("strategy", "replicas"),
}


@click.command(
    cls=Verb,
    sections=SECTIONS,
    examples={
        "kgan train mnist": "train on a dataset by the default recipe, in runs/mnist-resnet",
        "kgan train photos/ --image-size 64 --crop --steps 20000 --run runs/photos": "train on a folder of images",
        "kgan train mnist --conditional --export tflite": "learn the classes too, and export the generator at the end",
    },
    files="Writes the run folder: settings, checkpoints, samples, curves and report.html. A folder that is no run, and "
    "a run with other settings or other data, are refused and not changed. Data are only read; a dataset is downloaded "
    "on first use, into $TFDS_DATA_DIR or ~/tensorflow_datasets; avatars are drawn into $KERAS_GAN_CACHE/avatars, or "
    "~/.cache/keras_gan/avatars. With --export, see also kgan export --help.",
)
@click.argument("data", metavar="NAME_OR_PATH")
@click.option(
    "--preset",
    type=Name(PRESETS),
    help="Recipe, see kgan presets.  [default: resnet, from 64 pixels on resnet-light; for gaussian, ring and grid "
    "their own]",
)
@click.option("--steps", type=Whole(min=1), help="The number of generator updates in all.")
@click.option("--batch-size", type=Whole(min=1), help="The number of images in a discriminator step.")
@click.option("--image-size", type=ImageSize(), help="Resize to N or HxW pixels.  [default: the images' own]")
@click.option("--crop", is_flag=True, default=None, help="Cut the centre to these proportions; do not stretch.")
@click.option("--flip", is_flag=True, default=None, help="Mirror images at random: for faces, not digits.")
@click.option("--skip-damaged", is_flag=True, default=None, help="Leave unreadable images out.")
@click.option("--background", help="Colour behind transparent pixels: a name or #rrggbb.  [default: white]")
@click.option("--latent-dim", type=Whole(1, LARGEST["latent_dim"]), help="Dimension of z.")
@click.option("--latent", type=Name(LATENTS), help=f"Distribution of z: {listed(LATENTS)}.")
@click.option("--loss", type=Name(LOSSES), help=f"Loss: {listed(LOSSES)}.")
@click.option(
    "-k",
    "--discriminator-steps",
    type=Whole(1, LARGEST["discriminator_steps"]),
    help="Discriminator updates for each generator update.",
)
@click.option("--updates", type=Name(UPDATES), help=f"Order of the updates in a step: {listed(UPDATES)}.")
@click.option("--gamma", type=Weight(), help="Weight of the gradient penalties; auto: from the data.")
@click.option(
    "--penalty-share",
    type=Number(min=0, max=1, min_open=True),
    help="Share of each batch at which the penalties are computed, above 0 and up to 1.",
)
@click.option("--discriminator-lr", type=RATE, help="Learning rate of the discriminator.")
@click.option("--generator-lr", type=RATE, help="Learning rate of the generator.")
@click.option("--conditional", is_flag=True, default=None, help="Learn the classes too, for kgan sample --label.")
@click.option(
    "--attributes", type=Listed(), help="Learn these yes/no attributes of the data too, for sliders; all: all of them."
)
@click.option("--augment/--no-augment", default=None, help="DiffAugment.  [default: on for few images seen often]")
@click.option(
    "--pack",
    type=Whole(1, LARGEST["pack"]),
    help="Images that the discriminator sees as one (PacGAN).  [default: 1]",
)
@click.option(
    "--seed",
    type=Whole(min=0),
    metavar="INTEGER",
    help="Seed of weights, noise and data order.  [default: 0]",
)
@click.option(
    "--from",
    "start_from",
    type=RunPath(),
    metavar="RUN|FILE",
    help="Start with the weights of another run, a .keras file or a pretrained generator, where they fit.",
)
@click.option("--with-optimizers", is_flag=True, default=None, help="Take the states of its optimizers too.")
@click.option(
    "--freeze-levels",
    type=Whole(min=0),
    help="Do not train the discriminator's N largest feature map sizes (FreezeD).  [default: 0]",
)
@click.option(
    "--run",
    "run_dir",
    type=click.Path(),
    help="Run folder; auto: a new one.  [default: runs/DATA-PRESET]",
)
@click.option(
    "--export", "exported", type=Format(), metavar="FORMAT", help=f"Export after training: {listed(FORMATS)}."
)
@click.option(
    "--checkpoint-every",
    type=Number(min=0),
    default=CHECKPOINT_EVERY_S,
    show_default=True,
    help="Seconds between checkpoints.",
)
@click.option(
    "--evaluate-every", type=Whole(min=1), help="Steps between evaluations; the best generator is saved as best.keras."
)
@click.option("--deterministic", is_flag=True, default=None, help="Compute the same bits each time, more slowly.")
@click.option(
    "--strategy",
    type=Name(STRATEGIES),
    default="auto",
    show_default=True,
    help="Devices that train together: auto and mirrored take the GPUs of this machine, multiworker the devices of "
    "several machines (TF_CONFIG or Slurm).",
)
@click.option(
    "--replicas",
    type=Whole(min=1),
    help="With mirrored: the number of GPUs, or of parts of the processor to try it out.",
)
@click.option("--dry-run", is_flag=True, help="Describe what would be trained and how long it would take, and stop.")
@click.option("--verbose", is_flag=True, help="Show the loss, the precision and the threads, too.")
def train(
    data, preset, run_dir, exported, evaluate_every, checkpoint_every, strategy, replicas, dry_run, verbose, **settings
):
    """Train a GAN on NAME_OR_PATH: a dataset (digits, mnist, …), a folder of images, or a .npy, .npz or .mat file.

    The same command continues a run that was stopped. Ctrl-C and SIGTERM save first. With several replicas the batch
    size is that of all of them together.
    """
    training = load_training()
    from keras_gan import distribute
    from keras_gan.distribute import precision

    precision.use_threads()
    config = training.configure(data, preset, **settings)
    if strategy == "multiworker":
        click.echo("waiting for all workers …", err=True)
    with silence.silence_native_stderr():
        strategy = distribute.strategy(strategy, replicas)
    chief = distribute.is_chief(strategy)
    job = training.prepare(config, run_dir, evaluate_every, checkpoint_every, strategy)
    if chief:
        described = training.describe(job, verbose)
        output.show(described, err=True)
    else:
        click.echo(f"one of {strategy.num_replicas_in_sync} replicas; the chief writes {job.run_dir}", err=True)
    if exported:
        from keras_gan.exports import of_run

        of_run.export_path(job.run_dir, exported)  # raises before training where it cannot be written
    if chief and (expected := training.expected_time(job)):
        longest = max(len(name) for name, _ in described.rows)
        output.show(Table([("time".ljust(longest), expected)]), err=True)  # below the table, as one more row
    if dry_run:
        return
    was_finished = job.remaining_steps == 0
    gan = job.train()
    if chief:
        click.echo(training.outcome(job, was_finished), err=True)
    if job.exit_status:
        sys.exit(job.exit_status)
    if exported and chief:
        for report in of_run.export_run(job.run_dir, exported, gan=gan):
            click.echo(report)
