"""The file of a user's own environment: environment.yaml, or requirements.txt.

It may give ranges. What only an installer could follow, such as a URL, a path or an option, is
refused: nothing of a file is run.
"""

import platform
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from environments.errors import EnvironmentFailure
from environments.pins_file import RENAMED, entries

LARGEST = 1024 * 1024
YAML = (".yaml", ".yml")
_CONDA = re.compile(r"^(?:[\w.-]+::)?(?P<name>[A-Za-z0-9][\w.-]*)\s*(?P<versions>.*)$")
_FUZZY = re.compile(r"^=(?P<version>[\w.+!-]+)(?P<build>=\S+)?$")
_HASH = re.compile(r"\s--hash=\S+")


def allowed_versions(path: Path) -> dict[str, SpecifierSet]:
    """The versions that a file allows, by normalised name.

    Raises EnvironmentFailure naming file and entry.
    """
    text = _text(path)
    if path.suffix in YAML:
        requirements = list(_of_conda(text, path))
    else:
        requirements = list(_of_pip(_lines(text), path))

    versions: dict[str, SpecifierSet] = {}
    for requirement in requirements:
        name = canonicalize_name(requirement.name)
        if name == "python":
            _require_python(requirement.specifier, path)
        elif name != "pip":
            versions[name] = versions.get(name, SpecifierSet()) & requirement.specifier

    return versions


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise EnvironmentFailure(
            f"{path} cannot be read ({error.strerror}): give an environment.yaml or a "
            "requirements.txt"
        ) from error

    if len(raw) > LARGEST:
        raise EnvironmentFailure(f"{path} has more than {LARGEST} bytes: it is no list of packages")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise EnvironmentFailure(f"{path} is not UTF-8: save it as UTF-8") from error


def _of_conda(text: str, path: Path) -> Iterator[Requirement]:
    try:
        by_pip, by_conda = entries(yaml.safe_load(text)["dependencies"])
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise EnvironmentFailure(
            f"{path} is no environment.yaml: write `dependencies:` and a list of packages"
        ) from error

    yield from _of_pip(map(str, by_pip), path)
    for entry in by_conda:
        yield _conda_requirement(entry, path)


def _conda_requirement(entry: str, path: Path) -> Requirement:
    match = _CONDA.match(entry.strip())
    if match is None:
        raise _no_package(entry, path)

    versions = match["versions"].strip()
    fuzzy = _FUZZY.match(versions)
    if fuzzy and fuzzy["build"]:
        versions = f"=={fuzzy['version']}"
    elif fuzzy:
        versions = f"=={fuzzy['version']}.*"

    name = canonicalize_name(match["name"])
    return _requirement(f"{RENAMED.get(name, name)} {versions}", entry, path)


def _of_pip(lines: Iterable[str], path: Path) -> Iterator[Requirement]:
    for line in lines:
        plain = _HASH.sub("", line).strip()
        if plain.startswith("-"):
            raise EnvironmentFailure(
                f"{path} has the option {plain!r}: only packages and versions are read; the index "
                "is the one that pip or uv is configured for"
            )

        requirement = _requirement(plain, line, path)
        if requirement.marker is None or requirement.marker.evaluate():
            yield requirement


def _lines(text: str) -> Iterator[str]:
    """The entries of a requirements.txt, without comments."""
    for line in text.replace("\\\n", " ").splitlines():
        plain = re.sub(r"(^|\s)#.*$", "", line).strip()
        if plain:
            yield plain


def _requirement(text: str, entry: Any, path: Path) -> Requirement:
    try:
        requirement = Requirement(text)
    except (InvalidRequirement, InvalidSpecifier) as error:
        raise _no_package(entry, path) from error

    if requirement.url:
        raise EnvironmentFailure(
            f"{path} takes {requirement.name} from a URL, which is never installed: write "
            f"`{requirement.name}==VERSION` of a package index"
        )

    return requirement


def _no_package(entry: Any, path: Path) -> EnvironmentFailure:
    return EnvironmentFailure(
        f"{path} has an entry {str(entry)[:100]!r} that is no package with a version: write "
        "`name==1.2.3`"
    )


def _require_python(versions: SpecifierSet, path: Path) -> None:
    here = platform.python_version()
    if not versions.contains(here, prereleases=True):
        raise EnvironmentFailure(
            f"{path} wants Python {versions}, and versions run on the Python of Sluice, {here}: "
            "take that line out, or run Sluice with another Python"
        )
