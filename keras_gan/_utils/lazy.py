"""Public names of a package that load on first use, which keeps the import of the package fast."""

import importlib
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any


def attach(
    package: str, homes: Mapping[str, str], modules: Collection[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """The `__getattr__`, `__dir__` and public names of a package.

    Args:
        package: the package's `__name__`.
        homes: public names, and the full names of the modules that define them.
        modules: public modules of the package.
    """

    def getattr_(name):
        if name in homes:
            return getattr(importlib.import_module(homes[name]), name)
        if name in modules:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    public = [*homes, *modules]
    return getattr_, lambda: sorted({*vars(sys.modules[package]), *public}), public
