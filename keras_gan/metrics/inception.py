"""ImageNet's Inception of 2015, through which the literature's Fréchet distance (FID) looks: the frozen graph itself.

The graph resizes images to 299×299 in its own way, which differs from every image library's; other weights, or
another resize, move the distance by whole points. So nothing of it is rebuilt here.

Reference: Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule", arXiv:1706.08500.
"""

import hashlib
import http.client
import io
import sys
import tarfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_gan._utils.errors import InputError, first_line
from keras_gan._utils.files import replace
from keras_gan.data.catalog import answers

# download.tensorflow.org is this host, but has no certificate of its own.
URL = "https://storage.googleapis.com/download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz"
GRAPH = "classify_image_graph_def.pb"
SHA256 = "009d6814d1bc560d4e7b236e170e9b2d5ca6f4b57bd8037f6db05776204415c6"  # of the graph: 95,673,916 bytes
LARGEST_BYTES = 2**28  # of a download
INPUT, OUTPUT = "ExpandDims:0", "pool_3:0"  # float [0, 255] (n, h, w, 3) -> (n, 1, 1, 2048)
SILENCE_S = 60.0  # that a download may last without a byte
BATCH_SIZE = 16  # images at 299×299, whose feature maps take about 0.3 GB


def load(folder: Path) -> tuple[Callable, str]:
    """The network in a folder, downloaded into it once, and the SHA-256 of its graph.

    A TensorFlow graph is code, so only the very graph that `SHA256` names is loaded, whether it was downloaded or put
    there by hand.

    Returns:
        A function from uint8 images (n, height, width, 1 or 3) to features float32 (n, 2048) and None, as
        `Extractor.extract`; and the SHA-256.

    Raises:
        InputError: where the graph is not there and cannot be downloaded, or is another one.
    """
    file = folder / GRAPH
    if not file.exists():
        _download(file)
    content = file.read_bytes()
    if not _is_pinned(content):
        raise InputError(
            f"{file} is damaged or another graph (SHA-256 {_sha256(content)[:12]}…); expected the one in {URL} "
            f"({SHA256[:12]}…). Delete it, and it is downloaded again."
        )
    run = _runner(content, file)
    return lambda images: (_features(run, images), None), SHA256


def _sha256(content):
    return hashlib.sha256(content).hexdigest()


def _is_pinned(content):
    return _sha256(content) == SHA256


def _features(run, images):
    starts = range(0, len(images), BATCH_SIZE)
    return np.concatenate([run(_colour(images[start : start + BATCH_SIZE])) for start in starts])


def _colour(images):
    """Grey as three equal channels: (n, h, w, 3)."""
    return np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images


def _runner(content, file):
    """A function that runs the frozen graph: uint8 (n, h, w, 3) to float32 (n, features)."""
    import tensorflow as tf

    # A session, not a tf.function: functions run in today's graph version, in which the graph's
    # BatchNormWithGlobalNormalization is not available any more.
    graph, definition = tf.Graph(), tf.compat.v1.GraphDef()
    try:
        definition.ParseFromString(content)
        for node in definition.node:
            node.attr.pop("_output_shapes", None)  # they would fix the batch at one image
        with graph.as_default():
            images = tf.compat.v1.placeholder("float32", (None, None, None, 3))
            (pool,) = tf.import_graph_def(definition, {INPUT: images}, [OUTPUT], name="")
    except Exception as error:  # a damaged graph fails in many ways
        raise InputError(
            f"{file} is damaged ({first_line(error)}); expected the graph in {URL}; delete it, and it is fetched again"
        ) from error
    session = tf.compat.v1.Session(graph=graph)

    def run(batch):
        return session.run(pool, {images: batch.astype("float32")}).reshape(len(batch), -1)

    return run


def _download(file):
    """Fetches the archive and keeps its graph. The host is asked first: a download would hang for minutes."""
    remedy = f"put {GRAPH} from it into {file.parent}, or take auto"
    if not URL.startswith("https://"):
        raise InputError(f"{URL} is not encrypted; expected an address that starts with https://")
    if not answers(URL):
        raise InputError(f"{file} is not there and the host of {URL} does not answer; connect once, or {remedy}")
    print(f"downloading ImageNet's Inception (90 MB), once; kept as {file}", file=sys.stderr)
    try:
        content = _fetch()
        if not _is_pinned(content):
            raise InputError(
                f"{URL} gives a graph with the SHA-256 {_sha256(content)[:12]}…; expected {SHA256[:12]}…. It is not "
                f"used, since a graph is code. Try again later, or {remedy}."
            )
        file.parent.mkdir(parents=True, exist_ok=True)
        replace(file, lambda draft: draft.write_bytes(content))
    except (OSError, tarfile.TarError, EOFError, KeyError, zlib.error, http.client.HTTPException) as error:
        raise InputError(f"{URL} cannot be downloaded ({first_line(error)}); try again, or {remedy}") from error


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows a redirection only to where the connection is encrypted too."""

    def redirect_request(self, request, reply, code, message, headers, address):
        if not address.startswith("https://"):
            raise urllib.error.URLError(f"redirected to {address}, which is not encrypted")
        return super().redirect_request(request, reply, code, message, headers, address)


def _fetch() -> bytes:
    with urllib.request.build_opener(_HttpsOnly).open(URL, timeout=SILENCE_S) as reply:
        archive = reply.read(LARGEST_BYTES)
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as files:
        graph = files.extractfile(GRAPH)
        return graph.read(LARGEST_BYTES) if graph else b""
