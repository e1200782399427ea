"""The packages of the running interpreter, and what of them is not as a model needs it."""

import re
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

from packaging.markers import default_environment
from packaging.specifiers import SpecifierSet


def installed(folder: Path | None = None) -> dict[str, str]:
    """Every installed distribution and its version, by normalised name (PEP 503), in order.

    folder: of another environment's packages.
    """
    if folder is not None:
        return _versions([str(folder)])

    return dict(_versions_here(tuple(sys.path)))


def markers_here() -> dict[str, str]:
    """What the markers of requirements are evaluated with on this machine."""
    return {name: str(value) for name, value in default_environment().items()}


def differences(needs: Mapping[str, str]) -> dict[str, str | None]:
    """Of the needed versions those that are not installed here, by name.

    Each with the version that is, None where there is none.
    """
    missing: dict[str, str | None] = {}
    for name, needed in needs.items():
        here = _version(name)
        if here != needed:
            missing[name] = here

    return missing


def unfit(versions: Mapping[str, SpecifierSet]) -> dict[str, str | None]:
    """The same for ranges of versions."""
    missing: dict[str, str | None] = {}
    for name, allowed in versions.items():
        here = _version(name)
        if here is None or not allowed.contains(here, prereleases=True):
            missing[name] = here

    return missing


@cache
def _versions_here(path: tuple[str, ...]) -> dict[str, str]:
    # A running interpreter keeps the packages that it has imported: they are read once.
    return _versions(list(path))


def _versions(path: list[str]) -> dict[str, str]:
    versions: dict[str, str] = {}
    for distribution in distributions(path=path):
        if distribution.name:
            name = re.sub(r"[-_.]+", "-", distribution.name).lower()
            # Of two of one name the first is imported.
            versions.setdefault(name, distribution.version)

    return dict(sorted(versions.items()))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
