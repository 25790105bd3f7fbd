"""What the page of pictures shows, without the page: a generator that has been opened once, for all visitors."""

import functools
import io
import json
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from keras_gan import drawing, latents, sampling
from keras_gan.config import PRESETS
from keras_gan.demo import preparing
from keras_gan.directions import Directions
from keras_gan.errors import InputError, one_line
from keras_gan.exports import discriminator, edge
from keras_gan.losses_names import PAIRED
from keras_gan.runs import CONFIG, Run
