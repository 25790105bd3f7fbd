"""The page of a generator's pictures: its controls, its address, and the pictures."""

import json
import math
import random
from dataclasses import replace
from urllib.parse import quote, unquote

import streamlit as st

from keras_gan.demo import frames, shell
from keras_gan.demo.gallery import YOURS, Settings, around, opened, png
from keras_gan.demo.preparing import GENERATORS
from keras_gan.sampling import latents

# Up to 6 sliders are all shown. Of more, the first 4 are, and the visitor chooses; as in sliders.js.
MOST_WITHOUT_CHOICE, FIRST_SHOWN = 6, 4
LEAST_TRUNCATION = 0.1
STEP = 0.05  # step of a slider, in standard deviations
WEIGHTS = {"averaged": "averaged (EMA)", "last": "last"}
UNIT = (
    "The numbers are standard deviations of a feature among all pictures. Features depend on each other: moving one "
    "may change others."
)
STATE, KEY = "pictures", "pictures_"  # in the session: key of the settings, and prefix of the controls' keys
BY_SEED = -1  # the choice among the classes for which `Settings.label` is None
YOURS_TEXT = "yours"  # in the address, for `YOURS`
MOVED = "by "  # prefix of the sliders' keys, after KEY


def page(source: str, projected: str = "") -> None:
    """The whole page. Everything that the sliders change is a fragment, so that only that part runs again.

    Args:
        source: path of a run that `preparing.prepare` has prepared, or of a .tflite.
        projected: folder of the visitor's projected picture; empty for none.
    """
    gallery = opened(source, projected)
    st.title(f"Pictures of {shell.plain(gallery.name)}")
    smooth = min(gallery.generator.data_shape[:2]) >= frames.SMOOTH_PX
    st.html(frames.STYLE + frames.SMOOTH * smooth)
    if STATE not in st.session_state:
        st.session_state[STATE] = _from_address(gallery)
    for notice in gallery.notices:
        st.info(shell.plain(notice))
    st.fragment(shell.guarded(lambda: _studio(gallery)))()


def _studio(gallery):
    shown, controls = st.columns([6, 5], gap="large")
    chosen = st.session_state[STATE] = _chosen(gallery, st.session_state[STATE])
    (image,) = gallery.images(chosen, [chosen.seed])
    picture, about = png(image), _about(gallery, chosen)
    with shown:  # first, since the controls take longer than the picture
        found = gallery.opinion(image, gallery.label(chosen))
        opinion = frames.opinion(found, gallery.no_opinion, gallery.no_real)
        st.html(frames.large(picture, f"Picture of {about}", about, opinion, _beside(gallery, chosen)))
    with controls:
        _controls(gallery, chosen)
        _downloads(gallery, chosen, picture)
        _others(gallery, chosen)
    _into_address(gallery, chosen)


def _beside(gallery, chosen):
    """The visitor's own picture, and the picture before the sliders moved it, for `frames.large`."""
    found = {}
    if chosen.seed == YOURS:
        found["yours"] = gallery.yours.original, "Your picture"
    if any(amount for _, amount in chosen.amounts):
        before = png(gallery.images(replace(chosen, amounts=()), [chosen.seed])[0])
        found["before"] = before, "The picture before the sliders moved it"
    return found


def _name(seed):
    """The name of a picture, for people."""
    return "your picture" if seed == YOURS else f"seed {seed}"


def _file_name(seed):
    return _name(seed).replace(" ", "-")


def _about(gallery, chosen):
    """A short text about a picture's settings."""
    label = gallery.label(chosen)
    of_class = [] if label is None else [f"class {gallery.classes[label]}"]
    moved = [f"{name} {amount:+g}".replace("-", "−") for name, amount in chosen.amounts if amount]
    return ", ".join([_name(chosen.seed), *of_class, *moved])


# the controls ---------------------------------------------------------------------------------------------------------


