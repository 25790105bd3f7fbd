"""The server of the pages: its address, the requests that it rejects, and how it ends."""

import contextlib
import importlib.util
import ipaddress
import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from keras_gan._utils import compat, silence
from keras_gan._utils.errors import InputError, first_line, how_to_install
from keras_gan._utils.run_folders import check_exists, is_run

LOOPBACK, DEFAULT_PORT, LARGEST_PORT = "127.0.0.1", 8501, 65_535
APP = Path(__file__).with_name("app.py")
# Environment variables for app.py: the path of the generator, and the folder of the visitor's projected picture.
SOURCE, PROJECTED = "KERAS_GAN_DEMO_SOURCE", "KERAS_GAN_DEMO_PROJECTED"
WAITING = "Loading the page in your browser …"
ROOT = compat.STREAMLIT_ROOT.replace(b"><", f'><p style="font: 1rem sans-serif; margin: 2rem">{WAITING}</p><'.encode())
SHUTDOWN_S = 2  # seconds that open connections have at the end
# https://docs.streamlit.io/develop/api-reference/configuration/config.toml. They override the user's own files.
SETTINGS = {
    "global.disableWidgetStateDuplicationWarning": True,  # its buttons set controls that have a first value
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "client.toolbarMode": "minimal",
    "global.developmentMode": False,
    "logger.level": "error",
    "runner.magicEnabled": False,
    "server.baseUrlPath": "",
    "server.enableCORS": True,
    "server.enableXsrfProtection": True,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.maxUploadSize": 1,
    "theme.light.primaryColor": "#1f77b4",
    "theme.dark.primaryColor": "#4fa3dc",
}


def serve(
    source: str | os.PathLike | None = None,
    host: str = LOOPBACK,
    port: int | None = None,
    picture: str | os.PathLike | None = None,
) -> None:
    """Serves the pages, prints their address, and returns at Ctrl-C, SIGINT or SIGTERM, also in the background.

    Args:
        source: run folder or .tflite of the generator to show; None for the page of the 1-D game alone.
        host: address to listen at. An address that is not loopback serves everybody in the network.
        port: 1 to 65535, or 0 for any free port; None for 8501, or any free port where 8501 is taken.
        picture: an image file, whose nearest picture is shown first; only with a run of images.

    Raises:
        InputError: where Streamlit is missing, the source does not exist, or the address cannot be used.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise InputError(f"Streamlit is not installed; expected for the demo. {how_to_install('demo')}.")
    if source is not None:
        check_exists(source)
        if picture is not None and is_run(source) and not Path(picture).is_file():
            raise InputError(f"{picture} is no file; expected a picture. Check the path.")
    elif picture is not None:
        raise InputError(f"--picture {picture} without a run; expected a run of images. Give one, such as avatars.")
    print("starting the pages of the demo …" if source is None else f"opening {source} …", flush=True)
    with (
        listening(host, port) as taken,
        _private_home() as folder,
        _as_interrupt(signal.SIGINT),
        _as_interrupt(signal.SIGTERM),
    ):
        os.environ[SOURCE] = "" if source is None else str(Path(source).resolve())
        os.environ[PROJECTED] = "" if picture is None else str(folder / "projected")
        with contextlib.suppress(KeyboardInterrupt):
            if source is not None:
                _prepare(source, picture)
            print("loading Streamlit, which serves the pages …", flush=True)
            _server(host, _address(taken)).run(sockets=[taken])
    print()


def _prepare(source, picture):
    """Prepares and opens the generator, so that errors come before the first visit."""
    from keras_gan.demo import gallery, preparing

    preparing.prepare(Path(source))
    if picture is not None:
        preparing.project(Path(source), picture, Path(os.environ[PROJECTED]))
    gallery.opened(os.environ[SOURCE], os.environ[PROJECTED])


def listening(host: str, port: int | None) -> socket.socket:
    """A socket that listens at the address; arguments and errors as in `serve`."""
    try:
        if port is None:
            with contextlib.suppress(OSError):
                return _listen(host, DEFAULT_PORT)
        return _listen(host, port or 0)
    except (OSError, OverflowError, UnicodeError) as error:
        raise InputError(
            f"cannot listen at {host} port {port or DEFAULT_PORT} ({first_line(error)}); expected an address of this "
            f"machine and a free port from 1 to {LARGEST_PORT}. Use others, or leave --host and --port out."
        ) from error


def _listen(host, port):
    if not 0 <= port <= LARGEST_PORT:  # getaddrinfo would take it modulo 65,536
        raise OverflowError(f"there is no port {port}")
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # on Windows, the option would share the port with another program
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except BaseException:
        listener.close()
        raise
    return listener


def _address(listener):
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


@contextlib.contextmanager
def _private_home() -> Iterator[Path]:
    """Lets Keras and matplotlib write their settings into a temporary folder instead of the user's home; yields it."""
    with tempfile.TemporaryDirectory(prefix="kgan-demo-") as folder:
        os.environ.setdefault("MPLCONFIGDIR", folder)
        if not Path("~/.keras").expanduser().exists():
            os.environ.setdefault("KERAS_HOME", folder)
        yield Path(folder)


