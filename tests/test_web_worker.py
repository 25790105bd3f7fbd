"""The worker of the page of a generator: the page stays free, the GPU or the CPU draws, and errors reach the reader."""

import contextlib
import shutil
import threading
import time

import numpy as np
import pytest

from keras_gan import GAN, networks
from keras_gan.exports import edge, web

SEED, COUNT = 7, 16
GREYS = """() => [...document.querySelectorAll("#pictures canvas")].map(canvas => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return [...data].filter((_, i) => i % 4 === 0);
})"""
FRAMES = """() => new Promise(resolve => {
    let frames = 0;
    const last = document.querySelector("#pictures button:last-child");
    const count = () => { frames += 1; requestAnimationFrame(count); };
    new MutationObserver(() => resolve(frames)).observe(last, { attributeFilter: ["title"] });
    document.getElementById("new").click();
    count();
})"""
RUN = "outputs = await model.run"  # in litert.js: one picture
SPIN_MS = 200
SPIN = f"for (const end = performance.now() + {SPIN_MS}; performance.now() < end; );"
NO_JSPI = "delete WebAssembly.Suspending;\ndelete WebAssembly.promising;\nconst imported"
AS_HARDWARE = "Object.defineProperty(GPUAdapterInfo.prototype, 'isFallbackAdapter', { get: () => false });\n"


@pytest.fixture(scope="module")
def page(trained, tmp_path_factory, with_litert):
    """(report, folder) of a page of the trained generator, which draws 8 by 8 grey pixels."""
    folder = tmp_path_factory.mktemp("page") / "web"
    with with_litert():
        return trained.gan.export(folder, "web", "float32"), folder


@pytest.fixture
def visit(page, tmp_path):
    """A factory of visits: visit(browser, query, folder, script=(text, replacement), ...) changes scripts first."""
    servers, contexts = [], []

    def open_page(browser, query="", folder=page[1], **changes):
        folder = shutil.copytree(folder, tmp_path / f"web{len(servers)}")
        for name, (text, replacement) in changes.items():
            file = folder / f"{name}.js"
            before = file.read_text("utf-8")
            assert text in before
            file.write_text(before.replace(text, replacement), "utf-8")
        servers.append(web.server(folder))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        contexts.append(browser.new_context())
        opened = contexts[-1].new_page()
        opened.set_default_timeout(180_000)
        opened.paths = set()
        opened.on("request", lambda request: opened.paths.add(request.url))
        opened.goto(f"http://127.0.0.1:{servers[-1].server_port}/{query}#seed={SEED}")
        opened.locator("#tool:not([hidden]), #message[role=alert]").first.wait_for()
        return opened

    yield open_page
    for context in contexts:
        context.close()
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def with_gpu(chromium, page):
    """A Chromium whose WebGPU is SwiftShader, which emulates a GPU on the CPU; skips where it offers no adapter."""
    browser = chromium("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")
    with web.server(page[1]) as server, contextlib.closing(browser.new_page()) as opened:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        opened.goto(f"http://127.0.0.1:{server.server_port}/")  # browsers offer WebGPU to secure origins only
        adapter = opened.evaluate("async () => Boolean(await navigator.gpu?.requestAdapter())")
        server.shutdown()
    if not adapter:
        pytest.skip("this Chromium offers no software adapter for WebGPU")
    return browser


def accelerator(opened):
    return opened.locator("#speed").get_attribute("data-accelerator")


def alert(opened):
    """The error in place of the page."""
    assert not opened.locator("#tool").is_visible()
    return opened.locator("#message[role=alert]").inner_text()


@pytest.fixture
def draws_right(trained):
    """Whether the grid agrees with Keras, within a grey level that a value between two of them may be rounded to."""
    expected = trained.gan.generate(COUNT, seed=SEED).reshape(COUNT, -1).astype(int)
    return lambda opened: np.abs(np.array(opened.evaluate(GREYS)) - expected).max() <= 1


def test_the_page_stays_free_while_a_grid_is_drawn(browser, visit):
    """Drawn on the page's own thread, slow pictures would leave it one frame each."""
    opened = visit(browser, litert=(RUN, SPIN + RUN))
    assert len(opened.workers) == 1
    assert opened.evaluate(FRAMES) > 2 * COUNT


def test_the_sizes_are_those_of_the_files_that_a_visitor_loads(page, browser, visit):
    report, folder = page
    opened = visit(browser)
    names = {path.split("/", 3)[3].split("#")[0] or web.INDEX for path in opened.paths if path.startswith("http")}
    size, compressed = sum((folder / name).stat().st_size for name in names), report.compressed_bytes
    assert size == report.loaded_bytes and size / 5 < compressed < size / 2
    for text in (opened.locator("#sizes").inner_text(), str(report)):
        assert f"{size / 1e6:.1f} MB" in text and f"{compressed / 1e6:.1f} MB" in text


