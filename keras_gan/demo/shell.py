"""The common parts of the pages: the menu, the settings in the address, and errors in one line."""

import functools
import re
import sys
import traceback
from collections.abc import Callable

import streamlit as st

from keras_gan._utils.errors import InputError, one_line

STYLE = """<style>
.block-container { max-width: 76rem; padding: 3rem clamp(1rem, 4vw, 3rem) 2rem; }
h1 { font-size: clamp(1.4rem, 6vw, 2.5rem) !important; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
h1 > * { display: inline; }
/* The ends of a slider, which Streamlit shows under the pointer only, and the middle of one that goes both ways. */
[data-testid=stSliderTickBar] { opacity: 0.8 !important; visibility: visible !important; }
[class*=st-key-pictures_by] [data-testid=stSliderTickBar]::before {
  content: "0"; position: absolute; left: 50%; transform: translateX(-50%);
}
</style>"""


def show(pages: list) -> None:
    """Shows the page that the visitor chose, under a menu where there are several pages."""
    chosen = st.navigation(pages, position="hidden")
    st.set_page_config(page_title=f"{chosen.title} · keras_gan", layout="wide")
    st.html(STYLE)
    if len(pages) > 1:
        with st.container(horizontal=True):  # Streamlit's own menu is behind a button without a name on a phone
            for page in pages:
                st.page_link(page)
    chosen.run()


def guarded(page: Callable[[], None]) -> Callable[[], None]:
    """A page, or a fragment of one, that shows errors to the visitor in one line, and a traceback on the terminal.

    Args:
        page: function that draws it.

    Returns:
        The function with that handling of errors.
    """

    @functools.wraps(page)
    def run():
        try:
            page()
        except InputError as error:
            st.error(plain(error))
        except Exception:  # any fault of the program, so that no visitor sees its traceback
            traceback.print_exc(file=sys.stderr)
            st.error("The program has failed; its terminal shows the traceback. Load the page again.")

    return run


def plain(message: object) -> str:
    """A message as one line, escaped so that Markdown shows it as it is.

    An underscore or hyphen inside a word, as in Long_Hair, is left, since Markdown shows it, and screen readers would
    read the backslash too.
    """
    return re.sub(r"[\\`*{}\[\]()<>#+.!|$:~]|(?<![^\W_])[_-]|[_-](?![^\W_])", r"\\\g<0>", one_line(message))


def from_address(name: str, default, parse: Callable):
    """A setting from the address. A value that cannot be used gives the default, and a warning on the page.

    Args:
        name: name of the query parameter.
        default: the value where the address has no such parameter.
        parse: function from the text to the value; it raises ValueError for a text that cannot be used.

    Returns:
        The value.
    """
    text = st.query_params.get(name)
    if text is None:
        return default
    try:
        return parse(text)
    except ValueError:
        used = "nothing" if default in (None, "") else default
        st.warning(plain(f"The address has {name}={text[:40]}, which cannot be used; {used} is used instead."))
        return default


def first_value(key: str, value):
    """The value with which a control was drawn first: `value` where it is new, and the same in each run from then on.

    To be passed to the control, and not set in `st.session_state`. That would be sent to the browser with the first run
    alone, and a browser that draws the control only after the second one would show another value than is used.

    Args:
        key: the control's key in `st.session_state`.
        value: the value of a new control.
    """
    first = st.session_state.setdefault("first values", {})
    if key not in st.session_state:
        first[key] = value
    return first[key]


def into_address(**settings) -> None:
    """Writes settings into the address, so that it can be shared. None removes a setting."""
    for name, value in settings.items():
        if value is None:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != str(value):
            st.query_params[name] = str(value)
