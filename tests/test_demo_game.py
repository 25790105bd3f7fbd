"""`kgan demo` and its page of the 1-D game: in a real process and browser, and the game by itself."""

import http.client
import random
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from click.testing import CliRunner

from keras_gan import theory
from keras_gan._utils import log_names
from keras_gan.cli.main import kgan
from keras_gan.demo import game as game_page
from keras_gan.demo.server import RequestFilter, WaitingText, is_loopback
from keras_gan.losses import LOSSES

PHONE, DESK = 360, 1280  # px
WIDTHS = "[document.documentElement, ...document.querySelectorAll('[data-testid=stMain]')].map(e => e.scrollWidth)"
NAMELESS = r"- (button|slider|radio|radiogroup|spinbutton|textbox|img|link)\b(?! \")"


@pytest.fixture(scope="module")
def server(demo_server):
    """The page of the game alone, for all tests."""
    return demo_server("--game")


@pytest.fixture
def opened(server, visit):
    """A factory of pages that show the game."""

    def open_page(query="", **settings):
        page = visit(server.address + query, **settings)
        page.get_by_role("button", name="Start", exact=True).wait_for()
        page.get_by_role("table").wait_for()
        return page

    return open_page


def step(page):
    return int(re.search(r"Step ([\d,]+) of", page.inner_text("body"))[1].replace(",", ""))


def number(page, row):
    cell = page.get_by_role("row", name=row).get_by_role("cell").first
    return float(cell.inner_text().replace("−", "-"))


def wait_for_step(page, least):
    page.wait_for_function(
        "least => +document.body.innerText.match(/Step ([\\d,]+) of/)?.[1].replace(',', '') >= least",
        arg=least,
    )


def address(page):
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def press(page, name, key, expected):
    """Presses a key on a slider and waits for the expected address."""
    slider = page.get_by_role("slider", name=name)
    slider.focus()
    slider.press(key)
    page.wait_for_url(expected)


# the page -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width, scheme", [pytest.param(PHONE, "dark", marks=pytest.mark.long), (DESK, "light")])
def test_the_page_fits_the_screen_and_its_controls_have_names(opened, width, scheme):
    page = opened(width=width, color_scheme=scheme)
    assert max(page.evaluate(WIDTHS)) <= width
    controls = ("slider", "radio", "spinbutton", "button")
    for control in controls:  # Streamlit draws them one after the other
        page.get_by_role(control).first.wait_for()
    tree = page.locator("body").aria_snapshot()
    for control in controls:
        assert f'- {control} "' in tree
    assert not re.findall(NAMELESS, tree)
    charts = page.get_by_role("img")
    assert "mean 0.00" in charts.nth(0).get_attribute("alt") and "−1.2907" in page.inner_text("body")
    page.wait_for_function("[...document.images].every(image => image.naturalWidth > 0)")
    assert page.get_by_role("button", name="Deploy").count() == 0


def test_it_trains_and_pauses(opened):
    page = opened("?g_lr=0.05")
    page.get_by_role("button", name="Start", exact=True).click()
    wait_for_step(page, 20)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Continue").wait_for()
    assert number(page, "mean of G") > 0


@pytest.mark.long
def test_it_trains_pauses_continues_and_restarts(opened):
    page, other = opened("?g_lr=0.05"), opened()
    before, mean = page.inner_text("table"), number(page, "mean of G")
    page.get_by_role("button", name="Start", exact=True).click()
    wait_for_step(page, 80)
    assert mean == 0 and 1 < number(page, "mean of G") < 7
    jsd = number(page, "JSD, exact")
    assert number(page, "V, best discriminator") == pytest.approx(2 * jsd - 2 * np.log(2), abs=2e-4)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Continue").wait_for()
    shown = [-2, -1]
    while len(shown) < 60 and shown[-1] != shown[-2]:  # until the last steps are shown
        page.wait_for_timeout(1_200)  # longer than two updates
        shown.append(step(page))
    paused = shown[-1]
    assert paused == shown[-2] and step(other) == 0
    page.get_by_role("button", name="Continue").click()
    wait_for_step(page, paused + 20)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Restart").click()
    page.get_by_text("Step 0 of").wait_for()
    assert page.inner_text("table") == before


