"""ImageNet's Inception: a small frozen graph with the node names and the old operations of the real one."""

import functools
import hashlib
import http.server
import io
import shutil
import socket
import ssl
import subprocess
import tarfile
import threading
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_gan._utils.errors import InputError
from keras_gan.data.source import from_array
from keras_gan.metrics import extractors, inception

SIZE = 4  # that the small graph resizes to; the real one to 299


def constant(graph, name, value):
    node = graph.node.add(name=name, op="Const")
    value = np.asarray(value)
    node.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
    return name


@functools.cache  # another time the same graph has other bytes
def frozen_graph(pooled=SIZE):
    """(x resized to 4×4 - 128) / 128, batch normalisation, mean over squares of side `pooled`; for a batch of one.

    Node names, the producer's version and the removed operation BatchNormWithGlobalNormalization are the real graph's.
    """
    graph = tf.Graph()
    with graph.as_default():
        images = tf.compat.v1.placeholder("float32", (1, None, None, 3), name="ExpandDims")
        resized = tf.raw_ops.ResizeBilinear(images=images, size=[SIZE, SIZE], name="ResizeBilinear")
        scaled = tf.multiply(tf.subtract(resized, 128.0, name="Sub"), 1 / 128, name="Mul")
        tf.nn.avg_pool2d(scaled, pooled, 1, "VALID", name="pool_3")
    graph = graph.as_graph_def(add_shapes=True)
    values = {"mean": [0, 0, 0.5], "variance": [1, 1, 1], "beta": [0, 0.25, 0], "gamma": [1, 1, 1]}
    inputs = [constant(graph, f"conv/batchnorm/{name}", np.float32(value)) for name, value in values.items()]
    normalized = graph.node.add(name="conv/batchnorm", op="BatchNormWithGlobalNormalization", input=["Mul", *inputs])
    normalized.attr["T"].type = tf.float32.as_datatype_enum
    normalized.attr["variance_epsilon"].f = 0.0
    normalized.attr["scale_after_normalization"].b = False
    (pool,) = (node for node in graph.node if node.name == "pool_3")
    pool.input[0] = "conv/batchnorm"
    graph.versions.producer, graph.versions.min_consumer = 8, 0
    return graph.SerializeToString()


@pytest.fixture(autouse=True)
def pinned(monkeypatch):
    """The small graph in the place of the real one."""
    monkeypatch.setattr(inception, "SHA256", hashlib.sha256(frozen_graph()).hexdigest())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The cache's folder for the graph, empty."""
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path))
    (tmp_path / "inception").mkdir()
    return tmp_path / "inception"


@pytest.fixture
def placed(folder):
    """The same folder with the small graph in it."""
    (folder / inception.GRAPH).write_bytes(frozen_graph())
    return folder


def legacy_resize(image, size):
    """TensorFlow 1's bilinear resize without align_corners: the source of pixel i is at i · old / new, unshifted."""

    def weights(old):
        table = np.zeros((size, old))
        for i in range(size):
            low, part = divmod(i * old / size, 1)
            table[i, int(low)] += 1 - part
            table[i, min(int(low) + 1, old - 1)] += part
        return table

    return np.einsum("ih,hwc,jw->ijc", weights(image.shape[0]), image.astype("float64"), weights(image.shape[1]))


def test_the_resize_is_the_graphs_own(folder, monkeypatch):
    # Two columns 0 and 200 to four: sources 0, 0.5, 1 and 1.5 give 0, 100, 200, 200. With centred pixels, as
    # everyone resizes today, they would give 0, 50, 150, 200.
    image = np.zeros((1, 4, 2, 3), "uint8")
    image[:, :, 1] = 200
    graph = frozen_graph(pooled=1)
    monkeypatch.setattr(inception, "SHA256", hashlib.sha256(graph).hexdigest())
    (folder / inception.GRAPH).write_bytes(graph)
    extract, _ = inception.load(folder)
    features = extract(image)[0].reshape(SIZE, SIZE, 3)
    np.testing.assert_allclose(features[:, :, 0] * 128 + 128, np.tile([0, 100, 200, 200], (4, 1)), atol=1e-4)


