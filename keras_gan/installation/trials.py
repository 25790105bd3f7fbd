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
MARK = "keras_gan trial "  # before what the process tells, among what libraries print


@dataclass(frozen=True)
class Trials:
    """What the process did."""

    facts: dict[str, str]  # what TensorFlow says of this machine
    seconds: dict[str, float]  # name of what worked -> how long it took
    failure: str | None  # what did not work, and why


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
    """Tries one thing after the other and tells of each; the first error ends it."""
    with _told("the import of TensorFlow") as facts:
        facts.update(_facts())
    with _told("training"):
        gan = _trained()
    with _told("export to .tflite"):
        _export(gan)


@contextlib.contextmanager
def _told(name):
    _tell({"begun": name})
    start, facts = time.perf_counter(), {}
    yield facts
    _tell({"done": name, "seconds": time.perf_counter() - start, "facts": facts})


def _tell(message):
    print(MARK + json.dumps(message), flush=True)


def _facts():
    """What TensorFlow finds here, and the settings that follow from it."""
    import tensorflow as tf

    from keras_gan.distribute import precision

    precision.use_threads()
    gpus = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    names = [f"{one.get('device_name', 'unknown')} {one.get('compute_capability', '')}" for one in gpus]
    (policy, why), (xla, why_xla), (threads, why_threads) = (
        choose() for choose in (precision.policy, precision.jit_compile, precision.threads)
    )
    return {
        "GPUs": ", ".join(names) or "TensorFlow finds none",
        "precision": f"{policy} ({why})",
        "XLA": f"{'on' if xla else 'off'} ({why_xla})",
        "threads": f"{threads or 'automatic'} for one operation ({why_threads})",
    }


def _trained():
    """A tiny GAN after two steps. Raises where a loss is no number."""
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