def test_controls_that_the_browser_draws_late_show_the_values_in_use(server, visit):
    held = []
    page = visit(f"{server.address}?d_lr=0.005", hold=("**/*Slider*.js", lambda route: held.append(route)))
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Continue").or_(page.get_by_role("button", name="Start", exact=True)).wait_for()
    assert held and page.get_by_role("slider").count() == 0
    for route in held:
        route.continue_()
    page.get_by_role("slider", name="Learning rate of the generator").wait_for()
    assert page.get_by_test_id("stSliderThumbValue").all_inner_texts() == ["1", "0.005", "0.01"]


@pytest.mark.long
def test_every_setting_is_in_the_address_and_changes_the_running_game(opened):
    page = opened()
    frozen, value = (number(page, "mean of G"), number(page, "std of G")), number(page, "V(D, G)")
    press(page, "Learning rate of the generator", "Home", "**g_lr=0")
    press(page, "Discriminator steps", "ArrowRight", "**k=2*")
    press(page, "Learning rate of the discriminator", "ArrowRight", "**d_lr=0.02*")
    page.get_by_text("saturating (minimax)").click()
    page.wait_for_url("**loss=minimax*")
    page.get_by_role("button", name="Start", exact=True).click()
    wait_for_step(page, 20)
    assert (number(page, "mean of G"), number(page, "std of G")) == frozen and number(page, "V(D, G)") > value + 0.1
    press(page, "Learning rate of the generator", "End", "**g_lr=0.1*")
    wait_for_step(page, step(page) + 40)
    assert abs(number(page, "mean of G") - frozen[0]) > 0.1
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("spinbutton", name="Seed").fill("7")
    page.get_by_role("spinbutton", name="Seed").press("Enter")
    page.get_by_text("Step 0 of").wait_for()
    assert address(page) == {"k": "2", "d_lr": "0.02", "g_lr": "0.1", "loss": "minimax", "seed": "7"}
    again = opened(f"?{urlsplit(page.url).query}")
    assert address(again) == address(page) and again.inner_text("table") == page.inner_text("table")
    assert again.get_by_role("slider", name="Discriminator steps").input_value() == "2"
    assert again.get_by_role("radio", name="minimax").is_checked()
    assert again.get_by_role("spinbutton", name="Seed").input_value() == "7"


@pytest.mark.long
def test_an_address_that_cannot_be_used_gives_warnings_and_the_defaults(opened):
    page = opened("?k=9&d_lr=nan&g_lr=0.02&loss=%3Cscript%3Ealert(1)%3C/script%3E&seed=-1")
    warnings = [alert.inner_text() for alert in page.get_by_role("alert").all()]
    expected = (
        ("k=9", "1 is used"),
        ("d_lr=nan", "0.01 is used"),
        ("loss=<script>alert(1)</script>", "non_saturating is used"),
        ("seed=-1", "0 is used"),
    )
    for warning, (setting, default) in zip(warnings, expected, strict=True):
        assert setting in warning and default in warning and "\n" not in warning
    assert address(page) == {"g_lr": "0.02"}


@pytest.mark.parametrize(
    "kind, encoding, changed",
    [(b"text/html; charset=utf-8", None, True), (b"text/css", None, False), (b"text/html", b"gzip", False)],
)
def test_the_empty_page_shows_what_it_waits_for(kind, encoding, changed):
    content = b'<body><div id="root"></div></body>'

    async def app(scope, receive, send):
        headers = [(b"content-type", kind), (b"content-length", b"%d" % len(content))]
        headers += [(b"content-encoding", encoding)] if encoding else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content[:20], "more_body": True})
        await send({"type": "http.response.body", "body": content[20:]})

    sent = []

    async def send(message):
        sent.append(message)

    with pytest.raises(StopIteration):  # driven by hand, since the browser's event loop runs in this thread
        WaitingText(app)({"type": "http"}, None, send).send(None)
    start, *parts = sent
    body = b"".join(part["body"] for part in parts)
    assert dict(start["headers"])[b"content-length"] == b"%d" % len(body)
    assert (b"Loading the page" in body) == changed and (body == content) != changed


