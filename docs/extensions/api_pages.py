"""The API reference: one page for each public module, written into docs/api before Sphinx looks for pages."""

import importlib
from pathlib import Path

import keras_gan
from keras_gan._utils.files import replace

FOLDER = "api"
TOP = "keras_gan"  # the page of the names that keras_gan itself exports
TABLES = ("FORMATS", "LOSSES", "METRICS", "PENALTIES", "PRESETS")  # their keys are the names that users choose from

MODULE = """\
# keras_gan.{name}

```{{eval-rst}}
.. automodule:: keras_gan.{name}
   :members:

{tables}
```
"""
NAMES = """\
# keras_gan

```{{eval-rst}}
.. currentmodule:: keras_gan

{classes}
```
"""
INDEX = """\
# API reference

Import {names} from `keras_gan` itself: `from keras_gan import GAN`. Everything else is in a module: `from keras_gan
import losses`. Names that these pages do not list are not public and may change.

| module | contents |
|---|---|
{rows}

```{{toctree}}
:hidden:

{pages}
```
"""


def summary(name):
    """The first sentence of a module's docstring."""
    text = " ".join(importlib.import_module(f"keras_gan.{name}").__doc__.split("\n\n")[0].split())
    return text.partition(". ")[0].rstrip(".:")


def show(name):
    """The Markdown of a module's page."""
    module = importlib.import_module(f"keras_gan.{name}")
    for member in getattr(module, "__all__", ()):
        setattr(module, member, getattr(module, member))  # autodoc does not see what loads on first use
    tables = [
        f".. data:: {table}\n\n   The choices: {', '.join(f'``{key}``' for key in vars(module)[table])}.\n"
        for table in TABLES
        if table in getattr(module, "__all__", vars(module)) and vars(module)[table]
    ]
    return MODULE.format(name=name, tables="\n".join(tables))


def entry(name):
    """What documents a class or a function of keras_gan itself."""
    if not isinstance(getattr(keras_gan, name), type):
        return f".. autofunction:: {name}\n"
    return f".. autoclass:: {name}\n   :members:\n{inherited(name)}"


def inherited(name):
    """The option that adds methods of a class's bases in this package, but not those of other packages."""
    others = [base.__name__ for base in getattr(keras_gan, name).__mro__ if not base.__module__.startswith(TOP)]
    return f"   :inherited-members: {', '.join(others)}\n"


def pages():
    """Name of each page without suffix -> its Markdown."""
    names, modules = list(keras_gan._HOME), sorted(keras_gan._MODULES)
    rows = [
        f"| [{TOP}]({TOP}.md) | {', '.join(names)} |",
        *(f"| [{name}]({name}.md) | {summary(name)} |" for name in modules),
    ]
    classes = "\n".join(map(entry, names))
    yield "index", INDEX.format(names=", ".join(names), rows="\n".join(rows), pages="\n".join([TOP, *modules]))
    yield TOP, NAMES.format(classes=classes)
    yield from ((name, show(name)) for name in modules)


def write(app):
    """Writes the pages that changed, so that a second build is fast, and removes those of modules that are gone."""
    folder = Path(app.srcdir, FOLDER)
    folder.mkdir(exist_ok=True)
    wanted = {folder / f"{name}.md": text for name, text in pages()}
    for path in set(folder.glob("*.md")) - set(wanted):
        path.unlink(missing_ok=True)
    for path, text in wanted.items():
        if not path.exists() or path.read_text() != text:
            replace(path, lambda draft, text=text: draft.write_text(text))


def setup(app):
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