def _chosen(gallery, before):
    """The settings from the controls; from `before` where a control is not drawn yet."""

    def value(name, default):
        return st.session_state.get(KEY + name, default)

    seed, amounts = value("seed", max(before.seed, 0)), dict(before.amounts)
    if gallery.yours and value("yours", before.seed == YOURS):
        seed = YOURS
    following = min(seed + 1, latents.LARGEST_SEED) if before.other is None else before.other
    shown = value("shown", list(amounts)) if _has_choice(gallery) else gallery.sliders.names
    return Settings(
        seed=seed,
        amounts=tuple(
            (name, value(MOVED + name, amounts.get(name, 0.0))) for name in gallery.sliders.names if name in shown
        ),
        truncation=value("truncation", before.truncation),
        locks=tuple(value("locks", before.locks or ())) if value("own locks", before.locks is not None) else None,
        weights=value("weights", before.weights),
        label=None if (label := value("class", before.label)) == BY_SEED else label,
        other=value("other", following) if value("way", before.other is not None) else None,
    )


def _keyed(name, value, argument="value"):
    """Two arguments of a control: its key, and the value with which it was drawn first."""
    return {"key": KEY + name, argument: shell.first_value(KEY + name, value)}


def _controls(gallery, now):
    if gallery.yours:
        st.toggle("Your picture", **_keyed("yours", now.seed == YOURS), help="The nearest one of this generator.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.number_input(
            "Seed",
            0,
            latents.LARGEST_SEED,
            step=1,
            **_keyed("seed", max(now.seed, 0)),
            help="Each seed gives one picture.",
            width=180,
            disabled=now.seed == YOURS,
        )
        st.button("New picture", on_click=_new_picture, type="primary")
        if gallery.sliders.names:
            st.button("Reset sliders", on_click=_reset)
    _class(gallery, now)
    _sliders(gallery, now)
    with st.expander("Show advanced options"):
        st.slider(
            "Truncation ψ",
            LEAST_TRUNCATION,
            1.0,
            step=STEP,
            **_keyed("truncation", now.truncation),
            help="z is multiplied by ψ before the sliders move it. A smaller ψ gives more typical pictures.",
        )
        _locks(gallery, now)
        _weights(gallery, now)
        _other(now)


def _new_picture():
    st.session_state[KEY + "seed"] = random.randint(0, latents.LARGEST_SEED)
    st.session_state[KEY + "yours"] = False


def _class(gallery, now):
    if gallery.classes:
        choices = (BY_SEED, *range(len(gallery.classes)))
        st.selectbox(
            "Class",
            choices,
            format_func=lambda label: "by seed" if label == BY_SEED else gallery.classes[label],
            **_keyed("class", choices.index(BY_SEED if now.label is None else now.label), "index"),
            help="With “by seed”, the class is the seed modulo the number of classes.",
        )


def _sliders(gallery, now):
    names = gallery.sliders.names
    if not names:
        st.info("This generator has no sliders. The command kgan directions RUN finds some.")
        return
    if _has_choice(gallery):
        shown = [name for name, _ in now.amounts]
        st.multiselect("Control which features?", names, placeholder="None", **_keyed("shown", shown, "default"))
    st.caption(UNIT)
    for name, amount in now.amounts:
        _slider(gallery.sliders[name], amount)


def _has_choice(gallery):
    """Whether the visitor chooses which sliders are shown, since there are more than `MOST_WITHOUT_CHOICE`."""
    return len(gallery.sliders.names) > MOST_WITHOUT_CHOICE


def _slider(slider, amount):
    limit = slider.limit
    even = math.isclose(limit / STEP, round(limit / STEP))
    st.slider(
        shell.plain(slider.name),
        -limit,
        limit,
        step=STEP if even else limit / 20,
        format="%+.2f",
        **_keyed(MOVED + slider.name, amount),
    )


def _reset():
    for key in list(st.session_state):
        if key.startswith(KEY + MOVED):
            st.session_state[key] = 0.0


def _locks(gallery, now):
    if not gallery.lockable:
        return
    st.toggle(
        "Choose the locked attributes",
        **_keyed("own locks", now.locks is not None),
        help="A locked attribute does not change while other sliders move. Without a choice, each slider has its own "
        "locks.",
    )
    if now.locks is not None:
        first = _keyed("locks", list(now.locks), "default")
        st.multiselect("Locked attributes", gallery.lockable, placeholder="None", **first)


