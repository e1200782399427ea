"""environment.yaml as pins of PyPI. What only conda has is refused by its name: a slug is filled by
pip alone.
"""

import re
from collections.abc import Collection
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from targets.heroku.errors import HerokuFailure

# Names that conda-forge gives to what PyPI calls otherwise; a python and a pip are in every slug.
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
    """Version by PyPI's normalised name. known: names that PyPI has; whose: named in a refusal, as
    `v2`.

    Raises HerokuFailure naming each package that conda alone has, and each entry without one exact
    version."""
    try:
        listed = yaml.safe_load(text)["dependencies"]
        by_pip = [each for entry in listed if isinstance(entry, dict) for each in entry["pip"]]
        by_conda = [str(each) for each in listed if not isinstance(each, dict)]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise HerokuFailure(
            f"environment.yaml of {whose} cannot be read: deliver {whose} again"
        ) from error

    found = dict(_pip_pin(each, whose) for each in by_pip)
    strangers = []
    for each in by_conda:
        name, version = _conda_pin(each, whose)
        if name in NOT_PACKAGES:
            continue
        if name not in known and name not in found:
            strangers.append(name)
        elif version is None:
            raise HerokuFailure(
                f"environment.yaml of {whose} gives {name} no exact version: write `{name}=VERSION`"
            )
        else:
            found.setdefault(name, version)

    if strangers:
        raise HerokuFailure(
            f"environment.yaml of {whose} names {', '.join(sorted(strangers))}, which conda has: "
            f"Heroku installs "
            f"with pip alone. Put under `pip:` what PyPI has, or deliver {whose} from an "
            f"environment without it"
        )

    return found


def _conda_pin(entry: str, whose: str) -> tuple[str, str | None]:
    match = _CONDA.match(entry.strip())
    # A range, such as `numpy >=2,<3`.
    name = (
        match["name"]
        if match
        else re.split(r"[\s<>=!~\[]", entry.strip(), maxsplit=1)[0].rpartition("::")[2]
    )
    if not name:
        raise HerokuFailure(
            f"environment.yaml of {whose} has an entry {entry!r} that is no package: correct it"
        )

    plain = canonicalize_name(name)
    return canonicalize_name(RENAMED.get(plain, plain)), match["version"] if match else None


def _pip_pin(entry: Any, whose: str) -> tuple[str, str]:
    try:
        wanted = Requirement(str(entry))
    except InvalidRequirement as error:
        raise HerokuFailure(
            f"environment.yaml of {whose} has a pip entry {str(entry)!r} that is no "
            f"`name==version`: Heroku could not "
            "install it; deliver from an environment that holds packages of PyPI alone"
        ) from error

    exact = [each.version for each in wanted.specifier if each.operator in ("==", "===")]
    if wanted.url or len(exact) != 1 or "*" in exact[0]:
        raise HerokuFailure(
            f"environment.yaml of {whose} gives {wanted.name} no exact version of PyPI: deliver "
            f"it again"
        )

    return canonicalize_name(wanted.name), exact[0]