@pytest.mark.parametrize(
    "query", ["", "?accelerator=wasm", pytest.param("?accelerator=constructor", marks=pytest.mark.long)]
)
def test_the_cpu_draws_without_webgpu_or_where_the_address_asks_for_it(query, browser, visit, draws_right):
    opened = visit(browser, query)
    assert accelerator(opened) == "wasm" and draws_right(opened)
    assert opened.locator("#reason").inner_text()


def test_webgpu_that_is_missing_is_an_error_where_the_address_asks_for_it(browser, visit):
    opened = visit(browser, "?accelerator=webgpu")
    assert "Remove accelerator=webgpu from the address" in alert(opened)


def test_the_gpu_draws_the_same_pictures(with_gpu, visit, draws_right):
    opened = visit(with_gpu, "?accelerator=webgpu")
    assert accelerator(opened) == "webgpu" and draws_right(opened)


@pytest.mark.parametrize("mode", ["float16", pytest.param("int8", marks=pytest.mark.long)])
def test_the_gpu_computes_all_of_a_conditional_generator(mode, with_gpu, visit, tmp_path, with_litert):
    """A table of classes in float16 would be read on the CPU, which takes JavaScript Promise Integration."""
    gan = GAN(
        networks.generator((8, 8, 1), 16, num_classes=40),
        networks.discriminator((8, 8, 1), num_classes=40),
        num_classes=40,
    )
    with with_litert():
        gan.export(tmp_path / "web", "web", mode)
    opened = visit(with_gpu, "?accelerator=webgpu", tmp_path / "web", worker=("const imported", NO_JSPI))
    assert accelerator(opened) == "webgpu"
    expected = edge.Generator(tmp_path / "web" / "generator.tflite").generate(COUNT, SEED).reshape(COUNT, -1)
    assert np.abs(np.array(opened.evaluate(GREYS)) - expected).mean() < 1


def test_the_gpu_draws_where_it_is_faster(with_gpu, visit, draws_right):
    slow_cpu = f'if (accelerator === "wasm") {SPIN}'
    opened = visit(with_gpu, litert=(RUN, slow_cpu + RUN), worker=("const imported", AS_HARDWARE + "const imported"))
    assert accelerator(opened) == "webgpu" and draws_right(opened)
    assert not opened.locator("#reason").inner_text()


def test_a_gpu_that_is_emulated_on_the_cpu_is_not_tried(with_gpu, visit):
    opened = visit(with_gpu, accelerators=('await compile(litert, content, "webgpu")', 'self.none("webgpu")'))
    assert accelerator(opened) == "wasm" and "emulated" in opened.locator("#reason").inner_text()


WRONG = {
    "zeros": 'if (accelerator === "webgpu") return new Float32Array(64);',
    "NaN": 'if (accelerator === "webgpu") return new Float32Array(64).fill(NaN);',
    "an error": 'if (accelerator === "webgpu") throw new Error("out of memory");',
}


@pytest.mark.parametrize("what", ["zeros", *(pytest.param(what, marks=pytest.mark.long) for what in list(WRONG)[1:])])
def test_a_gpu_that_fails_or_draws_wrong_pictures_is_not_used(what, with_gpu, visit, draws_right):
    slow_cpu = f'if (accelerator === "wasm") {SPIN}'  # so that speed is no reason
    changes = {"litert": (RUN, slow_cpu + WRONG[what] + RUN), "worker": ("const im", AS_HARDWARE + "const im")}
    opened = visit(with_gpu, **changes)
    assert accelerator(opened) == "wasm" and draws_right(opened)
    assert "WebGPU" in opened.locator("#reason").inner_text()
    assert "The address asks for WebGPU, but" in alert(visit(with_gpu, "?accelerator=webgpu", **changes))


@pytest.mark.long
def test_the_cpu_draws_on_where_the_gpu_is_lost(with_gpu, visit, draws_right):
    lost = 'if (accelerator === "webgpu" && (self.runs = (self.runs ?? 0) + 1) > 10) throw new Error("lost");'
    opened = visit(with_gpu, "?accelerator=webgpu", litert=(RUN, lost + RUN))
    assert draws_right(opened)
    opened.locator("#speed[data-accelerator=wasm]").wait_for()


def test_an_error_of_the_worker_is_shown_and_ends_it(browser, visit):
    later = 'if ((self.runs = (self.runs ?? 0) + 1) > 20) throw new RangeError("memory");'
    opened = visit(browser, litert=(RUN, later + RUN))
    opened.get_by_role("button", name="New pictures").click()
    opened.locator("#message[role=alert]").wait_for()
    assert "cannot be drawn" in alert(opened)
    deadline = time.monotonic() + 60
    while opened.workers and time.monotonic() < deadline:
        opened.wait_for_timeout(20)
    assert opened.workers == []


def test_an_error_outside_of_a_request_is_shown(browser, visit):
    late = 'setTimeout(() => { throw new Error("late"); }); await new Promise(() => null);'
    assert "cannot be drawn" in alert(visit(browser, litert=(RUN, late + RUN)))
