"""The one shared fixture module: 8×8 networks with two filters, quick to trace and to compute."""

import contextlib
import functools
import gc
import hashlib
import json
import multiprocessing
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from types import SimpleNamespace

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # read once, when TensorFlow is imported

import keras
import pytest
import tensorflow as tf
from keras import layers

from keras_gan import GAN

LONG_DOCTESTS = ("keras_gan.callbacks.",)  # examples that train


def pytest_collection_finish():
    gc.freeze()  # what was imported stays, and is not searched in every collection


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    for item in items:
        if item.name.startswith(LONG_DOCTESTS):
            item.add_marker("long")


# Two devices on any machine, for the tests with several replicas; everything else stays on the first.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


@pytest.fixture(scope="session")
def two_replicas():
    """The one mirrored strategy of this process: a second one would reuse the numbers of the first one's exchanges."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@pytest.fixture(scope="session")
def tiny_generator():
    """A factory of generators: latents (batch, latent_dim) to (batch, *shape), images in [-1, 1]."""

    def build(shape=(8, 8, 1), latent_dim=4):
        keras.utils.set_random_seed(1)
        z = keras.Input((latent_dim,), name="z")
        if len(shape) == 1:
            return keras.Model(z, layers.Dense(shape[0])(layers.Dense(2, activation="relu")(z)), name="generator")
        x = layers.Reshape((*shape[:2], 2))(layers.Dense(shape[0] * shape[1] * 2)(z))
        x = layers.Conv2D(shape[2], 3, padding="same", activation="tanh")(layers.LeakyReLU(0.2)(x))
        return keras.Model(z, x, name="generator")

    return build


@pytest.fixture(scope="session")
def tiny_discriminator():
    """A factory of discriminators: (batch, *shape) to logits (batch, 1)."""

    def build(shape=(8, 8, 1)):
        keras.utils.set_random_seed(2)
        image = keras.Input(shape, name="image")
        x = layers.Dense(2)(image) if len(shape) == 1 else layers.Conv2D(2, 3, strides=2, padding="same")(image)
        return keras.Model(image, layers.Dense(1)(layers.Flatten()(layers.LeakyReLU(0.2)(x))), name="discriminator")

    return build


@pytest.fixture
def tiny_gan(tiny_generator, tiny_discriminator):
    """A GAN of both, compiled with the defaults."""
    gan = GAN(tiny_generator(), tiny_discriminator(), ema_half_life_images=100, seed=3)
    gan.compile()
    return gan


@pytest.fixture(scope="session")
def remembered():
    """A function that notes everything of a GAN, and gives a function that puts it back; a trained one serves often."""

    def of(gan):
        optimizers = (gan.generator_optimizer, gan.discriminator_optimizer)
        variables = [*gan.variables, *vars(gan.counters).values(), gan.seed_generator.state]
        variables += [variable for owner in (*optimizers, *gan.trackers) for variable in owner.variables]
        values = [variable.numpy() for variable in variables]

        def put_back():
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)

        return put_back

    return of


@pytest.fixture(scope="session")
def prepared_mnist():
    """Skips where MNIST is not prepared: the tests download nothing."""
    import tensorflow_datasets as tfds

    if not tfds.builder("mnist").is_prepared():
        pytest.skip("MNIST is not prepared here: point TFDS_DATA_DIR at a folder that holds mnist/3.0.1")


def _conversion(gan, uint8):
    """What a conversion depends on, as a key; None where the generator has no description."""
    from keras_gan._utils.digests import weights_sha256

    try:
        with warnings.catch_warnings(action="error"):  # of functions without a name
            generator = json.dumps(keras.saving.serialize_keras_object(gan.ema_generator), sort_keys=True)
    except (NotImplementedError, TypeError, ValueError, Warning):
        return None
    return weights_sha256(gan.ema_generator), generator, gan.latent, gan.num_classes, gan.latent_dim, uint8


@pytest.fixture(scope="session", autouse=True)
def converted_once():
    """Conversion by TensorFlow, most of an export's time, is done once for the same generator and weights."""
    from keras_gan.exports import tflite

    convert, done = tflite._converted, {}

    def remembered(gan, uint8, *how):
        key = _conversion(gan, uint8)
        if key is None:
            return convert(gan, uint8, *how)
        key = key, *map(str, how)
        if key not in done:
            done[key] = convert(gan, uint8, *how)
        return done[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tflite, "_converted", remembered)
        yield


