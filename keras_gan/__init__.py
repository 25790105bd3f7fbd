"""Generative adversarial networks that `fit()`. Public names load on first use, so that importing this is light."""

import importlib

from keras_gan import checkout

__version__ = "0.1.0"

checkout.install(__path__)

_HOME = {"GAN": "keras_gan.gan", "InputError": "keras_gan.errors", "TrainConfig": "keras_gan.config"}
_ROOMS = (
    "augment",
    "callbacks",
    "config",
    "data",
    "directions",
    "doctor",
    "drawing",
    "evaluation",
    "exports",
    "generators",
    "layers",
    "losses",
    "metrics",
    "networks",
    "penalties",
    "pixels",
    "rates",
    "sampling",
    "training",
)

__all__ = [*_HOME, *_ROOMS]


def __getattr__(name):
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"keras_gan.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
