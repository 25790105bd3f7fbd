"""How Sphinx builds the site: `make docs`. It loads nothing from another host and reads the package as it is."""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read once, when TensorFlow is imported
sys.path.insert(0, str(Path(__file__).parent / "extensions"))

from keras_gan import __version__
from keras_gan._utils import errors, silence  # noqa: E402
from keras_gan.doctor import MEANINGS, hysteresis, symptoms  # noqa: E402

with silence.silence_native_stderr():  # TensorFlow's start-up messages are not warnings of the site
    import tensorflow  # noqa: F401

project = "keras_gan"
release = version = __version__
copyright = "the authors of keras_gan, MIT license"
html_title = f"keras_gan {release}"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "docstrings", "mathml", "api_pages", "verbs"]
smartquotes_action = "D"  # dashes only: quotes around names are to be copied as they are
default_role = "name"
exclude_patterns = ["_build", "extensions"]
nitpicky = True
# Other packages have their sites on other hosts; types of modules that are not public have no page.
# Bounds of numbers, in the types of msgspec, are read as classes, too.
OTHERS = "datetime|keras|tf|tensorflow|np|numpy|msgspec|PIL|collections|pathlib|types|os|keras_gan"
nitpick_ignore_regex = [("py:class", rf"({OTHERS})\..*|[\d.]+")]
nitpick_ignore = [("py:exc", name) for name in vars(errors) if name[0].isupper()]

myst_enable_extensions = ["dollarmath", "substitution"]
myst_heading_anchors = 3
# The doctor's bounds, read from its code, so that the pages cannot state different ones.
bounds = {**vars(hysteresis), **vars(symptoms)}
myst_substitutions = {
    name: f"{value:g}" for name, value in bounds.items() if name.isupper() and isinstance(value, int | float)
}
columns = [(name, *meaning.partition("; ")[::2]) for name, meaning in MEANINGS.items()]
myst_substitutions["columns"] = "\n".join(
    ["| column | what it is | |", "|---|---|---|", *(f"| `{name}` | {what} | {note} |" for name, what, note in columns)]
)

autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False  # Keras's are not reStructuredText
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
add_module_names = False
toc_object_entries_show_parents = "hide"
napoleon_numpy_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = False
html_math_renderer = "mathml"
pygments_style, pygments_dark_style = "friendly", "monokai"