def _weights(gallery, now):
    if len(gallery.generators) > 1:
        st.radio(
            "Weights of the generator",
            list(GENERATORS),
            **_keyed("weights", list(GENERATORS).index(now.weights), "index"),
            format_func=WEIGHTS.get,
            horizontal=True,
            help="The exponential moving average over the training steps, or the weights after the last step.",
        )


def _other(now):
    st.toggle("Animate to another picture", **_keyed("way", now.other is not None))
    if now.other is not None:
        st.number_input("Seed of the other picture", 0, latents.LARGEST_SEED, step=1, **_keyed("other", now.other))


# the pictures ---------------------------------------------------------------------------------------------------------


def _downloads(gallery, chosen, picture):
    settings = json.dumps(gallery.about(chosen), indent=1, ensure_ascii=False) + "\n"
    with st.container(horizontal=True):
        for label, content, name, kind in (
            ("Download picture", picture, f"{_file_name(chosen.seed)}.png", "image/png"),
            ("Download settings", settings.encode(), f"{_file_name(chosen.seed)}.json", "application/json"),
        ):
            st.download_button(label, content, name, kind, on_click="ignore")


def _others(gallery, chosen):
    """The animation to another picture, and the pictures of neighbouring seeds."""
    if chosen.other is not None:
        st.subheader(f"From {_name(chosen.seed)} to seed {chosen.other}")
        gif = gallery.way(chosen)
        start = "your picture" if chosen.seed == YOURS else f"the picture of seed {chosen.seed}"
        st.html(frames.way(gif, f"The way from {start} to that of seed {chosen.other} and back"))
        name = f"{_file_name(chosen.seed)}-{chosen.other}.gif"
        st.download_button("Download GIF", gif, name, "image/gif", on_click="ignore")
    st.subheader("Neighbouring seeds")
    seeds = around(chosen.seed)
    st.html(frames.around([png(image) for image in gallery.images(chosen, seeds)], seeds, chosen.seed))


# the address ----------------------------------------------------------------------------------------------------------


def _defaults(gallery):
    """The settings of an address without parameters."""
    shown = gallery.sliders.names[: FIRST_SHOWN if _has_choice(gallery) else None]
    return Settings(seed=YOURS if gallery.yours else 0, amounts=tuple((name, 0.0) for name in shown))


def _texts(chosen):
    """Settings as texts for the address; None for those that are left out."""
    return {
        "seed": YOURS_TEXT if chosen.seed == YOURS else str(chosen.seed),
        "class": None if chosen.label is None else str(chosen.label),
        "sliders": ",".join(f"{quote(name, safe=' ')}:{amount:g}" for name, amount in chosen.amounts),
        "truncation": f"{chosen.truncation:g}",
        "locks": None if chosen.locks is None else ",".join(quote(name, safe=" ") for name in chosen.locks),
        "weights": chosen.weights,
        "to": None if chosen.other is None else str(chosen.other),
    }


def _into_address(gallery, chosen):
    """Writes the settings that differ from the defaults, so that the address stays short."""
    defaults = _texts(_defaults(gallery))
    shell.into_address(**{name: None if text == defaults[name] else text for name, text in _texts(chosen).items()})


def _from_address(gallery):
    texts = _texts(_defaults(gallery))

    def setting(name, parse):
        def checked(text):
            parse(text)
            return text

        text = shell.from_address(name, texts[name], checked)
        return None if text is None else parse(text)

    return Settings(
        seed=setting("seed", lambda text: YOURS if gallery.yours and text == YOURS_TEXT else _seed(text)),
        amounts=setting("sliders", lambda text: _amounts(gallery.sliders, text)),
        truncation=setting("truncation", lambda text: _between(LEAST_TRUNCATION, 1.0, text)),
        locks=setting("locks", lambda text: _names(gallery.lockable, text)),
        weights=setting("weights", lambda text: _one_of(tuple(gallery.generators), text)),
        label=setting("class", lambda text: range(len(gallery.classes)).index(int(text))),
        other=setting("to", _seed),
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
    """Distinct known names from a text in which they are quoted and separated by commas. Raises ValueError else."""
    names = tuple(map(unquote, text.split(","))) if text else ()
    if not known or not set(names) <= set(known) or len(set(names)) < len(names):
        raise ValueError(text)
    return names
