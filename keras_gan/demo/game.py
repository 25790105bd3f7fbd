"""The page of the 1-D game: its controls, its address, and the part that is updated during training."""

import streamlit as st

from keras_gan.demo import charts, live, shell
from keras_gan.sampling.latents import LARGEST_SEED

TICK_S = 0.5  # seconds between two updates
RATES = (0.0, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1)
LOSS_NAMES = {"non_saturating": "non-saturating, −log D(G(z))", "minimax": "saturating (minimax), log(1 − D(G(z)))"}
INTRO = (
    "The data are samples from N(5, 1). The generator G(z) = a·8z + b is linear in the uniform noise z, so its samples "
    "lie in an interval. The discriminator D has four layers. Both are trained now, on this page, by `GAN.fit`."
)
DEFAULTS = live.Settings()
# Steps between two updates of the charts. A training step takes much less time than an update.
SPEEDS = {"slow": 5, "normal": live.CHUNK_STEPS, "fast": 100, "fastest": 300}
NORMAL, SPEED_KEY = "normal", "game_speed"


def page() -> None:
    """The whole page. The charts are a fragment that is updated by itself during training."""
    st.title("The game on a line")
    st.markdown(INTRO)
    game = _game()
    shown, controls = st.columns([3, 1], gap="large")
    with controls:
        _apply(game, _controls(game.settings))
    with shown:
        _buttons(game)
        st.fragment(shell.guarded(lambda: _charts(game)), run_every=TICK_S if game.running else None)()


def _game():
    """This visitor's game; a new one starts with the settings in the address."""
    if "game" not in st.session_state:
        settings = _from_address()
        with st.spinner("Loading TensorFlow, which trains the game: about ten seconds …"):
            st.session_state.game = live.LiveGame(settings)
    return st.session_state.game


# the address ----------------------------------------------------------------------------------------------------------


def _from_address():
    return live.Settings(
        k=shell.from_address("k", DEFAULTS.k, _one_of(int, range(1, live.MOST_K + 1))),
        d_rate=shell.from_address("d_lr", DEFAULTS.d_rate, _one_of(float, RATES)),
        g_rate=shell.from_address("g_lr", DEFAULTS.g_rate, _one_of(float, RATES)),
        loss=shell.from_address("loss", DEFAULTS.loss, _one_of(str, live.LOSSES)),
        seed=shell.from_address("seed", DEFAULTS.seed, _one_of(int, range(LARGEST_SEED + 1))),
    )


def _one_of(kind, choices):
    """A parser for values of a type, which raises ValueError for values that are not among the choices."""

    def parse(text):
        value = kind(text)
        if value not in choices:
            raise ValueError(text)
        return value

    return parse


def _into_address(chosen):
    """Writes the settings that differ from the defaults, so that the address stays short."""
    names = {"k": "k", "d_rate": "d_lr", "g_rate": "g_lr", "loss": "loss", "seed": "seed"}
    values = {name: getattr(chosen, field) for field, name in names.items()}
    defaults = {name: getattr(DEFAULTS, field) for field, name in names.items()}
    texts = {name: f"{value:g}" if isinstance(value, float) else value for name, value in values.items()}
    shell.into_address(**{name: texts.get(name) if values.get(name) != defaults[name] else None for name in defaults})


# the controls ---------------------------------------------------------------------------------------------------------


def _controls(now):
    """The settings that the visitor chose; new controls start with the game's settings."""
    k = st.slider(
        "Discriminator steps per generator step (k)",
        1,
        live.MOST_K,
        shell.first_value("game_k", now.k),
        key="game_k",
        help="k in Algorithm 1 of the 2014 paper. With more steps the discriminator stays nearer to the best one, and "
        "training takes longer.",
    )
    d_rate = _rate("discriminator", "game_d_rate", now.d_rate)
    g_rate = _rate("generator", "game_g_rate", now.g_rate)
    loss = st.radio(
        "Loss of the generator",
        live.LOSSES,
        live.LOSSES.index(shell.first_value("game_loss", now.loss)),
        key="game_loss",
        format_func=LOSS_NAMES.get,
        help="Both have the same optimum. The saturating loss has a small gradient while the discriminator rejects the "
        "samples.",
    )
    seed = st.number_input(
        "Seed",
        0,
        LARGEST_SEED,
        shell.first_value("game_seed", now.seed),
        step=1,
        key="game_seed",
        help="Seed of the weights, the noise and the data. Another seed starts a new game.",
    )
    return live.Settings(k, d_rate, g_rate, loss, seed)


def _rate(network, key, now):
    return st.select_slider(
        f"Learning rate of the {network}",
        RATES,
        shell.first_value(key, now),
        key=key,
        format_func=lambda rate: f"{rate:g}",
        help=f"Learning rate of Adam. It applies from the next step on. 0 freezes the {network}.",
    )


def _apply(game, chosen):
    if chosen != game.settings:
        game.apply(chosen)
    _into_address(chosen)


def _buttons(game):
    with st.container(horizontal=True):
        name = "Pause" if game.running else "Start" if game.step == 0 else "Continue"
        arguments = [game, not game.running]
        st.button(name, key="game_start", on_click=_run, args=arguments, type="primary", disabled=game.is_over)
        st.button("Restart", key="game_anew", on_click=game.restart)
    first = shell.first_value(SPEED_KEY, shell.from_address("speed", NORMAL, _one_of(str, SPEEDS)))
    speed = st.radio(
        "Speed",
        list(SPEEDS),
        list(SPEEDS).index(first),
        key=SPEED_KEY,
        horizontal=True,
        help="The number of steps between two updates of the charts: "
        + ", ".join(f"{name} {steps}" for name, steps in SPEEDS.items())
        + ".",
    )
    shell.into_address(speed=None if speed == NORMAL else speed)


def _run(game, running):
    with live.LOCK:  # waits for the steps that are being trained
        game.running = running


# the charts -----------------------------------------------------------------------------------------------------------


def _charts(game):
    # Charts first: training may take longer than a tick, and the next tick interrupts what is not drawn yet.
    with live.LOCK:  # an interrupted script may still be training; this waits for it
        step, drawn = game.step, (game.densities, game.table(), live.optimum(), _sentence(game))
    st.html(charts.page(f"Step {step:,} of {live.MOST_STEPS:,}", *drawn))
    with live.LOCK:  # the visitor may have paused while this waited
        if game.running:
            game.advance(SPEEDS[st.session_state[SPEED_KEY]])
    if game.running and game.is_over:
        game.running = False
        st.rerun()


def _sentence(game):
    """The verdict of `kgan doctor` on the losses, in a sentence."""
    if game.step == 0:
        return (
            "The generator's samples lie around 0, and the discriminator has learned nothing: D(x) is near ½ "
            "everywhere. Press Start."
        )
    verdict = game.verdict()
    text = f"{verdict.name.capitalize()}. {verdict.sentence}"
    return f"{text} The game is over. Press Restart for a new one." if game.is_over else text
