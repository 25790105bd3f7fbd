"""Devices: strategies of `tf.distribute`, exchange between replicas, and precision."""

from keras_gan.distribute.replicas import several_processes
from keras_gan.distribute.strategies import agree, from_chief, is_chief, is_loss_of_worker, strategy

__all__ = ["agree", "from_chief", "is_chief", "is_loss_of_worker", "several_processes", "strategy"]
