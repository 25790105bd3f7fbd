"""Generative adversarial networks that `fit()`. Public names load on first use, which keeps `import keras_gan` fast."""

from keras_gan._utils import checkout, lazy

__version__ = "0.1.0"

checkout.install(__path__)

_HOME = {
    "GAN": "keras_gan.gan",
    "InputError": "keras_gan._utils.errors",
    "TrainConfig": "keras_gan.config",
    "pretrained": "keras_gan.training.loading",
}
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
    "projection",
    "reporting",
    "sampling",
    "schedules",
    "theory",
    "training",
)

__getattr__, __dir__, __all__ = lazy.attach(__name__, _HOME, _MODULES)
