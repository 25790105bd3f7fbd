"""kgan distil: a smaller generator that draws the pictures of a run's."""

import sys
from pathlib import Path

import click

from keras_gan._utils.run_folders import check_run
from keras_gan.cli import output
from keras_gan.cli.options import Number, RunPath, Whole, load_training
from keras_gan.cli.verb import Verb


@click.command(
    cls=Verb,
    examples={
        "kgan distil runs/mnist-resnet --width 24": "a third of the size, in runs/mnist-resnet-24",
        "kgan export runs/mnist-resnet-24 --tflite --quantize int8": "it is a run like any",
    },
    files="Writes the student's run folder, as kgan train does. RUN is only read, and needed until the end.",
)
@click.argument("run", metavar="RUN", type=RunPath())
@click.option(
    "--width",
    type=Whole(1, 256),
    required=True,
    help="The most channels of the student's feature maps (resnet has 64 at 28×28 pixels).",
)
@click.option("--steps", type=Whole(min=1), help="The number of training steps.  [default: those of RUN]")
@click.option(
    "--imitation",
    type=Number(min=0),
    help="Weight of the mean absolute difference to RUN's pictures, in [-1, 1].  [default: 2]",
)
@click.option(
    "--adversarial",
    type=Number(min=0),
    help="Weight of the adversarial loss beside it; above 0 the discriminator is trained.  [default: 0]",
)
@click.option("--seed", type=Whole(min=0), help="Seed of weights, noise and data order.  [default: that of RUN]")
@click.option("--run", "run_dir", type=click.Path(), help="The student's run folder.  [default: runs/RUN-WIDTH]")
def distil(run, width, run_dir, **settings):
    """Train a smaller generator, the student, that draws RUN's pictures: the same seeds, classes and sliders.

    RUN has the preset resnet or resnet-light. The student learns these pictures, and their feature maps in RUN's
    discriminator. The same command continues a student that was stopped. Its learning rate falls over --steps, so with
    more of them it rises again.
    """
    check_run(run)  # raises before TensorFlow is imported for nothing
    training = load_training()
    from keras_gan.distribute import precision
    from keras_gan.training import distilling

    precision.use_threads()
    config = distilling.configure(run, width, **settings)
    job = training.prepare(config, run_dir or Path("runs") / f"{Path(run).name}-{width}")
    output.show(training.describe(job), err=True)
    was_finished = job.remaining_steps == 0
    job.train()
    click.echo(training.outcome(job, was_finished), err=True)
    if job.exit_status:
        sys.exit(job.exit_status)
