"""The page of the 1-D game: its controls, its address, and the part of it that moves."""

import streamlit as st

from keras_gan.demo import charts, live, shell
from keras_gan.sampling.latents import LARGEST_SEED

TICK_S = 0.5  # from picture to picture
RATES = (0.0, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1)
LOSS_NAMES = {"non_saturating": "non-saturating, −log D(G(z))", "minimax": "saturating (minimax), log(1 − D(G(z)))"}
INTRO = (
    "The data are draws from N(5, 1). G(z) = a·8z + b is one line on uniform z, so that it draws from an interval; D "
    "has four layers. Both are trained here, while you look, by the package's own `GAN.fit`."
)
USUAL = live.Settings()


def page() -> None:
    """The whole page; what moves is a fragment that runs by itself while the game does."""
    st.title("The game on a line")
    st.markdown(INTRO)
    game = _game()
    shown, controls = st.columns([3, 1], gap="large")
    with controls:
        _apply(game, _controls(game.settings))
    with shown:
        _buttons(game)
        st.fragment(shell.guarded(lambda: _moving(game)), run_every=TICK_S if game.running else None)()


def _game():
    """This visitor's game, begun as the address says."""
    if "game" not in st.session_state:
        settings = _from_address()
        with st.spinner("Loading TensorFlow …"):
            st.session_state.game = live.LiveGame(settings)
    return st.session_state.game


# the address ----------------------------------------------------------------------------------------------------------


def _from_address():
    return live.Settings(
        k=shell.from_address("k", USUAL.k, _one_of(int, range(1, live.MOST_K + 1))),
        d_rate=shell.from_address("d_lr", USUAL.d_rate, _one_of(float, RATES)),
        g_rate=shell.from_address("g_lr", USUAL.g_rate, _one_of(float, RATES)),
        loss=shell.from_address("loss", USUAL.loss, _one_of(str, live.LOSSES)),
        seed=shell.from_address("seed", USUAL.seed, _one_of(int, range(LARGEST_SEED + 1))),
    )


def _one_of(kind, choices):
    """A parser of values of a kind that the choices hold."""

    def parse(text):
        value = kind(text)
        if value not in choices:
            raise ValueError(text)
        return value

    return parse


def _into_address(chosen):
    """Only what is not usual, so that the address stays short."""
    names = {"k": "k", "d_rate": "d_lr", "g_rate": "g_lr", "loss": "loss", "seed": "seed"}
    values = {name: getattr(chosen, field) for field, name in names.items()}
    usual = {name: getattr(USUAL, field) for field, name in names.items()}
    texts = {name: f"{value:g}" if isinstance(value, float) else value for name, value in values.items()}
    shell.into_address(**{name: texts.get(name) if values.get(name) != usual[name] else None for name in usual})


# the controls ---------------------------------------------------------------------------------------------------------


def _controls(now):
    """The settings that the visitor chose; those of the game where the controls are new."""
    for field in ("k", "d_rate", "g_rate", "loss", "seed"):
        st.session_state.setdefault(f"game_{field}", getattr(now, field))
    k = st.slider(
        "k, steps of D to one of G",
        1,
        live.MOST_K,
        key="game_k",
        help="Algorithm 1 of the 2014 paper. More keep D nearer to the best D, and cost more.",
    )
    d_rate, g_rate = _rate("D", "d_rate"), _rate("G", "g_rate")
    loss = st.radio(
        "Loss of G",
        live.LOSSES,
        key="game_loss",
        format_func=LOSS_NAMES.get,
        help="Both have the same optimum. The saturating one gives G little to learn from while D rejects its draws.",
    )
    seed = st.number_input(
        "Seed",
        0,
        LARGEST_SEED,
        step=1,
        key="game_seed",
        help="Of the weights, the noise and the data. Another seed starts anew.",
    )
    return live.Settings(k, d_rate, g_rate, loss, seed)


def _rate(network, field):
    return st.select_slider(
        f"Learning rate of {network}",
        RATES,
        key=f"game_{field}",
        format_func=lambda rate: f"{rate:g}",
        help=f"Of Adam, on a logarithmic scale; it acts at once. 0 freezes {network}.",
    )


def _apply(game, chosen):
    if chosen != game.settings:
        game.apply(chosen)
    _into_address(chosen)


def _buttons(game):
    with st.container(horizontal=True):
        name = "Pause" if game.running else "Start" if game.step == 0 else "Go on"
        then = [game, not game.running]
        st.button(name, key="game_start", on_click=_run, args=then, type="primary", disabled=game.is_over)
        st.button("Start anew", key="game_anew", on_click=game.restart)


def _run(game, running):
    with live.LOCK:  # the steps under way are finished first
        game.running = running


# what moves -----------------------------------------------------------------------------------------------------------


def _moving(game):
    # First the picture: training may outlast a tick, and the next one cuts short what is then still to be drawn.
    with live.LOCK:  # a script that was cut short may still be training: what is shown comes after it
        step, drawn = game.step, (game.densities, game.table(), live.optimum(), _sentence(game))
    st.html(charts.page(f"Step {step:,} of {live.MOST_STEPS:,}", *drawn))
    with live.LOCK:  # the visitor may have paused while this waited
        if game.running:
            game.advance()
    if game.running and game.is_over:
        game.running = False
        st.rerun()


def _sentence(game):
    """What is happening, in the doctor's words."""
    if game.step == 0:
        return "G draws around 0 yet, and D has learnt nothing: D(x) is near ½ everywhere. Start the game."
    said = game.verdict().sentence
    return f"{said} The game is over; start anew for another." if game.is_over else said
