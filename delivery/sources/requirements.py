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
    for line in requirements:
        try:
            required = Requirement(line)
        except InvalidRequirement:
            continue

        applies = required.marker is None or required.marker.evaluate()
        if applies and canonicalize_name(required.name) not in NOT_NEEDED:
            yield from _unmet(required)


def _unmet(required: Requirement) -> Iterator[str]:
    try:
        installed = version(required.name)
    except PackageNotFoundError:
        yield f"it asks for {required}, which is not installed here"
        return

    if not required.specifier.contains(installed, prereleases=True):
        yield f"it asks for {required}, and {installed} is installed here"
