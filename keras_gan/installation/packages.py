"""The packages that this package requires, and their installed versions."""

import importlib.metadata
import tomllib
from dataclasses import dataclass
from pathlib import Path

import keras_gan
from keras_gan._utils import checkout

PROJECT = "keras-gan"
EXTRAS = ("demo", "onnx")  # the extras for users; the others are for development


@dataclass(frozen=True)
class Package:
    """A required package and its installed version."""

    name: str
    version: str | None  # None if it is missing
    versions: str  # allowed versions, such as ">=3.15,<3.16"
    allowed: bool  # whether the installed version is allowed

    @property
    def problem(self) -> str | None:
        """What is wrong, with a remedy; None if the version is allowed."""
        remedy = f"Use pip install '{self.name}{self.versions}'."
        if self.version is None:
            return f"{self.name} is missing; expected {self.versions}. {remedy}"
        return None if self.allowed else f"{self.name} is {self.version}; expected {self.versions}. {remedy}"


def required() -> list[Package]:
    """The packages that are always required."""
    return [_installed(requirement) for requirement in _requirements()[""]]


def optional() -> dict[str, list[Package]]:
    """Extra -> its packages."""
    found = _requirements()
    return {extra: [_installed(requirement) for requirement in found[extra]] for extra in EXTRAS}


def _requirements():
    """Extra, or "" for packages that are always required -> the requirements on this platform."""
    from packaging.requirements import Requirement

    root = Path(keras_gan.__file__).parents[1]
    if checkout.is_checkout(root):  # an installation may have another version
        project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
        lines = {"": project["dependencies"], **project["optional-dependencies"]}
        return {extra: [one for one in map(Requirement, lines[extra]) if _applies(one)] for extra in ("", *EXTRAS)}
    listed = [Requirement(line) for line in importlib.metadata.requires(PROJECT) or ()]
    always = [one for one in listed if _applies(one)]
    return {"": always, **{extra: [o for o in listed if o not in always and _applies(o, extra)] for extra in EXTRAS}}


def _applies(requirement, extra=""):
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _installed(requirement):
    versions = str(requirement.specifier)
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return Package(requirement.name, None, versions, False)
    return Package(requirement.name, version, versions, requirement.specifier.contains(version, prereleases=True))
