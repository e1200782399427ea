"""A bundle's environment.yaml as pins of PyPI; what only conda has is refused by name."""

import re
from collections.abc import Collection
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from environments.errors import EnvironmentFailure

# Names that conda-forge gives to what PyPI calls otherwise; every environment has python and pip.
RENAMED = {
    "matplotlib-base": "matplotlib",
    "pytorch": "torch",
    "py-xgboost": "xgboost",
    "brotli-python": "brotli",
}
NOT_PACKAGES = {"python", "pip"}
_CONDA = re.compile(
    r"^(?:[\w.-]+::)?(?P<name>[\w.-]+)\s*(?:={1,2}\s*(?P<version>[\w.+!-]+)(?:=\S+)?)?$"
)


def pins(text: str, known: Collection[str], whose: str) -> dict[str, str]:
    """Version by PyPI's normalised name.

    known: names that PyPI has
    whose: the version, for messages

    Raises EnvironmentFailure naming each package that only conda has, or an entry without an exact
    version.
    """
    try:
        by_pip, by_conda = entries(yaml.safe_load(text)["dependencies"])
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise EnvironmentFailure(
            f"environment.yaml of {whose} cannot be read: deliver {whose} again"
        ) from error

    versions = dict(_pip_pin(entry, whose) for entry in by_pip)
    conda_only = []
    for entry in by_conda:
        name, version = _conda_pin(entry, whose)
        if name in NOT_PACKAGES:
            continue
        if name not in known and name not in versions:
            conda_only.append(name)
        elif version is None:
            raise EnvironmentFailure(
                f"environment.yaml of {whose} gives {name} no exact version: write `{name}=VERSION`"
            )
        else:
            versions.setdefault(name, version)

    if conda_only:
        raise EnvironmentFailure(
            f"environment.yaml of {whose} names {', '.join(sorted(conda_only))}, which conda has: "
            f"only packages of PyPI are installed. Put under `pip:` what PyPI has, or deliver "
            f"{whose} from an environment without it"
        )

    return versions


def entries(dependencies: list[Any]) -> tuple[list[Any], list[str]]:
    """Those of the lists under `pip:`, and the others."""
    by_pip: list[Any] = []
    by_conda: list[str] = []
    for entry in dependencies:
        if isinstance(entry, dict):
            by_pip += entry["pip"]
        else:
            by_conda.append(str(entry))

    return by_pip, by_conda


def _conda_pin(entry: str, whose: str) -> tuple[str, str | None]:
    match = _CONDA.match(entry.strip())
    if match:
        name, version = match["name"], match["version"]
    else:
        # A range, such as `numpy >=2,<3`.
        before_range = re.split(r"[\s<>=!~\[]", entry.strip(), maxsplit=1)[0]
        name, version = before_range.rpartition("::")[2], None

    if not name:
        raise EnvironmentFailure(
            f"environment.yaml of {whose} has an entry {entry!r} that is no package: correct it"
        )

    plain = canonicalize_name(name)
    return canonicalize_name(RENAMED.get(plain, plain)), version


def _pip_pin(entry: Any, whose: str) -> tuple[str, str]:
    try:
        requirement = Requirement(str(entry))
    except InvalidRequirement as error:
        raise EnvironmentFailure(
            f"environment.yaml of {whose} has a pip entry {str(entry)!r} that is no "
            "`name==version`: it could not be installed; deliver from an environment that holds "
            "packages of PyPI alone"
        ) from error

    exact = [
        specifier.version
        for specifier in requirement.specifier
        if specifier.operator in ("==", "===")
    ]
    if requirement.url or len(exact) != 1 or "*" in exact[0]:
        raise EnvironmentFailure(
            f"environment.yaml of {whose} gives {requirement.name} no exact version of PyPI: "
            "deliver it again"
        )

    return canonicalize_name(requirement.name), exact[0]
