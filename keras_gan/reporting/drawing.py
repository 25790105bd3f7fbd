"""The pictures in a run folder, drawn from the run's tables and samples."""

from pathlib import Path

from keras_gan import plots
from keras_gan._utils import log_names
from keras_gan.doctor import symptoms
from keras_gan.plots.theory import gradients
from keras_gan.runs import Run
from keras_gan.sampling import pictures

CURVES, ANIMATION, GRADIENTS = "curves.png", "progress.gif", "gradients.png"
PAGE = "report.html"  # written by `keras_gan.reporting.page`


def draw(run: Run) -> None:
    """Draws curves.png, progress.gif and, for data on a line, gradients.png."""
    draw_curves(run)
    theory = run.columns("theory")
    if log_names.REJECTED in theory:  # tables of earlier versions lack it
        gradients(theory, run.path / GRADIENTS)
    frames = [frame for file in run.samples() if (frame := pictures.read(file))]
    if frames:
        pictures.save_gif(frames, run.path / ANIMATION)


def draw_curves(run: Run) -> None:
    """Draws curves.png from history.csv."""
    if history := run.history():
        config = run.config
        loss = config.loss
        chance = (symptoms.CHANCE_LOSS[loss], symptoms.CHANCE_TEXT[loss]) if loss in symptoms.CHANCE_LOSS else None
        plots.curves(history, run.path / CURVES, f"{Path(config.data).name}, {config.preset}", chance)


def is_drawn(run: Run) -> bool:
    """Whether curves.png and report.html, which are written last, are newer than the newest checkpoint."""
    files = [run.path / CURVES, run.path / PAGE]
    saved = max((file.stat().st_mtime_ns for file in run.checkpoints()), default=0)
    return all(file.exists() and file.stat().st_mtime_ns >= saved for file in files)
