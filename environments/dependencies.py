"""Which packages a package needs, by the metadata of those that are installed here."""

from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


class NotInstalled(Exception):
    """What a package needs is not known, since it is not installed here; the message names it."""


def with_dependencies(
    roots: Iterable[str], markers: Mapping[str, str], skip_missing: bool = False
) -> set[str]:
    """Normalised names of the roots, such as `psycopg[binary]`, and of all they need.

    skip_missing: leave out what is not installed, else NotInstalled is raised.
    """
    names: set[str] = set()
    seen: set[tuple[str, str]] = set()
    pending = list(map(Requirement, roots))
    while pending:
        requirement = pending.pop()
        name = canonicalize_name(requirement.name)
        try:
            for extra in ("", *sorted(requirement.extras)):
                if (name, extra) not in seen:
                    seen.add((name, extra))
                    pending += _needed(name, extra, markers)
            names.add(name)
        except PackageNotFoundError as error:
            if not skip_missing:
                raise NotInstalled(name) from error

    return names


def _needed(name: str, extra: str, markers: Mapping[str, str]) -> list[Requirement]:
    environment = {**markers, "extra": extra}
    needed = []
    for requirement in map(Requirement, requires(name) or []):
        if requirement.marker is None or requirement.marker.evaluate(environment):
            needed.append(requirement)

    return needed