@contextlib.contextmanager
def _as_interrupt(number) -> Iterator[None]:
    """Lets a signal raise KeyboardInterrupt, as Ctrl-C does."""
    before = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def _server(host, address):
    @contextlib.asynccontextmanager
    async def lifespan(app):
        # Printed here, since from now on the server answers, and ends on a signal.
        print(f"demo on {address} until Ctrl-C", flush=True)
        yield

    with silence.silence_native_stderr():
        import uvicorn
        from starlette.middleware import Middleware
        from streamlit import App

        compat.set_streamlit_options(SETTINGS)
    filters = [Middleware(RequestFilter, local=is_loopback(host)), Middleware(WaitingText)]
    app = App(APP, lifespan=lifespan, middleware=filters)
    settings = uvicorn.Config(
        app, log_config=None, log_level="error", access_log=False, timeout_graceful_shutdown=SHUTDOWN_S
    )
    return uvicorn.Server(settings)


def is_loopback(host: str | None) -> bool:
    """Whether a host name or an address is one of loopback."""
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


class RequestFilter:
    """An ASGI middleware that rejects requests which the pages never make, before Streamlit sees them.

    These are uploads; WebSockets opened by pages of other sites, for which Streamlit would contact a server on the
    internet; and, on loopback, requests under another host name, since a site can point its own name to this machine to
    read the pages.

    Args:
        app: the ASGI application.
        local: whether it listens on loopback.
    """

    def __init__(self, app, local: bool):
        self.app = app
        self.local = local

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan" or self.allows(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"rejected"})

    def allows(self, scope) -> bool:
        """Whether a request is allowed, by its ASGI scope."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host, origin = headers.get("host", ""), headers.get("origin")
        foreign = scope["type"] == "websocket" and origin is not None and _place(origin) != host
        misnamed = self.local and not is_loopback(_name(host))
        return not (foreign or misnamed or scope["path"].startswith(compat.STREAMLIT_UPLOADS))


def _place(url):
    """Host and port of a URL, as they are written."""
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def _name(host):
    """The host of "host:port", without brackets; None where it cannot be parsed."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


class WaitingText:
    """An ASGI middleware that writes what the visitor waits for into Streamlit's page, which else is empty for seconds.

    Args:
        app: the ASGI application.
    """

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        start, parts = None, []

        async def send_page(message):
            nonlocal start
            if message["type"] == "http.response.start" and _is_page(message["headers"]):
                start = message  # sent with the text, since its length changes
            elif start is None:
                await send(message)
            else:
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    body = b"".join(parts).replace(compat.STREAMLIT_ROOT, ROOT, 1)
                    others = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
                    length = (b"content-length", str(len(body)).encode())
                    await send({**start, "headers": [*others, length]})
                    await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, send_page)


def _is_page(headers):
    """Whether a response is HTML that is not compressed, by its headers."""
    named = {name.lower(): value for name, value in headers}
    return named.get(b"content-type", b"").startswith(b"text/html") and b"content-encoding" not in named
