"""requirements.txt of the project, read as what it is: pins with markers and hashes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from environments.errors import EnvironmentFailure

_BEGINS = re.compile(r"^(?=[A-Za-z0-9])", re.MULTILINE)


@dataclass(frozen=True)
class Pin:
    """version: exact; hashes: `sha256:...` of every file that PyPI has of it."""

    version: str
    hashes: tuple[str, ...]


def locked(path: Path, markers: Mapping[str, str]) -> dict[str, Pin]:
    """Pin by normalised name, of those whose marker holds for `markers`.

    Raises EnvironmentFailure.
    """
    try:
        blocks = _BEGINS.split(path.read_text())
    except OSError as error:
        raise EnvironmentFailure(
            f"{path} cannot be read ({error.strerror}): `make lock` writes it"
        ) from error

    pins: dict[str, Pin] = {}
    for block in blocks:
        if "==" not in block.partition("\n")[0]:
            continue
        requirement = Requirement(block.partition("\n")[0].rstrip("\\ "))
        if requirement.marker is None or requirement.marker.evaluate(dict(markers)):
            version = next(iter(requirement.specifier)).version
            hashes = tuple(re.findall(r"--hash=(\S+)", block))
            pins[canonicalize_name(requirement.name)] = Pin(version, hashes)

    return pins
