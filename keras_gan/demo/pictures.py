"""The page of a generator's pictures: its controls, its address, and the part of it that follows the sliders."""

import json
import math
import random
from urllib.parse import quote, unquote

import streamlit as st

from keras_gan.demo import frames, shell
from keras_gan.demo.gallery import Settings, around, opened, png
from keras_gan.demo.preparing import GENERATORS
from keras_gan.sampling import latents

FIRST_SHOWN = 3  # sliders
LEAST_TRUNCATION = 0.1
STEP = 0.05  # of sliders, in standard deviations
WEIGHTS = {"averaged": "averaged (EMA)", "last": "last"}
UNIT = "A slider's unit is one standard deviation of its attribute among G's pictures; for a factor, of z."
STATE, KEY = "pictures", "pictures_"  # of the session: the settings, and what begins the names of its controls
BY_SEED = -1  # among the classes to choose from; `Settings.label` is then None
MOVED = "by "  # and after it, of the sliders


def page(source: str) -> None:
    """The whole page; all that the sliders change is a fragment, which answers alone.

    Args:
        source: path of a run that was prepared, or of a .tflite.
    """
    gallery = opened(source)
    st.title(f"Pictures of {shell.plain(gallery.name)}")
    st.html(frames.STYLE)
    if STATE not in st.session_state:
        st.session_state[STATE] = _from_address(gallery)
    for notice in gallery.notices:
        st.info(shell.plain(notice))
    st.fragment(shell.guarded(lambda: _studio(gallery)))()


def _studio(gallery):
    shown, controls = st.columns([6, 5], gap="large")
    chosen = st.session_state[STATE] = _chosen(st.session_state[STATE])
    (image,) = gallery.images(chosen, [chosen.seed])
    picture, about = png(image), _about(gallery, chosen)
    with shown:  # first: drawing the controls takes longer than the picture
        opinion = gallery.opinion(image, gallery.label(chosen))
        said = frames.described(opinion, gallery.paired, gallery.no_opinion, gallery.no_real)
        st.html(frames.large(picture, f"Picture of {about}", about, said))
    with controls:
        _controls(gallery, chosen)
        _downloads(gallery, chosen, picture)
        _others(gallery, chosen)
    _into_address(gallery, chosen)


def _about(gallery, chosen):
    """A picture's settings as people read them."""
    label = gallery.label(chosen)
    of_class = [] if label is None else [f"class {gallery.classes[label]}"]
    moved = [f"{name} {amount:+g}".replace("-", "−") for name, amount in chosen.amounts if amount]
    return ", ".join([f"seed {chosen.seed}", *of_class, *moved])


# the controls ---------------------------------------------------------------------------------------------------------


def _chosen(before):
    """The settings that the controls ask for; as before where one is not drawn yet."""

    def said(name, otherwise):
        return st.session_state.get(KEY + name, otherwise)

    seed, amounts = said("seed", before.seed), dict(before.amounts)
    following = min(seed + 1, latents.LARGEST_SEED) if before.other is None else before.other
    return Settings(
        seed=seed,
        amounts=tuple((name, said(MOVED + name, amounts.get(name, 0.0))) for name in said("shown", list(amounts))),
        truncation=said("truncation", before.truncation),
        locks=tuple(said("locks", before.locks or ())) if said("own locks", before.locks is not None) else None,
        weights=said("weights", before.weights),
        label=None if (label := said("class", before.label)) == BY_SEED else label,
        other=said("other", following) if said("way", before.other is not None) else None,
    )


def _keep(name, value):
    """Gives a control its value where it is new, and returns its key."""
    st.session_state.setdefault(KEY + name, value)
    return KEY + name


def _controls(gallery, now):
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.number_input(
            "Seed", 0, latents.LARGEST_SEED, step=1, key=_keep("seed", now.seed), help="A seed is a picture.", width=180
        )
        st.button("New picture", on_click=_new_picture, type="primary")
        if gallery.sliders.names:
            st.button("Reset", on_click=_reset, help="All sliders to zero.")
    _class(gallery, now)
    _sliders(gallery, now)
    with st.expander("Show advanced options"):
        st.slider(
            "Truncation ψ",
            LEAST_TRUNCATION,
            1.0,
            step=STEP,
            key=_keep("truncation", now.truncation),
            help="z is multiplied by ψ before the sliders move it: the smaller, the more usual the picture.",
        )
        _locks(gallery, now)
        _weights(gallery, now)
        _other(now)


def _new_picture():
    st.session_state[KEY + "seed"] = random.randint(0, latents.LARGEST_SEED)


def _class(gallery, now):
    if gallery.classes:
        st.selectbox(
            "Class",
            (BY_SEED, *range(len(gallery.classes))),
            format_func=lambda label: "by seed" if label == BY_SEED else gallery.classes[label],
            key=_keep("class", BY_SEED if now.label is None else now.label),
            help="By seed: the class is the seed modulo the number of classes.",
        )


def _sliders(gallery, now):
    names = gallery.sliders.names
    if not names:
        st.info("This generator has no sliders: kgan directions RUN finds some.")
        return
    shown = [name for name, _ in now.amounts]
    st.multiselect("Control which features?", names, key=_keep("shown", shown), placeholder="None", help=UNIT)
    for name, amount in now.amounts:
        _slider(gallery.sliders[name], amount)


