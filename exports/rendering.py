"""Text files from jinja2 templates, for exports."""

from collections.abc import Callable, Mapping
from pathlib import Path

import jinja2


def render(template: Path, facts: Mapping, filters: Mapping[str, Callable]) -> str:
    """The text of a template, which may include others of its folder. A variable that is missing raises an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= filters
    return environment.get_template(template.name).render(facts)