@pytest.mark.parametrize("shape", [(7, 5, 3), (3, 9, 3), (4, 4, 3)])
def test_features_are_those_of_the_graph(placed, shape):
    images = np.random.default_rng(0).integers(0, 256, (3, *shape), dtype="uint8")
    extract, _ = inception.load(placed)
    features, probabilities = extract(images)
    scaled = np.stack([(legacy_resize(image, SIZE) - 128) / 128 for image in images])
    expected = scaled.mean(axis=(1, 2)) + np.array([0, 0.25, -0.5])  # the batch normalisation
    assert features.shape == (3, 3) and features.dtype == np.float32 and probabilities is None
    np.testing.assert_allclose(features, expected, atol=1e-5)


def test_batches_of_any_size_give_the_same_features(placed, monkeypatch):
    images = np.random.default_rng(1).integers(0, 256, (7, 6, 6, 3), dtype="uint8")
    extract, _ = inception.load(placed)
    whole = extract(images)[0]
    monkeypatch.setattr(inception, "BATCH_SIZE", 3)
    np.testing.assert_allclose(extract(images)[0], whole, atol=1e-6)
    np.testing.assert_allclose(extract(images[5:6])[0], whole[5:6], atol=1e-6)


def test_grey_images_are_three_equal_channels(placed):
    grey = np.random.default_rng(2).integers(0, 256, (2, 6, 6, 1), dtype="uint8")
    extract, _ = inception.load(placed)
    np.testing.assert_array_equal(extract(grey)[0], extract(np.tile(grey, (1, 1, 1, 3)))[0])


def test_it_is_chosen_by_name_only_and_has_the_digest_of_its_graph(placed):
    source = from_array("own", np.zeros((3, 6, 6, 3), "uint8"))
    assert extractors.choose(source) is None
    extractor = extractors.choose(source, choice="inception")
    assert extractor.name == "inception" and extractor.accuracy is None
    assert extractor.sha256 == hashlib.sha256((placed / inception.GRAPH).read_bytes()).hexdigest()
    with pytest.raises(InputError, match="inception for ring, which has no images; expected images.*auto"):
        extractors.choose(from_array("ring", np.zeros((3, 2), "float32")), choice="inception")


@pytest.mark.parametrize("content", [b"no graph", frozen_graph(pooled=1)], ids=["no graph", "another graph"])
def test_a_file_other_than_the_pinned_graph_is_never_loaded(folder, content, monkeypatch):
    monkeypatch.setattr(inception, "_runner", lambda *given: pytest.fail("it was loaded"))
    (folder / inception.GRAPH).write_bytes(content)
    with pytest.raises(InputError, match=r"graph_def.pb is damaged or a different graph .*; expected .*https:"):
        inception.load(folder)


@pytest.mark.parametrize("content", [b"no graph", tf.Graph().as_graph_def().SerializeToString()])
def test_a_graph_that_cannot_run_raises_an_error_of_one_line(folder, content, monkeypatch):
    monkeypatch.setattr(inception, "SHA256", hashlib.sha256(content).hexdigest())
    (folder / inception.GRAPH).write_bytes(content)
    with pytest.raises(
        InputError, match=r"graph_def.pb is damaged \(.*\); expected the graph in http.*Delete"
    ) as caught:
        inception.load(folder)
    assert "\n" not in str(caught.value)


# the download


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here, which makes certificates; install Debian's openssl")
    folder = tmp_path_factory.mktemp("certificate")
    file, key = folder / "certificate.pem", folder / "key.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", file, *subject]
    subprocess.run(command, check=True, capture_output=True)
    return file, key


