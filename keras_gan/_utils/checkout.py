"""Makes `keras_gan.cli` and `keras_gan.exports` importable where this package lies in a checkout.

In a checkout they are the folders cli/ and exports/ next to the package. In an installed package they lie inside it. An
editable install maps them; a plain `import keras_gan` in the root of a checkout does not.
"""

import os
import sys
from pathlib import Path

PACKAGE = __name__.partition(".")[0]
OUTSIDE = ("cli", "exports")  # subpackages that lie next to the package, as pyproject.toml says


def is_checkout(root: Path) -> bool:
    """Whether a folder is the root of a checkout of this project, and not just one with an exports/ of its own."""
    if not all((root / name / "__init__.py").is_file() for name in OUTSIDE):
        return False
    try:
        return f'"{PACKAGE}.cli" = "cli"' in (root / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


class CheckoutFinder:
    """A finder in `sys.meta_path` for the subpackages in OUTSIDE, and for no other name.

    It comes first, so that an installed copy or another checkout cannot supply them to this checkout's package.

    Args:
        root: root of the checkout.
        package_path: `__path__` of the package in it; the finder ignores the subpackages of any other.
    """

    def __init__(self, root: Path, package_path: list[str]):
        self.root = root
        self.folders = {f"{PACKAGE}.{name}": root / name for name in OUTSIDE}
        self.package_path = list(package_path)

    def find_spec(self, fullname, path=None, target=None):
        if fullname not in self.folders or path is None or list(path) != self.package_path:
            return None
        from importlib.util import spec_from_file_location

        folder = self.folders[fullname]
        return spec_from_file_location(fullname, folder / "__init__.py", submodule_search_locations=[str(folder)])


def environment() -> dict[str, str]:
    """Environment variables with which a child process imports the same package as this process.

    In a checkout its root is added to PYTHONPATH, since the child's path may lack the working directory.
    """
    roots = [str(finder.root) for finder in sys.meta_path if isinstance(finder, CheckoutFinder)]
    path = os.pathsep.join([*roots, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path} if roots else dict(os.environ)


def install(package_path: list[str]) -> None:
    """Adds the finder where the package with that `__path__` lies in a checkout and lacks its subpackages."""
    package = Path(package_path[0]).resolve()
    if not (package / OUTSIDE[0]).is_dir() and is_checkout(package.parent):
        sys.meta_path.insert(0, CheckoutFinder(package.parent, package_path))
