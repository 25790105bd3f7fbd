"""A generator as a web page: a folder of static files that runs a .tflite in the reader's browser.

The files of the page are in page/. LiteRT.js, the runtime, comes from the npm registry when the folder is written;
page/package-lock.json fixes its version and hashes.
"""

import contextlib
import dataclasses
import functools
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import webbrowser
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from keras_gan._utils.choices import lookup
from keras_gan._utils.errors import InputError, first_line
from keras_gan._utils.files import kilobytes, replace_folder
from keras_gan.exports import edge, packing
from keras_gan.exports.options import Options
from keras_gan.exports.quantize import MODES
from keras_gan.exports.replacing import check_alone
from keras_gan.exports.report import ExportReport

PAGE = Path(__file__).with_name("page")
# The first seven run in the page, the others in its worker, which also imports files.js and latents.js.
SCRIPTS = (
    *("app.js", "address.js", "files.js", "generator.js", "latents.js", "pictures.js", "sliders.js"),
    *("worker.js", "accelerators.js", "litert.js"),
)
MODEL, DESCRIPTION, INDEX = "generator.tflite", "generator.json", "index.html"
MARK = '<meta name="generator" content="keras_gan">'  # in the index.html of every page that keras_gan wrote
SIZES = "{{ sizes }}"  # in index.html, where the sizes are written
LOCK = ("package.json", "package-lock.json")
# Path in the npm packages -> name in the page. A browser fetches one of the two builds, for the CPU and the GPU alike:
# the first is up to 2.4 times as fast and needs relaxed SIMD, COMPAT runs without it (Safari).
LITERT = {
    "core/dist/index.js": "core.js",
    "wasm-utils/dist/index.js": "wasm-utils.js",
    "core/wasm/litert_wasm_internal.js": "litert_wasm_internal.js",
    "core/wasm/litert_wasm_internal.wasm": "litert_wasm_internal.wasm",
    "core/wasm/litert_wasm_compat_internal.js": "litert_wasm_compat_internal.js",
    "core/wasm/litert_wasm_compat_internal.wasm": "litert_wasm_compat_internal.wasm",
}
COMPAT = "_compat_"  # in the names of its files
BARE_IMPORT, OWN_IMPORT = 'from "@litertjs/wasm-utils"', 'from "./wasm-utils.js"'  # import maps do not apply in workers
LICENSE = "litert-license.txt"  # the license of LiteRT.js, which is missing in its packages
GZIP_LEVEL = 6  # the default of most servers
LONGEST_FETCH_S = 600
ADDRESS = "127.0.0.1"


def write(gan, path: Path, quantize: str, options: Options) -> ExportReport:
    """Writes the folder after the comparison of its .tflite; see `keras_gan.exports.export`."""
    from keras_gan.exports import tflite

    with tempfile.TemporaryDirectory() as folder:
        report = tflite.write(gan, Path(folder, MODEL), quantize, options.with_signatures((edge.GENERATE,)))
        size, compressed = assemble(report.file, path)
    return dataclasses.replace(report, file=str(path), loaded_bytes=size, compressed_bytes=compressed)


def _sizes(*files: Path) -> tuple[int, int]:
    """Bytes of files: as they are, and compressed with gzip."""
    contents = [file.read_bytes() for file in files]
    return sum(map(len, contents)), sum(len(gzip.compress(content, GZIP_LEVEL)) for content in contents)


def assemble(tflite: str | os.PathLike, folder: str | os.PathLike) -> tuple[int, int]:
    """Writes a folder of static files, a page for any web server or for `serve`.

    Its .tflite has the signature `generate` alone: the page computes latents from seeds itself, and WebGPU computes all
    of `generate`, but not the integer arithmetic of `sample`.

    The folder is written as a whole or not at all. It may exist already if it is empty, or if it holds a page of
    keras_gan and nothing else; that page is replaced.

    Args:
        tflite: a generator of images, written by `keras_gan.exports.export(format="tflite")`.
        folder: the folder to write; missing parents are created.

    Returns:
        Bytes that a visitor loads: as the files are, and from a server that compresses them with gzip.

    Raises:
        InputError: for a file that is no such generator, a folder that holds other files or cannot be written, or
            where npm is missing or fails.
    """
    description = edge.Generator(tflite).description
    shape = description["data_shape"]
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise InputError(
            f"{tflite} makes data of shape {tuple(shape)}; expected images (height, width, 1 or 3) for a page. Use "
            "kgan sample for other data."
        )
    folder = Path(folder).resolve()
    _check_folder(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return replace_folder(folder, lambda draft: _fill(draft, tflite, description))
    except OSError as error:
        raise InputError(
            f"cannot write {folder} ({error.strerror}); expected a path that can be written. Give another path."
        ) from error


def check(path: Path, quantize: str) -> None:
    """Raises InputError for an unknown mode, a missing npm, or a path that holds anything but a page."""
    lookup(MODES, quantize, "quantization", ", ".join(MODES))
    _find_npm()
    _check_folder(path.resolve())


def _check_folder(folder):
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not _is_page(folder):
        raise InputError(
            f"{folder} exists and is no page of kgan export --web; expected a new folder. Give another folder."
        )
    names = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if not file.is_dir()}
    check_alone(folder, names, _names(), "which kgan export --web did not write", "a page")


def _names() -> list[str]:
    """The paths of all files of a page in its folder."""
    litert = [f"litert/{name}" for name in (*LITERT.values(), LICENSE)]
    return [INDEX, "style.css", *SCRIPTS, *litert, DESCRIPTION, MODEL]


