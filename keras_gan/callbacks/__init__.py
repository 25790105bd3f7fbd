"""Callbacks for `fit`: checks, evaluation, checkpoints, progress."""

from keras_gan.callbacks.checks import Checks, Doctor
from keras_gan.callbacks.evaluation import Evaluation
from keras_gan.callbacks.every import Every
from keras_gan.callbacks.game import Game
from keras_gan.callbacks.guard import DivergenceGuard
from keras_gan.callbacks.recording import Checkpoints, History, Means, Progress, Snapshots
from keras_gan.callbacks.showing import ShowSamples
from keras_gan.callbacks.stop import Stop
from keras_gan.callbacks.timing import Timer

__all__ = [
    "Checkpoints",
    "Checks",
    "Doctor",
    "Evaluation",
    "Every",
    "Game",
    "DivergenceGuard",
    "History",
    "Means",
    "Progress",
    "ShowSamples",
    "Snapshots",
    "Stop",
    "Timer",
]