@pytest.fixture(scope="session", autouse=True)
def tried_once():
    """A file that LiteRT or ONNX Runtime survived in a process of its own is not tried again; every other one is."""
    from keras_gan.exports import edge

    run, passed = edge.run_in_process, set()

    def remembered(content, *module):
        key = (hashlib.sha256(content).digest(), *module)
        if key not in passed:
            run(content, *module)
            passed.add(key)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edge, "run_in_process", remembered)
        yield


@pytest.fixture(scope="session", autouse=True)
def brief_checks():
    """Exports are compared on fewer samples and timed in fewer calls, except in tests that take `full_checks`."""
    from keras_gan.exports import quality, report

    brief = {(quality, "SAMPLES"): 256, (report, "UNTIMED_CALLS"): 1, (report, "TIMED_CALLS"): 5}
    with pytest.MonkeyPatch.context() as patch:
        before = {place: getattr(*place) for place in brief}
        for place, value in brief.items():
            patch.setattr(*place, value)
        yield before


@pytest.fixture
def full_checks(brief_checks, monkeypatch):
    """Exports are compared and timed as users have them."""
    for place, value in brief_checks.items():
        monkeypatch.setattr(*place, value)


@pytest.fixture(scope="session")
def trained(tmp_path_factory, converted_once):
    """A finished `Job`: 30 steps on digits. Shared by all tests, so copy its `run_dir` before changing it."""
    from keras_gan import training

    config = training.configure("digits", "lean", steps=30, batch_size=16, latent_dim=8)
    job = training.prepare(config, tmp_path_factory.mktemp("trained") / "run")
    job.train()
    return job


@pytest.fixture
def run_dir(trained, tmp_path):
    """A copy of the trained run's folder."""
    return Path(shutil.copytree(trained.run_dir, tmp_path / "run"))


FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["keras_gan.training", "keras_gan.cli.train", "keras_gan.exports.saved_model"])


class Forked:
    """A Python program as a process of its own, with what the tests use of `Popen`.

    It is forked from a process that has imported TensorFlow and done nothing else, since the import takes seconds.

    Args:
        words: the program, a file, and its arguments.
        folder: where a new folder for what it says is made.
        environment: variables to add.
        largest_file_bytes: how much it may write into one file; None for any.
        started_in: its working directory; None for that of the process it is forked from.
    """

    def __init__(self, words, folder, environment=None, largest_file_bytes=None, started_in=None):
        self.output = Path(tempfile.mkdtemp(dir=folder))
        request = {"words": [str(word) for word in words], "output": str(self.output)}
        request |= {"environment": environment or {}, "largest_file_bytes": largest_file_bytes}
        request["started_in"] = started_in and str(started_in)
        program = str(Path(__file__).with_name("forked.py"))
        self.process = FORKS.Process(target=runpy.run_path, args=(program, {"REQUEST": request}, "__main__"))
        self.process.start()

    pid = property(lambda self: self.process.pid)
    returncode = property(lambda self: self.process.exitcode)

    def poll(self):
        return self.process.exitcode

    def communicate(self, timeout=None):
        """What it wrote to its output and to its error, when it has ended. Raises TimeoutExpired."""
        self.process.join(timeout)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired(self.process.name, timeout)
        return tuple((self.output / name).read_text() for name in ("out", "err"))

    def send_signal(self, number):
        if self.process.exitcode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self):
        self.process.kill()


