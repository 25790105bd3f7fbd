"""The API reference: a page for each public room, written into docs/api before Sphinx looks for pages."""

import importlib
from pathlib import Path

import keras_gan
from keras_gan._utils.files import replace

FOLDER = "api"
TOP = "keras_gan"  # the page of the names that need no room
TABLES = ("FORMATS", "LOSSES", "METRICS", "PENALTIES", "PRESETS")  # whose keys are what users choose from

ROOM = """\
# keras_gan.{room}

```{{eval-rst}}
.. automodule:: keras_gan.{room}
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

{names} come from `keras_gan` itself: `from keras_gan import GAN`. All else lives in a room: `from keras_gan import
losses`. What a page does not list is not public, and may change.

| room | what is in it |
|---|---|
{rows}

```{{toctree}}
:hidden:

{pages}
```
"""


def summary(room):
    """The first sentence of a room's docstring."""
    text = " ".join(importlib.import_module(f"keras_gan.{room}").__doc__.split("\n\n")[0].split())
    return text.partition(". ")[0].rstrip(".:")


def show(room):
    """The Markdown of a room's page."""
    module = importlib.import_module(f"keras_gan.{room}")
    for name in getattr(module, "__all__", ()):
        setattr(module, name, getattr(module, name))  # autodoc does not see what loads on first use
    tables = [
        f".. data:: {name}\n\n   The choices: {', '.join(f'``{key}``' for key in vars(module)[name])}.\n"
        for name in TABLES
        if name in getattr(module, "__all__", vars(module)) and vars(module)[name]
    ]
    return ROOM.format(room=room, tables="\n".join(tables))


def pages():
    """Name of each page without suffix -> its Markdown."""
    names, rooms = list(keras_gan._HOME), sorted(keras_gan._ROOMS)
    rows = [
        f"| [{TOP}]({TOP}.md) | {', '.join(names)} |",
        *(f"| [{room}]({room}.md) | {summary(room)} |" for room in rooms),
    ]
    classes = "\n".join(f".. autoclass:: {name}\n   :members:\n" for name in names)
    yield "index", INDEX.format(names=", ".join(names), rows="\n".join(rows), pages="\n".join([TOP, *rooms]))
    yield TOP, NAMES.format(classes=classes)
    yield from ((room, show(room)) for room in rooms)


def write(app):
    """Writes what has changed, so that a second build reads little anew, and removes the pages of rooms that left."""
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