# the server -----------------------------------------------------------------------------------------------------------


def status(server, method="GET", path="/", **headers):
    """The status code of an answer."""
    connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=120)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    code = connection.getresponse().status
    connection.close()
    return code


def test_uploads_other_host_names_and_other_sites_are_rejected(server):
    stream = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Version": "13"}
    stream["Sec_WebSocket_Key"] = "AAAAAAAAAAAAAAAAAAAAAA=="
    path, own = "/_stcore/stream", server.address.rstrip("/")
    assert status(server) == 200 and status(server, Host="attacker.example") == 403
    assert status(server, "PUT", "/_stcore/upload_file/a/b") == 403
    assert status(server, path=path, **stream, Origin=own) == 101
    assert status(server, path=path, **stream, Origin="http://attacker.example") == 403


def test_only_loopback_is_served_by_default(server):
    port = urlsplit(server.address).port
    with socket.create_connection(("127.0.0.1", port), 5):
        pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), 5)
    assert [is_loopback(host) for host in ("localhost", "::1", "127.3.2.1", "0.0.0.0", "example.org", None, "")] == [
        *(True, True, True),
        *(False, False, False, False),
    ]
    scope = {"type": "http", "path": "/", "headers": [(b"Host", b"gan.example:8501")]}
    assert RequestFilter(None, local=False).allows(scope) and not RequestFilter(None, local=True).allows(scope)


@pytest.mark.parametrize(
    "number, in_background",
    [
        (signal.SIGTERM, True),
        *(
            pytest.param(*case, marks=pytest.mark.long)
            for case in ((signal.SIGTERM, False), (signal.SIGINT, False), (signal.SIGINT, True))
        ),
    ],
    ids=["SIGTERM in the background", "SIGTERM", "SIGINT", "SIGINT in the background"],
)
def test_a_signal_ends_the_server_and_its_children(demo_server, number, in_background):
    started = demo_server("--game", in_background=in_background)
    process = started.process
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    assert not children.exists() or children.read_text() == ""
    process.send_signal(number)
    assert process.wait(120) == 0
    with pytest.raises(ConnectionRefusedError):
        status(started)