@pytest.fixture
def forked(tmp_path_factory):
    """A function that starts a `Forked`; what still runs at the end is killed."""
    started, folder = [], tmp_path_factory.mktemp("forked")

    def start(*words, **options):
        process = Forked(words, folder, **options)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


NO_NPM = "not on the PATH|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOTCACHED|EHOSTUNREACH|ENETUNREACH"


@pytest.fixture(scope="session")
def with_litert():
    """A context for writing web pages; it skips the test where npm is missing or cannot reach its registry."""
    from keras_gan._utils.errors import InputError

    @contextlib.contextmanager
    def skipping():
        try:
            yield
        except InputError as error:
            if re.search(NO_NPM, str(error)):
                pytest.skip(f"LiteRT.js cannot be fetched here: {error}")
            raise

    return skipping


BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_OPTIONS = (
    "--no-sandbox",  # root may have none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def chromium():
    """A function (options) that starts a headless Chromium, driven by Playwright; skips where none is installed."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser here: none of {', '.join(BROWSERS)} is on the PATH; install Debian's chromium")
    with sync_playwright() as playwright:
        yield lambda *options: playwright.chromium.launch(executable_path=program, args=[*BROWSER_OPTIONS, *options])


@pytest.fixture(scope="module")
def browser(chromium):
    """A Chromium without WebGPU."""
    return chromium()


@pytest.fixture(scope="module")
def demo_server(tmp_path_factory):
    """A factory of `kgan demo` processes with an empty home, on ports of their own.

    It gives the `address`, the `process`, the `home`, and the file of its standard error, `said`. With the module all
    are ended, and have then ended well, complained of nothing and left the home empty.
    """
    started = []

    def start(*words, in_background=False):
        # A shell makes what ends in & ignore it, and so may tests that were started like that.
        on_interrupt = functools.partial(
            signal.signal, signal.SIGINT, signal.SIG_IGN if in_background else signal.SIG_DFL
        )
        home, said = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("said") / "stderr"
        command = [Path(sys.executable).with_name("kgan"), "demo", *map(str, words), "--port", "0"]
        with said.open("w") as errors:
            process = subprocess.Popen(
                command,
                env={**os.environ, "HOME": str(home)},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                preexec_fn=on_interrupt,
            )
        started.append(SimpleNamespace(process=process, home=home, said=said))
        line = next((line for line in process.stdout if "http://" in line), "")  # after what it says of preparing
        assert line, said.read_text()
        started[-1].address = re.search(r"http://\S+", line)[0]
        return started[-1]

    yield start
    for server in started:
        server.process.terminate()
    ends = [(server.process.communicate(timeout=300), server.process.returncode) for server in started]
    for server, (_, status) in zip(started, ends, strict=True):
        assert (status, server.said.read_text(), list(server.home.rglob("*"))) == (0, "", [])


@pytest.fixture
def visit(browser):
    """A factory of pages in a browser of their own, which at the end have complained of nothing and asked no other
    host than the one they came from."""
    contexts, faults = [], []

    def open_page(address, width=1280, hold=None, **settings):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **settings))
        page, host = contexts[-1].new_page(), address.split("?")[0]
        page.on("console", lambda said: said.type in ("error", "warning") and faults.append(said.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda it: it.url.startswith((host, "data:", "blob:")) or faults.append(it.url))
        page.on("websocket", lambda it: it.url.startswith(host.replace("http", "ws")) or faults.append(it.url))
        page.set_default_timeout(180_000)  # TensorFlow is imported for the first visitor
        if hold:
            page.route(*hold)
        page.goto(address)
        page.wait_for_selector("h1")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def listing():
    """A function that gives every file and folder below a path with a digest of what it holds."""

    def of(path):
        files = [file for file in Path(path).rglob("*") if file.name not in (".lock", ".holder")]
        return {
            str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "folder"
            for file in files
        }

    return of
