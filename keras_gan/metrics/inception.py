"""The Inception network of 2015, trained on ImageNet, whose features define the published Fréchet distance (FID).

The original frozen graph is used. It resizes images to 299×299 differently from every image library. Other weights, or
another resize, change the distance by whole points, so nothing of it is rebuilt here.

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
from keras_gan.metrics.streams import in_colour

# download.tensorflow.org is the same host, but it has no certificate of its own.
URL = "https://storage.googleapis.com/download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz"
GRAPH = "classify_image_graph_def.pb"
SHA256 = "009d6814d1bc560d4e7b236e170e9b2d5ca6f4b57bd8037f6db05776204415c6"  # of the graph: 95,673,916 bytes
LARGEST_BYTES = 2**28  # of a download
INPUT, OUTPUT = "ExpandDims:0", "pool_3:0"  # float [0, 255] (n, h, w, 3) -> (n, 1, 1, 2048)
TIMEOUT_S = 60.0  # between two bytes of a download
BATCH_SIZE = 16  # images at 299×299, whose feature maps take about 0.3 GB


def load(folder: Path) -> tuple[Callable, str]:
    """Loads the network from a folder. If the folder does not have it, it is downloaded once.

    A TensorFlow graph is code, so only the graph with the digest `SHA256` is loaded, whether it was downloaded or put
    into the folder by hand.

    Args:
        folder: the folder of the graph.

    Returns:
        A function from uint8 images (n, height, width, 1 or 3) to features float32 (n, 2048) and None, as in
        `Extractor.extract`; and the SHA-256.

    Raises:
        InputError: if the graph is missing and cannot be downloaded, or if its digest differs.
    """
    file = folder / GRAPH
    if not file.exists():
        _download(file)
    content = file.read_bytes()
    if not _is_pinned(content):
        raise InputError(
            f"{file} is damaged or a different graph (SHA-256 {_sha256(content)[:12]}…); expected the graph in {URL} "
            f"({SHA256[:12]}…). Delete it to download it again."
        )
    run = _runner(content, file)
    return lambda images: (_features(run, images), None), SHA256


def _sha256(content):
    return hashlib.sha256(content).hexdigest()


def _is_pinned(content):
    return _sha256(content) == SHA256


def _features(run, images):
    starts = range(0, len(images), BATCH_SIZE)
    return np.concatenate([run(in_colour(images[start : start + BATCH_SIZE])) for start in starts])


def _runner(content, file):
    """Returns a function that runs the frozen graph: uint8 (n, h, w, 3) to float32 (n, features)."""
    import tensorflow as tf

    # A session instead of a tf.function: functions use the current graph version, which no longer has the operation
    # BatchNormWithGlobalNormalization.
    graph, definition = tf.Graph(), tf.compat.v1.GraphDef()
    try:
        definition.ParseFromString(content)
        for node in definition.node:
            node.attr.pop("_output_shapes", None)  # they fix the batch size at 1
        with graph.as_default():
            images = tf.compat.v1.placeholder("float32", (None, None, None, 3))
            (pool,) = tf.import_graph_def(definition, {INPUT: images}, [OUTPUT], name="")
    except Exception as error:  # a decoder: a damaged graph raises many kinds of errors
        raise InputError(
            f"{file} is damaged ({first_line(error)}); expected the graph in {URL}. Delete it to download it again."
        ) from error
    session = tf.compat.v1.Session(graph=graph)

    def run(batch):
        return session.run(pool, {images: batch.astype("float32")}).reshape(len(batch), -1)

    return run


def _download(file):
    """Downloads the archive and saves its graph. Checks first that the host answers, since a download could hang."""
    remedy = f"put {GRAPH} from it into {file.parent}, or use extractor auto (--extractor auto)."
    if not URL.startswith("https://"):
        raise InputError(
            f"{URL} is not encrypted; expected an address that starts with https://. Use extractor auto "
            "(--extractor auto)."
        )
    if not answers(URL):
        raise InputError(
            f"{file} is missing and the host of {URL} does not answer; expected a connection for the first use. "
            f"Connect to the internet once, or {remedy}"
        )
    print(f"downloading the Inception network (90 MB), once; saved as {file}", file=sys.stderr)
    try:
        content = _fetch()
        if not _is_pinned(content):
            raise InputError(
                f"{URL} returned a graph with the SHA-256 {_sha256(content)[:12]}…; expected {SHA256[:12]}…. It is not "
                f"used, since a graph is code. Try again later, or {remedy}"
            )
        file.parent.mkdir(parents=True, exist_ok=True)
        replace(file, lambda draft: draft.write_bytes(content))
    except (OSError, tarfile.TarError, EOFError, KeyError, zlib.error, http.client.HTTPException) as error:
        raise InputError(
            f"{URL} cannot be downloaded ({first_line(error)}); expected a complete archive. Try again, or {remedy}"
        ) from error


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows a redirection only to an encrypted address."""

    def redirect_request(self, request, reply, code, message, headers, address):
        if not address.startswith("https://"):
            raise urllib.error.URLError(f"redirected to {address}, which is not encrypted")
        return super().redirect_request(request, reply, code, message, headers, address)


def _fetch() -> bytes:
    with urllib.request.build_opener(_HttpsOnly).open(URL, timeout=TIMEOUT_S) as reply:
        archive = reply.read(LARGEST_BYTES)
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as files:
        graph = files.extractfile(GRAPH)
        return graph.read(LARGEST_BYTES) if graph else b""