@pytest.fixture
def serving(tmp_path, monkeypatch, certificate):
    """A function that serves bytes as the archive, from this machine, by a certificate that is trusted or not."""
    served = tmp_path / "served"
    served.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=served))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *given: None  # a client that does not trust it hangs up
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for variable in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)

    def serve(content, trusted=True):
        monkeypatch.setattr(urllib.request, "_opener", None)  # urlopen keeps the certificates of its first call
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        (served / "inception.tgz").write_bytes(content)
        monkeypatch.setattr(inception, "URL", f"https://127.0.0.1:{server.server_port}/inception.tgz")

    yield serve
    server.shutdown()
    server.server_close()
    urllib.request._opener = None


def archive(name, content):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as files:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        files.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def test_the_graph_is_downloaded_once(folder, serving, capsys, monkeypatch):
    graph = frozen_graph()
    serving(archive(inception.GRAPH, graph))
    _, sha256 = inception.load(folder)
    assert sha256 == hashlib.sha256(graph).hexdigest()
    assert capsys.readouterr().err == (
        f"downloading the Inception network (90 MB), once; saved as {folder / inception.GRAPH}\n"
    )
    monkeypatch.setattr(inception, "URL", "https://127.0.0.1:9/")
    assert inception.load(folder)[1] == sha256


def test_the_address_is_encrypted_and_the_digest_is_that_of_the_published_graph():
    source = Path(inception.__file__).read_text()
    assert inception.URL.startswith("https://") and "http://" not in source
    # As several evaluators of published models state it for this file of 95,673,916 bytes.
    assert "009d6814d1bc560d4e7b236e170e9b2d5ca6f4b57bd8037f6db05776204415c6" in source


def test_a_different_graph_is_not_used_and_not_saved(folder, serving):
    serving(archive(inception.GRAPH, frozen_graph(pooled=1)))
    with pytest.raises(InputError, match="returned a graph with the SHA-256 .*; expected .*It is not used"):
        inception.load(folder)
    assert not list(folder.iterdir())


def test_nothing_is_downloaded_from_a_host_without_a_trusted_certificate(folder, serving):
    serving(archive(inception.GRAPH, frozen_graph()), trusted=False)
    with pytest.raises(InputError, match="does not answer; .*Connect .* or put"):
        inception.load(folder)
    assert not list(folder.iterdir())


def test_an_address_without_encryption_is_refused(folder, monkeypatch):
    monkeypatch.setattr(inception, "URL", "http://127.0.0.1:9/inception.tgz")
    with pytest.raises(InputError, match="http://127.0.0.1:9/inception.tgz is not encrypted; expected .* https://"):
        inception.load(folder)


def test_a_redirection_to_an_address_without_encryption_is_refused():
    request = urllib.request.Request("https://127.0.0.1/inception.tgz")
    with pytest.raises(OSError, match="redirected to http://elsewhere/graph, which is not encrypted"):
        inception._HttpsOnly().redirect_request(request, None, 302, "Found", {}, "http://elsewhere/graph")
    followed = inception._HttpsOnly().redirect_request(request, None, 302, "Found", {}, "https://elsewhere/graph")
    assert followed.full_url == "https://elsewhere/graph"


@pytest.mark.parametrize(
    "content",
    [archive(inception.GRAPH, b"x" * 9999)[:-20], archive("other.pb", b"x"), b"", b"<html>"],
    ids=["cut", "foreign", "empty", "a page"],  # an archive holds the time at which it was made
)
def test_a_download_that_is_cut_or_foreign_leaves_nothing(folder, serving, content):
    serving(content)
    with pytest.raises(
        InputError, match=r"inception.tgz cannot be downloaded \(.*\); expected .*Try again, or put classify_im"
    ) as caught:
        inception.load(folder)
    assert "\n" not in str(caught.value)
    assert not list(folder.iterdir())


def test_without_a_network_the_error_names_the_folder_of_the_graph_within_10_s(folder, monkeypatch):
    # A port that accepts and says nothing, as a proxy, makes any machine one without a network.
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(urllib.request, "_opener", None)  # urlopen keeps the proxies of its first call
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.delenv("no_proxy", raising=False)
        start = time.monotonic()
        with pytest.raises(InputError, match=r"is missing and the host of http.* does not answer; .* put .* auto"):
            inception.load(folder)
    assert time.monotonic() - start < 10
