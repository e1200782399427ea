"""What a delivered model needs of PyPI: what its bundle names, or what an older bundle pins."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from environments.dependencies import with_dependencies
from environments.imports import distributions_in, distributions_of_code
from environments.installed_packages import installed, markers_here
from environments.sluice_packages import ARROW, RUNTIMES

HELD_BY_PYARROW = "[pyarrow]"


@dataclass(frozen=True)
class ModelNeeds:
    """versions: exact, by normalised name. others: of what may come with them, where the bundle
    does not say what of its environment the model needs.
    """

    versions: Mapping[str, str]
    others: Mapping[str, str] = field(default_factory=dict)


def needs_here(
    pickle: bytes, code: Iterable[bytes], dtypes: Iterable[str], more: Iterable[str] = ()
) -> dict[str, str]:
    """The packages of this interpreter that a model needs, with their versions, by name.

    pickle: of the pipeline
    code: sources that travel with it
    dtypes: of the columns of its frame
    more: names of packages that no import shows
    """
    named = distributions_in(pickle) | distributions_of_code(code)
    roots = {*RUNTIMES["sklearn"], *named, *more, *_roots_of_dtypes(dtypes)}
    versions = installed()
    names = with_dependencies(roots, markers_here(), skip_missing=True)
    return {name: versions[name] for name in sorted(names)}


def needs_of_older(
    trained: Mapping[str, str], pickle: bytes, code: Iterable[bytes], dtypes: Iterable[str]
) -> ModelNeeds:
    """What a bundle needs that names all packages of its environment and none for the model.

    trained: those packages, by name
    """
    roots = roots_of_older(trained, pickle, code, dtypes)
    names = with_dependencies(roots, markers_here(), skip_missing=True) | roots
    versions = {name: trained[name] for name in sorted(names) if name in trained}
    return ModelNeeds(versions, trained)


def roots_of_older(
    trained: Mapping[str, str], pickle: bytes, code: Iterable[bytes], dtypes: Iterable[str]
) -> set[str]:
    """The packages that the pipeline of such a bundle imports, without what these need."""
    named = distributions_in(pickle) | distributions_of_code(code)
    return {*RUNTIMES["sklearn"], *(named & trained.keys()), *_roots_of_dtypes(dtypes)}


def _roots_of_dtypes(dtypes: Iterable[str]) -> tuple[str, ...]:
    """What holds the columns of a frame beside pandas, which no import shows."""
    return ARROW if any(HELD_BY_PYARROW in dtype for dtype in dtypes) else ()
