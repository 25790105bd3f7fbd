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
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_gan.data.catalog import answers
from keras_gan.errors import InputError, first_line
from keras_gan.files import replace

URL = "http://download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz"
GRAPH = "classify_image_graph_def.pb"
INPUT, OUTPUT = "ExpandDims:0", "pool_3:0"  # float [0, 255] (n, h, w, 3) -> (n, 1, 1, 2048)
SILENCE_S = 60.0  # that a download may last without a byte
BATCH_SIZE = 50  # images at 299×299, whose feature maps take about 1 GB


def load(folder: Path) -> tuple[Callable, str]:
    """The network in a folder, downloaded into it once, and the SHA-256 of its graph.

    Returns:
        A function from uint8 images (n, height, width, 1 or 3) to features float32 (n, 2048) and None, as
        `Extractor.extract`; and the SHA-256.

    Raises:
        InputError: where the graph is not there and cannot be downloaded, or is damaged.
    """
    file = folder / GRAPH
    if not file.exists():
        _download(file)
    content = file.read_bytes()
    run = _runner(content, file)
    return lambda images: (_features(run, images), None), hashlib.sha256(content).hexdigest()


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
    if not answers(URL):
        raise InputError(f"{file} is not there and the host of {URL} does not answer; connect once, or {remedy}")
    file.parent.mkdir(parents=True, exist_ok=True)
    print(f"downloading ImageNet's Inception (90 MB), once; kept as {file}", file=sys.stderr)
    try:
        replace(file, lambda draft: draft.write_bytes(_fetch()))
    except (OSError, tarfile.TarError, EOFError, KeyError, http.client.HTTPException) as error:
        raise InputError(f"{URL} cannot be downloaded ({first_line(error)}); try again, or {remedy}") from error


def _fetch() -> bytes:
    with urllib.request.urlopen(URL, timeout=SILENCE_S) as reply:
        archive = reply.read()
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as files:
        return files.extractfile(GRAPH).read()
