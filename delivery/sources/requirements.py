"""Compares the packages that a source asks for with those that are installed here."""

from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

# No version's process needs it.
NOT_NEEDED = ("mlflow", "mlflow-skinny")


def unmet(requirements: Sequence[str]) -> Iterator[str]:
    """A sentence for each requirement that is not met here.

    requirements: lines as pip reads them; lines that are none, such as paths, are left out.
    """
    for required in _applying(requirements):
        yield from _unmet(required)


def wanted_versions(requirements: Sequence[str]) -> dict[str, str]:
    """The versions that a source asks for, by normalised name; empty for any version."""
    versions: dict[str, str] = {}
    for required in _applying(requirements):
        if not required.url:
            versions[canonicalize_name(required.name)] = str(required.specifier)

    return versions


def _applying(requirements: Sequence[str]) -> Iterator[Requirement]:
    for line in requirements:
        try:
            required = Requirement(line)
        except InvalidRequirement:
            continue

        applies = required.marker is None or required.marker.evaluate()
        if applies and canonicalize_name(required.name) not in NOT_NEEDED:
            yield required


def _unmet(required: Requirement) -> Iterator[str]:
    try:
        installed = version(required.name)
    except PackageNotFoundError:
        yield f"it asks for {required}, which is not installed here"
        return

    if not required.specifier.contains(installed, prereleases=True):
        yield f"it asks for {required}, and {installed} is installed here"
