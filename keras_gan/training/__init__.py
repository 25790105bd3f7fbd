"""From a config to a trained run: combines data, networks, GAN, callbacks and the run folder."""

from keras_gan.training.building import build
from keras_gan.training.description import describe, expected_time, outcome
from keras_gan.training.job import Job, configure, prepare, train
from keras_gan.training.loading import load, load_file
from keras_gan.training.opening import open_both, open_data, open_held_out, reference_of

__all__ = [
    "Job",
    "build",
    "configure",
    "describe",
    "expected_time",
    "load",
    "load_file",
    "open_both",
    "open_data",
    "open_held_out",
    "outcome",
    "prepare",
    "reference_of",
    "train",
]
