"""Generative adversarial networks that `fit()`. Public names load on first use, which keeps `import keras_gan` fast."""

import importlib

from keras_gan._utils import checkout

__version__ = "0.1.0"

checkout.install(__path__)

_HOME = {"GAN": "keras_gan.gan", "InputError": "keras_gan._utils.errors", "TrainConfig": "keras_gan.config"}
_MODULES = (
    "augment",
    "callbacks",
    "config",
    "data",
    "directions",
    "distribute",
    "doctor",
    "evaluation",
    "exports",
    "layers",
    "losses",
    "metrics",
    "networks",
    "penalties",
    "presets",
    "reporting",
    "sampling",
    "schedules",
    "theory",
    "training",
)

__all__ = [*_HOME, *_MODULES]


def __getattr__(name):
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"keras_gan.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