def _slider(slider, amount):
    limit = slider.limit
    even = math.isclose(limit / STEP, round(limit / STEP))
    st.slider(
        shell.plain(slider.name),
        -limit,
        limit,
        step=STEP if even else limit / 20,
        format="%+.2f",
        key=_keep(MOVED + slider.name, amount),
    )


def _reset():
    for key in list(st.session_state):
        if key.startswith(KEY + MOVED):
            st.session_state[key] = 0.0


def _locks(gallery, now):
    if not gallery.lockable:
        return
    st.toggle(
        "Choose what stays",
        key=_keep("own locks", now.locks is not None),
        help="Else each slider keeps the attributes that it was found to keep.",
    )
    if now.locks is not None:
        key = _keep("locks", list(now.locks))
        st.multiselect("Stays while others move", gallery.lockable, key=key, placeholder="Nothing")


def _weights(gallery, now):
    if len(gallery.generators) > 1:
        st.radio(
            "Weights of the generator",
            list(GENERATORS),
            key=_keep("weights", now.weights),
            format_func=WEIGHTS.get,
            horizontal=True,
            help="Averaged over training steps by an exponential moving average, or as the last step left them.",
        )


def _other(now):
    st.toggle("Show the way to another picture", key=_keep("way", now.other is not None))
    if now.other is not None:
        st.number_input("Seed of the other picture", 0, latents.LARGEST_SEED, step=1, key=_keep("other", now.other))


# what is shown --------------------------------------------------------------------------------------------------------


def _downloads(gallery, chosen, picture):
    said = json.dumps(gallery.about(chosen), indent=1, ensure_ascii=False) + "\n"
    with st.container(horizontal=True):
        for label, content, name, kind in (
            ("Download picture", picture, f"seed-{chosen.seed}.png", "image/png"),
            ("Download settings", said.encode(), f"seed-{chosen.seed}.json", "application/json"),
        ):
            st.download_button(label, content, name, kind, on_click="ignore")


def _others(gallery, chosen):
    """The way to another picture, and the pictures of the seeds around."""
    if chosen.other is not None:
        st.subheader(f"From seed {chosen.seed} to {chosen.other}")
        gif = gallery.way(chosen)
        st.html(frames.way(gif, chosen.seed, chosen.other))
        st.download_button(
            "Download GIF", gif, f"seed-{chosen.seed}-{chosen.other}.gif", "image/gif", on_click="ignore"
        )
    st.subheader("Seeds around, with the same settings")
    seeds = around(chosen.seed)
    st.html(frames.around([png(image) for image in gallery.images(chosen, seeds)], seeds, chosen.seed))


# the address ----------------------------------------------------------------------------------------------------------


def _usual(gallery):
    """The settings that an address without any stands for."""
    amounts = tuple((name, 0.0) for name in gallery.sliders.names[:FIRST_SHOWN])
    return Settings(amounts=amounts)


def _texts(chosen):
    """Settings as the address writes them; None for what it leaves out."""
    return {
        "seed": str(chosen.seed),
        "class": None if chosen.label is None else str(chosen.label),
        "sliders": ",".join(f"{quote(name, safe=' ')}:{amount:g}" for name, amount in chosen.amounts),
        "truncation": f"{chosen.truncation:g}",
        "locks": None if chosen.locks is None else ",".join(quote(name, safe=" ") for name in chosen.locks),
        "weights": chosen.weights,
        "to": None if chosen.other is None else str(chosen.other),
    }


def _into_address(gallery, chosen):
    """Only what is not usual, so that the address stays short."""
    usual = _texts(_usual(gallery))
    shell.into_address(**{name: None if text == usual[name] else text for name, text in _texts(chosen).items()})


def _from_address(gallery):
    texts = _texts(_usual(gallery))

    def asked(name, parse):
        def checked(text):
            parse(text)
            return text

        text = shell.from_address(name, texts[name], checked)
        return None if text is None else parse(text)

    return Settings(
        seed=asked("seed", _seed),
        amounts=asked("sliders", lambda text: _amounts(gallery.sliders, text)),
        truncation=asked("truncation", lambda text: _between(LEAST_TRUNCATION, 1.0, text)),
        locks=asked("locks", lambda text: _names(gallery.lockable, text)),
        weights=asked("weights", lambda text: _one_of(tuple(gallery.generators), text)),
        label=asked("class", lambda text: range(len(gallery.classes)).index(int(text))),
        other=asked("to", _seed),
    )


def _seed(text):
    return range(latents.LARGEST_SEED + 1).index(int(text))


def _one_of(known, text):
    return known[known.index(text)]


def _between(least, largest, text):
    number = float(text)
    if not least <= number <= largest:
        raise ValueError(text)
    return number


def _amounts(sliders, text):
    pieces = [piece.rpartition(":") for piece in text.split(",")] if text else []
    names = _names(sliders.names, ",".join(name for name, _, _ in pieces)) if pieces else ()
    limits = (sliders[name].limit for name in names)
    return tuple(
        (name, _between(-limit, limit, amount))
        for name, limit, (_, _, amount) in zip(names, limits, pieces, strict=True)
    )


def _names(known, text):
    """Different names of those that are known, quoted and with commas between; a ValueError otherwise."""
    names = tuple(map(unquote, text.split(","))) if text else ()
    if not known or not set(names) <= set(known) or len(set(names)) < len(names):
        raise ValueError(text)
    return names
