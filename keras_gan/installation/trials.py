"""A tiny training and a tiny export, in a process of their own that may crash."""

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from keras_gan._utils import checkout

LONGEST_S = 600
MARK = "keras_gan trial "  # begins the lines of the process that are not printed by libraries


@dataclass(frozen=True)
class Trials:
    """The results of the process."""

    facts: dict[str, str]  # devices and settings that TensorFlow finds
    seconds: dict[str, float]  # name of each trial that worked -> its time
    failure: str | None  # the trial that failed, and the reason; None if all worked


def run() -> Trials:
    """Imports TensorFlow, trains two steps and exports a .tflite, in a new process."""
    command = [sys.executable, "-c", "from keras_gan.installation import trials; trials.try_all()"]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **checkout.environment(), "PYTHONIOENCODING": "utf-8:replace"}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            status = subprocess.run(command, stdout=out, stderr=err, env=environment, timeout=LONGEST_S).returncode
        except subprocess.TimeoutExpired:
            status = None
        out.seek(0)
        err.seek(0)
        lines, errors = (file.read().decode("utf-8", "replace").splitlines() for file in (out, err))
    messages = [json.loads(line.removeprefix(MARK)) for line in lines if line.startswith(MARK)]
    facts = {name: text for message in messages for name, text in message.get("facts", {}).items()}
    seconds = {message["done"]: message["seconds"] for message in messages if "done" in message}
    begun = next((message["begun"] for message in reversed(messages) if "begun" in message), "the start of Python")
    return Trials(facts, seconds, None if status == 0 else f"{begun} fails: {_reason(status, errors)}")


def _reason(status, errors):
    if status is None:
        return f"no answer within {LONGEST_S} s"
    if status < 0:
        return f"the process was ended by {signal.Signals(-status).name}"
    return next((line for line in reversed(errors) if line.strip()), f"exit status {status}")


# in the process -------------------------------------------------------------------------------------------------------


def try_all() -> None:
    """Runs the trials and reports each of them. The first error ends the process."""
    with _reported("the import of TensorFlow") as facts:
        facts.update(_facts())
    with _reported("training"):
        gan = _trained()
    with _reported("export to .tflite"):
        _export(gan)


@contextlib.contextmanager
def _reported(name):
    _report({"begun": name})
    start, facts = time.perf_counter(), {}
    yield facts
    _report({"done": name, "seconds": time.perf_counter() - start, "facts": facts})


def _report(message):
    print(MARK + json.dumps(message), flush=True)


def _facts():
    """The devices that TensorFlow finds, and the settings that follow from them."""
    import tensorflow as tf

    from keras_gan.distribute import precision

    precision.use_threads()
    gpus = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    names = [f"{one.get('device_name', 'unknown')} {one.get('compute_capability', '')}" for one in gpus]
    policy, why = precision.policy()
    return {
        "GPUs": ", ".join(names) or "TensorFlow finds none",
        "precision": f"{policy} ({why})",
        **precision.described(),
    }


def _trained():
    """A tiny GAN after two steps. Raises ArithmeticError if a loss is not finite."""
    import numpy as np

    from keras_gan import data, training
    from keras_gan.config import TrainConfig

    config = TrainConfig("digits", "lean", batch_size=16, latent_dim=4)
    source = data.open_source("digits")
    gan = training.build(config, source.shape, source.count)
    history = gan.fit(data.load("digits", batch_size=16).take(2), verbose=0).history
    if not all(np.isfinite(values).all() for values in history.values()):
        raise ArithmeticError(f"losses that are not finite: {history}")
    return gan


def _export(gan):
    with tempfile.TemporaryDirectory() as folder:
        gan.export(Path(folder, "generator.tflite"), "tflite")  # compared with Keras, and sampled without TensorFlow