@pytest.mark.parametrize(
    "words, message",
    [
        (["--host", "203.0.113.7"], "cannot listen at 203.0.113.7"),  # an address for documentation: no machine has it
        (["--host", "no such host"], "cannot listen at no such host"),
        (["--port", "99999"], "--port: 99999; expected a whole number from 0 to 65535"),
        (["--port", "taken"], "Address already in use"),
        (["avatars", "--game"], "--game shows the 1-D game alone; expected no run"),
        (["nowhere"], "nowhere does not exist; expected a run"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_error_is_one_line_and_exit_status_2(server, words, message):
    port = str(urlsplit(server.address).port)
    ended = CliRunner().invoke(kgan, ["demo", *(port if word == "taken" else word for word in words)])
    assert ended.exit_code == 2 and ended.stderr.count("\n") == 1 and message in ended.stderr


def test_without_streamlit_the_error_has_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "streamlit", None)
    ended = CliRunner().invoke(kgan, ["demo"])
    assert ended.exit_code == 2 and "Use pip install '.[demo]' in a checkout" in ended.output


def test_errors_on_the_page_are_one_line_without_markdown():
    page = """
from keras_gan.demo import shell
from keras_gan._utils.errors import InputError

@shell.guarded
def ours():
    raise InputError("no *such*\\nfile <b>; give another")

@shell.guarded
def other():
    raise KeyError("/secret/path")

ours(), other()
"""
    program = (
        "from streamlit.testing.v1 import AppTest\n"
        f"for error in AppTest.from_string({page!r}).run().error:\n"
        "    print(error.value)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        r"no \*such\* file \<b\>; give another",
        "The program has failed; its terminal shows the traceback. Load the page again.",
    ]
    assert "KeyError: '/secret/path'" in done.stderr


# the game itself ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def game():
    from keras_gan.demo import live

    return live.LiveGame(live.Settings())


@pytest.fixture
def settings(game):
    """The class of the settings; the game is at its start."""
    from keras_gan.demo import live

    game.apply(live.Settings())
    game.restart()
    return live.Settings


def test_settings_change_at_once_and_do_not_reset_the_optimizers(game, settings):
    game.advance()
    gan, (momentum, *_) = game.gan, game.gan.generator_optimizer.variables[2:]
    moments = momentum.numpy()
    assert gan.step == 20 and np.abs(moments).max() > 0
    game.apply(settings(k=3, d_rate=2e-3, g_rate=0.0, loss="minimax"))
    np.testing.assert_array_equal(momentum.numpy(), moments)
    line = [weights.copy() for weights in gan.generator.get_weights()]
    game.advance()
    assert gan.step == 40 and int(gan.discriminator_optimizer.iterations.numpy()) == 20 + 3 * 20
    assert gan.loss_pair is LOSSES["minimax"] and float(gan.discriminator_optimizer.learning_rate.numpy()) < 3e-3
    for before, after in zip(line, gan.generator.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_restart_has_the_first_weights_while_the_server_draws_random_numbers(game, settings):
    first, ended = game.rows[-1], threading.Event()

    def draw():  # as web servers do for each of their pings
        while not ended.wait(0.001):
            random.getrandbits(32)

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        game.advance()
        game.restart()
    finally:
        ended.set()
        thread.join()
    assert game.rows == [first]


def test_rows_agree_with_the_theory(game, settings):
    game.gan.generator.layers[-1].set_weights([np.array([[0.25]]), np.array([3.0])])
    game._measure()
    row = game.rows[-1]
    p, q = theory.gaussians([5.0], 1.0), theory.uniform(1.0, 5.0)
    assert (row[log_names.MEAN], row[log_names.STD]) == pytest.approx((3.0, 2 / np.sqrt(3)), abs=1e-5)
    assert row[log_names.JSD] == pytest.approx(theory.jensen_shannon(p, q), abs=1e-6)
    assert row[log_names.VALUE] < row[log_names.BEST_VALUE] and game.table()["step"].tolist() == [0, 0]
    assert game.densities.generated[np.searchsorted(game.densities.x, 2.0)] == pytest.approx(0.25)


def test_the_visitor_chooses_the_steps_between_two_updates(game, settings):
    for name, steps in game_page.SPEEDS.items():
        before = game.step
        game.advance(steps)
        assert game.step - before == steps, name
    steps = list(game_page.SPEEDS.values())
    assert game_page.SPEEDS[game_page.NORMAL] == 20 and steps == sorted(steps)


def test_a_seed_repeats_a_game(game, settings):
    seen = []
    for seed in (0, 5, 0):
        game.apply(settings(seed=seed))
        game.advance()
        seen.append(game.rows[-1][log_names.MEAN])
    assert seen[0] == pytest.approx(seen[2], abs=1e-5) and abs(seen[0] - seen[1]) > 1e-3


def test_a_game_ends_at_its_last_step(game, settings):
    from keras_gan.demo import live

    game.gan.counters.steps.assign(live.MOST_STEPS - 5)
    game.advance()
    assert game.step == live.MOST_STEPS and game.is_over
    rows = len(game.rows)
    game.advance()
    assert game.step == live.MOST_STEPS and len(game.rows) == rows


@pytest.mark.long
def test_the_doctor_gives_a_verdict(game, settings):
    assert game.verdict().name == "too early to tell"
    for _ in range(8):
        game.advance()
    verdict = game.verdict()
    assert game.step == 160 and verdict.name != "too early to tell" and verdict.sentence.endswith(".")
