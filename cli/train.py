"""kgan train: from a name or a path to a trained run."""

import signal
import sys

import click

from keras_gan._utils import silence
from keras_gan.cli.options import ImageSize, Sectioned, Weight, load_training
from keras_gan.config import CHECKPOINT_EVERY_S
from keras_gan.exports import FORMATS

SECTIONS = {
    "Data": ("image_size", "crop", "skip_damaged", "background"),
    "Recipe (by default the preset's)": (
        "preset",
        "steps",
        "batch_size",
        "loss",
        "discriminator_steps",
        "gamma",
        "discriminator_lr",
        "generator_lr",
        "latent",
        "latent_dim",
        "conditional",
        "augment",
        "pack",
        "seed",
    ),
    "Run": ("run_dir", "checkpoint_every", "evaluate_every", "exported", "deterministic", "dry_run"),
    "Machines": ("strategy", "replicas"),
}


@click.command(cls=Sectioned, sections=SECTIONS)
@click.argument("data", metavar="NAME_OR_PATH")
@click.option("--preset", help="See kgan presets.  [default: resnet; for gaussian, ring and grid their own]")
@click.option("--steps", type=int, help="Generator updates in all.")
@click.option("--batch-size", type=int, help="Images in one discriminator step.")
@click.option("--image-size", type=ImageSize(), help="Resize to N or HxW pixels.  [default: the images' own]")
@click.option("--crop", is_flag=True, default=None, help="Cut the centre to the target's proportions, not stretch.")
@click.option("--skip-damaged", is_flag=True, default=None, help="Leave unreadable images out.")
@click.option("--background", help="Colour behind transparent pixels: a name or #rrggbb.  [default: white]")
@click.option("--latent-dim", type=int, help="Dimension of z.")
@click.option("--latent", help="Distribution of z: normal or uniform.")
@click.option("--loss", help="minimax, non_saturating, relativistic, …")
@click.option("-k", "--discriminator-steps", type=int, help="Updates of D for one of G.")
@click.option("--gamma", type=Weight(), help="Weight of the gradient penalties; auto: from the data.")
@click.option("--discriminator-lr", type=float, help="Learning rate of D.")
@click.option("--generator-lr", type=float, help="Learning rate of G.")
@click.option("--conditional", is_flag=True, default=None, help="Learn the classes too: for kgan sample --label.")
@click.option("--augment/--no-augment", default=None, help="DiffAugment.  [default: on for few images seen often]")
@click.option("--pack", type=int, help="Images that D judges together (PacGAN).  [default: 1]")
@click.option("--seed", type=int, help="Of weights, noise and data order.  [default: 0]")
@click.option("--run", "run_dir", type=click.Path(), help="Run folder.  [default: runs/DATA-PRESET]")
@click.option("--export", "exported", type=click.Choice(list(FORMATS)), help="Export when trained.")
@click.option(
    "--checkpoint-every",
    type=click.FloatRange(min=0),
    default=CHECKPOINT_EVERY_S,
    show_default=True,
    help="Seconds between checkpoints.",
)
@click.option("--evaluate-every", type=click.IntRange(min=1), help="Steps between metrics; the best keeps best.keras.")
@click.option("--deterministic", is_flag=True, default=None, help="The same bits each time, slower.")
@click.option(
    "--strategy",
    default="auto",
    show_default=True,
    help="Of tf.distribute: auto (all GPUs here), mirrored, multiworker (TF_CONFIG or Slurm).",
)
@click.option("--replicas", type=int, help="Of mirrored: GPUs, or parts of the processor as a rehearsal.")
@click.option("--dry-run", is_flag=True, help="Say what would be trained, and stop.")
def train(data, preset, run_dir, exported, evaluate_every, checkpoint_every, strategy, replicas, dry_run, **settings):
    """Train a GAN on NAME_OR_PATH: a dataset (digits, mnist, …), a folder of images, or a .npy, .npz or .mat file.

    The same command goes on where it stopped. Ctrl-C and SIGTERM save first. With several replicas the batch size is
    that of all together.
    """
    if sys.stderr.isatty():
        click.echo(f"reading {data} …", err=True)
    training = load_training()
    training.precision.use_threads()
    config = training.configure(data, preset, **settings)
    if strategy == "multiworker":
        click.echo("waiting until all workers are there …", err=True)
    with silence.silence_native_stderr():
        strategy = training.distribution.strategy(strategy, replicas)
    chief = training.distribution.is_chief(strategy)
    job = training.prepare(config, run_dir, evaluate_every, checkpoint_every, strategy)
    if chief:
        click.echo(training.describe(job), err=True)
    else:
        click.echo(f"one of {strategy.num_replicas_in_sync} replicas; the chief writes {job.run_dir}", err=True)
    if exported:
        from keras_gan.exports import of_run

        of_run.export_path(job.run_dir, exported)  # not only when all is trained
    if dry_run:
        return
    gan = job.train()
    if chief:
        click.echo(training.outcome(job), err=True)
    if gan.step < job.config.steps:
        sys.exit(128 + (job.stopped_by or signal.SIGTERM))  # as a shell reports a program that a signal ended
    if exported and chief:
        for report in of_run.export_run(job.run_dir, exported, gan=gan):
            click.echo(report)
