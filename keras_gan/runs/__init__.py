"""The run folder: settings, tables, pictures and checkpoints. A kill at any moment leaves it valid."""

from keras_gan.runs.folder import COMPUTATION, CONFIG, METRICS_FILE, Run, step_of
from keras_gan.runs.tables import TABLES

__all__ = ["COMPUTATION", "CONFIG", "METRICS_FILE", "TABLES", "Run", "step_of"]