def _is_page(folder):
    index = folder / INDEX
    return index.is_file() and (folder / DESCRIPTION).is_file() and MARK in index.read_text("utf-8", "replace")


def _fill(draft, tflite, description):
    for name in (INDEX, "style.css", *SCRIPTS):
        shutil.copyfile(PAGE / name, draft / name)
    (draft / MODEL).write_bytes(packing.only(Path(tflite).read_bytes(), [edge.GENERATE]))
    (draft / DESCRIPTION).write_text(json.dumps(description, indent=2, ensure_ascii=False) + "\n", "utf-8")
    (draft / "litert").mkdir()
    shutil.copyfile(PAGE / LICENSE, draft / "litert" / LICENSE)
    _fetch_litert(draft / "litert")
    loaded = [name for name in _names() if COMPAT not in name and not name.endswith(LICENSE) and name != INDEX]
    index, others = draft / INDEX, _sizes(*(draft / name for name in loaded))
    size, compressed = map(sum, zip(others, _sizes(index), strict=True))
    sizes = (
        f"This page loads {size / 1e6:.1f} MB: {kilobytes((draft / MODEL).stat().st_size)} of it is the generator. "
        f"A server that compresses its files sends {compressed / 1e6:.1f} MB."
    )
    index.write_text(index.read_text("utf-8").replace(SIZES, sizes), "utf-8")
    return tuple(map(sum, zip(others, _sizes(index), strict=True)))


# LiteRT.js


def _fetch_litert(folder):
    """Copies the files of `LITERT` into a folder. npm fetches them, and checks the hashes of package-lock.json."""
    npm = _find_npm()
    with tempfile.TemporaryDirectory() as project:
        for name in LOCK:
            shutil.copyfile(PAGE / name, Path(project, name))
        _run_npm(npm, project)
        for source, name in LITERT.items():
            shutil.copyfile(Path(project, "node_modules/@litertjs", source), folder / name)
    core = folder / "core.js"
    core.write_text(core.read_text("utf-8").replace(BARE_IMPORT, OWN_IMPORT), "utf-8")


def _find_npm() -> str:
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(
            "npm is not on the PATH; expected npm, which fetches LiteRT.js for the page. Install Node.js (nodejs.org, "
            "or apt install npm)."
        )
    return npm


def _run_npm(npm, project):
    # --ignore-scripts: no script of a package is run.
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"]
    try:
        subprocess.run(
            [npm, "ci", *options], cwd=project, capture_output=True, text=True, timeout=LONGEST_FETCH_S, check=True
        )
    except subprocess.CalledProcessError as error:
        errors = [line.removeprefix("npm error ") for line in error.stderr.splitlines() if line.startswith("npm error")]
        raise InputError(
            f"npm cannot fetch LiteRT.js ({first_line(ValueError('; '.join(errors[:3])))}); expected the files of "
            "page/package-lock.json. Check the connection, then export again."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise InputError(
            f"npm has not fetched LiteRT.js in {LONGEST_FETCH_S} s; expected 10 MB in less time. Check the connection, "
            "then export again."
        ) from error


# Serving


class _Handler(SimpleHTTPRequestHandler):
    """Serves the files of one folder, and nothing else."""

    # The table of the system may lack these types.
    extensions_map = {
        ".css": "text/css; charset=utf-8",
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".json": "application/json",
        ".txt": "text/plain; charset=utf-8",
        ".wasm": "application/wasm",
        "": "application/octet-stream",
    }

    def send_head(self):
        try:
            inside = Path(self.translate_path(self.path)).resolve().is_relative_to(self.directory)
        except ValueError:  # an impossible name, such as one with a null byte
            inside = False
        return super().send_head() if inside else self.send_error(HTTPStatus.NOT_FOUND)

    def list_directory(self, path):
        self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self):
        self.send_header("Cache-Control", "no-cache")  # so that a new export is shown at once
        super().end_headers()

    def log_message(self, format, *args):
        """Logs nothing, so that the address stays visible on the terminal."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Logs nothing where a browser closed the connection."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def server(folder: str | os.PathLike, port: int = 0) -> ThreadingHTTPServer:
    """A server of a page on loopback. `serve_forever` starts it.

    Args:
        folder: a folder that `assemble` wrote.
        port: the port; 0 for any free port.

    Raises:
        InputError: where the folder is no page, or the port is taken.
    """
    folder = Path(folder).resolve()
    if not _is_page(folder):
        raise InputError(f"{folder} is no page; expected a folder that kgan export --web wrote. Check the path.")
    try:
        return _Server((ADDRESS, port), functools.partial(_Handler, directory=str(folder)))
    except (OSError, OverflowError) as error:
        raise InputError(
            f"cannot serve on port {port} ({first_line(error)}); expected a free port. Use 0 for any free port."
        ) from error


def serve(folder: str | os.PathLike, port: int = 0, open_browser: bool = True) -> None:
    """Serves a page on loopback, prints its address, and returns at Ctrl-C, SIGINT or SIGTERM.

    SIGINT ends it in the background, too, although shells let background processes ignore that signal.

    Args:
        folder: as in `server`.
        port: as in `server`.
        open_browser: whether to open the page in the default browser.

    Raises:
        InputError: as in `server`.
    """
    with server(folder, port) as running, _ended_by(signal.SIGINT, signal.SIGTERM):
        address = f"http://{ADDRESS}:{running.server_port}/"
        try:
            print(f"page on {address} until Ctrl-C", flush=True)
            if open_browser:
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
            running.serve_forever()
        except KeyboardInterrupt:
            print()


@contextlib.contextmanager
def _ended_by(*numbers):
    """Lets signals raise KeyboardInterrupt. Only the main thread of a program can set this."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
