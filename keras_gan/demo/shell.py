"""What the pages have in common: the frame around them, the settings in the address, and errors in one line."""

import functools
import sys
import traceback
from collections.abc import Callable

import streamlit as st

from keras_gan._utils.errors import InputError, one_line

STYLE = """<style>
.block-container { max-width: 76rem; padding: 3.5rem clamp(1rem, 4vw, 3rem) 2rem; }
</style>"""


def show(pages: list) -> None:
    """Shows the page that the visitor chose, with a menu of all of them above where there are several."""
    chosen = st.navigation(pages, position="top" if len(pages) > 1 else "hidden")
    st.set_page_config(page_title=f"{chosen.title} · keras_gan", layout="wide")
    st.html(STYLE)
    chosen.run()


def guarded(page: Callable[[], None]) -> Callable[[], None]:
    """A page, or a fragment of one, that tells an error in one line: the visitor ours, the terminal all of it."""

    @functools.wraps(page)
    def run():
        try:
            page()
        except InputError as error:
            st.error(plain(error))
        except Exception:
            traceback.print_exc(file=sys.stderr)
            st.error("Something went wrong in this program; its terminal says what. Load the page again.")

    return run


def plain(message: object) -> str:
    """A message as one line in which nothing is taken for Markdown."""
    return "".join(
        f"\\{character}" if character in r"\`*_{}[]()<>#+-.!|$:~" else character for character in one_line(message)
    )


def from_address(name: str, default, parse: Callable):
    """A setting from the address, `default` where it is not there or cannot be used; then one line says so.

    Args:
        name: of the query parameter.
        default: its usual value, which the address need not name.
        parse: from the text to the value; raises ValueError for one that cannot be used.
    """
    text = st.query_params.get(name)
    if text is None:
        return default
    try:
        return parse(text)
    except ValueError:
        usual = "nothing" if default in (None, "") else default
        st.warning(plain(f"The address asks for {name}={text[:40]}, which cannot be; {usual} is taken instead."))
        return default


def into_address(**settings) -> None:
    """Writes settings into the address, so that it can be shared; None takes one out."""
    for name, value in settings.items():
        if value is None:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != str(value):
            st.query_params[name] = str(value)
