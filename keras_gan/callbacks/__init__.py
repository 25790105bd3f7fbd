"""What happens beside training."""

from keras_gan.callbacks.every import Every
from keras_gan.callbacks.recording import Checkpoints, History, Progress, Snapshots
from keras_gan.callbacks.stop import Stop

__all__ = ["Checkpoints", "Every", "History", "Progress", "Snapshots", "Stop"]
