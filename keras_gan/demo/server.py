"""The server of the pages: where it listens, what it refuses, and how it ends."""

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

LOOPBACK, USUAL_PORT, LARGEST_PORT = "127.0.0.1", 8501, 65_535
APP = Path(__file__).with_name("app.py")
SOURCE = "KERAS_GAN_DEMO_SOURCE"  # where app.py, which Streamlit runs, finds what is to be shown
WAIT_FOR_READERS_S = 2  # at the end, for answers on their way
# https://docs.streamlit.io/develop/api-reference/configuration/config.toml; over what the user's own files say.
SETTINGS = {
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


def serve(source: str | os.PathLike | None = None, host: str = LOOPBACK, port: int | None = None) -> None:
    """Shows the pages, prints their address, and returns at Ctrl-C, SIGINT or SIGTERM, also in the background.

    Args:
        source: run folder or file of the generator to show; None for the page of the 1-D game alone.
        host: address to listen at; on one that is not loopback everybody in the network is served.
        port: 1 to 65535, or 0 for any that is free; None for 8501, or any where that is taken.

    Raises:
        InputError: where Streamlit is missing, the source does not exist, or the address cannot be had.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise InputError(f"Streamlit is not installed; expected for the demo. {how_to_install('demo')}.")
    if source is not None and not Path(source).exists():
        raise InputError(f"{source} does not exist; expected a run or an exported generator; give its path")
    with listening(host, port) as taken, _private_home(), _as_interrupt(signal.SIGINT), _as_interrupt(signal.SIGTERM):
        os.environ[SOURCE] = "" if source is None else str(Path(source).resolve())
        with contextlib.suppress(KeyboardInterrupt):
            if source is not None:
                _prepare(source)
            _server(host, _address(taken)).run(sockets=[taken])
    print()


def _prepare(source):
    """Makes and opens what is to be shown, so that what cannot be is told before anybody visits."""
    from keras_gan.demo import gallery, preparing

    preparing.prepare(Path(source))
    gallery.opened(os.environ[SOURCE])


def listening(host: str, port: int | None) -> socket.socket:
    """A socket that listens at the address; arguments and errors as in `serve`."""
    try:
        if port is None:
            with contextlib.suppress(OSError):
                return _listen(host, USUAL_PORT)
        return _listen(host, port or 0)
    except (OSError, OverflowError, UnicodeError) as error:
        raise InputError(
            f"cannot listen at {host} port {port or USUAL_PORT} ({first_line(error)}); expected an address of this "
            f"machine and a free port from 1 to {LARGEST_PORT}; give others, or leave --host and --port out"
        ) from error


def _listen(host, port):
    if not 0 <= port <= LARGEST_PORT:  # which getaddrinfo would wrap around
        raise OverflowError(f"no such port as {port}")
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it would share a port with another program
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
def _private_home() -> Iterator[None]:
    """Keeps Keras, which writes its settings where there are none, and matplotlib out of the user's home."""
    with tempfile.TemporaryDirectory(prefix="kgan-demo-") as folder:
        os.environ.setdefault("MPLCONFIGDIR", folder)
        if not Path("~/.keras").expanduser().exists():
            os.environ.setdefault("KERAS_HOME", folder)
        yield


@contextlib.contextmanager
def _as_interrupt(number) -> Iterator[None]:
    """Lets a signal do what Ctrl-C does."""
    before = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def _server(host, address):
    @contextlib.asynccontextmanager
    async def told(app):
        print(f"demo on {address} until Ctrl-C", flush=True)  # not sooner: now it answers, and ends on a signal
        yield

    with silence.silence_native_stderr():
        import uvicorn
        from starlette.middleware import Middleware
        from streamlit import App

        compat.set_streamlit_options(SETTINGS)
    app = App(APP, lifespan=told, middleware=[Middleware(DivergenceGuard, local=is_loopback(host))])
    settings = uvicorn.Config(
        app, log_config=None, log_level="error", access_log=False, timeout_graceful_shutdown=WAIT_FOR_READERS_S
    )
    return uvicorn.Server(settings)


def is_loopback(host: str | None) -> bool:
    """Whether a name or an address means this machine alone."""
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


class DivergenceGuard:
    """Refuses what no page of ours asks for, before Streamlit sees it (an ASGI middleware).

    Those are uploads; WebSockets opened by the pages of other sites, about which Streamlit would ask a host outside;
    and, on loopback, other names of this machine: a site may point its own name here to read what is shown.

    Args:
        app: the ASGI application to guard.
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
            await send({"type": "http.response.body", "body": b"refused"})

    def allows(self, scope) -> bool:
        """Whether a request may pass, by its ASGI scope."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host, origin = headers.get("host", ""), headers.get("origin")
        foreign = scope["type"] == "websocket" and origin is not None and _place(origin) != host
        misnamed = self.local and not is_loopback(_name(host))
        return not (foreign or misnamed or scope["path"].startswith(compat.STREAMLIT_UPLOADS))


def _place(url):
    """Host and port of an address, as it is written."""
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def _name(host):
    """The host of "host:port", without brackets; None where it is none."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
